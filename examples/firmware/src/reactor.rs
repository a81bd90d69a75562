//! The boards' reactor: a clock, an alarm, and sleep until an interrupt.

use core::convert::Infallible;
use core::task::Waker;

use polliwog::reactor::Pending;
use polliwog::unpark::Flag;
use polliwog::{Deadline, Instant, Reactor};

use crate::chip;

static UNPARK: Flag = Flag::new();

/// Waits for interrupts with the chip asleep, on time by the chip's alarm.
#[derive(Debug)]
pub struct BoardReactor;

impl BoardReactor {
    /// Starts the clock.
    pub fn new() -> Self {
        chip::start_clock();
        Self
    }
}

impl Default for BoardReactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Reactor for BoardReactor {
    type Error = Infallible;
    // Whatever wakes a task is an interrupt, and an interrupt ends the sleep.
    const NEEDS_UNPARK: bool = false;

    fn now(&self) -> Instant {
        chip::now()
    }

    fn shared_clock(&self) -> Option<fn() -> Instant> {
        Some(chip::now)
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        // Interrupt handlers have done all there is to dispatch.
        Ok(())
    }

    fn park_unless(&self, pending: &Pending<'_>, until: Deadline) -> Result<(), Infallible> {
        chip::set_alarm(until);
        // Between the look and the sleep no handler can run, and an interrupt that becomes
        // pending ends the sleep although it is masked.
        critical_section::with(|_| {
            if !UNPARK.take() && !pending.is_set() && until != Deadline::Now {
                chip::wait_for_interrupt();
            }
        });
        Ok(())
    }

    fn unparker(&self) -> Waker {
        UNPARK.waker()
    }
}
