//! [`Fault`]: one thing that goes wrong, as a text, too.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::str::FromStr;
use core::time::Duration;

/// A fault of a schedule: when, for how long, and what.
///
/// Its text is a line such as `1.5s for 300ms: partition a,b from c`, which [`FromStr`] reads again.
/// Hosts are names or patterns. In them a space, a comma, an end of a line and `%` are written as in addresses of the web: `node%202`.
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

/// What a [`Fault`] is. Hosts are given by their names, or by patterns as [`Control`](super::Control) has them, for the hosts
/// that are there when the run begins; what ends processes ends those of clients only where they are named. For each of several hosts it is a fault of its own then, so that a search finds which of
/// them a failure needs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The host loses its power, and starts again in the end.
    Crash(String),
    /// The host's process is killed, and starts again in the end.
    Kill(String),
    /// The host's process gets `SIGTERM`; in the end it is killed, if it still runs, and starts again.
    Terminate(String),
    /// The host's process stops, and goes on in the end.
    Pause(String),
    /// Nothing passes between these hosts and those; who is among both keeps its links to others of which that is true, too, unless both are
    /// the same.
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
    /// The host's program does what is rare, at the places where it asks [`buggify`](super::buggify()).
    Buggify(String),
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

impl Fault {
    /// The faults that it stands for: one for each host that its pattern means, as `hosts` tells, which learns whether their
    /// processes are to be ended.
    ///
    /// # Errors
    ///
    /// Those of `hosts`, with the fault.
    pub(crate) fn of_hosts(
        self,
        hosts: impl Fn(&String, bool) -> Result<Vec<String>, String>,
    ) -> Result<Vec<Self>, String> {
        let ends = self.kind.ends_processes();
        let hosts = |name: &String| hosts(name, ends);
        let wrong = |error| format!("`{self}`: {error}");
        let all = |names: &[String]| -> Result<Vec<String>, String> {
            let found: Result<Vec<_>, _> = names.iter().map(&hosts).collect();
            Ok(found.map_err(wrong)?.concat())
        };
        let kinds = match &self.kind {
            FaultKind::Partition(some, others) => {
                [FaultKind::Partition(all(some)?, all(others)?)].into()
            }
            FaultKind::OneWay(from, to) => [FaultKind::OneWay(all(from)?, all(to)?)].into(),
            kind => match kind.hosts().first() {
                None => return Ok([self].into()),
                Some(host) => {
                    let names = hosts(host).map_err(wrong)?.into_iter();
                    names.map(|name| kind.on(name)).collect::<Vec<_>>()
                }
            },
        };
        let of = |kind| Self::new(self.at, self.lasts, kind);
        Ok(kinds.into_iter().map(of).collect())
    }
}

impl FaultKind {
    /// The same on another host, if it is about a single one.
    fn on(&self, name: String) -> Self {
        let mut kind = self.clone();
        match &mut kind {
            FaultKind::Crash(host)
            | FaultKind::Kill(host)
            | FaultKind::Terminate(host)
            | FaultKind::Pause(host)
            | FaultKind::Drift(host, _)
            | FaultKind::Jump(host, _)
            | FaultKind::DiskErrors(host, _)
            | FaultKind::DiskFull(host)
            | FaultKind::DiskSlow(host, _)
            | FaultKind::Buggify(host) => *host = name,
            FaultKind::Partition(..)
            | FaultKind::OneWay(..)
            | FaultKind::Loss(_)
            | FaultKind::Slow(_)
            | FaultKind::Chance(_) => {}
        }
        kind
    }

    /// Whether it does on its own what the other one does, for as long as it lasts. Those whose effects add up, such as losses,
    /// are not meant.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        use FaultKind::{Crash, Drift, Kill, Pause, Terminate};
        match (self, other) {
            (
                Crash(one) | Kill(one) | Terminate(one),
                Crash(other) | Kill(other) | Terminate(other),
            )
            | (Pause(one), Pause(other))
            | (Drift(one, _), Drift(other, _)) => one == other,
            _ => false,
        }
    }

    /// Whether processes end by it.
    fn ends_processes(&self) -> bool {
        matches!(self, Self::Crash(_) | Self::Kill(_) | Self::Terminate(_))
    }

    /// The hosts that it is about.
    pub(crate) fn hosts(&self) -> Vec<&String> {
        match self {
            FaultKind::Crash(host)
            | FaultKind::Kill(host)
            | FaultKind::Terminate(host)
            | FaultKind::Pause(host)
            | FaultKind::Drift(host, _)
            | FaultKind::Jump(host, _)
            | FaultKind::DiskErrors(host, _)
            | FaultKind::DiskFull(host)
            | FaultKind::DiskSlow(host, _)
            | FaultKind::Buggify(host) => [host].into(),
            FaultKind::Partition(some, others) | FaultKind::OneWay(some, others) => {
                some.iter().chain(others).collect()
            }
            FaultKind::Loss(_) | FaultKind::Slow(_) | FaultKind::Chance(_) => Vec::new(),
        }
    }
}

/// A host's name as one word of a fault's text, without what the text has a meaning for.
struct Word<'a>(&'a str);

/// What stands for itself in no word.
const MARKS: [char; 5] = ['%', ',', ' ', '\n', '\r'];

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match MARKS.contains(&letter) {
                true => write!(f, "%{:02X}", letter as u32)?,
                false => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// The name that a [`Word`] stands for.
fn name(word: &str) -> Option<String> {
    let mut parts = word.split('%');
    let mut name = String::from(parts.next()?);
    for part in parts {
        let code = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        name.push(char::from(code));
        name.push_str(&part[2..]);
    }
    Some(name)
}

/// Several of them.
struct Words<'a>(&'a [String]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", Word(name))?;
        }
        Ok(())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Crash(host) => write!(f, "crash {}", Word(host)),
            FaultKind::Kill(host) => write!(f, "kill {}", Word(host)),
            FaultKind::Terminate(host) => write!(f, "terminate {}", Word(host)),
            FaultKind::Pause(host) => write!(f, "pause {}", Word(host)),
            FaultKind::Partition(some, others) => {
                write!(f, "partition {} from {}", Words(some), Words(others))
            }
            FaultKind::OneWay(from, to) => write!(f, "oneway {} to {}", Words(from), Words(to)),
            FaultKind::Loss(thousandths) => write!(f, "loss {thousandths}"),
            FaultKind::Slow(times) => write!(f, "slow {times}"),
            FaultKind::Drift(host, ppm) => write!(f, "drift {} {ppm}", Word(host)),
            FaultKind::Jump(host, millis) => write!(f, "jump {} {millis}", Word(host)),
            FaultKind::DiskErrors(host, thousandths) => {
                write!(f, "diskerrors {} {thousandths}", Word(host))
            }
            FaultKind::DiskFull(host) => write!(f, "diskfull {}", Word(host)),
            FaultKind::DiskSlow(host, times) => write!(f, "diskslow {} {times}", Word(host)),
            FaultKind::Buggify(host) => write!(f, "buggify {}", Word(host)),
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

/// Reads what `Debug` shows of a duration; microseconds with `us`, too.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let units = [
        ("ns", 1_u64),
        ("µs", 1_000),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
    ];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?;
    let mut nanos = 0;
    let mut digit = unit;
    for byte in part.bytes() {
        digit /= 10;
        nanos += u64::from(byte.is_ascii_digit().then(|| byte - b'0')?) * digit;
    }
    let whole = match unit {
        1_000_000_000 => Duration::from_secs(whole),
        _ => Duration::from_nanos(whole.checked_mul(unit)?),
    };
    whole.checked_add(Duration::from_nanos(nanos))
}

fn fault(text: &str) -> Option<Fault> {
    let (times, what) = text.split_once(": ")?;
    let (at, lasts) = times.split_once(" for ")?;
    let words: Vec<&str> = what.split(' ').collect();
    let list = |names: &str| names.split(',').map(name).collect::<Option<_>>();
    let kind = match *words.as_slice() {
        ["crash", host] => FaultKind::Crash(name(host)?),
        ["kill", host] => FaultKind::Kill(name(host)?),
        ["terminate", host] => FaultKind::Terminate(name(host)?),
        ["pause", host] => FaultKind::Pause(name(host)?),
        ["partition", some, "from", others] => FaultKind::Partition(list(some)?, list(others)?),
        ["oneway", from, "to", to] => FaultKind::OneWay(list(from)?, list(to)?),
        ["loss", thousandths] => FaultKind::Loss(thousandths.parse().ok()?),
        ["slow", times] => FaultKind::Slow(times.parse().ok()?),
        ["drift", host, ppm] => FaultKind::Drift(name(host)?, ppm.parse().ok()?),
        ["jump", host, millis] => FaultKind::Jump(name(host)?, millis.parse().ok()?),
        ["diskerrors", host, many] => FaultKind::DiskErrors(name(host)?, many.parse().ok()?),
        ["diskfull", host] => FaultKind::DiskFull(name(host)?),
        ["diskslow", host, times] => FaultKind::DiskSlow(name(host)?, times.parse().ok()?),
        ["buggify", host] => FaultKind::Buggify(name(host)?),
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_text_of_any_fault_is_read_again() {
        let names = ["a", "node 1", "x,y", "50%", "Kröte: 2", "two\nlines", "%20"];
        let host = |number: usize| names[number % names.len()].to_string();
        let lengths = [
            Duration::ZERO,
            Duration::from_nanos(1_000_001),
            Duration::from_nanos(u64::MAX),
            Duration::MAX,
        ];
        for (number, lasts) in (0..names.len()).flat_map(|n| lengths.map(|lasts| (n, lasts))) {
            let some = || [host(number), host(number + 1)].into();
            for kind in [
                FaultKind::Crash(host(number)),
                FaultKind::Partition(some(), [host(number + 2)].into()),
                FaultKind::OneWay([host(number)].into(), some()),
                FaultKind::Drift(host(number), -5),
                FaultKind::DiskSlow(host(number), u32::MAX),
                FaultKind::Buggify(host(number)),
            ] {
                let fault = Fault::new(Duration::from_millis(7), lasts, kind);
                let text = fault.to_string();
                assert_eq!(text.lines().count(), 1, "{text}");
                assert_eq!(text.parse(), Ok(fault), "{text}");
            }
        }
        for text in [
            "1s for 1s: crash a%2",
            "1s for 1s: crash a%zz",
            "1s for 1s: crash %é",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
