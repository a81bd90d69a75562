//! Handles to a task: to wait for its output, or to end it.

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::future::Future;
use core::marker::{PhantomData, PhantomPinned};
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll, Waker};

use super::body::{self, Kind, Op};
use super::slot::{Abort, SlotRef, Tenant};
use super::waker;
use crate::executor::core::{Core, CoreRef, of as core_of};

/// Why a task has no output.
#[derive(Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// The task was aborted, or its executor was dropped.
    Aborted,
    /// The task panicked.
    Panicked(Panic),
}

impl JoinError {
    #[cfg(feature = "std")]
    #[cold]
    pub(crate) fn panicked(payload: alloc::boxed::Box<dyn core::any::Any + Send>) -> Self {
        Self::Panicked(Panic::new(payload))
    }

    #[cfg(not(feature = "std"))]
    pub(crate) const PANICKED: Self = Self::Panicked(Panic { _private: () });

    /// Whether the task was aborted.
    pub fn is_aborted(&self) -> bool {
        matches!(self, Self::Aborted)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aborted => f.write_str("the task was aborted"),
            Self::Panicked(panic) => match panic.message() {
                #[cfg(feature = "std")]
                Some(message) => write!(f, "the task panicked: {message}"),
                _ => f.write_str("the task panicked"),
            },
        }
    }
}

impl core::error::Error for JoinError {}

#[cfg(feature = "std")]
impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        std::io::Error::other(error)
    }
}

/// What is known of a task's panic: with feature `std` its payload.
pub struct Panic {
    // The mutex makes it `Sync`, so that errors can be passed on in any way.
    // Boxed, so that every task's output is two words smaller than it were otherwise.
    #[cfg(feature = "std")]
    payload: alloc::boxed::Box<std::sync::Mutex<alloc::boxed::Box<dyn core::any::Any + Send>>>,
    #[cfg(not(feature = "std"))]
    _private: (),
}

impl Panic {
    /// Of what [`catch_unwind`](std::panic::catch_unwind) or a thread's join has caught.
    #[cfg(feature = "std")]
    pub fn new(payload: alloc::boxed::Box<dyn core::any::Any + Send>) -> Self {
        Self {
            payload: alloc::boxed::Box::new(std::sync::Mutex::new(payload)),
        }
    }

    /// The payload, for `std::panic::resume_unwind`.
    #[cfg(feature = "std")]
    pub fn into_payload(self) -> alloc::boxed::Box<dyn core::any::Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The message, if the payload is a string as `panic!` makes it.
    #[cfg(feature = "std")]
    pub fn message(&self) -> Option<alloc::string::String> {
        let payload = self
            .payload
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(text) = payload.downcast_ref::<&'static str>() {
            return Some((*text).into());
        }
        payload.downcast_ref::<alloc::string::String>().cloned()
    }

    #[cfg(not(feature = "std"))]
    fn message(&self) -> Option<core::convert::Infallible> {
        None
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}

/// The identity of a task, unique among all tasks of a process for as long as the generation
/// counter of its slot does not wrap around: 2⁶² tasks in the same slot; 2³⁰ on 32-bit targets,
/// 2¹⁶ in a single-core build, whose slots are smaller.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId(pub(crate) Tenant);

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TaskId({:p}#{})",
            self.0.slot.as_ptr(),
            self.0.generation
        )
    }
}

/// Ends a task from anywhere: any thread, an interrupt handler, the task itself.
///
/// It keeps nothing alive and stays valid for ever; once the task has ended it does nothing. (Kept
/// for as many more tasks in the same slot as [`TaskId`] counts, it could hit another one.)
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AbortHandle(pub(crate) Tenant);

impl AbortHandle {
    /// Asks for the task's end. Its future is dropped on the executor's thread, in the next
    /// turn of the run loop at the latest; whoever joins it gets [`JoinError::Aborted`].
    ///
    /// A task that ends by itself in the poll that is under way keeps its output. Aborting a
    /// task that has ended does nothing, also if its slot has a new tenant.
    pub fn abort(&self) {
        if self.0.slot.request_abort(self.0.generation) == Abort::Requested {
            // SAFETY: the slot has been claimed, else there were no handle.
            unsafe { super::run::notice_abort(self.0.slot) };
        }
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        !self.0.slot.is_tenant(self.0.generation)
    }

    /// Which task this is.
    pub fn id(&self) -> TaskId {
        TaskId(self.0)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortHandle").field(&self.id()).finish()
    }
}

/// Owns the permission to take a task's output.
///
/// Awaiting it gives the output, or a [`JoinError`]. Dropping it detaches the task, which runs
/// on; its output is then dropped on completion.
///
/// Being joinable costs a task nothing: the output takes the future's place, and the joiner's
/// waker lies in this handle, which the task points to once the handle has been polled. That
/// is why the handle is not `Unpin`: `handle.await` just works, to poll it by reference use
/// [`core::pin::pin!`].
///
/// # Cancel safety
///
/// Polling a pinned handle and giving up the wait loses nothing; it may be polled again later.
/// Dropping the handle itself detaches the task.
///
/// # Panics
///
/// Polling it again after it has given its result panics.
#[must_use = "dropping a join handle detaches the task; write `drop(handle)` or call `detach` to say so"]
pub struct JoinHandle<T> {
    node: Node,
    tenant: Tenant,
    /// The claim of the executor that the task belongs to; its core is the slot's.
    epoch: usize,
    _output: PhantomData<T>,
    // The slot may point to `node`.
    _pinned: PhantomPinned,
}

/// What a slot points to instead of the body once the handle has been polled.
struct Node {
    kind: Kind,
    /// Null once the output has been taken.
    body: Cell<*mut ()>,
    waker: UnsafeCell<Option<Waker>>,
}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// The slot was just published with a body that ends as `Result<T, JoinError>` and with
    /// the HANDLE bit, which this handle owns from now on.
    #[inline]
    pub(crate) unsafe fn new(
        executor: CoreRef,
        slot: SlotRef,
        generation: usize,
        kind: Kind,
        body: *mut (),
    ) -> Self {
        Self {
            node: Node {
                kind,
                body: Cell::new(body),
                waker: UnsafeCell::new(None),
            },
            tenant: Tenant { slot, generation },
            epoch: executor.epoch(),
            _output: PhantomData,
            _pinned: PhantomPinned,
        }
    }

    /// Asks for the task's end: see [`AbortHandle::abort`].
    pub fn abort(&self) {
        self.abort_handle().abort();
    }

    /// A handle that can end the task but not take its output; copy it, send it anywhere.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(self.tenant)
    }

    /// Lets the task run on by itself.
    pub fn detach(self) {}

    /// Whether the task has ended, so that awaiting the handle would not wait.
    pub fn is_finished(&self) -> bool {
        !self.is_running()
    }

    /// Which task this is.
    pub fn id(&self) -> TaskId {
        TaskId(self.tenant)
    }

    /// The executor, unless it has been dropped.
    #[inline]
    fn core(&self) -> Option<&'static Core> {
        // SAFETY: the slot has been claimed, S1; cores are permanent, too.
        let core: &'static Core = unsafe { &*core_of(self.tenant.slot) };
        if core.epoch() == self.epoch {
            return Some(core);
        }
        cold();
        None
    }

    /// Whether the slot still holds our task. Not by generation but by the body's address,
    /// which no other task can have while this handle owns the output: exact for ever.
    #[inline]
    fn is_running(&self) -> bool {
        !self.node.body.get().is_null() && self.core().is_some() && self.is_held()
    }

    /// Gives up the output. Out of line: an awaited handle has nothing left to give up.
    #[inline(never)]
    fn let_go(&self) {
        if self.is_running() {
            // Also clears HANDLE: the task's end releases the body.
            let slot = self.tenant.slot;
            slot.detach(self.node.kind.run(), self.node.body.get());
        } else {
            body::drop_quietly(self.take());
        }
    }

    #[inline]
    fn is_held(&self) -> bool {
        let node = (&raw const self.node).cast();
        self.tenant.slot.holds(self.node.body.get(), node)
    }

    /// Makes the running task point to our node, which is pinned from now on.
    #[inline]
    fn link(&self) {
        if !self.tenant.slot.is_joined() {
            let node = (&raw const self.node).cast_mut().cast();
            self.tenant.slot.link(run_joined, node);
        }
    }

    /// Waits for a task that runs. Out of line, so that awaiting a handle is small.
    #[inline(never)]
    fn wait(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        let place = self.node.waker.get();
        // SAFETY: the executor's thread, which is this one, is the only one to use the cell,
        // and `will_wake` runs no foreign code.
        let known = unsafe { (*place).as_ref() }.is_some_and(|old| old.will_wake(waker));
        if !known {
            let (new, is_foreign) = waker::copy(waker);
            // Foreign code may have run the executor: our task may be gone, and its slot
            // another's.
            if is_foreign && !self.is_running() {
                return Poll::Ready(self.take());
            }
            // SAFETY: as above; the old waker is dropped when the cell is no longer in use and
            // the slot knows of us.
            let old = unsafe { ptr::replace(place, Some(new)) };
            self.link();
            drop(old);
        }
        Poll::Pending
    }

    pub(crate) fn slot(&self) -> SlotRef {
        self.tenant.slot
    }

    /// Takes the output of a task that has ended and gives the body back.
    pub(crate) fn take(&self) -> Result<T, JoinError> {
        self.take_for(self.core())
    }

    #[inline]
    fn take_for(&self, core: Option<&'static Core>) -> Result<T, JoinError> {
        let body = self.node.body.replace(ptr::null_mut());
        debug_assert!(!body.is_null());
        // SAFETY: B1: the task has settled with a handle, so the output is there; the null
        // keeps us from coming here again. B3: the release is ours.
        unsafe {
            let output = body::output::<T>(body).read();
            self.node.kind.release(self.tenant.slot, core, body);
            output
        }
    }
}

/// Makes the compiler jump instead of computing both outcomes.
#[cold]
fn cold() {}

/// The [`RunFn`] of a task that has been joined: passes everything on to the task's own.
unsafe fn run_joined(slot: SlotRef, node: *mut (), op: Option<&mut Op<'_>>) -> body::Ended {
    #[cfg(lean)]
    let (node, is_aborting) = {
        use super::lean::{is_marked_address, unmark_address};
        (unmark_address(node), is_marked_address(node))
    };
    // SAFETY: the slot points to a node while its handle is pinned and alive; the handle takes
    // the node away when it is dropped. The copies outlive that, should this very call drop it.
    let (run, body) = unsafe {
        let node = node.cast::<Node>();
        ((*node).kind.run(), (*node).body.get())
    };
    #[cfg(lean)]
    let body = if is_aborting {
        super::lean::mark_address(body)
    } else {
        body
    };
    // SAFETY: what holds for this call holds for that one.
    unsafe { run(slot, body, op) }
}

/// The waker of whoever waits for this joined task.
///
/// # Safety
///
/// Executor's thread, and the slot is joined.
pub(crate) unsafe fn take_joiner(slot: SlotRef) -> Option<Waker> {
    let node = slot.task().1.cast::<Node>();
    // SAFETY: as in `run_joined`; nobody else borrows the cell now.
    unsafe { (*(*node).waker.get()).take() }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.into_ref().get_ref();
        let core = this.core();
        if core.is_none() || !this.is_held() {
            assert!(
                !this.node.body.get().is_null(),
                "a JoinHandle was polled after it had given its result"
            );
            return Poll::Ready(this.take_for(core));
        }
        this.wait(cx.waker())
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.node.body.get().is_null() {
            self.let_go();
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
