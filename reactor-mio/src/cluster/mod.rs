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
//! elsewhere, or any other socket, goes there by [`hand_over`](ClusterHandle::hand_over) or
//! [`hand_over_to`](ClusterHandle::hand_over_to). Nothing is lost, for a stream has no
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
mod hand_over;
mod listeners;
mod per_worker;
mod report;
mod serve;
mod shared;
mod spawn;
mod task;
mod worker;

use std::cell::RefCell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use polliwog_core::__private::Origin;
use polliwog_core::{RemoteFuture, SpawnError, SpawnErrorKind};

pub use builder::Builder;
pub use listeners::Listeners;
pub use per_worker::{NotOnWorker, PerWorker};
#[doc(inline)]
pub use polliwog_core::RemoteHandle;
pub use report::{BlockOnError, Outcome, PanicPolicy, WorkerReport};
pub use serve::Accepting;
pub use worker::Worker;

use shared::Shared;

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

    /// Returns the cluster of the worker on whose thread this is called, or the one that was
    /// [entered](Self::enter) there last.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::cluster::ClusterHandle;
    ///
    /// async fn count_workers() -> usize {
    ///     ClusterHandle::current().map_or(1, |cluster| cluster.workers())
    /// }
    /// assert_eq!(polliwog::block_on(count_workers()), 1); // this thread is no worker
    /// ```
    pub fn current() -> Option<ClusterHandle> {
        let entered = ENTERED.with(|entered| (**entered.borrow()).clone());
        let worker = || Worker::current().map(|worker| worker.cluster().clone());
        entered.or_else(worker)
    }

    /// Calls `f` with this as the thread's [current](Self::current) cluster, though the thread is no worker.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::{Cluster, cluster};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let four = Cluster::builder().workers(4).build()?;
    /// four.enter(|| {
    ///     polliwog::block_on(async {
    ///         assert_eq!(cluster::spawn(async { 7 })?.await?, 7);
    ///         Ok(())
    ///     })
    /// })
    /// # }
    /// ```
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        /// Whose turn it is again afterwards, also when a panic passes by.
        struct Before(Option<ClusterHandle>);
        impl Drop for Before {
            fn drop(&mut self) {
                let mine = enter(self.0.take());
                drop(mine);
            }
        }
        let _before = Before(enter(Some(self.clone())));
        f()
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
        self.shared.workers.len()
    }

    /// Returns how many tasks of the cluster wait in a worker's queue or have started there and not ended. It
    /// may be different by the time it is known.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    pub fn load(&self, worker: usize) -> usize {
        self.shared.workers.load(worker)
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
    #[track_caller]
    pub fn run<R, F>(&self, root: R) -> Result<(), SpawnError>
    where
        R: Fn(Worker) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + 'static,
    {
        let root = worker::Root {
            make: Arc::new(move |worker| Box::pin(root(worker)) as _),
            origin: Origin::here::<F>(),
        };
        Ok(self.shared.add_root(root)?)
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
            let home = &*current.home;
            Arc::ptr_eq(&home.shared, &self.shared).then_some(home.index)
        })
        .flatten()
    }
}

thread_local! {
    /// Without a destructor, so that it is there as long as the thread is: also for what enters a cluster when that ends.
    /// It is empty whenever nothing is entered.
    static ENTERED: RefCell<ManuallyDrop<Option<ClusterHandle>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Makes this the cluster that the thread has entered; returns the former one.
fn enter(cluster: Option<ClusterHandle>) -> Option<ClusterHandle> {
    ManuallyDrop::into_inner(ENTERED.replace(ManuallyDrop::new(cluster)))
}

/// Spawns a future on any worker of the [current](ClusterHandle::current) cluster:
/// [`ClusterHandle::spawn`] for those who have no handle of it.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// use polliwog::{Cluster, cluster};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let four = Cluster::builder().workers(4).build()?;
/// let sum = four.spawn(async {
///     let parts: Vec<_> = (0..4).map(|n| cluster::spawn(async move { n })).collect();
///     let mut sum = 0;
///     for part in parts {
///         sum += part?.await?;
///     }
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(sum)
/// })?;
/// assert_eq!(sum.wait()?.map_err(|error| error.to_string())?, 6);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`NoExecutor`](polliwog_core::SpawnErrorKind::NoExecutor) where there is no such cluster; else as
/// [`ClusterHandle::spawn`].
#[track_caller]
pub fn spawn<F>(future: F) -> Result<RemoteHandle<F::Output>, SpawnError>
where
    F: RemoteFuture + 'static,
    F::Output: Send + 'static,
{
    match ClusterHandle::current() {
        Some(cluster) => cluster.spawn(future),
        None => Err(SpawnErrorKind::NoExecutor.into()),
    }
}

/// [`block_on`](crate::block_on) beside a cluster of so many workers, which is the current one there and ends with
/// the future: what `#[polliwog::main(workers = 4)]` runs.
///
/// # Panics
///
/// As [`block_on`](crate::block_on); also when the operating system gives out no thread.
#[doc(hidden)]
#[track_caller]
pub fn block_on_beside<F: Future>(workers: usize, future: F) -> F::Output {
    match Cluster::builder().workers(workers).build() {
        Ok(cluster) => cluster.enter(|| crate::block_on(future)),
        Err(error) => panic!("no cluster: {error}"),
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
