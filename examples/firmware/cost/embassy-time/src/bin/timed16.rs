//! Sixteen tasks of one function, with timers.
#![no_std]
#![no_main]

use cost_embassy_time::run;
use kit::*;

#[embassy_executor::task(pool_size = 16)]
async fn task() {
    loop {
        embassy_time::Timer::after_millis(10).await;
        toggle();
    }
}

#[entry]
fn main() -> ! {
    clock::start();
    run(|spawner| {
        for _ in 0..16 {
            spawner.spawn(task().unwrap());
        }
    })
}
