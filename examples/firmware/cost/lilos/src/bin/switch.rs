//! A task that wakes itself: instructions per wake and poll.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;

use kit::*;

async fn task() -> Infallible {
    self_wake(SELF_WAKES).await;
    core::future::pending().await
}

#[entry]
fn main() -> ! {
    start_counter();
    let task = pin!(task());
    lilos::exec::run_tasks(&mut [task], lilos::exec::ALL_TASKS)
}
