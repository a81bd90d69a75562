//! Two tasks in ping-pong and two with timers.
#![no_std]
#![no_main]

use cost_ours_time::{Timed, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<4> = TaskPool::new();

static PING: Bell = Bell::new();
static PONG: Bell = Bell::new();

async fn ping() {
    loop {
        PING.ring();
        PONG.wait().await;
    }
}

async fn pong() {
    loop {
        PING.wait().await;
        PONG.ring();
    }
}

async fn pulse(millis: u32) {
    loop {
        polliwog_core::time::sleep_millis(millis).await;
        kit::toggle();
    }
}

#[unsafe(no_mangle)]
extern "C" fn ALARM() {
    kit::clock::acknowledge();
}

#[entry]
fn main() -> ! {
    kit::clock::start();
    run(&POOL, Timed, |spawner| {
        spawn_detached!(spawner, [ping]()).unwrap();
        spawn_detached!(spawner, [pong]()).unwrap();
        for millis in [10, 25] {
            spawn_detached!(spawner, [pulse; 2](millis)).unwrap();
        }
    })
}
