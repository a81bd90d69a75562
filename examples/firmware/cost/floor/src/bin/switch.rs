//! A task that wakes itself: instructions per wake and poll.
#![no_std]
#![no_main]

use core::future::Future;
use core::pin::pin;
use core::task::Context;

use cost_floor::{Ready, wait_if};
use kit::*;

async fn task() {
    self_wake(SELF_WAKES).await
}

#[entry]
fn main() -> ! {
    static READY: [Ready; 1] = [const { Ready::new() }; 1];
    start_counter();
    let (mut task, task_waker) = (pin!(task()), READY[0].waker());
    loop {
        if READY[0].take() {
            let _ = task.as_mut().poll(&mut Context::from_waker(&task_waker));
        }
        if !READY.iter().any(Ready::is_set) {
            wait_if(|| !READY.iter().any(Ready::is_set));
        }
    }
}
