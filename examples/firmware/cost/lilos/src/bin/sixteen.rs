//! Sixteen tasks of one function.
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
    let t0 = pin!(task());
    let t1 = pin!(task());
    let t2 = pin!(task());
    let t3 = pin!(task());
    let t4 = pin!(task());
    let t5 = pin!(task());
    let t6 = pin!(task());
    let t7 = pin!(task());
    let t8 = pin!(task());
    let t9 = pin!(task());
    let t10 = pin!(task());
    let t11 = pin!(task());
    let t12 = pin!(task());
    let t13 = pin!(task());
    let t14 = pin!(task());
    let t15 = pin!(task());
    lilos::exec::run_tasks(
        &mut [
            t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15,
        ],
        lilos::exec::ALL_TASKS,
    )
}
