//! Two tasks that wake each other: instructions per wake, one way.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

const TIMES: u32 = 10_000;
static PING: Bell = Bell::new();
static PONG: Bell = Bell::new();

#[embassy_executor::task]
async fn ping() {
    yield_now().await;
    yield_now().await;
    let from = count();
    for _ in 0..TIMES / 2 {
        PING.ring();
        PONG.wait().await;
    }
    report(from, count(), TIMES)
}

#[embassy_executor::task]
async fn pong() {
    loop {
        PING.wait().await;
        PONG.ring();
    }
}

#[entry]
fn main() -> ! {
    start_counter();
    run(|spawner| {
        spawner.spawn(ping().unwrap());
        spawner.spawn(pong().unwrap());
    })
}
