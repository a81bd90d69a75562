//! Nothing: what every program has to have.
#![no_std]
#![no_main]

use kit::entry;

#[entry]
fn main() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
