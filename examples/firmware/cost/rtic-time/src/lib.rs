//! The clock of the measured programs.
#![no_std]

use rtic_time::timer_queue::{TimerQueue, TimerQueueBackend};

/// Microseconds and an alarm.
pub struct Clock;

static QUEUE: TimerQueue<Clock> = TimerQueue::new();

impl TimerQueueBackend for Clock {
    type Ticks = u64;

    fn now() -> u64 {
        kit::clock::now()
    }

    fn set_compare(instant: u64) {
        kit::clock::alarm_in(instant.saturating_sub(kit::clock::now()));
    }

    fn clear_compare_flag() {
        kit::clock::acknowledge();
    }

    fn pend_interrupt() {
        cortex_m::peripheral::NVIC::pend(lm3s6965::Interrupt::TIMER_0A);
    }

    fn timer_queue() -> &'static TimerQueue<Self> {
        &QUEUE
    }
}

/// Starts the clock.
pub fn start() {
    kit::clock::start();
    QUEUE.initialize(Clock);
}

/// The alarm's interrupt.
#[inline(always)]
pub fn on_alarm() {
    // SAFETY: called by the interrupt's handler only.
    unsafe { QUEUE.on_monotonic_interrupt() };
}

/// Waits so many microseconds.
pub async fn sleep(micros: u64) {
    QUEUE.delay(micros).await;
}
