//! Waits for a task or a timer of another executor of this thread, which cannot run as long as the one that
//! waits keeps the thread: errors, but only where nobody runs that executor after all.
#![cfg(feature = "std")]

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::task::{FixedJoinSet, JoinSet};
use polliwog_core::time::{interval, sleep, timeout};
use polliwog_core::{Executor, JoinError, yield_now};

/// Ends the test program if a test lasts, as a wait that should not does. No timer of an executor: there is none that
/// could run anything.
struct Watch(#[allow(dead_code, reason = "dropped")] std::sync::mpsc::Sender<()>);

impl Watch {
    fn new() -> Self {
        let (sender, ends) = std::sync::mpsc::channel();
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        std::thread::spawn(move || {
            let ended = ends.recv_timeout(Duration::from_secs(60));
            if ended == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{name} waits for ever");
                std::process::abort();
            }
        });
        Self(sender)
    }
}

fn executor() -> Executor<ThreadReactor> {
    Executor::with_capacity(100, ThreadReactor::new())
}

/// The handle says so, whoever waits beside it, and gives the output when its executor has run.
#[test]
fn promise_19_a_task_of_an_executor_that_cannot_run_is_an_error() {
    let _watch = Watch::new();
    let (one, two) = (executor(), executor());
    let mut task = one.spawner().spawn(async { 5 }).unwrap();
    for _ in 0..3 {
        let end = two.block_on(&mut task);
        let error = end.unwrap_err();
        assert!(matches!(error, JoinError::NotRunning));
        assert!(!error.is_aborted() && !error.is_panic() && !error.to_string().is_empty());
    }
    // In a task, whose first poll was long ago.
    let waits = two.spawner().spawn(task).unwrap();
    two.run_until_stalled().unwrap();
    assert!(!waits.is_finished());
    let end = two.block_on(waits);
    assert!(matches!(end.unwrap(), Err(JoinError::NotRunning)));
    // It is detached by now, and not lost.
    assert_eq!(one.stats().live, 1);
    assert_eq!(one.run_until_stalled().unwrap(), 1);

    let mut task = one.spawner().spawn(async { 7 }).unwrap();
    assert!(two.block_on(&mut task).is_err());
    assert_eq!(one.block_on(&mut task).unwrap(), 7);
}

/// So do sets, which let the task go.
#[test]
fn sets_let_a_task_go_that_cannot_run() {
    let _watch = Watch::new();
    let (one, two) = (executor(), executor());
    let mut set = JoinSet::new();
    let mut few = FixedJoinSet::<_, 2>::new();
    set.spawn_on(async { 1 }, &one.spawner()).unwrap();
    few.spawn_on(async { 2 }, &one.spawner()).unwrap();
    two.block_on(async {
        let next = set.join_next().await;
        assert!(matches!(next, Some(Err(JoinError::NotRunning))));
        let next = few.join_next().await;
        assert!(matches!(next, Some(Err(JoinError::NotRunning))));
    });
    assert!(set.is_empty() && few.is_empty());
    assert_eq!(one.stats().live, 2);
    // The end of the former task is no other one's.
    set.spawn_on(async { 3 }, &one.spawner()).unwrap();
    one.block_on(async {
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
        assert!(set.join_next().await.is_none() && few.join_next().await.is_none());
        set.spawn(async { 4 }).unwrap();
        set.spawn(async { 5 }).unwrap();
        assert_eq!(set.len(), 2);
        assert_eq!(set.join_all().await, [4, 5]);
    });
}

/// A set lets only those go that cannot run; the others are waited for.
#[test]
fn a_set_of_several_executors_keeps_what_runs() {
    let _watch = Watch::new();
    let (one, two) = (executor(), executor());
    let mut set = JoinSet::new();
    let soon = || async {
        sleep(Duration::from_millis(5)).await;
        1
    };
    two.block_on(async {
        set.spawn(soon()).unwrap();
        set.spawn_on(async { 2 }, &one.spawner()).unwrap();
        set.spawn(soon()).unwrap();
        let mut ends = Vec::new();
        while let Some(end) = set.join_next().await {
            ends.push(end);
        }
        // In which order depends on how long the machine takes to come this far.
        let lost = |end: &&Result<i32, JoinError>| matches!(end, Err(JoinError::NotRunning));
        assert_eq!(ends.iter().filter(lost).count(), 1);
        assert_eq!(ends.iter().flatten().sum::<i32>(), 2);
    });
    assert_eq!(one.run_until_stalled().unwrap(), 1);
}

/// An executor that runs inside a task keeps the outer one from running.
#[test]
fn a_task_of_the_outer_executor_is_an_error_inside() {
    let _watch = Watch::new();
    let (outer, inner) = (executor(), executor());
    let task = outer.spawner().spawn(async {
        yield_now().await;
        5
    });
    let mut task = pin!(task.unwrap());
    outer.block_on(async {
        let end = inner.block_on(&mut task);
        assert!(matches!(end, Err(JoinError::NotRunning)));
        assert_eq!(task.await.unwrap(), 5);
    });
}

/// Each of many of them.
#[test]
fn each_of_many_is_an_error() {
    let _watch = Watch::new();
    let (one, two) = (executor(), executor());
    let waits: Vec<_> = (0..90)
        .map(|_| one.spawner().spawn(async {}).unwrap())
        .map(|task| two.spawner().spawn(task).unwrap())
        .collect();
    two.block_on(async {
        for wait in waits {
            let end = wait.await.unwrap();
            assert!(matches!(end, Err(JoinError::NotRunning)));
        }
    });
}

/// Where a task runs the other executor, or a caller runs both in turn, there is nothing wrong.
#[test]
fn an_executor_that_is_run_by_a_task_or_in_turn_is_waited_for() {
    let _watch = Watch::new();
    let (outer, inner) = (executor(), Rc::new(executor()));
    let guest = inner.clone();
    outer.block_on(async {
        let work = async {
            for _ in 0..3 {
                sleep(Duration::from_millis(1)).await;
            }
            5
        };
        let task = inner.spawner().spawn(work).unwrap();
        let drives = async {
            loop {
                guest.tick().unwrap();
                sleep(Duration::from_micros(100)).await;
            }
        };
        let mut drives = pin!(drives);
        let mut waits = pin!(task);
        let end = poll_fn(|cx| match drives.as_mut().poll(cx) {
            Poll::Ready(never) => never,
            Poll::Pending => waits.as_mut().poll(cx),
        });
        assert_eq!(end.await.unwrap(), 5);
    });

    // Also where no timer tells that it goes on: a thread does, a while later.
    outer.block_on(async {
        let task = inner.spawner().spawn(async {
            for _ in 0..5 {
                yield_now().await;
            }
            6
        });
        let mut waits = pin!(task.unwrap());
        let end = poll_fn(|cx| {
            guest.tick().unwrap();
            let waker = cx.waker().clone();
            let later = move || {
                std::thread::sleep(Duration::from_millis(10));
                waker.wake();
            };
            std::thread::spawn(later);
            waits.as_mut().poll(cx)
        });
        assert_eq!(end.await.unwrap(), 6);
    });

    let (one, two) = (executor(), executor());
    let task = one.spawner().spawn(async {
        for _ in 0..5 {
            yield_now().await;
        }
        7
    });
    let joined = two.spawner().spawn(task.unwrap()).unwrap();
    while !joined.is_finished() {
        two.run_until_stalled().unwrap();
        one.tick().unwrap();
    }
    assert_eq!(two.block_on(joined).unwrap().unwrap(), 7);
}

/// A sleep has no errors: it panics, polled for the first time or not, and also as part of something else.
#[test]
fn a_timer_of_an_executor_that_nobody_runs_panics() {
    let _watch = Watch::new();
    let (one, two) = (executor(), executor());
    let soon = Duration::from_millis(10);
    let (new, mut old, mut ticks) = one.block_on(async {
        let mut old = Box::pin(sleep(soon));
        assert!(poll_fn(|cx| Poll::Ready(old.as_mut().poll(cx).is_pending())).await);
        let mut ticks = interval(soon);
        ticks.tick().await;
        (Box::pin(sleep(soon)), old, ticks)
    });
    let panics = |future: &mut dyn FnMut()| {
        let payload = catch_unwind(AssertUnwindSafe(future)).unwrap_err();
        let message = payload.downcast_ref::<&str>().unwrap();
        assert!(message.contains("cannot run"), "{message}");
    };
    let mut new = Some(new);
    panics(&mut || two.block_on(new.take().unwrap()));
    panics(&mut || two.block_on(old.as_mut()));
    panics(&mut || {
        two.block_on(ticks.tick());
    });
    // At home it goes on.
    one.block_on(old);
}

/// What was sent to an executor of the same thread is waited for as what was spawned there.
#[test]
fn a_remote_handle_of_this_thread_is_an_error_and_one_of_another_thread_is_not() {
    let _watch = Watch::new();
    let (one, two) = (executor(), executor());
    let mut task = pin!(one.handle().spawn(async { 5 }).unwrap());
    let end = two.block_on(&mut task);
    assert!(matches!(end, Err(JoinError::NotRunning)));
    assert_eq!(one.block_on(task).unwrap(), 5);

    let (to_main, handles) = std::sync::mpsc::channel();
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let executor = executor();
        to_main.send(executor.handle()).unwrap();
        // Nobody runs it until the main thread waits.
        let _ = gone.recv();
        executor.run().unwrap();
    });
    let other = handles.recv().unwrap();
    let task = other.spawn(async { 7 }).unwrap();
    let opener = std::thread::spawn({
        let here = two.handle();
        move || {
            while !here.is_parked() {
                std::thread::yield_now();
            }
            drop(go);
        }
    });
    assert_eq!(two.block_on(task).unwrap(), 7);
    other.shutdown();
    thread.join().unwrap();
    opener.join().unwrap();
}

/// An executor that has something left to do may run the other one by that: a timer that is due some time, another task, or
/// another thread that wakes one.
#[test]
fn an_executor_that_may_be_run_later_is_waited_for() {
    let _watch = Watch::new();
    let soon = Duration::from_millis(5);
    for by_timer in [true, false] {
        let (one, two) = (Rc::new(executor()), executor());
        let task = one.spawner().spawn(async { 5 }).unwrap();
        let (done, mut told) = polliwog_core::sync::oneshot::channel::<()>();
        let runs = async move {
            if by_timer {
                sleep(soon).await;
            } else {
                (&mut told).await.unwrap();
            }
            one.run_until_stalled().unwrap();
        };
        let here = two.handle();
        let teller = std::thread::spawn(move || {
            // Not before the executor has nothing left but to wait.
            while !by_timer && !here.is_parked() {
                std::thread::yield_now();
            }
            done.send(()).ok();
        });
        let end = two.block_on(async {
            polliwog_core::spawn(runs).unwrap().detach();
            task.await
        });
        assert_eq!(end.unwrap(), 5);
        teller.join().unwrap();
    }

    // The one who waits may do it itself, by then or beside it.
    let (one, two) = (executor(), executor());
    let mut task = one.spawner().spawn(async { 7 }).unwrap();
    two.block_on(async {
        assert!(timeout(soon, &mut task).await.is_err());
        let mut runs = pin!(async {
            sleep(soon).await;
            one.run_until_stalled().unwrap();
        });
        let mut is_running = true;
        let end = poll_fn(|cx| {
            is_running = is_running && runs.as_mut().poll(cx).is_pending();
            pin!(&mut task).poll(cx)
        });
        assert_eq!(end.await.unwrap(), 7);
    });
}

/// Who has given up a wait is not one who waits.
#[test]
fn who_waits_no_longer_may_run_the_other_executor() {
    let _watch = Watch::new();
    let (one, two) = (Rc::new(executor()), executor());
    let [mut first, second] = [1, 2].map(|n| one.spawner().spawn(async move { n }).unwrap());
    let (done, told) = polliwog_core::sync::oneshot::channel::<()>();
    let runs = async move {
        assert!(poll_fn(|cx| Poll::Ready(pin!(&mut first).poll(cx).is_pending())).await);
        told.await.unwrap();
        one.run_until_stalled().unwrap();
        first.await
    };
    let here = two.handle();
    let teller = std::thread::spawn(move || {
        while !here.is_parked() {
            std::thread::yield_now();
        }
        done.send(()).ok();
    });
    let ends = two.block_on(async {
        let runs = polliwog_core::spawn(runs).unwrap();
        (second.await, runs.await)
    });
    assert_eq!((ends.0.unwrap(), ends.1.unwrap().unwrap()), (2, 1));
    teller.join().unwrap();
}
