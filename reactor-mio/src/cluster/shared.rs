//! What the workers of a cluster share. Their queues, and who is asked to look into them, are the core's
//! [`Workers`].

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use polliwog_core::__reactor::{Kind, Workers};
use polliwog_core::SpawnErrorKind;
use polliwog_core::executor::remote_task;

use super::report::{Outcome, WorkerReport};
use super::task::Queued;
use super::worker::Root;

/// The cluster as its workers and handles see it.
pub(super) struct Shared {
    /// Unique in the process.
    pub(super) id: u64,
    pub(super) workers: Workers<Queued>,
    closed: AtomicBool,
    /// `None` once the cluster is shut down.
    roots: Mutex<Option<Vec<Root>>>,
    /// How many there are. Written with the lock.
    root_count: AtomicUsize,
    reports: Mutex<Vec<Option<WorkerReport>>>,
    ended: Condvar,
}

/// A worker as its own tasks see it.
pub(super) struct Home {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
}

/// Counts a task that has started, until it is dropped, both on its worker.
pub(super) struct Load(Rc<Home>);

impl Load {
    pub(super) fn new(home: &Rc<Home>) -> Self {
        home.shared.workers.started(home.index);
        Self(Rc::clone(home))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.shared.workers.ended(self.0.index);
    }
}

impl Shared {
    pub(super) fn new(workers: usize, capacity: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            workers: Workers::new(workers, capacity),
            closed: AtomicBool::new(false),
            roots: Mutex::new(Some(Vec::new())),
            root_count: AtomicUsize::new(0),
            reports: Mutex::new((0..workers).map(|_| None).collect()),
            ended: Condvar::new(),
        }
    }

    /// The less loaded of two workers chosen at random.
    pub(super) fn choose(&self) -> usize {
        self.workers.choose(random())
    }

    /// Puts back what a worker has taken and has no room for.
    pub(super) fn put_back(&self, worker: usize, kind: Kind, task: Queued) {
        if let Err(task) = self.workers.put_back(worker, kind, task) {
            task.cancel();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn roots(&self) -> MutexGuard<'_, Option<Vec<Root>>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a root, for each worker to start.
    pub(super) fn add_root(&self, root: Root) -> Result<(), SpawnErrorKind> {
        match &mut *self.roots() {
            Some(roots) => {
                roots.push(root);
                self.root_count.store(roots.len(), Ordering::SeqCst);
            }
            None => return Err(SpawnErrorKind::Closed),
        }
        self.workers.ring_all();
        Ok(())
    }

    /// The roots that a worker has not started, which has started so many.
    pub(super) fn roots_from(&self, started: usize) -> Vec<Root> {
        if self.root_count.load(Ordering::SeqCst) == started {
            return Vec::new();
        }
        let roots = self.roots();
        let new = roots.as_ref().and_then(|roots| roots.get(started..));
        new.unwrap_or_default().to_vec()
    }

    /// Ends what waits in the queues and asks the workers for their end.
    pub(super) fn shut_down(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let roots = self.roots().take();
        self.workers.close(|task| task.cancel());
        self.workers.ring_all();
        // The program's, so outside of the locks and when all else is done. A panic of theirs is nobody's: this may
        // be any thread that shuts down, and the one of a worker that has yet to say how it has ended.
        remote_task::discard(roots);
    }

    pub(super) fn report(&self, worker: usize, outcome: Outcome, restarts: usize) {
        let report = WorkerReport {
            worker,
            outcome,
            restarts,
        };
        self.reports()[worker] = Some(report);
        self.ended.notify_all();
    }

    pub(super) fn reports(&self) -> MutexGuard<'_, Vec<Option<WorkerReport>>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ended(&self) -> &Condvar {
        &self.ended
    }
}

/// A random number: xorshift, a state for each thread.
fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    static SEED: AtomicU64 = AtomicU64::new(1);
    let mut state = STATE.get();
    if state == 0 {
        state = SEED.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    STATE.set(state);
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::task::{By, Task};
    use polliwog_core::__private::Origin;

    fn a_task() -> Queued {
        Task::new(By(|| async {}), 0, 0, Kind::Open, Origin::here::<()>())
    }

    #[test]
    fn of_two_workers_the_less_loaded_one_is_chosen() {
        let shared = Arc::new(Shared::new(2, 8));
        let home = Rc::new(Home {
            shared: Arc::clone(&shared),
            index: 0,
        });
        let _busy = Load::new(&home);
        assert!((0..100).all(|_| shared.choose() == 1));
        for kind in [Kind::Keyed, Kind::Open] {
            assert!(shared.workers.push(1, kind, a_task()).is_ok());
        }
        assert!((0..100).all(|_| shared.choose() == 0));
    }

    #[test]
    fn what_is_put_back_after_the_end_is_cancelled() {
        let shared = Shared::new(1, 1);
        let task = Task::new(By(|| async {}), 0, 0, Kind::Open, Origin::here::<()>());
        let queued: Queued = task.clone();
        let handle = task
            .queued(shared.workers.push(0, Kind::Open, queued))
            .unwrap();
        let (taken, kind) = shared.workers.take(0).unwrap();
        shared.put_back(0, kind, taken);
        let (taken, kind) = shared.workers.take(0).unwrap();
        shared.shut_down();
        assert!(!handle.is_finished());
        shared.put_back(0, kind, taken);
        assert!(handle.wait().unwrap_err().is_aborted());
        let refused = shared.workers.push(0, Kind::Open, a_task());
        assert_eq!(refused.map_err(|(why, _)| why), Err(SpawnErrorKind::Closed));
    }
}
