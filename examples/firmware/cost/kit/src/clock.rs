//! Microseconds and an alarm, the same for all executors that want them: as little code as does
//! the job, by the LM3S6965's SysTick and timer 0, the micro:bit's timer 0, or the virt machine's CLINT.

/// Starts the clock.
#[inline]
pub fn start() {
    imp::start();
}

/// Microseconds since the start.
#[inline]
pub fn now() -> u64 {
    imp::now()
}

/// Has the alarm's interrupt come in so many microseconds, at least one.
#[inline]
pub fn alarm_in(micros: u64) {
    imp::alarm_in(micros.clamp(1, 100_000_000) as u32);
}

/// Acknowledges the alarm: for its interrupt handler.
#[inline]
pub fn acknowledge() {
    imp::acknowledge();
}

#[cfg(all(target_arch = "arm", target_has_atomic = "ptr"))]
mod imp {
    use core::sync::atomic::{AtomicU32, Ordering};

    static ROUNDS: AtomicU32 = AtomicU32::new(0);

    fn write(register: usize, value: u32) {
        // SAFETY: one of the device registers below.
        unsafe { (register as *mut u32).write_volatile(value) };
    }

    fn read(register: usize) -> u32 {
        // SAFETY: as above.
        unsafe { (register as *const u32).read_volatile() }
    }

    pub(super) fn start() {
        write(0x400F_E104, 1 << 16);
        write(0xE000_E014, 0x00FF_FFFF);
        write(0xE000_E018, 0);
        write(0xE000_E010, 7);
        write(0xE000_E100, 1 << 19);
    }

    pub(super) fn now() -> u64 {
        critical_section::with(|_| {
            let mut rounds = ROUNDS.load(Ordering::Relaxed);
            let mut left = read(0xE000_E018);
            if read(0xE000_ED04) & 1 << 26 != 0 {
                rounds = rounds.wrapping_add(1);
                left = read(0xE000_E018);
            }
            ((u64::from(rounds) << 24) + u64::from(0x00FF_FFFF - left)) * 2 / 25
        })
    }

    #[unsafe(no_mangle)]
    extern "C" fn SysTick() {
        ROUNDS.store(
            ROUNDS.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }

    pub(super) fn alarm_in(micros: u32) {
        write(0x4003_000C, 0);
        write(0x4003_0000, 0);
        write(0x4003_0004, 1);
        write(0x4003_0028, micros * 25 / 2);
        write(0x4003_0024, 1);
        write(0x4003_0018, 1);
        write(0x4003_000C, 1);
    }

    pub(super) fn acknowledge() {
        write(0x4003_0024, 1);
    }
}

#[cfg(all(target_arch = "arm", not(target_has_atomic = "ptr")))]
mod imp {
    use core::sync::atomic::{AtomicU32, Ordering};

    const TIMER: usize = 0x4000_8000;
    /// The count that was seen last, and how often the counter had come round by then.
    static SEEN: (AtomicU32, AtomicU32) = (AtomicU32::new(0), AtomicU32::new(0));

    fn write(register: usize, value: u32) {
        // SAFETY: one of the device registers below.
        unsafe { (register as *mut u32).write_volatile(value) };
    }

    fn count() -> u32 {
        write(TIMER + 0x044, 1);
        // SAFETY: as above.
        unsafe { ((TIMER + 0x544) as *const u32).read_volatile() }
    }

    pub(super) fn start() {
        write(TIMER + 0x508, 3); // 32 bits
        write(TIMER + 0x510, 4); // 1 MHz
        write(TIMER, 1);
        write(0xE000_E100, 1 << 8);
    }

    pub(super) fn now() -> u64 {
        critical_section::with(|_| {
            let count = count();
            let mut rounds = SEEN.1.load(Ordering::Relaxed);
            rounds += u32::from(count < SEEN.0.load(Ordering::Relaxed));
            SEEN.0.store(count, Ordering::Relaxed);
            SEEN.1.store(rounds, Ordering::Relaxed);
            u64::from(rounds) << 32 | u64::from(count)
        })
    }

    pub(super) fn alarm_in(micros: u32) {
        write(TIMER + 0x140, 0);
        let start = count();
        write(TIMER + 0x540, start.wrapping_add(micros));
        write(TIMER + 0x304, 1 << 16);
        // It compares for equality.
        if count().wrapping_sub(start) >= micros {
            write(0xE000_E200, 1 << 8);
        }
    }

    pub(super) fn acknowledge() {
        write(TIMER + 0x308, 1 << 16);
        write(TIMER + 0x140, 0);
    }
}

#[cfg(target_arch = "riscv32")]
mod imp {
    #[unsafe(no_mangle)]
    extern "C" fn MachineTimer() {
        unsafe extern "C" {
            safe fn ALARM();
        }
        ALARM();
    }

    fn mtime() -> u64 {
        loop {
            // SAFETY: the machine's clock.
            let read = |at: usize| unsafe { (at as *const u32).read_volatile() };
            let high = read(0x0200_BFFC);
            let low = read(0x0200_BFF8);
            if read(0x0200_BFFC) == high {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }

    fn compare(at: u64) {
        // SAFETY: the clock's comparison.
        unsafe {
            (0x0200_4004 as *mut u32).write_volatile(u32::MAX);
            (0x0200_4000 as *mut u32).write_volatile(at as u32);
            (0x0200_4004 as *mut u32).write_volatile((at >> 32) as u32);
        }
    }

    pub(super) fn start() {
        compare(u64::MAX);
        // SAFETY: the handlers are in place.
        unsafe {
            riscv::register::mie::set_mtimer();
            riscv::interrupt::enable();
        }
    }

    pub(super) fn now() -> u64 {
        mtime() / 10
    }

    pub(super) fn alarm_in(micros: u32) {
        compare(mtime() + u64::from(micros) * 10);
    }

    pub(super) fn acknowledge() {
        compare(u64::MAX);
    }
}
