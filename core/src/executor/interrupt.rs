//! [`InterruptExecutor`]: an executor that an interrupt handler runs.

use core::task::{RawWaker, RawWakerVTable, Waker};

use super::core::CoreRef;
use super::{Entered, Handle, run};
use crate::reactor::{Deadline, Reactor};
use crate::task::TaskPool;
use crate::task::ready::{Block, words};
use crate::time::Instant;

/// Runs tasks in the handler of an interrupt that its wakes pend, so that they preempt everything
/// less urgent: other interrupt executors, and the one that `main` runs.
///
/// Take an interrupt that no peripheral uses, give it a priority, enable it, and call
/// [`run`](Self::run) in its handler, and there only. The tasks have to be `Send`, since they
/// come from another level. There are no timers on this level: a sleep panics.
///
/// ```ignore
/// static URGENT: InterruptExecutor<2> = InterruptExecutor::new(|| NVIC::pend(Irq::SWI0));
///
/// #[interrupt]
/// fn SWI0() {
///     URGENT.run();
/// }
///
/// spawn_detached!(URGENT.handle(), [motor](pins)).unwrap();
/// ```
#[derive(Debug)]
pub struct InterruptExecutor<const N: usize> {
    pool: TaskPool<N>,
    pend: fn(),
}

/// No clock, nothing to wait for; the unparker pends the interrupt.
struct Pend(&'static fn());

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, pend, pend, ignore);

unsafe fn clone(data: *const ()) -> RawWaker {
    RawWaker::new(data, &VTABLE)
}

unsafe fn pend(data: *const ()) {
    // SAFETY: made from a `&'static fn()` in `unparker`.
    let pend = unsafe { *data.cast::<fn()>() };
    pend();
}

unsafe fn ignore(_: *const ()) {}

impl Reactor for Pend {
    type Error = core::convert::Infallible;
    const HAS_CLOCK: bool = false;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Self::Error> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        // SAFETY: the vtable's functions take a `&'static fn()` and can be called anywhere.
        unsafe { Waker::new(core::ptr::from_ref(self.0).cast(), &VTABLE) }
    }
}

impl<const N: usize> InterruptExecutor<N> {
    /// An executor of up to `N` tasks, whose interrupt `pend` pends.
    pub const fn new(pend: fn()) -> Self {
        Self {
            pool: TaskPool::new(),
            pend,
        }
    }

    /// What starts tasks, from any level.
    pub fn handle(&'static self) -> Handle {
        critical_section::with(|_| {
            // The first caller prepares the pool; for all others it is taken.
            self.pool.open(Some(Pend(&self.pend).unparker()));
        });
        CoreRef::new_handle(self.pool.core())
    }

    /// Polls all tasks that are ready, until none is: the interrupt's handler.
    ///
    /// Called while it is running already, by a task or a handler that preempts it, it does
    /// nothing: the tasks are polled by the call that is under way.
    pub fn run(&'static self) {
        // The handle's claim, or nothing has been spawned yet.
        let core = self.pool.core();
        if core.epoch() & 1 == 0 || critical_section::with(|_| core.running.replace(true)) {
            return;
        }
        let reactor = Pend(&self.pend);
        // SAFETY: `running` keeps any other level out, so this is the executor's for now, and the
        // tasks have come here by `Send`. The guard goes before the reactor.
        let entered = unsafe { Entered::new(core, &reactor, true) };
        // SAFETY: the pool has N slots; no task is being polled, as above.
        unsafe {
            while Block::sweep(self.pool.block(), words(N), |slot| {
                run::attend(slot);
            }) {}
        }
        drop(entered);
        // A wake from now on, or since the last look, has pended the interrupt anew.
        core.running.set(false);
    }
}
