//! A task that wakes itself: instructions per wake and poll.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn};

static POOL: TaskPool<1> = TaskPool::new();

const TIMES: u32 = 10_000;

async fn task() {
    let from = count();
    for _ in 0..TIMES {
        yield_now().await;
    }
    report(from, count(), TIMES)
}

#[entry]
fn main() -> ! {
    start_counter();
    run(&POOL, Wfi, |spawner| {
        spawn!(spawner, [task]()).unwrap().detach();
    })
}
