//! The boards that the programs run on: start, clock and alarm, software interrupts, a periodic
//! interrupt for tests, text output and an exit code through the emulator's semihosting.
//!
//! | target | board | emulator |
//! |---|---|---|
//! | `thumbv7m-none-eabi` | Stellaris LM3S6965 | `qemu-system-arm -M lm3s6965evb` |
//! | `thumbv6m-none-eabi` | BBC micro:bit | `qemu-system-arm -M microbit` |
//! | `riscv32imac`, `riscv32imc` | QEMU's virt | `qemu-system-riscv32 -M virt` |
//!
//! Every board has the same items, so that the programs need not know which one they run on.
#![no_std]

mod reactor;
pub mod semihosting;
pub mod sync;

#[cfg(board = "lm3s6965evb")]
#[path = "board/lm3s6965evb.rs"]
pub mod chip;
#[cfg(board = "microbit")]
#[path = "board/microbit.rs"]
pub mod chip;
#[cfg(board = "riscv_virt")]
#[path = "board/riscv_virt.rs"]
pub mod chip;
#[cfg(board = "lm3s6965evb")]
#[path = "board/ethernet.rs"]
pub mod ethernet;

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
pub use reactor::BoardReactor;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
pub use semihosting::exit;

use core::panic::PanicInfo;

/// Says what happens when an interrupt comes: `SOFT0` and `SOFT1` (pended by
/// [`chip::pend_soft0`], [`chip::pend_soft1`]), `TICK` (after [`chip::start_tick`]) or, where
/// there is a network, `ETHERNET`.
///
/// ```ignore
/// board::on_interrupt!(SOFT0, SIGNAL.notify());
/// ```
#[macro_export]
macro_rules! on_interrupt {
    ($name:ident, $body:expr) => {
        // The linker scripts declare the name as a handler that takes and returns nothing.
        #[unsafe(no_mangle)]
        extern "C" fn $name() {
            $body;
        }
    };
}

/// A panic ends the emulator with a message and exit code 101.
#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit(101)
}
