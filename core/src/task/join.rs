//! Handles to a task: to wait for its output, or to end it.

use core::cell::Cell;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::{Context, Poll, Waker};

use super::abort::AbortHandle;
use super::body::{self, Kind, Started};
use super::failure::{Failure, Panic};
use super::id::{TaskId, TaskKey};
use super::joiner::{Joiner, State};
use super::owner::Owner;
use super::state::SlotRef;
use super::unwind::drop_quietly;
use super::waker;
use crate::executor::deadlock;
use crate::executor::shared::{Shared, SharedRef, of as shared_of};
use crate::trace::waits;

/// Why a task has no output.
#[derive(Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JoinError {
    /// The task was aborted, or its executor was dropped.
    Aborted,
    /// The task panicked.
    Panicked(Panic),
    /// Neither: the task belongs to another executor of this thread, which cannot run as long as the one
    /// that waits for the task keeps the thread, and that has nothing else to do. The task stays as it is; its
    /// handle may be awaited again when its executor runs.
    NotRunning,
}

impl From<Failure> for JoinError {
    #[inline]
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Aborted => Self::Aborted,
            Failure::Panicked(panic) => Self::Panicked(panic),
        }
    }
}

impl JoinError {
    /// Whether the task was aborted.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
    ///     task.abort();
    ///     assert!(task.await.unwrap_err().is_aborted());
    /// });
    /// ```
    pub fn is_aborted(&self) -> bool {
        matches!(self, Self::Aborted)
    }

    /// As [`is_aborted`](Self::is_aborted), by tokio's name.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
    ///     task.abort();
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.is_aborted()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// What the task panicked with, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If it did not panic.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn into_panic(self) -> alloc::boxed::Box<dyn core::any::Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("not a panic: {error}"),
        }
    }

    /// What the task panicked with.
    ///
    /// # Errors
    ///
    /// The error itself, if it did not panic.
    #[cfg(feature = "std")]
    pub fn try_into_panic(self) -> Result<alloc::boxed::Box<dyn core::any::Any + Send>, Self> {
        match self {
            Self::Panicked(panic) => Ok(panic.into_payload()),
            Self::Aborted | Self::NotRunning => Err(self),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aborted => f.write_str("the task was aborted"),
            Self::NotRunning => f.write_str(
                "the task's executor cannot run while another one of its thread waits for the task",
            ),
            Self::Panicked(panic) => match panic.message() {
                Some(message) => write!(f, "the task panicked: {message}"),
                None => f.write_str("the task panicked"),
            },
        }
    }
}

impl core::error::Error for JoinError {}

#[cfg(threads)]
impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        std::io::Error::other(error)
    }
}

/// Owns the permission to take a task's output.
///
/// Awaiting it gives the output, or a [`JoinError`]. Dropping it detaches the task, which runs
/// on; its output is then dropped on completion.
///
/// The output takes the future's place, and the joiner's waker lies beside it: a task that is spawned
/// detached has no room for one and pays nothing. The handle is `Unpin`, so that it can be polled by
/// reference: `timeout(limit, &mut handle)`, `select`, a set of handles.
///
/// ```
/// # use polliwog_core as polliwog;
/// # use polliwog_core::conformance::ThreadReactor;
/// # use polliwog_core::{Executor, TaskPool};
/// use polliwog::time::{sleep, timeout};
/// use std::time::Duration;
///
/// # static POOL: TaskPool<4, 1024> = TaskPool::new();
/// # let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// # let spawner = executor.spawner();
/// # executor.block_on(async {
/// let mut handle = spawner.spawn(async {
///     sleep(Duration::from_millis(20)).await;
///     7
/// })?;
/// // Not yet: the task runs on, and the handle can be asked again.
/// assert!(timeout(Duration::from_millis(1), &mut handle).await.is_err());
/// assert_eq!(handle.await?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// The task may belong to another executor of this thread, and is joined as soon as that one runs it. An
/// executor that blocks, as one within `block_on` does, runs no other: when it has no timer and no task left that could,
/// but only tasks that wait for this handle and its like, the handle gives [`JoinError::NotRunning`] (with feature `std`;
/// else it waits). That is not the task's end, and the handle may be awaited again.
///
/// # Cancel safety
///
/// Polling a handle by reference and giving up the wait loses nothing; it may be polled again later.
/// Dropping the handle itself detaches the task.
///
/// # Panics
///
/// Polling it again after it has given its result panics.
#[must_use = "dropping a join handle detaches the task; write `drop(handle)` or call `detach` to say so"]
pub struct JoinHandle<T> {
    kind: Kind,
    /// Null once the output has been taken.
    body: Cell<*mut ()>,
    /// In the body.
    joiner: NonNull<Joiner>,
    key: TaskKey,
    /// The claim of the executor that the task belongs to; its permanent part is the slot's owner.
    epoch: usize,
    _output: PhantomData<T>,
}

// The output does not lie in the handle.
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// `body` ends as `Result<T, Failure>`, with the joiner at `joiner`, and this is its only
    /// handle: either the slot was just published with it, or the output lies in it already.
    #[inline]
    pub(crate) unsafe fn new(executor: SharedRef, task: Started) -> Self {
        Self {
            kind: task.kind,
            body: Cell::new(task.body),
            joiner: task.joiner,
            key: TaskKey {
                slot: task.slot,
                generation: task.generation,
            },
            epoch: executor.epoch(),
            _output: PhantomData,
        }
    }

    /// Asks for the task's end: see [`AbortHandle::abort`].
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
    ///     task.abort();
    ///     assert!(task.await.unwrap_err().is_aborted());
    /// });
    /// ```
    pub fn abort(&self) {
        self.abort_handle().abort();
    }

    /// A handle that can end the task but not take its output; copy it, send it anywhere.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
    ///     task.abort_handle().abort();
    ///     assert!(task.await.is_err());
    /// });
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(self.key)
    }

    /// Lets the task run on by itself.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     polliwog::spawn(async { println!("on my own") }).unwrap().detach();
    /// });
    /// ```
    pub fn detach(self) {}

    /// Whether the task has ended, so that awaiting the handle would not wait.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(async {}).unwrap();
    ///     polliwog::yield_now().await;
    ///     assert!(task.is_finished());
    /// });
    /// ```
    pub fn is_finished(&self) -> bool {
        self.body.get().is_null() || self.joiner().is_done()
    }

    /// Returns the identity of the task.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let (one, two) = (polliwog::spawn(async {}).unwrap(), polliwog::spawn(async {}).unwrap());
    ///     assert_ne!(one.id(), two.id());
    /// });
    /// ```
    pub fn id(&self) -> TaskId {
        TaskId(self.key)
    }

    /// The executor, unless it has been dropped.
    #[inline]
    fn shared(&self) -> Option<&'static Shared> {
        // SAFETY: the slot has been claimed, S1; cores are permanent, too.
        let shared: &'static Shared = unsafe { &*shared_of(self.key.slot) };
        if shared.epoch() == self.epoch {
            return Some(shared);
        }
        cold();
        None
    }

    /// The joiner in the body. The body must not have been given back.
    #[inline]
    fn joiner(&self) -> &Joiner {
        debug_assert!(!self.body.get().is_null());
        // SAFETY: B3: this handle keeps the body, unless it has taken the output.
        unsafe { self.joiner.as_ref() }
    }

    /// Gives up the output. Out of line: an awaited handle has nothing left to give up.
    #[inline(never)]
    fn let_go(&self) {
        if self.joiner().is_done() {
            drop_quietly(self.take());
        } else {
            // The task's end releases the body from now on; so the joiner is not touched again.
            drop(self.joiner().set(State::Detached));
        }
    }

    /// Waits for a task that runs. Out of line, so that awaiting a handle is small.
    #[inline(never)]
    fn wait(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        self.wait_anywhere(waker)
    }

    /// [`wait`](Self::wait) for a task of another executor. Nothing in common with that one, in which the
    /// compiler sees whose waker it is.
    #[inline(never)]
    fn wait_abroad(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        if self.never_ends(waker) {
            return Poll::Ready(Err(JoinError::NotRunning));
        }
        self.wait_anywhere(waker)
    }

    #[inline(always)]
    fn wait_anywhere(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        if !self.joiner().will_wake(waker) {
            let (new, is_foreign) = waker::copy(waker);
            // Foreign code may have run the executor.
            if is_foreign && self.joiner().is_done() {
                drop(new);
                return Poll::Ready(self.take());
            }
            // Dropped when the joiner is no longer in use.
            let former = self.joiner().wait(new);
            drop(former);
        }
        waits::end_of(self.key.slot);
        Poll::Pending
    }

    /// Whether a wait for the task, which `waker` is for, is certain not to end: see [`deadlock`].
    #[inline(never)]
    pub(crate) fn never_ends(&self, waker: &Waker) -> bool {
        self.shared()
            .is_some_and(|shared| deadlock::is_certain(shared, waker))
    }

    /// Whether the task is that of another executor than the one that runs here.
    #[inline]
    fn is_abroad(&self) -> bool {
        deadlock::may_be(self.home())
    }

    /// The task's executor, whether or not that has been dropped.
    #[inline]
    pub(crate) fn home(&self) -> *const Owner {
        // SAFETY: as in `shared`.
        unsafe { (*self.key.slot.block()).owner() }
    }

    pub(crate) fn slot(&self) -> SlotRef {
        self.key.slot
    }

    /// Takes the output of a task that has ended and gives the body back.
    #[inline]
    pub(crate) fn take(&self) -> Result<T, JoinError> {
        let shared = self.shared();
        let body = self.body.replace(ptr::null_mut());
        debug_assert!(!body.is_null());
        // SAFETY: B1: the task has settled with a handle, so the output is there; the null
        // keeps us from coming here again. B3: the release is ours.
        unsafe {
            let output = body::output::<T>(body).read();
            self.kind.release(self.key.slot, shared, body);
            output.map_err(JoinError::from)
        }
    }
}

/// Makes the compiler jump instead of computing both outcomes.
#[cold]
fn cold() {}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            !self.body.get().is_null(),
            "a JoinHandle was polled after it had given its result"
        );
        if self.joiner().is_done() {
            // Draws nothing from the budget: there are no more ends than tasks, each of which has had its turn.
            return Poll::Ready(self.take());
        }
        if self.is_abroad() {
            return self.wait_abroad(cx.waker());
        }
        self.wait(cx.waker())
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.body.get().is_null() {
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
