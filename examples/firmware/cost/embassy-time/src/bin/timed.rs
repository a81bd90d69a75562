//! One task with a timer.
#![no_std]
#![no_main]

use cost_embassy_time::run;
use kit::*;

#[embassy_executor::task]
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
        spawner.spawn(task().unwrap());
    })
}
