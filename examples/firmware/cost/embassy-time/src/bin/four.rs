//! Two tasks in ping-pong and two with timers.
#![no_std]
#![no_main]

use cost_embassy_time::run;
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
