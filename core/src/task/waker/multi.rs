//! Wakes on servers, and on chips with several cores. Chips with a single core have `single.rs` in place of this file.

use core::task::{RawWakerVTable, Waker};

use super::{SlotRef, VTABLE};
use crate::executor::current;
use crate::executor::shared::{Shared, of};
use crate::trace;

/// The slot of one of our own wakers.
#[inline]
pub(crate) fn slot(waker: &Waker) -> Option<SlotRef> {
    slot_of(waker.data(), waker.vtable())
}

/// The slot of one of our own wakers, of which there are the parts.
#[inline]
pub(crate) fn slot_of(data: *const (), vtable: *const RawWakerVTable) -> Option<SlotRef> {
    // SAFETY: every waker with our vtable was made by `waker`.
    core::ptr::eq(vtable, &VTABLE).then(|| unsafe { SlotRef::from_ptr(data) })
}

/// Wakes by a waker of our own; any other comes back.
#[cfg(threads)]
#[inline]
pub(crate) fn wake_ours(waker: Waker) -> Result<(), Waker> {
    let Some(slot) = slot(&waker) else {
        return Err(waker);
    };
    // There is nothing to drop of it.
    core::mem::forget(waker);
    // SAFETY: there was a waker of it.
    unsafe { wake(slot) };
    Ok(())
}

pub(super) unsafe fn wake_raw(slot: *const ()) {
    // SAFETY: every waker with our vtable was made by `waker` from a claimed slot.
    unsafe { wake(SlotRef::from_ptr(slot)) };
}

/// Sets the slot's ready bit and sees to it that the executor looks.
///
/// # Safety
///
/// As for [`waker`](super::waker).
#[inline]
pub(crate) unsafe fn wake(slot: SlotRef) {
    trace::woken(slot);
    // Without threads to tell apart every wake takes the atomic way.
    #[cfg(threads)]
    {
        // SAFETY: S1: a slot and its block are never moved or freed.
        let owner = unsafe { (*slot.block()).owner() };
        if current::is(owner) {
            // SAFETY: an executor never goes away either; the slot is this one's, and this is its thread.
            return unsafe { (*owner.cast::<Shared>()).state.ready.push(slot) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe { wake_remote(slot) };
}

/// Wakes the task that is being polled, so that it goes on after everything else: after what is ready, and
/// after what the next look at the reactor finds. A waker that is not its own is woken like any other.
#[inline]
pub(crate) fn wake_last(waker: &Waker) {
    if let Some(slot) = slot(waker) {
        // SAFETY: S1; S4, as there is a waker.
        let owner = unsafe { (*slot.block()).owner() };
        if current::is(owner) {
            trace::woken(slot);
            // SAFETY: as in `wake`; this is the executor's thread, or its level.
            return unsafe { (*owner.cast::<Shared>()).state.ready.defer(slot) };
        }
    }
    waker.wake_by_ref();
}

/// As [`wake`], from another thread.
///
/// # Safety
///
/// As for [`waker`](super::waker).
#[cfg_attr(threads, inline(never))]
unsafe fn wake_remote(slot: SlotRef) {
    // SAFETY: S1; the block belongs to this executor; only what any thread may touch is touched.
    unsafe {
        let shared = of(slot);
        let parked = (*shared)
            .state
            .ready
            .set_ready_remote(slot.block(), slot.bit());
        if parked || (*shared).is_secluded() {
            (*shared).unpark();
        }
    }
}

/// As [`wake`], by something that runs on the thread of the executor `here`.
///
/// # Safety
///
/// As for [`waker`](super::waker), and that.
#[inline]
pub(crate) unsafe fn wake_from(here: &Shared, slot: SlotRef) {
    // SAFETY: S1: a slot and its block are never moved or freed.
    if core::ptr::eq(unsafe { of(slot) }, here) {
        trace::woken(slot);
        // SAFETY: the slot is this executor's, and this is its thread.
        unsafe { here.state.ready.push(slot) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { wake(slot) };
    }
}
