//! How many counts an instruction takes: a loop of 100 instructions, a thousand times.
#![no_std]
#![no_main]

use kit::*;

#[entry]
fn main() -> ! {
    start_counter();
    let from = count();
    // SAFETY: does nothing, 98 times, and counts.
    unsafe {
        #[cfg(target_arch = "arm")]
        core::arch::asm!(
            "2:", ".rept 98", "nop", ".endr", "subs {0}, #1", "bne 2b",
            inout(reg) 1000 => _,
        );
        #[cfg(target_arch = "riscv32")]
        core::arch::asm!(
            "2:", ".rept 98", "nop", ".endr", "addi {0}, {0}, -1", "bnez {0}, 2b",
            inout(reg) 1000 => _,
        );
    }
    report(from, count(), 100_000)
}
