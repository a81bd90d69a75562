//! [`Instant`]: nanoseconds since a reactor's start.

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};
use core::time::Duration;

/// A point in time, in nanoseconds since the reactor's start.
///
/// The range is 584 years. [`Instant::MAX`] is the end of time: a sleep until then never ends.
/// Instants of different reactors do not compare in any useful way, but for those that count from
/// [the process's start](Self::from_std), as those of `polliwog-mio` do.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::Instant;
/// use core::time::Duration;
///
/// let start = Instant::from_millis(5);
/// let later = start + Duration::from_micros(7);
/// assert_eq!(later.duration_since(start), Duration::from_micros(7));
/// assert_eq!(start.checked_add(Duration::MAX), None);
/// assert_eq!(start.saturating_add(Duration::MAX), Instant::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The reactor's start.
    pub const ZERO: Instant = Instant(0);
    /// The end of time.
    pub const MAX: Instant = Instant(u64::MAX);

    /// Returns the same point in time as the standard library's, for reactors whose clock is the operating
    /// system's and counts from the process's start: from the first use of this function by anyone, and
    /// what came before is [`Instant::ZERO`]. The reactor of `polliwog-mio` is one, unless its clock is
    /// paused; a virtual clock is none.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    ///
    /// let (one, two) = (std::time::Instant::now(), std::time::Instant::now());
    /// assert!(Instant::from_std(one) <= Instant::from_std(two));
    /// ```
    #[cfg(feature = "std")]
    pub fn from_std(instant: std::time::Instant) -> Self {
        Self::from_duration(instant.saturating_duration_since(process_start()))
    }

    /// Returns the standard library's name of this point in time: see [`from_std`](Self::from_std).
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    ///
    /// let now = std::time::Instant::now();
    /// assert_eq!(Instant::from_std(now).into_std(), Instant::from_std(now).into_std());
    /// ```
    ///
    /// # Panics
    ///
    /// If the standard library has none: of an instant centuries ahead, like [`Instant::MAX`].
    #[cfg(feature = "std")]
    pub fn into_std(self) -> std::time::Instant {
        process_start() + self.as_duration()
    }

    /// Returns the instant `nanos` nanoseconds after the reactor's start.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    ///
    /// assert_eq!(Instant::from_nanos(1_000), Instant::from_micros(1));
    /// ```
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the instant `micros` microseconds after the reactor's start; [`Instant::MAX`] beyond the
    /// range.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    ///
    /// assert_eq!(Instant::from_micros(1_000), Instant::from_millis(1));
    /// ```
    #[inline]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// Returns the instant `millis` milliseconds after the reactor's start; [`Instant::MAX`] beyond the
    /// range.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    ///
    /// assert_eq!(Instant::from_millis(1).as_nanos(), 1_000_000);
    /// ```
    #[inline]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Returns the instant `duration` after the reactor's start; [`Instant::MAX`] beyond the range.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Instant::from_duration(Duration::from_millis(5)), Instant::from_millis(5));
    /// ```
    #[inline]
    pub const fn from_duration(duration: Duration) -> Self {
        Self(nanos(duration))
    }

    /// Returns the nanoseconds since the reactor's start.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    ///
    /// assert_eq!(Instant::from_micros(3).as_nanos(), 3_000);
    /// ```
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the instant so much later; [`Instant::MAX`] beyond the range.
    #[inline]
    pub(crate) const fn saturating_add_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Returns the time since the reactor's start.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Instant::from_millis(5).as_duration(), Duration::from_millis(5));
    /// ```
    #[inline]
    pub const fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the time from `earlier` to `self`, zero if `earlier` is the later one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// let (early, late) = (Instant::from_millis(2), Instant::from_millis(5));
    /// assert_eq!(late.duration_since(early), Duration::from_millis(3));
    /// assert_eq!(early.duration_since(late), Duration::ZERO);
    /// ```
    #[inline]
    pub const fn duration_since(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// Returns the time from `earlier` to `self`, zero if `earlier` is the later one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// let (early, late) = (Instant::from_millis(2), Instant::from_millis(5));
    /// assert_eq!(early.saturating_duration_since(late), Duration::ZERO);
    /// ```
    #[inline]
    pub const fn saturating_duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the time from `earlier` to `self`, `None` if `earlier` is the later one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// let (early, late) = (Instant::from_millis(2), Instant::from_millis(5));
    /// assert_eq!(late.checked_duration_since(early), Some(Duration::from_millis(3)));
    /// assert_eq!(early.checked_duration_since(late), None);
    /// ```
    #[inline]
    pub const fn checked_duration_since(self, earlier: Instant) -> Option<Duration> {
        match self.0.checked_sub(earlier.0) {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None => None,
        }
    }

    /// Returns `self + duration`, `None` beyond the range.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!(Instant::ZERO.checked_add(second), Some(Instant::from_millis(1_000)));
    /// assert_eq!(Instant::MAX.checked_add(second), None);
    /// ```
    #[inline]
    pub const fn checked_add(self, duration: Duration) -> Option<Instant> {
        let nanos = duration.as_nanos();
        if nanos > u64::MAX as u128 {
            return None;
        }
        match self.0.checked_add(nanos as u64) {
            Some(sum) => Some(Instant(sum)),
            None => None,
        }
    }

    /// Returns `self - duration`, `None` before the reactor's start.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!(Instant::from_millis(1_500).checked_sub(second), Some(Instant::from_millis(500)));
    /// assert_eq!(Instant::ZERO.checked_sub(second), None);
    /// ```
    #[inline]
    pub const fn checked_sub(self, duration: Duration) -> Option<Instant> {
        let nanos = duration.as_nanos();
        if nanos > u64::MAX as u128 {
            return None;
        }
        match self.0.checked_sub(nanos as u64) {
            Some(difference) => Some(Instant(difference)),
            None => None,
        }
    }

    /// Returns `self + duration`, [`Instant::MAX`] beyond the range.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Instant::MAX.saturating_add(Duration::from_secs(1)), Instant::MAX);
    /// ```
    #[inline]
    pub const fn saturating_add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(nanos(duration)))
    }

    /// Returns `self - duration`, [`Instant::ZERO`] before the reactor's start.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Instant;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Instant::ZERO.saturating_sub(Duration::from_secs(1)), Instant::ZERO);
    /// ```
    #[inline]
    pub const fn saturating_sub(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_sub(nanos(duration)))
    }
}

/// The time on the process's clock.
#[cfg(any(
    feature = "std",
    all(feature = "embassy-time", not(target_os = "none"))
))]
pub(crate) fn of_process() -> Instant {
    Instant::from_duration(process_start().elapsed())
}

/// When the process's clock began.
#[cfg(any(
    feature = "std",
    all(feature = "embassy-time", not(target_os = "none"))
))]
fn process_start() -> std::time::Instant {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    *START.get_or_init(std::time::Instant::now)
}

/// Nanoseconds of `duration`, at most `u64::MAX`, without a 128-bit multiplication on the way.
#[inline]
const fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(duration.subsec_nanos() as u64)
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at [`Instant::MAX`], which as a deadline means "never".
    #[inline]
    fn add(self, duration: Duration) -> Instant {
        self.saturating_add(duration)
    }
}

impl AddAssign<Duration> for Instant {
    #[inline]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// Saturates at [`Instant::ZERO`].
    #[inline]
    fn sub(self, duration: Duration) -> Instant {
        self.saturating_sub(duration)
    }
}

impl SubAssign<Duration> for Instant {
    #[inline]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    /// Zero if the right side is the later one.
    #[inline]
    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::MAX {
            f.write_str("Instant::MAX")
        } else {
            write!(f, "Instant({:?})", self.as_duration())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "std")]
    fn the_standard_librarys_instants_are_the_same_ones() {
        let before = Instant::now();
        let std = std::time::Instant::now();
        let ours = Instant::from_std(std);
        assert!(before <= ours && ours <= Instant::now());
        // An instant of the standard library may be finer than ours, never coarser.
        assert_eq!(Instant::from_std(ours.into_std()), ours);
        let later = std + Duration::from_secs(3_600);
        assert_eq!(Instant::from_std(later) - ours, Duration::from_secs(3_600));
        assert!((ours + Duration::from_secs(3_600)).into_std() <= later);
        assert_eq!(Instant::MAX.elapsed(), Duration::ZERO);
        let long_ago = std.checked_sub(Duration::from_secs(5)).unwrap_or(std);
        assert!(Instant::from_std(long_ago) <= ours);
    }

    #[test]
    fn arithmetic_saturates_or_says_none() {
        let second = Instant::from_millis(1000);
        assert_eq!(second.checked_sub(Duration::from_secs(2)), None);
        assert_eq!(second - Duration::from_secs(2), Instant::ZERO);
        assert_eq!(Instant::MAX.checked_add(Duration::from_nanos(1)), None);
        assert_eq!(second + Duration::MAX, Instant::MAX);
        assert_eq!(second - Instant::MAX, Duration::ZERO);
        assert_eq!(second.checked_duration_since(Instant::MAX), None);
        assert_eq!(Instant::from_millis(u64::MAX), Instant::MAX);
        assert_eq!(Instant::from_duration(Duration::MAX), Instant::MAX);
        assert_eq!(Instant::MAX.as_duration(), Duration::from_nanos(u64::MAX));
    }
}
