//! [`Name`]: an identity for a wait that is known by its waker, if it turns out to need one.

use std::cell::Cell;
use std::task::{Context, Poll};

use mio::event::Source;
use polliwog_core::sources::{Direction, Entry, Waited, WaiterId};

use super::Registered;

thread_local! {
    /// The number of the next identity. Sources do not leave their thread.
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

/// An identity that no other wait for a source of this thread has.
pub(crate) fn fresh() -> WaiterId {
    WaiterId::numbered(NEXT.replace(NEXT.get().wrapping_add(1)))
}

/// A wait for a source without an identity, as long as it has a direction to itself. If it waits beside
/// somebody it gets one, so that it does not stay there when it is given up: whoever polls it by another
/// waker each time, as sets of futures do, would leave a waker behind each time.
pub(crate) struct Name<'a, S: Source> {
    io: &'a Registered<S>,
    direction: Direction,
    id: WaiterId,
}

impl<S: Source> Registered<S> {
    #[inline]
    pub(crate) fn name(&self, direction: Direction) -> Name<'_, S> {
        Name {
            io: self,
            direction,
            id: WaiterId::ANONYMOUS,
        }
    }
}

impl<S: Source> Name<'_, S> {
    /// Polls an operation of this wait.
    #[inline]
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>, WaiterId) -> Poll<T>,
    ) -> Poll<T> {
        if self.io.is_waited_for(self.direction) {
            self.take(cx);
        }
        poll(cx, self.id)
    }

    /// Takes an identity, unless whoever waits there is this task.
    #[cold]
    #[inline(never)]
    fn take(&mut self, cx: &mut Context<'_>) {
        let known = |row: &Entry| row.knows(self.direction, WaiterId::ANONYMOUS, cx.waker());
        if self.id == WaiterId::ANONYMOUS && !self.io.row().is_some_and(known) {
            self.id = fresh();
        }
    }

    #[cold]
    #[inline(never)]
    fn give_up(&self) {
        self.io.forget(self.direction, self.id);
    }
}

impl<S: Source> Drop for Name<'_, S> {
    #[inline]
    fn drop(&mut self) {
        if self.id != WaiterId::ANONYMOUS {
            self.give_up();
        }
    }
}
