//! [`buggify`]: places at which a program does what is rare, if the simulation says so.

use alloc::format;
use alloc::vec::Vec;
use core::panic::Location;

use super::ambient::current;
use super::control::Control;

/// Whether to do now what seldom happens: `true` in one of four cases while the simulation lets this host misbehave, by
/// the seed; else, and outside of a simulation, `false`.
///
/// Nobody outside knows what is rare within a program: a cache that is full, a batch that is cut short, a retry that was not
/// needed, a lease given back too soon. Such a place asks this function, and the program has to stay right whatever the answer is.
/// [`Nemesis::buggify`](super::Nemesis::buggify) chooses when hosts misbehave, [`Control::set_buggify`] does so by hand; where
/// neither is used, the answer is always `false`. The name is FoundationDB's.
///
/// Each `true` is in the trace, and in the story of a failure, with file and line of the caller.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Nemesis};
///
/// // How many of so many entries go into a message.
/// fn batch(entries: usize) -> usize {
///     if sim::buggify() {
///         return 1; // allowed, and never seen where there is much room
///     }
///     entries.min(100)
/// }
///
/// let exploration = sim::explore(0..100, 1, |builder| {
///     let mut simulation = builder.nemesis(Nemesis::new("*").faults(1, 1).buggify()).build();
///     simulation.client("store", async {
///         for _ in 0..1000 {
///             polliwog::time::sleep(std::time::Duration::from_secs(1)).await;
///             assert_eq!(batch(10), 10, "whoever believes that was wrong");
///         }
///     });
///     simulation.run()
/// });
/// assert_eq!(exploration.found.unwrap().faults.len(), 1);
/// assert_eq!(batch(10), 10);
/// ```
#[track_caller]
pub fn buggify() -> bool {
    // P_BUGGIFIED_SECTION_FIRES of FoundationDB's flow/flow.cpp.
    buggify_with_probability(0.25)
}

/// [`buggify`] with another probability than one in four, from 0 to 1.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim;
/// use std::io;
///
/// fn flush() -> io::Result<()> {
///     if sim::buggify_with_probability(0.01) {
///         return Err(io::ErrorKind::Interrupted.into());
///     }
///     Ok(())
/// }
/// # flush().unwrap();
/// ```
#[track_caller]
pub fn buggify_with_probability(probability: f64) -> bool {
    let Some(net) = current() else { return false };
    let place = Location::caller();
    let does = net.world.with(|state| {
        let host = &mut state.hosts[net.host as usize];
        let is_on = host.buggy.by_hand || !host.buggy.faults.is_empty();
        is_on && host.chance.chance(probability)
    });
    if does {
        // The folders before it are a machine's.
        let file = place.file().rsplit(['/', '\\']).next();
        net.note(format!(
            "buggify {}:{}",
            file.unwrap_or_default(),
            place.line()
        ));
    }
    does
}

impl Control {
    /// Lets programs of hosts do what is rare at the places where they ask [`buggify`], or no longer; not, unless set. What a
    /// [`Nemesis`](super::Nemesis) says holds besides.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("frog", async {
    ///     assert_eq!((0..100).filter(|_| sim::buggify()).count(), 0);
    ///     sim::control().set_buggify("frog", true);
    ///     assert_ne!((0..100).filter(|_| sim::buggify()).count(), 0);
    /// });
    /// simulation.run().unwrap();
    /// ```
    #[track_caller]
    pub fn set_buggify(&self, hosts: &str, on: bool) {
        let text = format!("{hosts} may{} misbehave", if on { "" } else { " not" });
        self.fault_on(hosts, text, move |state, host| {
            state.hosts[host as usize].buggy.by_hand = on;
        });
    }
}

/// Why a host's program may do what is rare.
#[derive(Default)]
pub(crate) struct Buggy {
    by_hand: bool,
    /// One for each fault that lasts.
    pub(crate) faults: Vec<()>,
}
