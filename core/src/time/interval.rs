//! Ticking at a fixed period.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{Instant, Sleep};
use crate::executor::{Spawner, context};
use crate::task::budget::{consume_budget, poll_proceed};

/// What an [`Interval`] does when a tick is taken later than the next one was due.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::time::{MissedTickBehavior, interval, sleep};
/// use std::time::Duration;
///
/// polliwog::block_on(async {
///     let mut ticks = interval(Duration::from_millis(10));
///     ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
///     let first = ticks.tick().await;
///     sleep(Duration::from_millis(35)).await; // three ticks are due meanwhile
///     ticks.tick().await;
///     let next = ticks.tick().await;
///     assert_eq!(next.duration_since(first), Duration::from_millis(40));
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MissedTickBehavior {
    /// Ticks as fast as it can until it has caught up; no tick is lost.
    #[default]
    Burst,
    /// Starts anew from the moment at which the late tick was taken.
    Delay,
    /// Leaves out what was missed and keeps to the multiples of the period.
    Skip,
}

impl MissedTickBehavior {
    /// The tick after the one that was due at `due` and taken at `now`. `start` reads the clock to
    /// count from.
    fn next(
        self,
        due: Instant,
        now: Instant,
        start: impl FnOnce() -> Instant,
        period: Duration,
    ) -> Instant {
        let regular = due + period;
        if now < regular {
            return regular;
        }
        match self {
            Self::Burst => regular,
            Self::Delay => start() + period,
            Self::Skip => {
                let period = Instant::from_duration(period).as_nanos();
                let late = (now - due).as_nanos() as u64;
                // The first multiple after now: at least one nanosecond ahead.
                due + Duration::from_nanos(late - late % period)
                    .saturating_add(Duration::from_nanos(period))
            }
        }
    }
}

/// Ticks at a fixed period: see [`interval`] and [`interval_at`].
#[derive(Debug, Clone)]
pub struct Interval {
    /// When the next tick is due; unknown until a clock has been seen.
    due: Option<Instant>,
    /// The next tick is the first one, which is not waited for. By a clock with coarse ticks it is
    /// due a little later than now, lest the second tick come early.
    is_first: bool,
    period: Duration,
    behavior: MissedTickBehavior,
    spawner: Option<Spawner>,
}

/// Ticks now and then every `period`.
///
/// # Panics
///
/// If `period` is zero.
///
/// ```
/// # use polliwog_core::time::interval;
/// # use core::time::Duration;
/// async fn sample(mut read: impl FnMut()) {
///     let mut interval = interval(Duration::from_millis(10));
///     loop {
///         interval.tick().await;
///         read();
///     }
/// }
/// ```
pub fn interval(period: Duration) -> Interval {
    Interval::new(None, period, context::current().map(Spawner::new))
}

/// Ticks at `start` and then every `period`.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::{Instant, time::interval_at};
/// use std::time::Duration;
///
/// polliwog::block_on(async {
///     let start = Instant::now() + Duration::from_millis(5);
///     let mut ticks = interval_at(start, Duration::from_millis(10));
///     assert_eq!(ticks.tick().await, start);
///     assert_eq!(ticks.tick().await, start + Duration::from_millis(10));
/// });
/// ```
///
/// # Panics
///
/// If `period` is zero.
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new(Some(start), period, context::current().map(Spawner::new))
}

impl Spawner {
    /// [`interval`] by explicit handle.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let mut ticks = Spawner::current().unwrap().interval(Duration::from_millis(10));
    ///     ticks.tick().await;
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    pub fn interval(&self, period: Duration) -> Interval {
        Interval::new(None, period, Some(*self))
    }

    /// [`interval_at`] by explicit handle.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, Spawner};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let spawner = Spawner::current().unwrap();
    ///     let mut ticks = spawner.interval_at(Instant::now(), Duration::from_millis(10));
    ///     ticks.tick().await;
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    pub fn interval_at(&self, start: Instant, period: Duration) -> Interval {
        Interval::new(Some(start), period, Some(*self))
    }
}

impl Interval {
    fn new(start: Option<Instant>, period: Duration, spawner: Option<Spawner>) -> Self {
        assert!(
            !period.is_zero(),
            "the period of an interval must not be zero"
        );
        let is_first = start.is_none();
        Self {
            due: start.or_else(|| spawner?.start()),
            is_first,
            period,
            behavior: MissedTickBehavior::default(),
            spawner,
        }
    }

    /// Waits for the next tick and returns when it was due, which is earlier than now if the
    /// caller was late.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::interval;
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let mut ticks = interval(Duration::from_millis(10));
    ///     let first = ticks.tick().await; // at once
    ///     assert_eq!(ticks.tick().await, first + Duration::from_millis(10));
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A tick that was not taken is not lost: the next call returns it.
    ///
    /// # Panics
    ///
    /// Outside of any executor.
    pub async fn tick(&mut self) -> Instant {
        let (spawner, due) = self.bind();
        match self.is_first {
            true => consume_budget().await,
            false => spawner.sleep_until(due).await,
        }
        self.advance(spawner, due)
    }

    /// Sets what to do about ticks that are taken too late; [`MissedTickBehavior::Burst`] at first.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::{MissedTickBehavior, interval};
    /// use std::time::Duration;
    ///
    /// let mut ticks = interval(Duration::from_millis(10));
    /// ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    /// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Delay);
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }

    /// Returns what the interval does about ticks that are taken too late.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::{MissedTickBehavior, interval};
    /// use std::time::Duration;
    ///
    /// let ticks = interval(Duration::from_millis(10));
    /// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
    /// ```
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.behavior
    }

    /// Returns the time from one tick to the next.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::interval;
    /// use std::time::Duration;
    ///
    /// assert_eq!(interval(Duration::from_millis(10)).period(), Duration::from_millis(10));
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Makes the next tick due one period from now; at once, as that of a new interval, if no
    /// clock has been seen yet.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::{interval, sleep};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let period = Duration::from_millis(10);
    ///     let mut ticks = interval(period);
    ///     let first = ticks.tick().await;
    ///     sleep(Duration::from_millis(5)).await;
    ///     ticks.reset(); // ten milliseconds from here
    ///     assert!(ticks.tick().await >= first + Duration::from_millis(15));
    /// });
    /// ```
    pub fn reset(&mut self) {
        self.due = self.spawner().and_then(|spawner| spawner.start());
        self.due = self.due.map(|start| start + self.period);
        self.is_first = self.due.is_none();
    }

    /// Makes the next tick due at `deadline`.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::interval};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let mut ticks = interval(Duration::from_millis(10));
    ///     let later = Instant::now() + Duration::from_millis(30);
    ///     ticks.reset_at(later);
    ///     assert_eq!(ticks.tick().await, later);
    /// });
    /// ```
    pub fn reset_at(&mut self, deadline: Instant) {
        self.due = Some(deadline);
        self.is_first = false;
    }

    /// Returns the ticks as a stream that never ends.
    pub fn into_stream(self) -> IntervalStream {
        IntervalStream {
            sleep: None,
            interval: self,
        }
    }

    fn spawner(&self) -> Option<Spawner> {
        self.spawner
            .or_else(|| context::current().map(Spawner::new))
    }

    /// Fixes the clock, now at the latest.
    fn bind(&mut self) -> (Spawner, Instant) {
        let spawner = self.spawner();
        let due = self.due.or_else(|| spawner?.start());
        let (Some(spawner), Some(due)) = (spawner, due) else {
            no_clock!("an interval ticked")
        };
        self.spawner = Some(spawner);
        self.due = Some(due);
        (spawner, due)
    }

    /// Takes the tick that was due at `due`, and tells when it was.
    fn advance(&mut self, spawner: Spawner, due: Instant) -> Instant {
        let now = spawner.now().unwrap_or(due);
        let start = || spawner.start().unwrap_or(due);
        self.due = Some(self.behavior.next(due, now, start, self.period));
        if core::mem::take(&mut self.is_first) {
            return due.min(now);
        }
        due
    }
}

pin_project! {
    /// The ticks of an [`Interval`] as a [`Stream`]: see [`Interval::into_stream`].
    #[derive(Debug)]
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct IntervalStream {
        #[pin]
        sleep: Option<Sleep>,
        interval: Interval,
    }
}

impl Stream for IntervalStream {
    type Item = Instant;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        let mut this = self.project();
        let (spawner, due) = this.interval.bind();
        if this.sleep.is_none() && !this.interval.is_first {
            this.sleep.set(Some(spawner.sleep_until(due)));
        }
        match this.sleep.as_mut().as_pin_mut() {
            Some(sleep) => ready!(sleep.poll(cx)),
            None => ready!(poll_proceed(cx)).charge(0),
        }
        this.sleep.set(None);
        Poll::Ready(Some(this.interval.advance(spawner, due)))
    }
}

#[cfg(test)]
mod tests {
    use super::MissedTickBehavior::{self, Burst, Delay, Skip};
    use super::*;

    #[test]
    fn missed_ticks_by_the_table() {
        // period 10: due, taken at, next by Burst, Delay, Skip
        let table = [
            (0, 0, 10, 10, 10),
            (0, 9, 10, 10, 10),
            (0, 10, 10, 20, 20),
            (0, 25, 10, 35, 30),
            (30, 61, 40, 71, 70),
            (30, 70, 40, 80, 80),
        ];
        for (due, now, burst, delay, skip) in table {
            let next = |behavior: MissedTickBehavior| {
                let (due, now) = (Instant::from_millis(due), Instant::from_millis(now));
                behavior.next(due, now, || now, Duration::from_millis(10))
            };
            let expected = [burst, delay, skip].map(Instant::from_millis);
            assert_eq!(
                [next(Burst), next(Delay), next(Skip)],
                expected,
                "{due} {now}"
            );
        }
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        for behavior in [Burst, Delay, Skip] {
            let late = Instant::from_nanos(u64::MAX - 1);
            let next = |due, period| behavior.next(due, late, || late, period);
            assert_eq!(next(late, Duration::MAX), Instant::MAX);
            let period = Duration::from_nanos(u64::MAX - 5);
            assert!(next(Instant::ZERO, period) >= Instant::ZERO + period);
        }
    }
}
