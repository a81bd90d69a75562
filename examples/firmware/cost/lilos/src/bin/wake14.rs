//! The same beside fourteen idle tasks.
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

async fn idle() -> Infallible {
    core::future::pending().await
}

#[entry]
fn main() -> ! {
    start_counter();
    let (ping, pong) = (pin!(ping()), pin!(pong()));
    let t0 = pin!(idle());
    let t1 = pin!(idle());
    let t2 = pin!(idle());
    let t3 = pin!(idle());
    let t4 = pin!(idle());
    let t5 = pin!(idle());
    let t6 = pin!(idle());
    let t7 = pin!(idle());
    let t8 = pin!(idle());
    let t9 = pin!(idle());
    let t10 = pin!(idle());
    let t11 = pin!(idle());
    let t12 = pin!(idle());
    let t13 = pin!(idle());
    lilos::exec::run_tasks(
        &mut [
            ping, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, pong,
        ],
        lilos::exec::ALL_TASKS,
    )
}
