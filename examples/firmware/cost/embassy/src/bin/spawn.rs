//! Starting a task that ends at once, until its end. There is room for two, so that the order of
//! polls does not matter.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

const TIMES: u32 = 1_000;

#[embassy_executor::task(pool_size = 2)]
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
