//! [`Journal`]: what has been done to a file or to names since it was safe.

use alloc::collections::VecDeque;

/// What has been done, in the order of its instants. A program that has run ahead does it at instants that are still to come, and may
/// come to its end before them; what its system or the test does meanwhile comes before that.
pub(super) struct Journal<E>(VecDeque<Row<E>>);

struct Row<E> {
    at: u64,
    what: What<E>,
}

enum What<E> {
    Done(E),
    /// From this instant on all before it is safe.
    Synced(u64),
}

impl<E> Default for Journal<E> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<E> Journal<E> {
    /// Returns whether nothing comes after it.
    pub(super) fn push(&mut self, at: u64, edit: E) -> bool {
        self.insert(at, What::Done(edit))
    }

    /// A sync that is over at the instant `at`: it is about what was done up to `until`.
    pub(super) fn sync(&mut self, until: u64, at: u64) {
        self.insert(until, What::Synced(at));
    }

    fn insert(&mut self, at: u64, what: What<E>) -> bool {
        let place = self.0.partition_point(|row| row.at <= at);
        self.0.insert(place, Row { at, what });
        place + 1 == self.0.len()
    }

    /// Takes out all, which is safe.
    pub(super) fn take(&mut self) -> impl Iterator<Item = E> + use<E> {
        core::mem::take(&mut self.0)
            .into_iter()
            .filter_map(Row::into_edit)
    }

    /// Takes out what is safe at the instant `now`: what is synced by then, and what was done up to `old`.
    pub(super) fn safe(&mut self, now: u64, old: Option<u64>) -> impl Iterator<Item = E> + '_ {
        let is_synced = |row: &Row<E>| matches!(row.what, What::Synced(at) if at <= now);
        let synced = self.0.iter().rposition(is_synced);
        let count = old.map_or(0, |old| self.0.partition_point(|row| row.at <= old));
        let count = count.max(synced.map_or(0, |at| at + 1));
        self.0.drain(..count).filter_map(Row::into_edit)
    }

    /// Leaves out what would be done after the instant `now`. `false`: nothing would.
    pub(super) fn forget(&mut self, now: u64) -> bool {
        let count = self.0.len();
        self.0.retain(|row| match row.what {
            What::Done(_) => row.at <= now,
            What::Synced(at) => at <= now,
        });
        self.0.len() < count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.0.iter().filter_map(|row| match &row.what {
            What::Done(edit) => Some(edit),
            What::Synced(_) => None,
        })
    }
}

impl<E> Row<E> {
    fn into_edit(self) -> Option<E> {
        match self.what {
            What::Done(edit) => Some(edit),
            What::Synced(_) => None,
        }
    }
}
