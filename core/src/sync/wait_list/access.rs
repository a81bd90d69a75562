//! [`Access`]: what is looked at and changed under a list's lock. The invariants are those of the list, W1 to W7.

use core::fmt;
use core::marker::PhantomData;
use core::task::Waker;

use super::links::{Link, Links, ONE, mark};
use super::{Node, Scope};

/// A list's value and queues, under its lock.
pub struct Access<'a, T, D, const K: usize> {
    pub(super) tails: &'a [Link; K],
    pub(super) value: &'a T,
    /// Where the lock is.
    #[cfg(threads)]
    pub(super) lock: usize,
    /// To be used where the lock was taken.
    pub(super) _one_level: PhantomData<(*const (), D)>,
}

impl<'a, T, D: Copy, const K: usize> Access<'a, T, D, K> {
    /// Returns the value beside the list.
    #[inline]
    pub fn value(&self) -> &'a T {
        self.value
    }

    /// Runs foreign code under the lock of a list with the scope `S`. Where there are threads it panics if it uses
    /// the list: it would wait for itself.
    #[inline]
    pub(in crate::sync) fn foreign<S: Scope, U>(&self, f: impl FnOnce() -> U) -> U {
        #[cfg(threads)]
        let _held = S::LOCKS.then(|| crate::loom::here::Held::new(self.lock));
        f()
    }

    /// Returns whether nobody waits in a queue.
    #[inline]
    pub fn is_empty(&self, queue: usize) -> bool {
        self.tails[queue].get().is_null()
    }

    #[inline]
    fn first_links(&self, queue: usize) -> *const Links {
        let last = self.tails[queue].get();
        if last.is_null() {
            return last;
        }
        // SAFETY: W1, W3: the last of a ring is there, and has a next.
        unsafe { (*last).next.get() }
    }

    /// Returns what the first in a queue has brought along.
    #[inline]
    pub fn first(&self, queue: usize) -> Option<D> {
        let first = self.first_links(queue);
        // SAFETY: W1: the node is there; W7: and the pointer is good for all of it.
        (!first.is_null()).then(|| unsafe { (*Node::<D>::of(first)).data.get() })
    }

    /// Changes what the first in a queue has brought along; nothing, if nobody waits.
    #[inline]
    pub fn set_first(&self, queue: usize, data: D) {
        let first = self.first_links(queue);
        if !first.is_null() {
            // SAFETY: W1: the node is there; W7: and the pointer is good for all of it.
            unsafe { (*Node::of(first)).data.set(data) };
        }
    }

    /// Takes out the first in a queue, who has been notified then, and returns its waker, to be woken
    /// once the lock has been let go.
    #[inline]
    #[must_use = "somebody waits for this waker"]
    pub fn take_first(&self, queue: usize) -> Option<Waker> {
        self.take(queue, self.first_links(queue))
    }

    /// Takes out the last in a queue: as [`take_first`](Self::take_first).
    #[inline]
    #[must_use = "somebody waits for this waker"]
    pub fn take_last(&self, queue: usize) -> Option<Waker> {
        self.take(queue, self.tails[queue].get())
    }

    /// Takes out a node of this queue, or none if it is null.
    #[inline]
    fn take(&self, queue: usize, links: *const Links) -> Option<Waker> {
        if links.is_null() {
            return None;
        }
        // SAFETY: W1, W3: the first or the last of this queue's ring.
        unsafe { Links::unlink(links, &self.tails[queue], mark(ONE)) }
    }
}

impl<T: fmt::Debug, D, const K: usize> fmt::Debug for Access<'_, T, D, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}
