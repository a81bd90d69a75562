//! Starting a task that ends at once, until its end. There is room for two, so that the order of
//! polls does not matter.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<3> = TaskPool::new();

const TIMES: u32 = 1_000;

async fn short() {}

async fn task(spawner: polliwog_core::Spawner) {
    let from = count();
    for _ in 0..TIMES {
        spawn_detached!(spawner, [short; 2]()).unwrap();
        yield_now().await;
    }
    report(from, count(), TIMES)
}

#[entry]
fn main() -> ! {
    start_counter();
    run(&POOL, Wfi, |spawner| {
        spawn_detached!(spawner, [task](*spawner)).unwrap()
    })
}
