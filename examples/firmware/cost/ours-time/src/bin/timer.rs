//! A timer that is due at once: made, waited for, and fired.
#![no_std]
#![no_main]

use cost_ours_time::{Timed, run};
use kit::*;
use polliwog_core::time::sleep;
use polliwog_core::{TaskPool, spawn_detached};

#[unsafe(no_mangle)]
extern "C" fn ALARM() {
    kit::clock::acknowledge();
}

const TIMES: u32 = 1_000;
static POOL: TaskPool<1> = TaskPool::new();

async fn task() {
    let from = count();
    for _ in 0..TIMES {
        sleep(core::time::Duration::from_micros(1)).await;
    }
    report(from, count(), TIMES)
}

#[entry]
fn main() -> ! {
    start_counter();
    clock::start();
    run(&POOL, Timed, |spawner| {
        spawn_detached!(spawner, [task]()).unwrap();
    })
}
