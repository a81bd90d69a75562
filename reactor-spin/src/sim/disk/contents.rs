//! [`Contents`]: what a file holds.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Found;
use super::journal::Journal;

#[derive(Default)]
pub(super) struct Contents {
    /// As whoever has looked last has found it: see [`look`](Self::look).
    pub(super) now: Vec<u8>,
    pub(super) safe: Vec<u8>,
    /// What has been done since the last sync.
    pub(super) journal: Journal<Edit>,
    pub(super) times: Times,
    /// Whoever has the file open has a clone of it.
    pub(super) open: Arc<()>,
}

impl Contents {
    /// What is safe at the instant `now` is so from now on: see [`Journal::safe`].
    pub(super) fn settle(&mut self, now: u64, old: Option<u64>) {
        self.see(now);
        for edit in self.journal.safe(now, old) {
            edit.apply(&mut self.safe);
        }
    }

    /// What is to be seen at an instant is what is safe, and what has been done up to then.
    pub(super) fn look(&mut self, instant: u64) {
        if self.journal.has_seen_beyond(instant) {
            self.renew(instant);
        }
        self.see(instant);
    }

    /// As [`look`](Self::look), when what has been seen is not so any more.
    pub(super) fn renew(&mut self, instant: u64) {
        self.journal.unsee();
        self.now.clone_from(&self.safe);
        self.see(instant);
    }

    fn see(&mut self, until: u64) {
        for edit in self.journal.see(until) {
            edit.apply(&mut self.now);
        }
    }

    /// What it is to whoever has looked last, whose wall clock shows `wall`: what changes it later has not yet.
    pub(super) fn found(&self, wall: Duration) -> Found {
        let mut times = self.times;
        if self.journal.hides() {
            times.modified = times.modified.min(wall);
        }
        Found::File(self.now.len() as u64, times)
    }
}

/// When something was done to a file, by its host's wall clock, since 1970. They are kept by a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: Duration,
    pub(crate) modified: Duration,
    /// When a program read it last, or if none has, when it was made.
    pub(crate) accessed: Duration,
}

pub(super) enum Edit {
    Write(u64, Vec<u8>),
    /// One that a crash leaves in any case.
    SafeWrite(u64, Vec<u8>),
    Len(u64),
}

impl Edit {
    pub(super) fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Edit::Len(len) => data.resize(*len as usize, 0),
            Edit::Write(at, bytes) | Edit::SafeWrite(at, bytes) => {
                let end = *at as usize + bytes.len();
                if data.len() < end {
                    data.resize(end, 0);
                }
                data[*at as usize..end].copy_from_slice(bytes);
            }
        }
    }
}
