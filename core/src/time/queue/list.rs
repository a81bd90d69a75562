//! The timer queue of a chip with one core (cfg `lean`): a sorted list whose nodes lie in the
//! futures that wait. Much less code than the heap, and a node of 32 bytes is a whole sleep; what it
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
//! * **T6, waker.** A node has a waker while it is linked, and only then.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr;
use core::task::Waker;

use crate::task::owner::Owner;
use crate::time::instant::Instant;

type Link = Cell<*const TimerNode>;

/// All timers of an executor.
pub(crate) struct TimerQueue {
    first: Link,
}

/// Bit of [`TimerNode::claim`], as of every claim's number: the timer has not fired.
const NOT_FIRED: usize = 1;

/// A timer. Lives, pinned, in the future that waits for it.
pub(crate) struct TimerNode {
    deadline: Cell<Instant>,
    /// The next one; in a node that is not linked and has not fired, null unless it is relative.
    next: Link,
    place: Cell<*const Link>,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    /// The number of the claim of `home` that the timer belongs to, if any, without [`NOT_FIRED`]
    /// once it has fired.
    claim: Cell<usize>,
    /// Null if there is none.
    home: Cell<*const Owner>,
    _pinned: PhantomPinned,
}

impl TimerNode {
    pub(crate) const fn new(deadline: Instant) -> Self {
        Self {
            deadline: Cell::new(deadline),
            next: Cell::new(ptr::null()),
            place: Cell::new(ptr::null()),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            claim: Cell::new(NOT_FIRED),
            home: Cell::new(ptr::null()),
            _pinned: PhantomPinned,
        }
    }

    /// Whether the timer waits in a queue.
    #[inline]
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

    /// Whether the deadline is a duration, as no clock has been seen yet.
    #[inline]
    pub(crate) fn is_relative(&self) -> bool {
        !self.is_linked() && !self.has_fired() && self.lacks_clock()
    }

    /// Whether the deadline of a timer that is not linked and has not fired is a duration.
    #[inline]
    pub(crate) fn lacks_clock(&self) -> bool {
        !self.next.get().is_null()
    }

    /// Says so, of a timer that is not linked and has not fired.
    #[inline]
    pub(crate) fn set_relative(&self, relative: bool) {
        debug_assert!(!self.is_linked());
        self.next.set(ptr::without_provenance(relative.into()));
    }

    /// Whether the deadline has come.
    #[inline]
    pub(crate) fn has_fired(&self) -> bool {
        self.claim.get() & NOT_FIRED == 0
    }

    /// The executor that the timer, which has not fired, belongs to, or null, and the number of its claim.
    #[inline]
    pub(crate) fn home(&self) -> (*const Owner, usize) {
        (self.home.get(), self.claim.get())
    }

    /// Gives a timer that has not fired to the claim of an executor.
    #[inline]
    pub(crate) fn set_home(&self, executor: *const Owner, claim: usize) {
        debug_assert!(claim & NOT_FIRED != 0);
        self.home.set(executor);
        self.claim.set(claim);
    }

    /// Whether this is the waker that the timer wakes.
    #[inline]
    pub(crate) fn wakes(&self, waker: &Waker) -> bool {
        // SAFETY: T6, T2; the reference ends before anything else runs.
        self.is_linked() && unsafe { (*self.waker.get()).assume_init_ref() }.will_wake(waker)
    }

    /// Has a linked timer wake another one.
    #[inline]
    pub(crate) fn replace_waker(&self, waker: Waker) {
        let place = self.waker.get();
        // SAFETY: T6: it is linked. T2; the old waker is dropped when the cell is no longer in use.
        let old = unsafe { place.replace(MaybeUninit::new(waker)).assume_init() };
        drop(old);
    }

    /// Takes the timer out of its queue, ready to be used again.
    pub(crate) fn cancel(self: Pin<&Self>) {
        if self.is_linked() {
            self.abandon();
        }
        self.next.set(ptr::null());
        self.claim.set(self.claim.get() | NOT_FIRED);
    }

    /// Takes the timer out of its queue, if it is in one, as one whose deadline has come.
    pub(crate) fn finish(self: Pin<&Self>) {
        if self.is_linked() {
            self.abandon();
        }
        self.claim.set(self.claim.get() & !NOT_FIRED);
    }

    /// Takes a linked timer out of its queue, with its waker. A function of its own: most timers
    /// have fired when they are dropped.
    #[cold]
    #[inline(never)]
    fn abandon(&self) {
        self.unlink();
        self.set_relative(false);
        // SAFETY: T6: it was linked.
        drop(unsafe { self.take_waker() });
    }

    /// # Safety
    ///
    /// To be called once, by whoever has just unlinked the node.
    #[inline]
    unsafe fn take_waker(&self) -> Waker {
        // SAFETY: T6, T2; the waker leaves the cell before anything of it runs.
        unsafe { (*self.waker.get()).assume_init_read() }
    }

    /// Takes a linked timer out of its queue; its waker is still to be taken.
    #[inline]
    fn unlink(&self) {
        let place = self.place.replace(ptr::null());
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
        if self.is_linked() {
            self.abandon();
        }
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
        // SAFETY: T1: a linked node is alive and does not move.
        let deadline = unsafe { (*first).deadline.get() };
        (deadline != Instant::MAX).then_some(deadline)
    }

    /// Moves a timer that is linked.
    #[inline]
    pub(crate) fn schedule(&'static self, node: Pin<&TimerNode>, deadline: Instant) {
        node.unlink();
        self.link(node, deadline);
    }

    /// Adds a timer that is not linked and has not fired, for this waker.
    ///
    /// The queue is `'static`, as every executor's is, so that T1 needs no more than the
    /// nodes' own care.
    #[inline]
    pub(crate) fn insert(&'static self, node: Pin<&TimerNode>, deadline: Instant, waker: Waker) {
        debug_assert!(!node.is_linked() && !node.has_fired());
        // SAFETY: T2; T6: there was none.
        unsafe { (*node.waker.get()).write(waker) };
        self.link(node, deadline);
    }

    /// Puts a node that has a waker into its place.
    #[inline(never)]
    fn link(&'static self, node: Pin<&TimerNode>, deadline: Instant) {
        let node = node.get_ref();
        node.deadline.set(deadline);
        let mut place: *const Link = &self.first;
        // SAFETY: T1 for all nodes that the list leads to.
        unsafe {
            let mut next = (*place).get();
            while !next.is_null() && (*next).deadline.get() <= deadline {
                place = &raw const (*next).next;
                next = (*place).get();
            }
            if !next.is_null() {
                (*next).place.set(&node.next);
            }
            node.next.set(next);
            node.place.set(place);
            (*place).set(node);
        }
    }

    /// Wakes whoever waits for a deadline that has come, one after the other. Returns how
    /// many there were.
    ///
    /// Nothing is borrowed while a waker runs: it may create, move and drop timers.
    #[inline(never)]
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
            // SAFETY: T1: a linked node is alive and does not move.
            unsafe { (*next).place.set(&self.first) };
        }
        first.place.set(ptr::null());
        first.claim.set(first.claim.get() & !usize::from(fired));
        // SAFETY: T6: unlinked just now.
        let waker = unsafe { first.take_waker() };
        crate::task::unwind::wake_quietly(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::with_static;

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
        with_static(TimerQueue::new(), check);
    }

    fn check(queue: &'static TimerQueue) {
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
                    let at = Instant::from_nanos(deadline);
                    model.retain(|entry| entry.2 != index);
                    model.push((deadline, order, index));
                    let node = nodes[index].as_ref();
                    if node.is_linked() {
                        queue.schedule(node, at);
                    } else {
                        node.cancel();
                        queue.insert(node, at, Arc::new(Note(index, log.clone())).into());
                    }
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
