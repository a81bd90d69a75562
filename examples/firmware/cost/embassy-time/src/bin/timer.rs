//! A timer that is due at once: made, waited for, and fired.
#![no_std]
#![no_main]

use cost_embassy_time::run;
use kit::*;

const TIMES: u32 = 1_000;

#[embassy_executor::task]
async fn task() {
    let from = count();
    for _ in 0..TIMES {
        embassy_time::Timer::after_micros(1).await;
    }
    report(from, count(), TIMES)
}

#[entry]
fn main() -> ! {
    start_counter();
    clock::start();
    run(|spawner| spawner.spawn(task().unwrap()))
}
