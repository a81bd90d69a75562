//! [`Journal`]: what has been done to a file or to names since it was safe.

use alloc::collections::VecDeque;

/// What has been done, in its order, each with its instant. A program that has run ahead does it at instants that are
/// still to come, and may come to its end before them.
pub(super) struct Journal<E>(VecDeque<Row<E>>);

struct Row<E> {
    at: u64,
    /// None where all before it was synced.
    edit: Option<E>,
}

impl<E> Default for Journal<E> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<E> Journal<E> {
    pub(super) fn push(&mut self, at: u64, edit: E) {
        let edit = Some(edit);
        self.0.push_back(Row { at, edit });
    }

    /// At that instant, which is still to come, all that was done before is synced.
    pub(super) fn sync_at(&mut self, at: u64) {
        self.0.push_back(Row { at, edit: None });
    }

    /// Takes out all, which is safe.
    pub(super) fn take(&mut self) -> impl Iterator<Item = E> + use<E> {
        core::mem::take(&mut self.0)
            .into_iter()
            .filter_map(|row| row.edit)
    }

    /// Takes out what is safe at the instant `now`: what is synced by then, and what was done up to `old`.
    pub(super) fn safe(&mut self, now: u64, old: Option<u64>) -> impl Iterator<Item = E> + '_ {
        let is_synced = |row: &Row<E>| row.edit.is_none() && row.at <= now;
        let synced = self.0.iter().rposition(is_synced);
        let is_old = |row: &&Row<E>| old.is_some_and(|old| row.at <= old);
        let count = self.0.iter().take_while(is_old).count();
        let count = count.max(synced.map_or(0, |at| at + 1));
        self.0.drain(..count).filter_map(|row| row.edit)
    }

    /// Leaves out what would be done after the instant `now`. `false`: nothing would.
    pub(super) fn forget(&mut self, now: u64) -> bool {
        let count = self.0.len();
        self.0.retain(|row| row.at <= now);
        self.0.len() < count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.0.iter().filter_map(|row| row.edit.as_ref())
    }
}
