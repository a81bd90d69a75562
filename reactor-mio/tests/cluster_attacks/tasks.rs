//! Tasks and values: spawned, taken over, aborted, started again.

use super::*;

#[test]
fn ten_thousand_closures_from_four_threads_some_aborted_each_have_one_end() {
    in_time(|| {
        let alive = Arc::new(AtomicUsize::new(0));
        let cluster = cluster(3);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (handle, alive) = (cluster.handle(), Arc::clone(&alive));
                thread::spawn(move || {
                    let spawn = |n: usize| {
                        let counted = Counted::new(&alive);
                        let make = move || async move {
                            let local = Rc::new(counted);
                            for _ in 0..n % 4 {
                                yield_now().await;
                            }
                            drop(local);
                            n
                        };
                        let task = handle.spawn_with(make).unwrap();
                        if n % 3 == 0 {
                            task.abort();
                        }
                        if n % 5 == 0 {
                            task.abort_handle().abort();
                        }
                        task
                    };
                    let tasks: Vec<_> = (0..2500).map(spawn).collect();
                    let ends = tasks.into_iter().enumerate().map(|(n, task)| {
                        match (task.wait(), n % 3 == 0 || n % 5 == 0) {
                            (Ok(output), _) => assert_eq!(output, n),
                            (Err(JoinError::Aborted), true) => {}
                            (Err(error), _) => panic!("{error}"),
                        }
                    });
                    ends.count()
                })
            })
            .collect();
        let ends: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(ends, 10_000);
        drop(cluster);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn spawns_from_outside_cross_a_shutdown_and_nothing_is_kept() {
    for _ in 0..TURNS {
        in_time(|| {
            let alive = Arc::new(AtomicUsize::new(0));
            let cluster = cluster(2);
            let barrier = Arc::new(Barrier::new(3));
            let threads: Vec<_> = (0..2)
                .map(|thread| {
                    let (handle, alive) = (cluster.handle(), Arc::clone(&alive));
                    let barrier = Arc::clone(&barrier);
                    thread::spawn(move || {
                        barrier.wait();
                        for n in 0.. {
                            let counted = Counted::new(&alive);
                            let task = async move {
                                let _counted = counted;
                                if n % 2 == 0 {
                                    pending::<()>().await;
                                }
                            };
                            let spawned = match thread {
                                0 => handle.try_spawn(task),
                                _ => handle.try_spawn_on(n % 2, task),
                            };
                            match spawned {
                                Ok(task) => task.detach(),
                                Err(refused) => {
                                    // More than the cluster can have is no end.
                                    if refused.kind() == SpawnErrorKind::Closed {
                                        return;
                                    }
                                    thread::yield_now();
                                }
                            }
                        }
                    })
                })
                .collect();
            barrier.wait();
            let ended = cluster.shutdown_timeout(Duration::from_secs(100));
            assert!(
                ended
                    .iter()
                    .all(|end| matches!(end.outcome, Outcome::Stopped))
            );
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
            assert_eq!(alive.load(Ordering::SeqCst), 0);
        });
    }
}

#[test]
fn an_abort_of_a_task_that_was_taken_over_reaches_it_there() {
    in_time(|| {
        let cluster = cluster(2);
        for worker in 0..2 {
            // Placed with the one that is blocked, for the other one has more to do.
            let load: Vec<_> = (0..4)
                .map(|_| cluster.spawn_on(1 - worker, pending::<()>()).unwrap())
                .collect();
            let (release, blocked) = block(&cluster, worker);
            let alive = Arc::new(AtomicUsize::new(0));
            let counted = Counted::new(&alive);
            let (begin, begun) = mpsc::channel();
            let task = cluster.spawn(async move {
                let _counted = counted;
                begin.send(here()).unwrap();
                pending::<()>().await;
            });
            let task = task.unwrap();
            assert_eq!(begun.recv().unwrap(), Some(1 - worker));
            task.abort();
            assert!(task.wait().unwrap_err().is_aborted());
            assert_eq!(alive.load(Ordering::SeqCst), 0);
            load.into_iter().for_each(|task| task.abort());
            drop(release);
            blocked.wait().unwrap();
        }
    });
}

#[test]
fn an_abort_crosses_the_start_and_the_future_is_dropped_once() {
    in_time(|| {
        let cluster = cluster(2);
        let alive = Arc::new(AtomicUsize::new(0));
        for n in 0..20 * TURNS {
            let counted = Counted::new(&alive);
            let make = move || async move {
                let _counted = counted;
                pending::<()>().await;
            };
            let task = match n % 2 {
                0 => cluster.spawn_with(make).unwrap(),
                _ => cluster.spawn_on_with(n / 2 % 2, make).unwrap(),
            };
            for _ in 0..n % 7 {
                thread::yield_now();
            }
            task.abort();
            assert!(task.wait().unwrap_err().is_aborted());
        }
        drop(cluster);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_worker_that_starts_again_keeps_its_keys_and_loses_no_one_who_waits() {
    in_time(|| {
        let cluster = Cluster::builder()
            .workers(2)
            .on_panic(PanicPolicy::Restart { limit: usize::MAX })
            .build()
            .unwrap();
        let keys: Vec<_> = (0..16).map(|key| cluster.worker_of(key)).collect();
        for turn in 0..10 {
            let (release, blocked) = block(&cluster, turn % 2);
            // They wait: for the worker, for a key, for anybody.
            let own = cluster.spawn_on(turn % 2, async { here() }).unwrap();
            let keyed: Vec<_> = (0..16)
                .map(|key| cluster.spawn_keyed(key, async { here() }).unwrap())
                .collect();
            let open = cluster.spawn(async { here() }).unwrap();
            let once = AtomicBool::new(true);
            cluster
                .run(move |worker| {
                    let goes = worker.index() == turn % 2 && once.swap(false, Ordering::SeqCst);
                    async move { assert!(!goes, "it goes") }
                })
                .unwrap();
            drop(release);
            blocked.wait().unwrap();
            for (task, worker) in keyed.into_iter().zip(&keys) {
                // One that has begun when the worker goes ends with it, but these end in their first poll.
                assert_eq!(task.wait().unwrap(), Some(*worker));
            }
            assert_eq!(own.wait().unwrap(), Some(turn % 2));
            assert!(open.wait().unwrap().is_some());
        }
        cluster.shutdown();
        let reports = cluster.join();
        assert!(reports.iter().all(|report| report.restarts <= 5));
    });
}

#[test]
fn a_value_of_a_worker_is_made_anew_after_a_restart_and_dropped_before() {
    in_time(|| {
        let cluster = Cluster::builder()
            .workers(1)
            .on_panic(PanicPolicy::Restart { limit: 1 })
            .build()
            .unwrap();
        let alive = Arc::new(AtomicUsize::new(0));
        let (count, made) = (Arc::clone(&alive), Arc::new(AtomicUsize::new(0)));
        let times = Arc::clone(&made);
        let values = PerWorker::new(&cluster, move |_| {
            times.fetch_add(1, Ordering::SeqCst);
            RefCell::new(Counted::new(&count))
        });
        let ask = |values: &PerWorker<RefCell<Counted>>| {
            let values = values.clone();
            let alive = move || values.with(|value| value.borrow().0.load(Ordering::SeqCst));
            cluster.spawn(async move { alive() }).unwrap().wait()
        };
        assert_eq!(ask(&values).unwrap(), 1);
        let once = AtomicBool::new(true);
        let goes = move |_| {
            let goes = once.swap(false, Ordering::SeqCst);
            async move { assert!(!goes, "it goes") }
        };
        cluster.run(goes).unwrap();
        // Tasks that have begun when the worker goes are aborted.
        until(|| ask(&values).is_err() || made.load(Ordering::SeqCst) == 2);
        until(|| ask(&values).is_ok() && made.load(Ordering::SeqCst) == 2);
        assert_eq!(ask(&values).unwrap(), 1);
        drop(cluster);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_value_is_out_of_reach_where_its_cluster_does_not_run() {
    in_time(|| {
        let (one, other) = (cluster(1), cluster(1));
        let values = PerWorker::new(&one, |_| RefCell::new(0));
        assert!(values.try_with(|_| ()).is_err());
        // Entered is not on a worker.
        assert!(one.enter(|| values.try_with(|_| ()).is_err()));
        let there = values.clone();
        assert!(
            other
                .block_on(async move { there.try_with(|_| ()).is_err() })
                .unwrap()
        );
        // A thread that a worker has started is none.
        let there = values.clone();
        let task = one.spawn(async move {
            let thread = thread::spawn(move || there.try_with(|_| ()).is_err());
            thread.join().unwrap()
        });
        assert!(task.unwrap().wait().unwrap());
        // A runtime within a worker is still there; so is what is asked for while another value is made.
        let inner = values.clone();
        let outer = PerWorker::new(&one, move |_| inner.with(|value| *value.borrow()));
        let task = one.spawn(async move { block_on(async { outer.with(|value| *value) }) });
        assert_eq!(task.unwrap().wait().unwrap(), 0);
        // And not in a closure that is dropped on another thread, nor after the end.
        let handle = one.handle();
        drop(one);
        assert!(handle.spawn(async {}).is_err());
        assert!(values.try_with(|_| ()).is_err());
    });
}

#[test]
fn make_of_a_value_that_panics_is_asked_again() {
    in_time(|| {
        let cluster = cluster(1);
        let first = AtomicBool::new(true);
        let values = PerWorker::new(&cluster, move |_| {
            assert!(!first.swap(false, Ordering::SeqCst), "quak");
            7
        });
        for expected in [None, Some(7)] {
            let values = values.clone();
            let task = cluster.spawn(async move { values.with(|value| *value) });
            assert_eq!(task.unwrap().wait().ok(), expected);
        }
    });
}
