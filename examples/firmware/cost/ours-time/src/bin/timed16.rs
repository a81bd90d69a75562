//! Sixteen tasks of one function, with timers.
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

static POOL: TaskPool<16> = TaskPool::new();

async fn task() {
    loop {
        sleep(core::time::Duration::from_millis(10)).await;
        toggle();
    }
}

#[entry]
fn main() -> ! {
    clock::start();
    run(&POOL, Timed, |spawner| {
        for _ in 0..16 {
            spawn_detached!(spawner, [task; 16]()).unwrap();
        }
    })
}
