//! The queues of a cluster's workers between threads: placement, take-over, hand-over, and who is rung for.

use core::future::poll_fn;
use core::task::{Context, Poll};
use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};
use std::vec::Vec;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use super::Parker;
use crate::executor::SpawnErrorKind;
use crate::workers::{Kind, Workers};
use crate::{Deadline, Executor, Instant, Reactor};

fn workers<T>(count: usize) -> Arc<Workers<T>> {
    Arc::new(Workers::new(count, 8))
}

fn bounded(preemptions: usize) -> loom::model::Builder {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model
}

/// Something that is to have exactly one end, such as a socket on its way, and how often it has had one.
struct Parcel(Arc<AtomicUsize>);

impl Drop for Parcel {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Wakes a thread that waits with a parker.
struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

/// What a worker's thread does, without an executor, until it has a task or the queues are closed.
fn work(workers: &Workers<usize>, worker: usize, closed: &AtomicBool) -> Option<usize> {
    let parker = Arc::new(Parker::new());
    let waker: Waker = StdArc::new(Unpark(parker.clone())).into();
    let mut cx = Context::from_waker(&waker);
    loop {
        workers.look(worker);
        if closed.load(Ordering::Acquire) {
            return None;
        }
        if let Some((task, _)) = workers.take(worker) {
            return Some(task);
        }
        if workers.poll_work(worker, &mut cx).is_pending() {
            parker.park();
        }
    }
}

/// A task that is queued while its worker ends is refused, ended or taken, one of them, and what it was to be made of
/// is there or dropped once; so is one that the worker puts back.
#[test]
fn a_task_placed_while_its_worker_ends_has_one_end() {
    for kind in [Kind::Open, Kind::Keyed] {
        bounded(4).check(move || {
            let workers = workers::<Parcel>(1);
            let drops = Arc::new(AtomicUsize::new(0));
            let pusher = {
                let (workers, parcel) = (workers.clone(), Parcel(drops.clone()));
                thread::spawn(move || match workers.push(0, kind, parcel) {
                    Ok(()) => false,
                    Err((refusal, parcel)) => {
                        assert_eq!(refusal, SpawnErrorKind::Closed);
                        assert_eq!(parcel.0.load(Ordering::Relaxed), 0);
                        true
                    }
                })
            };
            let closer = {
                let workers = workers.clone();
                thread::spawn(move || {
                    let mut ended = 0;
                    workers.close(|parcel| {
                        drop(parcel);
                        ended += 1;
                    });
                    ended
                })
            };
            // The worker has no room for what it takes.
            let mut kept = 0;
            if let Some((parcel, kind)) = workers.take(0) {
                kept = usize::from(workers.put_back(0, kind, parcel).is_err());
            }
            let refused = usize::from(pusher.join().unwrap());
            let ended = closer.join().unwrap();
            // What is left is left nowhere.
            assert!(workers.take(0).is_none());
            assert_eq!(workers.load(0), 0);
            assert_eq!(refused + ended + kept, 1);
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        });
    }
}

/// Two workers that take over from one backlog: each task goes to one of them, in the order in which they were queued.
#[test]
fn two_workers_take_over_from_one_backlog() {
    bounded(4).check(|| {
        let workers = workers::<usize>(3);
        for task in 0..3 {
            assert!(workers.push(0, Kind::Open, task).is_ok());
        }
        assert!(workers.push(0, Kind::Keyed, 7).is_ok());
        let others = [1, 2].map(|worker| {
            let workers = workers.clone();
            let take = move || workers.take(worker).map(|(task, _)| task);
            thread::spawn(move || [take(), take()])
        });
        let mut all = Vec::new();
        for other in others {
            let taken = other.join().unwrap();
            let taken: Vec<usize> = taken.into_iter().flatten().collect();
            assert!(taken.is_sorted(), "{taken:?}");
            all.extend(taken);
        }
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
        // What is for the worker alone is left to it.
        assert_eq!(workers.take(0), Some((7, Kind::Keyed)));
        assert_eq!(workers.load(0), 0);
    });
}

/// W1: behind a task that does not end, no other waits while a worker could come to it; whichever worker has the one,
/// the other one comes.
#[test]
fn no_task_waits_behind_a_busy_worker() {
    bounded(2).check(|| {
        let workers = workers::<usize>(2);
        // Each worker is busy for ever with the first task that it has.
        let threads = [0, 1].map(|worker| {
            let workers = workers.clone();
            thread::spawn(move || work(&workers, worker, &AtomicBool::new(false)))
        });
        for task in 0..2 {
            assert!(workers.push(0, Kind::Open, task).is_ok());
        }
        let taken = threads.map(|thread| thread.join().unwrap());
        assert!(taken == [Some(0), Some(1)] || taken == [Some(1), Some(0)]);
    });
}

/// A worker that is rung for while it is about to wait does not wait, whatever was queued before; the end is one such
/// ring.
#[test]
fn a_ring_is_heard_around_a_wait() {
    bounded(4).check(|| {
        let workers = workers::<usize>(1);
        let closed = Arc::new(AtomicBool::new(false));
        let worker = {
            let (workers, closed) = (workers.clone(), closed.clone());
            thread::spawn(move || {
                let mut taken = 0;
                while work(&workers, 0, &closed).is_some() {
                    taken += 1;
                }
                taken
            })
        };
        let queued = workers.push(0, Kind::Keyed, 1).is_ok();
        closed.store(true, Ordering::Release);
        let mut left = 0;
        workers.close(|_| left += 1);
        workers.ring_all();
        let taken = worker.join().unwrap();
        assert!(queued);
        assert_eq!(taken + left, 1);
    });
}

/// A reactor that counts how often its executor parks and is unparked.
struct Counted {
    parker: Arc<Parker>,
    unparks: Arc<AtomicUsize>,
    parks: Arc<AtomicUsize>,
}

struct CountedUnpark(Arc<Parker>, Arc<AtomicUsize>);

impl Wake for CountedUnpark {
    fn wake(self: StdArc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.unpark();
    }
}

impl Reactor for Counted {
    type Error = core::convert::Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, until: Deadline) -> Result<(), Self::Error> {
        if until == Deadline::Never {
            self.parks.fetch_add(1, Ordering::Relaxed);
            self.parker.park();
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        StdArc::new(CountedUnpark(self.parker.clone(), self.unparks.clone())).into()
    }
}

fn counted_executor() -> (Executor<Counted>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (unparks, parks) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let reactor = Counted {
        parker: Arc::new(Parker::new()),
        unparks: unparks.clone(),
        parks: parks.clone(),
    };
    (Executor::with_capacity(2, reactor), unparks, parks)
}

/// Two that queue a task each may both find its worker parked, and ring for nobody else; that one has to pass on what
/// it leaves.
#[test]
fn who_leaves_a_task_behind_rings_on() {
    bounded(1).check(|| {
        let workers = workers::<usize>(2);
        let (executor, ..) = counted_executor();
        workers.set_handle(0, Some(executor.handle()));
        // The other worker waits, from the start.
        let other = Arc::new(Parker::new());
        let waker: Waker = StdArc::new(Unpark(other.clone())).into();
        let waits = workers.poll_work(1, &mut Context::from_waker(&waker));
        assert!(waits.is_pending());
        let pushers = [0, 1].map(|task| {
            let workers = workers.clone();
            thread::spawn(move || assert!(workers.push(0, Kind::Open, task).is_ok()))
        });
        let taken = executor.block_on(poll_fn(|cx| {
            loop {
                workers.look(0);
                if let Some((task, _)) = workers.take(0) {
                    return Poll::Ready(task);
                }
                if workers.poll_work(0, cx).is_pending() {
                    return Poll::Pending;
                }
            }
        }));
        // It has its task for ever: it does not look again. So the other one is rung for.
        other.park();
        workers.look(1);
        for pusher in pushers {
            pusher.join().unwrap();
        }
        assert_eq!(workers.take(1), Some((1 - taken, Kind::Open)));
        drop(executor);
    });
}

/// A burst of tasks from one thread for a worker that is parked unparks it once: as often as it parks at most, and it
/// comes to all of them.
#[test]
fn a_burst_unparks_a_worker_once() {
    bounded(2).check(|| {
        let workers = workers::<usize>(1);
        let (executor, unparks, parks) = counted_executor();
        workers.set_handle(0, Some(executor.handle()));
        let pusher = {
            let workers = workers.clone();
            thread::spawn(move || {
                for task in 0..3 {
                    assert!(workers.push(0, Kind::Open, task).is_ok());
                }
            })
        };
        let mut taken = 0;
        executor.block_on(poll_fn(|cx| {
            loop {
                workers.look(0);
                while let Some((task, _)) = workers.take(0) {
                    assert_eq!(task, taken);
                    taken += 1;
                }
                if taken == 3 {
                    return Poll::Ready(());
                }
                if workers.poll_work(0, cx).is_pending() {
                    return Poll::Pending;
                }
            }
        }));
        pusher.join().unwrap();
        assert!(unparks.load(Ordering::Relaxed) <= parks.load(Ordering::Relaxed));
        drop(executor);
    });
}
