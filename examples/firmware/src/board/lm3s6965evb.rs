//! Stellaris LM3S6965, a Cortex-M3 with 64 KB of RAM.
//!
//! SysTick runs freely and gives the time, timer 0 the alarm, timer 1 the periodic interrupt. The
//! interrupts of two unused ports serve as software interrupts. Other Cortex-M targets are built
//! with this file but not run.

use core::cell::Cell;
use core::ptr;

use cortex_m::asm;
use critical_section::Mutex;
use polliwog::{Deadline, Instant};

/// The core clock at reset, and nanoseconds per cycle of it.
const NANOS_PER_CYCLE: u64 = 80;
const SYST_CSR: *mut u32 = ptr::without_provenance_mut(0xE000_E010);
const SYST_RVR: *mut u32 = ptr::without_provenance_mut(0xE000_E014);
const SYST_CVR: *mut u32 = ptr::without_provenance_mut(0xE000_E018);
const SCB_ICSR: *mut u32 = ptr::without_provenance_mut(0xE000_ED04);
const PENDSTSET: u32 = 1 << 26;
const NVIC_ISER: *mut u32 = ptr::without_provenance_mut(0xE000_E100);
const NVIC_ISPR: *mut u32 = ptr::without_provenance_mut(0xE000_E200);
const NVIC_IPR: *mut u8 = ptr::without_provenance_mut(0xE000_E400);
const SYSTICK_RELOAD: u32 = 0x00FF_FFFF;
const RCGC1: *mut u32 = ptr::without_provenance_mut(0x400F_E104);

const TIMER0: usize = 0x4003_0000;
const TIMER1: usize = 0x4003_1000;
const TIMER_CFG: usize = 0x00;
const TIMER_TAMR: usize = 0x04;
const TIMER_CTL: usize = 0x0C;
const TIMER_IMR: usize = 0x18;
const TIMER_ICR: usize = 0x24;
const TIMER_TAILR: usize = 0x28;

const SOFT0_IRQ: u32 = 0;
const SOFT1_IRQ: u32 = 1;
const TIMER0_IRQ: u32 = 19;
const TIMER1_IRQ: u32 = 21;
/// The Ethernet controller's interrupt.
pub const ETHERNET_IRQ: u32 = 42;

/// How often SysTick has come round.
static ROUNDS: Mutex<Cell<u32>> = Mutex::new(Cell::new(0));

fn timer(base: usize, register: usize) -> *mut u32 {
    ptr::without_provenance_mut(base + register)
}

fn write(register: *mut u32, value: u32) {
    // SAFETY: a device register of this chip, by the callers, which are in this file.
    unsafe { register.write_volatile(value) };
}

fn read(register: *mut u32) -> u32 {
    // SAFETY: as in `write`.
    unsafe { register.read_volatile() }
}

/// Lets an interrupt through, at one of the priorities 0 (most urgent) to 7.
pub fn enable_interrupt(irq: u32, priority: u8) {
    // SAFETY: the priority register of an interrupt that this chip has.
    unsafe { NVIC_IPR.add(irq as usize).write_volatile(priority << 5) };
    write(NVIC_ISER.wrapping_add(irq as usize / 32), 1 << (irq % 32));
}

fn pend(irq: u32) {
    write(NVIC_ISPR, 1 << irq);
}

/// Starts the clock and the alarm.
pub fn start_clock() {
    write(RCGC1, read(RCGC1) | 3 << 16);
    write(SYST_RVR, SYSTICK_RELOAD);
    write(SYST_CVR, 0);
    write(SYST_CSR, 7);
    enable_interrupt(TIMER0_IRQ, 6);
}

/// The time since the start.
pub fn now() -> Instant {
    critical_section::with(|cs| {
        let mut rounds = ROUNDS.borrow(cs).get();
        let mut left = read(SYST_CVR);
        if read(SCB_ICSR) & PENDSTSET != 0 {
            // It has come round, but the handler waits for us: read again after that.
            rounds = rounds.wrapping_add(1);
            left = read(SYST_CVR);
        }
        let cycles = (u64::from(rounds) << 24) + u64::from(SYSTICK_RELOAD - left);
        Instant::from_nanos(cycles * NANOS_PER_CYCLE)
    })
}

#[unsafe(no_mangle)]
extern "C" fn SysTick() {
    critical_section::with(|cs| {
        let rounds = ROUNDS.borrow(cs);
        rounds.set(rounds.get().wrapping_add(1));
    });
}

/// Arranges for an interrupt at this time. It may come early, if the time is far away.
pub fn set_alarm(at: Deadline) {
    write(timer(TIMER0, TIMER_CTL), 0);
    if let Some(left) = at.remaining(now()) {
        let cycles = (left.as_nanos() as u64).div_ceil(NANOS_PER_CYCLE);
        let cycles = cycles.clamp(1, u64::from(u32::MAX)) as u32;
        start_timer(TIMER0, cycles, 1);
    }
}

/// Mode 1 counts once, mode 2 again and again.
fn start_timer(base: usize, cycles: u32, mode: u32) {
    write(timer(base, TIMER_CTL), 0);
    write(timer(base, TIMER_CFG), 0);
    write(timer(base, TIMER_TAMR), mode);
    write(timer(base, TIMER_TAILR), cycles);
    write(timer(base, TIMER_ICR), 1);
    write(timer(base, TIMER_IMR), 1);
    write(timer(base, TIMER_CTL), 1);
}

extern "C" fn alarm() {
    write(timer(TIMER0, TIMER_ICR), 1);
}

extern "C" fn tick() {
    unsafe extern "C" {
        safe fn TICK();
    }
    write(timer(TIMER1, TIMER_ICR), 1);
    TICK();
}

/// Starts the periodic interrupt, whose handler is `TICK`.
pub fn start_tick(micros: u32) {
    write(RCGC1, read(RCGC1) | 3 << 16);
    enable_interrupt(TIMER1_IRQ, 4);
    start_timer(TIMER1, tick_cycles(micros), 2);
}

/// Whether there is an alarm while there is a periodic interrupt.
pub const HAS_ALARM_BESIDE_TICK: bool = true;

/// So many microseconds in what [`set_tick_cycles`] counts in.
pub fn tick_cycles(micros: u32) -> u32 {
    (micros * 25).div_ceil(2)
}

/// Has the periodic interrupt come next after this many cycles: for tests that move it about.
pub fn set_tick_cycles(cycles: u32) {
    start_timer(TIMER1, cycles, 2);
}

/// Stops the periodic interrupt.
pub fn stop_tick() {
    write(timer(TIMER1, TIMER_CTL), 0);
}

/// Lets software interrupts through, `SOFT0` more urgent than `SOFT1`.
pub fn enable_soft() {
    enable_interrupt(SOFT0_IRQ, 1);
    enable_interrupt(SOFT1_IRQ, 2);
}

/// Has `SOFT0` run, at once if nothing more urgent does.
pub fn pend_soft0() {
    pend(SOFT0_IRQ);
}

/// Has `SOFT1` run.
pub fn pend_soft1() {
    pend(SOFT1_IRQ);
}

/// Sleeps until an interrupt is pending, also one that is masked.
pub fn wait_for_interrupt() {
    asm::dsb();
    asm::wfi();
}

/// A row of the vector table.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Vector(unsafe extern "C" fn());

const VECTORS: usize = 43;

/// The interrupts' handlers.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [Vector; VECTORS] = {
    unsafe extern "C" {
        fn DefaultHandler();
        fn SOFT0();
        fn SOFT1();
        fn ETHERNET();
    }
    let mut table = [Vector(DefaultHandler); VECTORS];
    table[SOFT0_IRQ as usize] = Vector(SOFT0);
    table[SOFT1_IRQ as usize] = Vector(SOFT1);
    table[TIMER0_IRQ as usize] = Vector(alarm);
    table[TIMER1_IRQ as usize] = Vector(tick);
    table[ETHERNET_IRQ as usize] = Vector(ETHERNET);
    table
};
