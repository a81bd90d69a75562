//! Sixteen tasks of one function.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

#[embassy_executor::task(pool_size = 16)]
async fn task() {
    loop {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    run(|spawner| {
        for _ in 0..16 {
            spawner.spawn(task().unwrap());
        }
    })
}
