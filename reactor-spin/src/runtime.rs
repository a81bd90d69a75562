//! [`Runtime`]: an executor in virtual time.

use core::fmt;
use core::future::Future;
use core::time::Duration;

use polliwog_core::task::JoinHandle;
use polliwog_core::unpark::Flag;
use polliwog_core::{
    ClaimError, Executor, Handle, Instant, Reactor, RunError, SpawnError, Spawner, TaskPool,
    TrySpawnError,
};

use crate::clock::VirtualClock;
use crate::idle::{Jump, Stalled};
#[cfg(all(feature = "alloc", not(target_os = "none")))]
use crate::net::Network;
use crate::reactor::{SpinReactor, VirtualReactor};

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
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::*; }
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
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::*; }
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

/// How a [`Runtime`] is to be; made by [`Runtime::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    seed: u64,
    max_tasks: usize,
    paused: bool,
    idle: Jump,
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    network: Option<Network>,
}

impl Builder {
    /// The seed of the order in which ready tasks are polled. Zero, the default, means the
    /// executor's plain order.
    ///
    /// Without feature `std` or `simulation` the order is always the plain one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many tasks there can be at a time ([`DEFAULT_MAX_TASKS`]). Beyond it, spawning
    /// fails. The future of [`Runtime::block_on`] is one of them, so there is room for one at
    /// least. A runtime in a [`TaskPool`] has the pool's limit.
    pub fn max_tasks(mut self, max_tasks: usize) -> Self {
        self.max_tasks = max_tasks.max(1);
        self
    }

    /// Whether the clock stands still at first: see [`VirtualClock::pause`].
    pub fn paused(mut self, paused: bool) -> Self {
        self.paused = paused;
        self
    }

    /// Whether to wait for other threads when nothing is left to do, instead of failing with
    /// [`Stalled`]. See [`Jump::or_wait`].
    #[cfg(feature = "std")]
    pub fn wait_for_threads(mut self, wait: bool) -> Self {
        self.idle = if wait { Jump::or_wait() } else { Jump::new() };
        self
    }

    /// The network that is current while the runtime runs, in the place of one of its own.
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    pub fn network(mut self, network: &Network) -> Self {
        self.network = Some(network.clone());
        self
    }

    /// Makes the runtime, on the heap.
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn build(self) -> Runtime {
        let reactor = SpinReactor::new(self.clock(), self.idle);
        let executor = Executor::with_capacity(self.max_tasks, reactor);
        self.finish(executor)
    }

    /// Makes the runtime in static memory, with a flag that no other reactor uses meanwhile.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] while another executor has the pool.
    pub fn build_in<const N: usize, const BYTES: usize>(
        self,
        pool: &'static TaskPool<N, BYTES>,
        flag: &'static Flag,
    ) -> Result<Runtime, ClaimError> {
        let reactor = SpinReactor::with_flag(self.clock(), self.idle, flag);
        Executor::new(pool, reactor).map(|executor| self.finish(executor))
    }

    fn clock(&self) -> VirtualClock {
        let clock = VirtualClock::new();
        if self.paused {
            clock.pause();
        }
        clock
    }

    fn finish(self, executor: Executor<VirtualReactor>) -> Runtime {
        #[cfg(any(feature = "std", feature = "simulation"))]
        executor.set_schedule_seed(self.seed);
        Runtime {
            executor,
            closing: None,
            seed: self.seed,
            #[cfg(all(feature = "alloc", not(target_os = "none")))]
            network: self.network.unwrap_or_default(),
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            seed: 0,
            max_tasks: DEFAULT_MAX_TASKS,
            paused: false,
            idle: Jump::new(),
            #[cfg(all(feature = "alloc", not(target_os = "none")))]
            network: None,
        }
    }
}

impl Runtime {
    /// A runtime on the heap with this [seed](Builder::seed).
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn new(seed: u64) -> Self {
        Self::builder().seed(seed).build()
    }

    /// To choose more than the seed, or to make the runtime in static memory.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a future to its end, and the runtime's tasks meanwhile.
    ///
    /// When the future is done, this returns; tasks that are not done stay, and go on in the
    /// next `block_on`.
    ///
    /// # Panics
    ///
    /// When the program is [`Stalled`]. When it is called by a task of this runtime: `await`
    /// there instead, or spawn. When there are as many tasks as there may be, for the future is
    /// one more. When the future panics.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _ambient = self.ambient();
        self.executor.block_on(future)
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
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, RunError<Stalled>> {
        let _ambient = self.ambient();
        self.executor.try_block_on(future)
    }

    /// Polls tasks until none is ready, and returns how many polls that took. The clock stands
    /// still.
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
    /// # Panics
    ///
    /// When it is called by a task of this runtime (sleep there instead, or move the
    /// [clock](Self::clock)). When all task slots are in use.
    pub fn advance(&self, by: Duration) {
        let clock = self.clock();
        let until = self.now() + by;
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
    /// # Errors
    ///
    /// [`SpawnError`] if there is no room for the task. The future is dropped then;
    /// [`try_spawn`](Self::try_spawn) gives it back.
    pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawner().spawn(future)
    }

    /// Starts a task, or gives the future back.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), with the future.
    pub fn try_spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawner().try_spawn(future)
    }

    /// What starts tasks on this thread.
    pub fn spawner(&self) -> Spawner {
        self.executor.spawner()
    }

    /// What other threads use; see `Builder::wait_for_threads` (feature `std`).
    pub fn handle(&self) -> Handle {
        self.executor.handle()
    }

    /// Runs `f` in the runtime's context: its executor, and its network if it has one.
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        let _ambient = self.ambient();
        self.executor.enter(f)
    }

    /// The clock, to be paused or moved by hand.
    pub fn clock(&self) -> &VirtualClock {
        self.executor.reactor().clock()
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.executor.reactor().now()
    }

    /// Stops the clock from jumping to the next timer. [`advance`](Self::advance) and
    /// [`VirtualClock::advance`] still move it.
    pub fn pause(&self) {
        self.clock().pause();
    }

    /// Lets the clock jump again.
    pub fn resume(&self) {
        self.clock().resume();
    }

    /// The seed that the runtime was made with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The network that is current while the runtime runs.
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The executor.
    pub fn executor(&self) -> &Executor<VirtualReactor> {
        &self.executor
    }

    /// What is current while the runtime runs, besides the executor.
    fn ambient(&self) -> Ambient {
        Ambient {
            #[cfg(all(feature = "alloc", not(target_os = "none")))]
            _network: self.network.enter(),
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
    _network: crate::net::EnteredNetwork,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("seed", &self.seed)
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}
