//! What the function of a task does beside polls, and what a join handle keeps of it: on servers, and on chips with
//! several cores. Chips with a single core have `single.rs` in place of this file.

use core::any::type_name;

use super::{Body, BodyIn, Failure, Future, Home, Shared, SlotRef, poll, settle};
#[cfg(feature = "std")]
use crate::task::joiner::Place;
use crate::task::state::{Description, Ended, Op, RunFn};

/// A body needs no more alignment than what lies in it.
pub(super) type Align = ();

/// A body is given back before its slot.
pub(super) const RELEASED_WITH_SLOT: bool = false;

/// What a join handle keeps of its task's type: the way to give a body back. By a function of its own, because
/// that is shorter than the way through [`run`].
#[derive(Clone, Copy)]
pub(crate) struct Kind(
    /// # Safety
    ///
    /// As for [`Home::release`].
    unsafe fn(Option<&Shared>, *mut ()),
);

impl Kind {
    #[inline]
    pub(crate) fn of<F: Future, H: Home>() -> Self {
        Self(H::release::<F>)
    }

    /// Gives a body back.
    ///
    /// # Safety
    ///
    /// B3, on the executor's thread; `shared` is the body's executor, if that is still alive.
    #[inline]
    pub(crate) unsafe fn release(self, _: SlotRef, shared: Option<&Shared>, body: *mut ()) {
        // SAFETY: the caller's promise.
        unsafe { (self.0)(shared, body) };
    }
}

/// The [`RunFn`] of `F` in bodies of `H`.
pub(crate) unsafe fn run<F: Future, H: Home>(
    slot: SlotRef,
    body: *mut (),
    op: Option<&mut Op<'_>>,
) -> Ended {
    if let Some(op) = op {
        // SAFETY: the caller's promise.
        return unsafe { run_op::<F, H>(slot, body, op) };
    }
    // SAFETY: as above.
    match unsafe { poll::<F, H>(slot, body) } {
        None => Ended::not(),
        Some(joiner) => Ended::with(joiner),
    }
}

/// Everything but polls. A function of its own, so that those need not save its registers.
#[inline(never)]
unsafe fn run_op<F: Future, H: Home>(slot: SlotRef, body: *mut (), op: &mut Op<'_>) -> Ended {
    match op {
        Op::Cancel(error) => {
            let error = error.take().unwrap_or(Failure::Aborted);
            // SAFETY: B1: a future is there.
            Ended::with(unsafe { settle::<F, H>(slot, body, Err(error)) })
        }
        Op::Describe(description) => {
            // SAFETY: written, and not released while the slot or the handle has it.
            let label = unsafe { Body::read_label(body.cast::<BodyIn<F, H>>()) };
            **description = Description {
                name: H::name(label),
                type_name: type_name::<F>(),
                size: size_of::<BodyIn<F, H>>(),
            };
            Ended::not()
        }
        #[cfg(feature = "std")]
        Op::JoinedBy(joins) => {
            // SAFETY: as above.
            **joins = unsafe { BodyIn::<F, H>::joiner(body).as_ref().waits() };
            Ended::not()
        }
    }
}

/// What a live task is.
///
/// # Safety
///
/// Executor's thread; the slot is live with this function and this body (S3).
pub(crate) unsafe fn describe(slot: SlotRef, run: RunFn, body: *mut ()) -> Description {
    let mut description = Description::default();
    // SAFETY: S3; describing touches nothing of the future.
    let _goes_on = unsafe { run(slot, body, Some(&mut Op::Describe(&mut description))) };
    description
}

/// Which task waits for the end of this live one, if it is one of ours that does.
///
/// # Safety
///
/// As for [`describe`].
#[cfg(feature = "std")]
pub(crate) unsafe fn joined_by(slot: SlotRef, run: RunFn, body: *mut ()) -> Option<SlotRef> {
    let mut joins = None;
    // SAFETY: S3; asking touches nothing of the future.
    let _goes_on = unsafe { run(slot, body, Some(&mut Op::JoinedBy(&mut joins))) };
    joins
}
