//! `Executor::step`: an executor in a loop that is somebody else's.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use polliwog_core::time::sleep;
use polliwog_core::{Deadline, Executor, Instant, Reactor, RunError, TaskPool, spawn, yield_now};

/// Counts how often it is called.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Hand {
    now: Cell<Instant>,
    bell: Arc<Bell>,
    hasty: bool,
}

impl Hand {
    fn rung(&self) -> usize {
        self.bell.0.swap(0, Ordering::SeqCst)
    }
}

impl Reactor for Hand {
    type Error = Infallible;

    fn now(&self) -> Instant {
        self.now.get()
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        assert_eq!(until, Deadline::Now, "a step never waits");
        Ok(())
    }

    fn unparker(&self) -> Waker {
        self.bell.clone().into()
    }

    fn waits_for_threads(&self) -> bool {
        !self.hasty
    }
}

fn executor() -> Executor<Hand> {
    Executor::with_capacity(100, Hand::default())
}

fn secluded() -> Executor<Hand> {
    Executor::secluded(100, Hand::default())
}

#[test]
fn tells_when_to_call_again() {
    let executor = executor();
    assert_eq!(executor.step().unwrap(), Deadline::Never);
    let log = Rc::new(RefCell::new(Vec::new()));
    let told = log.clone();
    let task = executor.spawner().spawn(async move {
        told.borrow_mut().push("begun");
        yield_now().await;
        told.borrow_mut().push("yielded");
        sleep(Duration::from_secs(3)).await;
        told.borrow_mut().push("slept");
    });
    assert_eq!(executor.step().unwrap(), Deadline::Now);
    let due = Instant::from_millis(3000);
    assert_eq!(executor.step().unwrap(), Deadline::At(due));
    assert_eq!(executor.step().unwrap(), Deadline::At(due));
    assert_eq!(*log.borrow(), ["begun", "yielded"]);
    executor.reactor().now.set(due);
    assert_eq!(executor.step().unwrap(), Deadline::Never);
    assert_eq!(*log.borrow(), ["begun", "yielded", "slept"]);
    assert!(task.unwrap().is_finished());
}

#[test]
fn a_wake_from_outside_rings_once() {
    let executor = executor();
    let place: Rc<RefCell<Option<Waker>>> = Rc::default();
    let polls = Rc::new(Cell::new(0));
    let (leaves, counts) = (place.clone(), polls.clone());
    let waits = poll_fn(move |cx| {
        counts.set(counts.get() + 1);
        *leaves.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    });
    let _task = executor.spawner().spawn(waits).unwrap();
    assert_eq!(executor.step().unwrap(), Deadline::Never);
    assert_eq!((polls.get(), executor.reactor().rung()), (1, 0));
    let waker = place.borrow().clone().unwrap();
    // Whoever wakes: this thread, another executor's task, another thread.
    for who in 0..3 {
        let waker = waker.clone();
        match who {
            0 => (waker.wake_by_ref(), waker.wake()).0,
            1 => self::executor().block_on_step(async move { waker.wake() }),
            _ => thread::spawn(move || waker.wake()).join().unwrap(),
        }
        assert_eq!(executor.reactor().rung(), 1, "{who}");
        let before = polls.get();
        assert_eq!(executor.step().unwrap(), Deadline::Never);
        assert_eq!(
            (polls.get(), executor.reactor().rung()),
            (before + 1, 0),
            "{who}"
        );
    }
    // While it runs, nobody has to ring.
    let waker = place.borrow().clone().unwrap();
    executor
        .spawner()
        .spawn(async move { waker.wake() })
        .unwrap()
        .detach();
    assert_eq!(executor.step().unwrap(), Deadline::Now);
    assert_eq!(executor.reactor().rung(), 0);
}

trait BlockOnStep {
    fn block_on_step(&self, future: impl Future<Output = ()> + 'static);
}

impl BlockOnStep for Executor<Hand> {
    fn block_on_step(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.spawner().spawn(future).unwrap();
        while !task.is_finished() {
            self.step().unwrap();
        }
    }
}

#[test]
fn a_task_sent_by_a_handle_rings() {
    let executor = executor();
    assert_eq!(executor.step().unwrap(), Deadline::Never);
    let handle = executor.handle();
    let task = thread::spawn(move || handle.spawn(async { 7 }).unwrap())
        .join()
        .unwrap();
    assert_eq!(executor.reactor().rung(), 1);
    executor.step().unwrap();
    assert!(task.is_finished());
}

#[test]
fn within_a_task_it_is_an_error() {
    let executor = Rc::new(executor());
    let (inner, result) = (executor.clone(), Rc::new(Cell::new(None)));
    let told = result.clone();
    let task = async move {
        told.set(Some(matches!(inner.step(), Err(RunError::Nested))));
        spawn(pending::<()>()).unwrap().detach();
    };
    executor.spawner().spawn(task).unwrap().detach();
    while executor.step().unwrap() == Deadline::Now {}
    assert_eq!(result.get(), Some(true));
}

/// Has the task that is polled woken by another thread.
fn woken_by_a_thread(executor: &Executor<Hand>) {
    let mut first = true;
    let twice = poll_fn(move |cx| {
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake()).join().unwrap();
        match std::mem::take(&mut first) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    });
    executor.spawner().spawn(twice).unwrap().detach();
    assert_eq!(executor.step().unwrap(), Deadline::Now);
}

/// Whoever would start a thread for a task asks, wherever the executor's memory is; and the next one in it is another.
#[test]
fn an_executor_whose_reactor_waits_for_no_thread_says_so() {
    static POOL: TaskPool<4, 256> = TaskPool::new();
    for hasty in [true, false, true] {
        let hand = || Hand {
            hasty,
            ..Hand::default()
        };
        let heap = Executor::with_capacity(100, hand());
        assert_eq!(heap.handle().is_secluded(), hasty);
        let pool = Executor::new(&POOL, hand()).unwrap();
        assert_eq!(pool.handle().is_secluded(), hasty);
        // Nobody is told of more wakes than otherwise.
        woken_by_a_thread(&heap);
        assert_eq!(heap.reactor().rung(), 0);
    }
}

#[test]
fn the_reactor_of_a_secluded_executor_is_told_of_each_wake_by_a_thread() {
    let (usual, secluded) = (executor(), secluded());
    let rung = |executor: &Executor<Hand>| {
        woken_by_a_thread(executor);
        let woken = executor.reactor().rung();
        let handle = executor.handle();
        assert_eq!(handle.is_secluded(), woken > 0);
        thread::spawn(move || drop(handle.spawn(async {}).unwrap()))
            .join()
            .unwrap();
        (woken, executor.reactor().rung() > 0)
    };
    assert_eq!(rung(&usual), (0, false), "it runs, and looks again");
    assert_eq!(rung(&secluded), (1, true));
    let handle = secluded.handle();
    while secluded.step().unwrap() == Deadline::Now {}
    // Nobody is told of what its own thread does.
    secluded.reactor().rung();
    let own = secluded.enter(|| spawn(yield_now())).unwrap();
    while secluded.step().unwrap() == Deadline::Now {}
    assert!(own.is_finished());
    assert_eq!(secluded.reactor().rung(), 0);
    drop((own, secluded));
    assert!(!handle.is_secluded());
    // Whoever has its memory next is not.
    let executors: Vec<_> = (0..3).map(|_| executor()).collect();
    assert!(executors.iter().all(|next| !next.handle().is_secluded()));
}

/// A waker of a task that waits, for each of these.
fn waiting(executors: &[Executor<Hand>]) -> Vec<Waker> {
    let wakers = Rc::new(RefCell::new(Vec::new()));
    for executor in executors {
        let kept = wakers.clone();
        let task = poll_fn(move |cx| {
            kept.borrow_mut().push(cx.waker().clone());
            Poll::<()>::Pending
        });
        executor.spawner().spawn(task).unwrap().detach();
        assert_eq!(executor.step().unwrap(), Deadline::Never);
    }
    wakers.take()
}

/// A waker of a task that has ended with its executor, for each of these.
fn stale(executors: [Executor<Hand>; 4]) -> Vec<Waker> {
    waiting(&executors)
}

#[test]
fn a_secluded_executor_hears_nothing_of_those_before_it() {
    let usual = stale([(); 4].map(|()| executor()));
    let own = stale([(); 4].map(|()| secluded()));
    let executors = [(); 8].map(|()| secluded());
    let wake = |wakers: Vec<Waker>| wakers.iter().for_each(Waker::wake_by_ref);
    thread::spawn(move || wake(usual)).join().unwrap();
    assert!(executors.iter().all(|next| next.reactor().rung() == 0));
    drop(executors);
    // Nor of those of another thread, which that may wake.
    thread::scope(|scope| {
        let (made, wait) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (tell, waited) = (made.clone(), wait.clone());
        let other = scope.spawn(move || {
            let executors = [(); 8].map(|()| secluded());
            tell.wait();
            waited.wait();
            executors.iter().all(|next| next.reactor().rung() == 0)
        });
        made.wait();
        wake(own);
        wait.wait();
        assert!(other.join().unwrap());
    });
}

#[test]
fn secluded_executors_of_a_thread_use_their_memory_again() {
    let wakers = || stale([(); 4].map(|()| secluded()));
    let slots = |wakers: Vec<Waker>| wakers.iter().map(Waker::data).collect::<BTreeSet<_>>();
    let first = slots(wakers());
    assert_eq!(first.len(), 4);
    assert_eq!(first, slots(wakers()));
}

/// Who takes the announcement of a park has to unpark, which a handle of a former executor does not.
#[test]
fn a_stale_handle_takes_no_park_from_who_has_the_memory_now() {
    let former = [(); 4].map(|()| executor());
    let handles = former.each_ref().map(Executor::handle);
    drop(former);
    let executors = [(); 8].map(|()| executor());
    let wakers = waiting(&executors);
    for handle in handles {
        assert!(!handle.shutdown());
        handle.spawn(async {}).unwrap_err();
    }
    let wake = move || wakers.into_iter().for_each(Waker::wake);
    thread::spawn(wake).join().unwrap();
    assert!(executors.iter().all(|next| next.reactor().rung() == 1));
}
