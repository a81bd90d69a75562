//! All cores: [`Cluster`], a runtime on each of several threads, and tasks for them from anywhere.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
//! use polliwog::Cluster;
//!
//! let cluster = Cluster::builder().workers(2).build()?;
//! let squares: Vec<_> = (0..100u64)
//!     .map(|n| cluster.spawn(async move { n * n }))
//!     .collect::<Result<_, _>>()?;
//! let mut sum = 0;
//! for square in squares {
//!     sum += square.wait()?;
//! }
//! assert_eq!(sum, 328_350);
//! # std::io::Result::Ok(())
//! ```
//!
//! # Where tasks run
//!
//! | call | where |
//! |---|---|
//! | [`spawn`](ClusterHandle::spawn), [`spawn_with`](ClusterHandle::spawn_with) | the less loaded of two workers chosen at random, or whoever is idle before it comes to it |
//! | [`spawn_on`](ClusterHandle::spawn_on) | that worker |
//! | [`spawn_keyed`](ClusterHandle::spawn_keyed) | always the same worker for the same key |
//! | [`polliwog_core::spawn()`] in a task | the worker on which the task runs |
//!
//! A worker starts the tasks of its queue one by one, each with its first poll before the next is taken. A
//! worker with nothing in its queue takes over what waits in another's, the oldest first. A task that has
//! started stays on its worker to its end: that is why it need not be `Send`, why its wakes on its own
//! worker need no atomic operation, and why its sockets and timers are its worker's. So a worker with a few
//! heavy tasks that have started keeps them, also while others have nothing to do.
//!
//! A worker's load: the cluster's tasks in its queue and on it, without what they [spawn](polliwog_core::spawn()).
//!
//! # Connections
//!
//! [`listen`](ClusterHandle::listen) gives each worker a listener of its own. A connection that is to go on
//! elsewhere goes by [`TcpStream::into_std`](crate::net::TcpStream::into_std), a closure for
//! [`spawn_on_with`](ClusterHandle::spawn_on_with), and
//! [`TcpStream::from_std`](crate::net::TcpStream::from_std) there. Nothing is lost, for a stream has no
//! buffer of its own; what was read already has to go along.
//!
//! # The end
//!
//! [`shutdown`](ClusterHandle::shutdown), or dropping the [`Cluster`], ends all workers, each as soon as it
//! comes to it: a task that does not yield is waited for. Every handle hears of its task: tasks that waited
//! or ran are [`Aborted`](polliwog_core::JoinError::Aborted), and spawning fails with
//! [`Closed`](polliwog_core::SpawnErrorKind::Closed) from then on.
//!
//! A child that the process forks has none of the threads, and must not use the cluster.

mod builder;
mod cpus;
mod listeners;
mod per_worker;
mod report;
mod shared;
mod task;
mod worker;

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use polliwog_core::{RemoteFuture, SpawnError};

pub use builder::Builder;
pub use listeners::Listeners;
pub use per_worker::{NotOnWorker, PerWorker};
pub use report::{BlockOnError, Outcome, PanicPolicy, WorkerReport};
pub use task::RemoteHandle;
pub use worker::Worker;

use shared::{Kind, Shared};

/// Workers, each a thread with a [`Runtime`](crate::Runtime) of its own: see [the module](self).
///
/// It has all methods of a [`ClusterHandle`]. Dropping it shuts the cluster down and waits for its workers'
/// end (but one that drops it itself is not waited for).
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// use polliwog::Cluster;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cluster = Cluster::builder().workers(2).build()?;
/// let answer = cluster.handle().block_on(async { 6 * 7 })?;
/// assert_eq!(answer, 42);
/// cluster.handle().shutdown();
/// cluster.join();
/// # Ok(()) }
/// ```
pub struct Cluster {
    handle: ClusterHandle,
    /// `None` once joined.
    threads: Vec<Option<JoinHandle<()>>>,
}

/// A [`Cluster`] as its own tasks and other threads see it. It does not keep the workers alive.
#[derive(Clone)]
pub struct ClusterHandle {
    shared: Arc<Shared>,
}

impl Cluster {
    /// Returns a builder, to say how the cluster is to be.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns a handle, for tasks and threads.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// let handle = cluster.handle();
    /// std::thread::spawn(move || handle.shutdown());
    /// cluster.join();
    /// # Ok(()) }
    /// ```
    pub fn handle(&self) -> ClusterHandle {
        self.handle.clone()
    }

    /// Waits until all workers have ended, and says how. That is after a [`shutdown`], by whomever, or after
    /// a worker's panic if [the policy](Builder::on_panic) is so.
    ///
    /// Called by a worker it does not wait for that one.
    ///
    /// [`shutdown`]: ClusterHandle::shutdown
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// cluster.handle().shutdown();
    /// for report in cluster.join() {
    ///     println!("{report:?}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn join(mut self) -> Vec<WorkerReport> {
        self.wait(None)
    }

    /// Shuts down and waits until all workers have ended, but for `timeout` at most. Workers that have not
    /// ended by then, for they are in the middle of a poll, are [`Unfinished`](Outcome::Unfinished); they
    /// end when that poll does.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// cluster.shutdown_timeout(Duration::from_secs(5));
    /// # Ok(()) }
    /// ```
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Vec<WorkerReport> {
        self.shutdown();
        self.wait(Some(timeout))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Vec<WorkerReport> {
        // None: so far away that it is never.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let own = self.handle.own_index();
        let shared = &self.handle.shared;
        let mut reports = shared.reports();
        loop {
            let is_missing = |(index, report): (usize, &Option<WorkerReport>)| {
                report.is_none() && Some(index) != own
            };
            if !reports.iter().enumerate().any(is_missing) {
                break;
            }
            reports = match until {
                None => shared.ended().wait(reports),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    let waited = shared.ended().wait_timeout(reports, left);
                    waited
                        .map(|(reports, _)| reports)
                        .map_err(|poisoned| PoisonError::new(poisoned.into_inner().0))
                }
            }
            .unwrap_or_else(PoisonError::into_inner);
        }
        let reports: Vec<_> = reports.iter_mut().map(Option::take).collect();
        let threads = std::mem::take(&mut self.threads);
        let both = reports.into_iter().zip(threads).enumerate();
        both.map(|(worker, (report, thread))| match report {
            Some(report) => {
                // It has only to drop its thread-locals. A panic of one is not the worker's.
                let _ = thread.map(JoinHandle::join);
                report
            }
            None => WorkerReport {
                worker,
                outcome: Outcome::Unfinished,
                restarts: 0,
            },
        })
        .collect()
    }
}

impl Deref for Cluster {
    type Target = ClusterHandle;

    fn deref(&self) -> &ClusterHandle {
        &self.handle
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.shutdown();
        let own = thread::current().id();
        for thread in self.threads.drain(..).flatten() {
            if thread.thread().id() != own {
                // How it has ended nobody wanted to know.
                let _ = thread.join();
            }
        }
    }
}

impl ClusterHandle {
    fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns how many workers there are.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(3).build()?;
    /// assert_eq!(cluster.handle().workers(), 3);
    /// # Ok(()) }
    /// ```
    pub fn workers(&self) -> usize {
        self.shared.seats.len()
    }

    /// Returns how many tasks of the cluster wait in a worker's queue or have started there and not ended. It
    /// may be different by the time it is known.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    pub fn load(&self, worker: usize) -> usize {
        self.shared.seats[worker].load()
    }

    /// Runs a future on each worker, its *root*: made there by `root`, and again when the worker is
    /// restarted. It is not waited for; the cluster goes on when it has ended. If it panics, the worker
    /// ends or is restarted, see [`PanicPolicy`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// cluster.run(|worker| async move {
    ///     println!("worker {} of {}", worker.index(), worker.cluster().workers());
    ///     if worker.index() == 1 {
    ///         worker.cluster().shutdown();
    ///     }
    /// })?;
    /// for report in cluster.join() {
    ///     println!("{report:?}");
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Closed`](polliwog_core::SpawnErrorKind::Closed) once the cluster is shut down.
    pub fn run<R, F>(&self, root: R) -> Result<(), SpawnError>
    where
        R: Fn(Worker) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + 'static,
    {
        let root = Arc::new(move |worker| Box::pin(root(worker)) as _);
        Ok(self.shared.add_root(root)?)
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
    /// [`InboxFull`](polliwog_core::SpawnErrorKind::InboxFull) if all queues are full. The future is dropped then.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        F: RemoteFuture + 'static, // Not `Send`? Then `cluster.spawn_with(|| future)`.
        F::Output: Send + 'static,
    {
        self.spawn_with(move || future)
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
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_with<M, F>(&self, make: M) -> Result<RemoteHandle<F::Output>, SpawnError>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = task::task(make);
        self.shared.push_anywhere(self.shared.choose(), &task)?;
        Ok(handle)
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
    /// [`InboxFull`](polliwog_core::SpawnErrorKind::InboxFull) if that one's queue is full. It drops the future.
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
        self.spawn_on_with(worker, move || future)
    }

    /// Makes a future on one worker and runs it there. The closure has to be `Send`, the future need not
    /// be.
    ///
    /// # Errors
    ///
    /// As [`spawn_on`](Self::spawn_on).
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
        let workers = self.workers();
        assert!(worker < workers, "worker {worker} of {workers}");
        let (task, handle) = task::task(make);
        self.shared.push(worker, Kind::Keyed, &task)?;
        Ok(handle)
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
    /// As [`spawn_on`](Self::spawn_on).
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

    /// Returns the worker of a key: the same for the same key as long as the cluster lives. Keys need not be
    /// good hashes; counted numbers spread as well.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// let handle = cluster.handle();
    /// assert_eq!(handle.worker_of(17), handle.worker_of(17));
    /// # Ok(()) }
    /// ```
    pub fn worker_of(&self, key: u64) -> usize {
        // The finish of splitmix64, then the high half of a product: no division.
        let mut mixed = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * self.workers() as u128) >> 64) as usize
    }

    /// Spawns a future on any worker and blocks this thread until it is done.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// assert_eq!(cluster.handle().block_on(async { 7 })?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BlockOnError`], if it cannot be spawned, if it panics, and on a worker of this cluster.
    #[track_caller]
    pub fn block_on<F>(&self, future: F) -> Result<F::Output, BlockOnError>
    where
        F: RemoteFuture + 'static,
        F::Output: Send + 'static,
    {
        if self.own_index().is_some() {
            return Err(BlockOnError::OnWorker);
        }
        let task = self.spawn(future).map_err(BlockOnError::Spawn)?;
        task.wait().map_err(BlockOnError::Join)
    }

    /// Shuts the cluster down, see [the end](self#the-end), and returns at once: [`Cluster::join`] waits.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// cluster.handle().shutdown();
    /// cluster.join();
    /// # Ok(()) }
    /// ```
    pub fn shutdown(&self) {
        self.shared.shut_down();
    }

    /// Returns whether the cluster was shut down.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).build()?;
    /// let handle = cluster.handle();
    /// handle.shutdown();
    /// assert!(handle.is_shut_down());
    /// # Ok(()) }
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.shared.is_closed()
    }

    fn is(&self, other: &ClusterHandle) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Which worker of this cluster runs on this thread.
    fn own_index(&self) -> Option<usize> {
        worker::with_current(|current| {
            Arc::ptr_eq(&current.shared, &self.shared).then_some(current.index)
        })
        .flatten()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cluster").field(&self.handle).finish()
    }
}

impl fmt::Debug for ClusterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterHandle")
            .field("workers", &self.workers())
            .field("is_shut_down", &self.is_shut_down())
            .finish_non_exhaustive()
    }
}
