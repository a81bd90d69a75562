//! Tasks from other threads.
//!
//! Slots belong to the executor's thread, so a task that another thread spawns travels as a
//! closure and is spawned by the run loop. If all slots are taken it waits here for a free one;
//! how many may wait is limited.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::future::Future;

use super::error::{SpawnError, SpawnErrorKind, TrySpawnError};
use super::handle::Handle;
use super::outcome::{self, Ending, Outcome, RemoteHandle, RemoteTask};
use super::shared::{BACKLOG, INBOX, Job, Shared, SharedRef};
use super::spawner::Spawner;
use crate::task::join::JoinError;
use crate::task::unwind::{drop_quietly, run_quietly};
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
        let task = Arc::new(Task {
            outcome: Outcome::default(),
            home: *self,
        });
        let origin = Origin::here::<F>();
        let queued = shared.with_inbox(epoch, |inbox| {
            let capacity = inbox.capacity;
            if inbox.jobs.len() >= capacity {
                return Err(SpawnErrorKind::InboxFull { capacity });
            }
            if let Some(value) = value.take() {
                let sent = Sent(task.clone());
                inbox.jobs.push_back(Box::new(move |executor: SharedRef| {
                    origin.of(|| sent.begin(&Spawner::new(executor), move || make(value)));
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
        Ok(RemoteHandle::of(task))
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

/// The task, for which its executor and its handle need nothing but the outcome and each other.
struct Task<T> {
    outcome: Outcome<T>,
    home: Handle,
}

impl<T: Send> Ending for Task<T> {
    fn abort(&self) {
        self.outcome.abort();
    }

    fn is_finished(&self) -> bool {
        self.outcome.is_finished()
    }
}

impl<T: Send + 'static> RemoteTask<T> for Task<T> {
    fn outcome(&self) -> &Outcome<T> {
        &self.outcome
    }

    fn executor_here(&self) -> Option<Handle> {
        self.home.if_here()
    }

    fn into_ending(self: Arc<Self>) -> Arc<dyn Ending> {
        self
    }
}

/// The executor's side. Dropped without an outcome, it says that the task was aborted.
struct Sent<T>(Arc<Task<T>>);

impl<T: Send + 'static> Sent<T> {
    fn begin<F>(self, spawner: &Spawner, make: impl FnOnce() -> F + 'static)
    where
        F: Future<Output = T> + 'static,
    {
        if self.0.outcome.is_aborted() {
            return;
        }
        let task = self.0.clone();
        let spawned = spawner.spawn(async move {
            let outcome = outcome::run(make).await;
            self.0.outcome.complete(outcome);
        });
        // If there was no memory for it, the future has been dropped with the error, and the
        // handle knows that it was aborted.
        if let Ok(handle) = spawned {
            task.outcome.begin(handle.abort_handle());
            handle.detach();
        }
    }
}

impl<T> Drop for Sent<T> {
    fn drop(&mut self) {
        self.0.outcome.complete(Err(JoinError::Aborted));
    }
}
