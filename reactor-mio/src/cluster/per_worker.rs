//! [`PerWorker`].

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ClusterHandle;
use super::worker::with_current;

/// One value for each worker of a cluster, reachable on that worker only, so that it needs neither a lock
/// nor `Send`.
///
/// A value is made when its worker first asks for it, and dropped when the worker stops or is restarted, on
/// its thread, after the worker's tasks. (Not with the last clone of the `PerWorker`.)
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use std::cell::Cell;
/// use polliwog::cluster::{Cluster, PerWorker};
///
/// let cluster = Cluster::builder().workers(2).build()?;
/// let counts = PerWorker::new(&cluster, |_worker| Cell::new(0));
/// for _ in 0..3 {
///     let counts = counts.clone();
///     let count = move || async move {
///         counts.with(|count| count.replace(count.get() + 1))
///     };
///     cluster.spawn_on_with(1, count)?.wait()?;
/// }
/// let counts_there = counts.clone();
/// let count = cluster.spawn_on_with(1, move || async move { counts_there.with(Cell::get) })?;
/// assert_eq!(count.wait()?, 3);
/// assert!(counts.try_with(Cell::get).is_err()); // This thread is no worker.
/// # std::io::Result::Ok(())
/// ```
pub struct PerWorker<T> {
    id: u64,
    cluster: u64,
    make: Arc<dyn Fn(usize) -> T + Send + Sync>,
}

impl<T: 'static> PerWorker<T> {
    /// Makes a value for each worker of `cluster`, by `make` of the worker's index.
    pub fn new(
        cluster: &ClusterHandle,
        make: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> PerWorker<T> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        PerWorker {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            cluster: cluster.shared.id,
            make: Arc::new(make),
        }
    }

    /// Calls `f` with the value of the worker on whose thread this is.
    ///
    /// # Panics
    ///
    /// If this is no worker of the cluster: see [`try_with`](Self::try_with). If `make` panics.
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls `f` with the value of the worker on whose thread this is.
    ///
    /// # Errors
    ///
    /// [`NotOnWorker`] if this is no worker of the cluster.
    ///
    /// # Panics
    ///
    /// If `make` panics.
    pub fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, NotOnWorker> {
        let current = with_current(|current| {
            let is_ours = current.home.shared.id == self.cluster;
            is_ours.then(|| (current.home.index, Rc::clone(&current.values)))
        });
        let (index, values) = current.flatten().ok_or_else(NotOnWorker::new)?;
        let known = values.borrow().get(&self.id).cloned();
        let value = known.unwrap_or_else(|| {
            // Not borrowed meanwhile: `make` may ask for other values.
            let made = Rc::new((self.make)(index));
            Rc::clone(values.borrow_mut().entry(self.id).or_insert(made))
        });
        match value.downcast::<T>() {
            Ok(value) => Ok(f(&value)),
            Err(_) => unreachable!("a number belongs to one `PerWorker` and its clones"),
        }
    }
}

impl<T> Clone for PerWorker<T> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            cluster: self.cluster,
            make: Arc::clone(&self.make),
        }
    }
}

impl<T> fmt::Debug for PerWorker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerWorker").finish_non_exhaustive()
    }
}

/// This thread is no worker of the cluster to which the values, or the listeners, belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOnWorker(());

impl NotOnWorker {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for NotOnWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what each worker has is asked for where none of the cluster's workers runs")
    }
}

impl std::error::Error for NotOnWorker {}
