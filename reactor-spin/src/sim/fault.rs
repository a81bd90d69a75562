//! [`Fault`]: one thing that goes wrong, as a text, too.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

/// A fault of a schedule: when, for how long, and what.
///
/// Its text is a line such as `1.5s for 300ms: partition a,b from c`, which [`FromStr`] reads again.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; }
/// use polliwog::sim::Fault;
///
/// let fault: Fault = "1.5s for 300ms: crash node-2".parse().unwrap();
/// assert_eq!(fault.to_string(), "1.5s for 300ms: crash node-2");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// When it begins, in virtual time.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What it is.
    pub kind: FaultKind,
}

/// What a [`Fault`] is. Hosts are given by their names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The host loses its power, and starts again in the end.
    Crash(String),
    /// The host's process is killed, and starts again in the end.
    Kill(String),
    /// The host's process stops, and goes on in the end.
    Pause(String),
    /// Nothing passes between these hosts and those.
    Partition(Vec<String>, Vec<String>),
    /// Nothing passes from these hosts to those.
    OneWay(Vec<String>, Vec<String>),
    /// Of all messages so many of a thousand get lost.
    Loss(u32),
    /// All messages take so many times as long.
    Slow(u32),
    /// The host's clock drifts by so many millionths.
    Drift(String, i32),
    /// The host's wall clock jumps by so many milliseconds, and back in the end.
    Jump(String, i64),
    /// Of the operations of the host's disk so many of a thousand fail.
    DiskErrors(String, u32),
    /// The host's disk has no room left.
    DiskFull(String),
    /// The operations of the host's disk take so many times as long.
    DiskSlow(String, u32),
    /// From then on all that is left to chance is chosen by this number, in the place of the seed. So a search
    /// ([`explore_guided`](super::explore_guided)) goes on from the middle of a run in another way.
    Chance(u64),
}

impl Fault {
    /// A fault from `at` on.
    pub fn new(at: Duration, lasts: Duration, kind: FaultKind) -> Self {
        Self { at, lasts, kind }
    }
}

impl FaultKind {
    /// Whether it does on its own what the other one does, for as long as it lasts. Those whose effects add up, such as losses,
    /// are not meant.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        use FaultKind::{Crash, Drift, Kill, Pause};
        match (self, other) {
            (Crash(one) | Kill(one), Crash(other) | Kill(other))
            | (Pause(one), Pause(other))
            | (Drift(one, _), Drift(other, _)) => one == other,
            _ => false,
        }
    }

    /// The hosts that it is about.
    pub(crate) fn hosts(&self) -> Vec<&String> {
        match self {
            FaultKind::Crash(host)
            | FaultKind::Kill(host)
            | FaultKind::Pause(host)
            | FaultKind::Drift(host, _)
            | FaultKind::Jump(host, _)
            | FaultKind::DiskErrors(host, _)
            | FaultKind::DiskFull(host)
            | FaultKind::DiskSlow(host, _) => [host].into(),
            FaultKind::Partition(some, others) | FaultKind::OneWay(some, others) => {
                some.iter().chain(others).collect()
            }
            FaultKind::Loss(_) | FaultKind::Slow(_) | FaultKind::Chance(_) => Vec::new(),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Crash(host) => write!(f, "crash {host}"),
            FaultKind::Kill(host) => write!(f, "kill {host}"),
            FaultKind::Pause(host) => write!(f, "pause {host}"),
            FaultKind::Partition(some, others) => {
                write!(f, "partition {} from {}", some.join(","), others.join(","))
            }
            FaultKind::OneWay(from, to) => {
                write!(f, "oneway {} to {}", from.join(","), to.join(","))
            }
            FaultKind::Loss(thousandths) => write!(f, "loss {thousandths}"),
            FaultKind::Slow(times) => write!(f, "slow {times}"),
            FaultKind::Drift(host, ppm) => write!(f, "drift {host} {ppm}"),
            FaultKind::Jump(host, millis) => write!(f, "jump {host} {millis}"),
            FaultKind::DiskErrors(host, thousandths) => {
                write!(f, "diskerrors {host} {thousandths}")
            }
            FaultKind::DiskFull(host) => write!(f, "diskfull {host}"),
            FaultKind::DiskSlow(host, times) => write!(f, "diskslow {host} {times}"),
            FaultKind::Chance(seed) => write!(f, "chance {seed}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} for {:?}: {}", self.at, self.lasts, self.kind)
    }
}

/// A text that is no [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoFault(String);

impl fmt::Display for NoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a fault such as `1.5s for 300ms: crash node-2`: {}",
            self.0
        )
    }
}

impl core::error::Error for NoFault {}

/// Reads what `Debug` shows of a duration.
fn duration(text: &str) -> Option<Duration> {
    let units = [
        ("ns", 1_u64),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
    ];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let mut nanos = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut digit = unit;
    for byte in part.bytes() {
        digit /= 10;
        nanos =
            nanos.checked_add(u64::from(byte.is_ascii_digit().then(|| byte - b'0')?) * digit)?;
    }
    Some(Duration::from_nanos(nanos))
}

fn fault(text: &str) -> Option<Fault> {
    let (times, what) = text.split_once(": ")?;
    let (at, lasts) = times.split_once(" for ")?;
    let words: Vec<&str> = what.split(' ').collect();
    let list = |names: &str| names.split(',').map(ToString::to_string).collect();
    let kind = match *words.as_slice() {
        ["crash", host] => FaultKind::Crash(host.into()),
        ["kill", host] => FaultKind::Kill(host.into()),
        ["pause", host] => FaultKind::Pause(host.into()),
        ["partition", some, "from", others] => FaultKind::Partition(list(some), list(others)),
        ["oneway", from, "to", to] => FaultKind::OneWay(list(from), list(to)),
        ["loss", thousandths] => FaultKind::Loss(thousandths.parse().ok()?),
        ["slow", times] => FaultKind::Slow(times.parse().ok()?),
        ["drift", host, ppm] => FaultKind::Drift(host.into(), ppm.parse().ok()?),
        ["jump", host, millis] => FaultKind::Jump(host.into(), millis.parse().ok()?),
        ["diskerrors", host, many] => FaultKind::DiskErrors(host.into(), many.parse().ok()?),
        ["diskfull", host] => FaultKind::DiskFull(host.into()),
        ["diskslow", host, times] => FaultKind::DiskSlow(host.into(), times.parse().ok()?),
        ["chance", seed] => FaultKind::Chance(seed.parse().ok()?),
        _ => return None,
    };
    Some(Fault {
        at: duration(at)?,
        lasts: duration(lasts)?,
        kind,
    })
}

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        fault(text.trim()).ok_or_else(|| NoFault(text.into()))
    }
}
