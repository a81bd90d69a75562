//! A task that wakes itself: instructions per wake and poll.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<1> = TaskPool::new();

async fn task() {
    self_wake(SELF_WAKES).await
}

#[entry]
fn main() -> ! {
    start_counter();
    run(&POOL, Wfi, |spawner| {
        spawn_detached!(spawner, [task]()).unwrap();
    })
}
