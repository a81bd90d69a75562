//! One task.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;

use kit::*;

async fn task() -> Infallible {
    loop {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    let task = pin!(task());
    lilos::exec::run_tasks(&mut [task], lilos::exec::ALL_TASKS)
}
