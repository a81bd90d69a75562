//! [`Link`]: how messages fare on the way from one host to another.

use core::ops::RangeInclusive;
use core::time::Duration;

use super::rng::{Rng, nanos};

/// How long messages are on their way, operations of disks take, or a supervisor waits: a distribution of durations.
///
/// A duration stands for one that is [always the same](Self::fixed), and a range of them for a [uniform](Self::uniform)
/// distribution.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; }
/// use polliwog::sim::Latency;
/// use std::time::Duration;
///
/// let lan = Latency::uniform(Duration::from_micros(200), Duration::from_millis(1));
/// let wan = Latency::exponential(Duration::from_millis(30), Duration::from_millis(45));
/// assert_eq!(Latency::from(Duration::from_micros(200)..=Duration::from_millis(1)), lan);
/// # let _ = wan;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency(Kind);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Uniform(Duration, Duration),
    Exponential(Duration, Duration),
}

impl Latency {
    /// Always the same.
    pub const fn fixed(latency: Duration) -> Self {
        Self(Kind::Uniform(latency, latency))
    }

    /// Each from `min` to `max` equally often.
    pub const fn uniform(min: Duration, max: Duration) -> Self {
        Self(Kind::Uniform(min, max))
    }

    /// Never less than `min`, `mean` on average, and now and then much more: the long tail of real networks.
    pub const fn exponential(min: Duration, mean: Duration) -> Self {
        Self(Kind::Exponential(min, mean))
    }

    /// Whether it is never any time.
    pub(crate) fn is_zero(&self) -> bool {
        let (Kind::Uniform(min, most) | Kind::Exponential(min, most)) = self.0;
        min.is_zero() && most.is_zero()
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        match self.0 {
            Kind::Uniform(min, max) if min >= max => nanos(min),
            Kind::Uniform(min, max) => rng.between(nanos(min), nanos(max)),
            Kind::Exponential(min, mean) => {
                let tail = nanos(mean).saturating_sub(nanos(min)) as f64 * rng.exponential();
                nanos(min).saturating_add(tail as u64)
            }
        }
    }
}

impl From<Duration> for Latency {
    fn from(duration: Duration) -> Self {
        Self::fixed(duration)
    }
}

impl From<RangeInclusive<Duration>> for Latency {
    /// # Panics
    ///
    /// If the range is empty.
    #[track_caller]
    fn from(range: RangeInclusive<Duration>) -> Self {
        assert!(!range.is_empty(), "no duration is in {range:?}");
        Self::uniform(*range.start(), *range.end())
    }
}

/// How messages fare on the way from one host to another: latency, jitter, bandwidth, and what gets lost,
/// doubled or out of order.
///
/// TCP stays a stream: what is lost is sent again, so loss is delay there, as is what comes out of order. Only
/// datagrams get lost, doubled and reordered for the program to see.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; }
/// use polliwog::sim::{Latency, Link, Simulation};
/// use std::time::Duration;
///
/// let wan = Link::new(Latency::fixed(Duration::from_millis(40)))
///     .jitter(Duration::from_millis(5))
///     .bandwidth(1_000_000)
///     .loss(0.01);
/// let simulation = Simulation::builder(1).link(wan).build();
/// # drop(simulation);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub(crate) latency: Latency,
    pub(crate) jitter: Duration,
    pub(crate) bandwidth: Option<u64>,
    pub(crate) loss: f64,
    pub(crate) duplicate: f64,
    pub(crate) reorder: f64,
}

impl Link {
    /// A link with this latency, on which nothing else happens.
    pub const fn new(latency: Latency) -> Self {
        Self {
            latency,
            jitter: Duration::ZERO,
            bandwidth: None,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
        }
    }

    /// Sets another latency.
    pub const fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Sets up to how much longer than its latency each message takes.
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets how many bytes a second there is room for; what comes faster has to queue. At least one.
    pub const fn bandwidth(mut self, bytes_per_second: u64) -> Self {
        self.bandwidth = Some(if bytes_per_second == 0 {
            1
        } else {
            bytes_per_second
        });
        self
    }

    /// Sets the probability, from 0 to 1, that a message gets lost.
    pub const fn loss(mut self, probability: f64) -> Self {
        self.loss = probability;
        self
    }

    /// Sets the probability, from 0 to 1, that a datagram arrives twice.
    pub const fn duplicate(mut self, probability: f64) -> Self {
        self.duplicate = probability;
        self
    }

    /// Sets the probability, from 0 to 1, that a message is overtaken: it takes up to ten times its latency.
    pub const fn reorder(mut self, probability: f64) -> Self {
        self.reorder = probability;
        self
    }

    /// The time that a message takes, without what queues before it.
    pub(crate) fn delay(&self, rng: &mut Rng) -> u64 {
        let mut delay = self.latency.draw(rng);
        if self.jitter > Duration::ZERO {
            delay = delay.saturating_add(rng.below(nanos(self.jitter)));
        }
        if rng.chance(self.reorder) {
            delay = delay.saturating_add(rng.below(delay.saturating_mul(9)));
        }
        delay
    }
}

impl Default for Link {
    /// A local network: half a millisecond to two, nothing lost.
    fn default() -> Self {
        Self::new(Latency::uniform(
            Duration::from_micros(500),
            Duration::from_millis(2),
        ))
    }
}
