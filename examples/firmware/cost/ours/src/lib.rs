//! The reactor of the measured programs.
#![no_std]

use core::convert::Infallible;
use core::task::Waker;

use polliwog_core::{Deadline, StaticSpawner, Instant, Reactor, TaskPool};

/// Sleeps until an interrupt comes; has no clock.
pub struct Wfi;

impl Reactor for Wfi {
    type Error = Infallible;
    const HAS_CLOCK: bool = false;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
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
