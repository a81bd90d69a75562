//! The timer queue: an intrusive pairing heap whose nodes lie in the futures that wait.
//!
//! With `std`, where there can be many timers, most of them wait in [lists](wheel) in front
//! of the heap. No allocation, no capacity. Inserting is O(1), removing and firing O(log n) amortised; a
//! timer that is cancelled before anything later was hung below it is unlinked in O(1).
//!
//! | operation | cost |
//! |---|---|
//! | insert | O(1) |
//! | remove | O(log n) amortised, O(1) without children |
//! | next deadline | O(1) |
//! | fire one | O(log n) amortised |
//!
//! # Invariants
//!
//! * **T1, linked.** A node is linked into the queue that its `queue` names, or `queue` is
//!   null. A linked node is pinned and unlinks itself when dropped, so every pointer in the
//!   heap is valid.
//! * **T2, one thread.** Queue and nodes are touched by the executor's thread only: neither
//!   is `Send` or `Sync`, and a node refers to a living executor while it is linked.
//! * **T3, shape.** No node is due before its parent; `child` is a node's first child, `next`
//!   the next sibling, `prev` the sibling before or, for a first child, the parent.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::ptr;
use core::task::Waker;

use crate::time::instant::Instant;

mod wait;
#[cfg_attr(not(feature = "std"), path = "no_wheel.rs")]
mod wheel;

use wheel::Wheel;

type Link = *const TimerNode;

/// All timers of an executor.
pub(crate) struct TimerQueue {
    root: Cell<Link>,
    /// Counts insertions: of two timers for the same instant the older fires first.
    order: Cell<u32>,
    wheel: Wheel,
}

/// A timer. Lives, pinned, in the future that waits for it.
pub(crate) struct TimerNode {
    queue: Cell<*const TimerQueue>,
    deadline: Cell<Instant>,
    order: Cell<u32>,
    fired: Cell<bool>,
    /// Of use to the future that the timer lies in, where there is room for it.
    pub(crate) is_relative: Cell<bool>,
    /// Number of the wheel's list that it is in, or zero.
    #[cfg_attr(not(feature = "std"), allow(dead_code, reason = "there are no lists"))]
    list: wheel::Number,
    child: Cell<Link>,
    next: Cell<Link>,
    prev: Cell<Link>,
    waker: UnsafeCell<Option<Waker>>,
    _pinned: PhantomPinned,
}

impl TimerNode {
    pub(crate) const fn new(deadline: Instant) -> Self {
        Self {
            queue: Cell::new(ptr::null()),
            deadline: Cell::new(deadline),
            order: Cell::new(0),
            fired: Cell::new(false),
            is_relative: Cell::new(false),
            list: wheel::Number::new(),
            child: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            prev: Cell::new(ptr::null()),
            waker: UnsafeCell::new(None),
            _pinned: PhantomPinned,
        }
    }

    /// Whether the timer waits in a queue.
    pub(crate) fn is_linked(&self) -> bool {
        !self.queue.get().is_null()
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
        self.fired.get()
    }

    /// Takes the timer out of its queue, ready to be used again.
    pub(crate) fn cancel(self: Pin<&Self>) {
        self.unlink();
        self.fired.set(false);
    }

    /// Takes the timer out of its queue, as one whose deadline has come.
    pub(crate) fn finish(self: Pin<&Self>) {
        self.unlink();
        self.fired.set(true);
    }

    fn unlink(&self) {
        let queue = self.queue.get();
        if !queue.is_null() {
            // SAFETY: T1: linked, so the queue is there.
            unsafe { (*queue).remove(self) };
        }
    }

    /// Whether `self` fires before `other`.
    #[inline]
    fn precedes(&self, other: &TimerNode) -> bool {
        let (mine, theirs) = (self.deadline.get(), other.deadline.get());
        mine < theirs
            || mine == theirs && (self.order.get().wrapping_sub(other.order.get()) as i32) < 0
    }
}

impl Drop for TimerNode {
    fn drop(&mut self) {
        self.unlink();
    }
}

impl TimerQueue {
    pub(crate) const fn new() -> Self {
        Self {
            root: Cell::new(ptr::null()),
            order: Cell::new(0),
            wheel: Wheel::new(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.root.get().is_null() && self.wheel.is_empty()
    }

    /// When the first timer is due, or earlier, when there is something to be moved into the heap.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.is_empty() {
            return None;
        }
        let first = self.first_deadline();
        if let Some(begins) = self.wheel.begins() {
            return Some(first.map_or(begins, |first| first.min(begins)));
        }
        first
    }

    /// When the first timer in the heap is due. A timer at the end of time is never due.
    #[inline]
    fn first_deadline(&self) -> Option<Instant> {
        let root = self.root.get();
        if root.is_null() {
            return None;
        }
        // SAFETY: T1: a linked node is alive and does not move.
        let deadline = unsafe { (*root).deadline.get() };
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
        node.fired.set(false);
        let order = self.order.get();
        self.order.set(order.wrapping_add(1));
        node.order.set(order);
        node.queue.set(self);
        if self.wheel.take(node) {
            return;
        }
        self.root.set(merge(self.root.get(), node));
    }

    #[inline]
    fn remove(&self, node: &TimerNode) {
        if self.wheel.give_back(node) {
            node.queue.set(ptr::null());
            return;
        }
        let below = merge_pairs(node.child.replace(ptr::null()));
        let at: Link = node;
        if ptr::eq(self.root.get(), at) {
            self.root.set(below);
        } else {
            let (prev, next) = (node.prev.get(), node.next.get());
            // SAFETY: T1, T3: a node that is not the root has a `prev`.
            unsafe {
                if ptr::eq((*prev).child.get(), at) {
                    (*prev).child.set(next);
                } else {
                    (*prev).next.set(next);
                }
                if !next.is_null() {
                    (*next).prev.set(prev);
                }
            }
            self.root.set(merge(self.root.get(), below));
        }
        node.next.set(ptr::null());
        node.prev.set(ptr::null());
        node.queue.set(ptr::null());
    }

    /// Wakes whoever waits for a deadline that has come, one after the other.
    ///
    /// Nothing is borrowed while a waker runs: it may create, move and drop timers.
    pub(crate) fn fire(&self, now: Instant) -> usize {
        self.advance(now);
        let mut fired = 0;
        while self
            .first_deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.take_first(true);
            fired += 1;
        }
        fired
    }

    /// Takes every timer out and wakes whoever waits; their next poll finds the
    /// executor gone.
    pub(crate) fn close(&self) {
        self.advance(Instant::MAX);
        while !self.is_empty() {
            self.take_first(false);
        }
        self.wheel.reset();
    }

    /// Moves all timers that may be due at `now` into the heap; new ones come there at once.
    #[inline]
    fn advance(&self, now: Instant) {
        let near = |node: &TimerNode| self.root.set(merge(self.root.get(), node));
        self.wheel.advance(now, near);
    }

    fn take_first(&self, fired: bool) {
        // SAFETY: T1; the callers know that there is one.
        let first = unsafe { &*self.root.get() };
        self.remove(first);
        first.fired.set(fired);
        // SAFETY: T2; the waker leaves the cell before it runs.
        let waker = unsafe { (*first.waker.get()).take() };
        if let Some(waker) = waker {
            crate::task::unwind::wake_quietly(waker);
        }
    }
}

/// Joins two heaps.
#[inline]
fn merge(a: Link, b: Link) -> Link {
    if a.is_null() {
        return b;
    }
    if b.is_null() {
        return a;
    }
    // SAFETY: T1 for both, which are roots.
    unsafe {
        let (parent, child) = if (*b).precedes(&*a) { (b, a) } else { (a, b) };
        let sibling = (*parent).child.replace(child);
        (*child).next.set(sibling);
        (*child).prev.set(parent);
        if !sibling.is_null() {
            (*sibling).prev.set(child);
        }
        parent
    }
}

/// Joins a list of siblings into one heap: in pairs from left to right, then the pairs from
/// right to left.
fn merge_pairs(mut first: Link) -> Link {
    let mut pairs: Link = ptr::null();
    // SAFETY: T1 for all siblings; `next` links the pairs backwards meanwhile.
    unsafe {
        while !first.is_null() {
            let a = first;
            let b = (*a).next.replace(ptr::null());
            first = ptr::null();
            if !b.is_null() {
                first = (*b).next.replace(ptr::null());
            }
            let pair = merge(a, b);
            (*pair).next.set(pairs);
            pairs = pair;
        }
        let mut whole: Link = ptr::null();
        while !pairs.is_null() {
            let rest = (*pairs).next.replace(ptr::null());
            whole = merge(whole, pairs);
            pairs = rest;
        }
        if !whole.is_null() {
            (*whole).prev.set(ptr::null());
            (*whole).next.set(ptr::null());
        }
        whole
    }
}
