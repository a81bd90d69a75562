//! One task.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

#[embassy_executor::task]
async fn task() {
    loop {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    run(|spawner| {
        spawner.spawn(task().unwrap());
    })
}
