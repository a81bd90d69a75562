//! From the first instruction of an interrupt handler to the task.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering};

use kit::*;

const TIMES: u32 = 1_000;
static BELL: Bell = Bell::new();
static AGAIN: Bell = Bell::new();
static ENTERED: AtomicU32 = AtomicU32::new(0);

#[unsafe(export_name = "SOFT")]
extern "C" fn handler() {
    ENTERED.store(count(), Ordering::Relaxed);
    unpend_soft();
    BELL.ring();
}

async fn wait() -> Infallible {
    let mut sum = 0;
    for _ in 0..TIMES {
        BELL.wait().await;
        sum += between(ENTERED.load(Ordering::Relaxed), count());
        AGAIN.ring();
    }
    report_sum(sum, TIMES)
}

async fn pend() -> Infallible {
    loop {
        pend_soft();
        AGAIN.wait().await;
    }
}

#[entry]
fn main() -> ! {
    start_counter();
    enable_soft();
    let (wait, pend) = (pin!(wait()), pin!(pend()));
    lilos::exec::run_tasks(&mut [wait, pend], lilos::exec::ALL_TASKS)
}
