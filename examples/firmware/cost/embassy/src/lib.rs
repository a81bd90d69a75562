//! What starts the measured programs.
#![no_std]

use embassy_executor::{Executor, Spawner};

/// Runs for ever.
#[inline(always)]
pub fn run(init: impl FnOnce(Spawner)) -> ! {
    let mut executor = Executor::new();
    // SAFETY: `run` never returns, so the executor stays. (This is what embassy's own `main` does.)
    let executor: &'static mut Executor = unsafe { core::mem::transmute(&mut executor) };
    executor.run(init)
}
