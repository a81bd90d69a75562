//! The readiness table: what a reactor knows of its I/O sources.
//!
//! One entry per source: a generation, the readiness that has been reported and not used up,
//! and the wakers of whoever waits to read and to write. A reactor keeps the table in a `RefCell` and wakes
//! only after it has let go of it, which is why [`Sources::set_ready`] *returns* the wakers instead
//! of waking them. Where there is an allocator, a source can share the part of the table that has its
//! entry (`Pages`) and look at it without a way through the table.

mod entry;
mod operation;
#[cfg(feature = "alloc")]
mod pages;
mod readiness;
mod waiters;

use core::fmt;
use core::task::{Context, Poll, Waker};

pub use entry::Entry;
pub use operation::{Operation, Reads, Waited, Writes};
#[cfg(feature = "alloc")]
pub use pages::{Page, Pages};
pub use readiness::{Direction, Readiness};
pub use waiters::{Former, WaiterId, Waiters, Wakeups};

/// The name of a source: an index into the table and the generation of its entry.
///
/// A token outlives its source harmlessly: once the entry has been removed, every call with
/// the old token finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    index: u32,
    generation: u32,
}

impl Token {
    /// Returns the token as one number, generation above index, for an operating system that keeps one
    /// word per source. On 32-bit targets the upper bits of the generation do not fit; see
    /// [`Sources::find`].
    #[inline]
    pub const fn to_usize(self) -> usize {
        #[cfg(target_pointer_width = "64")]
        {
            (self.generation as usize) << 32 | self.index as usize
        }
        #[cfg(not(target_pointer_width = "64"))]
        {
            (self.generation as usize) << INDEX_BITS | self.index as usize
        }
    }

    /// Returns the position in the table.
    #[inline]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Returns how often the position had been given away before this source got it.
    #[inline]
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// Bits of the index in a token's number where a word is too short for index and generation.
#[cfg(not(target_pointer_width = "64"))]
const INDEX_BITS: u32 = usize::BITS * 5 / 8;

/// The largest number of entries that a table can have, so that a token's number stays unique
/// and the numbers at the very top remain free for the reactor's own use.
#[cfg(target_pointer_width = "64")]
const MAX_ENTRIES: usize = u32::MAX as usize - 1;
#[cfg(not(target_pointer_width = "64"))]
const MAX_ENTRIES: usize = (1 << INDEX_BITS) - 2;

/// Where a [`Sources`] table keeps its rows.
///
/// Implemented for arrays (a fixed table without an allocator) and, with feature `alloc`, for
/// `Pages`, which grow.
pub trait Storage {
    /// How many rows there are.
    fn len(&self) -> usize;
    /// The row at `index`, if there are as many.
    fn get(&self, index: usize) -> Option<&Entry>;
    /// Adds free rows at the end; `false` if there is no room.
    fn grow(&mut self) -> bool;

    /// Whether there are no rows yet.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<const N: usize> Storage for [Entry; N] {
    fn len(&self) -> usize {
        N
    }
    #[inline]
    fn get(&self, index: usize) -> Option<&Entry> {
        self.as_slice().get(index)
    }
    fn grow(&mut self) -> bool {
        false
    }
}

/// The table has no room for another source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SourcesFull {
    /// How many sources the table can hold.
    pub capacity: usize,
}

impl fmt::Display for SourcesFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} sources of the reactor are in use", self.capacity)
    }
}

impl core::error::Error for SourcesFull {}

#[cfg(feature = "std")]
impl From<SourcesFull> for std::io::Error {
    fn from(full: SourcesFull) -> Self {
        Self::new(std::io::ErrorKind::OutOfMemory, full)
    }
}

/// A table of sources with a fixed limit.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sources::{Direction, Entry, Readiness, Sources};
/// use core::task::{Context, Waker};
///
/// let mut sources = Sources::new([Entry::new(), Entry::new()], 2);
/// let token = sources.insert().unwrap();
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(sources.poll_ready(token, Direction::Read, &mut cx).is_pending());
///
/// sources.set_ready(token, Readiness::READABLE).wake();
/// assert!(sources.poll_ready(token, Direction::Read, &mut cx).is_ready());
///
/// drop(sources.remove(token));
/// assert!(!sources.contains(token));
/// ```
pub struct Sources<S> {
    rows: S,
    /// First free row plus one, or zero.
    free: u32,
    /// Rows before this one have been in use at least once.
    fresh: u32,
    live: u32,
    limit: u32,
}

impl<S: Storage> Sources<S> {
    /// Makes an empty table that never holds more than `limit` sources, nor more than `rows` has room for.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Sources};
    ///
    /// let rows = [const { Entry::new() }; 8];
    /// let table = Sources::new(rows, 4);
    /// assert_eq!(table.capacity(), 4);
    /// ```
    pub fn new(rows: S, limit: usize) -> Self {
        let limit = limit.min(MAX_ENTRIES) as u32;
        Self {
            rows,
            free: 0,
            fresh: 0,
            live: 0,
            limit,
        }
    }

    /// Returns how many sources there are.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Sources};
    ///
    /// let rows = [const { Entry::new() }; 8];
    /// let mut table = Sources::new(rows, 8);
    /// table.insert().unwrap();
    /// assert_eq!(table.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.live as usize
    }

    /// Returns whether there are no sources.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Sources};
    ///
    /// let rows = [const { Entry::new() }; 8];
    /// assert!(Sources::new(rows, 8).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Returns the stated limit on the number of sources.
    pub fn capacity(&self) -> usize {
        self.limit as usize
    }

    /// Gives a new source a row; it starts with no readiness.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// table.insert().unwrap();
    /// table.insert().unwrap_err(); // full
    /// ```
    ///
    /// # Errors
    ///
    /// [`SourcesFull`] when the limit is reached or the storage cannot grow.
    pub fn insert(&mut self) -> Result<Token, SourcesFull> {
        let full = SourcesFull {
            capacity: self.limit as usize,
        };
        if self.live == self.limit {
            return Err(full);
        }
        let index = match self.free {
            0 => {
                if self.fresh as usize == self.rows.len() && !self.rows.grow() {
                    return Err(full);
                }
                self.fresh
            }
            free => free - 1,
        };
        let Some(row) = self.rows.get(index as usize) else {
            return Err(full);
        };
        let next_free = row.open();
        match self.free {
            0 => self.fresh += 1,
            _ => self.free = next_free,
        }
        self.live += 1;
        Ok(Token {
            index,
            generation: row.generation(),
        })
    }

    /// Takes a source's row away; stale events for the token are ignored from now on.
    ///
    /// Returns the wakers that were waiting, for the caller to wake or drop once the table is
    /// no longer borrowed. Empty if the token is stale.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// let token = table.insert().unwrap();
    /// table.remove(token).wake(); // whoever waited finds it gone
    /// assert!(!table.contains(token));
    /// ```
    pub fn remove(&mut self, token: Token) -> Wakeups {
        let Some(row) = self.row(token) else {
            return Wakeups::default();
        };
        let wakeups = row.close(self.free);
        self.free = token.index + 1;
        self.live -= 1;
        wakeups
    }

    /// Returns whether the token names a source that still exists.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// let token = table.insert().unwrap();
    /// assert!(table.contains(token));
    /// ```
    pub fn contains(&self, token: Token) -> bool {
        self.row(token).is_some()
    }

    /// Returns the token whose [`Token::to_usize`] is `number`, if that source still exists.
    ///
    /// On 32-bit targets a number carries the lowest bits of the generation only; an event that
    /// is 2¹² reuses late can then reach the wrong source, which every source must tolerate
    /// like any spurious event.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// let token = table.insert().unwrap();
    /// assert_eq!(table.find(token.to_usize()), Some(token));
    /// ```
    #[inline]
    pub fn find(&self, number: usize) -> Option<Token> {
        let (index, row) = self.named(number)?;
        Some(Token {
            index,
            generation: row.generation(),
        })
    }

    /// The row of the source whose token has this number.
    #[inline]
    fn named(&self, number: usize) -> Option<(u32, &Entry)> {
        #[cfg(target_pointer_width = "64")]
        let (index, generation, all) = (number as u32, (number >> 32) as u32, u32::MAX);
        #[cfg(not(target_pointer_width = "64"))]
        let (index, generation, all) = (
            (number & ((1 << INDEX_BITS) - 1)) as u32,
            (number >> INDEX_BITS) as u32,
            u32::MAX >> INDEX_BITS,
        );
        let row = self.rows.get(index as usize)?;
        // Odd: in use.
        (generation & 1 == 1 && row.generation() & all == generation).then_some((index, row))
    }

    /// Notes that an event, which names its source by [`Token::to_usize`], reported `ready`, and
    /// hands out the wakers that it sets free: [`find`](Self::find) and
    /// [`set_ready`](Self::set_ready) in one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Readiness, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// let token = table.insert().unwrap();
    /// table.report(token.to_usize(), Readiness::READABLE).wake();
    /// assert!(table.ready(token).is_readable());
    /// ```
    #[inline]
    pub fn report(&self, number: usize, ready: Readiness) -> Wakeups {
        match self.named(number) {
            Some((_, row)) => row.set_ready(ready),
            None => Wakeups::default(),
        }
    }

    /// As [`report`](Self::report), with a short way for the usual case, that it is one waker at most.
    ///
    /// # Errors
    ///
    /// The wakers, if there may be more of them.
    #[inline]
    pub fn report_only(&self, number: usize, ready: Readiness) -> Result<Option<Waker>, Wakeups> {
        match self.named(number) {
            Some((_, row)) => row.set_ready_only(ready),
            None => Ok(None),
        }
    }

    /// Notes that an event reported `ready` and hands out the wakers that it sets free.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Readiness, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// let token = table.insert().unwrap();
    /// table.set_ready(token, Readiness::WRITABLE).wake();
    /// assert!(table.ready(token).is_writable());
    /// ```
    #[inline]
    pub fn set_ready(&self, token: Token, ready: Readiness) -> Wakeups {
        self.row(token)
            .map_or_else(Wakeups::default, |row| row.set_ready(ready))
    }

    /// Takes back readiness that an operation has used up by moving less than it was asked to. What
    /// closes a source stays set.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Entry, Readiness, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// let token = table.insert().unwrap();
    /// table.set_ready(token, Readiness::READABLE).wake();
    /// table.clear_ready(token, Readiness::READABLE);
    /// assert!(table.ready(token).is_empty());
    /// ```
    #[inline]
    pub fn clear_ready(&self, token: Token, ready: Readiness) {
        if let Some(row) = self.row(token) {
            row.clear_ready(ready);
        }
    }

    /// Takes back all readiness for `direction`, since an operation would have blocked.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Direction, Entry, Readiness, Sources};
    ///
    /// let rows = [const { Entry::new() }; 1];
    /// let mut table = Sources::new(rows, 1);
    /// let token = table.insert().unwrap();
    /// table.set_ready(token, Readiness::READABLE).wake();
    /// table.would_block(token, Direction::Read);
    /// assert!(!table.ready(token).is_readable());
    /// ```
    #[inline]
    pub fn would_block(&self, token: Token, direction: Direction) {
        if let Some(row) = self.row(token) {
            row.would_block(direction);
        }
    }

    /// Returns what the source is ready for, as far as the table knows. Nothing for a stale token.
    #[inline]
    pub fn ready(&self, token: Token) -> Readiness {
        self.row(token).map_or(Readiness::NONE, Entry::ready)
    }

    /// Ready with the readiness that concerns `direction`; otherwise keeps the task's waker,
    /// beside those of all others that wait for the same direction.
    ///
    /// A stale token is ready with [`Readiness::ERROR`], so that nobody waits for a source that
    /// is gone.
    ///
    /// This clones a waker and may drop one. In a table that is borrowed meanwhile use
    /// [`wait`](Self::wait), for wakers can be foreign code.
    #[inline]
    pub fn poll_ready(
        &self,
        token: Token,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<Readiness> {
        match self.row(token) {
            Some(row) => row.poll_ready(direction, cx),
            None => Poll::Ready(Readiness::ERROR),
        }
    }

    /// Keeps the waker of whoever waits for `direction`, beside all others. What it returns is to be let go
    /// once the table is no longer borrowed. A waker is dropped at once if the token is stale.
    #[inline]
    pub fn wait(&self, token: Token, direction: Direction, id: WaiterId, waker: Waker) -> Former {
        match self.row(token) {
            Some(row) => row.wait(direction, id, waker),
            None => Former::default(),
        }
    }

    /// Forgets who waits in `direction`: for an operation that is given up.
    #[must_use = "to be dropped outside of a borrow"]
    pub fn forget(&self, token: Token, direction: Direction, id: WaiterId) -> Option<Waker> {
        self.row(token)?.forget(direction, id)
    }

    /// Calls `f` with each row that a source has.
    pub fn for_each(&self, mut f: impl FnMut(&Entry)) {
        let rows = (0..self.fresh as usize).filter_map(|index| self.rows.get(index));
        rows.filter(|row| row.is_open()).for_each(&mut f);
    }

    #[inline]
    fn row(&self, token: Token) -> Option<&Entry> {
        self.rows
            .get(token.index())
            .filter(|row| row.generation() == token.generation)
    }
}

impl<S> fmt::Debug for Sources<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("len", &self.live)
            .field("capacity", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
