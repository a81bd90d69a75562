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

#[cfg(not(lean))]
use core::any::type_name;
use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll};

use super::join::JoinError;
use super::site::TaskFn;
use super::slot::{MARKS, SlotRef};
use super::waker;
use crate::executor::core::Core;

/// What is to be done with a body, other than polling its future.
pub(crate) enum Op<'a> {
    /// Drop the future and settle the task with this error, which is taken. Always `true`.
    Cancel(Option<JoinError>),
    /// Give the memory back; the stage is empty. `false`.
    #[cfg(lean)]
    Release(Option<&'a Core>),
    /// Say what this is. `false`.
    #[cfg(not(lean))]
    Describe(&'a mut Description),
}

/// What is known of a task's type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Description {
    pub(crate) name: Option<&'static str>,
    pub(crate) type_name: &'static str,
    pub(crate) size: usize,
}

/// What a [`RunFn`] tells: whether the task has ended and is still to be finished. On a lean
/// build the function does that itself, so that the run loop need not ask.
#[cfg(not(lean))]
pub(crate) type Ended = bool;
#[cfg(lean)]
pub(crate) type Ended = ();

/// The function of a future type: the slot, its body, and what to do.
///
/// `None` is a poll: `true` if the future has ended, is dropped, and the task is settled. It is
/// no variant of [`Op`] because a null pointer is passed and tested in a register.
///
/// # Safety
///
/// Executor's thread (S5). The body fits the function (S3), and B1 holds: a poll and `Cancel`
/// want a future, at most one of which is under way; `Release` wants an empty stage. For
/// `Release` the slot need no longer be the task's. On a lean build the body's address may be
/// marked for a poll of a task that has or had a handle (S7): then that is a `Cancel`.
pub(crate) type RunFn = unsafe fn(SlotRef, *mut (), Option<&mut Op<'_>>) -> Ended;

/// What a join handle keeps of its task's type: the [`RunFn`] and the way to release a body.
#[cfg(not(lean))]
#[derive(Clone, Copy)]
pub(crate) struct Kind(&'static Functions);

#[cfg(not(lean))]
struct Functions {
    run: RunFn,
    /// # Safety
    ///
    /// As for [`Home::release`].
    release: unsafe fn(Option<&Core>, *mut ()),
}

#[cfg(not(lean))]
impl Kind {
    #[inline]
    pub(crate) fn of<F: Future, H: Home>() -> Self {
        Self(
            const {
                &Functions {
                    run: run::<F, H>,
                    release: H::release::<F>,
                }
            },
        )
    }

    #[inline]
    pub(crate) fn run(self) -> RunFn {
        self.0.run
    }

    /// Gives a body back. By a function of its own, because that is shorter than the way through
    /// [`RunFn`], and there are no builds of this kind in which the few bytes matter.
    ///
    /// # Safety
    ///
    /// B3, on the executor's thread; `core` is the body's executor, if that is still alive.
    #[inline]
    pub(crate) unsafe fn release(self, _: SlotRef, core: Option<&Core>, body: *mut ()) {
        // SAFETY: the caller's promise.
        unsafe { (self.0.release)(core, body) };
    }
}

/// What a join handle keeps of its task's type.
#[cfg(lean)]
#[derive(Clone, Copy)]
pub(crate) struct Kind(RunFn);

#[cfg(lean)]
impl Kind {
    #[inline]
    pub(crate) fn of<F: Future, H: Home>() -> Self {
        Self(run::<F, H>)
    }

    #[inline]
    pub(crate) fn run(self) -> RunFn {
        self.0
    }

    /// Gives a body back.
    ///
    /// # Safety
    ///
    /// B3, on the executor's level; `core` is the body's executor, if that is still alive.
    #[inline]
    pub(crate) unsafe fn release(self, slot: SlotRef, core: Option<&Core>, body: *mut ()) {
        // SAFETY: the caller's promise; the stage is empty.
        unsafe { (self.0)(slot, body, Some(&mut Op::Release(core))) };
    }
}

/// Where bodies come from and go to.
///
/// # Safety
///
/// `release` must be able to take back every body that the same type handed out.
pub(crate) unsafe trait Home {
    /// Kept in the body beside the future: a task's name, or nothing.
    type Label: Copy;

    /// Whether a join handle can exist, so that the body must have room for the output.
    const JOINABLE: bool = true;

    /// Whether the task can be ended from outside: not if there is no handle to abort it by and
    /// its executor is never dropped.
    const MORTAL: bool = true;

    /// The name in the label, if there is one.
    #[cfg_attr(lean, allow(dead_code, reason = "tasks are not described"))]
    fn name(label: Self::Label) -> Option<&'static str>;

    /// Takes a body of `Body<F, Self::Label>` back. `core` is the executor that it belonged
    /// to, if that is still alive.
    ///
    /// # Safety
    ///
    /// B3, on the executor's thread.
    unsafe fn release<F: Future>(core: Option<&Core>, body: *mut ());

    /// What to clear in order to take the body of a task back that cannot be joined: in one
    /// critical section with its slot.
    #[cfg(lean)]
    fn bit(_body: *mut ()) -> Option<super::pool::BodyBit> {
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
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// What lies in a body's memory.
///
/// Aligned so that a slot finds the lowest bits of its address zero, where it keeps marks of its own:
/// by its type, so that whoever has memory for a body, of whatever kind, cannot forget it.
#[repr(C)]
#[cfg_attr(lean, repr(align(2)))]
#[cfg_attr(not(lean), repr(align(4)))]
pub(crate) struct Body<F: Future, L> {
    stage: Stage<F>,
    label: L,
}

impl<F: Future, L> Body<F, L> {
    /// Fails to compile if a slot's marks do not fit into the address of such a body.
    pub(crate) const HAS_ROOM_FOR_MARKS: () = assert!(align_of::<Self>() > MARKS);

    /// Where the future lies. `Body` is repr(C) and starts with a union, which starts where its
    /// fields start.
    #[inline(always)]
    pub(crate) fn future(memory: *mut ()) -> *mut F {
        memory.cast()
    }

    /// Writes the label of a body that is being made.
    ///
    /// # Safety
    ///
    /// `memory` is valid for writes of a `Body<F, L>`.
    #[inline]
    pub(crate) unsafe fn write_label(memory: *mut (), label: L) {
        let body = memory.cast::<Self>();
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*body).label).write(label) };
    }

    /// Calls a function and puts the future that it makes into fresh memory, with no other copy of
    /// it in between than what the call itself makes.
    ///
    /// # Safety
    ///
    /// `memory` is valid for writes of a `Body<F, L>`.
    #[inline]
    pub(crate) unsafe fn make<Fun, Args>(memory: *mut (), function: Fun, args: Args)
    where
        Fun: TaskFn<Args, Future = F>,
    {
        const { assert!(size_of::<L>() == 0) };
        // SAFETY: the caller's promise. A label of no size needs no writing.
        unsafe { ptr::write(Self::future(memory), function.call(args)) };
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
pub(crate) fn output<T>(body: *mut ()) -> *mut Result<T, JoinError> {
    // `Body` is repr(C) and starts with a union, all of whose fields start at its address.
    body.cast()
}

/// The [`RunFn`] of `F` in bodies of `H`.
pub(crate) unsafe fn run<F: Future, H: Home>(
    slot: SlotRef,
    body: *mut (),
    op: Option<&mut Op<'_>>,
) -> Ended {
    // On a lean build nobody wants anything but polls of a task that cannot be ended from outside,
    // unless it has the generation of a stale abort handle: then this poll is a spurious one.
    if H::MORTAL || cfg!(not(lean)) {
        if let Some(op) = op {
            if H::MORTAL {
                // SAFETY: the caller's promise.
                return unsafe { run_op::<F, H>(slot, body, op) };
            }
            return ended::<H>(slot, body, false);
        }
    }
    #[cfg(lean)]
    if H::JOINABLE && super::lean::is_marked_address(body) {
        let mut op = Op::Cancel(Some(JoinError::Aborted));
        // SAFETY: the caller's promise, for the body without the mark.
        return unsafe { run_op::<F, H>(slot, super::lean::unmark_address(body), &mut op) };
    }
    // SAFETY: the slot has been claimed (S4). Dropping a waker of ours does nothing.
    let waker = ManuallyDrop::new(unsafe { waker::waker(slot) });
    let mut cx = Context::from_waker(&waker);
    // SAFETY: B1: a future is there and nobody else uses it; B2: it is pinned.
    let future = unsafe { Pin::new_unchecked(&mut *body.cast::<F>()) };
    let output = match catch(|| future.poll(&mut cx)) {
        Ok(Poll::Pending) => return ended::<H>(slot, body, false),
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(panic),
    };
    // SAFETY: the future is still there and no longer borrowed.
    unsafe { settle::<F, H>(slot, body, output) };
    ended::<H>(slot, body, true)
}

/// Everything but polls. A function of its own, so that those need not save its registers.
#[inline(never)]
unsafe fn run_op<F: Future, H: Home>(slot: SlotRef, body: *mut (), op: &mut Op<'_>) -> Ended {
    match op {
        Op::Cancel(error) => {
            let error = error.take().unwrap_or(JoinError::Aborted);
            // SAFETY: B1: a future is there.
            unsafe { settle::<F, H>(slot, body, Err(error)) };
            ended::<H>(slot, body, true)
        }
        #[cfg(lean)]
        Op::Release(core) if H::JOINABLE => {
            // SAFETY: B3 is the caller's promise.
            unsafe { H::release::<F>(*core, body) };
            ended::<H>(slot, body, false)
        }
        #[cfg(not(lean))]
        Op::Describe(description) => {
            // SAFETY: written, and not released while the slot or the handle has it.
            let label = unsafe { Body::read_label(body.cast::<Body<F, H::Label>>()) };
            **description = Description {
                name: H::name(label),
                type_name: type_name::<F>(),
                size: size_of::<Body<F, H::Label>>(),
            };
            ended::<H>(slot, body, false)
        }
        // Whoever has no handle does not have the body to release.
        #[cfg(lean)]
        Op::Release(_) => ended::<H>(slot, body, false),
    }
}

#[cfg(not(lean))]
#[inline]
fn ended<H: Home>(_: SlotRef, _: *mut (), ended: bool) -> Ended {
    ended
}

#[cfg(lean)]
#[inline(always)]
fn ended<H: Home>(slot: SlotRef, body: *mut (), ended: bool) -> Ended {
    if ended {
        // SAFETY: settled, and not yet retired.
        unsafe { super::run::finish::<H>(slot, body) };
    }
}

/// Ends a task: drops the future, then keeps the output for the join handle or drops it and
/// releases the body. The slot still has to be retired.
///
/// # Safety
///
/// As for `Op::Cancel`.
#[cfg_attr(all(feature = "std", not(debug_assertions)), inline(always))]
unsafe fn settle<F: Future, H: Home>(
    slot: SlotRef,
    body: *mut (),
    result: Result<F::Output, JoinError>,
) {
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
    unsafe { ManuallyDrop::new(settling).keep() };
}

/// The second half of [`settle`], also if a panic of the future's destructor passes through.
struct Settling<F: Future, H: Home> {
    slot: SlotRef,
    body: *mut (),
    result: ManuallyDrop<Result<F::Output, JoinError>>,
    _home: core::marker::PhantomData<H>,
}

impl<F: Future, H: Home> Settling<F, H> {
    #[cold]
    fn fail(&mut self, panic: JoinError) {
        let former = core::mem::replace(&mut *self.result, Err(panic));
        drop_quietly(former);
    }

    /// Keeps the result for the join handle, or drops it and releases the body.
    ///
    /// # Safety
    ///
    /// To be called once, when the stage is empty.
    #[inline]
    unsafe fn keep(&mut self) {
        // SAFETY: taken once, by the caller's promise.
        let result = unsafe { ManuallyDrop::take(&mut self.result) };
        // Only now: dropping the future may have dropped the task's own join handle.
        if H::JOINABLE && self.slot.has_handle() {
            // SAFETY: the stage is empty and has room for the output; the handle takes it.
            unsafe { output::<F::Output>(self.body).write(result) };
        } else {
            drop_quietly(result);
            // Else `finish` does it.
            if H::JOINABLE || cfg!(not(lean)) {
                // SAFETY: this block's core is the executor that runs this very code. B3: no
                // handle, hence the release is ours.
                unsafe {
                    let core = crate::executor::core::of(self.slot);
                    H::release::<F>(Some(&*core), self.body);
                }
            }
        }
    }
}

#[cfg(not(feature = "std"))]
impl<F: Future, H: Home> Drop for Settling<F, H> {
    #[cold]
    fn drop(&mut self) {
        self.fail(JoinError::PANICKED);
        // SAFETY: once: whoever gets to the other call forgets the guard before it.
        unsafe { self.keep() };
    }
}

/// Runs foreign code; with `std` a panic becomes an error, without it passes through.
#[inline]
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, JoinError> {
    #[cfg(feature = "std")]
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).map_err(JoinError::panicked);
    #[cfg(not(feature = "std"))]
    return Ok(f());
}

/// As [`catch`], wherever there is a standard library, whether feature `std` is on or not: only bare
/// metal has none, where a panic does not unwind. The error is what the panic has thrown.
#[inline]
pub(crate) fn catch_anyway<T>(f: impl FnOnce() -> T) -> Result<T, Thrown> {
    #[cfg(any(feature = "std", not(target_os = "none")))]
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    #[cfg(not(any(feature = "std", not(target_os = "none"))))]
    return Ok(f());
}

#[cfg(any(feature = "std", not(target_os = "none")))]
pub(crate) type Thrown = std::boxed::Box<dyn core::any::Any + Send>;
#[cfg(not(any(feature = "std", not(target_os = "none"))))]
pub(crate) type Thrown = core::convert::Infallible;

/// Goes on with a panic that was held up, unless it is one too many.
#[cold]
pub(crate) fn go_on_with(thrown: Thrown) {
    #[cfg(any(feature = "std", not(target_os = "none")))]
    if !std::thread::panicking() {
        std::panic::resume_unwind(thrown);
    }
    discard(thrown);
}

/// Drops a value. A panic of its destructor has been reported by the panic hook and goes no further.
#[inline]
pub(crate) fn drop_quietly<T>(value: T) {
    run_quietly(|| drop(value));
}

/// Runs foreign code whose panic is nobody's to handle.
#[inline]
pub(crate) fn run_quietly(f: impl FnOnce()) {
    if let Err(thrown) = catch_anyway(f) {
        discard(thrown);
    }
}

/// Drops the payload of a panic; what its destructor may panic with in its turn is leaked.
#[cold]
fn discard(thrown: Thrown) {
    if let Err(another) = catch_anyway(|| drop(thrown)) {
        let _ = ManuallyDrop::new(another);
    }
}
