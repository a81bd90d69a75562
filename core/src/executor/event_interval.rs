//! [`EventInterval`]: how many polls go between two looks at the clock.

use ::core::time::Duration;

use crate::time::instant::Instant;

/// A busy executor looks at its reactor when this much time has passed since it looked last. A
/// reading of the clock takes about 25 ns and an empty look at epoll about 110, so a busy executor
/// spends a thousandth of its time on looks.
const BETWEEN_LOOKS: u64 = Duration::from_micros(100).as_nanos() as u64;
/// The most polls from one look at the clock to the next. Among polls of a few nanoseconds a reading of
/// the clock then costs each of them half a nanosecond.
const MOST: u32 = 64;
/// The most polls that go before the first look at the clock after a wait: what comes then may be
/// quite different from what was before.
const AFTER_WAIT: u32 = 3;

/// After a slow poll each one is followed by a reading of the clock, as often as that costs a tenth of the
/// slow one's time, …
const CAUTION: u64 = 256;
/// … but not for ever: the machine itself may have stood still.
const MOST_CAUTION: u64 = 4096;

/// How many polls go between two looks at the clock, adapted to how long polls take.
///
/// The number grows by half as long as polls are short, and shrinks at once so that the next look
/// comes about when it is time for one. After a poll that took longer than the time between two looks
/// the clock is read after each poll for a while, the longer the slower that one was: tasks that
/// compute for milliseconds are seen among others that are done at once.
#[derive(Debug)]
pub(super) struct EventInterval {
    every: u32,
    /// Whether the next reading comes after a single poll, as it was not known when the polls before
    /// the last one began.
    probing: bool,
    /// How many more times the clock is to be read after a single poll.
    caution: u32,
    /// Whether no poll has been measured yet.
    new: bool,
    /// Whether the two times are known: after a wait nobody may have read the clock.
    known: bool,
    /// Whether it was time for a look that could wait.
    #[cfg(not(lean))]
    put_off: bool,
    /// When the clock was read last.
    checked: Instant,
    /// When the reactor was looked at last.
    polled: Instant,
}

impl EventInterval {
    pub(super) const fn new() -> Self {
        Self {
            every: AFTER_WAIT,
            probing: false,
            caution: 0,
            new: true,
            known: false,
            #[cfg(not(lean))]
            put_off: false,
            checked: Instant::ZERO,
            polled: Instant::ZERO,
        }
    }

    /// How many polls go until the next look at the clock.
    #[inline]
    pub(super) fn polls(&self) -> u32 {
        if self.probing { 1 } else { self.every }
    }

    /// Notes that the reactor has been looked at, and at what time it was afterwards, if the clock
    /// was read.
    #[inline]
    pub(super) fn reactor_polled(&mut self, now: Option<Instant>) {
        self.known = now.is_some();
        #[cfg(not(lean))]
        {
            self.put_off = false;
        }
        if let Some(now) = now {
            (self.checked, self.polled) = (now, now);
        }
    }

    /// Notes that the look for which it is time comes later: it stays due.
    #[cfg(not(lean))]
    pub(super) fn put_off(&mut self) {
        self.put_off = true;
    }

    /// Whether a look has been put off, and none has come since.
    #[cfg(not(lean))]
    #[inline]
    pub(super) fn is_put_off(&self) -> bool {
        self.put_off
    }

    /// Notes that the executor has waited.
    #[inline]
    pub(super) fn waited(&mut self) {
        // Also where it was less: who waits after each poll would else never find out that they are short.
        if self.caution == 0 {
            self.every = AFTER_WAIT;
        }
        self.probing = false;
    }

    /// Adapts the number of polls to what the clock says after that many. Returns whether it is time
    /// to look at the reactor.
    pub(super) fn check(&mut self, now: Instant) -> bool {
        // In nanoseconds, because a `Duration` takes a division.
        let since = |then: Instant| now.as_nanos().saturating_sub(then.as_nanos());
        let polls = self.polls();
        let checked = ::core::mem::replace(&mut self.checked, now);
        if !::core::mem::replace(&mut self.known, true) {
            // It may have been long ago.
            self.probing = true;
            self.caution = self.caution.saturating_sub(1);
            if ::core::mem::replace(&mut self.new, false) {
                // The next polls may be of other tasks than the one that is measured first.
                self.every = 1;
            }
            return true;
        }
        let probed = ::core::mem::replace(&mut self.probing, false);
        let took = since(checked);
        self.caution = self.caution.saturating_sub(1);
        if took > BETWEEN_LOOKS {
            // At most what it was.
            self.every = (u64::from(polls) * BETWEEN_LOOKS / took) as u32;
            if self.every == 0 {
                self.every = 1;
                let caution = (took / CAUTION).min(MOST_CAUTION) as u32;
                self.caution = self.caution.max(caution);
            }
        } else if took < BETWEEN_LOOKS / 2 && self.caution == 0 && !probed {
            self.every = (self.every + self.every.div_ceil(2)).min(MOST);
        }
        #[cfg(not(lean))]
        if self.put_off {
            return true;
        }
        since(self.polled) >= BETWEEN_LOOKS
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::vec::Vec;

    struct Run {
        event_interval: EventInterval,
        now: u64,
        left: u32,
        unlooked: u32,
    }

    impl Run {
        fn new() -> Self {
            let event_interval = EventInterval::new();
            let left = event_interval.polls();
            Self {
                event_interval,
                now: 0,
                left,
                unlooked: 0,
            }
        }

        /// Lets polls of these lengths go by, in nanoseconds; returns after how many of them each look
        /// came.
        fn looks(&mut self, polls: impl IntoIterator<Item = u64>) -> Vec<u32> {
            let mut looks = Vec::new();
            for poll in polls {
                self.now += poll;
                self.unlooked += 1;
                self.left -= 1;
                if self.left == 0 {
                    let now = Instant::from_nanos(self.now);
                    if self.event_interval.check(now) {
                        looks.push(std::mem::take(&mut self.unlooked));
                        self.event_interval.reactor_polled(Some(now));
                    }
                    self.left = self.event_interval.polls();
                }
            }
            looks
        }

        /// Waits, without a timer that would want to know the time afterwards.
        fn wait(&mut self) {
            self.event_interval.waited();
            self.event_interval.reactor_polled(None);
            self.left = self.event_interval.polls();
            self.unlooked = 0;
        }
    }

    const SLOW: u64 = 5_000_000;

    #[test]
    fn polls_of_nanoseconds_cost_few_readings() {
        let mut run = Run::new();
        run.looks([10; 1000]);
        assert_eq!(run.event_interval.polls(), MOST);
        run.wait();
        assert_eq!(run.event_interval.polls(), AFTER_WAIT);
        assert_eq!(run.looks([10; 100]), [3], "nobody knows what came before");
        assert!(run.event_interval.polls() > 20);
    }

    #[test]
    fn waits_after_each_poll_cost_no_readings() {
        let mut run = Run::new();
        // One slow poll, and however little is polled at a time after that.
        run.looks([SLOW; 4]);
        let caution = (SLOW / CAUTION).min(MOST_CAUTION);
        for _ in 0..=caution {
            run.wait();
            run.looks([10]);
        }
        for _ in 0..100 {
            run.wait();
            assert_eq!(run.looks([10, 10]), [], "two polls are few");
        }
        // Nor does an executor that is new.
        let mut run = Run::new();
        run.looks([10; 3]);
        run.wait();
        assert_eq!(run.looks([10, 10]), []);
    }

    #[test]
    fn slow_polls_are_seen_one_by_one() {
        let mut run = Run::new();
        assert_eq!(run.looks([SLOW; 7]), [3, 1, 1, 1, 1]);
        run.wait();
        assert_eq!(run.looks([SLOW; 3]), [1; 3], "also after a wait");
    }

    #[test]
    fn slow_polls_are_seen_at_once_after_a_fast_one() {
        let mut run = Run::new();
        assert_eq!(run.looks([10, SLOW, SLOW, 10, SLOW, SLOW]), [3, 2, 1]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes, and nothing but numbers is in it")]
    fn looks_come_in_time_whatever_the_polls() {
        for poll in [100, 1_000, 10_000, 30_000, 70_000, 99_000] {
            let mut run = Run::new();
            run.looks((0..3000).map(|_| poll));
            let looks = run.looks((0..30_000).map(|_| poll));
            assert!(looks.len() > 20, "{poll}");
            for unlooked in looks {
                let between = u64::from(unlooked) * poll;
                assert!(between < 2 * BETWEEN_LOOKS, "{poll}: {between}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes, and nothing but numbers is in it")]
    fn fast_polls_do_not_hide_slow_ones() {
        let mut run = Run::new();
        run.looks([SLOW; 7]);
        run.looks((0..4000).map(|_| 10));
        assert_eq!(run.looks([SLOW; 30])[1..], [1; 29]);
        run.looks((0..10_000).map(|_| 10));
        assert_eq!(
            run.event_interval.polls(),
            MOST,
            "and are forgotten in the end"
        );
    }
}
