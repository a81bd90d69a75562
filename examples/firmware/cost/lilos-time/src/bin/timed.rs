//! One task with a timer.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;

use cost_lilos_time::start_clock;
use kit::*;
use lilos::time::{Millis, sleep_for};

async fn task() -> Infallible {
    loop {
        sleep_for(Millis(10)).await;
        toggle();
    }
}

#[entry]
fn main() -> ! {
    start_clock();
    let task = pin!(task());
    lilos::exec::run_tasks(&mut [task], lilos::exec::ALL_TASKS)
}
