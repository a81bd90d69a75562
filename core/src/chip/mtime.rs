//! [`Mtime`]: the timer of RISC-V's privileged architecture.

use core::arch::asm;
use core::convert::Infallible;
use core::ptr;
#[cfg(feature = "interrupt-executors")]
use core::sync::atomic::AtomicU32;
use core::sync::atomic::{AtomicPtr, Ordering};
use core::task::Waker;
use core::time::Duration;

use crate::unpark::Flag;
use crate::{Deadline, Instant, Reactor};

/// Where `mtimecmp` is, for the handler.
static COMPARE: AtomicPtr<u32> = AtomicPtr::new(ptr::null_mut());
static UNPARK: Flag = Flag::new();

/// A reactor by `mtime` and `mtimecmp`, the timer of a RISC-V hart in machine mode.
///
/// The program gives the interrupt to it:
///
/// ```ignore
/// #[core_interrupt(CoreInterrupt::MachineTimer)]
/// fn timer() {
///     polliwog::chip::Mtime::on_interrupt();
/// }
///
/// // SAFETY: where this chip has them.
/// let reactor = unsafe { Mtime::start(0x0200_BFF8, 0x0200_4000, 10_000_000) };
/// ```
#[derive(Debug)]
pub struct Mtime {
    time: *const u32,
    compare: *mut u32,
    hz: u32,
}

/// Sets the comparison to a count.
///
/// # Safety
///
/// `compare` is the address of `mtimecmp`.
unsafe fn compare_with(compare: *mut u32, count: u64) {
    // SAFETY: the caller's promise. Never an earlier value in between.
    unsafe {
        compare.add(1).write_volatile(u32::MAX);
        compare.write_volatile(count as u32);
        compare.add(1).write_volatile((count >> 32) as u32);
    }
}

impl Mtime {
    /// Takes the timer at these addresses, which counts so many times in a second, and enables its
    /// interrupt and interrupts as such.
    ///
    /// # Safety
    ///
    /// The addresses are those of this hart's `mtime` and `mtimecmp`, which nobody else uses. The program
    /// runs in machine mode, is ready for interrupts, and is in no critical section.
    pub unsafe fn start(mtime: usize, mtimecmp: usize, hz: u32) -> Self {
        let compare = ptr::without_provenance_mut(mtimecmp);
        COMPARE.store(compare, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe {
            compare_with(compare, u64::MAX);
            asm!("csrs mie, {timer}", "csrsi mstatus, 8", timer = in(reg) 1 << 7, options(nostack));
        }
        #[cfg(feature = "interrupt-executors")]
        {
            STARTED
                .0
                .store(ptr::without_provenance_mut(mtime), Ordering::Relaxed);
            STARTED.1.store(hz - 1, Ordering::Relaxed);
        }
        Self {
            time: ptr::without_provenance(mtime),
            compare,
            hz,
        }
    }

    /// Acknowledges the alarm: to be called by the machine's timer interrupt.
    pub fn on_interrupt() {
        let compare = COMPARE.load(Ordering::Relaxed);
        if !compare.is_null() {
            // SAFETY: what `start` was promised.
            unsafe { compare_with(compare, u64::MAX) };
        }
    }
}

/// Reads the timer.
///
/// # Safety
///
/// `time` is the address of `mtime`.
unsafe fn count(time: *const u32) -> u64 {
    loop {
        // SAFETY: the caller's promise.
        let (high, low, again) = unsafe {
            let high = time.add(1);
            (
                high.read_volatile(),
                time.read_volatile(),
                high.read_volatile(),
            )
        };
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// When a timer of so many hertz has counted `count`.
fn instant(count: u64, hz: u32) -> Instant {
    let hz = u64::from(hz);
    // In two steps, since nanoseconds times hertz would not last for an hour.
    Instant::from_nanos(count / hz * 1_000_000_000 + count % hz * 1_000_000_000 / hz)
}

/// What the timer was started with, for other levels; the frequency less one, so that it is all zero at first.
#[cfg(feature = "interrupt-executors")]
static STARTED: (AtomicPtr<u32>, AtomicU32) = (AtomicPtr::new(ptr::null_mut()), AtomicU32::new(0));

/// The time, for any level.
#[cfg(feature = "interrupt-executors")]
fn shared() -> Instant {
    let time = STARTED.0.load(Ordering::Relaxed);
    // SAFETY: the address of `mtime`, as `start` was promised: it has stored it here before there was the reactor that
    // gives this function away.
    let count = unsafe { count(time) };
    instant(count, STARTED.1.load(Ordering::Relaxed) + 1)
}

impl Reactor for Mtime {
    type Error = Infallible;

    fn now(&self) -> Instant {
        // SAFETY: what `start` was promised.
        instant(unsafe { count(self.time) }, self.hz)
    }

    #[cfg(feature = "interrupt-executors")]
    fn shared_clock(&self) -> Option<fn() -> Instant> {
        Some(shared)
    }

    fn resolution(&self) -> Duration {
        Duration::from_nanos(u64::from(1_000_000_000_u32.div_ceil(self.hz)))
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if UNPARK.take() || until == Deadline::Now {
            return Ok(());
        }
        let count = match until {
            Deadline::At(at) if at != Instant::MAX => {
                let (nanos, hz) = (at.as_nanos(), u64::from(self.hz));
                let rest = (nanos % 1_000_000_000 * hz).div_ceil(1_000_000_000);
                (nanos / 1_000_000_000)
                    .saturating_mul(hz)
                    .saturating_add(rest)
            }
            _ => u64::MAX,
        };
        // SAFETY: what `start` was promised; `wfi` sleeps until an interrupt is pending. A comparison
        // with a time that has passed makes one pending at once.
        unsafe {
            compare_with(self.compare, count);
            asm!("wfi", options(nostack));
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        UNPARK.waker()
    }
}
