//! [`outside`]: what is real, beside the simulation.

use alloc::rc::Rc;
use core::future::Future;
use core::time::Duration;

use super::ambient::current;
use super::simulation::Simulation;
use super::world::{HostId, World};

/// Takes part in what threads wait for, as long as it is there.
struct Asked {
    world: Rc<World>,
    entry: (HostId, Duration),
}

impl Asked {
    fn new(world: Rc<World>, entry: (HostId, Duration)) -> Self {
        let mut asked = world.outside.borrow_mut();
        asked.push(entry);
        world.woken.open(true);
        drop(asked);
        Self { world, entry }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut asked = self.world.outside.borrow_mut();
        if let Some(at) = asked.iter().position(|entry| *entry == self.entry) {
            asked.swap_remove(at);
        }
        self.world.woken.open(!asked.is_empty());
    }
}

impl World {
    /// Whether the host waits for what is real.
    pub(crate) fn is_outside(&self, host: HostId) -> bool {
        let asked = self.outside.borrow();
        asked.iter().any(|(other, _)| *other == host)
    }

    /// A process has come to its end, and waits for no thread, even if it has leaked what does.
    pub(crate) fn ask_no_more(&self, host: HostId) {
        let mut asked = self.outside.borrow_mut();
        asked.retain(|(other, _)| *other != host);
        self.woken.open(!asked.is_empty());
    }
}

impl Simulation {
    /// For how long other threads are waited for, before any time passes, if they are.
    pub(super) fn asks_outside(&self) -> Option<Duration> {
        let asked = self.world.outside.borrow();
        let asked = asked
            .iter()
            .filter(|(host, _)| !self.runners[*host as usize].is_held());
        asked.map(|(_, patience)| *patience).max()
    }
}

/// Awaits what is real: an answer of another thread, of its timer or of a socket that it has. Until it is there no virtual
/// time passes, on any host; so no virtual timeout can end it. If for so long in real time (`patience`) nobody has
/// woken a task, the run fails as [stalled](super::Reason::Stalled).
///
/// Elsewhere such a wake from another thread is [an error](super::Reason::ForeignThread), since what real threads do is repeated
/// by no seed. It is so here, too: a run is the same again if what `future` gives is, and each thread wakes whom it wakes before
/// that.
///
/// Until `future` is there its host gets the system's sockets, too, in a test with
/// [`replace_system!`](super::replace_system!).
///
/// Outside of a simulation it is `future` alone.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Simulation};
/// use polliwog::sync::oneshot;
/// use std::time::Duration;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("frog", async {
///     let (sender, receiver) = oneshot::channel();
///     let thread = std::thread::spawn(move || sender.send("quak"));
///     let answer = sim::outside(Duration::from_secs(60), receiver).await;
///     assert_eq!(answer, Ok("quak"));
///     thread.join().unwrap().unwrap();
/// });
/// assert!(simulation.run().unwrap().elapsed.is_zero());
/// ```
///
/// # Cancel safety
///
/// That of `future`; dropped, it lets time pass again.
pub async fn outside<F: Future>(patience: Duration, future: F) -> F::Output {
    let _asked = current().map(|net| Asked::new(net.world, (net.host, patience)));
    future.await
}
