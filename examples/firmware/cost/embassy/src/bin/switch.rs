//! A task that wakes itself: instructions per wake and poll.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

const TIMES: u32 = 10_000;

#[embassy_executor::task]
async fn task() {
    let from = count();
    for _ in 0..TIMES {
        yield_now().await;
    }
    report(from, count(), TIMES)
}

#[entry]
fn main() -> ! {
    start_counter();
    run(|spawner| {
        spawner.spawn(task().unwrap());
    })
}
