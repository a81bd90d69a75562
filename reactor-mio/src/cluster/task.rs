//! A task of a cluster: one allocation that is its place in a queue, its outcome and what its handle waits
//! on.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use polliwog_core::__private::Origin;
use polliwog_core::task::{Panic, wake_quietly};
use polliwog_core::{AbortHandle, JoinError, SpawnErrorKind};

use super::shared::Load;

/// A task in a queue.
pub(super) type Queued = Arc<dyn Work>;

/// What queues and workers do with a task whose type they do not know.
pub(super) trait Work: Send + Sync {
    /// Makes the future on this thread's executor, as a task of which `load` is told. An error leaves the
    /// task as it was.
    fn start(self: Arc<Self>, load: Load) -> Result<(), SpawnErrorKind>;
    /// Ends the task if it has not started.
    fn cancel(&self);
}

/// What a handle does with a task of whose outcome alone it knows the type.
trait Join<T>: Send + Sync {
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>>;
    fn abort(&self);
    fn is_finished(&self) -> bool;
}

struct Task<M, T>(Mutex<State<M, T>>);

struct State<M, T> {
    /// Who has spawned it, for whoever looks at a list of tasks.
    origin: Origin,
    /// There until the task starts or ends.
    make: Option<M>,
    outcome: Option<Result<T, JoinError>>,
    done: bool,
    aborted: bool,
    joiner: Option<Waker>,
    /// There from when the task has a place in an executor.
    abort: Option<AbortHandle>,
}

/// A task to queue, and its handle.
#[track_caller]
pub(super) fn task<M, F>(make: M) -> (Queued, RemoteHandle<F::Output>)
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let task = Arc::new(Task(Mutex::new(State {
        origin: Origin::here::<F>(),
        make: Some(make),
        outcome: None,
        done: false,
        aborted: false,
        joiner: None,
        abort: None,
    })));
    (task.clone(), RemoteHandle(task))
}

impl<M, T> Task<M, T> {
    fn lock(&self) -> MutexGuard<'_, State<M, T>> {
        // Nothing of the program's runs with the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the outcome, if there is none yet, and wakes whoever waits.
    fn complete(&self, outcome: Result<T, JoinError>) {
        let mut state = self.lock();
        if state.done {
            drop(state);
            drop(outcome);
            return;
        }
        state.done = true;
        state.outcome = Some(outcome);
        let joiner = state.joiner.take();
        drop(state);
        if let Some(joiner) = joiner {
            wake_quietly(joiner);
        }
    }

    /// What the task was to be made of is dropped before anybody hears of its end.
    fn end_unstarted(&self) -> bool {
        let make = self.lock().make.take();
        let is_unstarted = make.is_some();
        if is_unstarted {
            // A destructor's panic is nobody's here: neither the aborting thread's nor the queue's.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(make)));
            self.complete(Err(JoinError::Aborted));
        }
        is_unstarted
    }
}

/// Says that the task was aborted, unless it has had an outcome: when its future is dropped.
struct Ending<M, T>(Arc<Task<M, T>>);

impl<M, T> Drop for Ending<M, T> {
    fn drop(&mut self) {
        // Without a place the future was refused, and the task goes back to a queue as it was.
        let had_a_place = self.0.lock().abort.is_some();
        if had_a_place && !self.0.end_unstarted() {
            self.0.complete(Err(JoinError::Aborted));
        }
    }
}

impl<M, F> Work for Task<M, F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    fn start(self: Arc<Self>, load: Load) -> Result<(), SpawnErrorKind> {
        let origin = match &*self.lock() {
            State { make: None, .. } => return Ok(()), // Aborted in the queue.
            state => state.origin,
        };
        let ending = Ending(Arc::clone(&self));
        let task = async move {
            // The load counts a task until all of it is gone, and no longer than anybody waits for it.
            let (ending, load) = (ending, load);
            let make = ending.0.lock().make.take();
            if let Some(make) = make {
                let outcome = run(make).await;
                drop(load);
                ending.0.complete(outcome);
            }
        };
        match origin.of(|| polliwog_core::try_spawn(task)) {
            Ok(handle) => {
                let abort = handle.abort_handle();
                handle.detach();
                let mut state = self.lock();
                state.abort = Some(abort);
                let aborted = state.aborted;
                drop(state);
                if aborted {
                    abort.abort();
                }
                Ok(())
            }
            // The future has taken nothing out of the task yet.
            Err(refused) => Err(refused.kind()),
        }
    }

    fn cancel(&self) {
        self.end_unstarted();
    }
}

/// Makes the future and runs it; a panic of either is the outcome.
pub(super) async fn run<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, JoinError> {
    let mut future = match catch(make) {
        Ok(future) => pin!(future),
        Err(panic) => return Err(panic),
    };
    let poll = |cx: &mut Context<'_>| match catch(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    };
    std::future::poll_fn(poll).await
}

fn catch<T>(f: impl FnOnce() -> T) -> Result<T, JoinError> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| JoinError::Panicked(Panic::new(payload)))
}

impl<M: Send, T: Send> Join<T> for Task<M, T> {
    fn poll_join(&self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        // Wakers are cloned and dropped outside of the lock: they can be foreign code.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if !state.done {
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

    fn abort(&self) {
        if self.end_unstarted() {
            return;
        }
        let mut state = self.lock();
        state.aborted = true;
        let abort = state.abort;
        drop(state);
        if let Some(abort) = abort {
            abort.abort();
        }
    }

    fn is_finished(&self) -> bool {
        self.lock().done
    }
}

/// Waits for a task of a [`Cluster`](super::Cluster), on any thread or executor.
///
/// Awaiting it gives the task's output, or a [`JoinError`] if it was aborted, panicked, or was lost with
/// its worker. Dropping it detaches the task, and so does [`detach`](Self::detach).
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// use polliwog::{Cluster, cluster::RemoteHandle};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cluster = Cluster::builder().workers(1).build()?;
/// let task: RemoteHandle<u32> = cluster.handle().spawn(async { 7 })?;
/// assert_eq!(task.wait()?, 7);
/// # Ok(()) }
/// ```
///
/// # Cancel safety
///
/// Giving up the wait loses nothing; it may be polled again later.
///
/// # Panics
///
/// Polling it again after it has given its result panics.
#[must_use = "dropping a handle detaches the task; call `detach` to say so"]
pub struct RemoteHandle<T>(Arc<dyn Join<T>>);

impl<T> RemoteHandle<T> {
    /// Ends the task. If it has not started, it is dropped at once, on this thread, and never starts; if it
    /// has, its future is dropped by its worker as soon as that comes to it. After it has ended this does
    /// nothing.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// let task = cluster.handle().spawn(std::future::pending::<()>())?;
    /// task.abort();
    /// assert!(task.wait().unwrap_err().is_cancelled());
    /// # Ok(()) }
    /// ```
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Returns whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Lets the task go on without a handle.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// cluster.handle().spawn(async { println!("quak") })?.detach();
    /// # Ok(()) }
    /// ```
    pub fn detach(self) {}

    /// Blocks this thread until the task has ended. Not for tasks: they `await` the handle, as this would
    /// stop all other tasks of their worker.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// assert_eq!(cluster.handle().spawn(async { 7 })?.wait()?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As awaiting the handle.
    pub fn wait(self) -> Result<T, JoinError> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut handle = self;
        loop {
            let poll = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(outcome) = poll {
                return outcome;
            }
            thread::park();
        }
    }
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_join(cx)
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle")
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
