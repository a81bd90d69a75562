//! From the start of `main` to the first poll, with sixteen tasks.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<16> = TaskPool::new();

use core::sync::atomic::{AtomicU32, Ordering};

static START: AtomicU32 = AtomicU32::new(0);

async fn task() {
    report(START.load(Ordering::Relaxed), count(), 1)
}

#[entry]
fn main() -> ! {
    start_counter();
    START.store(count(), Ordering::Relaxed);
    run(&POOL, Wfi, |spawner| {
        for _ in 0..16 {
            spawn_detached!(spawner, [task; 16]()).unwrap();
        }
    })
}
