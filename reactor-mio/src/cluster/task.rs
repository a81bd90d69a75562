//! A task of a cluster: one allocation that is its place in a queue, its outcome and what its handle waits
//! on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polliwog_core::__private::Origin;
use polliwog_core::__reactor::Kind;
use polliwog_core::executor::remote_task::{self, Ending, Outcome, RemoteTask};
use polliwog_core::{Handle, JoinError, RemoteHandle, SpawnErrorKind, TrySpawnError};

use super::shared::Load;
use super::worker::with_current;

/// Futures above this size travel in a box of their own, so that they are moved but once on either side.
pub(super) const LARGE: usize = 1 << 10;

/// Of a task that no worker has to itself.
const ANY: usize = usize::MAX;
/// Of a task that has ended before it started: a hint for the worker that comes to it.
const NOWHERE: usize = usize::MAX - 1;

/// A task in a queue.
pub(super) type Queued = Arc<dyn Work>;

/// What queues and workers do with a task whose type they do not know.
pub(super) trait Work: Send + Sync {
    /// Makes the future on this thread's executor, that of `worker`, as a task of which `load` is told. An error
    /// leaves the task as it was.
    fn start(self: Arc<Self>, worker: usize, load: Load) -> Result<(), SpawnErrorKind>;
    /// Ends the task if it has not started.
    fn cancel(&self);
}

/// What a task's future is made of, on the worker that starts it.
pub(super) trait Make: Send + 'static {
    type Future: Future<Output: Send> + 'static;

    fn make(self) -> Self::Future;
}

/// A closure that makes it.
pub(super) struct By<M>(pub(super) M);

impl<M, F> Make for By<M>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output: Send> + 'static,
{
    type Future = F;

    fn make(self) -> F {
        self.0()
    }
}

/// The future itself.
pub(super) struct Itself<F>(pub(super) F);

impl<F: Future<Output: Send> + Send + 'static> Make for Itself<F> {
    type Future = F;

    fn make(self) -> F {
        self.0
    }
}

type OutputOf<M> = <<M as Make>::Future as Future>::Output;

pub(super) struct Task<M: Make> {
    /// There until the task starts or ends.
    make: Mutex<Option<M>>,
    outcome: Outcome<OutputOf<M>>,
    origin: Origin,
    /// Which cluster it belongs to, by number.
    cluster: u64,
    /// The worker on which it has started, or which it is for; or [`ANY`], or [`NOWHERE`].
    worker: AtomicUsize,
}

impl<M: Make> Task<M> {
    /// A task for any worker of a cluster, or for one.
    pub(super) fn new(
        make: M,
        cluster: u64,
        worker: usize,
        kind: Kind,
        origin: Origin,
    ) -> Arc<Self> {
        Arc::new(Self {
            make: Mutex::new(Some(make)),
            outcome: Outcome::default(),
            origin,
            cluster,
            worker: AtomicUsize::new(match kind {
                Kind::Keyed => worker,
                Kind::Open => ANY,
            }),
        })
    }

    /// The handle of a task that has been queued, or else what it was to be made of.
    pub(super) fn queued(
        self: Arc<Self>,
        queued: Result<(), (SpawnErrorKind, Queued)>,
    ) -> Result<RemoteHandle<OutputOf<M>>, TrySpawnError<M>> {
        let Err((kind, _)) = queued else {
            return Ok(RemoteHandle::of(self));
        };
        let make = self.lock().take();
        match make {
            Some(make) => Err(TrySpawnError::new(kind, make)),
            None => unreachable!("nobody else has a task that was refused"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<M>> {
        // Nothing of the program's runs with the lock.
        self.make.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the task was to be made of is dropped before anybody hears of its end.
    fn end_unstarted(&self) -> bool {
        let make = self.lock().take();
        let is_unstarted = make.is_some();
        if is_unstarted {
            // A destructor's panic is nobody's here: neither the aborting thread's nor the queue's.
            remote_task::discard(make);
            self.worker.store(NOWHERE, Ordering::Relaxed);
            self.outcome.complete(Err(JoinError::Aborted));
        }
        is_unstarted
    }
}

/// Says that the task was aborted, unless it has had an outcome: when its future is dropped.
struct Started<M: Make> {
    task: Arc<Task<M>>,
    has_ended: bool,
}

impl<M: Make> Drop for Started<M> {
    fn drop(&mut self) {
        // Without a place the future was refused, and the task goes back to a queue as it was.
        let is_lost = !self.has_ended && self.task.outcome.has_begun();
        if is_lost && !self.task.end_unstarted() {
            self.task.outcome.complete(Err(JoinError::Aborted));
        }
    }
}

impl<M: Make> Work for Task<M> {
    fn start(self: Arc<Self>, worker: usize, load: Load) -> Result<(), SpawnErrorKind> {
        if self.worker.load(Ordering::Relaxed) == NOWHERE {
            return Ok(()); // Aborted in the queue.
        }
        let started = Started {
            task: Arc::clone(&self),
            has_ended: false,
        };
        let task = async move {
            let (mut started, load) = (started, load);
            let make = started.task.lock().take();
            if let Some(make) = make {
                let outcome = remote_task::run(|| make.make()).await;
                // The load counts a task until all of it is gone, and no longer than anybody waits for it.
                drop(load);
                started.has_ended = true;
                started.task.outcome.complete(outcome);
            }
        };
        match self.origin.of(|| polliwog_core::try_spawn(task)) {
            Ok(handle) => {
                self.worker.store(worker, Ordering::Relaxed);
                self.outcome.begin(handle.abort_handle());
                handle.detach();
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

impl<M: Make> Ending for Task<M> {
    fn abort(&self) {
        if !self.end_unstarted() {
            self.outcome.abort();
        }
    }

    fn is_finished(&self) -> bool {
        self.outcome.is_finished()
    }
}

impl<M: Make> RemoteTask<OutputOf<M>> for Task<M> {
    fn outcome(&self) -> &Outcome<OutputOf<M>> {
        &self.outcome
    }

    fn executor_here(&self) -> Option<Handle> {
        let here = with_current(|current| {
            let worker = self.worker.load(Ordering::Relaxed);
            let home = &*current.home;
            let nobody_else = worker == home.index || home.shared.workers.len() == 1;
            let only_here = home.shared.id == self.cluster && nobody_else;
            only_here.then_some(current.handle)
        });
        here.flatten()
    }

    fn needs_this_thread(&self) -> bool {
        with_current(|current| current.home.shared.id == self.cluster).unwrap_or(false)
    }

    fn into_ending(self: Arc<Self>) -> Arc<dyn Ending> {
        self
    }
}
