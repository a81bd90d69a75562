//! Reactors for chips, made of the timers that their processors have: `SysTick` on every Cortex-M,
//! `Mtime` on RISC-V.
//!
//! This module exists on those targets only. Its register accesses are the core's because reactors forbid
//! `unsafe`.

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod mtime;
#[cfg(cortex_m)]
mod systick;

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
pub use mtime::Mtime;
#[cfg(cortex_m)]
pub use systick::SysTick;
