//! Tasks from other threads.
//!
//! Slots belong to the executor's thread, so a task that another thread spawns travels as a
//! closure and is spawned by the run loop. If all slots are taken it waits here for a free one;
//! how many may wait is limited.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use super::deadlock;
use super::error::{SpawnError, SpawnErrorKind, TrySpawnError};
use super::handle::Handle;
use super::shared::{BACKLOG, INBOX, Job, Shared, SharedRef};
use super::spawner::Spawner;
use crate::task::abort::AbortHandle;
use crate::task::join::JoinError;
use crate::task::unwind::{catch, drop_quietly, run_quietly, wake_quietly};
use crate::trace::Origin;

/// Futures above this size travel in a box of their own, so that they are moved but once on either
/// side.
const LARGE: usize = 1 << 10;

/// Most tasks that are taken over in one turn: who sends them without a pause must not keep the executor from
/// its tasks, timers and sockets.
const BATCH: usize = 64;

/// Spawns what the inbox holds, as far as there are free slots and not too much for one turn. Executor's
/// thread. If something has to stay, BACKLOG says so.
#[cold]
pub(crate) fn drain(shared: &'static Shared) {
    shared.clear_signal(INBOX | BACKLOG);
    let executor = shared.as_current();
    // They need no slot. One that comes meanwhile signals again.
    let returned = shared.with_inbox(executor.epoch(), |inbox| {
        core::mem::take(&mut inbox.returned)
    });
    returned.into_iter().flatten().for_each(drop_quietly);
    for taken in 0.. {
        let room = taken < BATCH && shared.has_free_slot();
        let next = shared.with_inbox(executor.epoch(), |inbox| {
            if room {
                inbox.jobs.pop_front().ok_or(false)
            } else {
                Err(!inbox.jobs.is_empty())
            }
        });
        match next {
            // It may drop the future instead of spawning it.
            Some(Ok(job)) => run_quietly(|| job(executor)),
            Some(Err(true)) => return shared.set_signal(BACKLOG),
            Some(Err(false)) | None => return,
        }
    }
}

/// A future that another thread can start: every future that is `Send`.
///
/// Implemented for all of them; it is a name for that condition, under which the compiler can say
/// what to do about a future that does not fulfil it:
///
/// ```compile_fail,E0277
/// # fn of(handle: polliwog_core::Handle) {
/// let name = std::rc::Rc::new("polliwog");
/// // Not `Send`, because of `name`.
/// let greet = async move { println!("hello {name}") };
/// let _ = handle.spawn(greet);
/// # }
/// ```
///
/// A closure can be sent and makes the future where it is to stay:
///
/// ```
/// # use polliwog_core as polliwog;
/// # fn of(handle: polliwog_core::Handle) {
/// let greet = || async {
///     let name = std::rc::Rc::new("polliwog");
///     polliwog::yield_now().await;
///     println!("hello {name}");
/// };
/// let _ = handle.spawn_with(greet);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be spawned from another thread, since it is not a `Send` future",
    label = "not a future that is `Send`",
    note = "to make the future on the executor's own thread, where it need not be `Send`, pass a closure: `handle.spawn_with(|| future)`",
    note = "on the executor's own thread, `spawn` and `Spawner::spawn` take any future"
)]
pub trait RemoteFuture: Future + Send {}

#[diagnostic::do_not_recommend]
impl<F: Future + Send> RemoteFuture for F {}

impl Handle {
    /// Spawns a future on the executor, from any thread.
    ///
    /// The executor takes the task over in its next turn; if all its slots are in use then, the task
    /// waits for a free one. A future that is not `Send` can be made on the executor's thread:
    /// see [`spawn_with`](Self::spawn_with).
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     let handle = Handle::current().unwrap();
    ///     let thread = std::thread::spawn(move || handle.spawn(async { 6 * 7 }));
    ///     assert_eq!(thread.join().unwrap().unwrap().await.unwrap(), 42);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpawnErrorKind::Closed`] if the executor is gone, [`SpawnErrorKind::InboxFull`] if as
    /// many tasks wait as the executor can have. The future is dropped then;
    /// [`try_spawn`](Self::try_spawn) gives it back.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn<F>(&self, future: F) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `handle.spawn_with(|| future)`.
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE } {
            return Ok(self.submit(Box::new(future), Box::into_pin)?);
        }
        Ok(self.submit(future, |future| future)?)
    }

    /// Spawns a future on the executor, from any thread, or gives it back.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), with the future.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn try_spawn<F>(&self, future: F) -> Result<RemoteHandle<F::Output>, TrySpawnError<F>>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `handle.spawn_with(|| future)`.
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE } {
            return match self.submit(Box::new(future), Box::into_pin) {
                Ok(handle) => Ok(handle),
                Err(refused) => Err(refused.map(|future| *future)),
            };
        }
        self.submit(future, |future| future)
    }

    /// Makes a future on the executor's thread and spawns it there. The closure has to be
    /// `Send`, the future need not be.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    /// use std::rc::Rc;
    ///
    /// polliwog::block_on(async {
    ///     let handle = Handle::current().unwrap();
    ///     let thread = std::thread::spawn(move || {
    ///         handle.spawn_with(|| {
    ///             let local = Rc::new(7); // never leaves the executor's thread
    ///             async move { *local }
    ///         })
    ///     });
    ///     assert_eq!(thread.join().unwrap().unwrap().await.unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn). The closure is dropped then;
    /// [`try_spawn_with`](Self::try_spawn_with) gives it back.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn_with<M, F>(&self, make: M) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Ok(self.try_spawn_with(make)?)
    }

    /// Makes a future on the executor's thread and spawns it there, or gives the closure back.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), with the closure.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn try_spawn_with<M, F>(&self, make: M) -> Result<RemoteHandle<F::Output>, TrySpawnError<M>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE } {
            return self.submit(make, |make| Box::pin(make()));
        }
        self.submit(make, |make| make())
    }

    #[cfg_attr(feature = "trace", track_caller)]
    fn submit<V, F>(
        &self,
        value: V,
        make: impl FnOnce(V) -> F + Send + 'static,
    ) -> Result<RemoteHandle<F::Output>, TrySpawnError<V>>
    where
        V: Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let (shared, epoch) = self.parts();
        let mut value = Some(value);
        let outcome = Arc::new(Outcome::new());
        let home = *self;
        let origin = Origin::here::<F>();
        let queued = shared.with_inbox(epoch, |inbox| {
            let capacity = inbox.capacity;
            if inbox.jobs.len() >= capacity {
                return Err(SpawnErrorKind::InboxFull { capacity });
            }
            if let Some(value) = value.take() {
                let task = Task {
                    outcome: outcome.clone(),
                };
                inbox.jobs.push_back(Box::new(move |executor: SharedRef| {
                    origin.of(|| task.begin(&Spawner::new(executor), move || make(value)));
                }));
            }
            Ok(())
        });
        let refusal = match queued {
            Some(Ok(())) => None,
            Some(Err(kind)) => Some(kind),
            None => Some(SpawnErrorKind::Closed),
        };
        if let (Some(kind), Some(value)) = (refusal, value) {
            return Err(TrySpawnError::new(kind, value));
        }
        shared.signal(epoch, INBOX);
        Ok(RemoteHandle { outcome, home })
    }
}

impl Handle {
    /// Whether there is room in the inbox.
    pub(super) fn has_room(&self) -> Result<(), SpawnErrorKind> {
        let (shared, epoch) = self.parts();
        shared
            .with_inbox(epoch, |inbox| match inbox.capacity {
                capacity if inbox.jobs.len() >= capacity => {
                    Err(SpawnErrorKind::InboxFull { capacity })
                }
                _ => Ok(()),
            })
            .unwrap_or(Err(SpawnErrorKind::Closed))
    }

    /// Leaves a job in the inbox, whether there is room or not; drops it if the executor is gone.
    pub(super) fn submit_job(&self, job: impl FnOnce(SharedRef) + Send + 'static) {
        let (shared, epoch) = self.parts();
        let mut job: Option<Job> = Some(Box::new(job));
        shared.with_inbox(epoch, |inbox| inbox.jobs.extend(job.take()));
        // Not under the lock: it is foreign code's destructor.
        drop(job);
        shared.signal(epoch, INBOX);
    }
}

impl Handle {
    /// Drops a value on the executor's thread, in its next turn or with the executor; here if the executor
    /// is gone.
    pub(crate) fn send_home<T: Send + 'static>(&self, value: T) {
        let (shared, epoch) = self.parts();
        let mut value: Option<Box<dyn Any + Send>> = Some(Box::new(value));
        shared.with_inbox(epoch, |inbox| inbox.returned.extend(value.take()));
        // Not under the lock: it is foreign code's destructor.
        drop(value);
        shared.signal(epoch, INBOX);
    }
}

/// What a remote task and its handle share.
struct Outcome<T>(Mutex<State<T>>);

struct State<T> {
    outcome: Option<Result<T, JoinError>>,
    done: bool,
    joiner: Option<Waker>,
    /// There once the task has a slot.
    abort: Option<AbortHandle>,
    /// Aborted before it had one.
    aborted: bool,
}

impl<T> Outcome<T> {
    /// Asks for the task's end.
    fn abort(&self) {
        let mut state = self.lock();
        state.aborted = true;
        let abort = state.abort;
        drop(state);
        if let Some(abort) = abort {
            abort.abort();
        }
    }

    fn new() -> Self {
        Self(Mutex::new(State {
            outcome: None,
            done: false,
            joiner: None,
            abort: None,
            aborted: false,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Sets the outcome, if there is none yet, and wakes whoever waits.
    fn complete(&self, outcome: Result<T, JoinError>) {
        let mut state = self.lock();
        if state.done {
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
}

/// The task's side. Dropped without an outcome, it says that the task was aborted.
struct Task<T: Send + 'static> {
    outcome: Arc<Outcome<T>>,
}

impl<T: Send + 'static> Task<T> {
    fn begin<F>(self, spawner: &Spawner, make: impl FnOnce() -> F + 'static)
    where
        F: Future<Output = T> + 'static,
    {
        if self.outcome.lock().aborted {
            return;
        }
        let outcome = self.outcome.clone();
        let spawned = spawner.spawn(async move {
            let mut future = match catch(make) {
                Ok(future) => pin!(future),
                Err(panic) => return self.outcome.complete(Err(panic.into())),
            };
            let outcome = core::future::poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
                Ok(poll) => poll.map(Ok),
                Err(panic) => Poll::Ready(Err(panic.into())),
            });
            self.outcome.complete(outcome.await);
        });
        // If there was no memory for it, the future has been dropped with the error, and the
        // handle knows that it was aborted.
        if let Ok(handle) = spawned {
            let abort = handle.abort_handle();
            handle.detach();
            let mut state = outcome.lock();
            state.abort = Some(abort);
            if state.aborted {
                drop(state);
                abort.abort();
            }
        }
    }
}

impl<T: Send + 'static> Drop for Task<T> {
    fn drop(&mut self) {
        self.outcome.complete(Err(JoinError::Aborted));
    }
}

/// Waits, on any thread or executor, for a task that was spawned through a [`Handle`].
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
pub struct RemoteHandle<T> {
    outcome: Arc<Outcome<T>>,
    /// Where the task runs.
    home: Handle,
}

impl<T> RemoteHandle<T> {
    /// Asks for the task's end: see [`AbortHandle::abort`]. A task that still waits for a free
    /// slot never starts.
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
        self.outcome.abort();
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
    pub fn abort_handle(&self) -> RemoteAbortHandle
    where
        T: Send + 'static,
    {
        RemoteAbortHandle(self.outcome.clone())
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
        self.outcome.lock().done
    }
}

/// Aborts a task that another thread may have spawned, wherever it is on its way: see
/// [`RemoteHandle::abort_handle`]. It keeps the task's output in memory, if nobody has taken it.
#[derive(Clone)]
pub struct RemoteAbortHandle(Arc<dyn Ending + Send + Sync>);

/// What there is of an [`Outcome`] whatever the output.
trait Ending {
    fn abort(&self);
    fn is_finished(&self) -> bool;
}

impl<T> Ending for Outcome<T> {
    fn abort(&self) {
        Outcome::abort(self);
    }

    fn is_finished(&self) -> bool {
        self.lock().done
    }
}

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
        // Wakers are cloned and dropped outside of the lock: they can be foreign code.
        let waker = cx.waker().clone();
        let (home, epoch) = self.home.parts();
        let never = !self.is_finished()
            && home.epoch() == epoch
            && deadlock::is_certain_from_anywhere(home, &waker);
        let mut state = self.outcome.lock();
        if !state.done {
            if never {
                return Poll::Ready(Err(JoinError::NotRunning));
            }
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

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle")
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
