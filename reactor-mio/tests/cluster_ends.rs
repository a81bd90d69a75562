//! Clusters at their ends: shutdowns in the middle of everything, panics where nobody expects one, and waits that
//! could not end.
// CI runs Windows' programs by Wine, where a process in which a destructor panics hangs as a whole.
#![cfg(not(windows))]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use polliwog_core::{JoinError, RemoteHandle, SpawnErrorKind, yield_now};
use polliwog_mio::block_on;
use polliwog_mio::cluster::{
    BlockOnError, Cluster, ClusterHandle, Outcome, PanicPolicy, PerWorker, Worker, WorkerReport,
};

fn cluster(workers: usize) -> Cluster {
    Cluster::builder().workers(workers).build().unwrap()
}

fn kinds(reports: &[WorkerReport]) -> Vec<&'static str> {
    let kind = |report: &WorkerReport| match report.outcome {
        Outcome::Stopped => "stopped",
        Outcome::Panicked(_) => "panicked",
        Outcome::Unfinished => "unfinished",
        _ => "other",
    };
    reports.iter().map(kind).collect()
}

/// Its destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("bomb");
        }
    }
}

/// Runs `f` on a thread and gives its result, if it comes to one.
fn in_time<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(f()));
    let result = receive.recv_timeout(Duration::from_secs(60));
    result.expect("it should have come to an end")
}

#[test]
fn a_root_whose_destructor_panics_keeps_no_one_from_joining() {
    in_time(|| {
        let cluster = cluster(2);
        let bomb = Bomb;
        cluster
            .run(move |worker| {
                let _ = &bomb;
                async move {
                    assert_ne!(worker.index(), 0, "quak");
                }
            })
            .unwrap();
        let reports = cluster.join();
        assert_eq!(kinds(&reports)[0], "panicked");
    });
    // And by hand, on a thread that is no worker.
    let cluster = cluster(1);
    let bomb = Bomb;
    cluster
        .run(move |_| {
            let _ = &bomb;
            async {}
        })
        .unwrap();
    cluster.block_on(async {}).unwrap();
    cluster.shutdown();
    assert_eq!(cluster.join().len(), 1);
}

#[test]
fn what_a_worker_has_thrown_may_be_a_bomb() {
    in_time(|| {
        let cluster = Cluster::builder()
            .workers(1)
            .on_panic(PanicPolicy::Restart { limit: 2 })
            .on_stop(|_| std::panic::panic_any(Bomb))
            .build()
            .unwrap();
        cluster
            .run(|_| async { std::panic::panic_any(Bomb) })
            .unwrap();
        // The worker may have begun for the last time by now, and ended.
        let _ = cluster.run(|_| async { std::panic::panic_any(Bomb) });
        let mut reports = cluster.join();
        assert_eq!(
            (kinds(&reports), reports[0].restarts),
            (vec!["panicked"], 2)
        );
        let Outcome::Panicked(panic) = reports.remove(0).outcome else {
            unreachable!()
        };
        std::mem::forget(panic.into_payload());
    });
}

#[test]
fn a_hook_that_panics_is_the_workers_panic() {
    for hook in ["start", "stop", "park", "unpark"] {
        let mut builder = Cluster::builder().workers(2);
        let panics = move |worker: usize| assert_ne!(worker, 1, "quak");
        builder = match hook {
            "start" => builder.on_start(panics),
            "stop" => builder.on_stop(panics),
            "park" => builder.on_park(panics),
            _ => builder.on_unpark(panics),
        };
        let cluster = builder.build().unwrap();
        if hook == "stop" {
            cluster.shutdown();
        }
        if hook == "unpark" {
            // It wakes up for one of these, as soon as one finds it asleep.
            while let Ok(task) = cluster.spawn_on(1, async {}) {
                task.detach();
                thread::sleep(Duration::from_millis(1));
            }
        }
        let reports = in_time(move || cluster.join());
        assert_eq!(kinds(&reports), ["stopped", "panicked"], "{hook}");
    }
}

#[test]
fn hooks_go_round_a_sleep() {
    let counts = Arc::new(Mutex::new([(0, 0); 2]));
    let (parks, unparks) = (Arc::clone(&counts), Arc::clone(&counts));
    let cluster = Cluster::builder()
        .workers(2)
        .on_park(move |worker| {
            assert_eq!(Worker::current().unwrap().index(), worker);
            parks.lock().unwrap()[worker].0 += 1;
        })
        .on_unpark(move |worker| {
            let mut counts = unparks.lock().unwrap();
            counts[worker].1 += 1;
            assert_eq!(counts[worker].0, counts[worker].1);
        })
        .build()
        .unwrap();
    for round in 0..100 {
        cluster
            .spawn_on(round % 2, async {})
            .unwrap()
            .wait()
            .unwrap();
    }
    cluster.shutdown();
    cluster.join();
    for (parks, unparks) in *counts.lock().unwrap() {
        assert!(parks >= 1 && (parks == unparks || parks == unparks + 1));
    }
}

#[test]
fn what_a_park_hook_spawns_or_wakes_runs_before_the_worker_sleeps() {
    in_time(|| {
        let (send, ran) = mpsc::channel();
        let send = Mutex::new(Some(send));
        let cluster = Cluster::builder()
            .workers(1)
            .on_park(move |_| {
                let Some(send) = send.lock().unwrap().take() else {
                    return;
                };
                let task = polliwog_core::spawn(async move {
                    yield_now().await;
                    send.send(()).unwrap();
                });
                task.unwrap().detach();
            })
            .build()
            .unwrap();
        // Nobody wakes the worker but its hook.
        ran.recv().unwrap();
        drop(cluster);
    });
}

#[test]
fn every_handle_hears_of_its_task_however_it_comes_to_a_shutdown() {
    for round in 0..8 {
        let cluster = cluster(3);
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let handle = cluster.handle();
                thread::spawn(move || {
                    let (mut done, mut aborted) = (0, 0);
                    let mut tasks: Vec<RemoteHandle<()>> = Vec::new();
                    loop {
                        if tasks.len() > 1000 {
                            // Enough, to be joined later on a busy machine.
                            thread::sleep(Duration::from_millis(1));
                        }
                        let task = async {
                            for _ in 0..3 {
                                yield_now().await;
                            }
                        };
                        let spawned = match tasks.len() % 3 {
                            0 => handle.spawn(task),
                            1 => handle.spawn_keyed(tasks.len() as u64, task),
                            _ => handle.spawn_on(thread, task),
                        };
                        match spawned {
                            Ok(task) => tasks.push(task),
                            Err(refused) => {
                                assert_eq!(refused.kind(), SpawnErrorKind::Closed);
                                break;
                            }
                        }
                    }
                    for task in tasks {
                        match task.wait() {
                            Ok(()) => done += 1,
                            Err(JoinError::Aborted) => aborted += 1,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    (done, aborted)
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(round % 4));
        let handle = cluster.handle();
        // From two sides at once.
        let other = thread::spawn(move || handle.shutdown());
        drop(cluster);
        other.join().unwrap();
        for thread in threads {
            in_time(move || thread.join().unwrap());
        }
    }
}

#[test]
fn tasks_that_abort_each_other_across_workers_both_end() {
    let cluster = cluster(2);
    for _ in 0..200 {
        let meet = Arc::new([const { Mutex::new(None) }; 2]);
        let started = Arc::new(AtomicUsize::new(0));
        let tasks = [0, 1].map(|worker| {
            let (meet, started) = (Arc::clone(&meet), Arc::clone(&started));
            let task = async move {
                started.fetch_add(1, Ordering::SeqCst);
                loop {
                    let other: Option<polliwog_core::RemoteAbortHandle> =
                        meet[1 - worker].lock().unwrap().take();
                    if let Some(other) = other {
                        other.abort();
                    }
                    yield_now().await;
                }
            };
            cluster.spawn_on(worker, task).unwrap()
        });
        for (place, task) in meet.iter().zip(&tasks) {
            *place.lock().unwrap() = Some(task.abort_handle());
        }
        // One at least has been aborted, the other one by it or, if it was too late for that, here.
        let [one, other] = tasks;
        let abort = [one.abort_handle(), other.abort_handle()];
        while !abort.iter().any(|task| task.is_finished()) {
            thread::yield_now();
        }
        abort.iter().for_each(|task| task.abort());
        in_time(move || {
            assert!(one.wait().unwrap_err().is_aborted());
            assert!(other.wait().unwrap_err().is_aborted());
        });
    }
}

#[test]
fn handles_dropped_on_other_threads_leave_their_tasks_alone() {
    let cluster = cluster(2);
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..100)
        .map(|n| {
            let count = Arc::clone(&done);
            let task = cluster.spawn_on(n % 2, async move {
                yield_now().await;
                count.fetch_add(1, Ordering::SeqCst);
                // Dropped with the handle, wherever that is.
                vec![0; 100]
            });
            thread::spawn(move || drop(task))
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    in_time(move || {
        while done.load(Ordering::SeqCst) < 100 {
            thread::yield_now();
        }
    });
    drop(cluster);
}

#[test]
fn promise_19_a_worker_does_not_wait_for_itself() {
    in_time(|| {
        let cluster = cluster(2);
        let handle = cluster.handle();
        let waits = async move {
            let index = Worker::current().unwrap().index();
            // Blocking, for whatever task of the cluster.
            let own = handle.spawn_on(index, async {}).unwrap().wait();
            assert!(matches!(own, Err(JoinError::NotRunning)), "{own:?}");
            let other = handle.spawn_on(1 - index, async {
                pending::<()>().await;
            });
            let other = other.unwrap().wait();
            assert!(matches!(other, Err(JoinError::NotRunning)), "{other:?}");
            assert!(matches!(
                handle.block_on(async {}),
                Err(BlockOnError::OnWorker)
            ));
            // By a runtime within the worker: it ends if somebody else comes to the task.
            let elsewhere = block_on(handle.spawn_on(1 - index, async { 7 }).unwrap());
            assert_eq!(elsewhere.unwrap(), 7);
            let anywhere = block_on(handle.spawn(async { 7 }).unwrap());
            assert_eq!(anywhere.unwrap(), 7);
            let mut here = handle.spawn_on(index, async { 7 }).unwrap();
            let never = block_on(&mut here);
            assert!(matches!(never, Err(JoinError::NotRunning)), "{never:?}");
            assert_eq!(here.await.unwrap(), 7);
        };
        cluster.spawn_on(0, waits).unwrap().wait().unwrap();

        let single = self::cluster(1);
        let handle = single.handle();
        let waits = async move {
            let mut anywhere = handle.spawn(async { 7 }).unwrap();
            let never = block_on(&mut anywhere);
            assert!(matches!(never, Err(JoinError::NotRunning)), "{never:?}");
            assert_eq!(anywhere.await.unwrap(), 7);
            // One that has started.
            let mut started = handle.spawn(pending::<()>()).unwrap();
            handle.spawn(async {}).unwrap().await.unwrap();
            let never = block_on(&mut started);
            assert!(matches!(never, Err(JoinError::NotRunning)), "{never:?}");
            started.abort();
            assert!(started.await.unwrap_err().is_aborted());
        };
        single.spawn(waits).unwrap().wait().unwrap();
    });
}

#[test]
fn clusters_within_clusters() {
    let outer = cluster(2);
    let nested = || async {
        let here = Worker::current().unwrap().index();
        let inner = self::cluster(2);
        let handle = inner.handle();
        // The outer cluster's worker is none of the inner one's, so it may block on it.
        let there = inner.block_on(async move {
            let mut workers = Vec::new();
            for worker in 0..2 {
                let there = handle.spawn_on(worker, async { Worker::current().unwrap().index() });
                workers.push(there.unwrap().await.unwrap());
            }
            workers
        });
        assert_eq!(there.unwrap(), [0, 1]);
        assert_eq!(Worker::current().unwrap().index(), here);
        inner.shutdown();
        kinds(&inner.join()).len()
    };
    let tasks = [0, 1].map(|worker| outer.spawn_on_with(worker, nested).unwrap());
    in_time(move || {
        for task in tasks {
            assert_eq!(task.wait().unwrap(), 2);
        }
    });
}

#[test]
fn sixty_four_workers_on_whatever_cpus_there_are() {
    let cluster = cluster(64);
    let handle = cluster.handle();
    let ended = in_time(move || {
        let tasks: Vec<_> = (0..6400)
            .map(|n| {
                let handle = handle.clone();
                let task = async move {
                    yield_now().await;
                    let next = handle.spawn_on((n * 7) % 64, async move { n });
                    next.unwrap().await.unwrap()
                };
                match n % 2 {
                    0 => cluster.spawn(task).unwrap(),
                    _ => cluster.spawn_keyed(n as u64, task).unwrap(),
                }
            })
            .collect();
        let sum: usize = tasks.into_iter().map(|task| task.wait().unwrap()).sum();
        cluster.shutdown();
        (sum, cluster.join())
    });
    assert_eq!(ended.0, 6400 * 6399 / 2);
    assert_eq!(kinds(&ended.1), ["stopped"; 64]);
}

#[test]
fn destructors_at_the_end_find_their_worker_and_may_panic() {
    struct Last(Arc<Mutex<Vec<String>>>, PerWorker<Cell<u32>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let worker = Worker::current().map(|worker| worker.index());
            let value = self.1.try_with(|value| value.replace(value.get() + 1));
            let refused = Worker::current().map(|worker| {
                let spawned = worker.cluster().spawn(async {});
                spawned.map(drop).unwrap_err().kind()
            });
            let line = format!("{worker:?} {value:?} {refused:?}");
            self.0.lock().unwrap().push(line);
            panic!("quak");
        }
    }
    let lines = Arc::new(Mutex::new(Vec::new()));
    let cluster = cluster(1);
    let values = PerWorker::new(&cluster, |_| Cell::new(5));
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let last = (Arc::clone(&lines), values.clone());
            let task = move || async move {
                let _last = Last(last.0, last.1);
                pending::<()>().await;
            };
            cluster.spawn_on_with(0, task).unwrap()
        })
        .collect();
    cluster.spawn_on(0, async {}).unwrap().wait().unwrap();
    cluster.shutdown();
    let reports = in_time(move || cluster.join());
    assert_eq!(reports.len(), 1);
    for task in tasks {
        assert!(task.wait().is_err());
    }
    let lines = lines.lock().unwrap();
    assert_eq!(
        *lines,
        [
            "Some(0) Ok(5) Some(Closed)".to_owned(),
            "Some(0) Ok(6) Some(Closed)".to_owned()
        ]
    );
}

#[test]
fn a_closure_that_waits_is_dropped_once_and_quietly() {
    let cluster = cluster(1);
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let blocked = cluster.spawn(async move {
        begin.send(()).unwrap();
        let _ = released.recv();
    });
    begun.recv().unwrap();
    let (one, other) = (Bomb, Bomb);
    let aborted = cluster.spawn(async move { drop(one) }).unwrap();
    let waiting = cluster.spawn(async move { drop(other) }).unwrap();
    aborted.abort();
    assert!(aborted.wait().unwrap_err().is_aborted());
    cluster.shutdown();
    assert!(waiting.wait().unwrap_err().is_aborted());
    drop(release);
    drop(blocked);
    assert_eq!(kinds(&in_time(move || cluster.join())), ["stopped"]);
}

#[test]
fn a_thread_local_that_holds_a_cluster_lets_its_thread_end() {
    thread_local! {
        static KEPT: RefCell<Option<Rc<Cluster>>> = const { RefCell::new(None) };
    }
    let handle = thread::spawn(|| {
        let cluster = Rc::new(cluster(2));
        let handle = cluster.handle();
        KEPT.set(Some(cluster));
        handle
    });
    let handle = in_time(move || handle.join().unwrap());
    assert!(handle.is_shut_down());
}

/// What a thread drops when it ends may be the last to use a cluster.
#[test]
fn a_cluster_is_entered_by_what_the_end_of_a_thread_drops() {
    struct Last(ClusterHandle);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.enter(|| assert!(ClusterHandle::current().is_some()));
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let cluster = cluster(1);
    let handle = cluster.handle();
    let ended = thread::spawn(move || {
        // The first that is made goes last, on Linux.
        LAST.set(Some(Last(handle.clone())));
        handle.enter(|| ());
    });
    ended.join().unwrap();
}
