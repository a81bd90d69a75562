//! Wakers: a pointer to a slot and one static vtable.
//!
//! There is nothing to count: slots are permanent (S1), so cloning and dropping do nothing and
//! a waker that outlives its task is harmless.

use core::ptr::NonNull;
use core::task::{RawWaker, RawWakerVTable, Waker};

use super::ready::Block;
use super::slot::Slot;
use crate::executor::context;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake_raw, wake_raw, ignore);

/// The waker of the task in `slot`.
///
/// # Safety
///
/// `slot` came from [`Block::slot`] and has been claimed (S4).
#[inline]
pub(crate) unsafe fn waker(slot: NonNull<Slot>) -> Waker {
    // SAFETY: the vtable's functions take a slot's pointer and are callable from any thread.
    unsafe { Waker::new(slot.as_ptr().cast_const().cast(), &VTABLE) }
}

unsafe fn clone(slot: *const ()) -> RawWaker {
    RawWaker::new(slot, &VTABLE)
}

unsafe fn wake_raw(slot: *const ()) {
    // SAFETY: every waker with our vtable was made by `waker` above from a claimed slot.
    unsafe { wake(NonNull::new_unchecked(slot.cast_mut().cast())) };
}

unsafe fn ignore(_: *const ()) {}

/// Sets the slot's ready bit and sees to it that the executor looks.
///
/// # Safety
///
/// As for [`waker`].
#[inline]
pub(crate) unsafe fn wake(slot: NonNull<Slot>) {
    // SAFETY: S1 and S4; the block's core never goes away either.
    let (block, core, index) = unsafe {
        let index = slot.as_ref().index();
        let block = Block::of(slot, index);
        (block, (*block).core(), index)
    };
    #[cfg(feature = "std")]
    if context::is_current(core) {
        // SAFETY: the context says that this thread is the executor's.
        unsafe { (*core).ready.mark_local(block, 1 << index) };
        return;
    }
    #[cfg(not(feature = "std"))]
    let _ = context::is_current;
    // SAFETY: the block belongs to this core; only what any thread may touch is touched.
    unsafe {
        if (*core).ready.mark_remote(block, index) {
            (*core).unpark();
        }
    }
}
