//! [`Rounds`]: how often a counter has come round.

use core::sync::atomic::{AtomicU32, Ordering};

/// A count of 64 bits in two words, for machines that load and store 32 at a time. 32 of them would be over
/// after seven weeks of a thousand rounds a second.
///
/// Its users keep one another out: it has no compare-and-swap to rely on, and two words are not read at once.
pub(super) struct Rounds {
    low: AtomicU32,
    high: AtomicU32,
}

impl Rounds {
    pub(super) const fn new() -> Self {
        Self {
            low: AtomicU32::new(0),
            high: AtomicU32::new(0),
        }
    }

    #[inline]
    pub(super) fn set(&self, rounds: u64) {
        self.low.store(rounds as u32, Ordering::Relaxed);
        self.high.store((rounds >> 32) as u32, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        let high = self.high.load(Ordering::Relaxed);
        u64::from(high) << 32 | u64::from(self.low.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_on_after_32_bits() {
        let rounds = Rounds::new();
        assert_eq!(rounds.get(), 0);
        let start = u64::from(u32::MAX) - 2;
        rounds.set(start);
        for n in 1..=6 {
            rounds.set(rounds.get() + 1);
            assert_eq!(rounds.get(), start + n);
        }
    }
}
