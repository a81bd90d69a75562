//! [`InterruptExecutor`]: an executor that an interrupt handler runs.

use core::task::{RawWaker, RawWakerVTable, Waker};
use core::time::Duration;

use super::handle::Handle;
use super::levels;
use crate::reactor::{Deadline, Reactor};
use crate::task::memory::pool::TaskPool;
use crate::time::instant::Instant;

#[cfg_attr(lean, path = "interrupt/single.rs")]
#[cfg_attr(not(lean), path = "interrupt/multi.rs")]
mod run;

/// Runs tasks in the handler of an interrupt that its wakes pend, so that they preempt everything
/// less urgent: other interrupt executors, and the one that `main` runs.
///
/// Take an interrupt that no peripheral uses, give it a priority, enable it, and call
/// [`run`](Self::run) in its handler, and there only. The tasks have to be `Send`, since they
/// come from another level.
///
/// ```ignore
/// struct Swi0;
///
/// impl Pend for Swi0 {
///     fn pend(&self) {
///         NVIC::pend(Irq::SWI0);
///     }
/// }
///
/// static URGENT: InterruptExecutor<2, Swi0> = InterruptExecutor::new(Swi0);
///
/// #[interrupt]
/// fn SWI0() {
///     URGENT.run();
/// }
///
/// spawn_detached!(URGENT.handle(), [motor](pins)).unwrap();
/// ```
///
/// # Tasks that sleep
///
/// Timers of this level are fired by the executor that waits in a reactor, if that has a
/// [shared clock](Reactor::shared_clock) and has not been dropped; else a sleep panics. It need not run yet, but must
/// have been made: tasks that sleep are started after `Executor::new`, or in the closure that
/// [`TaskPool::run`](crate::TaskPool::run) calls.
///
/// Sleeps and intervals are not `Send`, as they belong to their level. So a task with one is started there, by
/// another task that has none:
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::time::{Duration, interval};
/// use polliwog::{InterruptExecutor, Spawner, spawn_detached};
/// # fn pend_swi0() {}
///
/// static URGENT: InterruptExecutor<2> = InterruptExecutor::new(pend_swi0);
///
/// async fn sample() {
///     let mut ticks = interval(Duration::from_millis(10));
///     loop {
///         ticks.tick().await;
///     }
/// }
///
/// async fn start() {
///     let spawner = Spawner::current().expect("the handler's own");
///     spawn_detached!(spawner, [sample]()).unwrap();
/// }
///
/// # fn example() {
/// // In the closure of `TaskPool::run`:
/// spawn_detached!(URGENT.handle(), [start]()).unwrap();
/// # }
/// ```
///
/// # Memory
///
/// A type of the program's own that implements [`Pend`] keeps the whole static zero at first, so that it lies in
/// `.bss`. A function or closure that takes nothing will do as well, `InterruptExecutor<2>` with
/// `InterruptExecutor::new(|| NVIC::pend(Irq::SWI0))`; then its address is in the static, which the chip copies out
/// of flash at the start, as much as it takes of RAM.
///
/// # On a host
///
/// Where there are no interrupts, a test calls `run` itself, always on the same thread:
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```ignore")]
/// use polliwog_core::{InterruptExecutor, spawn_detached};
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// static PENDED: AtomicU32 = AtomicU32::new(0);
/// static URGENT: InterruptExecutor<2> = InterruptExecutor::new(|| { PENDED.fetch_add(1, Relaxed); });
/// static TURNS: AtomicU32 = AtomicU32::new(0);
///
/// async fn motor() {
///     TURNS.fetch_add(1, Relaxed);
/// }
///
/// spawn_detached!(URGENT.handle(), [motor]()).unwrap();
/// assert_eq!((PENDED.load(Relaxed), TURNS.load(Relaxed)), (1, 0));
/// URGENT.run();
/// assert_eq!(TURNS.load(Relaxed), 1);
/// ```
pub struct InterruptExecutor<const N: usize, P: 'static = fn()> {
    pool: TaskPool<N>,
    pend: P,
    /// Sees to it that the pool is open before anybody uses it.
    #[cfg(threads)]
    opened: std::sync::Once,
    /// The thread that runs it, once there is one.
    #[cfg(threads)]
    thread: core::sync::atomic::AtomicUsize,
}

/// What pends the interrupt of an [`InterruptExecutor`].
///
/// A structure without fields is the cheapest: it takes no memory, and a wake calls its function directly.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::{InterruptExecutor, executor::Pend};
/// # struct NVIC;
/// # impl NVIC { fn pend(_: u8) {} }
/// # mod irq { pub const SWI0: u8 = 20; }
///
/// struct Swi0;
///
/// impl Pend for Swi0 {
///     fn pend(&self) {
///         NVIC::pend(irq::SWI0);
///     }
/// }
///
/// static URGENT: InterruptExecutor<2, Swi0> = InterruptExecutor::new(Swi0);
/// ```
pub trait Pend: Sync {
    /// Sees to it that the interrupt's handler runs, at once or as soon as its priority lets it. Called on any
    /// level, also in the handler itself, which then has to run once more.
    fn pend(&self);
}

impl Pend for fn() {
    fn pend(&self) {
        self();
    }
}

/// No clock, nothing to wait for; the unparker pends the interrupt.
struct Bell<P: 'static>(&'static P);

impl<P: Pend> Bell<P> {
    const VTABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(clone::<P>, pend::<P>, pend::<P>, ignore);
}

unsafe fn clone<P: Pend + 'static>(data: *const ()) -> RawWaker {
    RawWaker::new(data, Bell::<P>::VTABLE)
}

unsafe fn pend<P: Pend + 'static>(data: *const ()) {
    // SAFETY: made from a `&'static P` in `unparker`.
    unsafe { &*data.cast::<P>() }.pend();
}

unsafe fn ignore(_: *const ()) {}

/// The reactor of an interrupt's executor on a level whose time is known.
struct WithClock(fn() -> Instant);

impl Reactor for WithClock {
    type Error = core::convert::Infallible;

    fn now(&self) -> Instant {
        (self.0)()
    }

    fn resolution(&self) -> Duration {
        levels::resolution()
    }

    fn park(&self, _: Deadline) -> Result<(), Self::Error> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

impl<P: Pend> Reactor for Bell<P> {
    type Error = core::convert::Infallible;
    const HAS_CLOCK: bool = false;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Self::Error> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        // SAFETY: the vtable's functions take a `&'static P` and can be called anywhere, as `P` is `Sync`.
        unsafe { Waker::new(core::ptr::from_ref(self.0).cast(), Self::VTABLE) }
    }
}

impl<const N: usize, P: Pend> InterruptExecutor<N, P> {
    /// An executor of up to `N` tasks, whose interrupt `pend` pends.
    pub const fn new(pend: P) -> Self {
        Self {
            pool: TaskPool::new(),
            pend,
            #[cfg(threads)]
            opened: std::sync::Once::new(),
            #[cfg(threads)]
            thread: core::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// What starts tasks, from any level.
    pub fn handle(&'static self) -> Handle {
        let open = || {
            // The first caller prepares the pool; for all others it is taken.
            if self
                .pool
                .open_with(Some(Bell(&self.pend).unparker()))
                .is_some()
            {
                // From now on a wake pends the interrupt.
                self.pool.shared().wait_to_be_pended();
            }
        };
        #[cfg(threads)]
        self.opened.call_once(open);
        #[cfg(not(threads))]
        critical_section::with(|_| open());
        let shared = self.pool.shared();
        Handle::new(shared, shared.epoch())
    }

    /// Polls all tasks that are ready, until none is: the interrupt's handler.
    ///
    /// Called while it is running already, by a task or a handler that preempts it, it does
    /// nothing: the tasks are polled by the call that is under way.
    ///
    /// # Panics
    ///
    /// On a host, if another thread has run it before.
    pub fn run(&'static self) {
        // The handle's claim, or nothing has been spawned yet.
        if self.pool.shared().epoch() & 1 == 0 {
            return;
        }
        #[cfg(threads)]
        self.assert_thread();
        run::run(&self.pool, &self.pend);
    }

    /// A task may have left something that belongs to its executor's thread, such as a `Spawner`, with
    /// that thread.
    #[cfg(threads)]
    fn assert_thread(&self) {
        use core::sync::atomic::Ordering;
        std::thread_local! {
            static HERE: u8 = const { 0 };
        }
        let here = HERE.with(|here| core::ptr::from_ref(here).addr());
        let first = self
            .thread
            .compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed);
        assert!(
            first.is_ok() || first == Err(here),
            "an InterruptExecutor is run by one thread"
        );
    }
}

impl<const N: usize, P> core::fmt::Debug for InterruptExecutor<N, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InterruptExecutor")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
