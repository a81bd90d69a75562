//! [`Runtime`]: an executor in virtual time.

mod builder;

use core::fmt;
use core::future::Future;
use core::time::Duration;

use polliwog_core::task::JoinHandle;
use polliwog_core::{
    Executor, Handle, Instant, Reactor, RunError, SpawnError, Spawner, TrySpawnError,
};

use crate::clock::VirtualClock;
use crate::idle::{Stalled, name_tasks};
#[cfg(all(feature = "alloc", not(target_os = "none")))]
use crate::net::Network;
use crate::reactor::VirtualReactor;
pub use builder::Builder;

/// How many tasks a runtime on the heap holds at most, unless the builder says otherwise.
///
/// Room is taken as tasks come, so that the limit costs nothing until it is reached.
pub const DEFAULT_MAX_TASKS: usize = 1 << 20;

/// An executor in virtual time: whenever no task is ready, the clock jumps to the next timer.
///
/// A thousand hours of sleep pass in no time, and time passes only by sleeping. The same seed
/// gives the same order of events. Where feature `alloc` is on and there is an operating system,
/// each runtime has a [network](crate::net) of its own.
///
#[cfg_attr(feature = "alloc", doc = "```")]
#[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::{Runtime, time::sleep};
/// use core::time::Duration;
///
/// let runtime = Runtime::new(1);
/// runtime.block_on(sleep(Duration::from_secs(3_600_000)));
/// assert_eq!(runtime.now().as_duration(), Duration::from_secs(3_600_000));
/// ```
///
/// A program that waits for what can never happen is found out:
///
#[cfg_attr(feature = "alloc", doc = "```")]
#[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::{RunError, Runtime};
///
/// let forever = Runtime::new(1).try_block_on(core::future::pending::<()>());
/// assert!(matches!(forever, Err(RunError::Reactor(stalled)) if stalled.paused.is_none()));
/// ```
pub struct Runtime {
    executor: Executor<VirtualReactor>,
    /// Set at the very end; after `executor`, so that its tasks are dropped in context.
    closing: Option<Ambient>,
    seed: u64,
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    network: Network,
}

impl Runtime {
    /// Makes a runtime on the heap with this [seed](Builder::seed).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::Runtime;
    ///
    /// assert_eq!(Runtime::new(42).block_on(async { 7 }), 7);
    /// ```
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn new(seed: u64) -> Self {
        Self::builder().seed(seed).build()
    }

    /// Returns a builder, to choose more than the seed, or to make the runtime in static memory.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::builder().seed(42).build();
    /// # drop(runtime);
    /// # }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a future to its end, and the runtime's tasks meanwhile.
    ///
    /// When the future is done, this returns; tasks that are not done stay, and go on in the
    /// next `block_on`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let name = "tadpole"; // the future may borrow
    /// assert_eq!(Runtime::new(0).block_on(async { name.len() }), 7);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When the program is [`Stalled`]; the text names the tasks that wait. When it is called by a task of this
    /// runtime: `await` there instead, or spawn. When there are as many tasks as there may be, for the future is
    /// one more. When the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(error) => self.give_up(error, core::any::type_name::<F>()),
        }
    }

    /// The end of a `block_on` whose `future`, named by its type, will never be done.
    #[cold]
    #[track_caller]
    fn give_up(&self, error: RunError<Stalled>, future: &str) -> ! {
        /// The program's tasks; the future is none any more.
        struct Waiting<'a>(&'a str, Spawner);

        impl fmt::Display for Waiting<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "; these wait:\n  {}, given to block_on", self.0)?;
                let tasks = self.1.tasks();
                name_tasks(f, tasks.map(|task| task.name.unwrap_or(task.type_name)))
            }
        }

        // A chip's flash has no room for it.
        if cfg!(not(target_os = "none")) && matches!(error, RunError::Reactor(_)) {
            panic!("block_on: {error}{}", Waiting(future, self.spawner()));
        }
        panic!("block_on: {error}")
    }

    /// Runs a future to its end like [`block_on`](Self::block_on), unless that is impossible.
    ///
    /// # Errors
    ///
    /// [`RunError::Reactor`] with [`Stalled`]; the other variants as for
    /// [`Executor::try_block_on`].
    ///
    /// # Panics
    ///
    /// When the future panics.
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, RunError<Stalled>> {
        let _ambient = self.ambient();
        self.executor.try_block_on(future)
    }

    /// Polls tasks until none is ready, and returns how many polls that took. The clock stands
    /// still.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::new(0);
    /// let task = runtime.spawn(async { 7 }).unwrap();
    /// assert!(runtime.run_until_stalled() > 0);
    /// assert!(task.is_finished());
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When it is called by a task of this runtime.
    pub fn run_until_stalled(&self) -> usize {
        let _ambient = self.ambient();
        match self.executor.run_until_stalled() {
            Ok(polls) => polls,
            Err(error) => panic!("run_until_stalled: {error}"),
        }
    }

    /// Lets `by` of virtual time pass: each task that sleeps until then wakes at its own time.
    /// Afterwards no task is ready. A paused clock stays paused.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    /// use polliwog::time::sleep;
    /// use core::time::Duration;
    ///
    /// let runtime = Runtime::builder().paused(true).build();
    /// let task = runtime.spawn(sleep(Duration::from_secs(5))).unwrap();
    /// runtime.advance(Duration::from_secs(4));
    /// assert!(!task.is_finished());
    /// runtime.advance(Duration::from_secs(1));
    /// assert!(task.is_finished());
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When it is called by a task of this runtime (sleep there instead, or move the
    /// [clock](Self::clock)). When all task slots are in use. If that came to the end of time
    /// ([`Instant::MAX`](crate::Instant::MAX)), at which nothing is ever due.
    pub fn advance(&self, by: Duration) {
        let clock = self.clock();
        let until = self.now() + by;
        assert!(
            until < Instant::MAX,
            "the clock cannot be advanced to the end of time, at which nothing is ever due"
        );
        let was_paused = clock.is_paused();
        clock.resume();
        let slept = self.try_block_on(self.spawner().sleep_until(until));
        if was_paused {
            clock.pause();
        }
        if let Err(error) = slept {
            panic!("advance: {error}");
        }
        self.run_until_stalled();
    }

    /// Starts a task; it first runs when the runtime does.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::new(0);
    /// let task = runtime.spawn(async { 7 }).unwrap();
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no room for the task. The future is dropped then;
    /// [`try_spawn`](Self::try_spawn) gives it back.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawner().spawn(future)
    }

    /// Starts a task, or gives the future back.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::builder().max_tasks(1).build();
    /// runtime.try_spawn(async {}).unwrap().detach();
    /// let future = runtime.try_spawn(async {}).unwrap_err().into_inner();
    /// # drop(future);
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), with the future.
    #[track_caller]
    pub fn try_spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawner().try_spawn(future)
    }

    /// Returns what starts tasks on this thread.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::new(0);
    /// let task = runtime.spawner().spawn(async { 7 }).unwrap();
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # }
    /// ```
    pub fn spawner(&self) -> Spawner {
        self.executor.spawner()
    }

    /// Returns what other threads use; see `Builder::wait_for_threads` (feature `std`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::new(0);
    /// assert!(runtime.handle().is_alive());
    /// # }
    /// ```
    pub fn handle(&self) -> Handle {
        self.executor.handle()
    }

    /// Runs `f` in the runtime's context: its executor, and its network if it has one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::new(0);
    /// let task = runtime.enter(|| polliwog::spawn(async { 7 })).unwrap();
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # }
    /// ```
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        let _ambient = self.ambient();
        self.executor.enter(f)
    }

    /// Returns the clock, to be paused or moved by hand.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    /// use core::time::Duration;
    ///
    /// let runtime = Runtime::new(0);
    /// runtime.clock().advance(Duration::from_secs(1));
    /// # }
    /// ```
    pub fn clock(&self) -> &VirtualClock {
        self.executor.reactor().clock()
    }

    /// Returns the virtual time.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    /// use polliwog::{Instant, time::sleep_millis};
    ///
    /// let runtime = Runtime::new(0);
    /// runtime.block_on(sleep_millis(5));
    /// assert_eq!(runtime.now(), Instant::from_millis(5));
    /// # }
    /// ```
    pub fn now(&self) -> Instant {
        self.executor.reactor().now()
    }

    /// Stops the clock from jumping to the next timer. [`advance`](Self::advance) and
    /// [`VirtualClock::advance`] still move it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::new(0);
    /// runtime.pause();
    /// assert!(runtime.clock().is_paused());
    /// # }
    /// ```
    pub fn pause(&self) {
        self.clock().pause();
    }

    /// Lets the clock jump again.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::builder().paused(true).build();
    /// runtime.resume();
    /// assert!(!runtime.clock().is_paused());
    /// # }
    /// ```
    pub fn resume(&self) {
        self.clock().resume();
    }

    /// Returns the seed that the runtime was made with.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// assert_eq!(Runtime::new(42).seed(), 42);
    /// # }
    /// ```
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the network that is current while the runtime runs.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::new(0);
    /// let listener = runtime.network().listen("10.0.0.1:7").unwrap();
    /// # drop(listener);
    /// ```
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the executor.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// assert_eq!(Runtime::new(0).executor().tasks().count(), 0);
    /// # }
    /// ```
    pub fn executor(&self) -> &Executor<VirtualReactor> {
        &self.executor
    }

    /// What is current while the runtime runs, besides the executor.
    fn ambient(&self) -> Ambient {
        Ambient {
            #[cfg(all(feature = "alloc", not(target_os = "none")))]
            _network: self.network.set_current(),
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Fields are dropped in order: the tasks first, which may still use the network.
        self.closing = Some(self.ambient());
    }
}

/// Makes what a runtime has current until it is dropped.
struct Ambient {
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    _network: crate::net::CurrentNetwork,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("seed", &self.seed)
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}
