//! From the first instruction of an interrupt handler to the task.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<2> = TaskPool::new();

use core::sync::atomic::{AtomicU32, Ordering};

const TIMES: u32 = 1_000;
static BELL: Bell = Bell::new();
static AGAIN: Bell = Bell::new();
static ENTERED: AtomicU32 = AtomicU32::new(0);

#[cfg_attr(target_arch = "arm", unsafe(export_name = "SOFT"))]
#[cfg_attr(target_arch = "riscv32", unsafe(export_name = "MachineSoft"))]
extern "C" fn handler() {
    ENTERED.store(count(), Ordering::Relaxed);
    unpend_soft();
    BELL.ring();
}

async fn wait() {
    let mut sum = 0;
    for _ in 0..TIMES {
        BELL.wait().await;
        sum += between(ENTERED.load(Ordering::Relaxed), count());
        AGAIN.ring();
    }
    report_sum(sum, TIMES)
}

async fn pend() {
    loop {
        pend_soft();
        AGAIN.wait().await;
    }
}

#[entry]
fn main() -> ! {
    start_counter();
    enable_soft();
    run(&POOL, Wfi, |spawner| {
        spawn_detached!(spawner, [wait]()).unwrap();
        spawn_detached!(spawner, [pend]()).unwrap();
    })
}
