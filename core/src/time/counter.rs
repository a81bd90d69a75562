//! [`ExtendedCounter`]: a clock out of a counter of few bits.

use core::fmt;
use core::time::Duration;

use super::instant::Instant;
use super::rate::{self, NANOS_PER_SECOND};
use crate::loom::Lock;

/// Extends a counter of hardware that wraps around after 16, 24 or 32 bits, or any other number of
/// them up to 32, to a count of 64 bits and to an [`Instant`].
///
/// # How often it must be read
///
/// At least once in every [`period`](Self::period), the time in which the counter goes through all of
/// its values: a reading notices that the counter has wrapped around by finding it below the value of the
/// reading before. Where nothing else does so for certain, interrupts read it, two in a period: with the
/// wrap, and by a comparison with half of the range. The one with the wrap is not enough, since a handler
/// that comes a little later after one wrap than after the wrap before reads the counter after more than a
/// period. A counter of 24 bits at 16 MHz has a period of one second, one of 16 bits at 32 768 Hz of two.
///
/// # From anywhere
///
/// Readings may come from any thread, core and interrupt handler. The counter is read and compared under
/// a lock, which on bare metal is a critical section of some twenty instructions: so no reading goes back
/// behind another one.
///
/// A static one takes 24 bytes of RAM on a chip and as many of flash, since it knows its counter from the start.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::time::ExtendedCounter;
/// use polliwog::{Deadline, Instant, Reactor};
/// # mod timer { pub fn count() -> u16 { 7 } pub fn set_compare(_: u16) {} }
///
/// /// A timer of 16 bits at 32 768 Hz.
/// static CLOCK: ExtendedCounter = ExtendedCounter::new(16, 32_768);
///
/// fn now() -> Instant {
///     CLOCK.now(|| timer::count().into())
/// }
///
/// /// The timer's interrupts: of the overflow, and of a comparison with half of the range.
/// fn on_interrupt() {
///     now();
/// }
///
/// fn set_alarm(at: Instant) {
///     // The counter's own bits of the first count at which the clock shows `at`.
///     timer::set_compare(CLOCK.ticks_at(at) as u16);
/// }
/// # on_interrupt();
/// # set_alarm(now());
/// ```
pub struct ExtendedCounter {
    mask: u32,
    hertz: u32,
    /// The count at the last reading.
    ticks: Lock<u64>,
}

impl ExtendedCounter {
    /// For a counter of `bits` bits that counts up `hertz` times a second. It is zero when the counter
    /// is, in the first period.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::ExtendedCounter;
    ///
    /// /// 24 bits at 16 MHz.
    /// static CLOCK: ExtendedCounter = ExtendedCounter::new(24, 16_000_000);
    /// ```
    ///
    /// # Panics
    ///
    /// Unless `bits` is between 1 and 32, and `hertz` not zero: at compile time, in a static.
    pub const fn new(bits: u32, hertz: u32) -> Self {
        assert!(bits >= 1 && bits <= 32, "a counter has 1 to 32 bits");
        assert!(hertz > 0, "a counter that does not count is no clock");
        Self {
            mask: u32::MAX >> (32 - bits),
            hertz,
            ticks: Lock::new(0),
        }
    }

    /// Reads the counter by `read`, and extends it to 64 bits. Bits that the counter does not have are
    /// ignored.
    ///
    /// `read` is called under the lock: it must neither read this clock nor panic.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::ExtendedCounter;
    ///
    /// let clock = ExtendedCounter::new(16, 32_768);
    /// assert_eq!(clock.ticks(|| 65_535), 65_535);
    /// assert_eq!(clock.ticks(|| 1), 65_537); // it has wrapped around
    /// ```
    #[inline]
    pub fn ticks(&self, read: impl FnOnce() -> u32) -> u64 {
        self.ticks.with(|ticks| {
            let passed = read().wrapping_sub(*ticks as u32) & self.mask;
            *ticks += u64::from(passed);
            *ticks
        })
    }

    /// [`ticks`](Self::ticks) of a counter that counts down to zero and begins anew from its highest
    /// value, as SysTick does.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::ExtendedCounter;
    ///
    /// let clock = ExtendedCounter::new(16, 32_768);
    /// assert_eq!(clock.ticks_down(|| 65_535), 0);
    /// assert_eq!(clock.ticks_down(|| 65_533), 2);
    /// ```
    #[inline]
    pub fn ticks_down(&self, read: impl FnOnce() -> u32) -> u64 {
        self.ticks(|| !read())
    }

    /// Reads the counter by `read`: the time since it was zero in the first period.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::ExtendedCounter};
    ///
    /// let clock = ExtendedCounter::new(16, 1_000);
    /// assert_eq!(clock.now(|| 250), Instant::from_millis(250));
    /// ```
    #[inline]
    pub fn now(&self, read: impl FnOnce() -> u32) -> Instant {
        self.instant(self.ticks(read))
    }

    /// [`now`](Self::now) of a counter that counts [down](Self::ticks_down).
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::ExtendedCounter};
    ///
    /// let clock = ExtendedCounter::new(16, 1_000);
    /// assert_eq!(clock.now_down(|| 65_535 - 250), Instant::from_millis(250));
    /// ```
    #[inline]
    pub fn now_down(&self, read: impl FnOnce() -> u32) -> Instant {
        self.instant(self.ticks_down(read))
    }

    /// Returns when the clock has counted `ticks`, rounded down to nanoseconds; [`Instant::MAX`] beyond the
    /// range.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::ExtendedCounter};
    ///
    /// let clock = ExtendedCounter::new(16, 1_000_000);
    /// assert_eq!(clock.instant(5_000), Instant::from_millis(5));
    /// ```
    #[inline]
    pub const fn instant(&self, ticks: u64) -> Instant {
        rate::instant(ticks, self.hertz as u64)
    }

    /// Returns the first count at which the clock shows `at` or later: what to set an alarm to.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::ExtendedCounter};
    ///
    /// let clock = ExtendedCounter::new(16, 1_000);
    /// assert_eq!(clock.ticks_at(Instant::from_micros(1_500)), 2); // not before
    /// ```
    #[inline]
    pub const fn ticks_at(&self, at: Instant) -> u64 {
        rate::ticks_at(at, self.hertz as u64)
    }

    /// Returns what a reactor with this clock returns as its
    /// [`resolution`](crate::Reactor::resolution): one tick, rounded up to nanoseconds.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::ExtendedCounter;
    /// use std::time::Duration;
    ///
    /// assert_eq!(ExtendedCounter::new(16, 1_000).resolution(), Duration::from_millis(1));
    /// ```
    #[inline]
    pub const fn resolution(&self) -> Duration {
        Duration::from_nanos(NANOS_PER_SECOND.div_ceil(self.hertz as u64))
    }

    /// In how much time the counter goes through all of its values, rounded down to nanoseconds: it must
    /// be read once in each such span at least.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::ExtendedCounter;
    /// use std::time::Duration;
    ///
    /// assert_eq!(ExtendedCounter::new(16, 32_768).period(), Duration::from_secs(2));
    /// ```
    pub const fn period(&self) -> Duration {
        self.instant(self.mask as u64 + 1).as_duration()
    }
}

impl fmt::Debug for ExtendedCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtendedCounter")
            .field("bits", &self.mask.count_ones())
            .field("hertz", &self.hertz)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Random steps of up to a period, so many that each counter wraps thousands of times.
    #[test]
    fn counts_on_over_thousands_of_wraps() {
        for bits in [1, 2, 7, 16, 24, 31, 32] {
            let counter = ExtendedCounter::new(bits, 1_000_000);
            let down = ExtendedCounter::new(bits, 1_000_000);
            let period = 1_u64 << bits;
            let (mut real, mut random) = (0_u64, 0x9E37_79B9_7F4A_7C15_u64);
            for step in 0..if cfg!(miri) { 200 } else { 20_000_u64 } {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                real += match step % 4 {
                    // The longest that is allowed, and none at all.
                    0 => period - 1,
                    1 => 0,
                    _ => random % period,
                };
                // Bits that the counter lacks are noise.
                let shown = real as u32 ^ (random as u32 & !(period - 1) as u32);
                assert_eq!(counter.ticks(|| shown), real, "{bits} bits");
                assert_eq!(down.ticks_down(|| !shown), real, "{bits} bits");
                assert_eq!(counter.now(|| shown), Instant::from_micros(real));
                assert_eq!(down.now_down(|| !shown), Instant::from_micros(real));
            }
            assert!(real / period > if cfg!(miri) { 40 } else { 5_000 });
        }
    }

    /// Instants and counts of frequencies that divide a second's nanoseconds and of others.
    #[test]
    fn an_alarm_at_an_instant_is_not_early_and_no_tick_late() {
        for hertz in [
            1,
            3,
            1_000,
            32_768,
            1_000_000,
            7_372_800,
            168_000_000,
            u32::MAX,
        ] {
            let counter = ExtendedCounter::new(24, hertz);
            let mut nanos = 1_u64;
            while nanos < 1 << 55 {
                let at = Instant::from_nanos(nanos);
                let ticks = counter.ticks_at(at);
                assert!(counter.instant(ticks) >= at, "{hertz} {nanos}");
                assert!(
                    ticks == 0 || counter.instant(ticks - 1) < at,
                    "{hertz} {nanos}"
                );
                nanos = nanos * 3 + 1;
            }
            assert_eq!(counter.instant(0), Instant::ZERO);
            assert_eq!(counter.ticks_at(Instant::ZERO), 0);
            assert!(counter.resolution().as_nanos() * u128::from(hertz) >= 1_000_000_000);
        }
        let systick = ExtendedCounter::new(24, 16_777_216);
        assert_eq!(systick.period(), Duration::from_secs(1));
        assert_eq!(systick.instant(u64::MAX), Instant::MAX);
    }

    /// Readings of several threads do not go back behind one another, while the counter wraps.
    #[test]
    fn threads_may_read_at_the_same_time() {
        static REAL: AtomicU64 = AtomicU64::new(0);
        static COUNTER: ExtendedCounter = ExtendedCounter::new(16, 1_000);
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut last = 0;
                    for _ in 0..rounds {
                        let before = REAL.load(Ordering::SeqCst);
                        let read = || REAL.fetch_add(1_021, Ordering::SeqCst) as u32;
                        let ticks = COUNTER.ticks(read);
                        assert!(ticks >= before && ticks >= last);
                        last = ticks;
                    }
                });
            }
        });
        let read = || REAL.load(Ordering::SeqCst) as u32;
        assert_eq!(COUNTER.ticks(read), REAL.load(Ordering::SeqCst));
    }
}
