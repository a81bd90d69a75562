//! Two tasks that wake each other: instructions per wake, one way.
#![no_std]
#![no_main]

use core::future::Future;
use core::pin::pin;
use core::task::Context;

use cost_floor::{Ready, wait_if};
use kit::*;

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

#[entry]
fn main() -> ! {
    static READY: [Ready; 2] = [const { Ready::new() }; 2];
    start_counter();
    let (mut ping, ping_waker) = (pin!(ping()), READY[0].waker());
    let (mut pong, pong_waker) = (pin!(pong()), READY[1].waker());
    loop {
        if READY[0].take() {
            let _ = ping.as_mut().poll(&mut Context::from_waker(&ping_waker));
        }
        if READY[1].take() {
            let _ = pong.as_mut().poll(&mut Context::from_waker(&pong_waker));
        }
        if !READY.iter().any(Ready::is_set) {
            wait_if(|| !READY.iter().any(Ready::is_set));
        }
    }
}
