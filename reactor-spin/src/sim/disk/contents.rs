//! [`Contents`]: what a file holds.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::journal::{Journal, Step};

#[derive(Default)]
pub(super) struct Contents {
    /// As whoever has looked last has found it.
    pub(super) now: State,
    /// What has been done since the last sync.
    pub(super) journal: Journal<Edit>,
    /// Whoever has the file open has a clone of it.
    pub(super) open: Arc<()>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) data: Vec<u8>,
    pub(super) times: Times,
}

impl Contents {
    /// A file that is made at that time.
    pub(super) fn new(wall: Duration) -> Self {
        let mut contents = Self::default();
        contents.now.times = Times::new(wall);
        contents
    }

    /// Lets it be what it is at an instant.
    pub(super) fn look(&mut self, instant: u64) {
        self.journal.look(&mut self.now, instant);
    }

    /// What is safe at the instant `now` is so from now on: see [`Journal::settle`].
    pub(super) fn settle(&mut self, now: u64, old: Option<u64>) {
        self.journal.settle(&mut self.now, now, old);
    }
}

/// When something was done to what lies on a disk, by its host's wall clock, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: Duration,
    pub(crate) modified: Duration,
    /// When a program read it last, or if none has, when it was made.
    pub(crate) accessed: Duration,
    /// When anything of it was changed last.
    pub(crate) changed: Duration,
}

impl Times {
    pub(super) fn new(wall: Duration) -> Self {
        Self {
            created: wall,
            modified: wall,
            accessed: wall,
            changed: wall,
        }
    }
}

/// What is done to a file, and when.
pub(super) struct Edit {
    pub(super) kind: Kind,
    pub(super) wall: Duration,
    /// It is written at the end, wherever that is at its instant: whoever is ahead has found another one than there is once
    /// somebody else has written before that.
    pub(super) appends: bool,
}

pub(super) enum Kind {
    Write(u64, Vec<u8>),
    /// One that a crash leaves in any case.
    SafeWrite(u64, Vec<u8>),
    Len(u64),
    /// Sets when it was changed and read, of which one may be left as it is.
    Times(Option<Duration>, Option<Duration>),
}

/// What a file was before.
pub(super) struct Before {
    len: usize,
    /// What lay where other bytes do now.
    at: usize,
    bytes: Vec<u8>,
    times: Times,
    sets_accessed: bool,
}

impl Step for Edit {
    type On = State;
    type Undo = Before;

    fn apply(&mut self, on: &mut State) -> Before {
        let data = &mut on.data;
        let len = data.len();
        if let (true, Kind::Write(at, _) | Kind::SafeWrite(at, _)) = (self.appends, &mut self.kind)
        {
            *at = len as u64;
        }
        let (from, end) = match &self.kind {
            Kind::Write(at, bytes) | Kind::SafeWrite(at, bytes) => {
                (*at as usize, *at as usize + bytes.len())
            }
            Kind::Len(new) => (*new as usize, len),
            Kind::Times(..) => (len, len),
        };
        let at = from.min(len);
        let mut before = Before {
            len,
            at,
            bytes: data[at..end.clamp(at, len)].to_vec(),
            times: on.times,
            sets_accessed: false,
        };
        on.times.changed = self.wall;
        match &self.kind {
            Kind::Times(modified, accessed) => {
                on.times.modified = modified.unwrap_or(on.times.modified);
                on.times.accessed = accessed.unwrap_or(on.times.accessed);
                before.sets_accessed = accessed.is_some();
                return before;
            }
            Kind::Len(new) => data.resize(*new as usize, 0),
            Kind::Write(_, bytes) | Kind::SafeWrite(_, bytes) => {
                if len < end {
                    data.resize(end, 0);
                }
                data[from..end].copy_from_slice(bytes);
            }
        }
        on.times.modified = self.wall;
        before
    }

    fn undo(before: Before, on: &mut State) {
        on.data.resize(before.len, 0);
        on.data[before.at..before.at + before.bytes.len()].copy_from_slice(&before.bytes);
        let accessed = on.times.accessed;
        on.times = before.times;
        if !before.sets_accessed {
            on.times.accessed = accessed;
        }
    }
}
