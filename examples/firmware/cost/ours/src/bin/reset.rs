//! From reset to the first poll, with sixteen tasks.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<16> = TaskPool::new();

count_from_reset!();

async fn task() {
    report(RESET, count(), 1)
}

#[entry]
fn main() -> ! {
    run(&POOL, Wfi, |spawner| {
        for _ in 0..16 {
            spawn_detached!(spawner, [task; 16]()).unwrap();
        }
    })
}
