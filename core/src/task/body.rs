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
use core::ptr::{self, NonNull};
use core::task::{Context, Poll, Waker};

use super::join::Failure;
#[cfg(not(lean))]
pub(crate) use super::joiner::Ended;
use super::joiner::Place;
use super::site::TaskFn;
use super::slot::SlotRef;
use super::waker;
use crate::executor::core::Core;

/// What is to be done with a body, other than polling its future.
pub(crate) enum Op<'a> {
    /// Drop the future and settle the task with this error, which is taken. The task has ended.
    Cancel(Option<Failure>),
    /// Give the memory back; the stage is empty.
    #[cfg(lean)]
    Release(Option<&'a Core>),
    /// Say what this is.
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

/// What a [`RunFn`] tells. On a lean build it finishes a task that has ended by itself, so that the run loop
/// need not ask.
#[cfg(lean)]
pub(crate) type Ended = ();

/// The function of a future type: the slot, its body, and what to do.
///
/// `None` is a poll: if the future has ended, it is dropped and the task is settled. It is
/// no variant of [`Op`] because a null pointer is passed and tested in a register.
///
/// # Safety
///
/// Executor's thread (S5). The body fits the function (S3), and B1 holds: a poll and `Cancel`
/// want a future, at most one of which is under way; `Release` wants an empty stage. For
/// `Release` the slot need no longer be the task's. On a lean build the body's address may be
/// marked for a poll of a task that has or had a handle (S7): then that is a `Cancel`.
pub(crate) type RunFn = unsafe fn(SlotRef, *mut (), Option<&mut Op<'_>>) -> Ended;

/// What a join handle keeps of its task's type: the way to give a body back.
#[cfg(not(lean))]
#[derive(Clone, Copy)]
pub(crate) struct Kind(
    /// # Safety
    ///
    /// As for [`Home::release`].
    unsafe fn(Option<&Core>, *mut ()),
);

#[cfg(not(lean))]
impl Kind {
    #[inline]
    pub(crate) fn of<F: Future, H: Home>() -> Self {
        Self(H::release::<F>)
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
        unsafe { (self.0)(core, body) };
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

    /// What the body has for a join handle: nothing, if there can be none.
    type Joiner: Place;

    /// Whether a join handle can exist.
    const JOINABLE: bool = size_of::<Self::Joiner>() > 0;

    /// Whether the task can be ended from outside: not if there is no handle to abort it by and
    /// its executor is never dropped.
    const MORTAL: bool = true;

    /// The name in the label, if there is one.
    #[cfg_attr(lean, allow(dead_code, reason = "tasks are not described"))]
    fn name(label: Self::Label) -> Option<&'static str>;

    /// Takes a `BodyIn<F, Self>` back. `core` is the executor that it belonged
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
    output: ManuallyDrop<Result<F::Output, Failure>>,
}

/// What lies in a body's memory. On a lean build aligned so that the lowest bit of its address is zero, where a
/// slot marks an abort.
#[repr(C)]
#[cfg_attr(lean, repr(align(2)))]
pub(crate) struct Body<F: Future, J, L> {
    stage: Stage<F>,
    joiner: J,
    label: L,
}

/// The body of a future in memory of `H`.
pub(crate) type BodyIn<F, H> = Body<F, <H as Home>::Joiner, <H as Home>::Label>;

impl<F: Future, J: Place, L> Body<F, J, L> {
    /// Fails to compile if a slot's mark does not fit into the address of such a body.
    #[cfg(lean)]
    pub(crate) const HAS_ROOM_FOR_MARK: () = assert!(align_of::<Self>() > super::lean::ABORT);

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
            return goes_on();
        }
    }
    #[cfg(lean)]
    if H::JOINABLE && super::lean::is_marked_address(body) {
        let mut op = Op::Cancel(Some(Failure::Aborted));
        // SAFETY: the caller's promise, for the body without the mark.
        return unsafe { run_op::<F, H>(slot, super::lean::unmark_address(body), &mut op) };
    }
    // SAFETY: the slot has been claimed (S4). Dropping a waker of ours does nothing.
    let waker = ManuallyDrop::new(unsafe { waker::waker(slot) });
    let mut cx = Context::from_waker(&waker);
    // SAFETY: B1: a future is there and nobody else uses it; B2: it is pinned.
    let future = unsafe { Pin::new_unchecked(&mut *body.cast::<F>()) };
    let output = match catch(|| future.poll(&mut cx)) {
        Ok(Poll::Pending) => return goes_on(),
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(panic),
    };
    // SAFETY: the future is still there and no longer borrowed.
    let joiner = unsafe { settle::<F, H>(slot, body, output) };
    ended::<H>(slot, body, joiner)
}

/// Everything but polls. A function of its own, so that those need not save its registers.
#[inline(never)]
unsafe fn run_op<F: Future, H: Home>(slot: SlotRef, body: *mut (), op: &mut Op<'_>) -> Ended {
    match op {
        Op::Cancel(error) => {
            let error = error.take().unwrap_or(Failure::Aborted);
            // SAFETY: B1: a future is there.
            let joiner = unsafe { settle::<F, H>(slot, body, Err(error)) };
            ended::<H>(slot, body, joiner)
        }
        #[cfg(lean)]
        Op::Release(core) if H::JOINABLE => {
            // SAFETY: B3 is the caller's promise.
            unsafe { H::release::<F>(*core, body) };
            goes_on()
        }
        #[cfg(not(lean))]
        Op::Describe(description) => {
            // SAFETY: written, and not released while the slot or the handle has it.
            let label = unsafe { Body::read_label(body.cast::<BodyIn<F, H>>()) };
            **description = Description {
                name: H::name(label),
                type_name: type_name::<F>(),
                size: size_of::<BodyIn<F, H>>(),
            };
            goes_on()
        }
        // Whoever has no handle does not have the body to release.
        #[cfg(lean)]
        Op::Release(_) => goes_on(),
    }
}

#[inline(always)]
fn goes_on() -> Ended {
    #[cfg(not(lean))]
    return Ended::not();
}

#[cfg(not(lean))]
#[inline]
fn ended<H: Home>(_: SlotRef, _: *mut (), joiner: Option<Waker>) -> Ended {
    Ended::with(joiner)
}

#[cfg(lean)]
#[inline(always)]
fn ended<H: Home>(slot: SlotRef, body: *mut (), joiner: Option<Waker>) -> Ended {
    // SAFETY: settled, and not yet retired.
    unsafe { super::run::finish::<H>(slot, body, joiner) };
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
            // Else `finish` does it.
            if H::JOINABLE || cfg!(not(lean)) {
                // SAFETY: this block's core is the executor that runs this very code. B3: no
                // handle, hence the release is ours.
                unsafe {
                    let core = crate::executor::core::of(self.slot);
                    H::release::<F>(Some(&*core), self.body);
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
            super::wake_quietly(joiner);
        }
    }
}

/// Runs foreign code; with `std` a panic becomes an error, without it passes through.
#[inline]
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Failure> {
    #[cfg(feature = "std")]
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).map_err(Failure::panicked);
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
#[allow(
    dropping_copy_types,
    reason = "on bare metal nothing is ever thrown, which is a type that can be copied"
)]
fn discard(thrown: Thrown) {
    if let Err(another) = catch_anyway(|| drop(thrown)) {
        let _ = ManuallyDrop::new(another);
    }
}
