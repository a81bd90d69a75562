//! The same beside fourteen idle tasks.
#![no_std]
#![no_main]

use cost_ours::{Wfi, run};
use kit::*;
use polliwog_core::{TaskPool, spawn_detached};

static POOL: TaskPool<16> = TaskPool::new();

const TIMES: u32 = 10_000;
static PING: Bell = Bell::new();
static PONG: Bell = Bell::new();

async fn ping() {
    yield_now().await;
    yield_now().await;
    let from = count();
    for _ in 0..TIMES / 2 {
        PING.ring();
        PONG.wait().await;
    }
    report(from, count(), TIMES)
}

async fn pong() {
    loop {
        PING.wait().await;
        PONG.ring();
    }
}

async fn idle() {
    core::future::pending::<()>().await;
}

#[entry]
fn main() -> ! {
    start_counter();
    run(&POOL, Wfi, |spawner| {
        spawn_detached!(spawner, [ping]()).unwrap();
        for _ in 0..14 {
            spawn_detached!(spawner, [idle; 14]()).unwrap();
        }
        spawn_detached!(spawner, [pong]()).unwrap();
    })
}
