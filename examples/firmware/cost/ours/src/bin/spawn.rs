//! Starting a task that ends at once, until its end.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn};

static POOL: TaskPool<2> = TaskPool::new();

const TIMES: u32 = 1_000;

async fn short() {}

async fn task(spawner: polliwog_core::Spawner) {
    let from = count();
    for _ in 0..TIMES {
        spawn!(spawner, [short]()).unwrap().detach();
        yield_now().await;
    }
    report(from, count(), TIMES)
}

#[entry]
fn main() -> ! {
    start_counter();
    run(&POOL, Wfi, |spawner| spawn!(spawner, [task](spawner)).unwrap().detach())
}
