//! Wakes on a chip with a single core: a waker's data is the address of its slot's ready byte, and a wake is a store to
//! that byte. All other builds have `multi.rs` in place of this file.

use core::task::Waker;

use super::SlotRef;
#[cfg(feature = "embassy-time")]
use super::is_ours;
#[cfg(feature = "interrupt-executors")]
use crate::executor::shared::Shared;
#[cfg(feature = "embassy-time")]
use crate::task::state::Block;

/// The index of one of our own wakers' slot, if it belongs to `block`.
#[cfg(feature = "embassy-time")]
pub(crate) fn index_in(block: *const Block, waker: &Waker) -> Option<usize> {
    if !is_ours(waker) {
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

#[inline(always)]
pub(super) unsafe fn wake_raw(data: *const ()) {
    // SAFETY: every waker with our vtable was made by `waker` from a claimed slot.
    unsafe {
        let bell = SlotRef::set_ready_ptr(data);
        ring(data, bell);
    }
}

/// Sets the slot's ready byte and sees to it that the executor looks.
///
/// # Safety
///
/// As for [`waker`](super::waker).
#[inline(always)]
pub(crate) unsafe fn wake(slot: SlotRef) {
    let bell = slot.set_ready();
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
