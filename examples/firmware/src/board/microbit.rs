//! BBC micro:bit: an nRF51822, a Cortex-M0 with 16 KB of RAM and without compare-and-swap.
//!
//! Timer 0 counts microseconds and gives the alarm, timer 1 the periodic interrupt.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::asm;
use critical_section::Mutex;
use polliwog::{Deadline, Instant};

const TIMER0: usize = 0x4000_8000;
const TIMER1: usize = 0x4000_9000;
const TASKS_START: usize = 0x000;
const TASKS_STOP: usize = 0x004;
const TASKS_CLEAR: usize = 0x00C;
const TASKS_CAPTURE1: usize = 0x044;
const EVENTS_COMPARE0: usize = 0x140;
const SHORTS: usize = 0x200;
const INTENSET: usize = 0x304;
const INTENCLR: usize = 0x308;
const MODE: usize = 0x504;
const BITMODE: usize = 0x508;
const PRESCALER: usize = 0x510;
const CC0: usize = 0x540;
const CC1: usize = 0x544;
const COMPARE0: u32 = 1 << 16;
const BITS_32: u32 = 3;

const NVIC_ISER: *mut u32 = ptr::without_provenance_mut(0xE000_E100);
const NVIC_ISPR: *mut u32 = ptr::without_provenance_mut(0xE000_E200);
const NVIC_IPR: *mut u32 = ptr::without_provenance_mut(0xE000_E400);

const TIMER0_IRQ: u32 = 8;
const TIMER1_IRQ: u32 = 9;
const SOFT0_IRQ: u32 = 20;
const SOFT1_IRQ: u32 = 21;

/// The last count that was seen, and how often the counter had come round by then (every 71
/// minutes; the alarm sees to it that somebody looks in time).
static SEEN: Mutex<Cell<(u32, u32)>> = Mutex::new(Cell::new((0, 0)));

fn register(base: usize, offset: usize) -> *mut u32 {
    ptr::without_provenance_mut(base + offset)
}

fn write(register: *mut u32, value: u32) {
    // SAFETY: a device register of this chip, by the callers, which are in this file.
    unsafe { register.write_volatile(value) };
}

fn read(register: *mut u32) -> u32 {
    // SAFETY: as in `write`.
    unsafe { register.read_volatile() }
}

/// Lets an interrupt through, at one of the priorities 0 (most urgent) to 3.
pub fn enable_interrupt(irq: u32, priority: u8) {
    let place = NVIC_IPR.wrapping_add(irq as usize / 4);
    let shift = irq % 4 * 8;
    write(
        place,
        read(place) & !(0xFF << shift) | u32::from(priority << 6) << shift,
    );
    write(NVIC_ISER, 1 << irq);
}

fn pend(irq: u32) {
    write(NVIC_ISPR, 1 << irq);
}

/// Starts the clock and the alarm.
pub fn start_clock() {
    write(register(TIMER0, TASKS_STOP), 1);
    write(register(TIMER0, MODE), 0);
    write(register(TIMER0, BITMODE), BITS_32);
    write(register(TIMER0, PRESCALER), 4);
    write(register(TIMER0, TASKS_CLEAR), 1);
    write(register(TIMER0, TASKS_START), 1);
    enable_interrupt(TIMER0_IRQ, 2);
}

fn count() -> u32 {
    write(register(TIMER0, TASKS_CAPTURE1), 1);
    read(register(TIMER0, CC1))
}

const SHPR3: *mut u32 = ptr::without_provenance_mut(0xE000_ED20);

/// Instructions of the timer's handler before it counts.
static PREFACE: AtomicU32 = AtomicU32::new(0);

/// Has every interrupt be more urgent than the processor's own timer, which is the most urgent at reset; and
/// its handler do so much else first.
pub fn own_timer_last(instructions: u32) {
    write(SHPR3, read(SHPR3) | 3 << 30);
    PREFACE.store(instructions, Ordering::Relaxed);
}

/// The processor's own timer as a reactor, beside the board's.
pub fn own_timer() -> polliwog::chip::SysTick {
    polliwog::chip::SysTick::start(16_000_000, 1_000)
}

#[unsafe(no_mangle)]
extern "C" fn SysTick() {
    for _ in 0..PREFACE.load(Ordering::Relaxed) / 3 {
        core::hint::black_box(());
    }
    polliwog::chip::SysTick::on_interrupt();
}

/// The time since the start.
pub fn now() -> Instant {
    critical_section::with(|cs| {
        let (before, mut rounds) = SEEN.borrow(cs).get();
        let count = count();
        if count < before {
            rounds += 1;
        }
        SEEN.borrow(cs).set((count, rounds));
        Instant::from_micros(u64::from(rounds) << 32 | u64::from(count))
    })
}

/// Arranges for an interrupt at this time. It may come early, if the time is far away.
pub fn set_alarm(at: Deadline) {
    write(register(TIMER0, EVENTS_COMPARE0), 0);
    let left = at
        .remaining(now())
        .map_or(u64::MAX, |left| (left.as_nanos() as u64).div_ceil(1_000));
    // Once per half round at least, for `now`.
    let micros = left.clamp(2, 1 << 31) as u32;
    let start = count();
    write(register(TIMER0, CC0), start.wrapping_add(micros));
    write(register(TIMER0, INTENSET), COMPARE0);
    // The comparison is for equality: if the counter has passed it before it was in place, the
    // next time would be in 71 minutes.
    if count().wrapping_sub(start) >= micros {
        pend(TIMER0_IRQ);
    }
}

extern "C" fn alarm() {
    write(register(TIMER0, INTENCLR), COMPARE0);
    write(register(TIMER0, EVENTS_COMPARE0), 0);
}

extern "C" fn tick() {
    unsafe extern "C" {
        safe fn TICK();
    }
    write(register(TIMER1, EVENTS_COMPARE0), 0);
    TICK();
}

/// Starts the periodic interrupt, whose handler is `TICK`.
pub fn start_tick(micros: u32) {
    enable_interrupt(TIMER1_IRQ, 1);
    write(register(TIMER1, PRESCALER), 0);
    write(register(TIMER1, INTENSET), COMPARE0);
    // Clears itself at the comparison.
    write(register(TIMER1, SHORTS), 1);
    set_tick_cycles(tick_cycles(micros));
}

/// Whether there is an alarm while there is a periodic interrupt.
pub const HAS_ALARM_BESIDE_TICK: bool = true;

/// So many microseconds in what [`set_tick_cycles`] counts in.
pub fn tick_cycles(micros: u32) -> u32 {
    micros * 16
}

/// Has the periodic interrupt come next after this many cycles: for tests that move it about.
pub fn set_tick_cycles(cycles: u32) {
    write(register(TIMER1, TASKS_STOP), 1);
    write(register(TIMER1, BITMODE), BITS_32);
    write(register(TIMER1, TASKS_CLEAR), 1);
    write(register(TIMER1, CC0), cycles);
    write(register(TIMER1, TASKS_START), 1);
}

/// Stops the periodic interrupt.
pub fn stop_tick() {
    write(register(TIMER1, TASKS_STOP), 1);
}

/// Lets software interrupts through, `SOFT0` more urgent than `SOFT1`.
pub fn enable_soft() {
    enable_interrupt(SOFT0_IRQ, 0);
    enable_interrupt(SOFT1_IRQ, 1);
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

const VECTORS: usize = 32;

/// The interrupts' handlers.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [Vector; VECTORS] = {
    unsafe extern "C" {
        fn DefaultHandler();
        fn SOFT0();
        fn SOFT1();
    }
    let mut table = [Vector(DefaultHandler); VECTORS];
    table[SOFT0_IRQ as usize] = Vector(SOFT0);
    table[SOFT1_IRQ as usize] = Vector(SOFT1);
    table[TIMER0_IRQ as usize] = Vector(alarm);
    table[TIMER1_IRQ as usize] = Vector(tick);
    table
};
