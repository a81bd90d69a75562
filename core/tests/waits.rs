//! What `Handle::dump` says that tasks wait for.
#![cfg(all(feature = "trace", feature = "std"))]

use polliwog_core::conformance::facade as polliwog;

use std::future::{Future, pending};
use std::rc::Rc;
use std::time::Duration;

use polliwog::sync::local::{
    Barrier, CancellationToken, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, Signal,
    TaskTracker, broadcast, mpmc, mpsc, oneshot, watch,
};
use polliwog::task::JoinSet;
use polliwog::time::{now, sleep_until, timeout_at};
use polliwog::trace::{State, TaskDump, Wait};
use polliwog::{Executor, Handle, Instant, TaskPool, select, spawn, yield_now};
use polliwog_core::conformance::ThreadReactor;

const LATE: Duration = Duration::from_secs(1_000_000);

/// The tests' executor is there once.
fn block_on<F: Future>(future: F) -> F::Output {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    polliwog::block_on(future)
}

/// The dump of a task that has had its first polls.
async fn dump_of(future: impl Future<Output = ()> + 'static) -> TaskDump {
    let before = Handle::current().unwrap().dump();
    let task = spawn(future).unwrap();
    for _ in 0..10 {
        yield_now().await;
    }
    let dump = Handle::current().unwrap().dump();
    let is_new = |one: &&TaskDump| before.tasks().iter().all(|old| old.number != one.number);
    let found = dump.tasks().iter().find(is_new).cloned();
    task.abort();
    let _ = task.await;
    found.expect("it waits")
}

async fn waits_of(future: impl Future<Output = ()> + 'static) -> Vec<Wait> {
    let dump = dump_of(future).await;
    assert_eq!(dump.state, State::Waiting);
    dump.waits_for
}

#[test]
fn a_dump_says_what_tasks_wait_for() {
    block_on(async {
        let late = now().unwrap() + LATE;
        assert_eq!(waits_of(sleep_until(late)).await, [Wait::Timer(late)]);
        assert_eq!(
            waits_of(sleep_until(Instant::MAX)).await,
            [Wait::Timer(Instant::MAX)]
        );
        assert_eq!(waits_of(pending()).await, []);

        let joined = spawn(pending::<()>()).unwrap();
        let number = Handle::current()
            .unwrap()
            .dump()
            .tasks()
            .last()
            .unwrap()
            .number;
        let join = waits_of(async move { joined.await.unwrap() }).await;
        assert_eq!(join, [Wait::Task(number)]);

        // Both branches; and what a poll no longer waits for is forgotten.
        let stopped = CancellationToken::new();
        let both = waits_of(async move {
            let notify = Notify::new();
            yield_now().await;
            select! {
                biased;
                () = stopped.cancelled() => {}
                _ = timeout_at(late, notify.notified()) => {}
            }
        });
        assert_eq!(
            both.await,
            [
                Wait::Method("CancellationToken::cancelled"),
                Wait::Method("Notify::notified"),
                Wait::Timer(late)
            ]
        );
        let next = waits_of(async move {
            let _ = polliwog::time::timeout(Duration::ZERO, pending::<()>()).await;
            Notify::new().notified().await;
        });
        assert_eq!(next.await, [Wait::Method("Notify::notified")]);

        // Not more than eight, and none twice.
        let many = waits_of(async move {
            let all = (0..20).map(|n| Box::pin(sleep_until(late + Duration::from_secs(n / 2))));
            let mut all: Vec<_> = all.collect();
            std::future::poll_fn(|cx| {
                for one in &mut all {
                    let _ = one.as_mut().poll(cx);
                }
                std::task::Poll::Pending
            })
            .await
        });
        let expected: Vec<_> = (0..8)
            .map(|n| Wait::Timer(late + Duration::from_secs(n)))
            .collect();
        assert_eq!(many.await, expected);
    });
}

#[test]
fn what_is_ready_or_polled_waits_for_nothing() {
    block_on(async {
        let notify = Rc::new(Notify::new());
        let waits = notify.clone();
        let _task = spawn(async move { waits.notified().await }).unwrap();
        yield_now().await;
        notify.notify_one();
        let dump = Handle::current().unwrap().dump();
        let [root, task] = dump.tasks() else {
            panic!("{dump}");
        };
        assert_eq!((root.state, root.waits_for.len()), (State::Polled, 0));
        assert_eq!((task.state, task.waits_for.len()), (State::Ready, 0));
    });
}

#[test]
fn an_executor_inside_a_task_has_lists_of_its_own() {
    block_on(async {
        let late = now().unwrap() + LATE;
        let waits = waits_of(async move {
            let first = sleep_until(late);
            let then = async {
                // It leaves nothing behind in the list of the task around it.
                static TASKS: TaskPool<2, 256> = TaskPool::new();
                let inner = Executor::new(&TASKS, ThreadReactor::new()).unwrap();
                inner.block_on(async {
                    let task = spawn(async { yield_now().await }).unwrap();
                    task.await.unwrap();
                });
                pending::<()>().await;
            };
            select! {
                biased;
                () = first => {}
                () = then => {}
            }
        });
        assert_eq!(waits.await, [Wait::Timer(late)]);
    });
}

#[test]
fn what_waits_has_the_name_of_its_method() {
    block_on(async {
        macro_rules! named {
            ($($name:literal: $body:expr;)*) => {$(
                let waits = waits_of(async { let _ = $body; }).await;
                assert_eq!(waits, [Wait::Method($name)]);
            )*};
        }
        named! {
            "Mutex::lock": { let mutex = Mutex::new(1); let _guard = mutex.lock().await; drop(mutex.lock().await) };
            "RwLock::read": { let lock = RwLock::new(1); let _guard = lock.write().await; drop(lock.read().await) };
            "RwLock::write": { let lock = RwLock::new(1); let _guard = lock.read().await; drop(lock.write().await) };
            "Semaphore::acquire": Semaphore::new(0).acquire().await.is_ok();
            "Barrier::wait": Barrier::new(2).wait().await;
            "SetOnce::wait": { let once = SetOnce::<u8>::new(); once.wait().await; };
            "Signal::wait": Signal::<u8>::new().wait().await;
            "TaskTracker::wait": TaskTracker::new().wait().await;
            "CancellationToken::cancelled": CancellationToken::new().cancelled_owned().await;
            "oneshot::Receiver": { let (_sender, receiver) = oneshot::channel::<u8>(); receiver.await };
            "oneshot::Sender::closed": { let (mut sender, _receiver) = oneshot::channel::<u8>(); sender.closed().await };
            "mpsc::Receiver::recv": { let (_sender, mut receiver) = mpsc::channel::<u8>(1); receiver.recv().await };
            "mpmc::Receiver::recv": { let (_sender, receiver) = mpmc::channel::<u8>(1); receiver.recv().await };
            "broadcast::Receiver::recv": {
                let (_sender, mut receiver) = broadcast::channel::<u8>(1);
                receiver.recv().await
            };
            "watch::Receiver::changed": { let (_sender, mut receiver) = watch::channel(1); receiver.changed().await };
            "Sender::send": {
                let (sender, _receiver) = mpsc::channel(1);
                sender.send(1).await.unwrap();
                sender.send(2).await
            };
            "Sender::reserve": {
                let (sender, _receiver) = mpsc::channel(1);
                sender.send(1).await.unwrap();
                let reserved = sender.reserve().await;
                drop(reserved);
            };
            "JoinSet::join_next": {
                let mut set = JoinSet::new();
                set.spawn(yield_for_ever()).unwrap();
                set.join_next().await
            };
            "OnceCell::get_or_init": {
                let cell = Rc::new(OnceCell::<u8>::new());
                let first = cell.clone();
                let first = async move { first.get_or_init(pending).await; };
                let mut first = std::pin::pin!(first);
                let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(first.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
                // In a poll of its own, so that what the first one waits for is not in the list.
                yield_now().await;
                cell.get_or_init(pending).await;
            };
        }
    });
}

/// A task beside the one that is looked at, which is not to be found in its place.
async fn yield_for_ever() {
    pending().await
}

#[test]
fn a_dump_reads_like_a_sentence() {
    block_on(async {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.lock().await;
        let other = lock.clone();
        let _task = spawn(async move {
            let _ = timeout_at(Instant::from_millis(3_600_000), other.lock()).await;
        })
        .unwrap();
        yield_now().await;
        let dump = Handle::current().unwrap().dump().to_string();
        drop(guard);
        assert!(
            dump.contains(": waits for Mutex::lock or a timer at 3600.000s; 1 polls"),
            "{dump}"
        );
    });
}
