//! [`TaskPool::run`]: an executor that runs for ever.

use super::EndlessSpawner;
#[cfg(not(lean))]
use super::core::SHUTDOWN;
#[cfg(lean)]
use super::{Deadline, context, run, stride::Stride};
#[cfg(lean)]
use crate::interrupt::masked;
use crate::reactor::Reactor;
use crate::task::TaskPool;

impl<const N: usize, const BYTES: usize> TaskPool<N, BYTES> {
    /// Runs an executor over this memory for ever: what the `main` of a microcontroller ends
    /// with, and the smallest and fastest way to run tasks there.
    ///
    /// `start` is called first, to spawn the first tasks. A [shutdown](super::Handle::shutdown)
    /// has no effect.
    ///
    /// ```no_run
    /// # use polliwog_core as polliwog;
    /// # use polliwog_core::conformance::ThreadReactor;
    /// use polliwog::{TaskPool, spawn_detached, yield_now};
    ///
    /// async fn blink() {
    ///     loop {
    ///         yield_now().await;
    ///     }
    /// }
    ///
    /// static TASKS: TaskPool<1> = TaskPool::new();
    ///
    /// TASKS.run(ThreadReactor::new(), |spawner| {
    ///     spawn_detached!(spawner, [blink]()).unwrap();
    /// })
    /// ```
    ///
    /// # Panics
    ///
    /// If an executor has the pool already, or if the reactor fails.
    #[inline]
    pub fn run<R: Reactor>(&'static self, reactor: R, start: impl FnOnce(EndlessSpawner)) -> ! {
        #[cfg(lean)]
        self.run_lean(reactor, start);
        #[cfg(not(lean))]
        {
            let Ok(executor) = super::Executor::new(self, reactor) else {
                panic!("the task pool belongs to another executor");
            };
            start(EndlessSpawner::new(executor.claim));
            loop {
                match executor.run() {
                    // Told to shut down, which is not for us: else the next run would end at once.
                    Ok(()) => executor.core().clear_signal(SHUTDOWN),
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// The run loop of an executor with `N` slots that nobody can end.
    #[cfg(lean)]
    #[inline(always)]
    fn run_lean<R: Reactor>(&'static self, reactor: R, start: impl FnOnce(EndlessSpawner)) -> ! {
        use crate::task::ready::{Block, words};

        let Some(claim) = self.open(super::unparker_of(&reactor)) else {
            panic!("the task pool belongs to another executor");
        };
        start(EndlessSpawner::new(claim));
        let core = claim.shared();
        // SAFETY: this is the executor's level from now on, and the reactor stays where it is.
        unsafe { context::enter_for_ever(core, &reactor) };
        let block = self.block();
        let mut stride = Stride::new();
        loop {
            // SAFETY: as in `Running::turn`; the block has N slots.
            let busy = unsafe {
                let attend = |slot| {
                    run::attend(slot);
                };
                if words(N) == 1 {
                    Block::sweep_one(block, N, attend)
                } else {
                    Block::sweep(block, words(N), attend)
                }
            };
            if busy {
                // Also where something is always ready, timers fire and sources are looked at.
                if !R::HAS_CLOCK || !stride.is_due() {
                    continue;
                }
                check(reactor.park(Deadline::Now));
            }
            let mut until = Deadline::Never;
            if R::HAS_CLOCK && (busy || core.has_timers()) {
                // Before the wait: what is due at once need not go through the reactor, and what
                // an interrupt has woken comes before what the clock wakes.
                let now = reactor.now();
                if busy {
                    stride.measure(now);
                }
                if core.fire(now) > 0 || busy {
                    continue;
                }
                if let Some(deadline) = core.next_deadline() {
                    until = Deadline::At(deadline);
                }
            }
            if !busy {
                stride.pause();
                check(masked(|| {
                    // SAFETY: the block has N slots.
                    match unsafe { Block::is_pending(block, words(N)) } {
                        true => Ok(()),
                        false => reactor.park(until),
                    }
                }));
            }
        }
    }
}

#[cfg(lean)]
#[inline(always)]
fn check<E>(parked: Result<(), E>) {
    if parked.is_err() {
        panic!("the reactor failed");
    }
}
