//! The timers that an executor's run loop fires: those of its own tasks, and of levels that wait in no reactor.

use super::levels;
use super::shared::Shared;
use crate::time::instant::Instant;

impl Shared {
    /// Whether there is any.
    #[inline]
    pub(super) fn has_timers(&self) -> bool {
        levels::next_deadline(self).is_some() || !self.timers.is_empty()
    }

    /// When the first of them is due.
    #[inline]
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let own = self.timers.next_deadline();
        match levels::next_deadline(self) {
            Some(other) => Some(own.map_or(other, |own| own.min(other))),
            None => own,
        }
    }

    /// Fires those that are due. Returns how many there were.
    #[inline]
    pub(super) fn fire(&self, now: Instant) -> usize {
        let others = levels::fire(self, now);
        self.timers.fire(now) + others
    }
}
