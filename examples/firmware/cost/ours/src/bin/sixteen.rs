//! Sixteen tasks of one function.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<16> = TaskPool::new();

async fn task() {
    loop {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    run(&POOL, Wfi, |spawner| {
        for _ in 0..16 {
            spawn_detached!(spawner, [task; 16]()).unwrap();
        }
    })
}
