//! One task with a timer.
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

static POOL: TaskPool<1> = TaskPool::new();

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
        spawn_detached!(spawner, [task]()).unwrap();
    })
}
