//! An executor that interrupt handlers run, on a host: the test is the handler.
#![cfg(feature = "interrupt-executors")]

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Poll, Waker};
#[cfg(not(lean))]
use std::thread;

use polliwog_core::{
    Executor, Handle, InterruptExecutor, SpawnErrorKind, Spawner, TaskPool, spawn_detached,
    try_spawn_detached, yield_now,
};

#[path = "timers/hand.rs"]
mod hand;

/// Each test has an interrupt of its own.
macro_rules! interrupt {
    ($pended:ident, $executor:ident, $tasks:literal) => {
        static $pended: AtomicU32 = AtomicU32::new(0);
        static $executor: InterruptExecutor<$tasks> = InterruptExecutor::new(|| {
            $pended.fetch_add(1, SeqCst);
        });
    };
}

#[test]
fn wakes_pend_the_interrupt_and_the_handler_runs_the_tasks() {
    interrupt!(PENDED, URGENT, 2);
    static TURNS: AtomicU32 = AtomicU32::new(0);
    static WAKER: std::sync::Mutex<Option<Waker>> = std::sync::Mutex::new(None);

    async fn task() {
        loop {
            let mut polled = false;
            std::future::poll_fn(|cx| {
                *WAKER.lock().unwrap() = Some(cx.waker().clone());
                let pending = !std::mem::replace(&mut polled, true);
                if pending {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
            .await;
            TURNS.fetch_add(1, SeqCst);
        }
    }

    URGENT.run();
    let handle = URGENT.handle();
    assert_eq!(PENDED.load(SeqCst), 0, "nothing to do");
    spawn_detached!(handle, [task]()).unwrap();
    assert_eq!((PENDED.load(SeqCst), TURNS.load(SeqCst)), (1, 0));
    for round in 1..100 {
        URGENT.run();
        assert_eq!(TURNS.load(SeqCst), round - 1, "it waits");
        let before = PENDED.load(SeqCst);
        let waker = WAKER.lock().unwrap().take().expect("it has been polled");
        waker.wake();
        assert!(PENDED.load(SeqCst) > before, "in round {round}");
        URGENT.run();
        assert_eq!(TURNS.load(SeqCst), round);
    }
}

#[test]
fn its_tasks_are_in_its_context_and_the_interrupted_ones_in_theirs() {
    interrupt!(PENDED, URGENT, 3);
    static POOL: TaskPool<2> = TaskPool::new();
    static SEEN: AtomicU32 = AtomicU32::new(0);

    async fn urgent(interrupted: Handle) {
        yield_now().await;
        let spawner = Spawner::current().expect("the urgent one");
        spawn_detached!(spawner, [tell](spawner.stats().capacity)).unwrap();
        assert!(interrupted.is_alive());
    }
    async fn tell(capacity: usize) {
        yield_now().await;
        SEEN.store(capacity as u32, SeqCst);
    }

    let executor = Executor::new(&POOL, hand::Hand::default()).unwrap();
    executor.block_on(async {
        spawn_detached!(URGENT.handle(), [urgent](executor.handle())).unwrap();
        assert_eq!(PENDED.load(SeqCst), 1);
        // The interrupt comes in the middle of this task.
        URGENT.run();
        assert_eq!(SEEN.load(SeqCst), 3);
        assert_eq!(Spawner::current().unwrap().stats().capacity, 2);
    });
}

#[test]
fn a_full_site_and_a_gone_executor_give_the_arguments_back() {
    static POOL: TaskPool<4> = TaskPool::new();
    static ENDED: AtomicU32 = AtomicU32::new(0);
    struct Count;
    impl Drop for Count {
        fn drop(&mut self) {
            ENDED.fetch_add(1, SeqCst);
        }
    }
    async fn task(_count: Count) {
        std::future::pending::<()>().await;
    }
    let start = |handle: Handle| try_spawn_detached!(handle, [task; 2](Count));

    let executor = Executor::new(&POOL, hand::Hand::default()).unwrap();
    let handle = executor.handle();
    start(handle).unwrap();
    start(handle).unwrap();
    let refused = start(handle).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::StorageFull { capacity: 2 });
    drop(refused);
    assert_eq!(ENDED.load(SeqCst), 1);
    executor.run_until_stalled().unwrap();
    drop(executor);
    assert_eq!(ENDED.load(SeqCst), 3, "both tasks have ended with it");
    let refused = start(handle).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::Closed);

    // Sent but not yet begun.
    let executor = Executor::new(&POOL, hand::Hand::default()).unwrap();
    start(executor.handle()).unwrap();
    drop(refused);
    drop(executor);
    assert_eq!(ENDED.load(SeqCst), 5);
}

#[test]
#[cfg(not(lean))]
fn any_thread_starts_tasks_and_one_runs_them() {
    static URGENT: InterruptExecutor<8> =
        InterruptExecutor::new(|| HANDLER.get().unwrap().unpark());
    static HANDLER: std::sync::OnceLock<thread::Thread> = std::sync::OnceLock::new();
    static DONE: AtomicU32 = AtomicU32::new(0);

    async fn task() {
        yield_now().await;
        DONE.fetch_add(1, SeqCst);
    }

    HANDLER.set(thread::current()).unwrap();
    let senders: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                let mut sent = 0;
                while sent < 250 {
                    match spawn_detached!(URGENT.handle(), [task; 8]()) {
                        Ok(()) => sent += 1,
                        Err(_) => thread::yield_now(),
                    }
                }
            })
        })
        .collect();
    // A lost wake makes this hang.
    while DONE.load(SeqCst) < 1000 {
        thread::park();
        URGENT.run();
    }
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
    let other = thread::spawn(|| URGENT.run());
    assert!(other.join().is_err(), "it belongs to this thread");
}
