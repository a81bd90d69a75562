//! Clusters: where tasks run, who takes them over, and how workers end.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use polliwog_core::{SpawnErrorKind, yield_now};
use polliwog_mio::cluster::{
    BlockOnError, Cluster, ClusterHandle, Outcome, PanicPolicy, PerWorker, RemoteHandle, Worker,
};

fn cluster(workers: usize) -> Cluster {
    Cluster::builder().workers(workers).build().unwrap()
}

fn here() -> usize {
    Worker::current().unwrap().index()
}

/// A worker that is in the middle of a poll until this is dropped.
struct Blocked {
    release: Option<mpsc::Sender<()>>,
    task: Option<RemoteHandle<()>>,
}

impl Blocked {
    /// Returns when the worker is blocked.
    fn new(cluster: &ClusterHandle, worker: usize) -> Self {
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let block = async move {
            begin.send(()).unwrap();
            let _ = released.recv();
        };
        let task = cluster.spawn_on(worker, block).unwrap();
        begun.recv().unwrap();
        Self {
            release: Some(release),
            task: Some(task),
        }
    }

    fn release(mut self) {
        self.release = None;
        self.task.take().unwrap().wait().unwrap();
    }
}

fn kinds(outcomes: Vec<polliwog_mio::cluster::WorkerReport>) -> Vec<(&'static str, usize)> {
    let kind = |report: polliwog_mio::cluster::WorkerReport| {
        let kind = match report.outcome {
            Outcome::Stopped => "stopped",
            Outcome::Panicked(_) => "panicked",
            Outcome::Unfinished => "unfinished",
            _ => "other",
        };
        (kind, report.restarts)
    };
    outcomes.into_iter().map(kind).collect()
}

#[test]
fn tasks_are_spawned_and_joined_from_threads_and_from_tasks() {
    let cluster = cluster(2);
    let from_threads: Vec<_> = (0..4)
        .map(|thread| {
            let handle = cluster.handle();
            thread::spawn(move || {
                let tasks = (0..100).map(|n| handle.spawn(async move { n * thread }).unwrap());
                let tasks: Vec<_> = tasks.collect();
                tasks.into_iter().map(|task| task.wait().unwrap()).sum()
            })
        })
        .collect();
    let sums: Vec<usize> = from_threads
        .into_iter()
        .map(|t| t.join().unwrap())
        .collect();
    assert_eq!(sums, [0, 4950, 9900, 14_850]);

    let handle = cluster.handle();
    let nested = async move {
        let mut sum = 0;
        for n in 0..100 {
            sum += handle.spawn(async move { n }).unwrap().await.unwrap();
        }
        sum
    };
    assert_eq!(cluster.block_on(nested).unwrap(), 4950);
    // On another runtime.
    let task = cluster.spawn(async { 7 }).unwrap();
    assert_eq!(polliwog_mio::block_on(task).unwrap(), 7);
}

#[test]
fn a_future_that_is_not_send_is_made_where_it_runs() {
    let cluster = cluster(2);
    let make = || async {
        let mine = Rc::new(here());
        yield_now().await;
        *mine == here()
    };
    assert!(cluster.spawn_with(make).unwrap().wait().unwrap());
    assert!(cluster.spawn_on_with(1, make).unwrap().wait().unwrap());
    assert!(cluster.spawn_keyed_with(5, make).unwrap().wait().unwrap());
}

#[test]
fn tasks_for_a_worker_or_a_key_run_there() {
    let cluster = cluster(3);
    let mut of_keys = [0; 3];
    for key in 0..300 {
        let worker = key as usize % 3;
        let there = cluster.spawn_on(worker, async { here() }).unwrap();
        assert_eq!(there.wait().unwrap(), worker);
        let expected = cluster.worker_of(key);
        of_keys[expected] += 1;
        let there = cluster.spawn_keyed(key, async { here() }).unwrap();
        assert_eq!(there.wait().unwrap(), expected);
    }
    assert!(of_keys.iter().all(|keys| *keys > 60), "{of_keys:?}");
    assert!(Worker::current().is_none());
}

#[test]
fn a_backlog_behind_a_busy_worker_is_taken_over() {
    let cluster = cluster(2);
    let (first, second) = (Blocked::new(&cluster, 0), Blocked::new(&cluster, 1));
    let tasks: Vec<_> = (0..100)
        .map(|_| cluster.spawn(async { here() }).unwrap())
        .collect();
    let keyed = cluster.spawn_on(0, async { here() }).unwrap();
    assert!(cluster.load(0) > 40 && cluster.load(1) > 40);
    second.release();
    for task in tasks {
        assert_eq!(task.wait().unwrap(), 1);
    }
    assert!(!keyed.is_finished(), "it is for the first worker only");
    first.release();
    assert_eq!(keyed.wait().unwrap(), 0);
}

#[test]
fn a_worker_takes_no_more_than_it_starts() {
    let cluster = cluster(2);
    let mut blocked = [0, 1].map(|worker| Some(Blocked::new(&cluster, worker)));
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let heavy = async move {
        begin.send(()).unwrap();
        let _ = released.recv();
    };
    let heavy = cluster.spawn(heavy).unwrap();
    let first = usize::from(cluster.load(1) == 2);
    let tasks: Vec<_> = (0..100)
        .map(|_| cluster.spawn(async { here() }).unwrap())
        .collect();
    assert!(cluster.load(0) > 40 && cluster.load(1) > 40);
    blocked[first].take().unwrap().release();
    begun.recv().unwrap();
    blocked[1 - first].take().unwrap().release();
    for task in tasks {
        assert_eq!(task.wait().unwrap(), 1 - first);
    }
    drop(release);
    heavy.wait().unwrap();
}

#[test]
fn a_single_task_behind_a_busy_worker_wakes_an_idle_one() {
    let cluster = cluster(2);
    // So that the busy worker is the less loaded one, to which tasks go.
    let idle: Vec<_> = (0..8)
        .map(|_| cluster.spawn_on(1, pending::<()>()).unwrap())
        .collect();
    cluster.spawn_on(1, async {}).unwrap().wait().unwrap();
    let blocked = Blocked::new(&cluster, 0);
    for _ in 0..50 {
        let task = cluster.spawn(async { here() }).unwrap();
        assert_eq!(task.wait().unwrap(), 1);
        thread::yield_now(); // Parked or not by the next one: both must do.
    }
    blocked.release();
    drop(idle);
}

#[test]
fn a_panic_of_a_task_is_its_own() {
    let cluster = cluster(1);
    let task = cluster.spawn(async { panic!("quak") }).unwrap();
    let error = task.wait().unwrap_err();
    assert_eq!(error.to_string(), "the task panicked: quak");
    let made = cluster.spawn_with(|| -> std::future::Ready<()> { panic!("quok") });
    let error = made.unwrap().wait().unwrap_err();
    assert_eq!(error.to_string(), "the task panicked: quok");
    assert_eq!(cluster.block_on(async { 5 }).unwrap(), 5);
    cluster.shutdown();
    assert_eq!(kinds(cluster.join()), [("stopped", 0)]);
}

#[test]
fn a_panic_of_a_root_takes_the_cluster_down() {
    let cluster = cluster(2);
    let running = cluster.spawn_on(1, pending::<()>()).unwrap();
    cluster
        .run(|worker| async move {
            assert_eq!(worker.index(), 1, "quak");
        })
        .unwrap();
    let handle = cluster.handle();
    let mut reports = cluster.join();
    assert!(running.wait().unwrap_err().is_aborted());
    let refused = handle.spawn(async {}).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::Closed);
    assert_eq!(
        handle.run(|_| async {}).unwrap_err().kind(),
        SpawnErrorKind::Closed
    );
    match reports.remove(0).outcome {
        Outcome::Panicked(panic) => assert!(panic.message().unwrap().contains("quak")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(reports[0].outcome, Outcome::Stopped));
}

#[test]
fn a_worker_is_restarted_with_its_roots_and_its_queue() {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let (started, stopped) = (Arc::clone(&starts), Arc::clone(&starts));
    let cluster = Cluster::builder()
        .workers(2)
        .on_panic(PanicPolicy::Restart { limit: 1 })
        .on_start(move |worker| started.lock().unwrap().push(("start", worker)))
        .on_stop(move |worker| stopped.lock().unwrap().push(("stop", worker)))
        .build()
        .unwrap();
    let running = cluster.spawn_on(0, pending::<()>()).unwrap();
    cluster.spawn_on(0, async {}).unwrap().wait().unwrap();

    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(Some(released));
    cluster
        .run(move |worker| {
            let blocked = match worker.index() {
                0 => released.lock().unwrap().take(),
                _ => None,
            };
            let begin = begin.clone();
            async move {
                begin.send(worker.index()).unwrap();
                if let Some(released) = blocked {
                    let _ = released.recv();
                    panic!("quak");
                }
            }
        })
        .unwrap();
    let mut roots = [begun.recv().unwrap(), begun.recv().unwrap()];
    roots.sort_unstable();
    assert_eq!(roots, [0, 1]);
    let waiting = cluster.spawn_on(0, async { here() }).unwrap();
    drop(release);
    assert_eq!(begun.recv().unwrap(), 0, "the root of the second life");
    assert_eq!(waiting.wait().unwrap(), 0);
    assert!(running.wait().unwrap_err().is_aborted());
    cluster.shutdown();
    assert_eq!(kinds(cluster.join()), [("stopped", 1), ("stopped", 0)]);
    let starts = starts.lock().unwrap();
    let of = |worker| {
        starts
            .iter()
            .filter(move |hook| hook.1 == worker)
            .map(|hook| hook.0)
    };
    assert!(of(0).eq(["start", "stop", "start", "stop"]), "{starts:?}");
    assert!(of(1).eq(["start", "stop"]), "{starts:?}");
}

#[test]
fn a_worker_that_panics_again_and_again_takes_the_cluster_down() {
    let cluster = Cluster::builder()
        .workers(1)
        .on_panic(PanicPolicy::Restart { limit: 3 })
        .on_start(|_| panic!("quak"))
        .build()
        .unwrap();
    assert_eq!(kinds(cluster.join()), [("panicked", 3)]);
}

#[test]
fn at_a_shutdown_every_handle_hears_of_its_task() {
    let cluster = cluster(2);
    let running = cluster.spawn_on(1, pending::<()>()).unwrap();
    let blocked = Blocked::new(&cluster, 0);
    let held = Arc::new(());
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let held = Arc::clone(&held);
            cluster.spawn_on(0, async move { drop(held) }).unwrap()
        })
        .collect();
    cluster.shutdown();
    // The worker is still blocked.
    for task in waiting {
        assert!(task.wait().unwrap_err().is_aborted());
    }
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(running.wait().unwrap_err().is_aborted());
    assert!(cluster.is_shut_down());
    let refused = cluster.spawn(async {}).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::Closed);
    let handle = cluster.handle();
    let reports = cluster.shutdown_timeout(Duration::ZERO);
    assert_eq!(reports[0].worker, 0);
    assert!(matches!(reports[0].outcome, Outcome::Unfinished));
    blocked.release();
    handle.shutdown(); // Again, which does nothing.
}

#[test]
fn a_task_may_shut_down_join_and_drop_its_cluster() {
    let cluster = cluster(2);
    let handle = cluster.handle();
    let (send, receive) = mpsc::channel();
    let task = move || async move { send.send(kinds(cluster.shutdown_timeout(Duration::MAX))) };
    handle.spawn_on_with(1, task).unwrap().detach();
    assert_eq!(receive.recv().unwrap(), [("stopped", 0), ("unfinished", 0)]);

    let cluster = self::cluster(2);
    let handle = cluster.handle();
    let dropped = handle.spawn_on(0, async move { drop(cluster) }).unwrap();
    dropped.wait().unwrap();
    assert!(handle.is_shut_down());
}

#[test]
fn a_full_worker_starts_the_rest_as_room_comes() {
    let cluster = Cluster::builder()
        .workers(1)
        .max_tasks(2)
        .queue_capacity(100)
        .build()
        .unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    let now = Arc::new(AtomicUsize::new(0));
    // All of them wait before the first one starts.
    let blocked = Blocked::new(&cluster, 0);
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let (most, now) = (Arc::clone(&most), Arc::clone(&now));
            let task = async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..3 {
                    yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                n
            };
            cluster.spawn(task).unwrap()
        })
        .collect();
    blocked.release();
    let sum: i32 = tasks.into_iter().map(|task| task.wait().unwrap()).sum();
    assert_eq!(sum, 4950);
    assert_eq!(most.load(Ordering::SeqCst), 2);
    // Room that tasks take of which the cluster does not know.
    let local = || async {
        (0..2)
            .map(|_| polliwog_mio::spawn(yield_now()).is_ok())
            .collect()
    };
    let spawned: Vec<bool> = cluster.spawn_with(local).unwrap().wait().unwrap();
    assert!(spawned[0] && !spawned[1], "{spawned:?}");
    assert_eq!(cluster.block_on(async { 5 }).unwrap(), 5);
}

#[test]
fn a_full_queue_is_an_error() {
    let cluster = Cluster::builder()
        .workers(1)
        .queue_capacity(2)
        .build()
        .unwrap();
    let blocked = Blocked::new(&cluster, 0);
    let first = cluster.spawn(async { 1 }).unwrap();
    let second = cluster.spawn_on(0, async { 2 }).unwrap();
    let refused = cluster.spawn(async { 3 }).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::InboxFull { capacity: 2 });
    blocked.release();
    assert_eq!(first.wait().unwrap() + second.wait().unwrap(), 3);
}

#[test]
fn tasks_are_aborted_before_and_after_they_start() {
    let cluster = cluster(1);
    let started = cluster.spawn(pending::<()>()).unwrap();
    cluster.block_on(async {}).unwrap();
    started.abort();
    assert!(started.wait().unwrap_err().is_aborted());

    let blocked = Blocked::new(&cluster, 0);
    let ran = Arc::new(());
    let held = Arc::clone(&ran);
    let waiting = cluster.spawn(async move { drop(held) }).unwrap();
    waiting.abort();
    assert_eq!(Arc::strong_count(&ran), 1, "dropped at once");
    assert!(waiting.wait().unwrap_err().is_aborted());
    blocked.release();
    let done = cluster.spawn(async { 5 }).unwrap();
    while !done.is_finished() {
        thread::yield_now();
    }
    done.abort();
    assert_eq!(done.wait().unwrap(), 5);
}

#[test]
fn blocking_on_the_own_cluster_is_an_error_that_says_so() {
    let cluster = cluster(1);
    let handle = cluster.handle();
    let outcome = cluster.block_on(async move { handle.block_on(async {}) });
    assert!(
        matches!(outcome, Ok(Err(BlockOnError::OnWorker))),
        "{outcome:?}"
    );
    let outcome = cluster.block_on(async { panic!("quak") });
    assert!(matches!(outcome, Err(BlockOnError::Join(error)) if error.is_panic()));
    let other = self::cluster(1);
    other.shutdown();
    let outcome = other.block_on(async {});
    assert!(
        matches!(outcome, Err(BlockOnError::Spawn(_))),
        "{outcome:?}"
    );
}

#[test]
fn each_worker_has_a_value_of_its_own_which_ends_with_it() {
    struct Value(Rc<Cell<usize>>, usize, mpsc::Sender<(usize, Option<usize>)>);
    impl Drop for Value {
        fn drop(&mut self) {
            let worker = Worker::current().map(|worker| worker.index());
            let _ = self.2.send((self.1, worker));
        }
    }
    let cluster = cluster(2);
    let (send, dropped) = mpsc::channel();
    let send = Mutex::new(send);
    let values = PerWorker::new(&cluster, move |worker| {
        Value(Rc::default(), worker, send.lock().unwrap().clone())
    });
    for round in 1..=3 {
        for worker in 0..2 {
            let values = values.clone();
            let count = move || {
                values.with(|value| {
                    value.0.set(value.0.get() + 1);
                    (value.0.get(), value.1)
                })
            };
            let task = cluster.spawn_on(worker, async move { count() }).unwrap();
            assert_eq!(task.wait().unwrap(), (round, worker));
        }
    }
    assert!(values.try_with(|_| ()).is_err(), "this is no worker");
    let (foreign, other) = (values.clone(), self::cluster(1));
    let outside = other.block_on(async move { foreign.try_with(|_| ()).is_err() });
    assert!(outside.unwrap(), "nor is one of another cluster");
    cluster.shutdown();
    cluster.join();
    drop(values);
    let mut dropped: Vec<_> = dropped.iter().collect();
    dropped.sort_unstable();
    assert_eq!(dropped, [(0, Some(0)), (1, Some(1))]);
}

#[test]
fn threads_have_names() {
    let cluster = Cluster::builder()
        .workers(2)
        .thread_name("frog")
        .build()
        .unwrap();
    let name = || thread::current().name().map(str::to_owned);
    let named = cluster.spawn_on(1, async move { name() }).unwrap();
    assert_eq!(named.wait().unwrap().as_deref(), Some("frog-1"));
}

#[cfg(target_os = "linux")]
#[test]
fn pinned_workers_stay_on_a_cpu_each() {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let cpus = || {
        let set = sched_getaffinity(None).unwrap();
        (0..CpuSet::MAX_CPU)
            .filter(|cpu| set.is_set(*cpu))
            .collect::<Vec<_>>()
    };
    let all = cpus();
    let cluster = Cluster::builder()
        .workers(all.len() + 1)
        .pin(true)
        .build()
        .unwrap();
    for worker in 0..cluster.workers() {
        let there = cluster.spawn_on(worker, async move { cpus() }).unwrap();
        assert_eq!(there.wait().unwrap(), [all[worker % all.len()]]);
    }
    assert_eq!(cpus(), all, "the thread that builds is left alone");
}

#[test]
fn a_storm_of_tasks_from_everywhere_loses_none() {
    const EACH: usize = 2000;
    let cluster = cluster(4);
    let ended = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (handle, ended) = (cluster.handle(), Arc::clone(&ended));
            thread::spawn(move || {
                let (mut done, mut aborted) = (0, 0);
                let mut tasks = Vec::new();
                for n in 0..EACH {
                    let ended = Arc::clone(&ended);
                    let inner = handle.clone();
                    let task = async move {
                        if n % 3 == 0 {
                            yield_now().await;
                        }
                        if n % 10 == 0 {
                            let nested = inner.spawn_keyed(n as u64, async { 1 }).unwrap();
                            assert_eq!(nested.await.unwrap(), 1);
                        }
                        ended.fetch_add(1, Ordering::Relaxed);
                    };
                    let task = match n % 2 {
                        0 => handle.spawn(task).unwrap(),
                        _ => handle.spawn_keyed((n * thread) as u64, task).unwrap(),
                    };
                    if n % 7 == 0 {
                        task.abort();
                    }
                    tasks.push(task);
                }
                for task in tasks {
                    match task.wait() {
                        Ok(()) => done += 1,
                        Err(error) if error.is_aborted() => aborted += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                (done, aborted)
            })
        })
        .collect();
    let (mut done, mut aborted) = (0, 0);
    for thread in threads {
        let counts = thread.join().unwrap();
        done += counts.0;
        aborted += counts.1;
    }
    assert_eq!(done + aborted, 4 * EACH);
    assert!(aborted <= 4 * EACH.div_ceil(7));
    // Aborted ones may have counted on their way to the end.
    let ended = ended.load(Ordering::Relaxed);
    assert!(
        (done..=done + aborted).contains(&ended),
        "{done} {aborted} {ended}"
    );
    cluster.shutdown();
    assert_eq!(kinds(cluster.join()), [("stopped", 0); 4]);
}
