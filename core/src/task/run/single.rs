//! What the run loop does with a slot: on a chip with a single core. All other builds have `multi.rs` in place of
//! this file.

use core::future::Future;

use super::body::{BodyIn, Home, Kind, Started, run};
use super::failure::Failure;
use super::joiner::Joiner;
use super::state::{ABORT, Op, RunFn, SlotRef, is_task};
use super::waker;
use crate::executor::budget::FULL;
use crate::executor::shared::Shared;

/// Fills a claimed slot with a body that nobody will join and sets it going.
///
/// # Safety
///
/// As for [`start`].
#[inline]
pub(crate) unsafe fn start_detached<F: Future, H: Home>(_: &Shared, slot: SlotRef, body: *mut ()) {
    const { assert!(align_of::<BodyIn<F, H>>() > ABORT) };
    // S2 makes us the one to publish; S3 by the caller's promise.
    set_going(slot, run::<F, H>, body);
}

/// Without a hint to be inlined: where there are several spawn sites, they share it.
fn set_going(slot: SlotRef, run: RunFn, body: *mut ()) {
    slot.publish(run, body);
    // SAFETY: the slot has been claimed.
    unsafe { waker::wake(slot) };
}

/// Fills a claimed slot with a body and sets it going.
///
/// # Safety
///
/// Executor's level. The slot was claimed for this call from a living executor; `body` holds a `BodyIn<F, H>` that
/// is ours and stays where it is until `H` takes it back.
#[inline]
pub(crate) unsafe fn start<F, H>(_: &Shared, slot: SlotRef, body: *mut ()) -> Started
where
    F: Future,
    H: Home<Joiner = Joiner>,
{
    const { assert!(align_of::<BodyIn<F, H>>() > ABORT) };
    // SAFETY: S2 makes us the one to publish; S3 by the caller's promise.
    unsafe {
        slot.publish_abortable(run::<F, H>, body);
        let generation = slot.generation();
        waker::wake(slot);
        Started {
            slot,
            generation,
            kind: Kind::of::<F, H>(),
            body,
            joiner: BodyIn::<F, H>::joiner(body),
        }
    }
}

/// Polls a slot whose ready byte was set. `true` if that was a task.
///
/// # Safety
///
/// Executor's level, context entered, and no task of this executor is being polled.
#[inline(always)]
pub(crate) unsafe fn poll_slot(slot: SlotRef) -> bool {
    let (run, body) = slot.due();
    crate::executor::state::set_budget(FULL);
    // SAFETY: S3, and B1: the task is live and not settled. Or else it is the function of a free
    // slot, which wants nothing.
    unsafe { run(slot, body, None) };
    is_task(run as *mut ())
}

/// Ends a live task from outside.
///
/// # Safety
///
/// Executor's level, context entered; the slot is live and its future not being polled.
#[cold]
pub(crate) unsafe fn cancel(_: &Shared, slot: SlotRef, error: Failure) {
    let (run, body) = slot.task();
    if let Some(run) = run {
        // SAFETY: S3: the function fits the body; B1: a future is there.
        unsafe { run(slot, body, Some(&mut Op::Cancel(Some(error)))) };
    }
}
