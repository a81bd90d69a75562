//! Two tasks that wake each other: instructions per wake, one way.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;

use kit::*;

const TIMES: u32 = 10_000;
static PING: Bell = Bell::new();
static PONG: Bell = Bell::new();

async fn ping() -> Infallible {
    yield_now().await;
    yield_now().await;
    let from = count();
    for _ in 0..TIMES / 2 {
        PING.ring();
        PONG.wait().await;
    }
    report(from, count(), TIMES)
}

async fn pong() -> Infallible {
    loop {
        PING.wait().await;
        PONG.ring();
    }
}

#[entry]
fn main() -> ! {
    start_counter();
    let (ping, pong) = (pin!(ping()), pin!(pong()));
    lilos::exec::run_tasks(&mut [ping, pong], lilos::exec::ALL_TASKS)
}
