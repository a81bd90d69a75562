//! Two tasks in ping-pong and two with timers.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;

use cost_lilos_time::start_clock;
use kit::*;
use lilos::time::{Millis, sleep_for};

static PING: Bell = Bell::new();
static PONG: Bell = Bell::new();

async fn ping() -> Infallible {
    loop {
        PING.ring();
        PONG.wait().await;
    }
}

async fn pong() -> Infallible {
    loop {
        PING.wait().await;
        PONG.ring();
    }
}

async fn pulse(millis: u64) -> Infallible {
    loop {
        sleep_for(Millis(millis)).await;
        toggle();
    }
}

#[entry]
fn main() -> ! {
    start_clock();
    let (ping, pong) = (pin!(ping()), pin!(pong()));
    let (fast, slow) = (pin!(pulse(10)), pin!(pulse(25)));
    lilos::exec::run_tasks(&mut [ping, pong, fast, slow], lilos::exec::ALL_TASKS)
}
