//! The clock and the alarm, without a runtime: what every program with timers has to have.
#![no_std]
#![no_main]

use kit::entry;

#[unsafe(no_mangle)]
extern "C" fn ALARM() {
    kit::clock::acknowledge();
}

#[entry]
fn main() -> ! {
    kit::clock::start();
    loop {
        kit::clock::alarm_in(kit::clock::now());
        kit::wait_for_interrupt();
    }
}
