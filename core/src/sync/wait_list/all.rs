//! Notifying all who wait. The invariants are those of the list, W1 to W6.

use core::ptr;
use core::task::Waker;

use super::{ALL, Node, Scope, WaitList, mark};
use crate::task::wake_quietly;

/// How many wakers are taken out under one lock when all are notified.
pub(super) const BATCH: usize = 8;

/// The ring of those who are to be notified.
pub(super) struct AllOf<'a, S: Scope, T, D: Copy, const K: usize> {
    pub(super) list: &'a WaitList<S, T, D, K>,
    pub(super) queue: usize,
    pub(super) end: &'a Node<D>,
    /// Whether `end` is in a ring with others.
    pub(super) more: bool,
    pub(super) notified: usize,
}

/// Wakers that have been taken out of a list.
struct Batch([Option<Waker>; BATCH]);

impl<S: Scope, T, D: Copy, const K: usize> AllOf<'_, S, T, D, K> {
    pub(super) fn wake(&mut self) {
        while self.more {
            // Dropped at the end of the turn at the latest, which wakes the rest if one panics.
            let mut batch = self.take_some();
            batch.wake();
        }
    }

    /// Takes the next few out of the ring.
    fn take_some(&mut self) -> Batch {
        let mut batch = Batch([const { None }; BATCH]);
        self.list.with(|access| {
            let tail = &access.tails[self.queue];
            for place in &mut batch.0 {
                let first = self.end.next.get();
                if ptr::eq(first, self.end) {
                    break;
                }
                // SAFETY: W1, W3: `end` is linked and not alone; the tail is not in its ring.
                unsafe {
                    (*first).unlink(tail, mark(ALL));
                    *place = (*first).waker.replace(None);
                }
                self.notified += 1;
            }
            self.more = !ptr::eq(self.end.next.get(), self.end);
        });
        batch
    }
}

impl<S: Scope, T, D: Copy, const K: usize> Drop for AllOf<'_, S, T, D, K> {
    #[inline]
    fn drop(&mut self) {
        // There is more only if a waker has panicked.
        self.wake();
    }
}

impl Batch {
    fn wake(&mut self) {
        while let Some(waker) = self.0.iter_mut().find_map(Option::take) {
            wake_quietly(waker);
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.wake();
    }
}
