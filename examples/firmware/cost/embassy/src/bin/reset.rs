//! From the start of `main` to the first poll, with sixteen tasks.
#![no_std]
#![no_main]

use cost_embassy::run;
use kit::*;

use core::sync::atomic::{AtomicU32, Ordering};

static START: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::task(pool_size = 16)]
async fn task() {
    report(START.load(Ordering::Relaxed), count(), 1)
}

#[entry]
fn main() -> ! {
    start_counter();
    START.store(count(), Ordering::Relaxed);
    run(|spawner| {
        for _ in 0..16 {
            spawner.spawn(task().unwrap());
        }
    })
}
