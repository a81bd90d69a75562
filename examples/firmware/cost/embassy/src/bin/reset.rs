//! From reset to the first poll, with sixteen tasks.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

count_from_reset!();

#[embassy_executor::task(pool_size = 16)]
async fn task() {
    report(RESET, count(), 1)
}

#[entry]
fn main() -> ! {
    run(|spawner| {
        for _ in 0..16 {
            spawner.spawn(task().unwrap());
        }
    })
}
