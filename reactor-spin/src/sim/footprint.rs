//! [`Footprint`]: what a run has shown, so that a search knows what is new.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::failure::Report;
use super::fault::{Fault, FaultKind};
use super::trace::{EMPTY, What, mixed, mixed_text};
use super::world::HostId;

/// What a feature is about. A search chooses among these first, so that the many features of one do not hide the few of
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// What the program of a host says of itself by [`state`](super::state), and which faults strike it then.
    State,
    /// What all hosts say of themselves at the same time, whichever says what.
    Whole,
    /// What happens on a host, and what has happened there before.
    Event,
}

/// Something that a run has shown, and when for the first time. The names of hosts are in none: what happens to one is
/// as good as what happens to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Feature {
    pub(crate) kind: Kind,
    /// A hash so short that there is a bound to how many a search keeps.
    pub(crate) slot: u16,
    /// Nanoseconds of virtual time.
    pub(crate) at: u64,
}

/// The features of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Footprint {
    /// How often each has been shown.
    counts: HashMap<(Kind, u64), u64>,
    features: Vec<Feature>,
    hosts: Vec<Seen>,
    /// What all hosts say of themselves: a sum, so that it is the same whoever says what.
    whole: u64,
    /// What the messages are that are on their way.
    messages: HashMap<u64, u64>,
}

/// A host, as far as features tell.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// What has happened last.
    last: u64,
    /// What the program says of itself, by the names' hashes.
    states: Vec<(u64, u64)>,
    /// All of it: a sum.
    sum: u64,
}

/// Text without its numbers: what an event is, not which.
fn gist(text: &str) -> u64 {
    let letters = text.bytes().filter(|byte| !byte.is_ascii_digit());
    letters.fold(EMPTY, |hash, byte| mixed(hash, byte.into()))
}

/// What happens, without numbers, names and times; none for what says nothing.
fn gist_of(what: &What) -> Option<u64> {
    Some(match what {
        What::Ran { .. } | What::Arrived { .. } => return None,
        What::Started => 1,
        What::Crashed => 2,
        What::Killed => 3,
        What::Paused => 4,
        What::Resumed => 5,
        What::Ended(None) => 6,
        What::Ended(Some(why)) => gist(why),
        What::Sent { kind, bytes, .. } => {
            // Short messages differ by their lengths, of long ones the magnitude is enough.
            let length = match bytes {
                0..64 => *bytes,
                _ => 64 + bytes.ilog2() as usize,
            };
            mixed(gist(kind), length as u64)
        }
        What::Lost { why, .. } => gist(why),
        What::Fault(text) | What::Note(text) => gist(text),
    })
}

impl Footprint {
    fn show(&mut self, at: u64, kind: Kind, what: u64) {
        let count = self.counts.entry((kind, what)).or_insert(0);
        *count += 1;
        // That it is shown twice as often as before is a feature, too.
        if count.is_power_of_two() {
            let slot = (mixed(what, *count) >> 48) as u16;
            self.features.push(Feature { kind, slot, at });
        }
    }

    fn host(&mut self, host: HostId) -> &mut Seen {
        let host = host as usize;
        if self.hosts.len() <= host {
            self.hosts.resize_with(host + 1, Seen::default);
        }
        &mut self.hosts[host]
    }

    /// Something has happened on a host.
    pub(crate) fn event(&mut self, at: u64, host: Option<HostId>, what: &What) {
        let Some(host) = host else { return };
        let mut this = gist_of(what);
        match what {
            What::Sent { message, .. } => {
                self.messages.insert(*message, this.unwrap_or(0));
            }
            What::Arrived { message } => {
                // What was sent in another way: again, or twice.
                this = Some(!self.messages.remove(message).unwrap_or(0));
            }
            What::Lost { message, .. } => {
                self.messages.remove(message);
            }
            What::Crashed | What::Killed => {
                let seen = self.host(host);
                seen.states.clear();
                let sum = mem::take(&mut seen.sum);
                self.whole = self.whole.wrapping_sub(sum);
            }
            _ => {}
        }
        if let Some(this) = this {
            let before = mem::replace(&mut self.host(host).last, this);
            self.show(at, Kind::Event, mixed(before, this));
        }
    }

    /// A fault begins or ends, which is about these hosts.
    pub(crate) fn fault(&mut self, at: u64, kind: &FaultKind, begins: bool, hosts: &[HostId]) {
        let text = kind.to_string();
        let word = text.split(' ').next().unwrap_or_default();
        let fault = mixed(gist(word), begins.into());
        self.show(at, Kind::Event, fault);
        for host in hosts {
            let Seen { last, sum, .. } = *self.host(*host);
            self.show(at, Kind::Event, mixed(fault, last));
            if sum != 0 {
                self.show(at, Kind::State, mixed(fault, sum));
            }
        }
    }

    /// A host's program says something of itself.
    pub(crate) fn state(&mut self, at: u64, host: HostId, name: &str, value: u64) {
        let name = mixed_text(EMPTY, name);
        let now = mixed(name, value);
        let seen = self.host(host);
        let place = seen.states.iter().position(|(other, _)| *other == name);
        let before = place.map(|place| mem::replace(&mut seen.states[place].1, value));
        if before == Some(value) {
            return;
        }
        if place.is_none() {
            seen.states.push((name, value));
        }
        let former = before.map_or(0, |value| mixed(name, value));
        let change = now.wrapping_sub(former);
        seen.sum = seen.sum.wrapping_add(change);
        let sum = seen.sum;
        self.whole = self.whole.wrapping_add(change);
        self.show(at, Kind::State, now);
        self.show(at, Kind::State, mixed(former, now));
        self.show(at, Kind::State, mixed(0, sum));
        self.show(at, Kind::Whole, self.whole);
    }

    /// What was shown, in the order of time.
    pub(crate) fn into_features(self) -> Vec<Feature> {
        self.features
    }
}

/// What is wrong with a test that leaves nothing there.
pub(crate) const NOT_RUN: &str = "it runs no simulation that was made by the builder that it was given, so all its runs are the same";

/// Where a run leaves what a search wants to know of it, whatever the test makes of the report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probe {
    /// Whether features are wanted.
    pub(crate) features: bool,
    /// Whether trace and packets are wanted.
    pub(crate) story: bool,
    seen: Arc<Mutex<Probed>>,
}

/// What a run has left.
#[derive(Debug, Default)]
pub(crate) struct Probed {
    /// Whether a simulation has run that knows of this.
    pub(crate) ran: bool,
    /// What the test got from the last one.
    pub(crate) report: Option<Report>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) features: Vec<Feature>,
    /// Until when there was something that chance could decide, in nanoseconds.
    pub(crate) end: u64,
}

impl Probe {
    /// One that wants to know the features, too.
    pub(crate) fn of_features() -> Self {
        Self {
            features: true,
            ..Self::default()
        }
    }

    /// One that wants to know all that is told of a run.
    pub(crate) fn of_story() -> Self {
        Self {
            story: true,
            ..Self::default()
        }
    }

    pub(crate) fn take(&self) -> Probed {
        self.with(mem::take)
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Probed) -> R) -> R {
        f(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
