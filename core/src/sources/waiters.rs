//! [`Waiters`]: who waits for a source.

use core::cell::Cell;
use core::fmt;
use core::task::Waker;

use super::{Direction, Readiness};
use crate::task::unwind::wake_quietly;
use crate::trace::waits;

#[cfg_attr(feature = "alloc", path = "waiters/on_heap.rs")]
#[cfg_attr(not(feature = "alloc"), path = "waiters/without_heap.rs")]
mod others;

use others::{Others, Surplus, Taken};

/// Which waiter it is, of those that wait for the same direction of a source.
///
/// A future that waits has an identity of its own, so that it can be taken out when it is given up.
/// What is only polled, as the poll functions of streams are, has none: it is known by its waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaiterId(usize);

impl WaiterId {
    /// The identity of waiters that are known by their waker alone.
    pub const ANONYMOUS: WaiterId = WaiterId(0);

    /// Whoever has a direction of a source to itself, as somebody with an exclusive reference has: a wait
    /// takes the place of the one before, which must have been given up.
    pub const OWNER: WaiterId = WaiterId(1);

    /// The identity with a number, which has to be another one than those of all others that wait for the
    /// same source.
    #[inline]
    pub const fn numbered(number: usize) -> Self {
        // Odd, as addresses of what is aligned are not; those of other values lie far above any count.
        Self(number.wrapping_mul(2).wrapping_add(3) | 1)
    }

    /// Returns the identity of a future, which it has for as long as it is pinned: its address. The future
    /// has to [forget](Waiters::forget) itself when it is dropped; an [`Operation`](super::Operation) does
    /// all that.
    ///
    /// # Panics
    ///
    /// Does not compile for a type without a size, which may share its address with others.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn of<T>(future: &T) -> Self {
        Self::at(future)
    }

    #[inline]
    pub(super) fn at<T>(future: &T) -> Self {
        const {
            assert!(
                size_of::<T>() != 0,
                "only what has a size has an address of its own"
            )
        }
        Self(core::ptr::from_ref(future).addr())
    }
}

/// The wakers of any number of tasks that read, and of any number that write.
///
/// The first of each direction has its place in here. All others lie on the heap, in the order in which
/// they came.
///
/// Of those without an identity, which leave their wakers behind when they give up, more than some thirty of one
/// direction are woken now and then, for nothing: whoever still waits comes back, the others are gone. It costs those
/// who wait a wake for as many that have given up as there are of them, and many who really wait are left in peace.
///
/// Without feature `alloc` there is only that one place. An [`Operation`](super::Operation) that finds it
/// taken waits elsewhere, without a limit to their number, and looks again at every event. What is only
/// polled takes the place in any case, and the one that had it is woken, so that nobody is left behind; but
/// two of that kind that wait for the same take turns in waking one another, so do not let several tasks use
/// poll functions for the same direction of a source there.
///
/// No waker is woken, cloned or dropped in here, so it can lie in whatever is borrowed or locked.
pub struct Waiters {
    first: [First; 2],
    others: Others,
}

struct First {
    waker: Cell<Option<Waker>>,
    /// Means nothing while there is no waker.
    id: Cell<WaiterId>,
}

/// The waker that was in a waiter's place before, and those who were too many. To be [let go](Former::let_go) once
/// nothing is borrowed any more.
#[derive(Default)]
#[must_use = "to be let go outside of a borrow"]
pub struct Former {
    waker: Option<Waker>,
    /// It is another waiter's, which has lost its place.
    displaced: bool,
    surplus: Surplus,
}

impl Former {
    /// The waker that was in its own waiter's place.
    fn own(waker: Waker) -> Self {
        Self {
            waker: Some(waker),
            ..Self::default()
        }
    }

    /// Drops the waker, after waking it if it has lost its place to another one.
    #[inline]
    pub fn let_go(self) {
        self.surplus.wake();
        if let Some(waker) = self.waker {
            if self.displaced {
                wake_quietly(waker);
            }
        }
    }
}

impl fmt::Debug for Former {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Former")
            .field("waker", &self.waker)
            .field("displaced", &self.displaced)
            .finish_non_exhaustive()
    }
}

/// The wakers that an event sets free. Wake them once the table is no longer borrowed.
#[derive(Default)]
#[must_use = "tasks wait for these wakers"]
pub struct Wakeups {
    /// The first that waits to read.
    pub reader: Option<Waker>,
    /// The first that waits to write.
    pub writer: Option<Waker>,
    others: Taken,
}

impl Wakeups {
    /// Wakes all, in the order in which they came, [quietly](wake_quietly): a panic of a waker costs the
    /// others nothing.
    #[inline]
    pub fn wake(self) {
        if let Some(reader) = self.reader {
            wake_quietly(reader);
        }
        if let Some(writer) = self.writer {
            wake_quietly(writer);
        }
        self.others.wake();
    }

    /// Returns how many wakers there are.
    pub fn len(&self) -> usize {
        let firsts = usize::from(self.reader.is_some()) + usize::from(self.writer.is_some());
        firsts + self.others.len()
    }

    /// Returns whether there are no wakers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeups").field("len", &self.len()).finish()
    }
}

impl Waiters {
    /// Makes a list in which nobody waits.
    pub const fn new() -> Self {
        Self {
            first: [const {
                First {
                    waker: Cell::new(None),
                    id: Cell::new(WaiterId::ANONYMOUS),
                }
            }; 2],
            others: Others::new(),
        }
    }

    #[inline]
    fn first(&self, direction: Direction) -> &First {
        &self.first[direction as usize]
    }

    /// Keeps the waker of whoever waits for `direction`: in the place that it has already, or behind all
    /// others.
    #[inline]
    pub fn wait(&self, direction: Direction, id: WaiterId, waker: Waker) -> Former {
        waits::source(direction);
        let first = self.first(direction);
        match first.waker.take() {
            None => {
                first.id.set(id);
                first.waker.set(Some(waker));
                Former::default()
            }
            Some(there) => self.wait_beside(first, there, direction, id, waker),
        }
    }

    /// As [`wait`](Self::wait), where nothing is borrowed: what was in the waiter's place is let go at once.
    #[inline]
    pub fn join(&self, direction: Direction, id: WaiterId, waker: Waker) {
        waits::source(direction);
        let first = self.first(direction);
        match first.waker.take() {
            None => {
                first.id.set(id);
                core::mem::forget(first.waker.replace(Some(waker)));
            }
            Some(there) => self.join_beside(there, direction, id, waker),
        }
    }

    #[cold]
    #[inline(never)]
    fn join_beside(&self, there: Waker, direction: Direction, id: WaiterId, waker: Waker) {
        let first = self.first(direction);
        self.wait_beside(first, there, direction, id, waker)
            .let_go();
    }

    /// The same where the first place is taken, by `there`.
    #[cold]
    #[inline(never)]
    fn wait_beside(
        &self,
        first: &First,
        there: Waker,
        direction: Direction,
        id: WaiterId,
        waker: Waker,
    ) -> Former {
        if is_same(first.id.get(), &there, id, &waker) {
            first.waker.set(Some(waker));
            return Former::own(there);
        }
        self.others.add(first, there, (direction, id, waker))
    }

    /// Returns whether this waiter is among those that wait, with a waker that wakes the same task: then
    /// [`wait`](Self::wait) would change nothing.
    pub fn knows(&self, direction: Direction, id: WaiterId, waker: &Waker) -> bool {
        let is =
            |there_id, there: &Waker| is_same(there_id, there, id, waker) && there.will_wake(waker);
        let first = self.first(direction);
        let there = first.waker.take();
        let is_first = there
            .as_ref()
            .is_some_and(|there| is(first.id.get(), there));
        first.waker.set(there);
        let knows = is_first || self.others.have(direction, is);
        if knows {
            waits::source(direction);
        }
        knows
    }

    /// Returns whether this waiter is among those that wait.
    pub fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        let first = self.first(direction);
        let there = first.waker.take();
        let is_first = there.is_some() && first.id.get() == id;
        first.waker.set(there);
        is_first || self.others.have(direction, |other, _| other == id)
    }

    /// Takes a waiter out, which has been given up. `None` if it does not wait, or not any more; those
    /// without an identity are never found.
    #[inline]
    #[must_use = "to be dropped outside of a borrow"]
    pub fn forget(&self, direction: Direction, id: WaiterId) -> Option<Waker> {
        if id == WaiterId::ANONYMOUS {
            return None;
        }
        let first = self.first(direction);
        if first.id.get() == id {
            if let Some(waker) = first.waker.take() {
                self.move_up(direction);
                return Some(waker);
            }
        }
        self.others.forget(direction, id)
    }

    /// Returns whether nobody waits for `direction`.
    pub fn is_empty(&self, direction: Direction) -> bool {
        let first = self.first(direction);
        let waker = first.waker.take();
        let empty = waker.is_none();
        first.waker.set(waker);
        empty
    }

    /// Takes out all, and forgets how many there were: for the end of a source.
    pub(super) fn close(&self) -> Wakeups {
        let wakeups = self.take_firsts(Readiness::ALL);
        Wakeups {
            others: self.others.close(wakeups.others),
            ..wakeups
        }
    }

    /// Takes out all who wait for something that `ready` has.
    #[inline]
    pub fn take(&self, ready: Readiness) -> Wakeups {
        self.take_for(ready, || false)
    }

    /// The same, but only the first reader if `one_reader`, which is asked only if there are several
    /// waiters.
    #[inline]
    pub(super) fn take_for(&self, ready: Readiness, one_reader: impl FnOnce() -> bool) -> Wakeups {
        match self.others.take_crowd() {
            Some(crowd) => self.take_of_many(crowd, ready, one_reader()),
            None => self.take_firsts(ready),
        }
    }

    /// The same for the usual case, in which there is one to be woken at most.
    ///
    /// # Errors
    ///
    /// Their wakers, if there may be more.
    #[inline]
    pub(super) fn take_only(
        &self,
        ready: Readiness,
        one_reader: impl FnOnce() -> bool,
    ) -> Result<Option<Waker>, Wakeups> {
        if let Some(crowd) = self.others.take_crowd() {
            return Err(self.take_of_many(crowd, ready, one_reader()));
        }
        if ready.is_writable() || others::ASK_ALWAYS {
            return Err(self.take_firsts(ready));
        }
        Ok(match ready.is_readable() {
            true => self.first(Direction::Read).waker.take(),
            false => None,
        })
    }

    #[inline]
    fn take_firsts(&self, ready: Readiness) -> Wakeups {
        let first = |direction: Direction| match ready.intersects(direction.mask()) {
            true => self.first(direction).waker.take(),
            false => None,
        };
        Wakeups {
            reader: first(Direction::Read),
            writer: first(Direction::Write),
            others: self.others.called(),
        }
    }

    #[cold]
    #[inline(never)]
    fn take_of_many(&self, crowd: others::Many, ready: Readiness, one_reader: bool) -> Wakeups {
        if one_reader && ready.is_readable() && !ready.is_writable() {
            self.others.put_back(crowd);
            return self.take_one(Direction::Read);
        }
        let wakeups = self.take_firsts(ready);
        Wakeups {
            others: self.others.take_ready(crowd, ready),
            ..wakeups
        }
    }

    /// Takes out the one that has waited longest for `direction`. Those without an identity that have
    /// waited longer come along: whether they still wait is not known.
    pub fn take_one(&self, direction: Direction) -> Wakeups {
        let mut wakeups = Wakeups {
            others: self.others.called(),
            ..Wakeups::default()
        };
        let first = self.first(direction);
        while let Some(waker) = first.waker.take() {
            let id = first.id.get();
            self.move_up(direction);
            wakeups.push(direction, id, waker);
            if id != WaiterId::ANONYMOUS {
                break;
            }
        }
        wakeups
    }

    /// Fills the first place, which has become free, with the one that came next.
    fn move_up(&self, direction: Direction) {
        if let Some((id, waker)) = self.others.take_next(direction) {
            let first = self.first(direction);
            first.id.set(id);
            first.waker.set(Some(waker));
        }
    }
}

impl Wakeups {
    fn push(&mut self, direction: Direction, id: WaiterId, waker: Waker) {
        let first = match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        };
        if first.is_none() {
            *first = Some(waker);
            return;
        }
        self.others.push(direction, id, waker);
    }
}

/// Whether it is the same waiter.
fn is_same(there_id: WaiterId, there: &Waker, id: WaiterId, waker: &Waker) -> bool {
    there_id == id && (id != WaiterId::ANONYMOUS || there.will_wake(waker))
}

impl Default for Waiters {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiters")
            .field("read", &!self.is_empty(Direction::Read))
            .field("write", &!self.is_empty(Direction::Write))
            .finish()
    }
}

#[cfg(test)]
mod tests;
