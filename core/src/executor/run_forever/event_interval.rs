//! [`EventInterval`]: how often the endless run loop of a chip looks at its reactor when it is busy.
//!
//! As [that](crate::executor::event_interval) of all other executors, in as little code as does it.
//!
//! By time, but without reading the clock each turn: it counts turns, and learns from the clock, which
//! it reads when it looks, how many of them fit in [`LONG`]. It learns slowly that turns are short
//! and at once that they are long, so that a task which is busy for a millisecond in each poll delays a
//! timer by a poll or two and not by sixty.

use crate::time::instant::Instant;

/// Time between two looks in nanoseconds, at which there is to be one turn less.
const LONG: u32 = 100_000;
/// Turns between two looks at most.
const MOST: u32 = 64;

pub(super) struct EventInterval {
    /// Turns until the next look.
    left: u32,
    /// Turns between two looks.
    between: u32,
    /// When the last look was: nanoseconds, of which 32 bits will do.
    last: u32,
    /// Whether there has been one since the last wait.
    known: bool,
}

impl EventInterval {
    pub(super) const fn new() -> Self {
        Self {
            left: 1,
            between: 1,
            last: 0,
            known: false,
        }
    }

    /// Counts a turn in which there was something to do. Whether it is time to look; then
    /// [`measure`](Self::measure) is next.
    #[inline(always)]
    pub(super) fn is_due(&mut self) -> bool {
        self.left -= 1;
        self.left == 0
    }

    /// Takes the time of a look.
    #[inline(always)]
    pub(super) fn measure(&mut self, now: Instant) {
        let now = now.as_nanos() as u32;
        if self.known {
            let mut took = now.wrapping_sub(self.last);
            if took <= LONG && self.between < MOST {
                self.between += 1;
            }
            while took > LONG && self.between > 1 {
                took /= 2;
                self.between /= 2;
            }
        }
        self.last = now;
        self.known = true;
        self.left = self.between;
    }

    /// What comes next is a wait, whose time is not to count.
    #[inline(always)]
    pub(super) fn pause(&mut self) {
        self.known = false;
        self.left = self.between;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Turns until the next look, each of which takes so long.
    fn look(interval: &mut EventInterval, clock: &mut u64, micros: u64) -> u32 {
        let mut turns = 0;
        loop {
            turns += 1;
            *clock += micros;
            if interval.is_due() {
                interval.measure(Instant::from_micros(*clock));
                return turns;
            }
        }
    }

    #[test]
    fn short_turns_are_looked_between_seldom_and_long_ones_each_time() {
        let (mut interval, mut clock) = (EventInterval::new(), 0);
        for _ in 0..10 {
            assert_eq!(
                look(&mut interval, &mut clock, 5_000),
                1,
                "never seen short"
            );
        }
        for _ in 0..100 {
            look(&mut interval, &mut clock, 1);
        }
        assert_eq!(look(&mut interval, &mut clock, 1), MOST);
        // The first stretch of long ones has to be seen, and then that is that.
        assert_eq!(look(&mut interval, &mut clock, 5_000), MOST);
        for _ in 0..10 {
            assert_eq!(look(&mut interval, &mut clock, 5_000), 1);
        }
    }

    #[test]
    fn in_between_looks_come_about_as_often_as_they_should() {
        let (mut interval, mut clock) = (EventInterval::new(), 0);
        for micros in [3, 20, 60, 99, 7] {
            for _ in 0..100 {
                look(&mut interval, &mut clock, micros);
            }
            for _ in 0..100 {
                let before = clock;
                look(&mut interval, &mut clock, micros);
                assert!(clock - before <= 100 + micros, "{micros}");
            }
        }
    }

    #[test]
    fn a_wait_is_no_turn() {
        let (mut interval, mut clock) = (EventInterval::new(), 0);
        for _ in 0..100 {
            look(&mut interval, &mut clock, 1);
        }
        interval.pause();
        clock += 1_000_000;
        for _ in 0..3 {
            assert_eq!(look(&mut interval, &mut clock, 1), MOST);
        }
    }
}
