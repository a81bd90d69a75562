//! From the first instruction of an interrupt handler to the task.
#![no_std]
#![no_main]

use core::future::Future;
use core::pin::pin;
use core::task::Context;

use cost_floor::{Ready, wait_if};
use kit::*;

use core::sync::atomic::{AtomicU32, Ordering};

const TIMES: u32 = 1_000;
static BELL: Bell = Bell::new();
static AGAIN: Bell = Bell::new();
static ENTERED: AtomicU32 = AtomicU32::new(0);

#[cfg_attr(target_arch = "arm", unsafe(export_name = "SOFT"))]
#[cfg_attr(target_arch = "riscv32", unsafe(export_name = "MachineSoft"))]
extern "C" fn handler() {
    ENTERED.store(count(), Ordering::Relaxed);
    unpend_soft();
    BELL.ring();
}

async fn wait() {
    let mut sum = 0;
    for _ in 0..TIMES {
        BELL.wait().await;
        sum += between(ENTERED.load(Ordering::Relaxed), count());
        AGAIN.ring();
    }
    report_sum(sum, TIMES)
}

async fn pend() {
    loop {
        pend_soft();
        AGAIN.wait().await;
    }
}

#[entry]
fn main() -> ! {
    static READY: [Ready; 2] = [const { Ready::new() }; 2];
    start_counter();
    enable_soft();
    let (mut wait, wait_waker) = (pin!(wait()), READY[0].waker());
    let (mut pend, pend_waker) = (pin!(pend()), READY[1].waker());
    loop {
        if READY[0].take() {
            let _ = wait.as_mut().poll(&mut Context::from_waker(&wait_waker));
        }
        if READY[1].take() {
            let _ = pend.as_mut().poll(&mut Context::from_waker(&pend_waker));
        }
        if !READY.iter().any(Ready::is_set) {
            wait_if(|| !READY.iter().any(Ready::is_set));
        }
    }
}
