//! How coarse a clock is that does not say so.

use core::cell::Cell;
use core::time::Duration;

use polliwog_core::Instant;

/// No clock's tick is taken for longer than this, in nanoseconds.
const LONGEST: u64 = 10_000_000;
/// A tick that is found to be this short need not be known any better.
const SHORT: u64 = 1_000;
/// How often the clock is read at first, to find out whether it is a fine one.
const READINGS: usize = 64;

/// What the readings of a clock tell of its ticks.
#[derive(Debug, Default)]
pub(crate) struct Tick {
    last: Cell<Option<Instant>>,
    /// What all differences of readings are multiples of; zero before the first.
    length: Cell<u64>,
}

impl Tick {
    pub(crate) const fn new() -> Self {
        Self {
            last: Cell::new(None),
            length: Cell::new(0),
        }
    }

    /// The tick as far as it is known, never less than it is.
    pub(crate) fn length(&self) -> Duration {
        let length = match self.length.get() {
            0 => LONGEST,
            length => length.min(LONGEST),
        };
        Duration::from_nanos(length)
    }

    /// Reads the clock.
    pub(crate) fn watch(&self, clock: impl Fn() -> Instant) -> Instant {
        if self.last.get().is_none() {
            for _ in 0..READINGS {
                self.note(clock());
            }
        }
        let now = clock();
        self.note(now);
        now
    }

    fn note(&self, now: Instant) {
        let length = self.length.get();
        if length != 0 && length <= SHORT {
            return;
        }
        if let Some(last) = self.last.replace(Some(now)) {
            let apart = now.as_nanos().saturating_sub(last.as_nanos());
            self.length.set(common_divisor(length, apart));
        }
    }
}

/// The greatest one, where everything divides zero.
fn common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(readings: &[u64]) -> Duration {
        let tick = Tick::new();
        let next = Cell::new(0_usize);
        for _ in readings {
            tick.watch(|| {
                let at = next.replace(next.get() + 1).saturating_sub(READINGS);
                Instant::from_micros(readings[at.min(readings.len() - 1)])
            });
        }
        tick.length()
    }

    #[test]
    fn a_tick_is_found_out_and_never_taken_for_less() {
        let longest = Duration::from_nanos(LONGEST);
        // Nothing is known yet, or nothing for certain.
        assert_eq!(length(&[5]), longest);
        assert_eq!(length(&[7, 7, 7]), longest);
        assert_eq!(length(&[0, 5_000_000]), longest);
        // A clock of milliseconds, which was never read twice within two ticks.
        assert_eq!(length(&[0, 3_000, 5_000]), Duration::from_millis(1));
        assert_eq!(
            length(&[4_000, 4_000, 10_000, 14_000]),
            Duration::from_millis(2)
        );
        // Microseconds.
        assert_eq!(length(&[100, 3_117, 3_120]), Duration::from_micros(1));
    }

    #[test]
    fn a_fine_clock_is_known_for_one_at_its_first_reading() {
        let tick = Tick::new();
        let now = Cell::new(0);
        tick.watch(|| {
            now.set(now.get() + 1);
            Instant::from_micros(40 + now.get() / 9)
        });
        assert_eq!(tick.length(), Duration::from_micros(1));
    }
}
