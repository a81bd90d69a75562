//! [`Entry`]: one row of the table.

use core::cell::Cell;
use core::fmt;
use core::task::{Context, Poll, Waker};

use super::{Direction, Readiness, Wakeups};

/// One row of the table: what is known of a source, and who waits for it.
pub struct Entry {
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
    /// Even while free, odd while in use.
    generation: Cell<u32>,
    /// While in use: the readiness. While free: the next free row, plus one; zero ends the list.
    state: Cell<u32>,
}

impl Entry {
    /// A free row.
    pub const fn new() -> Self {
        Self {
            reader: Cell::new(None),
            writer: Cell::new(None),
            generation: Cell::new(0),
            state: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn generation(&self) -> u32 {
        self.generation.get()
    }

    /// Puts a free row to use, with no readiness; returns the free row after it, plus one.
    pub(super) fn open(&self) -> u32 {
        self.generation.set(self.generation().wrapping_add(1));
        self.state.replace(0)
    }

    /// Makes the row free, before the row `next_free` in the list of free ones.
    pub(super) fn close(&self, next_free: u32) -> Wakeups {
        self.generation.set(self.generation().wrapping_add(1));
        self.state.set(next_free);
        Wakeups {
            reader: self.reader.take(),
            writer: self.writer.take(),
        }
    }

    /// What the source is ready for, as far as is known.
    #[inline]
    pub fn ready(&self) -> Readiness {
        Readiness::from_bits(self.state.get() as u8)
    }

    /// Notes that an event reported `ready` and hands out the wakers that it sets free.
    #[inline]
    pub fn set_ready(&self, ready: Readiness) -> Wakeups {
        self.state.set(self.state.get() | ready.bits() as u32);
        Wakeups {
            reader: if ready.is_readable() {
                self.reader.take()
            } else {
                None
            },
            writer: if ready.is_writable() {
                self.writer.take()
            } else {
                None
            },
        }
    }

    /// Takes back readiness that an operation has used up. What closes a source stays set.
    #[inline]
    pub fn clear_ready(&self, ready: Readiness) {
        let used_up = ready & Readiness::CLEARABLE;
        self.state.set(self.state.get() & !(used_up.bits() as u32));
    }

    /// Ready with the readiness that concerns `direction`; otherwise keeps the task's waker, in the
    /// place of an earlier one for the same direction.
    #[inline]
    pub fn poll_ready(&self, direction: Direction, cx: &mut Context<'_>) -> Poll<Readiness> {
        let ready = self.ready() & direction.mask();
        if !ready.is_empty() {
            return Poll::Ready(ready);
        }
        drop(self.wait(direction, cx.waker().clone()));
        Poll::Pending
    }

    /// Keeps the waker of whoever waits for `direction` and returns the one that did before.
    #[inline]
    pub fn wait(&self, direction: Direction, waker: Waker) -> Option<Waker> {
        self.place(direction).replace(Some(waker))
    }

    /// Forgets who waits in `direction`: for an operation that is given up.
    pub fn forget(&self, direction: Direction) -> Option<Waker> {
        self.place(direction).take()
    }

    #[inline]
    fn place(&self, direction: Direction) -> &Cell<Option<Waker>> {
        match direction {
            Direction::Read => &self.reader,
            Direction::Write => &self.writer,
        }
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("ready", &self.ready())
            .finish_non_exhaustive()
    }
}
