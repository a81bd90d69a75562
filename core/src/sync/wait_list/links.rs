//! What is linked, and what is done to it: the same for all lists, whatever their waiters bring along, so that a chip
//! has one copy of it. The invariants are those of the list, W1 to W7.

use core::cell::Cell as PlainCell;
use core::marker::PhantomPinned;
use core::mem;
use core::ptr;
use core::task::{Context, Waker};

use super::{Scope, WaitState};
use crate::loom::Cell;
use crate::task::waker;

/// A mark in [`Links::next`]: notified, as the only one.
pub(super) const ONE: usize = 1;
/// A mark in [`Links::next`]: notified, with all others.
pub(super) const ALL: usize = 2;

pub(super) type Link = Cell<*const Links>;

/// What is linked: a part of each node, or by itself on the stack of whoever notifies all.
pub(super) struct Links {
    /// The next in the ring; null if these are in none; or a mark.
    pub(super) next: Link,
    prev: Link,
    waker: Cell<Option<Waker>>,
    _pinned: PhantomPinned,
}

pub(super) fn mark(mark: usize) -> *const Links {
    ptr::without_provenance(mark)
}

impl Links {
    crate::loom::const_unless_loom! {
        pub(super) fn new() -> Self {
            Self {
                next: Cell::new(ptr::null()),
                prev: Cell::new(ptr::null()),
                waker: Cell::new(None),
                _pinned: PhantomPinned,
            }
        }
    }

    #[inline]
    pub(super) fn state(&self) -> WaitState {
        match self.next.get().addr() {
            0 => WaitState::New,
            ONE => WaitState::Notified,
            ALL => WaitState::NotifiedWithAll,
            _ => WaitState::Waiting,
        }
    }

    /// Whether these, which are linked, have a waker that wakes the same task.
    #[inline]
    fn wakes(&self, waker: &Waker) -> bool {
        let own = self.waker.replace(None);
        let same = own.as_ref().is_some_and(|own| own.will_wake(waker));
        // What was in the cell is nothing that a destructor would run for.
        mem::forget(self.waker.replace(own));
        same
    }

    /// Puts links between the last and the first of a ring, or makes them one.
    ///
    /// # Safety
    ///
    /// W1: they are not linked and are pinned; if they are a node's, the ring is its home (W4), and the pointer
    /// is good for the whole node (W7). `tail` is that of the ring.
    #[cfg_attr(target_os = "none", inline(never))]
    #[cfg_attr(not(target_os = "none"), inline)]
    pub(super) unsafe fn link(this: *const Self, tail: &Link) {
        let last = tail.get();
        // SAFETY: W1, W3: the caller's, and the last one of a ring and the first.
        unsafe {
            let (first, last) = if last.is_null() {
                (this, this)
            } else {
                ((*last).next.get(), last)
            };
            (*this).next.set(first);
            (*this).prev.set(last);
            (*last).next.set(this);
            (*first).prev.set(this);
        }
    }

    /// Takes links out of their ring, leaves `mark` in them, and returns the waker that was there.
    ///
    /// # Safety
    ///
    /// They are linked; `tail` is that of their home (W4).
    #[cfg_attr(target_os = "none", inline(never))]
    #[cfg_attr(not(target_os = "none"), inline)]
    pub(super) unsafe fn unlink(
        this: *const Self,
        tail: &Link,
        mark: *const Self,
    ) -> Option<Waker> {
        // SAFETY: W1, W3: whatever is in a ring is there, and so are its neighbours.
        unsafe {
            let next = (*this).next.replace(mark);
            let prev = (*this).prev.replace(ptr::null());
            if ptr::eq(next, this) {
                // Alone, so in no ring that was split from the queue's.
                tail.set(ptr::null());
            } else {
                (*next).prev.set(prev);
                (*prev).next.set(next);
                if ptr::eq(tail.get(), this) {
                    tail.set(prev);
                }
            }
            (*this).waker.replace(None)
        }
    }

    /// Leaves a waker in links that are in the ring of `tail` from now on: as the last if they are new, as the
    /// first if they have been notified. Returns the waker that was there.
    ///
    /// # Safety
    ///
    /// As for [`link`](Self::link), but that they may be linked already.
    #[cfg_attr(target_os = "none", inline(never))]
    #[cfg_attr(not(target_os = "none"), inline)]
    unsafe fn join(this: *const Self, tail: &Link, waker: Waker) -> Option<Waker> {
        // SAFETY: the caller's promise.
        unsafe {
            let state = (*this).state();
            if state != WaitState::Waiting {
                Self::link(this, tail);
                // Last and first are neighbours in the ring: which of them it is, the tail says.
                if state == WaitState::New || tail.get().is_null() {
                    tail.set(this);
                }
            }
            (*this).waker.replace(Some(waker))
        }
    }
}

/// Has a node that has not joined join the queue of `tail` as its last.
///
/// # Safety
///
/// W1: it is pinned; `tail` is that of its home (W4), under its lock, and the pointer is good for all of the node (W7).
#[inline]
pub(super) unsafe fn join_last(
    joined: &PlainCell<bool>,
    links: *const Links,
    tail: &Link,
    waker: Waker,
) {
    joined.set(true);
    let made = Links::new();
    // It is new: there is nothing to drop.
    mem::forget(made.waker.replace(Some(waker)));
    // SAFETY: nobody has a reference to what is not made yet; the rest is the caller's promise.
    unsafe {
        links.cast_mut().write(made);
        Links::link(links, tail);
    }
    tail.set(links);
}

/// What has become of a node so far.
///
/// # Safety
///
/// W6: the links are made, if it has joined.
#[inline]
pub(super) unsafe fn state(joined: &PlainCell<bool>, links: *const Links) -> WaitState {
    if joined.get() {
        // SAFETY: made.
        unsafe { (*links).state() }
    } else {
        WaitState::New
    }
}

/// Has a node leave the queue of `tail`, if need be, ready to join it again; returns the waker that was there.
///
/// # Safety
///
/// W6: the links are made, if it has joined; `tail` is that of their home (W4), under its lock.
#[cfg_attr(target_os = "none", inline(never))]
#[cfg_attr(not(target_os = "none"), inline)]
pub(super) unsafe fn leave(
    joined: &PlainCell<bool>,
    links: *const Links,
    tail: &Link,
) -> Option<Waker> {
    // SAFETY: the caller's promise.
    let state = unsafe { state(joined, links) };
    joined.set(false);
    if state == WaitState::Waiting {
        // SAFETY: linked.
        unsafe { Links::unlink(links, tail, ptr::null()) }
    } else {
        None
    }
}

/// Looks whether there is still anything to wait for: that is what `look` returns, run under the lock with what has
/// become of the node, and `true` is the end of the wait. Otherwise the waker is left in the links, in the same step.
/// `look` may be run twice, as a foreign waker is cloned outside of the lock.
///
/// # Safety
///
/// `raw` is the lock of the list that `tail` is a tail of. The node's links are pinned, made if it has joined (W6), the
/// queue is their home (W4), and the pointer is good for the whole node (W7).
#[cfg_attr(target_os = "none", inline(never))]
#[cfg_attr(not(target_os = "none"), inline)]
pub(super) unsafe fn poll<S: Scope, L: FnMut(WaitState) -> bool + ?Sized>(
    raw: &S::Raw,
    tail: &Link,
    joined: &PlainCell<bool>,
    links: *const Links,
    cx: &mut Context<'_>,
    look: &mut L,
) {
    let mut spare = None;
    loop {
        // What is replaced is dropped when the lock has been let go.
        let mut old = None;
        let wants_clone = S::locked(raw, || {
            // SAFETY: the caller's promise.
            let before = unsafe { state(joined, links) };
            if look(before) {
                // SAFETY: the caller's promise.
                old = unsafe { leave(joined, links, tail) };
                return false;
            }
            if joined.get() {
                // SAFETY: made.
                let links = unsafe { &*links };
                match links.state() {
                    WaitState::Waiting if links.wakes(cx.waker()) => return false,
                    // By `look`, which has our waker.
                    now if now != before => return false,
                    _ => {}
                }
            }
            let Some(waker) = spare.take().or_else(|| waker::copy_ours(cx.waker())) else {
                return true;
            };
            if !joined.replace(true) {
                // SAFETY: nobody has a reference to what is not made yet, and whoever gets one does no more than
                // look at its cells.
                unsafe { links.cast_mut().write(Links::new()) };
            }
            // SAFETY: made.
            old = unsafe { Links::join(links, tail, waker) };
            false
        });
        drop(old);
        if !wants_clone {
            return;
        }
        spare = Some(cx.waker().clone());
    }
}
