//! Two tasks in ping-pong and two with timers.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

static PING: Bell = Bell::new();
static PONG: Bell = Bell::new();

#[embassy_executor::task]
async fn ping() {
    loop {
        PING.ring();
        PONG.wait().await;
    }
}

#[embassy_executor::task]
async fn pong() {
    loop {
        PING.wait().await;
        PONG.ring();
    }
}

#[embassy_executor::task(pool_size = 2)]
async fn pulse(millis: u64) {
    loop {
        embassy_time::Timer::after_millis(millis).await;
        kit::toggle();
    }
}

use core::cell::RefCell;
use core::task::Waker;
use critical_section::Mutex;
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

#[entry]
fn main() -> ! {
    kit::clock::start();
    run(|spawner| {
        spawner.spawn(ping().unwrap());
        spawner.spawn(pong().unwrap());
        for millis in [10, 25] {
            spawner.spawn(pulse(millis).unwrap());
        }
    })
}
