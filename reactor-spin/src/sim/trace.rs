//! The trace of a run: what happened, when and where.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

/// Something that has happened in a simulation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TraceEvent {
    /// The virtual time since the simulation's start.
    pub at: Duration,
    /// The name of the host that it happened on or to; for what concerns the whole network none.
    pub host: Option<Arc<str>>,
    /// What it was.
    pub what: What,
}

/// What has happened: see [`TraceEvent`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// The host began to run its program, for the first time or once more.
    Started,
    /// The host lost its power.
    Crashed,
    /// The host's process was killed.
    Killed,
    /// The host's process was stopped.
    Paused,
    /// The host's process goes on.
    Resumed,
    /// The host's program came to its end, with an error's or a panic's text if it was one.
    Ended(Option<String>),
    /// The host's tasks were polled, each that was ready once.
    Ran {
        /// Counts the turns of the host.
        turn: u64,
        /// When the host wants to run again: the time of its next timer, by its own clock.
        timer: Option<Duration>,
    },
    /// The host sent a message.
    Sent {
        /// Counts messages; the same when it arrives.
        message: u64,
        /// The name of the host that it goes to, if there is one with that address.
        to: Option<Arc<str>>,
        /// Where it comes from.
        from_addr: SocketAddr,
        /// Where it goes to.
        to_addr: SocketAddr,
        /// What it is: `udp`, a kind of TCP segment, or of an [`Endpoint`](super::Endpoint) `value`, `call` or `answer`.
        kind: &'static str,
        /// The bytes of the program in it; those of an endpoint's messages are not counted.
        bytes: usize,
    },
    /// A message arrived at the host.
    Arrived {
        /// The number that it was sent with.
        message: u64,
    },
    /// A message got lost on its way to the host. A segment of TCP will be sent again.
    Lost {
        /// The number that it was sent with.
        message: u64,
        /// Why.
        why: &'static str,
    },
    /// A fault or its end: partitions, links, clocks, disks.
    Fault(String),
    /// What the program said by [`note`](super::note).
    Note(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Started => f.write_str("starts"),
            What::Crashed => f.write_str("crashes"),
            What::Killed => f.write_str("is killed"),
            What::Paused => f.write_str("is paused"),
            What::Resumed => f.write_str("goes on"),
            What::Ended(None) => f.write_str("has ended"),
            What::Ended(Some(why)) => write!(f, "has failed: {why}"),
            What::Ran { turn, timer: None } => write!(f, "runs, turn {turn}"),
            What::Ran {
                turn,
                timer: Some(at),
            } => write!(f, "runs, turn {turn}, timer at {at:?}"),
            What::Sent {
                message,
                to,
                from_addr,
                to_addr,
                kind,
                bytes,
            } => {
                let to = to.as_deref().unwrap_or("nobody");
                write!(
                    f,
                    "sends #{message} to {to}: {kind}, {bytes} bytes, {from_addr} → {to_addr}"
                )
            }
            What::Arrived { message } => write!(f, "receives #{message}"),
            What::Lost { message, why } => write!(f, "does not receive #{message}: {why}"),
            What::Fault(what) => write!(f, "fault: {what}"),
            What::Note(text) => write!(f, "notes: {text}"),
        }
    }
}

impl fmt::Display for TraceEvent {
    /// A line, without its end: the time in seconds, the host, what happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("-");
        let (seconds, nanos) = (self.at.as_secs(), self.at.subsec_nanos());
        write!(f, "{seconds:>6}.{nanos:09}  {host:<12}  {}", self.what)
    }
}

/// The hash of nothing.
pub(crate) const EMPTY: u64 = 0xCBF2_9CE4_8422_2325;

/// A hash with a number more.
pub(crate) fn mixed(hash: u64, number: u64) -> u64 {
    (hash ^ number)
        .wrapping_mul(0x0000_0100_0000_01B3)
        .rotate_left(29)
}

/// A hash with a text more.
pub(crate) fn mixed_text(hash: u64, text: &str) -> u64 {
    text.as_bytes().chunks(8).fold(hash, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mixed(hash, u64::from_le_bytes(word))
    })
}

/// Where a run's trace goes: always into a hash, and into a list if somebody wants to read it.
pub(crate) struct Trace {
    hash: u64,
    /// Everything (`Some(usize::MAX)`), the last so many, or nothing.
    keep: usize,
    events: Vec<TraceEvent>,
}

impl Trace {
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            hash: EMPTY,
            keep,
            events: Vec::new(),
        }
    }

    /// Whether texts of events are worth making.
    pub(crate) fn is_kept(&self) -> bool {
        self.keep > 0
    }

    /// Mixes numbers into the hash: those of an event, whether or not that is kept.
    #[inline]
    pub(crate) fn mix(&mut self, numbers: &[u64]) {
        self.hash = numbers.iter().copied().fold(self.hash, mixed);
    }

    pub(crate) fn mix_text(&mut self, text: &str) {
        self.hash = mixed_text(self.hash, text);
    }

    pub(crate) fn push(&mut self, at: u64, host: Option<&Arc<str>>, what: What) {
        if self.keep == 0 {
            return;
        }
        // Amortised: half of the list goes at a time.
        if self.events.len() >= self.keep.saturating_mul(2) {
            self.events.drain(..self.keep);
        }
        self.events.push(TraceEvent {
            at: Duration::from_nanos(at),
            host: host.cloned(),
            what,
        });
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The events that were kept, oldest first.
    pub(crate) fn take(&mut self) -> Vec<TraceEvent> {
        let surplus = self.events.len().saturating_sub(self.keep);
        self.events.drain(..surplus);
        core::mem::take(&mut self.events)
    }
}

/// Where two runs that ought to be the same part: see [`check`](super::check).
#[derive(Clone)]
#[non_exhaustive]
pub struct Difference {
    /// How many events are the same.
    pub after: usize,
    /// The next event of the first run; none if that ended before.
    pub first: Option<Box<TraceEvent>>,
    /// The next event of the second run; none if that ended before.
    pub second: Option<Box<TraceEvent>>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |event: &Option<Box<TraceEvent>>| match event {
            Some(event) => alloc::format!("{event}"),
            None => "(the run was over)".to_owned(),
        };
        write!(
            f,
            "two runs with the same seed differ after {} events, so something asks the system for time or chance, \
             or goes through a hash table's entries in their order:\n  first run:  {}\n  second run: {}",
            self.after,
            line(&self.first),
            line(&self.second),
        )
    }
}

// What `unwrap` shows.
impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Difference {}

impl Difference {
    /// The first difference of two traces, if there is one.
    pub(crate) fn of(first: &[TraceEvent], second: &[TraceEvent]) -> Option<Self> {
        let same = first
            .iter()
            .zip(second)
            .take_while(|(one, other)| one == other)
            .count();
        (same < first.len() || same < second.len()).then(|| Self {
            after: same,
            first: first.get(same).cloned().map(Box::new),
            second: second.get(same).cloned().map(Box::new),
        })
    }
}
