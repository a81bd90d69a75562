//! What the run loop does with a slot.

#[cfg(not(lean))]
use core::mem::forget;
use core::task::Waker;

use super::body::{self, BodyIn, Home, Kind, Op, run};
use super::budget::FULL;
use super::join::{Failure, JoinHandle};
use super::joiner::{Joiner, Place};
use super::ready::Block;
#[cfg(not(lean))]
use super::ready::Found;
#[cfg(not(lean))]
use super::slot::Due;
use super::slot::SlotRef;
use super::wake_quietly;
#[cfg(not(lean))]
use super::waker;
use crate::executor::core::{Core, CoreRef};

/// Fills a claimed slot with a body that nobody will join and sets it going.
///
/// # Safety
///
/// As for [`start`].
#[inline]
pub(crate) unsafe fn start_detached<F, H>(
    core: &Core,
    (slot, index): (SlotRef, usize),
    body: *mut (),
) where
    F: Future,
    H: Home,
{
    #[cfg(not(lean))]
    // SAFETY: as in `start`.
    unsafe {
        slot.publish(run::<F, H>, body);
        slot.mark_local(core, index);
    }
    #[cfg(lean)]
    {
        let _ = (core, index);
        const { BodyIn::<F, H>::HAS_ROOM_FOR_MARK };
        // S2 makes us the one to publish; S3 by the caller's promise.
        slot.set_going(run::<F, H>, body);
    }
}

/// Fills a claimed slot with a body and sets it going.
///
/// # Safety
///
/// Executor's thread. The slot was claimed for this call from `executor`'s living core; `body`
/// holds a `BodyIn<F, H>` that is ours and stays where it is until `H` takes it back.
#[inline]
pub(crate) unsafe fn start<F, H>(
    executor: CoreRef,
    core: &Core,
    (slot, index): (SlotRef, usize),
    body: *mut (),
) -> JoinHandle<F::Output>
where
    F: Future,
    H: Home<Joiner = Joiner>,
{
    #[cfg(lean)]
    const {
        BodyIn::<F, H>::HAS_ROOM_FOR_MARK
    };
    // SAFETY: S2 makes us the one to publish; S3 by the caller's promise.
    unsafe {
        #[cfg(lean)]
        slot.publish_abortable(run::<F, H>, body);
        #[cfg(not(lean))]
        slot.publish(run::<F, H>, body);
        let generation = slot.generation();
        slot.mark_local(core, index);
        let joiner = BodyIn::<F, H>::joiner(body);
        JoinHandle::new(executor, slot, generation, Kind::of::<F, H>(), body, joiner)
    }
}

/// Sees to it that the executor ends a task whose abort has just been requested.
///
/// # Safety
///
/// The slot has been claimed (S4).
pub(crate) unsafe fn notice_abort(slot: SlotRef) {
    #[cfg(not(lean))]
    // SAFETY: the caller's promise.
    unsafe {
        super::waker::wake(slot);
    }
    // Its function sees the mark.
    #[cfg(lean)]
    slot.mark();
}

/// Polls a slot whose ready byte was set. `true` if that was a task.
///
/// # Safety
///
/// Executor's level, context entered, and no task of this executor is being polled.
#[cfg(lean)]
#[inline(always)]
pub(crate) unsafe fn attend(slot: SlotRef) -> bool {
    let (run, body) = slot.due();
    crate::executor::state::set_budget(FULL);
    // SAFETY: S3, and B1: the task is live and not settled. Or else it is the function of a free
    // slot, which wants nothing.
    unsafe { run(slot, body, None) };
    !body.is_null()
}

/// Ends a task whose executor was dropped while its future was being made: its handle says that
/// it was aborted.
///
/// # Safety
///
/// The thread of the former executor `executor`. `body` is ours and holds a future as a
/// `BodyIn<F, H>`; `block` is any block of that executor.
#[cold]
pub(crate) unsafe fn never_start<F, H>(
    executor: CoreRef,
    block: *const Block,
    body: *mut (),
) -> JoinHandle<F::Output>
where
    F: Future,
    H: Home<Label = (), Joiner = Joiner>,
{
    // SAFETY: the caller's promise: the future is there, once, and nobody else knows of it.
    body::run_quietly(|| unsafe { BodyIn::<F, H>::future(body).drop_in_place() });
    // SAFETY: B1: room for an output, which the handle takes, as `executor` is gone. S1 for the
    // slot: the block's first one, for which S4 holds even if it was never used. It may be
    // another task's by now, so the handle gets the name of a former tenant.
    unsafe {
        body::output::<F::Output>(body).write(Err(Failure::Aborted));
        let joiner = BodyIn::<F, H>::joiner(body);
        joiner.as_ref().finish();
        let slot = Block::slot(block, 0);
        let generation = slot.generation().wrapping_sub(1);
        JoinHandle::new(executor, slot, generation, Kind::of::<F, H>(), body, joiner)
    }
}

/// Does what is due for a slot whose ready bit was set, after `count` if that is a poll. `true` if the
/// task has ended.
///
/// # Safety
///
/// Executor's thread, context entered, and no task of this executor is being polled.
#[cfg(not(lean))]
#[inline(always)]
pub(crate) unsafe fn attend(core: &Core, found: Found, count: impl FnOnce()) -> bool {
    let (name, slot) = (found.name, found.slot);
    match slot.due() {
        Due::Nothing => false,
        Due::Poll => {
            // Before the poll: after the usual one nothing is left to do.
            count();
            slot.count_poll();
            let (run, body) = slot.task();
            // SAFETY: S3: live, and settled only within this very call.
            let run = unsafe { run.unwrap_unchecked() };
            core.state.budget.set(FULL);
            let bomb = Bomb { core, slot: name };
            // SAFETY: S3, and B1: the task is live and not settled.
            let ended = unsafe { run(name, body, None) };
            forget(bomb);
            if ended.is_not() {
                return false;
            }
            // SAFETY: settled, by the poll.
            unsafe { finish(core, name, ended.into_joiner()) };
            true
        }
        Due::Abort => {
            // SAFETY: live, and nobody polls it.
            unsafe { cancel(core, name, Failure::Aborted) };
            true
        }
    }
}

/// Ends a live task from outside.
///
/// # Safety
///
/// Executor's thread, context entered; the slot is live and its future not being polled.
#[cold]
pub(crate) unsafe fn cancel(core: &Core, slot: SlotRef, error: Failure) {
    let (run, body) = slot.task();
    #[cfg(lean)]
    {
        let _ = core;
        if let Some(run) = run {
            // SAFETY: S3, B1.
            unsafe { run(slot, body, Some(&mut Op::Cancel(Some(error)))) };
        }
    }
    #[cfg(not(lean))]
    {
        let mut joiner = None;
        if let Some(run) = run {
            let bomb = Bomb { core, slot };
            // SAFETY: S3, B1.
            let ended = unsafe { run(slot, body, Some(&mut Op::Cancel(Some(error)))) };
            forget(bomb);
            joiner = ended.into_joiner();
        }
        // SAFETY: settled now.
        unsafe { finish(core, slot, joiner) };
    }
}

/// Frees the slot of a settled task and wakes its joiner.
///
/// # Safety
///
/// Executor's thread; the task is settled and the slot not yet retired.
#[cfg(not(lean))]
#[inline]
unsafe fn finish(core: &Core, slot: SlotRef, joiner: Option<Waker>) {
    slot.retire();
    let (block, index) = slot.place();
    core.release_slot(block, index);
    // Foreign code, so at the very end.
    if let Some(joiner) = joiner {
        match waker::slot(&joiner) {
            // SAFETY: this is the thread of the executor `core`.
            Some(slot) => unsafe { waker::wake_from(core, slot) },
            None => wake_quietly(joiner),
        }
    }
}

/// Frees the slot of a settled task, and the body if there can be no join handle, and wakes whoever
/// joins it.
///
/// # Safety
///
/// Executor's level; the task is settled and the slot not yet retired.
#[cfg(lean)]
#[inline]
pub(crate) unsafe fn finish<H: Home>(slot: SlotRef, body: *mut (), joiner: Option<Waker>) {
    if H::JOINABLE {
        slot.clear_flags();
    }
    slot.retire(if H::JOINABLE { None } else { H::bit(body) });
    // Foreign code, so at the very end.
    if let Some(joiner) = joiner {
        wake_quietly(joiner);
    }
}

/// Settles and frees a task whose poll or destructor panics: for builds without `std`, where a
/// panic passes through the run loop.
#[cfg(not(lean))]
struct Bomb<'a> {
    core: &'a Core,
    slot: SlotRef,
}

#[cfg(not(lean))]
impl Drop for Bomb<'_> {
    #[cold]
    fn drop(&mut self) {
        #[cfg(not(feature = "std"))]
        {
            let mut joiner = None;
            let (run, body) = self.slot.task();
            if let Some(run) = run {
                let mut cancel = Op::Cancel(Some(Failure::PANICKED));
                // SAFETY: not settled, so the future is there; the unwinding has left its poll.
                let ended = unsafe { run(self.slot, body, Some(&mut cancel)) };
                joiner = ended.into_joiner();
            }
            // SAFETY: settled now.
            unsafe { finish(self.core, self.slot, joiner) };
        }
        #[cfg(feature = "std")]
        let _ = (self.core, self.slot);
    }
}
