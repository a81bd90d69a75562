//! The reactor of the measured programs with timers.
#![no_std]

use core::convert::Infallible;
use core::task::Waker;

use polliwog_core::reactor::Pending;
use polliwog_core::{Deadline, EndlessSpawner, Instant, Reactor, TaskPool};

/// Sleeps until an interrupt comes, at the latest that of an alarm.
pub struct Timed;

impl Reactor for Timed {
    type Error = Infallible;
    const NEEDS_UNPARK: bool = false;

    fn now(&self) -> Instant {
        Instant::from_nanos(kit::clock::now() * 1_000)
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn park_unless(&self, pending: &Pending<'_>, until: Deadline) -> Result<(), Infallible> {
        if let Deadline::At(at) = until {
            let Some(left) = at.as_nanos().checked_sub(self.now().as_nanos()) else {
                return Ok(()); // It is due.
            };
            // After four seconds it comes too early, which does no harm: it is set anew.
            let left = left.min(u32::MAX.into()) as u32;
            kit::clock::alarm_in(u64::from(left / 1_000 + 1));
        }
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
