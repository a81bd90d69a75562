//! Wakers of a chip with a single core: a pointer to a slot's ready byte and one static vtable; a wake is a store to
//! that byte. All other builds have `multi.rs` in place of this file.
//!
//! There is nothing to count: slots are permanent (S1), so cloning and dropping do nothing and
//! a waker that outlives its task is harmless.

use core::task::{RawWaker, RawWakerVTable, Waker};

#[cfg(feature = "embassy-time")]
use super::state::Block;
use super::state::SlotRef;
#[cfg(feature = "interrupt-executors")]
use crate::executor::shared::Shared;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake_raw, wake_raw, ignore);

/// The waker of the task in `slot`.
///
/// # Safety
///
/// `slot` has been claimed (S4).
#[inline]
pub(crate) unsafe fn waker(slot: SlotRef) -> Waker {
    // SAFETY: the vtable's functions take a slot's pointer and are callable from any level.
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
    core::ptr::eq(waker.vtable(), &VTABLE).then(|| unsafe { Waker::new(waker.data(), &VTABLE) })
}

/// The index of one of our own wakers' slot, if it belongs to `block`.
#[cfg(feature = "embassy-time")]
pub(crate) fn index_in(block: *const Block, waker: &Waker) -> Option<usize> {
    if !core::ptr::eq(waker.vtable(), &VTABLE) {
        return None;
    }
    // SAFETY: S1; a block has a first slot.
    let (first, len) = unsafe {
        let first = Block::slot(block, 0).as_ptr();
        (first.addr(), (*block).len())
    };
    // The ready bytes of a block lie one beside the other.
    let index = waker.data().addr().wrapping_sub(first);
    (index < len).then_some(index)
}

unsafe fn clone(slot: *const ()) -> RawWaker {
    RawWaker::new(slot, &VTABLE)
}

#[inline(always)]
unsafe fn wake_raw(data: *const ()) {
    // SAFETY: every waker with our vtable was made by `waker` above from a claimed slot.
    unsafe {
        let bell = SlotRef::mark_ptr(data);
        ring(data, bell);
    }
}

unsafe fn ignore(_: *const ()) {}

/// Sets the slot's ready byte and sees to it that the executor looks.
///
/// # Safety
///
/// As for [`waker`].
#[inline(always)]
pub(crate) unsafe fn wake(slot: SlotRef) {
    let bell = slot.mark();
    // SAFETY: the caller's promise.
    unsafe { ring(slot.as_ptr(), bell) };
}

/// Calls the executor's unparker, if the ready byte says so.
///
/// # Safety
///
/// `data` came from [`SlotRef::as_ptr`], `bell` from a mark of that.
#[inline(always)]
unsafe fn ring(data: *const (), bell: Option<u8>) {
    #[cfg(feature = "interrupt-executors")]
    if let Some(byte) = bell {
        #[cold]
        unsafe fn call(data: *const (), byte: u8) {
            // SAFETY: the promise of `ring`; an executor never goes away.
            unsafe { (*SlotRef::owner_of(data, byte).cast::<Shared>()).call_unparker() };
        }
        // SAFETY: the caller's promise.
        unsafe { call(data, byte) };
    }
    #[cfg(not(feature = "interrupt-executors"))]
    let _ = (data, bell);
}

/// Wakes the task that is being polled, which goes on in the next turn, as tasks have theirs in the order of their
/// indices.
#[inline]
pub(crate) fn wake_last(waker: &Waker) {
    waker.wake_by_ref();
}
