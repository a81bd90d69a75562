//! [`Late`]: faults that come after the end of their runs, which test nothing.

use alloc::format;
use alloc::string::String;
use core::cell::Cell;
use core::time::Duration;
use std::io::Write;
use std::thread;

use super::fault::{Fault, FaultKind};
use super::footprint::Probe;

/// Of fewer faults than that all may come too late by chance.
const FEW: u64 = 10;

/// How many faults of some runs came too late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Late {
    pub(crate) faults: u64,
    pub(crate) missed: u64,
    /// When the first of those that came too late was to begin.
    first: Option<Duration>,
    /// How long the longest run took.
    longest: Duration,
}

impl Late {
    /// Those of one run.
    pub(crate) fn of(elapsed: Duration, faults: &[Fault], missed: &[Fault]) -> Self {
        let is_fault = |fault: &&Fault| !matches!(fault.kind, FaultKind::Chance(_));
        let count = |faults: &[Fault]| faults.iter().filter(is_fault).count() as u64;
        Self {
            faults: count(faults),
            missed: count(missed),
            first: missed.iter().map(|fault| fault.at).min(),
            longest: elapsed,
        }
    }

    /// Those of these runs and of others.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            faults: self.faults + other.faults,
            missed: self.missed + other.missed,
            first: self.first.into_iter().chain(other.first).min(),
            longest: self.longest.max(other.longest),
        }
    }

    /// Whether no fault at all took place, of so many that this is no chance.
    pub(crate) fn is_all(&self) -> bool {
        self.faults >= FEW && self.missed == self.faults
    }

    /// What there is to tell, if most of them came too late.
    pub(crate) fn text(&self) -> Option<String> {
        let Self {
            faults,
            missed,
            first,
            longest,
        } = self;
        let first = first.filter(|_| *faults >= FEW && missed * 2 > *faults)?;
        Some(format!(
            "{missed} of {faults} faults came after the end of their runs, the first of them at {first:?}; no run took longer \
             than {longest:?}: `Nemesis::within` says in which time faults begin, which is about as long as a run takes"
        ))
    }

    /// Tells it.
    pub(crate) fn tell(&self) {
        if let Some(text) = self.text() {
            let thread = thread::current();
            say(&format!("{}: {text}", thread.name().unwrap_or("a test")));
        }
    }
}

/// Writes a line for whoever looks at a test that passes. Not by a macro, whose output tests keep to themselves; and of no matter
/// if it fails.
pub(crate) fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

std::thread_local! {
    /// Those of runs of this thread that are in no search, and whether they were told.
    static ALONE: Cell<(Late, bool)> = const { Cell::new((Late::NONE, false)) };
}

impl Late {
    const NONE: Self = Self {
        faults: 0,
        missed: 0,
        first: None,
        longest: Duration::ZERO,
    };

    /// Takes in those of a run that is in no search: a test that makes many of them in a loop is told of, once.
    pub(crate) fn alone(self) {
        let _ = ALONE.try_with(|alone| {
            let (before, told) = alone.get();
            let late = before.and(self);
            alone.set((late, told || late.text().is_some()));
            if !told {
                late.tell();
            }
        });
    }
}

impl Probe {
    /// Those of the last simulation of a run.
    pub(crate) fn late(&self) -> Late {
        self.with(|probed| match &probed.report {
            Some(run) => Late::of(run.elapsed, &run.faults, &run.missed),
            None => Late::NONE,
        })
    }
}
