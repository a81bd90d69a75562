//! A time driver over `TIMER0`.
//!
//! A HAL has one; that of `embassy-nrf` works over `RTC1` (feature `board` of this package), which the
//! emulator lacks. So this is also how one is written for a chip without a HAL.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_nrf::interrupt::{self, InterruptExt};
use embassy_nrf::pac::{TIMER0, timer::vals};
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;
use polliwog::time::ExtendedCounter;

static COUNTER: ExtendedCounter = ExtendedCounter::new(32, TICK_HZ as u32);

struct Timer(Mutex<RefCell<Queue>>);

embassy_time_driver::time_driver_impl!(static DRIVER: Timer = Timer(Mutex::new(RefCell::new(Queue::new()))));

/// Starts the clock, once.
pub fn start() {
    TIMER0.prescaler().write(|w| w.set_prescaler(4));
    TIMER0
        .bitmode()
        .write(|w| w.set_bitmode(vals::Bitmode::_32bit));
    TIMER0.tasks_clear().write_value(1);
    TIMER0.tasks_start().write_value(1);
    TIMER0.intenset().write(|w| w.set_compare(0, true));
    // SAFETY: in no critical section of anybody's.
    unsafe { interrupt::TIMER0.enable() };
}

fn ticks() -> u64 {
    COUNTER.ticks(|| {
        TIMER0.tasks_capture(1).write_value(1);
        TIMER0.cc(1).read()
    })
}

impl Timer {
    /// Wakes those whose time has come, and sets the alarm to the next.
    fn go_on(&self) {
        critical_section::with(|cs| {
            loop {
                let next = self.0.borrow_ref_mut(cs).next_expiration(ticks());
                // Within half a round, so that somebody reads the counter in time.
                let at = next.min(ticks() + (1 << 31));
                TIMER0.cc(0).write_value(at as u32);
                // It interrupts when the two are equal: so it has to be ahead still.
                if at > ticks() {
                    return;
                }
            }
        });
    }
}

impl Driver for Timer {
    fn now(&self) -> u64 {
        ticks()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        let earlier =
            critical_section::with(|cs| self.0.borrow_ref_mut(cs).schedule_wake(at, waker));
        if earlier {
            self.go_on();
        }
    }
}

#[embassy_nrf::interrupt]
fn TIMER0() {
    TIMER0.events_compare(0).write_value(0);
    DRIVER.go_on();
}
