//! What a level leaves in its executor for the one that waits in a reactor: see [`levels`](super).

use core::cell::Cell;

use crate::time::instant::Instant;

/// What a level leaves in its executor.
pub(crate) struct Post<S: 'static> {
    pub(super) next: Cell<Option<&'static S>>,
    pub(super) listed: Cell<bool>,
    /// When it wants to be pended; zero if it does not.
    pub(super) deadline: Cell<Instant>,
    /// Whether levels may wait in this executor: spares all others the lock. Its own thread's.
    pub(super) serves: Cell<bool>,
}

impl<S> Post<S> {
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(None),
            listed: Cell::new(false),
            deadline: Cell::new(Instant::ZERO),
            serves: Cell::new(false),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadline = self.deadline.get();
        (deadline != Instant::ZERO).then_some(deadline)
    }
}
