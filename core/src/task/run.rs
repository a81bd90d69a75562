//! What the run loop does with a slot.

use core::mem::forget;
use core::ptr::NonNull;

use super::body::{self, Home, Op, RunFn, run};
use super::join::{self, JoinError, JoinHandle};
use super::ready::Block;
use super::slot::{Due, Slot};
use super::wake_quietly;
use crate::executor::core::{Core, CoreRef};

/// Fills a claimed slot with a body and sets it going.
///
/// # Safety
///
/// Executor's thread. The slot was claimed for this call from `executor`'s living core; `body`
/// holds a `Body<F, H::Label>` that is ours and stays where it is until `H` takes it back.
#[inline]
pub(crate) unsafe fn start<F, H>(
    executor: CoreRef,
    core: &Core,
    (slot, index): (NonNull<Slot>, usize),
    body: *mut (),
) -> JoinHandle<F::Output>
where
    F: Future,
    H: Home,
{
    let run: RunFn = run::<F, H>;
    // SAFETY: S1; S2 makes us the one to publish; S3 by the caller's promise.
    unsafe {
        slot.as_ref().publish(index, run, body, true);
        let generation = slot.as_ref().generation();
        core.ready.mark_local(Block::of(slot, index), 1 << index);
        JoinHandle::new(executor, slot, generation, run, body)
    }
}

/// Ends a task whose executor was dropped while its future was being made: its handle says that
/// it was aborted.
///
/// # Safety
///
/// The thread of the former executor `executor`. `body` is ours and has room for a
/// `Body<F, ()>`; `block` is any block of that executor.
#[cold]
pub(crate) unsafe fn never_start<F, H>(
    executor: CoreRef,
    block: *const Block,
    body: *mut (),
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future,
    H: Home<Label = ()>,
{
    // SAFETY: B1: room for an output, which the handle takes, as `executor` is gone. S1 for the
    // slot: the block's first one, for which S4 holds even if it was never used. It may be
    // another task's by now, so the handle gets the name of a former tenant.
    let handle = unsafe {
        body::output::<F::Output>(body).write(Err(JoinError::Aborted));
        let slot = Block::slot(block, 0);
        let generation = slot.as_ref().generation().wrapping_sub(1);
        JoinHandle::new(executor, slot, generation, run::<F, H>, body)
    };
    body::drop_quietly(future);
    handle
}

/// Does what is due for a slot whose ready bit was set. `true` if it was polled.
///
/// # Safety
///
/// Executor's thread, context entered, and no task of this executor is being polled.
#[inline]
pub(crate) unsafe fn attend(core: &Core, slot: NonNull<Slot>) -> bool {
    // SAFETY: S1.
    let slot_ref = unsafe { slot.as_ref() };
    match slot_ref.due() {
        Due::Nothing => false,
        Due::Poll => {
            slot_ref.count_poll();
            let (run, body) = slot_ref.task();
            let Some(run) = run else { return false };
            let bomb = Bomb { core, slot };
            // SAFETY: S3, and B1: the task is live and not settled.
            let ended = unsafe { run(slot, body, None) };
            forget(bomb);
            if ended {
                // SAFETY: settled, by the poll.
                unsafe { finish(core, slot) };
            }
            true
        }
        Due::Abort => {
            // SAFETY: live, and nobody polls it.
            unsafe { cancel(core, slot, JoinError::Aborted) };
            false
        }
    }
}

/// Ends a live task from outside.
///
/// # Safety
///
/// Executor's thread, context entered; the slot is live and its future not being polled.
#[cold]
pub(crate) unsafe fn cancel(core: &Core, slot: NonNull<Slot>, error: JoinError) {
    // SAFETY: S1.
    let (run, body) = unsafe { slot.as_ref() }.task();
    if let Some(run) = run {
        let bomb = Bomb { core, slot };
        // SAFETY: S3, B1.
        unsafe { run(slot, body, Some(&mut Op::Cancel(Some(error)))) };
        forget(bomb);
    }
    // SAFETY: settled now.
    unsafe { finish(core, slot) };
}

/// Frees the slot of a settled task and wakes whoever joins it.
///
/// # Safety
///
/// Executor's thread; the task is settled and the slot not yet retired.
#[inline]
unsafe fn finish(core: &Core, slot: NonNull<Slot>) {
    // SAFETY: S1.
    let slot_ref = unsafe { slot.as_ref() };
    let joiner = if slot_ref.is_joined() {
        // SAFETY: joined.
        unsafe { join::take_joiner(slot_ref) }
    } else {
        None
    };
    let index = slot_ref.index();
    slot_ref.retire();
    // SAFETY: S4.
    core.release_slot(unsafe { Block::of(slot, index) }, index);
    // Foreign code, so at the very end.
    if let Some(joiner) = joiner {
        wake_quietly(joiner);
    }
}

/// Settles and frees a task whose poll or destructor panics: for builds without `std`, where a
/// panic passes through the run loop.
struct Bomb<'a> {
    core: &'a Core,
    slot: NonNull<Slot>,
}

impl Drop for Bomb<'_> {
    #[cold]
    fn drop(&mut self) {
        #[cfg(not(feature = "std"))]
        {
            // SAFETY: S1.
            let (run, body) = unsafe { self.slot.as_ref() }.task();
            if let Some(run) = run {
                // SAFETY: not settled, so the future is there; the unwinding has left its poll.
                unsafe {
                    run(
                        self.slot,
                        body,
                        Some(&mut Op::Cancel(Some(JoinError::PANICKED))),
                    )
                };
            }
            // SAFETY: settled now.
            unsafe { finish(self.core, self.slot) };
        }
        #[cfg(feature = "std")]
        let _ = (self.core, self.slot);
    }
}
