//! Wakers: a pointer to a slot and one static vtable.
//!
//! There is nothing to count: slots are permanent (S1), so cloning and dropping do nothing and
//! a waker that outlives its task is harmless. On a lean build the pointer is that of the slot's
//! ready byte, and a wake is a store to it.

use core::task::{RawWaker, RawWakerVTable, Waker};

use super::slot::SlotRef;
#[cfg(not(lean))]
use crate::executor::{context, core::Core};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake_raw, wake_raw, ignore);

/// The waker of the task in `slot`.
///
/// # Safety
///
/// `slot` has been claimed (S4).
#[inline]
pub(crate) unsafe fn waker(slot: SlotRef) -> Waker {
    // SAFETY: the vtable's functions take a slot's pointer and are callable from any thread.
    unsafe { Waker::new(slot.as_ptr(), &VTABLE) }
}

/// A copy of a waker, and whether making it has run foreign code.
#[inline]
#[cfg_attr(not(lean), allow(dead_code, reason = "a timer elsewhere does without"))]
pub(crate) fn copy(waker: &Waker) -> (Waker, bool) {
    match copy_ours(waker) {
        Some(copy) => (copy, false),
        None => (waker.clone(), true),
    }
}

/// A copy of one of our own wakers, which takes no foreign code.
#[inline]
pub(crate) fn copy_ours(waker: &Waker) -> Option<Waker> {
    // SAFETY: what `clone` below would make.
    core::ptr::eq(waker.vtable(), &VTABLE).then(|| unsafe { Waker::new(waker.data(), &VTABLE) })
}

/// The slot of one of our own wakers.
#[cfg(not(lean))]
#[inline]
pub(crate) fn slot(waker: &Waker) -> Option<SlotRef> {
    // SAFETY: every waker with our vtable was made by `waker` above.
    core::ptr::eq(waker.vtable(), &VTABLE).then(|| unsafe { SlotRef::from_ptr(waker.data()) })
}

/// The index of one of our own wakers' slot, if it belongs to `block`.
#[cfg(all(lean, feature = "embassy-time"))]
pub(crate) fn index_in(block: *const super::ready::Block, waker: &Waker) -> Option<usize> {
    if !core::ptr::eq(waker.vtable(), &VTABLE) {
        return None;
    }
    // SAFETY: S1; a block has a first slot.
    let (first, len) = unsafe {
        let first = super::ready::Block::slot(block, 0).as_ptr();
        (first.addr(), (*block).len())
    };
    // The ready bytes of a block lie one beside the other.
    let index = waker.data().addr().wrapping_sub(first);
    (index < len).then_some(index)
}

unsafe fn clone(slot: *const ()) -> RawWaker {
    RawWaker::new(slot, &VTABLE)
}

#[cfg_attr(lean, inline(always))]
unsafe fn wake_raw(slot: *const ()) {
    // SAFETY: every waker with our vtable was made by `waker` above from a claimed slot.
    #[cfg(not(lean))]
    unsafe {
        wake(SlotRef::from_ptr(slot));
    }
    // SAFETY: as above.
    #[cfg(lean)]
    unsafe {
        SlotRef::mark_ptr(slot);
    }
}

unsafe fn ignore(_: *const ()) {}

/// Sets the slot's ready bit and sees to it that the executor looks.
///
/// # Safety
///
/// As for [`waker`].
#[cfg(not(lean))]
#[inline]
pub(crate) unsafe fn wake(slot: SlotRef) {
    // SAFETY: S1; the block's core never goes away either.
    #[cfg(threads)]
    unsafe {
        let core = (*slot.block()).core();
        if context::is_current(core) {
            // The context says that this thread is the executor's.
            return (*core).state.ready.push(slot);
        }
    }
    #[cfg(not(threads))]
    let _ = context::is_current;
    // SAFETY: the caller's promise.
    unsafe { wake_remote(slot) };
}

/// Wakes the task that is being polled, so that it goes on after everything else: after what is ready, and
/// after what the next look at the reactor finds. A waker that is not its own is woken like any other.
#[inline]
pub(crate) fn wake_last(waker: &Waker) {
    #[cfg(not(lean))]
    if let Some(slot) = slot(waker) {
        // SAFETY: S1, S4; the block's core never goes away either.
        let core = unsafe { (*slot.block()).core() };
        if context::is_current(core) {
            // SAFETY: the context says that this thread, or level, is the executor's, which has the slot.
            return unsafe { (*core).state.ready.defer(slot) };
        }
    }
    waker.wake_by_ref();
}

/// As [`wake`], from another thread.
///
/// # Safety
///
/// As for [`waker`].
#[cfg(not(lean))]
#[cfg_attr(threads, inline(never))]
unsafe fn wake_remote(slot: SlotRef) {
    let block = slot.block();
    // SAFETY: S1; the block belongs to this core; only what any thread may touch is touched.
    unsafe {
        let core = (*block).core();
        if (*core).state.ready.mark_remote(block, slot.bit()) {
            (*core).unpark();
        }
    }
}

/// As [`wake`], by something that runs on the thread of the executor `here`.
///
/// # Safety
///
/// As for [`waker`], and that.
#[cfg(not(lean))]
#[inline]
pub(crate) unsafe fn wake_from(here: &Core, slot: SlotRef) {
    // SAFETY: S1.
    let core = unsafe { (*slot.block()).core() };
    if core::ptr::eq(core, here) {
        // SAFETY: the slot is this executor's, and this is its thread.
        unsafe { here.state.ready.push(slot) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { wake(slot) };
    }
}
