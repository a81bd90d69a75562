//! [`Builder`].

use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use polliwog_core::__private::Origin;

use super::report::PanicPolicy;
use super::shared::Shared;
use super::{Cluster, ClusterHandle, cpus, worker};
use crate::runtime::{DEFAULT_MAX_TASKS, Runtime};

type Hook = Option<Arc<dyn Fn(usize) + Send + Sync>>;

/// How a [`Cluster`] is to be; made by [`Cluster::builder`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// use polliwog::Cluster;
///
/// # fn main() -> std::io::Result<()> {
/// let cluster = Cluster::builder().workers(2).thread_name("pond").build()?;
/// cluster.handle().shutdown();
/// assert_eq!(cluster.join().len(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Builder {
    workers: Option<usize>,
    thread_name: String,
    stack_size: Option<usize>,
    queue_capacity: Option<usize>,
    settings: Settings,
}

/// What the workers have to know.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) max_tasks: usize,
    pub(super) on_panic: PanicPolicy,
    pin: bool,
    on_start: Hook,
    on_stop: Hook,
    on_park: Hook,
    on_unpark: Hook,
}

impl Settings {
    /// Has the runtime call what is to be called when it parks.
    pub(super) fn set_park_hooks(&self, runtime: &Runtime, worker: usize) {
        let hooks = (self.on_park.clone(), self.on_unpark.clone());
        if let (None, None) = hooks {
            return;
        }
        let (park, unpark) = hooks;
        runtime.reactor().set_park_hook(move |parks| {
            let hook = if parks { &park } else { &unpark };
            if let Some(hook) = hook {
                hook(worker);
            }
        });
    }

    pub(super) fn started(&self, runtime: &Runtime, worker: usize) {
        if let Some(hook) = &self.on_start {
            runtime.enter(|| hook(worker));
        }
    }

    pub(super) fn stopped(&self, runtime: &Runtime, worker: usize) {
        if let Some(hook) = &self.on_stop {
            runtime.enter(|| hook(worker));
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            workers: None,
            thread_name: "polliwog".to_owned(),
            stack_size: None,
            queue_capacity: None,
            settings: Settings {
                max_tasks: DEFAULT_MAX_TASKS,
                on_panic: PanicPolicy::default(),
                pin: false,
                on_start: None,
                on_stop: None,
                on_park: None,
                on_unpark: None,
            },
        }
    }
}

impl Builder {
    /// Sets how many workers there are: at least one; if nothing is said, one for each CPU that this process
    /// may use, by [`available_parallelism`](std::thread::available_parallelism).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// assert_eq!(cluster.handle().workers(), 2);
    /// # Ok(()) }
    /// ```
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers.max(1));
        self
    }

    /// Sets what the threads are called: `name-0`, `name-1`, … (`polliwog`). A NUL byte in it ends it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).thread_name("pond").build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        let end = name.find('\0').unwrap_or(name.len());
        self.thread_name = name[..end].to_owned();
        self
    }

    /// Sets the size of each thread's stack, in bytes (what the standard library takes).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).stack_size(256 * 1024).build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Sets how many tasks each worker has at most at a time ([`DEFAULT_MAX_TASKS`]), roots and those that
    /// its tasks spawn included. Beyond that, tasks of the cluster wait in the queue.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).max_tasks(10_000).build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn max_tasks(mut self, max_tasks: usize) -> Self {
        self.settings.max_tasks = max_tasks.max(1);
        self
    }

    /// Sets how many tasks wait in each worker's queue at most (as many as [`max_tasks`](Self::max_tasks)).
    /// Beyond that, spawning fails.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).queue_capacity(1_000).build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn queue_capacity(mut self, tasks: usize) -> Self {
        self.queue_capacity = Some(tasks);
        self
    }

    /// Sets whether each worker stays on one CPU (`false`): worker *i* on the *i*-th of those that the
    /// process may use, round and round. On Linux; elsewhere this does nothing.
    pub fn pin(mut self, pin: bool) -> Self {
        self.settings.pin = pin;
        self
    }

    /// Sets what happens when a worker panics ([`PanicPolicy::Shutdown`]).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::{Cluster, cluster::PanicPolicy};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder().workers(1).on_panic(PanicPolicy::Shutdown).build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn on_panic(mut self, policy: PanicPolicy) -> Self {
        self.settings.on_panic = policy;
        self
    }

    /// Calls `hook` with each worker's index, on its thread and within its runtime, before it does anything
    /// else; again when it is restarted.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder()
    ///     .workers(1)
    ///     .on_start(|worker| println!("worker {worker} begins"))
    ///     .build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn on_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.on_start = Some(Arc::new(hook));
        self
    }

    /// Calls `hook` with each worker's index, on its thread and within its runtime, before its tasks are
    /// dropped: when the cluster shuts down, and after a root has panicked.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let cluster = Cluster::builder()
    ///     .workers(1)
    ///     .on_stop(|worker| println!("worker {worker} ends"))
    ///     .build()?;
    /// # drop(cluster);
    /// # Ok(()) }
    /// ```
    pub fn on_stop(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.on_stop = Some(Arc::new(hook));
        self
    }

    /// Calls `hook` with each worker's index, on its thread and within its runtime, whenever it has nothing to do
    /// and is about to sleep. What the hook wakes or spawns there runs before it does. A panic of the hook is
    /// one of the worker: see [`PanicPolicy`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let asleep = Arc::new(AtomicUsize::new(0));
    /// let (parks, unparks) = (Arc::clone(&asleep), Arc::clone(&asleep));
    /// let cluster = Cluster::builder()
    ///     .workers(2)
    ///     .on_park(move |_worker| drop(parks.fetch_add(1, Ordering::Relaxed)))
    ///     .on_unpark(move |_worker| drop(unparks.fetch_sub(1, Ordering::Relaxed)))
    ///     .build()?;
    /// println!("{} of {} workers sleep", asleep.load(Ordering::Relaxed), cluster.workers());
    /// # Ok(()) }
    /// ```
    pub fn on_park(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.on_park = Some(Arc::new(hook));
        self
    }

    /// Calls `hook` with each worker's index, on its thread and within its runtime, whenever it has slept: as often
    /// as [`on_park`](Self::on_park)'s, but for a worker that ends in its sleep.
    pub fn on_unpark(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.settings.on_unpark = Some(Arc::new(hook));
        self
    }

    /// Starts the workers.
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
    ///
    /// # Errors
    ///
    /// When the operating system gives a worker no thread, no selector or not the CPU on which it is to
    /// stay. No worker is left then.
    #[track_caller]
    pub fn build(self) -> io::Result<Cluster> {
        let origin = Origin::here::<worker::Worker>();
        let workers = self.workers.unwrap_or_else(cpus::count);
        let capacity = self.queue_capacity.unwrap_or(self.settings.max_tasks);
        let shared = Arc::new(Shared::new(workers, capacity));
        let mut cluster = Cluster {
            handle: ClusterHandle::new(Arc::clone(&shared)),
            threads: Vec::with_capacity(workers),
        };
        let (ready, started) = mpsc::channel();
        for index in 0..workers {
            let mut thread = thread::Builder::new().name(format!("{}-{index}", self.thread_name));
            if let Some(bytes) = self.stack_size {
                thread = thread.stack_size(bytes);
            }
            let (shared, settings, ready) =
                (Arc::clone(&shared), self.settings.clone(), ready.clone());
            let thread = thread.spawn(move || {
                let pinned = match settings.pin {
                    true => cpus::pin(index),
                    false => Ok(()),
                };
                match pinned {
                    Ok(()) => worker::work(&shared, index, &settings, origin, &ready),
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
            // An error ends those that are there already: by the destructor of the cluster.
            cluster.threads.push(Some(thread?));
        }
        drop(ready);
        started.iter().take(workers).collect::<io::Result<()>>()?;
        record!(debug, "a cluster of {workers} workers");
        Ok(cluster)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("thread_name", &self.thread_name)
            .field("max_tasks", &self.settings.max_tasks)
            .field("on_panic", &self.settings.on_panic)
            .finish_non_exhaustive()
    }
}
