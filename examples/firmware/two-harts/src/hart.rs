//! What a chip with two cores has to bring: how the second one starts, a lock between both, and a reactor for each
//! that the other one can wake. All of this program's unsafe code.

use core::arch::{asm, global_asm};
use core::convert::Infallible;
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use core::task::Waker;

use polliwog::unpark::Flag;
use polliwog::{Deadline, Instant, Reactor};

// The CLINT of QEMU's virt machine: a word and a comparison for each hart, one counter for both.
const MSIP: *mut u32 = ptr::without_provenance_mut(0x0200_0000);
const MTIMECMP: *mut u32 = ptr::without_provenance_mut(0x0200_4000);
const MTIME: *mut u32 = ptr::without_provenance_mut(0x0200_BFF8);
const NANOS_PER_COUNT: u64 = 100;

// The first hart clears the statics, and then lets the second one go on, by its software interrupt. As that is
// before there are statics, the second one waits for the interrupt and nothing else.
global_asm!(
    ".section .init.mp_hook, \"ax\"",
    ".global _mp_hook",
    "_mp_hook:",
    "beqz a0, 2f",
    "csrsi mie, 8",
    "1: wfi",
    "csrr t0, mip",
    "andi t0, t0, 8",
    "beqz t0, 1b",
    "csrci mie, 8",
    "li a0, 0",
    "ret",
    "2: li a0, 1",
    "ret",
);

/// Which hart this is.
pub fn id() -> usize {
    riscv::register::mhartid::read()
}

fn ring(hart: usize) {
    // SAFETY: the software interrupt of one of the two harts.
    unsafe { MSIP.add(hart).write_volatile(1) };
}

fn hush(hart: usize) {
    // SAFETY: as in `ring`.
    unsafe { MSIP.add(hart).write_volatile(0) };
}

/// Lets the second hart start: to be called by the first one.
pub fn start_second() {
    ring(1);
}

/// Who is in a critical section: the hart's number plus one.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

struct BothHarts;
critical_section::set_impl!(BothHarts);

// SAFETY: one hart at a time has its number in `INSIDE`, and no handler interrupts it there.
unsafe impl critical_section::Impl for BothHarts {
    unsafe fn acquire() -> u8 {
        let enabled = riscv::register::mstatus::read().mie();
        riscv::interrupt::disable();
        let mine = id() + 1;
        if INSIDE.load(Ordering::Relaxed) == mine {
            return 2; // Within one: the outer one ends it.
        }
        while INSIDE
            .compare_exchange_weak(0, mine, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            core::hint::spin_loop();
        }
        u8::from(enabled)
    }

    unsafe fn release(restore: u8) {
        if restore == 2 {
            return;
        }
        INSIDE.store(0, Ordering::Release);
        if restore == 1 {
            // SAFETY: they were enabled before.
            unsafe { riscv::interrupt::enable() };
        }
    }
}

static UNPARK: [Flag; 2] = [Flag::with_bell(|| ring(0)), Flag::with_bell(|| ring(1))];
static SLEEPS: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// How often a hart has slept.
pub fn sleeps(hart: usize) -> u32 {
    SLEEPS[hart].load(Ordering::Relaxed)
}

/// The reactor of the hart that makes it: the common clock, an alarm of its own, and sleep until an interrupt, that
/// of the other hart's bell included.
#[derive(Debug)]
pub struct Hart(usize);

impl Hart {
    /// Starts this hart's alarm and lets the bell through.
    pub fn here() -> Self {
        let hart = Self(id());
        hush(hart.0);
        hart.compare_with(u64::MAX);
        // SAFETY: the handlers are in place, and this is in no critical section.
        unsafe {
            riscv::register::mie::set_mtimer();
            riscv::register::mie::set_msoft();
            riscv::interrupt::enable();
        }
        hart
    }

    fn compare_with(&self, count: u64) {
        // SAFETY: the comparison of this hart. Never an early value in between.
        unsafe {
            let compare = MTIMECMP.add(2 * self.0);
            compare.add(1).write_volatile(u32::MAX);
            compare.write_volatile(count as u32);
            compare.add(1).write_volatile((count >> 32) as u32);
        }
    }
}

/// The alarm's handler: the wait is over, and the executor looks at the time by itself.
#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineTimer)]
fn timer() {
    Hart(id()).compare_with(u64::MAX);
}

/// The bell's handler, which has only to end a sleep.
#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineSoft)]
fn bell() {
    hush(id());
}

impl Reactor for Hart {
    type Error = Infallible;

    fn now(&self) -> Instant {
        loop {
            // SAFETY: the counter of this machine.
            let (high, low, again) = unsafe {
                let high = MTIME.add(1);
                (
                    high.read_volatile(),
                    MTIME.read_volatile(),
                    high.read_volatile(),
                )
            };
            if high == again {
                return Instant::from_nanos(
                    (u64::from(high) << 32 | u64::from(low)) * NANOS_PER_COUNT,
                );
            }
        }
    }

    // The executor has masked this hart's interrupts and looked before it calls this. The other hart's bell is
    // pending until the handler comes, so `wfi` does not sleep through it.
    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if UNPARK[self.0].take() || until == Deadline::Now {
            return Ok(());
        }
        self.compare_with(match until {
            Deadline::At(at) => at.as_nanos().div_ceil(NANOS_PER_COUNT),
            _ => u64::MAX,
        });
        SLEEPS[self.0].fetch_add(1, Ordering::Relaxed);
        // SAFETY: it sleeps until an interrupt is pending.
        unsafe { asm!("wfi", options(nostack)) };
        Ok(())
    }

    fn unparker(&self) -> Waker {
        UNPARK[self.0].waker()
    }
}
