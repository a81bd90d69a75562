//! How tasks come to a cluster.

use polliwog_core::__private::Origin;
use polliwog_core::__reactor::Kind;
use polliwog_core::{RemoteFuture, RemoteHandle, SpawnError, TrySpawnError};

use super::ClusterHandle;
use super::task::{By, Itself, LARGE, Make, Task};

type Handle<M> = RemoteHandle<<<M as Make>::Future as Future>::Output>;

impl ClusterHandle {
    /// Queues a task for any worker, the less loaded of two first.
    #[track_caller]
    fn submit<M: Make>(&self, make: M) -> Result<Handle<M>, TrySpawnError<M>> {
        self.submit_as(None, make, Origin::here::<M::Future>())
    }

    /// Queues a task for a worker.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    fn submit_to<M: Make>(&self, worker: usize, make: M) -> Result<Handle<M>, TrySpawnError<M>> {
        let workers = self.workers();
        assert!(worker < workers, "worker {worker} of {workers}");
        self.submit_as(Some(worker), make, Origin::here::<M::Future>())
    }

    /// Queues a task that was spawned there, for a worker or for any.
    pub(super) fn submit_as<M: Make>(
        &self,
        worker: Option<usize>,
        make: M,
        origin: Origin,
    ) -> Result<Handle<M>, TrySpawnError<M>> {
        let shared = &*self.shared;
        match worker {
            Some(worker) => {
                let task = Task::new(make, shared.id, worker, Kind::Keyed, origin);
                let queued = shared.workers.push(worker, Kind::Keyed, task.clone());
                task.queued(queued)
            }
            None => {
                let task = Task::new(make, shared.id, 0, Kind::Open, origin);
                let queued = shared.workers.push_anywhere(shared.choose(), task.clone());
                task.queued(queued)
            }
        }
    }

    /// Spawns a future on any worker.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// let task = cluster.handle().spawn(async { 7 })?;
    /// assert_eq!(task.wait()?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](polliwog_core::SpawnErrorKind::Closed) once the cluster is shut down,
    /// [`InboxFull`](polliwog_core::SpawnErrorKind::InboxFull) if all queues are full. The future is dropped
    /// then; [`try_spawn`](Self::try_spawn) gives it back.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `cluster.spawn_with(|| future)`.
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE } {
            return Ok(self.submit(Itself(Box::pin(future)))?);
        }
        Ok(self.submit(Itself(future))?)
    }

    /// Spawns a future on any worker, or gives it back.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// cluster.shutdown();
    /// let refused = cluster.try_spawn(async { 7 }).unwrap_err();
    /// println!("{refused}: it runs here instead");
    /// assert_eq!(polliwog::block_on(refused.into_inner()), 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), with the future.
    #[track_caller]
    pub fn try_spawn<F>(&self, future: F) -> Result<RemoteHandle<F::Output>, TrySpawnError<F>>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `cluster.try_spawn_with(|| future)`.
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE } {
            let spawned = self.submit(Boxed(Box::new(future)));
            return spawned.map_err(|refused| refused.map(|boxed| *boxed.0));
        }
        let spawned = self.submit(Itself(future));
        spawned.map_err(|refused| refused.map(|itself| itself.0))
    }

    /// Makes a future on any worker and runs it there. The closure has to be `Send`, the future need not
    /// be.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    /// use std::rc::Rc;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// let task = cluster.handle().spawn_with(|| {
    ///     let local = Rc::new(7); // never leaves its worker
    ///     async move { *local }
    /// })?;
    /// assert_eq!(task.wait()?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn). The closure is dropped then; [`try_spawn_with`](Self::try_spawn_with) gives it back.
    #[track_caller]
    pub fn spawn_with<M, F>(&self, make: M) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Ok(self.try_spawn_with(make)?)
    }

    /// Makes a future on any worker and runs it there, or gives the closure back.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), with the closure.
    #[track_caller]
    pub fn try_spawn_with<M, F>(&self, make: M) -> Result<RemoteHandle<F::Output>, TrySpawnError<M>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.submit(By(make))
            .map_err(|refused| refused.map(|by| by.0))
    }

    /// Spawns a future on one worker.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::{Cluster, cluster::Worker};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// let task = cluster.handle().spawn_on(1, async { Worker::current().map(|w| w.index()) })?;
    /// assert_eq!(task.wait()?, Some(1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](polliwog_core::SpawnErrorKind::Closed) once the cluster is shut down,
    /// [`InboxFull`](polliwog_core::SpawnErrorKind::InboxFull) if the worker's queue is full. The future is
    /// dropped then; [`try_spawn_on`](Self::try_spawn_on) gives it back.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn spawn_on<F>(
        &self,
        worker: usize,
        future: F,
    ) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `cluster.spawn_on_with(worker, || future)`.
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE } {
            return Ok(self.submit_to(worker, Itself(Box::pin(future)))?);
        }
        Ok(self.submit_to(worker, Itself(future))?)
    }

    /// Spawns a future on one worker, or gives it back.
    ///
    /// # Errors
    ///
    /// As [`spawn_on`](Self::spawn_on), with the future.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn try_spawn_on<F>(
        &self,
        worker: usize,
        future: F,
    ) -> Result<RemoteHandle<F::Output>, TrySpawnError<F>>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `cluster.try_spawn_on_with(worker, || future)`.
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE } {
            let spawned = self.submit_to(worker, Boxed(Box::new(future)));
            return spawned.map_err(|refused| refused.map(|boxed| *boxed.0));
        }
        let spawned = self.submit_to(worker, Itself(future));
        spawned.map_err(|refused| refused.map(|itself| itself.0))
    }

    /// Makes a future on one worker and runs it there. The closure has to be `Send`, the future need not
    /// be.
    ///
    /// # Errors
    ///
    /// As [`spawn_on`](Self::spawn_on). The closure is dropped then;
    /// [`try_spawn_on_with`](Self::try_spawn_on_with) gives it back.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn spawn_on_with<M, F>(
        &self,
        worker: usize,
        make: M,
    ) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Ok(self.try_spawn_on_with(worker, make)?)
    }

    /// Makes a future on one worker and runs it there, or gives the closure back.
    ///
    /// # Errors
    ///
    /// As [`spawn_on`](Self::spawn_on), with the closure.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn try_spawn_on_with<M, F>(
        &self,
        worker: usize,
        make: M,
    ) -> Result<RemoteHandle<F::Output>, TrySpawnError<M>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let spawned = self.submit_to(worker, By(make));
        spawned.map_err(|refused| refused.map(|by| by.0))
    }

    /// Spawns a future on [the worker of a key](Self::worker_of), of which `key` is a hash.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// let user = 17;
    /// // What is one user's runs on one worker.
    /// cluster.handle().spawn_keyed(user, async {})?.wait()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn_on`](Self::spawn_on); `try_spawn_on(cluster.worker_of(key), future)` gives the future back.
    #[track_caller]
    pub fn spawn_keyed<F>(&self, key: u64, future: F) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `cluster.spawn_keyed_with(key, || future)`.
        F::Output: Send + 'static,
    {
        self.spawn_on(self.worker_of(key), future)
    }

    /// Makes a future on [the worker of a key](Self::worker_of), of which `key` is a hash, and runs it
    /// there. The closure has to be `Send`, the future need not be.
    ///
    /// # Errors
    ///
    /// As [`spawn_on`](Self::spawn_on).
    #[track_caller]
    pub fn spawn_keyed_with<M, F>(
        &self,
        key: u64,
        make: M,
    ) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_on_with(self.worker_of(key), make)
    }
}

/// A large future, which travels in a box and is given back without it.
struct Boxed<F>(Box<F>);

impl<F: RemoteFuture<Output: Send> + 'static> Make for Boxed<F> {
    type Future = std::pin::Pin<Box<F>>;

    fn make(self) -> Self::Future {
        Box::into_pin(self.0)
    }
}
