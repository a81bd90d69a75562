//! [`Journal`]: what has been done to a file or to names since it was safe.

use alloc::collections::VecDeque;

/// What has been done, in the order of its instants. A program that has run ahead does it at instants that are still to come, and may
/// come to its end before them; what its system or the test does meanwhile comes before that.
pub(super) struct Journal<E> {
    rows: VecDeque<Row<E>>,
    /// So many of them whoever has looked last has seen, as they are up to its instant.
    seen: usize,
}

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
        Self {
            rows: VecDeque::new(),
            seen: 0,
        }
    }
}

impl<E> Journal<E> {
    /// Whoever has looked at the instant `at` does something, and has seen it.
    pub(super) fn push(&mut self, at: u64, edit: E) {
        self.insert(at, What::Done(edit));
    }

    /// A sync that is over at the instant `at`: it is about what was done up to `until`.
    pub(super) fn sync(&mut self, until: u64, at: u64) {
        self.insert(until, What::Synced(at));
    }

    fn insert(&mut self, at: u64, what: What<E>) {
        let place = self.until(at);
        self.rows.insert(place, Row { at, what });
        if place <= self.seen {
            self.seen += 1;
        }
    }

    /// How many rows are not later than that.
    fn until(&self, instant: u64) -> usize {
        self.rows.partition_point(|row| row.at <= instant)
    }

    /// Whether more has been seen than what is done up to that instant.
    pub(super) fn has_seen_beyond(&self, instant: u64) -> bool {
        self.until(instant) < self.seen
    }

    /// Whether something is done later than what has been seen.
    pub(super) fn hides(&self) -> bool {
        self.rows.range(self.seen..).any(|row| row.edit().is_some())
    }

    /// Nothing of it has been seen.
    pub(super) fn unsee(&mut self) {
        self.seen = 0;
    }

    /// What is to be seen up to that instant and has not been.
    pub(super) fn see(&mut self, until: u64) -> impl Iterator<Item = &E> {
        let from = self.seen;
        self.seen = self.until(until).max(from);
        self.rows.range(from..self.seen).filter_map(Row::edit)
    }

    /// Takes out all, which is safe.
    pub(super) fn take(&mut self) -> impl Iterator<Item = E> + use<E> {
        core::mem::take(self)
            .rows
            .into_iter()
            .filter_map(Row::into_edit)
    }

    /// Takes out what is safe at the instant `now`, of which all has been seen: what is synced by then, and what was done up to
    /// `old`.
    pub(super) fn safe(&mut self, now: u64, old: Option<u64>) -> impl Iterator<Item = E> + '_ {
        let is_synced = |row: &Row<E>| matches!(row.what, What::Synced(at) if at <= now);
        let synced = self.rows.iter().rposition(is_synced);
        let count = old.map_or(0, |old| self.until(old));
        let count = count.max(synced.map_or(0, |at| at + 1));
        self.seen -= count;
        self.rows.drain(..count).filter_map(Row::into_edit)
    }

    /// Leaves out what would be done after the instant `now`. `false`: nothing would.
    pub(super) fn forget(&mut self, now: u64) -> bool {
        let count = self.rows.len();
        self.rows.retain(|row| match row.what {
            What::Done(_) => row.at <= now,
            What::Synced(at) => at <= now,
        });
        self.rows.len() < count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.rows.iter().filter_map(Row::edit)
    }
}

impl<E> Row<E> {
    fn edit(&self) -> Option<&E> {
        match &self.what {
            What::Done(edit) => Some(edit),
            What::Synced(_) => None,
        }
    }

    fn into_edit(self) -> Option<E> {
        match self.what {
            What::Done(edit) => Some(edit),
            What::Synced(_) => None,
        }
    }
}
