//! Bodies: the memory that holds a task's future and later its output, and the one function
//! per future type that works on it.
//!
//! # Invariants
//!
//! * **B1, stage.** While its slot's `run` is set, a body's stage holds the future; between
//!   that and its release it holds the output, and only if there is a join handle.
//! * **B2, pinned.** The future is built in its body and dropped there; a body does not move.
//! * **B3, one release.** A body is released exactly once: by the task's end if no join handle
//!   waits for the output, else by that handle.

use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::{Context, Poll, Waker};

use super::failure::Failure;
use super::joiner::{Joiner, Place};
use super::state::SlotRef;
use super::task_fn::TaskFn;
use super::unwind::{catch, drop_quietly};
use super::waker;
use crate::executor::shared::Shared;

#[cfg_attr(lean, path = "body/single.rs")]
#[cfg_attr(not(lean), path = "body/multi.rs")]
mod ops;

#[cfg(feature = "std")]
pub(crate) use ops::joined_by;
pub(crate) use ops::{Kind, describe, run};

/// A task that has been set going, for a join handle to be made of.
pub(crate) struct Started {
    pub(crate) slot: SlotRef,
    pub(crate) generation: usize,
    pub(crate) kind: Kind,
    pub(crate) body: *mut (),
    pub(crate) joiner: NonNull<Joiner>,
}

/// Where bodies come from and go to.
///
/// # Safety
///
/// `release` must be able to take back every body that the same type handed out.
pub(crate) unsafe trait Home {
    /// Kept in the body beside the future: a task's name, or nothing.
    type Label: Copy;

    /// What the body has for a join handle: nothing, if there can be none.
    type Joiner: Place;

    /// Whether a join handle can exist.
    const JOINABLE: bool = size_of::<Self::Joiner>() > 0;

    /// Whether the task can be ended from outside: not if there is no handle to abort it by and
    /// its executor is never dropped.
    #[allow(
        dead_code,
        reason = "only a chip with one shared has tasks that cannot be ended"
    )]
    const MORTAL: bool = true;

    /// The name in the label, if there is one.
    #[allow(dead_code, reason = "a chip with one shared does not describe tasks")]
    fn name(label: Self::Label) -> Option<&'static str>;

    /// Takes a `BodyIn<F, Self>` back. `shared` is the executor that it belonged
    /// to, if that is still alive.
    ///
    /// # Safety
    ///
    /// B3, on the executor's thread.
    unsafe fn release<F: Future>(shared: Option<&Shared>, body: *mut ());

    /// What to clear in order to take the body of a task back that cannot be joined: in one
    /// critical section with its slot.
    #[cfg(lean)]
    fn bit(_body: *mut ()) -> Option<super::state::BodyBit> {
        None
    }
}

/// A future and, later, its output, at the same place.
#[allow(
    dead_code,
    reason = "the fields give it its size; it is accessed through pointers"
)]
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Result<F::Output, Failure>>,
}

/// What lies in a body's memory.
#[repr(C)]
pub(crate) struct Body<F: Future, J, L> {
    stage: Stage<F>,
    joiner: J,
    label: L,
    align: ops::Align,
}

/// The body of a future in memory of `H`.
pub(crate) type BodyIn<F, H> = Body<F, <H as Home>::Joiner, <H as Home>::Label>;

impl<F: Future, J: Place, L> Body<F, J, L> {
    /// Where the future lies. `Body` is repr(C) and starts with a union, which starts where its
    /// fields start.
    #[inline(always)]
    pub(crate) fn future(memory: *mut ()) -> *mut F {
        memory.cast()
    }

    /// Writes what lies beside the future of a body that is being made.
    ///
    /// # Safety
    ///
    /// `memory` is valid for writes of a `Body<F, J, L>`.
    #[inline]
    pub(crate) unsafe fn write_rest(memory: *mut (), label: L) {
        let body = memory.cast::<Self>();
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*body).joiner).write(J::NEW);
            (&raw mut (*body).label).write(label);
        }
    }

    /// Calls a function and puts the future that it makes into fresh memory, with no other copy of
    /// it in between than what the call itself makes.
    ///
    /// # Safety
    ///
    /// `memory` is valid for writes of a `Body<F, J, L>`.
    #[inline]
    pub(crate) unsafe fn make<Fun, Args>(memory: *mut (), function: Fun, args: Args)
    where
        Fun: TaskFn<Args, Future = F>,
    {
        const { assert!(size_of::<L>() == 0) };
        // SAFETY: the caller's promise. A label of no size needs no writing.
        unsafe {
            ptr::write(Self::future(memory), function.call(args));
            (&raw mut (*memory.cast::<Self>()).joiner).write(J::NEW);
        }
    }

    /// Where the body's joiner is. It lies outside the future, which may be borrowed meanwhile.
    ///
    /// # Safety
    ///
    /// `body` points to a body that was written and not yet released.
    #[inline]
    pub(crate) unsafe fn joiner(body: *mut ()) -> NonNull<J> {
        // SAFETY: the caller's promise.
        unsafe { NonNull::new_unchecked(&raw mut (*body.cast::<Self>()).joiner) }
    }

    /// The label of a body. It lies outside the future, which may be borrowed meanwhile.
    ///
    /// # Safety
    ///
    /// `body` points to a body that was written and not yet released.
    pub(crate) unsafe fn read_label(body: *const Self) -> L
    where
        L: Copy,
    {
        // SAFETY: the caller's promise.
        unsafe { (&raw const (*body).label).read() }
    }
}

/// Where a join handle finds the output of a body, whatever the future's type.
#[inline]
pub(crate) fn output<T>(body: *mut ()) -> *mut Result<T, Failure> {
    // `Body` is repr(C) and starts with a union, all of whose fields start at its address.
    body.cast()
}

/// Polls a task's future. `Some`: the task has ended and is settled; the slot still has to be retired, and then
/// whoever joins the task to be woken, whose waker this is.
///
/// # Safety
///
/// As for a poll by the task's [`RunFn`](super::state::RunFn).
#[inline(always)]
unsafe fn poll<F: Future, H: Home>(slot: SlotRef, body: *mut ()) -> Option<Option<Waker>> {
    // SAFETY: the slot has been claimed (S4). Dropping a waker of ours does nothing.
    let waker = ManuallyDrop::new(unsafe { waker::waker(slot) });
    let mut cx = Context::from_waker(&waker);
    // SAFETY: B1: a future is there and nobody else uses it; B2: it is pinned.
    let future = unsafe { Pin::new_unchecked(&mut *body.cast::<F>()) };
    let output = match catch(|| future.poll(&mut cx)) {
        Ok(Poll::Pending) => return None,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => {
            panic.tell(slot);
            Err(panic)
        }
    };
    // SAFETY: the future is still there and no longer borrowed.
    Some(unsafe { settle::<F, H>(slot, body, output) })
}

/// Ends a task: drops the future, then keeps the output for the join handle or drops it and
/// releases the body. The slot still has to be retired, and then whoever joins the task, who is
/// returned, to be woken.
///
/// # Safety
///
/// As for `Op::Cancel`.
#[cfg_attr(all(feature = "std", not(debug_assertions)), inline(always))]
unsafe fn settle<F: Future, H: Home>(
    slot: SlotRef,
    body: *mut (),
    result: Result<F::Output, Failure>,
) -> Option<Waker> {
    slot.settle();
    let mut settling = Settling::<F, H> {
        slot,
        body,
        result: ManuallyDrop::new(result),
        _home: core::marker::PhantomData,
    };
    // SAFETY: B1, B2; from here on the stage is empty.
    if let Err(panic) = catch(|| unsafe { body.cast::<F>().drop_in_place() }) {
        settling.fail(panic);
    }
    // SAFETY: once, and the future is gone.
    unsafe { ManuallyDrop::new(settling).keep() }
}

/// The second half of [`settle`], also if a panic of the future's destructor passes through.
struct Settling<F: Future, H: Home> {
    slot: SlotRef,
    body: *mut (),
    result: ManuallyDrop<Result<F::Output, Failure>>,
    _home: core::marker::PhantomData<H>,
}

impl<F: Future, H: Home> Settling<F, H> {
    #[cold]
    fn fail(&mut self, panic: Failure) {
        panic.tell(self.slot);
        let former = core::mem::replace(&mut *self.result, Err(panic));
        drop_quietly(former);
    }

    /// Keeps the result for the join handle, or drops it and releases the body.
    ///
    /// # Safety
    ///
    /// To be called once, when the stage is empty.
    #[inline]
    unsafe fn keep(&mut self) -> Option<Waker> {
        // SAFETY: taken once, by the caller's promise.
        let result = unsafe { ManuallyDrop::take(&mut self.result) };
        // SAFETY: the body is there until it is released, below or by the handle.
        let joiner = unsafe { BodyIn::<F, H>::joiner(self.body).as_ref() };
        // Only now: dropping the future may have dropped the task's own join handle.
        if joiner.is_wanted() {
            // SAFETY: the stage is empty and has room for the output; the handle takes it.
            unsafe { output::<F::Output>(self.body).write(result) };
            joiner.finish()
        } else {
            drop_quietly(result);
            // Else it is given back together with the slot.
            if H::JOINABLE || !ops::RELEASED_WITH_SLOT {
                // SAFETY: the slot's executor is the one that runs this very code. B3: no handle, hence the
                // release is ours.
                unsafe {
                    let shared = crate::executor::shared::of(self.slot);
                    H::release::<F>(Some(&*shared), self.body);
                }
            }
            None
        }
    }
}

#[cfg(not(feature = "std"))]
impl<F: Future, H: Home> Drop for Settling<F, H> {
    #[cold]
    fn drop(&mut self) {
        self.fail(Failure::PANICKED);
        // SAFETY: once: whoever gets to the other call forgets the guard before it.
        if let Some(joiner) = unsafe { self.keep() } {
            // Before the slot is retired, as nobody else learns of it: the panic goes on.
            super::unwind::wake_quietly(joiner);
        }
    }
}
