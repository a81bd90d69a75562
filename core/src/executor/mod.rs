//! The executor: a run loop over the tasks of a core, with a reactor to wait in.

pub(crate) mod context;
pub(crate) mod core;
mod endless;
mod error;
#[cfg(all(test, not(loom)))]
mod idle;
#[cfg(feature = "std")]
mod inbox;
#[cfg(all(lean, feature = "interrupt-executors"))]
mod interrupt;
mod listing;
mod root;
mod spawner;
#[cfg(not(lean))]
mod turn;

use ::core::fmt;
use ::core::future::Future;
use ::core::time::Duration;

use self::context::Entered;
use self::core::{Core, CoreRef};
use crate::reactor::{Deadline, Pending, Reactor};
use crate::task::ready::Block;
use crate::task::slot::Tenant;
use crate::task::{JoinError, TaskPool, run};
use crate::time::Instant;

pub use error::{SpawnError, SpawnErrorKind};
#[cfg(feature = "std")]
pub use inbox::RemoteHandle;
#[cfg(all(lean, feature = "interrupt-executors"))]
pub use interrupt::InterruptExecutor;
pub use listing::{Stats, TaskInfo, TaskState, Tasks};
pub use spawner::{EndlessSpawner, Handle, Spawner, spawn};
#[doc(hidden)]
pub use spawner::{spawn_site, spawn_site_detached};

/// A busy executor looks at its reactor when it has polled this many tasks…
const POLLS_BETWEEN_LOOKS: usize = 64;
/// … and this much time has passed since it looked last.
const TIME_BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// Runs tasks on one thread (or interrupt priority), waiting in a reactor when none is ready.
///
/// An executor owns its reactor and the claim on a core: a fixed number of task slots in
/// static memory ([`Executor::new`]) or blocks of slots on the heap
/// ([`Executor::with_capacity`]). It stays on the thread that made it; other threads reach it
/// through a [`Handle`]. A process may have any number of executors, also several on one
/// thread, also one inside a task of another.
///
/// Dropping it drops every live future, on this thread and with its context entered. Whoever
/// joins one of these tasks gets [`JoinError::Aborted`]; wakers and handles stay valid and do
/// nothing.
///
/// ```
/// # use polliwog_core::conformance::ThreadReactor;
/// use polliwog_core::{Executor, TaskPool};
///
/// static POOL: TaskPool<8, 256> = TaskPool::new();
///
/// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// let sum = executor.block_on(async {
///     let one = polliwog_core::spawn(async { 1 }).unwrap();
///     let two = polliwog_core::spawn(async { 2 }).unwrap();
///     one.await.unwrap() + two.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
pub struct Executor<R: Reactor> {
    claim: CoreRef,
    reactor: R,
    on_heap: bool,
}

/// The [`TaskPool`] has an executor already. The reactor is given back.
pub struct ClaimError<R>(R);

impl<R> ClaimError<R> {
    /// The reactor, unharmed.
    pub fn into_inner(self) -> R {
        self.0
    }
}

impl<R> fmt::Debug for ClaimError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimError")
    }
}

impl<R> fmt::Display for ClaimError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task pool belongs to another executor")
    }
}

impl<R> ::core::error::Error for ClaimError<R> {}

/// Why an executor stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The reactor failed.
    Reactor(E),
    /// The executor is running already: a task of it asked it to run.
    Nested,
    /// There is no free slot for the future of `block_on`.
    TasksFull {
        /// How many tasks there can be.
        capacity: usize,
    },
}

impl<E: fmt::Debug> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reactor(error) => write!(f, "the reactor failed: {error:?}"),
            Self::Nested => f.write_str("the executor is running already"),
            Self::TasksFull { capacity } => {
                write!(f, "all {capacity} tasks of the executor are in use")
            }
        }
    }
}

impl<E: fmt::Debug> ::core::error::Error for RunError<E> {}

impl<R: Reactor> Executor<R> {
    /// An executor over static memory. All its tasks go into `pool`'s slots.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] while another executor has the pool. A pool whose executor was dropped
    /// can be used again.
    pub fn new<const N: usize, const BYTES: usize>(
        pool: &'static TaskPool<N, BYTES>,
        reactor: R,
    ) -> Result<Self, ClaimError<R>> {
        let Some(claim) = pool.open(&reactor) else {
            return Err(ClaimError(reactor));
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
    #[cfg(feature = "alloc")]
    pub fn with_capacity(max_tasks: usize, reactor: R) -> Self {
        let unparker = reactor.unparker();
        let (core, claim) = loop {
            let core = crate::task::heap::idle::take();
            // Always won: an idle core is nobody's.
            if let Some(claim) = core.claim() {
                break (core, claim);
            }
        };
        core.open(max_tasks, true, Some(unparker));
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
    pub fn spawner(&self) -> Spawner {
        Spawner::new(self.claim)
    }

    /// What other threads and interrupt handlers use.
    pub fn handle(&self) -> Handle {
        self.spawner().handle()
    }

    /// Counters: live tasks, capacity, polls, refused spawns.
    pub fn stats(&self) -> Stats {
        self.spawner().stats()
    }

    /// The live tasks, one after the other.
    pub fn tasks(&self) -> Tasks {
        self.spawner().tasks()
    }

    /// Limits the heap that tasks may take, in bytes. A spawn beyond it gives
    /// [`SpawnErrorKind::OutOfMemory`]. There is no limit at first.
    #[cfg(feature = "alloc")]
    pub fn set_heap_limit(&self, bytes: usize) {
        self.core().heap.set_limit(bytes);
    }

    /// Gives heap memory that no task uses back to the allocator.
    #[cfg(feature = "alloc")]
    pub fn shrink(&self) {
        self.core().heap.shrink();
    }

    /// Polls ready tasks in an order drawn from `seed` instead of a fixed one, to find out
    /// what depends on the order; the same seed gives the same order. Zero turns it off.
    #[cfg(any(feature = "std", feature = "simulation"))]
    pub fn set_schedule_seed(&self, seed: u64) {
        let core = self.core();
        core.seed.set(seed);
        match seed {
            0 => core.clear_signal(core::SEEDED),
            _ => core.set_signal(core::SEEDED),
        }
    }

    /// Runs `f` in this executor's context, so that [`spawn`], [`sleep`](crate::time::sleep)
    /// and the like mean this executor.
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = self.entered();
        f()
    }

    fn core(&self) -> &'static Core {
        self.claim.shared()
    }

    fn entered(&self) -> Entered {
        // SAFETY: an executor stays on its thread; the guard lives within a borrow of `self`,
        // in functions of this module, none of which leaks it.
        unsafe { Entered::new(self.core(), &self.reactor) }
    }

    /// Begins to run: enters the context and keeps the executor from running twice.
    fn begin(&self) -> Result<Running<'_, R>, RunError<R::Error>> {
        let core = self.core();
        if core.running.replace(true) {
            return Err(RunError::Nested);
        }
        Ok(Running {
            core,
            reactor: &self.reactor,
            #[cfg(not(lean))]
            look_at: core.polls() + POLLS_BETWEEN_LOOKS as u64,
            #[cfg(lean)]
            polled: 0,
            looked: None,
            _entered: self.entered(),
        })
    }

    /// Runs until [`Handle::shutdown`] is called; waits when nothing is ready. Returns at once
    /// if it has been called already. Tasks that are left stay as they are.
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
    /// # Panics
    ///
    /// If the future panics, and where [`try_block_on`](Self::try_block_on) has an error.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(error) => panic!("block_on: {error}"),
        }
    }

    /// Runs until `future` is ready: [`block_on`](Self::block_on) with errors.
    ///
    /// # Errors
    ///
    /// [`RunError`]; the future is dropped then.
    ///
    /// # Panics
    ///
    /// If the future panics.
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, RunError<R::Error>> {
        let mut running = self.begin()?;
        root::block_on(&mut running, future)
    }

    /// Runs until no task is ready and the reactor, looked at without waiting, has nothing
    /// either. Returns how many polls that took.
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
                running.look(Deadline::Now)?;
                if !running.is_ready(running.core) && !running.has_mail() {
                    return Ok(polls);
                }
            }
        }
    }

    /// One turn: looks at the reactor and the timers without waiting, then polls the tasks that
    /// are ready by then, each once. Returns how many polls that took.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn tick(&self) -> Result<usize, RunError<R::Error>> {
        let mut running = self.begin()?;
        running.look(Deadline::Now)?;
        running.counted_turn()
    }
}

impl<R: Reactor> Drop for Executor<R> {
    fn drop(&mut self) {
        let core = self.core();
        core.closing.set(true);
        {
            let _entered = self.entered();
            core.for_each_block(|block| {
                // SAFETY: S1.
                for index in 0..unsafe { (*block).len() } {
                    // SAFETY: below the block's length.
                    let slot = unsafe { Block::slot(block, index) };
                    if slot.is_live() {
                        // SAFETY: our thread, context entered; nothing is being polled, since
                        // running borrows the executor.
                        unsafe { run::cancel(core, slot, JoinError::Aborted) };
                    }
                }
            });
            core.timers.close();
        }
        #[cfg(feature = "alloc")]
        core.heap.reset();
        core.close();
        #[cfg(feature = "alloc")]
        if self.on_heap {
            crate::task::heap::idle::put(core);
        }
        let _ = self.on_heap;
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

impl<const N: usize, const BYTES: usize> TaskPool<N, BYTES> {
    /// Claims the pool for an executor with this reactor, and prepares it.
    #[inline]
    fn open<R: Reactor>(&'static self, reactor: &R) -> Option<CoreRef> {
        let core = self.core();
        // Where an interrupt ends a park by itself, so does ringing (see `Core::unpark`). Before
        // the claim, which a panic of the reactor would leave behind.
        let unparker = (R::NEEDS_UNPARK || !cfg!(lean)).then(|| reactor.unparker());
        let claim = core.claim()?;
        core.open(N, false, unparker);
        if BYTES > 0 {
            core.bytes.set(self.bytes());
        }
        core.add_block(self.block(), N);
        Some(claim)
    }
}

/// A run of the executor, from [`Executor::begin`] until dropped.
struct Running<'a, R: Reactor> {
    core: &'static Core,
    reactor: &'a R,
    /// The number of polls at which to look at the reactor.
    #[cfg(not(lean))]
    look_at: u64,
    /// Polls since the last look at the reactor.
    #[cfg(lean)]
    polled: usize,
    /// When that was, as far as the clock has been read since.
    looked: Option<Instant>,
    _entered: Entered,
}

impl<R: Reactor> Drop for Running<'_, R> {
    fn drop(&mut self) {
        self.core.running.set(false);
    }
}

impl<R: Reactor> Running<'_, R> {
    /// Runs turn after turn until the end of the task `root` or, without one, until the shutdown;
    /// waits when nothing is ready.
    fn until(&mut self, root: Option<Tenant>) -> Result<(), RunError<R::Error>> {
        if self.is_done(root) {
            return Ok(());
        }
        let core = self.core;
        loop {
            let ended = self.turn(core)?;
            // A task's end is seen by the turn; a shutdown can come from anywhere.
            if (ended || root.is_none()) && self.is_done(root) {
                return Ok(());
            }
            if !self.is_ready(core) {
                self.wait(root)?;
            }
        }
    }

    #[inline]
    fn is_done(&self, root: Option<Tenant>) -> bool {
        match root {
            Some(task) => !task.slot.is_tenant(task.generation),
            None => self.core.is_shutdown(),
        }
    }

    /// Whether there is anything to do without waiting.
    #[inline]
    fn is_ready(&self, core: &Core) -> bool {
        #[cfg(feature = "std")]
        return core.is_pending()
            // A turn has freed a slot that somebody waits for.
            || core.has_signal(core::BACKLOG) && core.has_free_slot();
        #[cfg(not(any(feature = "std", lean)))]
        return core.is_pending();
        #[cfg(lean)]
        return core.is_pending(core.words());
    }

    /// Whether other threads, or a waker of this one, have sent tasks since the last turn.
    #[inline]
    fn has_mail(&self) -> bool {
        #[cfg(feature = "std")]
        return self.core.has_signal(core::INBOX);
        #[cfg(not(feature = "std"))]
        return false;
    }

    /// Polls what is ready now, each task once, then looks at the reactor if it is time. Whether
    /// a task has ended is not known.
    #[cfg(lean)]
    #[inline]
    fn turn(&mut self, _: &Core) -> Result<bool, RunError<R::Error>> {
        self.counted_turn()?;
        Ok(true)
    }

    /// As [`turn`](Self::turn); returns the number of polls.
    #[cfg(lean)]
    #[inline]
    fn counted_turn(&mut self) -> Result<usize, RunError<R::Error>> {
        let core = self.core;
        let block = core.blocks.get();
        let mut polls = 0;
        // SAFETY: the executor's own block. `begin` has entered the context on the executor's
        // level, and only one run exists, so no task is being polled.
        unsafe {
            Block::sweep(block, core.words(), |slot| {
                polls += usize::from(run::attend(slot));
            });
        }
        self.polled += polls;
        if self.polled >= POLLS_BETWEEN_LOOKS {
            self.look_if_time()?;
        }
        Ok(polls)
    }

    #[inline]
    fn put_off_look(&mut self) {
        #[cfg(not(lean))]
        {
            self.look_at = self.core.polls() + POLLS_BETWEEN_LOOKS as u64;
        }
        #[cfg(lean)]
        {
            self.polled = 0;
        }
    }

    #[cold]
    fn look_if_time(&mut self) -> Result<(), RunError<R::Error>> {
        // Reading the clock costs as much as several polls: not again before as many more.
        self.put_off_look();
        let now = self.reactor.now();
        let looked = *self.looked.get_or_insert(now);
        // In nanoseconds, because a `Duration` takes a division.
        if now.as_nanos().saturating_sub(looked.as_nanos()) >= TIME_BETWEEN_LOOKS.as_nanos() as u64
        {
            self.look(Deadline::Now)?;
        }
        Ok(())
    }

    /// Looks at the reactor for at most until `until`, then at the timers.
    #[inline]
    fn look(&mut self, until: Deadline) -> Result<(), RunError<R::Error>> {
        let parked = self.reactor.park(until);
        self.looked(parked)
    }

    /// What follows a look at the reactor.
    fn looked(&mut self, parked: Result<(), R::Error>) -> Result<(), RunError<R::Error>> {
        self.put_off_look();
        parked.map_err(RunError::Reactor)?;
        // Without timers nobody needs the time yet.
        self.looked = None;
        if !R::TIMELESS && !self.core.timers.is_empty() {
            self.fire();
        }
        Ok(())
    }

    /// Fires the timers whose time has come.
    #[inline(never)]
    fn fire(&mut self) {
        let now = self.reactor.now();
        self.looked = Some(now);
        self.core.timers.fire(now);
    }

    /// When the next timer is due.
    #[inline]
    fn deadline(&self) -> Deadline {
        match self.core.timers.next_deadline() {
            Some(deadline) if !R::TIMELESS => Deadline::At(deadline),
            _ => Deadline::Never,
        }
    }

    /// Waits until there is something to do, unless it is [`until`](Self::until) here.
    fn wait(&mut self, root: Option<Tenant>) -> Result<(), RunError<R::Error>> {
        let core = self.core;
        let until = self.deadline();
        // The end of `root` would have been seen before: it comes in a turn.
        #[cfg(not(lean))]
        let reasons = match root {
            Some(_) => core::INBOX,
            None => core::INBOX | core::SHUTDOWN,
        };
        if cfg!(lean) || !R::NEEDS_UNPARK {
            return if self.is_done(root) {
                Ok(())
            } else {
                #[cfg(not(lean))]
                let pending = Pending::new(core, reasons);
                #[cfg(lean)]
                let pending = Pending::new(core.blocks.get(), core.words());
                let parked = self.reactor.park_unless(&pending, until);
                self.looked(parked)
            };
        }
        #[cfg(not(lean))]
        {
            let _announced = Announced(core);
            // Announce first, then look again at everything that others can set.
            if core.ready.announce_park() && !core.has_signal(reasons) {
                return self.look(until);
            }
        }
        Ok(())
    }
}

/// Takes the announcement of a park back, also when a panic of a waker passes through.
#[cfg(not(lean))]
struct Announced(&'static Core);

#[cfg(not(lean))]
impl Drop for Announced {
    fn drop(&mut self) {
        self.0.ready.unannounce_park();
    }
}
