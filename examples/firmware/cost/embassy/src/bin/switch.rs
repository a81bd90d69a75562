//! A task that wakes itself: instructions per wake and poll.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

#[embassy_executor::task]
async fn task() {
    self_wake(SELF_WAKES).await
}

#[entry]
fn main() -> ! {
    start_counter();
    run(|spawner| {
        spawner.spawn(task().unwrap());
    })
}
