//! Reactors for chips, made of the timers that their processors have: `SysTick` on every Cortex-M,
//! `Mtime` on RISC-V; and `EmbassyTime`, of the one that any embassy HAL drives (feature `embassy-hal`).
//!
//! The first two exist on those targets only. Their register accesses are the core's because reactors forbid
//! `unsafe`.

#[cfg(all(feature = "embassy-hal", not(loom)))]
mod embassy;
#[cfg(all(
    target_os = "none",
    any(target_arch = "riscv32", target_arch = "riscv64")
))]
mod mtime;
#[cfg(any(test, all(target_os = "none", cortex_m)))]
mod rounds;
#[cfg(all(target_os = "none", cortex_m))]
mod systick;

#[cfg(all(feature = "embassy-hal", not(loom)))]
pub use embassy::EmbassyTime;
#[cfg(all(
    target_os = "none",
    any(target_arch = "riscv32", target_arch = "riscv64")
))]
pub use mtime::Mtime;
#[cfg(all(target_os = "none", cortex_m))]
pub use systick::SysTick;
