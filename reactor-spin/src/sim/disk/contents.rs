//! [`Contents`]: what a file holds.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Found;
use super::journal::Journal;

#[derive(Default)]
pub(super) struct Contents {
    pub(super) now: Vec<u8>,
    pub(super) safe: Vec<u8>,
    /// What has been done since the last sync.
    pub(super) journal: Journal<Edit>,
    /// By the host's wall clock.
    pub(super) modified: Duration,
    /// Whoever has the file open has a clone of it.
    pub(super) open: Arc<()>,
}

impl Contents {
    /// What is safe at the instant `now` is so from now on: see [`Journal::safe`].
    pub(super) fn settle(&mut self, now: u64, old: Option<u64>) {
        for edit in self.journal.safe(now, old) {
            edit.apply(&mut self.safe);
        }
    }

    /// What programs see is what is safe, and what has been done since.
    pub(super) fn renew(&mut self) {
        self.now.clone_from(&self.safe);
        for edit in self.journal.iter() {
            edit.apply(&mut self.now);
        }
    }

    pub(super) fn found(&self) -> Found {
        Found::File(self.now.len() as u64, self.modified)
    }
}

pub(super) enum Edit {
    Write(u64, Vec<u8>),
    Len(u64),
}

impl Edit {
    pub(super) fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Edit::Len(len) => data.resize(*len as usize, 0),
            Edit::Write(at, bytes) => {
                let end = *at as usize + bytes.len();
                if data.len() < end {
                    data.resize(end, 0);
                }
                data[*at as usize..end].copy_from_slice(bytes);
            }
        }
    }
}
