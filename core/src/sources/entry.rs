//! [`Entry`]: one row of the table.

use core::cell::Cell;
use core::fmt;
use core::task::{Context, Poll, Waker};

use super::waiters::{Former, WaiterId, Waiters, Wakeups};
use super::{Direction, Readiness};

/// Bit of an entry's state: an event wakes one reader only.
const ONE_READER: u32 = 1 << 8;

/// One row of the table: what is known of a source, and who waits for it.
pub struct Entry {
    waiters: Waiters,
    /// Even while free, odd while in use.
    generation: Cell<u32>,
    /// While in use: the readiness, and [`ONE_READER`]. While free: the next free row, plus one; zero ends
    /// the list.
    state: Cell<u32>,
}

impl Entry {
    /// Makes a free row.
    pub const fn new() -> Self {
        Self {
            waiters: Waiters::new(),
            generation: Cell::new(0),
            state: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn generation(&self) -> u32 {
        self.generation.get()
    }

    /// Whether a source has the row.
    pub(super) fn is_open(&self) -> bool {
        self.generation() & 1 == 1
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
        self.waiters.close()
    }

    /// Returns what the source is ready for, as far as is known.
    #[inline]
    pub fn ready(&self) -> Readiness {
        Readiness::from_bits(self.state.get() as u8)
    }

    /// Notes that an event reported `ready` and hands out the wakers that it sets free: those of all who
    /// wait for it, or of the first reader only if the source is [one reader's](Self::set_one_reader).
    #[inline]
    pub fn set_ready(&self, ready: Readiness) -> Wakeups {
        let state = self.state.get() | ready.bits() as u32;
        self.state.set(state);
        self.waiters.take_for(ready, || state & ONE_READER != 0)
    }

    /// As [`set_ready`](Self::set_ready), with a short way for the usual case.
    #[inline]
    pub(super) fn set_ready_only(&self, ready: Readiness) -> Result<Option<Waker>, Wakeups> {
        let state = self.state.get() | ready.bits() as u32;
        self.state.set(state);
        self.waiters.take_only(ready, || state & ONE_READER != 0)
    }

    /// Sets whether an event is news for one reader only, as that of a connection to be accepted is.
    ///
    /// Whoever is woken then, and either leaves something for others or gives up, has to wake the
    /// [next](Self::next_reader).
    pub fn set_one_reader(&self, one: bool) {
        let others = self.state.get() & !ONE_READER;
        self.state.set(others | if one { ONE_READER } else { 0 });
    }

    /// Hands out the waker of the reader that has waited longest.
    pub fn next_reader(&self) -> Wakeups {
        self.waiters.take_one(Direction::Read)
    }

    /// Hands out the wakers of all, whatever the source is ready for: for the end of a reactor.
    pub fn wake_all(&self) -> Wakeups {
        self.waiters.take(Readiness::ALL)
    }

    /// Takes back readiness that an operation has used up by moving less than it was asked to. What closes
    /// a source stays set.
    #[inline]
    pub fn clear_ready(&self, ready: Readiness) {
        let used_up = ready & Readiness::CLEARABLE;
        self.state.set(self.state.get() & !(used_up.bits() as u32));
    }

    /// Takes back all readiness for `direction`, since an operation would have blocked. That closes a
    /// source no more: a pipe has got another writer, a terminal was opened again.
    #[inline]
    pub fn would_block(&self, direction: Direction) {
        let none = direction.mask() | direction.hints();
        self.state.set(self.state.get() & !(none.bits() as u32));
    }

    /// Ready with the readiness that concerns `direction`; otherwise keeps the task's waker, beside those
    /// of all others that wait.
    #[inline]
    pub fn poll_ready(&self, direction: Direction, cx: &mut Context<'_>) -> Poll<Readiness> {
        self.poll_ready_as(WaiterId::ANONYMOUS, direction, cx)
    }

    /// As [`poll_ready`](Self::poll_ready), for a waiter that will [be forgotten](Self::forget) if it is
    /// given up.
    #[inline]
    pub fn poll_ready_as(
        &self,
        id: WaiterId,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<Readiness> {
        let ready = self.ready() & direction.mask();
        if !ready.is_empty() {
            return Poll::Ready(ready);
        }
        self.join(direction, id, cx.waker().clone());
        Poll::Pending
    }

    /// Keeps the waker of whoever waits for `direction`, beside all others.
    #[inline]
    pub fn wait(&self, direction: Direction, id: WaiterId, waker: Waker) -> Former {
        self.waiters.wait(direction, id, waker)
    }

    /// As [`wait`](Self::wait), where nothing is borrowed: what was in the waiter's place is let go at once.
    #[inline]
    pub fn join(&self, direction: Direction, id: WaiterId, waker: Waker) {
        self.waiters.join(direction, id, waker);
    }

    /// Forgets who waits in `direction`: for an operation that is given up. `None` if it does not wait, or
    /// has been woken already.
    #[inline]
    #[must_use = "to be dropped outside of a borrow"]
    pub fn forget(&self, direction: Direction, id: WaiterId) -> Option<Waker> {
        self.waiters.forget(direction, id)
    }

    /// Returns whether this waiter waits in `direction`.
    pub fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.waiters.waits(direction, id)
    }

    /// Returns whether anybody waits in `direction`.
    pub fn is_waited_for(&self, direction: Direction) -> bool {
        !self.waiters.is_empty(direction)
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
            .field("waiters", &self.waiters)
            .finish_non_exhaustive()
    }
}
