//! The reactor of the measured programs with timers.
#![no_std]

use core::convert::Infallible;
use core::task::Waker;

use polliwog_core::{Deadline, StaticSpawner, Instant, Reactor, TaskPool};

/// Sleeps until an interrupt comes, at the latest that of an alarm.
pub struct Timed;

impl Reactor for Timed {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::from_nanos(kit::clock::now() * 1_000)
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        match until {
            Deadline::Now => return Ok(()),
            Deadline::Never => {}
            Deadline::At(at) => {
                let Some(left) = at.as_nanos().checked_sub(self.now().as_nanos()) else {
                    return Ok(()); // It is due.
                };
                // After four seconds it comes too early, which does no harm: it is set anew.
                let left = left.min(u32::MAX.into()) as u32;
                kit::clock::alarm_in(u64::from(left / 1_000 + 1));
            }
        }
        kit::wait_for_interrupt();
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

#[cfg(target_arch = "riscv32")]
// SAFETY: the hart is in machine mode, and no handler enables interrupts.
polliwog_core::interrupt_level!(unsafe { polliwog_core::interrupt::machine_level() });

/// Runs for ever.
#[inline(always)]
pub fn run<R: Reactor, const N: usize>(
    pool: &'static TaskPool<N>,
    reactor: R,
    init: impl FnOnce(StaticSpawner),
) -> ! {
    pool.run(reactor, init)
}
