//! The executor: a run loop over tasks, with a reactor to wait in.

mod ambient;
mod block_on;
pub(crate) mod budget;
pub(crate) mod context;
pub(crate) mod current;
#[cfg_attr(feature = "std", path = "deadlock/report.rs")]
#[cfg_attr(not(feature = "std"), path = "deadlock/no_report.rs")]
pub(crate) mod deadlock;
#[cfg_attr(feature = "std", path = "deadlock/detection.rs")]
#[cfg_attr(not(feature = "std"), path = "deadlock/no_detection.rs")]
mod deadlock_detection;
mod error;
mod event_interval;
mod handle;
#[cfg(feature = "alloc")]
#[cfg_attr(loom, allow(dead_code, reason = "no static outlives an execution"))]
pub(crate) mod idle;
#[cfg(all(test, not(loom)))]
mod idle_cost;
#[cfg(feature = "std")]
mod inbox;
#[cfg(levels)]
mod interrupt;
#[cfg_attr(levels, path = "levels/served.rs")]
#[cfg_attr(not(levels), path = "levels/none.rs")]
mod levels;
#[cfg_attr(levels, path = "levels/post.rs")]
#[cfg_attr(not(levels), path = "levels/no_post.rs")]
mod levels_post;
mod listing;
mod open_pool;
#[cfg(feature = "std")]
mod outcome;
pub(crate) mod random;
#[cfg(feature = "std")]
mod remote;
mod run_forever;
mod run_loop;
pub(crate) mod shared;
#[cfg(all(not(lean), feature = "std"))]
#[path = "slots/own_thread.rs"]
mod slots;
#[cfg(all(not(lean), not(feature = "std")))]
#[path = "slots/any_level.rs"]
mod slots;
mod spawn_static;
mod spawner;
#[cfg_attr(lean, path = "state/single.rs")]
#[cfg_attr(not(lean), path = "state/multi.rs")]
pub(crate) mod state;
#[cfg(feature = "std")]
mod step;
#[cfg(feature = "std")]
pub(crate) mod thread_waker;
mod timers;

use core::fmt;
use core::future::Future;

use self::context::Entered;
use self::run_loop::Running;
use self::shared::{Shared, SharedRef};
use crate::reactor::{Deadline, Reactor};
use crate::task::failure::Failure;
use crate::task::memory::pool::TaskPool;
use crate::task::run;
use crate::task::state::Block;
use crate::task::unwind::{catch_anyway, drop_quietly, go_on_with};

pub use error::{PoolInUseError, RunError, SpawnError, SpawnErrorKind, TryNewError, TrySpawnError};
pub use handle::Handle;
#[cfg(levels)]
pub use interrupt::{InterruptExecutor, Pend};
pub use listing::{Stats, TaskInfo, TaskState, Tasks};
#[cfg(feature = "std")]
pub use outcome::{RemoteAbortHandle, RemoteHandle};
pub use random::{random, random_below};
#[cfg(feature = "std")]
pub use remote::RemoteFuture;
pub use spawn_static::StaticSpawner;
#[doc(hidden)]
pub use spawn_static::{spawn_site, spawn_site_detached, try_spawn_site, try_spawn_site_detached};
pub use spawner::{Spawner, spawn, try_spawn};

/// For crates that bring tasks to executors in ways of their own.
#[cfg(feature = "std")]
#[doc(hidden)]
pub mod remote_task {
    pub use super::outcome::{Ending, Outcome, RemoteTask, discard, run};
}

/// Runs tasks on one thread (or interrupt priority), waiting in a reactor when none is ready.
///
/// An executor owns its reactor and room for tasks: a fixed number of task slots in
/// static memory ([`Executor::new`]) or blocks of slots on the heap
/// ([`Executor::with_capacity`]). It stays on the thread that made it; other threads reach it
/// through a [`Handle`]. A process may have any number of executors, also several on one
/// thread, also one inside a task of another.
///
/// Dropping it drops every live future, on this thread and with its context entered. Whoever
/// joins one of these tasks gets [`JoinError::Aborted`](crate::JoinError::Aborted); wakers and handles stay valid and do
/// nothing.
///
/// ```
/// # use polliwog_core as polliwog;
/// # use polliwog_core::conformance::ThreadReactor;
/// use polliwog::{Executor, TaskPool};
///
/// static POOL: TaskPool<8, 256> = TaskPool::new();
///
/// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// let sum = executor.block_on(async {
///     let one = polliwog::spawn(async { 1 }).unwrap();
///     let two = polliwog::spawn(async { 2 }).unwrap();
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
pub struct Executor<R: Reactor> {
    claim: SharedRef,
    reactor: R,
    on_heap: bool,
}

impl<R: Reactor> Executor<R> {
    /// An executor over static memory. All its tasks go into `pool`'s slots.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// // A pool has one executor at a time.
    /// assert!(Executor::new(&POOL, ThreadReactor::new()).is_err());
    /// # drop(executor);
    /// ```
    ///
    /// # Errors
    ///
    /// [`PoolInUseError`] while another executor has the pool. A pool whose executor was dropped
    /// can be used again. The reactor is dropped then; [`try_new`](Self::try_new) gives it back.
    pub fn new<const N: usize, const BYTES: usize, const BLOCKS: usize>(
        pool: &'static TaskPool<N, BYTES, BLOCKS>,
        reactor: R,
    ) -> Result<Self, PoolInUseError> {
        Ok(Self::try_new(pool, reactor)?)
    }

    /// An executor over static memory, or the reactor back: [`new`](Self::new) without a loss.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::try_new(&POOL, ThreadReactor::new()).unwrap();
    /// let refused = Executor::try_new(&POOL, ThreadReactor::new()).unwrap_err();
    /// let _reactor: ThreadReactor = refused.into_inner();
    /// # drop(executor);
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), with the reactor.
    pub fn try_new<const N: usize, const BYTES: usize, const BLOCKS: usize>(
        pool: &'static TaskPool<N, BYTES, BLOCKS>,
        reactor: R,
    ) -> Result<Self, TryNewError<R>> {
        let Some(claim) = pool.open(&reactor) else {
            return Err(TryNewError::new(reactor));
        };
        Ok(Self {
            claim,
            reactor,
            on_heap: false,
        })
    }

    /// An executor on the heap, for up to `max_tasks` tasks. Slots are allocated in blocks of
    /// `usize::BITS` as they are needed. They are never given back to the allocator but are
    /// used by the executors to come.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, conformance::ThreadReactor};
    ///
    /// let executor = Executor::with_capacity(1_000, ThreadReactor::new());
    /// assert_eq!(executor.block_on(async { 7 }), 7);
    /// ```
    #[cfg(feature = "alloc")]
    pub fn with_capacity(max_tasks: usize, reactor: R) -> Self {
        Self::on_heap(idle::take, max_tasks, reactor)
    }

    /// An executor as by [`with_capacity`](Self::with_capacity) whose tasks no other thread is to wake, as where time is
    /// virtual: then nobody waits for what a thread does. Each wake from outside of its context calls the reactor's
    /// unparker, also while it runs, so that the reactor can find out whose it is; and whoever would start a thread
    /// for a task asks `Handle::is_secluded` first.
    ///
    /// For a simulation.
    #[cfg(feature = "std")]
    #[doc(hidden)]
    pub fn secluded(max_tasks: usize, reactor: R) -> Self {
        let executor = Self::on_heap(idle::take_secluded, max_tasks, reactor);
        executor.shared().set_signal(shared::SECLUDED);
        executor
    }

    #[cfg(feature = "alloc")]
    fn on_heap(take: fn() -> &'static Shared, max_tasks: usize, reactor: R) -> Self {
        let unparker = reactor.unparker();
        let (shared, claim) = loop {
            let shared = take();
            // Always won: an idle core is nobody's.
            if let Some(claim) = shared.claim() {
                break (shared, claim);
            }
        };
        shared.open(max_tasks, true, Some(unparker));
        #[cfg(feature = "std")]
        shared.note_haste(&reactor);
        if R::HAS_CLOCK {
            levels::offer(shared, &reactor);
        }
        Self {
            claim,
            reactor,
            on_heap: true,
        }
    }

    /// The reactor.
    pub fn reactor(&self) -> &R {
        &self.reactor
    }

    /// What starts tasks on this thread.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// let task = executor.spawner().spawn(async { 7 }).unwrap();
    /// assert_eq!(executor.block_on(task).unwrap(), 7);
    /// ```
    pub fn spawner(&self) -> Spawner {
        Spawner::new(self.claim)
    }

    /// What other threads and interrupt handlers use.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// let handle = executor.handle();
    /// drop(executor);
    /// assert!(!handle.is_alive());
    /// ```
    pub fn handle(&self) -> Handle {
        self.spawner().handle()
    }

    /// Counters: live tasks, capacity, polls, refused spawns.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// println!("{:?}", executor.stats());
    /// ```
    pub fn stats(&self) -> Stats {
        self.spawner().stats()
    }

    /// The live tasks, one after the other.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// executor.spawner().spawn(async {}).unwrap().detach();
    /// assert_eq!(executor.tasks().count(), 1);
    /// ```
    pub fn tasks(&self) -> Tasks {
        self.spawner().tasks()
    }

    /// Limits the heap that tasks may take, in bytes. A spawn beyond it gives
    /// [`SpawnErrorKind::OutOfMemory`]. There is no limit at first.
    #[cfg(feature = "alloc")]
    pub fn set_heap_limit(&self, bytes: usize) {
        self.shared().heap.set_limit(bytes);
    }

    /// Gives heap memory that no task uses back to the allocator.
    #[cfg(feature = "alloc")]
    pub fn shrink(&self) {
        self.shared().heap.shrink();
    }

    /// Polls ready tasks in an order drawn from `seed` instead of that of their wakes, to find out
    /// what depends on the order; the same seed gives the same order. Zero turns it off.
    /// The seed is that of [`random`], too, and so of [`select!`](crate::select).
    #[cfg(seeded)]
    pub fn set_schedule_seed(&self, seed: u64) {
        let shared = self.shared();
        shared.chance.seed(seed);
        match seed {
            0 => shared.clear_signal(shared::SEEDED),
            _ => shared.set_signal(shared::SEEDED),
        }
    }

    /// Runs `f` in this executor's context, so that [`spawn`], [`sleep`](crate::time::sleep)
    /// and the like mean this executor.
    ///
    /// The executor does not run meanwhile: what waits for one of its tasks or timers in `f`, by another library's
    /// `block_on`, waits for ever. [`block_on`](Self::block_on) runs it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// let task = executor.enter(|| polliwog::spawn(async { 7 })).unwrap();
    /// assert_eq!(executor.block_on(task).unwrap(), 7);
    /// ```
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = self.entered();
        f()
    }

    fn shared(&self) -> &'static Shared {
        self.claim.shared()
    }

    fn entered(&self) -> Entered {
        // SAFETY: an executor stays on its thread; the guard lives within a borrow of `self`,
        // in functions of this module, none of which leaks it.
        unsafe { Entered::new(self.shared(), &self.reactor, false) }
    }

    /// Begins to run: enters the context and keeps the executor from running twice.
    fn begin(&self) -> Result<Running<'_, R>, RunError<R::Error>> {
        Running::begin(self.shared(), &self.reactor, || self.entered())
    }

    /// Runs until [`Handle::shutdown`] is called; waits when nothing is ready. Returns at once
    /// if it has been called already. Tasks that are left stay as they are.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// let handle = executor.handle();
    /// executor.spawner().spawn(async move { handle.shutdown() }).unwrap().detach();
    /// executor.run().unwrap(); // until then
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Reactor`], or [`RunError::Nested`] inside a task of this executor.
    pub fn run(&self) -> Result<(), RunError<R::Error>> {
        let mut running = self.begin()?;
        running.until(None)
    }

    /// Runs until `future` is ready, and the other tasks meanwhile; waits when nothing is ready.
    ///
    /// The future takes a slot like any task. It need not be `'static`.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// let name = String::from("tadpole"); // the future may borrow
    /// assert_eq!(executor.block_on(async { name.len() }), 7);
    /// ```
    ///
    /// # Panics
    ///
    /// If the future panics, and where [`try_block_on`](Self::try_block_on) has an error.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut running = match self.begin() {
            Ok(running) => running,
            Err(error) => panic!("block_on: {error}"),
        };
        match block_on::block_on(&mut running, future) {
            Ok(output) => output,
            Err(error) => panic!("block_on: {error}"),
        }
    }

    /// Runs until `future` is ready: [`block_on`](Self::block_on) with errors.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// assert_eq!(executor.try_block_on(async { 7 }).unwrap(), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError`]; the future is dropped then.
    ///
    /// # Panics
    ///
    /// If the future panics.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, RunError<R::Error>> {
        let mut running = self.begin()?;
        block_on::block_on(&mut running, future)
    }

    /// Runs until no task is ready and the reactor, looked at without waiting, has nothing
    /// either. Returns how many polls that took.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// let task = executor.spawner().spawn(polliwog::yield_now()).unwrap();
    /// assert_eq!(executor.run_until_stalled().unwrap(), 2); // polls
    /// assert!(task.is_finished());
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_until_stalled(&self) -> Result<usize, RunError<R::Error>> {
        let mut running = self.begin()?;
        let mut polls = 0;
        loop {
            let polled = running.counted_turn()?;
            polls += polled;
            if polled == 0 {
                running.poll_reactor(Deadline::Now)?;
                if !running.is_ready(running.shared) {
                    return Ok(polls);
                }
            }
        }
    }

    /// One turn: looks at the reactor and the timers without waiting, then polls the tasks that
    /// are ready by then, each once. Returns how many polls that took.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// executor.spawner().spawn(async {}).unwrap().detach();
    /// assert_eq!(executor.tick().unwrap(), 1); // poll
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn tick(&self) -> Result<usize, RunError<R::Error>> {
        let mut running = self.begin()?;
        running.poll_reactor(Deadline::Now)?;
        running.counted_turn()
    }
}

impl<R: Reactor> Drop for Executor<R> {
    fn drop(&mut self) {
        let shared = self.shared();
        shared.begin_closing();
        // A destructor that panics, where no task catches it, does so once all is done.
        let mut thrown = None;
        {
            let _entered = self.entered();
            shared.for_each_block(|block| {
                // SAFETY: S1: a slot and its block are never moved or freed.
                for index in 0..unsafe { (*block).len() } {
                    // SAFETY: below the block's length.
                    let slot = unsafe { Block::slot(block, index) };
                    if slot.is_live() {
                        // SAFETY: our thread, context entered; nothing is being polled, since
                        // running borrows the executor.
                        let cancel = || unsafe { run::cancel(shared, slot, Failure::Aborted) };
                        if let Err(panic) = catch_anyway(cancel) {
                            match thrown {
                                None => thrown = Some(panic),
                                Some(_) => drop_quietly(panic),
                            }
                        }
                    }
                }
            });
            shared.timers.close();
        }
        #[cfg(feature = "alloc")]
        shared.heap.reset();
        levels::leave(shared);
        #[cfg(feature = "alloc")]
        let put = match shared.is_secluded() {
            true => idle::put_secluded,
            false => idle::put,
        };
        shared.close();
        #[cfg(feature = "alloc")]
        if self.on_heap {
            put(shared);
        }
        let _ = self.on_heap;
        if let Some(thrown) = thrown {
            go_on_with(thrown);
        }
    }
}

impl<R: Reactor + fmt::Debug> fmt::Debug for Executor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("reactor", &self.reactor)
            .field("stats", &self.stats())
            .finish()
    }
}
