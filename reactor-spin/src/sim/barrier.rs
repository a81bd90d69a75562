//! Barriers: a test waits until a program is at a place, looks at what it has there, and holds it.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::{Rc, Weak};
use alloc::sync::Arc;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use polliwog_core::sync::local::{mpsc, oneshot};

use super::ambient::current;
use super::control::Control;
use super::failure::Failure;
use super::listed::Entry;
use super::net::Net;
use super::simulation::Simulation;
use super::trace::What;
use super::world::World;

/// What a barrier does to a program that comes to its place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reaction {
    Watch,
    Hold,
    Panic,
}

/// What a barrier shares with the programs that come to it.
struct Watch<T: 'static> {
    number: u64,
    reaction: Reaction,
    matches: Box<dyn Fn(&T) -> bool>,
    arrivals: mpsc::UnboundedSender<Arrival<T>>,
}

/// The first barrier that `place` is a match for; takes down that it was reached.
#[track_caller]
fn find<T: fmt::Debug + 'static>(net: &Net, place: &T) -> Option<Rc<Watch<T>>> {
    let barriers = &net.world.barriers;
    if barriers.is_empty() {
        return None;
    }
    let mut watches = barriers.of::<Watch<T>>();
    let found = watches.find(|watch| (watch.matches)(place))?;
    let (host, number, reaction) = (net.host, found.number, found.reaction);
    let verb = match reaction {
        Reaction::Hold => "is held at",
        Reaction::Watch | Reaction::Panic => "reaches",
    };
    let text = format!("{verb} {place:?}");
    net.act(move |world| {
        world.with(|state| {
            state.record(Some(host), &[number, reaction as u64], |_| What::Note(text));
        });
    });
    if reaction == Reaction::Panic {
        panic!("a barrier panics at {place:?}");
    }
    Some(found)
}

/// Tells of a program that is at the place.
fn tell<T: 'static>(net: &Net, watch: Rc<Watch<T>>, value: T, held: Option<oneshot::Sender<T>>) {
    let host = net
        .world
        .with(|state| state.hosts[net.host as usize].name.clone());
    let value = Some(value);
    let mut arrival = Arrival {
        back: Back { value, held },
        world: Rc::downgrade(&net.world),
        host,
        at: Duration::ZERO,
    };
    net.act(move |world| {
        arrival.at = Duration::from_nanos(world.now.get());
        // A barrier that has ended meanwhile lets the program go.
        drop(watch.arrivals.send(arrival));
    });
}

/// Comes to a place in the program that a test may wait for: see [`Barrier`]. Returns `place`, as the test has left it.
///
/// Without a barrier for it, and outside of a simulation, it returns at once and neither allocates nor waits.
///
/// # Panics
///
/// If [`Control::panic_at`] says so.
///
/// # Cancellation
///
/// Whoever drops the future while it is held goes on without the place; the test's changes to it are for nobody.
pub async fn reach<T: Clone + fmt::Debug + 'static>(place: T) -> T {
    let Some(net) = current() else { return place };
    let Some(watch) = find(&net, &place) else {
        return place;
    };
    if watch.reaction == Reaction::Watch {
        tell(&net, watch, place.clone(), None);
        return place;
    }
    let (held, back) = oneshot::channel();
    tell(&net, watch, place, Some(held));
    drop(net);
    match back.await {
        Ok(place) => place,
        Err(_) => unreachable!("an arrival gives the place back at its end"),
    }
}

/// Comes to a place that a test may wait for, but not hold: for what is not `async`. Otherwise as [`reach`].
///
/// # Panics
///
/// If [`Control::panic_at`] says so, and at a barrier of [`Control::hold_at`], since nothing can wait here.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Simulation};
///
/// let mut simulation = Simulation::new(7);
/// let mut barrier = simulation.control().watch_at(|place: &&str| *place == "elected");
/// simulation.client("node", async { sim::pass("elected") });
/// simulation.run().unwrap();
/// assert_eq!(barrier.try_next().unwrap().host(), "node");
/// ```
#[track_caller]
pub fn pass<T: fmt::Debug + 'static>(place: T) {
    let Some(net) = current() else { return };
    let Some(watch) = find(&net, &place) else {
        return;
    };
    assert!(
        watch.reaction != Reaction::Hold,
        "a barrier cannot hold {place:?}: `sim::pass` does not wait, `sim::reach` does"
    );
    tell(&net, watch, place, None);
}

/// Waits for programs at a place that they [`reach`] or [`pass`]: made by [`Control::watch_at`] and [`Control::hold_at`].
///
/// A place is a value of any type, and the barrier is for those values of the type that its condition is true for. Of
/// several barriers the one that was made first gets it. A barrier that is dropped lets go whom it holds. What is
/// reached is part of the trace, so runs with barriers are as repeatable as those without.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Simulation};
/// use polliwog::time::sleep;
/// use std::time::Duration;
///
/// #[derive(Clone, Debug)]
/// struct BeforeVote {
///     term: u64,
/// }
///
/// let mut simulation = Simulation::new(7);
/// simulation.host("node", || async {
///     for term in 1..4 {
///         sleep(Duration::from_secs(1)).await;
///         let place = sim::reach(BeforeVote { term }).await;
///         sim::note(format!("votes in term {}", place.term));
///     }
/// });
/// simulation.client("test", async {
///     // The node is there, and has not voted: the moment for a crash.
///     let mut barrier = sim::control().hold_at(|place: &BeforeVote| place.term == 2);
///     let arrival = barrier.next().await;
///     assert_eq!((arrival.host(), arrival.term), ("node", 2));
///     sim::control().crash("node");
/// });
/// simulation.run().unwrap();
/// ```
pub struct Barrier<T: 'static> {
    world: Rc<World>,
    reaction: Reaction,
    /// There until it is dropped.
    listed: Option<Listing<T>>,
}

/// What ends with a barrier: first its place in the list, and then those that have come.
struct Listing<T: 'static> {
    _entry: Entry,
    arrivals: mpsc::UnboundedReceiver<Arrival<T>>,
}

impl<T> Barrier<T> {
    fn listed(&self) -> &Listing<T> {
        match &self.listed {
            Some(listed) => listed,
            None => unreachable!("a barrier is listed as long as it is there"),
        }
    }

    fn arrivals(&mut self) -> &mut mpsc::UnboundedReceiver<Arrival<T>> {
        match &mut self.listed {
            Some(listed) => &mut listed.arrivals,
            None => unreachable!("a barrier is listed as long as it is there"),
        }
    }

    /// Waits until a program is at the place. Those that came before are told of first.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Arrival<T> {
        match self.arrivals().recv().await {
            Some(arrival) => arrival,
            None => unreachable!("the list has the other end"),
        }
    }

    /// The next that has come, if one has: around a run, as [`Simulation::run_to`](super::Simulation::run_to) leaves it.
    pub fn try_next(&mut self) -> Option<Arrival<T>> {
        self.arrivals().try_recv().ok()
    }

    /// Whether a program has come that was not told of yet.
    pub(crate) fn has_next(&self) -> bool {
        !self.listed().arrivals.is_empty()
    }
}

impl<T> Drop for Barrier<T> {
    fn drop(&mut self) {
        self.world.drop_later(self.listed.take());
    }
}

impl<T> fmt::Debug for Barrier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("reaction", &self.reaction)
            .field("arrived", &self.listed().arrivals.len())
            .finish_non_exhaustive()
    }
}

/// A program at the place of a [`Barrier`], with what it has there. One that is held goes on when this is dropped, with
/// what this is then: a test may change it.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Simulation};
///
/// let mut simulation = Simulation::new(7);
/// let mut barrier = simulation.control().hold_at(|_: &Result<u32, String>| true);
/// simulation.client("frog", async {
///     let read: Result<u32, String> = sim::reach(Ok(5)).await;
///     assert_eq!(read, Err("no such pond".to_string()));
/// });
/// let mut arrival = simulation.run_to(&mut barrier).unwrap().unwrap();
/// *arrival = Err("no such pond".to_string());
/// drop(arrival);
/// simulation.run().unwrap();
/// ```
#[must_use = "a program that is held goes on when this is dropped"]
pub struct Arrival<T: 'static> {
    back: Back<T>,
    world: Weak<World>,
    host: Arc<str>,
    at: Duration,
}

/// What a program has at a place, which it gets back when this is dropped, if it is held.
struct Back<T> {
    /// There until it is given back.
    value: Option<T>,
    held: Option<oneshot::Sender<T>>,
}

impl<T> Arrival<T> {
    /// The name of the host that the program runs on.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The virtual time since the simulation's start at which the program came.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Whether the program is held, and has not gone in another way: by a crash, or a timeout around the place.
    pub fn is_held(&self) -> bool {
        let held = self.back.held.as_ref();
        held.is_some_and(|held| !held.is_closed())
    }
}

impl<T> Deref for Arrival<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.back.value {
            Some(value) => value,
            None => unreachable!("the value is given back at the end only"),
        }
    }
}

impl<T> DerefMut for Arrival<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.back.value {
            Some(value) => value,
            None => unreachable!("the value is given back at the end only"),
        }
    }
}

impl<T> Drop for Arrival<T> {
    fn drop(&mut self) {
        let back = Back {
            value: self.back.value.take(),
            held: self.back.held.take(),
        };
        if let Some(world) = self.world.upgrade() {
            world.drop_later(back);
        }
    }
}

impl<T> Drop for Back<T> {
    fn drop(&mut self) {
        if let (Some(held), Some(value)) = (self.held.take(), self.value.take()) {
            // Whoever has gone in another way does not want it.
            let _ = held.send(value);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Arrival<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("value", &self.back.value)
            .field("host", &self.host)
            .field("at", &self.at)
            .field("is_held", &self.is_held())
            .finish()
    }
}

impl Control {
    fn barrier<T: 'static>(
        &self,
        reaction: Reaction,
        matches: impl Fn(&T) -> bool + 'static,
    ) -> Barrier<T> {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let entry = Entry::new(&self.world, |world| &world.barriers);
        let watch = Watch {
            number: entry.number,
            reaction,
            matches: Box::new(matches),
            arrivals: sender,
        };
        self.world
            .act(move |world| world.barriers.add(watch.number, watch));
        Barrier {
            world: self.world.clone(),
            reaction,
            listed: Some(Listing {
                _entry: entry,
                arrivals,
            }),
        }
    }

    /// Makes a barrier that tells of programs at a place, which go on at once.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// let mut barrier = simulation.control().watch_at(|jump: &u32| *jump > 1);
    /// simulation.client("frog", async {
    ///     for jump in 0..4_u32 {
    ///         sim::reach(jump).await;
    ///     }
    /// });
    /// simulation.run().unwrap();
    /// assert_eq!(*barrier.try_next().unwrap(), 2);
    /// assert_eq!(*barrier.try_next().unwrap(), 3);
    /// assert!(barrier.try_next().is_none());
    /// ```
    pub fn watch_at<T: 'static>(&self, place: impl Fn(&T) -> bool + 'static) -> Barrier<T> {
        self.barrier(Reaction::Watch, place)
    }

    /// Makes a barrier that holds programs at a place, until the [`Arrival`] that tells of them is dropped, or the barrier
    /// is. Its host's other tasks go on.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    /// use polliwog::time::sleep;
    /// use std::time::Duration;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("frog", async {
    ///     sim::reach("the pond").await;
    ///     assert_eq!(sim::control().elapsed(), Duration::from_secs(9));
    /// });
    /// let mut barrier = simulation.control().hold_at(|place: &&str| *place == "the pond");
    /// simulation.client("test", async move {
    ///     let frog = barrier.next().await;
    ///     sleep(Duration::from_secs(9)).await;
    ///     drop(frog);
    /// });
    /// simulation.run().unwrap();
    /// ```
    pub fn hold_at<T: 'static>(&self, place: impl Fn(&T) -> bool + 'static) -> Barrier<T> {
        self.barrier(Reaction::Hold, place)
    }

    /// Makes a barrier at which programs panic; it tells of none.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// let _barrier = simulation.control().panic_at(|place: &&str| *place == "the pond");
    /// simulation.client("frog", async { sim::pass("the pond") });
    /// assert!(simulation.run().unwrap_err().to_string().contains("the pond"));
    /// ```
    pub fn panic_at<T: 'static>(&self, place: impl Fn(&T) -> bool + 'static) -> Barrier<T> {
        self.barrier(Reaction::Panic, place)
    }
}

impl Simulation {
    /// Runs until a program is at the place of a barrier; none, if all clients are done before. The simulation can be run
    /// further.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// let mut barrier = simulation.control().watch_at(|place: &&str| *place == "the pond");
    /// simulation.client("frog", async { sim::pass("the pond") });
    /// assert_eq!(simulation.run_to(&mut barrier).unwrap().unwrap().host(), "frog");
    /// assert!(simulation.run_to(&mut barrier).unwrap().is_none());
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_to<T>(&mut self, barrier: &mut Barrier<T>) -> Result<Option<Arrival<T>>, Failure> {
        let limit = self.world.settings.time_limit;
        match self.until(limit, true, &|| barrier.has_next()) {
            Ok(()) => Ok(barrier.try_next()),
            Err((host, reason)) => Err(self.failure(host, reason)),
        }
    }
}
