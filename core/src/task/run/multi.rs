//! What the run loop does with a slot: on servers, and on chips with several cores. Chips with a single core have
//! `single.rs` in place of this file.

use core::future::Future;
use core::mem::forget;
use core::task::Waker;

use super::body::{BodyIn, Home, Kind, Started, describe, run};
use super::failure::Failure;
use super::joiner::Joiner;
use super::state::{Due, Found, Op, SlotRef};
use super::unwind::wake_quietly;
use super::waker;
use crate::executor::budget::FULL;
use crate::executor::shared::Shared;
use crate::trace;

/// Fills a claimed slot with a body that nobody will join and sets it going.
///
/// # Safety
///
/// As for [`start`].
#[inline]
#[cfg_attr(feature = "trace", track_caller)]
pub(crate) unsafe fn start_detached<F: Future, H: Home>(
    shared: &Shared,
    slot: SlotRef,
    body: *mut (),
) {
    slot.publish(run::<F, H>, body);
    // SAFETY: the task is live, on its executor's thread.
    trace::spawned(shared, slot, || unsafe {
        describe(slot, run::<F, H>, body)
    });
    // SAFETY: the caller's promise.
    unsafe { shared.state.ready.push(slot) };
}

/// Fills a claimed slot with a body and sets it going.
///
/// # Safety
///
/// Executor's thread. The slot was claimed for this call from the living executor `shared`; `body`
/// holds a `BodyIn<F, H>` that is ours and stays where it is until `H` takes it back.
#[inline]
#[cfg_attr(feature = "trace", track_caller)]
pub(crate) unsafe fn start<F, H>(shared: &Shared, slot: SlotRef, body: *mut ()) -> Started
where
    F: Future,
    H: Home<Joiner = Joiner>,
{
    // SAFETY: S2 makes us the one to publish; S3 by the caller's promise.
    unsafe {
        slot.publish(run::<F, H>, body);
        trace::spawned(shared, slot, || describe(slot, run::<F, H>, body));
        shared.state.ready.push(slot);
        Started {
            slot,
            generation: slot.generation(),
            kind: Kind::of::<F, H>(),
            body,
            joiner: BodyIn::<F, H>::joiner(body),
        }
    }
}

/// Does what is due for a slot whose ready bit was set, after `count` if that is a poll. `true` if the
/// task has ended.
///
/// # Safety
///
/// Executor's thread, context entered, and no task of this executor is being polled.
#[inline(always)]
pub(crate) unsafe fn poll_slot(shared: &Shared, found: Found, count: impl FnOnce()) -> bool {
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
            shared.replace_budget(FULL);
            let bomb = Bomb { shared, slot: name };
            // SAFETY: S3, and B1: the task is live and not settled.
            let ended = trace::poll(name, || unsafe { run(name, body, None) });
            forget(bomb);
            if ended.is_not() {
                return false;
            }
            // SAFETY: settled, by the poll.
            unsafe { finish(shared, name, ended.into_joiner()) };
            true
        }
        Due::Abort => {
            // SAFETY: live, and nobody polls it.
            unsafe { cancel(shared, name, Failure::Aborted) };
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
pub(crate) unsafe fn cancel(shared: &Shared, slot: SlotRef, error: Failure) {
    let (run, body) = slot.task();
    let mut joiner = None;
    if let Some(run) = run {
        let bomb = Bomb { shared, slot };
        // SAFETY: S3: the function fits the body; B1: a future is there.
        let ended = unsafe { run(slot, body, Some(&mut Op::Cancel(Some(error)))) };
        forget(bomb);
        joiner = ended.into_joiner();
    }
    // SAFETY: settled now.
    unsafe { finish(shared, slot, joiner) };
}

/// Frees the slot of a settled task and wakes its joiner.
///
/// # Safety
///
/// Executor's thread; the task is settled and the slot not yet retired.
#[inline]
unsafe fn finish(shared: &Shared, slot: SlotRef, joiner: Option<Waker>) {
    trace::ended(slot);
    slot.retire();
    shared.release_slot(slot);
    // Foreign code, so at the very end.
    if let Some(joiner) = joiner {
        match waker::slot(&joiner) {
            // SAFETY: this is the thread of the executor `core`.
            Some(slot) => unsafe { waker::wake_from(shared, slot) },
            None => wake_quietly(joiner),
        }
    }
}

/// Settles and frees a task whose poll or destructor panics: for builds without `std`, where a
/// panic passes through the run loop.
struct Bomb<'a> {
    shared: &'a Shared,
    slot: SlotRef,
}

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
            unsafe { finish(self.shared, self.slot, joiner) };
        }
        #[cfg(feature = "std")]
        let _ = (self.shared, self.slot);
    }
}
