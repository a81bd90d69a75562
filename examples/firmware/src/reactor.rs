//! The boards' reactor: a clock, an alarm, and sleep until an interrupt.

use core::convert::Infallible;
use core::task::Waker;

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

    fn now(&self) -> Instant {
        chip::now()
    }

    fn shared_clock(&self) -> Option<fn() -> Instant> {
        Some(chip::now)
    }

    // The executor has masked interrupts and looked before it calls this.
    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if !UNPARK.take() && until != Deadline::Now {
            chip::set_alarm(until);
            chip::wait_for_interrupt();
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        UNPARK.waker()
    }
}
