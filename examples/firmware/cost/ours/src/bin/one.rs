//! One task.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<1> = TaskPool::new();

async fn task() {
    loop {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    run(&POOL, Wfi, |spawner| {
        spawn_detached!(spawner, [task]()).unwrap();
    })
}
