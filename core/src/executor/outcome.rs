//! What becomes of a task that somebody on another thread waits for: [`Outcome`], and the handle that waits.
//!
//! A task that comes from elsewhere is a value that its executor and its handle share. It has an [`Outcome`]; how
//! it comes to its executor is its own business, that of a [`RemoteTask`].

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use super::deadlock;
use super::handle::Handle;
use super::thread_waker::thread_waker;
use crate::task::abort::AbortHandle;
use crate::task::failure::Failure;
use crate::task::join::JoinError;
use crate::task::unwind::{catch, drop_quietly, wake_quietly};
use crate::task::waker;
use crate::trace::waits;

/// What a task and its handle share: whether it has ended and how, who waits for that, and how to abort it.
pub struct Outcome<T>(Mutex<State<T>>);

struct State<T> {
    outcome: Option<Result<T, JoinError>>,
    done: bool,
    joiner: Option<Waker>,
    /// There once the task has a slot.
    abort: Option<AbortHandle>,
    /// Aborted before it had one.
    aborted: bool,
}

impl<T> Default for Outcome<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            outcome: None,
            done: false,
            joiner: None,
            abort: None,
            aborted: false,
        }))
    }
}

impl<T> Outcome<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing of the program's runs with the lock.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Asks for the task's end, now or when it has a slot.
    pub fn abort(&self) {
        let mut state = self.lock();
        state.aborted = true;
        let abort = state.abort;
        drop(state);
        if let Some(abort) = abort {
            abort.abort();
        }
    }

    /// Whether that has been asked for.
    pub fn is_aborted(&self) -> bool {
        self.lock().aborted
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.lock().done
    }

    /// Whether the task has had a slot.
    pub fn has_begun(&self) -> bool {
        self.lock().abort.is_some()
    }

    /// Notes how to abort the task, which has a slot now, and does it if that was asked for before.
    pub fn begin(&self, abort: AbortHandle) {
        let mut state = self.lock();
        state.abort = Some(abort);
        let aborted = state.aborted;
        drop(state);
        if aborted {
            abort.abort();
        }
    }

    /// Sets the outcome, if there is none yet, and wakes whoever waits.
    pub fn complete(&self, outcome: Result<T, JoinError>) {
        let mut state = self.lock();
        if state.done {
            drop(state);
            return drop_quietly(outcome);
        }
        state.done = true;
        state.outcome = Some(outcome);
        let joiner = state.joiner.take();
        drop(state);
        if let Some(joiner) = joiner {
            wake_quietly(joiner);
        }
    }

    /// Whether the task has ended, and how; else `waker`, if there is one, waits for that.
    fn poll(&self, waker: Option<Waker>) -> Poll<Result<T, JoinError>> {
        let mut state = self.lock();
        if !state.done {
            let Some(waker) = waker else {
                return Poll::Pending;
            };
            let former = state.joiner.replace(waker);
            drop(state);
            drop(former);
            return Poll::Pending;
        }
        let outcome = state.outcome.take();
        drop(state);
        match outcome {
            Some(outcome) => Poll::Ready(outcome),
            None => panic!("a RemoteHandle was polled after it had given its result"),
        }
    }
}

/// Makes a future, runs it and drops it; a panic of any of these is the outcome. In that order, since an output that is
/// about to be returned is lost if a destructor panics meanwhile.
pub async fn run<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, JoinError> {
    let mut future = match catch(make) {
        Ok(future) => pin!(Some(future)),
        Err(panic) => return Err(told(panic).await),
    };
    let poll = |cx: &mut Context<'_>| {
        let Some(running) = future.as_mut().as_pin_mut() else {
            return Poll::Pending; // It is there until its end.
        };
        match catch(|| running.poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => {
                tell(&panic, cx);
                Poll::Ready(Err(panic.into()))
            }
        }
    };
    let outcome = core::future::poll_fn(poll).await;
    match (outcome, catch(|| future.set(None))) {
        (outcome, Ok(())) => outcome,
        (Ok(output), Err(panic)) => {
            drop_quietly(output);
            Err(told(panic).await)
        }
        // The first panic is the one that tells.
        (Err(error), Err(panic)) => {
            drop_quietly(panic);
            Err(error)
        }
    }
}

/// Tells who watches this thread's panics of the one that the task has ended by which is polled.
#[cold]
fn tell(panic: &Failure, cx: &Context<'_>) {
    if let Some(slot) = waker::slot(cx.waker()) {
        panic.tell(slot);
    }
}

async fn told(panic: Failure) -> JoinError {
    core::future::poll_fn(|cx| {
        tell(&panic, cx);
        Poll::Ready(())
    })
    .await;
    panic.into()
}

/// Drops what is the program's where a panic of its destructor would be nobody's.
pub fn discard<T>(value: T) {
    drop_quietly(value);
}

/// A task as its abort handles know it, whatever its output.
pub trait Ending: Send + Sync {
    /// Asks for the task's end.
    fn abort(&self);
    /// Whether the task has ended.
    fn is_finished(&self) -> bool;
}

/// A task as its handle knows it, of whose output alone it knows the type.
pub trait RemoteTask<T>: Ending {
    /// What the task and its handle share.
    fn outcome(&self) -> &Outcome<T>;
    /// The executor of this thread, if the task can run nowhere else.
    fn executor_here(&self) -> Option<Handle>;
    /// Whether this thread must not block until the task ends, since it would have to run it then.
    fn needs_this_thread(&self) -> bool {
        self.executor_here().is_some()
    }
    /// Itself, as abort handles have it.
    fn into_ending(self: Arc<Self>) -> Arc<dyn Ending>;
}

impl Handle {
    /// This executor, if it is one of this thread.
    #[doc(hidden)]
    pub fn if_here(self) -> Option<Handle> {
        let (shared, epoch) = self.parts();
        let is_here = shared.epoch() == epoch && shared.deadlocks.is_of_this_thread();
        is_here.then_some(self)
    }
}

/// Waits, on any thread or executor, for a task that was spawned through a [`Handle`], or on a cluster.
///
/// On the thread of the task's executor, an executor that has nothing else to do but to wait for the task gets
/// [`JoinError::NotRunning`]: it would keep the task's executor from running. The handle may be awaited again.
///
/// Dropping it detaches the task.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::{Handle, RemoteHandle};
///
/// polliwog::block_on(async {
///     let task: RemoteHandle<u32> = Handle::current().unwrap().spawn(async { 7 }).unwrap();
///     assert_eq!(task.await.unwrap(), 7);
/// });
/// ```
///
/// # Cancel safety
///
/// Giving up the wait loses nothing; it may be polled again later.
///
/// # Panics
///
/// Polling it again after it has given its result panics.
#[must_use = "dropping a handle detaches the task; write `drop(handle)` to say so"]
pub struct RemoteHandle<T>(Arc<dyn RemoteTask<T>>);

impl<T> RemoteHandle<T> {
    /// A handle of a task.
    #[doc(hidden)]
    pub fn of(task: Arc<dyn RemoteTask<T>>) -> Self {
        Self(task)
    }

    /// Asks for the task's end: see [`AbortHandle::abort`]. A task that still waits for a free
    /// slot never starts; one that waits in a cluster's queue is dropped at once, on this thread.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     let handle = Handle::current().unwrap();
    ///     let task = handle.spawn(std::future::pending::<()>()).unwrap();
    ///     task.abort();
    ///     assert!(task.await.is_err());
    /// });
    /// ```
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Returns a handle that aborts the task and knows whether it has ended, and nothing else.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     let task = Handle::current().unwrap().spawn(std::future::pending::<()>()).unwrap();
    ///     let abort = task.abort_handle();
    ///     std::thread::spawn(move || abort.abort());
    ///     assert!(task.await.unwrap_err().is_aborted());
    /// });
    /// ```
    pub fn abort_handle(&self) -> RemoteAbortHandle {
        RemoteAbortHandle(self.0.clone().into_ending())
    }

    /// Lets the task run on, and its output go: what dropping the handle does, by a name.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    /// use std::sync::mpsc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, receiver) = mpsc::channel();
    ///     let task = Handle::current().unwrap().spawn(async move { sender.send(7) }).unwrap();
    ///     task.detach();
    ///     polliwog::yield_now().await;
    ///     assert_eq!(receiver.recv(), Ok(7));
    /// });
    /// ```
    pub fn detach(self) {}

    /// Whether the task has ended.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     let task = Handle::current().unwrap().spawn(async {}).unwrap();
    ///     assert!(!task.is_finished()); // it has not begun
    /// });
    /// ```
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Blocks this thread until the task has ended. Not for tasks: they `await` the handle, as this would
    /// stop all other tasks of their thread.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     let handle = Handle::current().unwrap();
    ///     let thread = std::thread::spawn(move || handle.spawn(async { 7 }).unwrap().wait());
    ///     while !thread.is_finished() {
    ///         polliwog::yield_now().await;
    ///     }
    ///     assert_eq!(thread.join().unwrap().unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As awaiting the handle. [`JoinError::NotRunning`] if the task has not ended and this thread is the one that
    /// would have to run it, or any worker of the cluster that it was spawned on; the task goes on by itself then, and
    /// whoever wants to keep the handle awaits it.
    pub fn wait(self) -> Result<T, JoinError> {
        // What has ended takes no waker.
        if let Poll::Ready(outcome) = self.0.outcome().poll(None) {
            return outcome;
        }
        let waker = thread_waker();
        loop {
            if let Poll::Ready(outcome) = self.0.outcome().poll(Some(waker.clone())) {
                return outcome;
            }
            // Asked again after each wake: it may have begun here meanwhile.
            if self.0.needs_this_thread() {
                return Err(JoinError::NotRunning);
            }
            std::thread::park();
        }
    }
}

/// Aborts a task that another thread may have spawned, wherever it is on its way: see
/// [`RemoteHandle::abort_handle`]. It keeps the task's output in memory, if nobody has taken it.
#[derive(Clone)]
pub struct RemoteAbortHandle(Arc<dyn Ending>);

impl RemoteAbortHandle {
    /// Asks for the task's end: see [`RemoteHandle::abort`].
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Returns whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl fmt::Debug for RemoteAbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteAbortHandle")
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // What has ended takes no waker, and no more than one look.
        if let ready @ Poll::Ready(_) = self.0.outcome().poll(None) {
            return ready;
        }
        // Cloned outside of the lock: it can be foreign code.
        let waker = cx.waker().clone();
        let never = self.0.executor_here().is_some_and(|home| {
            let (home, _) = home.parts();
            deadlock::is_certain_from_anywhere(home, &waker)
        });
        if never && !self.is_finished() {
            return Poll::Ready(Err(JoinError::NotRunning));
        }
        waits::method("RemoteHandle", || self.0.outcome().poll(Some(waker)))
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle")
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
