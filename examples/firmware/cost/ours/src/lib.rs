//! The reactor of the measured programs.
#![no_std]

use core::convert::Infallible;
use core::task::Waker;

use polliwog_core::reactor::Pending;
use polliwog_core::{Deadline, EndlessSpawner, Instant, Reactor, TaskPool};

/// Sleeps until an interrupt comes; has no clock.
pub struct Wfi;

impl Reactor for Wfi {
    type Error = Infallible;
    const TIMELESS: bool = true;
    const NEEDS_UNPARK: bool = false;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn park_unless(&self, pending: &Pending<'_>, _: Deadline) -> Result<(), Infallible> {
        wait_unless(pending);
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

#[inline(always)]
fn wait_unless(pending: &Pending<'_>) {
    critical_section::with(|_| {
        if !pending.is_set() {
            kit::wait_for_interrupt();
        }
    });
}

/// Runs for ever.
#[inline(always)]
pub fn run<R: Reactor, const N: usize>(
    pool: &'static TaskPool<N>,
    reactor: R,
    init: impl FnOnce(EndlessSpawner),
) -> ! {
    pool.run(reactor, init)
}
