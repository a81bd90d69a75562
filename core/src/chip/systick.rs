//! [`SysTick`]: the timer of every Cortex-M.

use core::arch::asm;
use core::convert::Infallible;
use core::ptr::without_provenance_mut;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;
use core::time::Duration;

use crate::interrupt::masked;
use crate::unpark::Flag;
use crate::{Deadline, Instant, Reactor};

const CSR: *mut u32 = without_provenance_mut(0xE000_E010);
const RVR: *mut u32 = without_provenance_mut(0xE000_E014);
const CVR: *mut u32 = without_provenance_mut(0xE000_E018);
const ICSR: *mut u32 = without_provenance_mut(0xE000_ED04);
/// Enabled, with an interrupt, by the processor's clock.
const RUN: u32 = 7;
/// The handler is about to run.
const PENDSTSET: u32 = 1 << 26;
/// The counter has 24 bits.
const MOST: u32 = 1 << 24;

/// How often the counter has come round: 32 bits of that, which is years at any useful rate.
static ROUNDS: AtomicU32 = AtomicU32::new(0);
static UNPARK: Flag = Flag::new();

/// A reactor by the SysTick timer, which every Cortex-M has: nothing to write for a board but two
/// lines, and no peripheral is used up.
///
/// The counter comes round with each tick and interrupts the sleep then; a deadline is noticed at the
/// first tick after it. [`now`](Reactor::now) is exact to the cycle, and any level may read it. The program gives the interrupt to
/// it:
///
/// ```ignore
/// #[exception]
/// fn SysTick() {
///     polliwog::chip::SysTick::on_interrupt();
/// }
///
/// TASKS.run(SysTick::start(64_000_000, 1_000), |spawner| { /* … */ })
/// ```
#[derive(Debug)]
pub struct SysTick {
    /// Cycles of a tick.
    period: u32,
    /// Cycles in a second.
    hz: u32,
}

fn read(register: *mut u32) -> u32 {
    // SAFETY: a register of the processor, by the callers, which are in this file.
    unsafe { register.read_volatile() }
}

fn write(register: *mut u32, value: u32) {
    // SAFETY: as in `read`; SysTick touches no memory.
    unsafe { register.write_volatile(value) };
}

impl SysTick {
    /// Starts the timer, with the processor's clock in hertz and the ticks in a second: 1000 are
    /// usual, and the fewer the longer the sleep. Started anew, it counts from the beginning.
    ///
    /// # Panics
    ///
    /// If a tick would have less than two cycles, or more than 2²⁴.
    pub fn start(clock_hz: u32, ticks_per_second: u32) -> Self {
        let period = clock_hz / ticks_per_second.max(1);
        assert!(
            (2..=MOST).contains(&period),
            "SysTick counts from 2 to 16 777 216 cycles in a tick"
        );
        write(CSR, 0);
        ROUNDS.store(0, Ordering::Relaxed);
        write(RVR, period - 1);
        write(CVR, 0);
        write(CSR, RUN);
        #[cfg(feature = "interrupt-executors")]
        {
            STARTED.0.store(period, Ordering::Relaxed);
            STARTED.1.store(clock_hz, Ordering::Relaxed);
        }
        Self {
            period,
            hz: clock_hz,
        }
    }

    /// Counts the ticks: to be called by the exception `SysTick`, and by nothing else.
    #[inline]
    pub fn on_interrupt() {
        // The only one to write. It has no compare-and-swap to rely on.
        let rounds = ROUNDS.load(Ordering::Relaxed);
        ROUNDS.store(rounds.wrapping_add(1), Ordering::Relaxed);
    }
}

/// What the counter shows, but for zero. It gets there with the end of a round and stays for a cycle, in
/// which nobody can tell which round that is: the interrupt becomes pending at about the same time
/// (ARMv7-M, B3.3.1).
fn shown() -> u32 {
    // A timer that stands still may stay there.
    for _ in 0..1000 {
        let left = read(CVR);
        if left != 0 {
            return left;
        }
    }
    0
}

/// The time since the timer was started, which has so many cycles in a tick and in a second.
fn time(period: u32, hz: u32) -> Instant {
    let cycles = masked(|| {
        let mut left = shown();
        let mut rounds = ROUNDS.load(Ordering::Relaxed);
        if read(ICSR) & PENDSTSET != 0 {
            // It has come round, perhaps since the first reading: read again after that.
            left = shown();
            rounds = rounds.wrapping_add(1);
        }
        u64::from(rounds) * u64::from(period) + u64::from(period.saturating_sub(left))
    });
    // In two steps, since nanoseconds times hertz would not last for a minute.
    let hz = u64::from(hz);
    let (seconds, rest) = (cycles / hz, cycles % hz);
    Instant::from_nanos(seconds * 1_000_000_000 + rest * 1_000_000_000 / hz)
}

/// What the timer was started with, for other levels.
#[cfg(feature = "interrupt-executors")]
static STARTED: (AtomicU32, AtomicU32) = (AtomicU32::new(1), AtomicU32::new(1));

/// The time, for any level: one that runs while the timer is started anew may see a wrong one.
#[cfg(feature = "interrupt-executors")]
fn shared() -> Instant {
    time(
        STARTED.0.load(Ordering::Relaxed),
        STARTED.1.load(Ordering::Relaxed),
    )
}

impl Reactor for SysTick {
    type Error = Infallible;

    fn now(&self) -> Instant {
        time(self.period, self.hz)
    }

    #[cfg(feature = "interrupt-executors")]
    fn shared_clock(&self) -> Option<fn() -> Instant> {
        Some(shared)
    }

    fn resolution(&self) -> Duration {
        Duration::from_nanos(u64::from(1_000_000_000_u32.div_ceil(self.hz)))
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if !UNPARK.take() && until != Deadline::Now {
            // The tick is the alarm.
            // SAFETY: sleeps until an interrupt is pending, nothing else.
            unsafe { asm!("dsb", "wfi", options(nostack, preserves_flags)) };
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        UNPARK.waker()
    }
}
