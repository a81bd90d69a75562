//! [`SysTick`]: the timer of every Cortex-M.

use core::arch::asm;
use core::convert::Infallible;
use core::ptr::without_provenance_mut;
#[cfg(feature = "interrupt-executors")]
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;
use core::time::Duration;

use super::rounds::Rounds;
use crate::interrupt::masked;
use crate::unpark::Flag;
use crate::{Deadline, Instant, Reactor};

const CSR: *mut u32 = without_provenance_mut(0xE000_E010);
const RVR: *mut u32 = without_provenance_mut(0xE000_E014);
const CVR: *mut u32 = without_provenance_mut(0xE000_E018);
/// Enabled, with an interrupt, by the processor's clock.
const RUN: u32 = 7;
/// The counter has come round since this was last read: reading it clears it.
const COUNTFLAG: u32 = 1 << 16;
/// The counter has 24 bits.
const MOST: u32 = 1 << 24;

/// How often the counter has come round. Touched with interrupts masked.
static ROUNDS: Rounds = Rounds::new();
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
        ROUNDS.set(0);
        write(RVR, period - 1);
        write(CVR, 0);
        write(CSR, RUN);
        #[cfg(feature = "interrupt-executors")]
        {
            STARTED.0.store(period - 1, Ordering::Relaxed);
            STARTED.1.store(clock_hz - 1, Ordering::Relaxed);
        }
        Self {
            period,
            hz: clock_hz,
        }
    }

    /// Counts the ticks: to be called by the exception `SysTick`, before the next tick. Any other call is
    /// harmless.
    #[inline]
    pub fn on_interrupt() {
        masked(|| {
            count_rounds();
        });
    }
}

/// Counts a round that has not been counted, and returns their number. With interrupts masked, and by
/// whoever comes first: a handler that reads the time may have interrupted the timer's own, before that has
/// done anything.
fn count_rounds() -> u64 {
    let mut rounds = ROUNDS.get();
    if read(CSR) & COUNTFLAG != 0 {
        rounds += 1;
        ROUNDS.set(rounds);
    }
    rounds
}

/// What the counter shows, but for zero. It gets there with the end of a round and stays for a cycle, in
/// which nobody can tell which round that is: the flag is set at about the same time (ARMv7-M, B3.3.1).
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
        let before = count_rounds();
        let mut left = shown();
        let rounds = count_rounds();
        if rounds != before {
            // It has come round, before or since that reading: read again after it.
            left = shown();
        }
        rounds * u64::from(period) + u64::from(period.saturating_sub(left))
    });
    // In two steps, since nanoseconds times hertz would not last for a minute.
    let hz = u64::from(hz);
    let (seconds, rest) = (cycles / hz, cycles % hz);
    Instant::from_nanos(seconds * 1_000_000_000 + rest * 1_000_000_000 / hz)
}

/// What the timer was started with, for other levels: each less one, so that it is all zero at first.
#[cfg(feature = "interrupt-executors")]
static STARTED: (AtomicU32, AtomicU32) = (AtomicU32::new(0), AtomicU32::new(0));

/// The time, for any level: one that runs while the timer is started anew may see a wrong one.
#[cfg(feature = "interrupt-executors")]
fn shared() -> Instant {
    time(
        STARTED.0.load(Ordering::Relaxed) + 1,
        STARTED.1.load(Ordering::Relaxed) + 1,
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
