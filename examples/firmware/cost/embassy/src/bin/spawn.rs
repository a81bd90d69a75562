//! Starting a task that ends at once, until its end.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

const TIMES: u32 = 1_000;

#[embassy_executor::task]
async fn short() {}

#[embassy_executor::task]
async fn task(spawner: embassy_executor::Spawner) {
    let from = count();
    for _ in 0..TIMES {
        spawner.spawn(short().unwrap());
        yield_now().await;
    }
    report(from, count(), TIMES)
}

#[entry]
fn main() -> ! {
    start_counter();
    run(|spawner| spawner.spawn(task(spawner).unwrap()))
}
