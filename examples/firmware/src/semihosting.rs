//! Text output and an exit code, through the debugger or emulator that watches the chip.

use core::fmt::{self, Write};

/// Writes text to the emulator's standard error.
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => { $crate::semihosting::write(format_args!($($arg)*)) };
}

/// Writes a line to the emulator's standard error.
#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => { $crate::print!("{}\n", format_args!($($arg)*)) };
}

const SYS_WRITE0: usize = 0x04;
const SYS_EXIT_EXTENDED: usize = 0x20;
const APPLICATION_EXIT: usize = 0x20026;

/// What `print!` calls.
pub fn write(text: fmt::Arguments<'_>) {
    let _ = Console.write_fmt(text);
}

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The call takes text that ends with a zero.
        for part in text.as_bytes().chunks(63) {
            let mut buffer = [0; 64];
            buffer[..part.len()].copy_from_slice(part);
            call(SYS_WRITE0, buffer.as_ptr().addr());
        }
        Ok(())
    }
}

/// Ends the emulator with this exit code.
pub fn exit(code: u32) -> ! {
    let block = [APPLICATION_EXIT, code as usize];
    loop {
        call(SYS_EXIT_EXTENDED, block.as_ptr().addr());
    }
}

#[cfg(target_arch = "arm")]
fn call(operation: usize, argument: usize) {
    // SAFETY: the debugger reads the argument's memory, which outlives the call, and changes
    // nothing but the result register.
    unsafe {
        core::arch::asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack));
    }
}

#[cfg(target_arch = "riscv32")]
fn call(operation: usize, argument: usize) {
    // SAFETY: as on Arm. The three instructions are the mark of a semihosting call; they must be
    // uncompressed and in one page.
    unsafe {
        core::arch::asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inout("a0") operation => _,
            in("a1") argument,
            options(nostack),
        );
    }
}
