//! The timer queue of a chip with one core (cfg `lean`): a sorted list whose nodes lie in the
//! futures that wait. Much less code than the heap, and nodes of 32 bytes instead of 40; what it
//! costs is that insertion goes past the timers that are due earlier, of which a chip has few.
//!
//! | operation | cost |
//! |---|---|
//! | insert | O(n) |
//! | remove, next deadline, fire one | O(1) |
//!
//! # Invariants
//!
//! * **T1, linked.** A node's `place` is the link that points to it, or null. A linked node is
//!   pinned and unlinks itself when dropped, so every pointer in the list is valid.
//! * **T2, one level.** Queue and nodes are touched by the executor's level only: neither is
//!   `Send` or `Sync`, and a node refers to a living executor while it is linked.
//! * **T3, sorted.** No node is due before the one before it; of two for the same instant the
//!   older comes first.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll, Waker};

use super::Instant;
use crate::task::waker;

type Link = Cell<*const TimerNode>;

/// All timers of an executor.
pub(crate) struct TimerQueue {
    first: Link,
}

/// A timer. Lives, pinned, in the future that waits for it.
pub(crate) struct TimerNode {
    deadline: Cell<Instant>,
    next: Link,
    place: Cell<*const Link>,
    waker: UnsafeCell<Option<Waker>>,
    /// A byte that is not zero at first, so that the words before it are all that has to be cleared.
    not_fired: Cell<bool>,
    /// Of use to the future that the timer lies in, where there is room for it.
    pub(crate) mark: Cell<bool>,
    _pinned: PhantomPinned,
}

impl TimerNode {
    pub(crate) const fn new(deadline: Instant) -> Self {
        Self {
            deadline: Cell::new(deadline),
            next: Cell::new(ptr::null()),
            place: Cell::new(ptr::null()),
            waker: UnsafeCell::new(None),
            not_fired: Cell::new(true),
            mark: Cell::new(false),
            _pinned: PhantomPinned,
        }
    }

    /// Whether the timer waits in a queue.
    pub(crate) fn is_linked(&self) -> bool {
        !self.place.get().is_null()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline.get()
    }

    /// Sets the deadline of a timer that is not linked.
    pub(crate) fn set_deadline(&self, deadline: Instant) {
        debug_assert!(!self.is_linked());
        self.deadline.set(deadline);
    }

    /// Whether this is the waker that the timer wakes.
    #[cfg(feature = "embassy-time")]
    pub(crate) fn wakes(&self, waker: &Waker) -> bool {
        // SAFETY: T2; the reference ends before anything else runs.
        unsafe { (*self.waker.get()).as_ref() }.is_some_and(|mine| mine.will_wake(waker))
    }

    /// Whether the deadline has come.
    pub(crate) fn has_fired(&self) -> bool {
        !self.not_fired.get()
    }

    /// Ready once the timer has fired; until then wakes the last context that polled it.
    #[inline]
    pub(crate) fn poll(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.not_fired.get() {
            return Poll::Ready(());
        }
        let place = self.waker.get();
        // SAFETY: T2; `will_wake` runs no foreign code.
        let known = unsafe { (*place).as_ref() }.is_some_and(|old| old.will_wake(cx.waker()));
        if !known {
            let (new, foreign) = waker::copy(cx.waker());
            // Foreign code may have run the executor, or dropped it.
            if foreign && !self.not_fired.get() {
                return Poll::Ready(());
            }
            if foreign && !self.is_linked() {
                new.wake();
                return Poll::Pending;
            }
            // SAFETY: T2; the old waker is dropped when the cell is no longer in use.
            let old = unsafe { ptr::replace(place, Some(new)) };
            drop(old);
        }
        Poll::Pending
    }

    /// Takes the timer out of its queue, ready to be used again.
    pub(crate) fn cancel(self: Pin<&Self>) {
        self.unlink();
        self.not_fired.set(true);
    }

    #[inline]
    fn unlink(&self) {
        let place = self.place.replace(ptr::null());
        if place.is_null() {
            return;
        }
        let next = self.next.get();
        // SAFETY: T1: linked, so what points to us is there, and so is what we point to.
        unsafe {
            (*place).set(next);
            if !next.is_null() {
                (*next).place.set(place);
            }
        }
    }
}

impl Drop for TimerNode {
    #[inline]
    fn drop(&mut self) {
        self.unlink();
    }
}

impl TimerQueue {
    pub(crate) const fn new() -> Self {
        Self {
            first: Cell::new(ptr::null()),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// When the first timer is due. A timer at the end of time is never due.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let first = self.first.get();
        if first.is_null() {
            return None;
        }
        // SAFETY: T1.
        let deadline = unsafe { (*first).deadline.get() };
        (deadline != Instant::MAX).then_some(deadline)
    }

    /// Adds a timer; one that is linked already is moved.
    ///
    /// The queue is `'static`, as every executor's is, so that T1 needs no more than the
    /// nodes' own care.
    #[inline]
    pub(crate) fn schedule(&'static self, node: Pin<&TimerNode>, deadline: Instant) {
        node.unlink();
        self.insert(node, deadline);
    }

    /// Adds a timer that is not linked.
    #[inline]
    pub(crate) fn insert(&'static self, node: Pin<&TimerNode>, deadline: Instant) {
        debug_assert!(!node.is_linked());
        let node = node.get_ref();
        node.deadline.set(deadline);
        node.not_fired.set(true);
        let mut place: *const Link = &self.first;
        // SAFETY: T1 for all nodes that the list leads to.
        unsafe {
            loop {
                let next = (*place).get();
                node.next.set(next);
                if next.is_null() {
                    break;
                }
                if deadline < (*next).deadline.get() {
                    (*next).place.set(&node.next);
                    break;
                }
                place = &raw const (*next).next;
            }
            node.place.set(place);
            (*place).set(node);
        }
    }

    /// Wakes whoever waits for a deadline that has come, one after the other.
    ///
    /// Nothing is borrowed while a waker runs: it may create, move and drop timers.
    #[inline]
    pub(crate) fn fire(&self, now: Instant) -> usize {
        let mut fired = 0;
        while self.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.take_first(true);
            fired += 1;
        }
        fired
    }

    /// Takes every timer out and wakes whoever waits; their next poll finds the
    /// executor gone.
    pub(crate) fn close(&self) {
        while !self.is_empty() {
            self.take_first(false);
        }
    }

    #[inline]
    fn take_first(&self, fired: bool) {
        // SAFETY: T1; the callers know that there is one.
        let first = unsafe { &*self.first.get() };
        let next = first.next.get();
        self.first.set(next);
        if !next.is_null() {
            // SAFETY: T1.
            unsafe { (*next).place.set(&self.first) };
        }
        first.place.set(ptr::null());
        first.not_fired.set(!fired);
        // SAFETY: T2; the waker leaves the cell before it runs.
        let waker = unsafe { (*first.waker.get()).take() };
        if let Some(waker) = waker {
            crate::task::wake_quietly(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::boxed::Box;
    use std::sync::{Arc, Mutex};
    use std::task::Wake;
    use std::vec::Vec;

    struct Note(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    /// Random timers are made, moved, cancelled, dropped and fired, next to a sorted vector.
    #[test]
    fn does_what_a_sorted_vector_does() {
        let queue: &'static TimerQueue = Box::leak(Box::new(TimerQueue::new()));
        let log = Arc::new(Mutex::new(Vec::new()));
        let node = || Box::pin(TimerNode::new(Instant::MAX));
        let mut nodes: Vec<_> = (0..12).map(|_| node()).collect();
        // Deadline, order, node.
        let mut model: Vec<(u64, usize, usize)> = Vec::new();
        let (mut seed, mut now) = (0x9E37_79B9_u64, 0);
        let mut random = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        for order in 0..if cfg!(miri) { 50 } else { 20_000 } {
            let index = random(12) as usize;
            match random(8) {
                0..=4 => {
                    let deadline = now + random(10);
                    queue.schedule(nodes[index].as_ref(), Instant::from_nanos(deadline));
                    model.retain(|entry| entry.2 != index);
                    model.push((deadline, order, index));
                    let waker = Arc::new(Note(index, log.clone())).into();
                    let poll = nodes[index].as_ref().poll(&mut Context::from_waker(&waker));
                    assert!(poll.is_pending());
                }
                5 => {
                    nodes[index].as_ref().cancel();
                    model.retain(|entry| entry.2 != index);
                }
                6 => {
                    nodes[index] = node();
                    model.retain(|entry| entry.2 != index);
                }
                _ => {
                    now += random(8);
                    model.sort_unstable();
                    let due = model.iter().take_while(|entry| entry.0 <= now).count();
                    let fired: Vec<_> = model.drain(..due).map(|entry| entry.2).collect();
                    assert_eq!(queue.fire(Instant::from_nanos(now)), due);
                    assert_eq!(core::mem::take(&mut *log.lock().unwrap()), fired);
                    assert!(fired.iter().all(|index| nodes[*index].has_fired()));
                }
            }
            let first = model.iter().map(|entry| entry.0).min();
            assert_eq!(queue.next_deadline(), first.map(Instant::from_nanos));
            assert_eq!(queue.is_empty(), model.is_empty());
            for (index, node) in nodes.iter().enumerate() {
                let linked = model.iter().any(|entry| entry.2 == index);
                assert_eq!(node.is_linked(), linked);
            }
        }
        queue.close();
        assert!(queue.is_empty());
        assert!(nodes.iter().all(|node| !node.is_linked()));
    }
}
