//! How large the futures of the tasks are that others are measured with.
#![no_std]
#![no_main]

use kit::*;

async fn task() {
    loop {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    println!("future {}", size_of_val(&task()));
    semihosting::exit(0)
}
