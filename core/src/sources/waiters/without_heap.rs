//! All waiters but the first of each direction: there is no memory for them, so operations wait elsewhere. Builds with
//! feature `alloc` have `on_heap.rs` in place of this file.

use core::cell::Cell;
use core::convert::Infallible;
use core::task::Waker;

use super::{Direction, First, Former, Readiness, WaiterId};

/// An event concerns also those who wait elsewhere.
pub(super) const ASK_ALWAYS: bool = true;

/// There are never many.
pub(super) type Many = Infallible;

pub(super) struct Others {
    /// Some operation has found the place taken.
    crowded: Cell<bool>,
}

/// Nobody is too many.
#[derive(Default)]
pub(super) struct Surplus;

impl Surplus {
    #[inline]
    pub(super) fn wake(self) {}
}

/// Whether those who have found no place are to look again.
#[derive(Default)]
pub(super) struct Taken(bool);

impl Taken {
    #[inline]
    pub(super) fn wake(self) {
        if self.0 {
            super::super::operation::wake_crowd();
        }
    }

    pub(super) fn len(&self) -> usize {
        0
    }

    pub(super) fn push(&mut self, _: Direction, _: WaiterId, _: Waker) {}
}

impl Others {
    pub(super) const fn new() -> Self {
        Self {
            crowded: Cell::new(false),
        }
    }

    /// Says of one that has found the first place taken, by `there`, which of the two has it.
    pub(super) fn add(
        &self,
        first: &First,
        there: Waker,
        (_, id, waker): (Direction, WaiterId, Waker),
    ) -> Former {
        if id != WaiterId::ANONYMOUS {
            // It is an operation's, which notices and waits elsewhere.
            first.waker.set(Some(there));
            self.crowded.set(true);
            return Former::own(waker);
        }
        first.id.set(id);
        first.waker.set(Some(waker));
        Former {
            waker: Some(there),
            displaced: true,
            ..Former::default()
        }
    }

    pub(super) fn have(&self, _: Direction, _: impl Fn(WaiterId, &Waker) -> bool) -> bool {
        false
    }

    pub(super) fn forget(&self, _: Direction, _: WaiterId) -> Option<Waker> {
        None
    }

    /// For the end of a source.
    pub(super) fn close(&self, called: Taken) -> Taken {
        called
    }

    /// What every event brings, whoever waits.
    #[inline]
    pub(super) fn called(&self) -> Taken {
        Taken(self.crowded.take())
    }

    #[inline]
    pub(super) fn take_crowd(&self) -> Option<Many> {
        None
    }

    pub(super) fn put_back(&self, many: Many) {
        match many {}
    }

    pub(super) fn take_ready(&self, many: Many, _: Readiness) -> Taken {
        match many {}
    }

    pub(super) fn take_next(&self, _: Direction) -> Option<(WaiterId, Waker)> {
        None
    }
}
