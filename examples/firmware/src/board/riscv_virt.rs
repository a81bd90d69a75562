//! QEMU's virt machine with one RV32 hart, as if it were a microcontroller.
//!
//! The CLINT has one counter, one comparison and one software interrupt. The comparison serves
//! as the alarm or, once [`start_tick`] was called, as the periodic interrupt. The second software interrupt
//! is that of the supervisor's mode, which these programs never enter, so that the machine's mode takes it.

use core::ptr;

use critical_section::Mutex;
use polliwog::{Deadline, Instant};

const MSIP: *mut u32 = ptr::without_provenance_mut(0x0200_0000);
const MTIMECMP: *mut u32 = ptr::without_provenance_mut(0x0200_4000);
const MTIME: *mut u32 = ptr::without_provenance_mut(0x0200_BFF8);
const NANOS_PER_COUNT: u64 = 100;

/// Counts between two periodic interrupts; zero while there are none.
static PERIOD: Mutex<core::cell::Cell<u32>> = Mutex::new(core::cell::Cell::new(0));

// SAFETY: the hart is in machine mode, and no handler of these programs enables interrupts.
polliwog::interrupt_level!(unsafe { polliwog::interrupt::machine_level() });

fn write(register: *mut u32, value: u32) {
    // SAFETY: a device register of this machine, by the callers, which are in this file.
    unsafe { register.write_volatile(value) };
}

fn read(register: *mut u32) -> u32 {
    // SAFETY: as in `write`.
    unsafe { register.read_volatile() }
}

fn count() -> u64 {
    loop {
        let high = read(MTIME.wrapping_add(1));
        let low = read(MTIME);
        if read(MTIME.wrapping_add(1)) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

fn compare_with(count: u64) {
    // Never an early value in between.
    write(MTIMECMP.wrapping_add(1), u32::MAX);
    write(MTIMECMP, count as u32);
    write(MTIMECMP.wrapping_add(1), (count >> 32) as u32);
}

/// Starts the clock and the alarm.
pub fn start_clock() {
    if critical_section::with(|cs| PERIOD.borrow(cs).get()) == 0 {
        compare_with(u64::MAX);
    }
    // SAFETY: the handlers are in place, and no critical section is under way.
    unsafe {
        riscv::register::mie::set_mtimer();
        riscv::interrupt::enable();
    }
}

/// The hart's timer as a reactor, in the place of the board's; the handler is the same.
pub fn own_timer() -> polliwog::chip::Mtime {
    // SAFETY: where this machine has them; the board's reactor is not in use meanwhile.
    unsafe { polliwog::chip::Mtime::start(MTIME.addr(), MTIMECMP.addr(), 10_000_000) }
}

/// The time since the start.
pub fn now() -> Instant {
    Instant::from_nanos(count() * NANOS_PER_COUNT)
}

/// Arranges for an interrupt at this time.
pub fn set_alarm(at: Deadline) {
    if critical_section::with(|cs| PERIOD.borrow(cs).get()) != 0 {
        return;
    }
    compare_with(match at {
        Deadline::Now => 0,
        Deadline::At(at) => at.as_nanos().div_ceil(NANOS_PER_COUNT),
        Deadline::Never => u64::MAX,
    });
}

#[unsafe(no_mangle)]
extern "C" fn MachineTimer() {
    unsafe extern "C" {
        safe fn TICK();
    }
    let period = critical_section::with(|cs| PERIOD.borrow(cs).get());
    if period == 0 {
        return compare_with(u64::MAX);
    }
    compare_with(count() + u64::from(period));
    TICK();
}

#[unsafe(no_mangle)]
extern "C" fn MachineSoft() {
    unsafe extern "C" {
        safe fn SOFT0();
    }
    write(MSIP, 0);
    SOFT0();
}

#[unsafe(no_mangle)]
extern "C" fn SupervisorSoft() {
    unsafe extern "C" {
        safe fn SOFT1();
    }
    // SAFETY: takes back what `pend_soft1` has set.
    unsafe { riscv::register::mip::clear_ssoft() };
    SOFT1();
}

/// Starts the periodic interrupt, whose handler is `TICK`. From now on there is no alarm.
pub fn start_tick(micros: u32) {
    start_clock();
    set_tick_cycles(tick_cycles(micros));
}

/// Whether there is an alarm while there is a periodic interrupt.
pub const HAS_ALARM_BESIDE_TICK: bool = false;

/// So many microseconds in what [`set_tick_cycles`] counts in.
pub fn tick_cycles(micros: u32) -> u32 {
    micros * 10
}

/// Has the periodic interrupt come next after this many counts: for tests that move it about.
pub fn set_tick_cycles(cycles: u32) {
    critical_section::with(|cs| PERIOD.borrow(cs).set(cycles));
    compare_with(count() + u64::from(cycles));
}

/// Stops the periodic interrupt.
pub fn stop_tick() {
    critical_section::with(|cs| PERIOD.borrow(cs).set(0));
    compare_with(u64::MAX);
}

/// Lets software interrupts through. Neither interrupts the other's handler.
pub fn enable_soft() {
    // SAFETY: as in `start_clock`.
    unsafe {
        riscv::register::mie::set_msoft();
        riscv::register::mie::set_ssoft();
        riscv::interrupt::enable();
    }
}

/// Has `SOFT0` run.
pub fn pend_soft0() {
    write(MSIP, 1);
}

/// Has `SOFT1` run.
pub fn pend_soft1() {
    // SAFETY: pends an interrupt that has a handler.
    unsafe { riscv::register::mip::set_ssoft() };
}

/// Sleeps until an interrupt is pending, also one that is masked.
pub fn wait_for_interrupt() {
    riscv::asm::wfi();
}
