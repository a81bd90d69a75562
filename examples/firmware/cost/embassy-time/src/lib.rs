//! What starts the measured programs.
#![no_std]

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_executor::{Executor, Spawner};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

struct Clock(Mutex<RefCell<Queue>>);

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock(Mutex::new(RefCell::new(Queue::new()))));

impl Clock {
    fn arm(queue: &mut Queue) {
        let now = kit::clock::now();
        let next = queue.next_expiration(now);
        if next != u64::MAX {
            kit::clock::alarm_in(next.saturating_sub(kit::clock::now()));
        }
    }
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        kit::clock::now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut queue = self.0.borrow_ref_mut(cs);
            if queue.schedule_wake(at, waker) {
                Self::arm(&mut queue);
            }
        });
    }
}

#[unsafe(no_mangle)]
extern "C" fn ALARM() {
    kit::clock::acknowledge();
    critical_section::with(|cs| Clock::arm(&mut CLOCK.0.borrow_ref_mut(cs)));
}

/// Runs for ever.
#[inline(always)]
pub fn run(init: impl FnOnce(Spawner)) -> ! {
    let mut executor = Executor::new();
    // SAFETY: `run` never returns, so the executor stays. (This is what embassy's own `main` does.)
    let executor: &'static mut Executor = unsafe { core::mem::transmute(&mut executor) };
    executor.run(init)
}
