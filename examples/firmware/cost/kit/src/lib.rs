//! What the measured programs share, so that only the executor differs: a counter of
//! instructions, a yield, a bell that one task rings and another waits for, and output.
#![no_std]

use core::cell::UnsafeCell;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

#[path = "../../../src/semihosting.rs"]
pub mod semihosting;

#[cfg(feature = "clock")]
pub mod clock;

/// How far the stack is looked at.
const STACK: usize = 2048;
/// What no program leaves on its stack.
const PAINT: u32 = 0xB0A7_5EED;

/// Where a program's measurement starts: starts the counter, and paints the stack.
#[inline(always)]
pub fn start_counter() {
    start_counting();
    paint();
}

/// Starts the counter.
#[inline(always)]
pub fn start_counting() {
    #[cfg(target_arch = "arm")]
    // SAFETY: SysTick, free-running on the core clock.
    unsafe {
        (0xE000_E014 as *mut u32).write_volatile(0x00FF_FFFF);
        (0xE000_E018 as *mut u32).write_volatile(0);
        (0xE000_E010 as *mut u32).write_volatile(5);
    }
}

/// The first address beyond the stack.
fn stack_end() -> usize {
    unsafe extern "C" {
        static _stack_start: u32;
    }
    (&raw const _stack_start).addr()
}

/// Paints what lies below the present end of the stack.
#[inline(always)]
fn paint() {
    let mut end: usize;
    // SAFETY: reads a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        core::arch::asm!("mov {}, sp", out(reg) end, options(nomem, nostack));
        #[cfg(target_arch = "riscv32")]
        core::arch::asm!("mv {}, sp", out(reg) end, options(nomem, nostack));
    }
    let mut at = stack_end() - STACK;
    while at < end {
        // SAFETY: memory that the stack may use later and does not use now.
        unsafe { (at as *mut u32).write_volatile(PAINT) };
        at += 4;
    }
}

/// How many bytes the stack has had at most, the frame of `main` included.
#[inline(always)]
fn stack_used() -> usize {
    let end = stack_end();
    let mut at = end - STACK;
    // SAFETY: the stack's memory.
    while at < end && unsafe { (at as *const u32).read_volatile() } == PAINT {
        at += 4;
    }
    end - at
}

/// Has the counter start at reset instead, before memory is made ready, from [`RESET`].
#[macro_export]
macro_rules! count_from_reset {
    () => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn __pre_init() {
            $crate::start_counting();
        }
    };
}

/// What [`count`] is at reset.
pub const RESET: u32 = if cfg!(target_arch = "arm") {
    0x00FF_FFFF
} else {
    0
};

/// A point of the count.
#[inline(always)]
pub fn count() -> u32 {
    #[cfg(target_arch = "arm")]
    // SAFETY: reads SysTick.
    return unsafe { (0xE000_E018 as *mut u32).read_volatile() };
    #[cfg(target_arch = "riscv32")]
    return riscv::register::mcycle::read() as u32;
}

/// Counts from `from` to `to`, in the counter's own unit: the program `calibrate` says how many
/// of them make an instruction.
pub fn between(from: u32, to: u32) -> u32 {
    #[cfg(target_arch = "arm")]
    return from.wrapping_sub(to) & 0x00FF_FFFF;
    #[cfg(target_arch = "riscv32")]
    return to.wrapping_sub(from);
}

/// Tells a sum of counts, per one of `times`, and what the stack has had, then ends the program.
#[inline(never)]
pub fn report_sum(sum: u32, times: u32) -> ! {
    let stack = stack_used();
    println!("counts {sum} {times} {stack}");
    semihosting::exit(0)
}

/// Tells the count per one of `times`, and what the stack has had, then ends the program.
#[inline(never)]
pub fn report(from: u32, to: u32, times: u32) -> ! {
    report_sum(between(from, to), times)
}

/// Sleeps until an interrupt comes.
#[inline(always)]
pub fn wait_for_interrupt() {
    #[cfg(target_arch = "arm")]
    cortex_m::asm::wfi();
    #[cfg(target_arch = "riscv32")]
    riscv::asm::wfi();
}

/// Lets the software interrupt through.
pub fn enable_soft() {
    #[cfg(target_arch = "arm")]
    // SAFETY: the interrupt controller's enable register.
    unsafe {
        (0xE000_E100 as *mut u32).write_volatile(1);
    }
    #[cfg(target_arch = "riscv32")]
    // SAFETY: the handler is in place.
    unsafe {
        riscv::register::mie::set_msoft();
        riscv::interrupt::enable();
    }
}

/// Has the software interrupt come.
#[inline(always)]
pub fn pend_soft() {
    #[cfg(target_arch = "arm")]
    // SAFETY: the interrupt controller's pending register.
    unsafe {
        (0xE000_E200 as *mut u32).write_volatile(1);
    }
    #[cfg(target_arch = "riscv32")]
    set_msip(1);
}

/// For the software interrupt's handler.
#[inline(always)]
pub fn unpend_soft() {
    #[cfg(target_arch = "riscv32")]
    set_msip(0);
}

#[cfg(target_arch = "riscv32")]
fn set_msip(value: u32) {
    // SAFETY: the software interrupt's register.
    unsafe { (0x0200_0000 as *mut u32).write_volatile(value) };
}

/// What a task with a timer does each time.
pub fn toggle() {
    static LIGHT: AtomicBool = AtomicBool::new(false);
    LIGHT.store(!LIGHT.load(Ordering::Relaxed), Ordering::Relaxed);
}

#[cfg(all(target_arch = "arm", feature = "vectors"))]
mod vectors {
    unsafe extern "C" {
        fn DefaultHandler();
        fn SOFT();
        fn ALARM();
    }

    /// The alarm: the timer of the LM3S6965, or of the micro:bit.
    const TIMER: usize = if cfg!(target_has_atomic = "ptr") { 19 } else { 8 };

    /// The interrupts' handlers: number 0 is pended by programs.
    #[unsafe(link_section = ".vector_table.interrupts")]
    #[unsafe(no_mangle)]
    static __INTERRUPTS: [unsafe extern "C" fn(); 32] = {
        let mut table = [DefaultHandler as unsafe extern "C" fn(); 32];
        table[0] = SOFT;
        table[TIMER] = ALARM;
        table
    };
}

/// Wakes its task and lets the others run.
pub struct Yield(bool);

/// A [`Yield`].
#[inline(always)]
pub fn yield_now() -> Yield {
    Yield(false)
}

impl Future for Yield {
    type Output = ();

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Wakes its task again and again, then reports what a wake and a poll have cost.
pub struct SelfWake {
    from: u32,
    left: u32,
}

/// A [`SelfWake`].
#[inline(always)]
pub fn self_wake(times: u32) -> SelfWake {
    SelfWake {
        from: count(),
        left: times,
    }
}

impl Future for SelfWake {
    type Output = ();

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.left -= 1;
        if self.left == 0 {
            report(self.from, count(), SELF_WAKES)
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// How often.
pub const SELF_WAKES: u32 = 10_000;

/// Wakes the one task that waits for it.
pub struct Bell {
    rung: AtomicBool,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: a program on one core, which never rings a bell while its waker is being stored.
unsafe impl Sync for Bell {}

impl Bell {
    /// A silent bell.
    pub const fn new() -> Self {
        Self {
            rung: AtomicBool::new(false),
            waker: UnsafeCell::new(None),
        }
    }

    /// Wakes the waiting task.
    #[inline(always)]
    pub fn ring(&self) {
        self.rung.store(true, Ordering::Relaxed);
        // SAFETY: see `Sync`.
        if let Some(waker) = unsafe { &*self.waker.get() } {
            waker.wake_by_ref();
        }
    }

    /// Waits for the next ring.
    pub fn wait(&self) -> Wait<'_> {
        Wait(self)
    }
}

/// A wait for a [`Bell`].
pub struct Wait<'a>(&'a Bell);

impl Future for Wait<'_> {
    type Output = ();

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.rung.load(Ordering::Relaxed) {
            self.0.rung.store(false, Ordering::Relaxed);
            return Poll::Ready(());
        }
        // SAFETY: see `Sync`.
        let waker = unsafe { &mut *self.0.waker.get() };
        if !waker.as_ref().is_some_and(|old| old.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
