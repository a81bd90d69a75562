//! What starts the clock of the measured programs.
#![no_std]

/// Starts lilos' own clock, which ticks once a millisecond.
#[inline(always)]
pub fn start_clock() {
    // SAFETY: called once, by `main`.
    let mut peripherals = unsafe { cortex_m::Peripherals::steal() };
    lilos::time::initialize_sys_tick(&mut peripherals.SYST, 12_500_000);
}
