//! What the function of a task does beside polls, and what a join handle keeps of it: on a chip with a single core.
//! All other builds have `multi.rs` in place of this file.

use super::{Failure, Future, Home, Shared, SlotRef, Waker, poll, settle};
use crate::task::state::{self, Description, Op, RunFn};
use crate::task::unwind::wake_quietly;

/// A body is aligned so that the lowest bit of its address is zero, where a slot marks an abort (S7).
pub(super) type Align = [u16; 0];

/// A body that nobody can join is given back in one critical section with its slot.
pub(super) const RELEASED_WITH_SLOT: bool = true;

/// What a join handle keeps of its task's type.
#[derive(Clone, Copy)]
pub(crate) struct Kind(RunFn);

impl Kind {
    #[inline]
    pub(crate) fn of<F: Future, H: Home>() -> Self {
        Self(run::<F, H>)
    }

    /// Gives a body back.
    ///
    /// # Safety
    ///
    /// B3, on the executor's level.
    #[inline]
    pub(crate) unsafe fn release(self, slot: SlotRef, _: Option<&Shared>, body: *mut ()) {
        // SAFETY: the caller's promise; the stage is empty.
        unsafe { (self.0)(slot, body, Some(&mut Op::Release)) };
    }
}

/// The [`RunFn`] of `F` in bodies of `H`.
pub(crate) unsafe fn run<F: Future, H: Home>(slot: SlotRef, body: *mut (), op: Option<&mut Op>) {
    // Nobody wants anything but polls of a task that cannot be ended from outside.
    if H::MORTAL {
        if let Some(op) = op {
            // SAFETY: the caller's promise.
            return unsafe { run_op::<F, H>(slot, body, op) };
        }
    }
    if H::JOINABLE && state::has_abort_bit(body) {
        let mut op = Op::Cancel(Some(Failure::Aborted));
        // SAFETY: the caller's promise, for the body without the mark.
        return unsafe { run_op::<F, H>(slot, state::without_abort_bit(body), &mut op) };
    }
    // SAFETY: the caller's promise; what has ended is settled, and not yet retired.
    unsafe {
        if let Some(joiner) = poll::<F, H>(slot, body) {
            finish::<H>(slot, body, joiner);
        }
    }
}

/// Everything but polls. A function of its own, so that those need not save its registers.
#[inline(never)]
unsafe fn run_op<F: Future, H: Home>(slot: SlotRef, body: *mut (), op: &mut Op) {
    match op {
        Op::Cancel(error) => {
            let error = error.take().unwrap_or(Failure::Aborted);
            // SAFETY: B1: a future is there; from here on it is settled, and not yet retired.
            unsafe {
                let joiner = settle::<F, H>(slot, body, Err(error));
                finish::<H>(slot, body, joiner);
            }
        }
        Op::Release if H::JOINABLE => {
            // SAFETY: B3 is the caller's promise.
            unsafe { H::release::<F>(None, body) };
        }
        // Whoever has no handle does not have the body to release.
        Op::Release => {}
    }
}

/// Frees the slot of a settled task, and the body if there can be no join handle, and wakes whoever
/// joins it.
///
/// # Safety
///
/// Executor's level; the task is settled and the slot not yet retired.
#[inline(always)]
unsafe fn finish<H: Home>(slot: SlotRef, body: *mut (), joiner: Option<Waker>) {
    if H::JOINABLE {
        slot.clear_flags();
    }
    slot.retire(if H::JOINABLE { None } else { H::bit(body) });
    // Foreign code, so at the very end.
    if let Some(joiner) = joiner {
        wake_quietly(joiner);
    }
}

/// What a live task is: nothing is known of that here.
///
/// # Safety
///
/// None.
pub(crate) unsafe fn describe(_: SlotRef, _: RunFn, _: *mut ()) -> Description {
    Description::default()
}
