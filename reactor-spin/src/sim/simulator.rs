//! [`Simulator`]: a service beside the hosts that the test simulates itself, and what of a host dies with its process.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::{Any, TypeId, type_name};
use core::fmt;

use super::ambient::{control, current};
use super::control::Control;
use super::world::{Host, HostId, World};

/// A service that the programs of hosts use and that a test simulates itself: a store of objects, a queue of messages, a
/// device. There is one for the whole simulation, made by [`Builder::simulator`](super::Builder::simulator) and found by its
/// type: [`simulator`] on a host, [`Control::simulator`](super::Control::simulator) in the test.
///
/// It is told what becomes of hosts, so that it can drop what it keeps for them, as the other side of a broken connection
/// does. What it does then it does on that host: [`host_name`](super::host_name), [`random`](super::random),
/// [`note`](super::note) and [`local`] are the host's, and in [`starts`](Self::starts) `spawn`, too.
///
/// What a program does with it is done at once. How long a call takes, and whether its answer arrives, is the matter of
/// the functions that programs call: they wait by `sleep` before and after, for a while by [`random`](super::random).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, ProcessEnd, Simulation, Simulator};
/// use polliwog::time::sleep_millis;
/// use std::cell::RefCell;
/// use std::collections::BTreeMap;
///
/// /// Locks, each with the host that holds it.
/// #[derive(Default)]
/// struct Locks(RefCell<BTreeMap<String, String>>);
///
/// impl Simulator for Locks {
///     fn ends(&self, host: &str, _: ProcessEnd) {
///         // Whoever is gone holds nothing.
///         self.0.borrow_mut().retain(|_, holder| holder != host);
///     }
/// }
///
/// async fn lock(name: &str) {
///     let host = sim::host_name().unwrap();
///     loop {
///         sleep_millis(1 + sim::random() as u32 % 5).await;
///         let locks = sim::simulator::<Locks>();
///         if locks.0.borrow_mut().entry(name.into()).or_insert(host.clone()) == &host {
///             return;
///         }
///     }
/// }
///
/// let mut simulation = Simulation::builder(7).simulator(Locks::default).build();
/// simulation.host("holder", || async {
///     lock("pond").await;
///     std::future::pending::<()>().await
/// });
/// simulation.client("test", async {
///     sleep_millis(100).await;
///     sim::control().crash("holder");
///     lock("pond").await;
/// });
/// simulation.run().unwrap();
/// assert_eq!(simulation.control().simulator::<Locks>().0.borrow().len(), 0);
/// ```
pub trait Simulator: 'static {
    /// A host was added, on which nothing runs yet.
    fn added(&self, host: &str) {
        let _ = host;
    }

    /// The program of a host is about to start, for the first time or again; that of a client, too.
    fn starts(&self, host: &str) {
        let _ = host;
    }

    /// The process of a host is gone.
    ///
    /// After a crash or a kill, destructors of its tasks run after this, and what they say here nobody would have said. When
    /// its program has come to its end they have run before.
    ///
    /// It is not told of hosts that are there when the simulation is dropped.
    fn ends(&self, host: &str, how: ProcessEnd) {
        let _ = (host, how);
    }
}

/// How a process has ended: see [`Simulator::ends`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessEnd {
    /// Its program came to its end, well or not.
    Ended,
    /// It was killed, and its system has closed what it had open.
    Killed,
    /// Its host has lost its power, and nobody was told.
    Crashed,
}

/// The simulator of this type of the simulation that the caller runs in.
///
/// # Panics
///
/// Outside of a simulation, and if the builder has none of that type.
#[track_caller]
pub fn simulator<S: Simulator>() -> Rc<S> {
    control().simulator()
}

/// What the process on this host keeps of this type: made by `Default` when it is asked for first, and dropped with the
/// process, after its tasks. So it is another one on each host, and a new one after a crash.
///
/// It is for what lies in a `static` or a `thread_local!` in a program of its own, and for clients of a
/// [simulated service](Simulator): their connections, their caches. Where no process runs on the host, as in
/// [`Simulator::added`] and in destructors of such values, it is a value that nobody keeps.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Simulation};
/// use std::cell::Cell;
///
/// #[derive(Default)]
/// struct Requests(Cell<u32>);
///
/// fn handle() -> u32 {
///     let requests = sim::local::<Requests>();
///     requests.0.set(requests.0.get() + 1);
///     requests.0.get()
/// }
///
/// let mut simulation = Simulation::new(7);
/// for name in ["a", "b"] {
///     simulation.client(name, async { assert_eq!([handle(), handle()], [1, 2]) });
/// }
/// simulation.run().unwrap();
/// ```
///
/// # Panics
///
/// Outside of a simulation.
#[track_caller]
pub fn local<T: Default + 'static>() -> Rc<T> {
    let Some(net) = current() else {
        panic!("this is not in a simulation");
    };
    let kept = net.world.with(|state| {
        let locals = state.hosts[net.host as usize].locals.as_ref()?;
        locals.0.get(&TypeId::of::<T>()).cloned()
    });
    if let Some(value) = kept.and_then(|value| value.downcast().ok()) {
        return value;
    }
    // This is foreign code, which may ask for others.
    let value = Rc::new(T::default());
    let kept = value.clone();
    net.world.with(|state| {
        if let Some(locals) = &mut state.hosts[net.host as usize].locals {
            locals.0.entry(TypeId::of::<T>()).or_insert(kept);
        }
    });
    value
}

/// What a process keeps by [`local`].
#[derive(Default)]
pub(crate) struct Locals(BTreeMap<TypeId, Rc<dyn Any>>);

/// What makes a simulator, for each simulation of a builder.
#[derive(Clone)]
pub(crate) struct Maker {
    make: Arc<dyn Fn() -> Made + Send + Sync>,
    id: TypeId,
    name: &'static str,
}

/// A simulator, as its trait and as its type.
pub(crate) struct Made {
    simulator: Rc<dyn Simulator>,
    any: Rc<dyn Any>,
}

impl Maker {
    pub(crate) fn new<S: Simulator>(make: impl Fn() -> S + Send + Sync + 'static) -> Self {
        let make = move || {
            let simulator = Rc::new(make());
            Made {
                any: simulator.clone(),
                simulator,
            }
        };
        Self {
            make: Arc::new(make),
            id: TypeId::of::<S>(),
            name: type_name::<S>(),
        }
    }

    pub(crate) fn make(&self) -> Made {
        (self.make)()
    }

    /// Adds it to others.
    #[track_caller]
    pub(crate) fn join(self, makers: &mut Vec<Self>) {
        let is_there = makers.iter().any(|other| other.id == self.id);
        assert!(
            !is_there,
            "there is a simulator of the type {} already",
            self.name
        );
        makers.push(self);
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Control {
    /// The simulator of this type: see [`Simulator`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{Simulation, Simulator};
    /// use std::cell::Cell;
    ///
    /// #[derive(Default)]
    /// struct Printer { pages: Cell<u32> }
    ///
    /// impl Simulator for Printer {}
    ///
    /// let simulation = Simulation::builder(7).simulator(Printer::default).build();
    /// assert_eq!(simulation.control().simulator::<Printer>().pages.get(), 0);
    /// ```
    ///
    /// # Panics
    ///
    /// If the builder has none of that type, and when the simulation has been dropped.
    #[track_caller]
    pub fn simulator<S: Simulator>(&self) -> Rc<S> {
        let simulators = self.world.simulators.borrow();
        let mut found = simulators
            .iter()
            .filter_map(|made| made.any.clone().downcast().ok());
        match found.next() {
            Some(simulator) => simulator,
            None => panic!(
                "there is no simulator of the type {}: `Builder::simulator` gives one to a simulation",
                type_name::<S>()
            ),
        }
    }
}

impl World {
    /// Tells all simulators what becomes of a host.
    pub(crate) fn tell_simulators(&self, host: HostId, tell: impl Fn(&dyn Simulator, &str)) {
        let simulators = self.simulators.borrow();
        let simulators: Vec<_> = simulators
            .iter()
            .map(|made| made.simulator.clone())
            .collect();
        if simulators.is_empty() {
            return;
        }
        let name = self.with(|state| state.hosts[host as usize].name.clone());
        simulators
            .iter()
            .for_each(|simulator| tell(&**simulator, &name));
    }
}

impl Host {
    /// A process begins, and keeps nothing yet.
    pub(crate) fn begin_locals(&mut self) {
        self.locals = Some(Locals::default());
    }
}
