//! Wakers: a pointer to a slot and one static vtable.
//!
//! There is nothing to count: slots are permanent (S1), so cloning and dropping do nothing and
//! a waker that outlives its task is harmless.

use core::task::{RawWaker, RawWakerVTable, Waker};

use super::state::SlotRef;

#[cfg_attr(lean, path = "waker/single.rs")]
#[cfg_attr(not(lean), path = "waker/multi.rs")]
mod wake;

pub(crate) use wake::*;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake::wake_raw, wake::wake_raw, ignore);

/// The waker of the task in `slot`.
///
/// # Safety
///
/// `slot` has been claimed (S4).
#[inline]
pub(crate) unsafe fn waker(slot: SlotRef) -> Waker {
    // SAFETY: the vtable's functions take a slot's pointer and are callable from any thread and level.
    unsafe { Waker::new(slot.as_ptr(), &VTABLE) }
}

/// A copy of a waker, and whether making it has run foreign code.
#[inline]
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
    is_ours(waker).then(|| unsafe { Waker::new(waker.data(), &VTABLE) })
}

/// Drops a waker: of one of ours there is nothing to drop.
#[inline]
pub(crate) fn discard(waker: Waker) {
    if is_ours(&waker) {
        core::mem::forget(waker);
    }
}

/// Whether it is the waker of a task of this crate: then [`waker`] has made it.
#[inline]
fn is_ours(waker: &Waker) -> bool {
    core::ptr::eq(waker.vtable(), &VTABLE)
}

unsafe fn clone(data: *const ()) -> RawWaker {
    RawWaker::new(data, &VTABLE)
}

unsafe fn ignore(_: *const ()) {}
