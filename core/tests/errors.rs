//! What is said when there is no room, and that nothing is lost then.

use std::convert::Infallible;
use std::future::pending;
use std::task::Waker;

use polliwog_core::time::timeout_at;
use polliwog_core::{Deadline, Executor, Instant, Reactor, SpawnErrorKind, TaskPool, spawn};

/// Never waits; the clock stands at one second.
#[derive(Debug)]
struct Standing;

impl Reactor for Standing {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::from_nanos(1_000_000_000)
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

#[test]
fn a_spawn_outside_of_any_executor_gives_the_future_back() {
    let error = spawn(async { 7 }).unwrap_err();
    assert_eq!(error.kind(), SpawnErrorKind::NoExecutor);
    assert_eq!(error.to_string(), "no executor runs on this thread");
}

#[test]
fn a_body_of_another_executors_pool_is_an_error_of_its_own() {
    static OWN: TaskPool<2, 64> = TaskPool::new();
    static OTHER: TaskPool<1, 64> = TaskPool::new();
    let executor = Executor::new(&OWN, Standing).expect("nobody has it");
    let spawner = executor.spawner();
    let refused = spawner.try_spawn_in(&OTHER, async { 7 }).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::OtherPool);
    assert_eq!(
        refused.to_string(),
        "the executor was made with another TaskPool than this one"
    );
    // Nothing has been taken.
    let task = spawner.spawn_in(&OWN, refused.into_inner()).unwrap();
    assert_eq!(executor.block_on(task).unwrap(), 7);
}

#[cfg(not(feature = "alloc"))]
#[test]
fn a_pool_without_bodies_or_with_small_ones_says_so() {
    static SLOTS: TaskPool<2> = TaskPool::new();
    let executor = Executor::new(&SLOTS, Standing).expect("nobody has it");
    let error = executor.spawner().spawn(pending::<()>()).unwrap_err();
    assert_eq!(error.kind(), SpawnErrorKind::NoStorage);
    assert_eq!(error.to_string(), "the executor has no memory for futures");

    static SMALL: TaskPool<2, 64> = TaskPool::new();
    let executor = Executor::new(&SMALL, Standing).expect("nobody has it");
    let large = [7_u8; 100];
    let task = async move {
        pending::<()>().await;
        large
    };
    let error = executor.spawner().spawn(task).unwrap_err();
    let SpawnErrorKind::TooLarge { size, limit } = error.kind() else {
        panic!("{error}");
    };
    assert!(size > 100 && limit == 64);
    assert_eq!(
        error.to_string(),
        format!("the future takes {size} bytes, the pool has 64")
    );
    // The slot that it was to have is free: all of them are.
    for _ in 0..2 {
        executor.spawner().spawn(pending::<()>()).unwrap().detach();
    }
    let error = executor.spawner().spawn(pending::<()>()).unwrap_err();
    assert_eq!(error.kind(), SpawnErrorKind::TasksFull { capacity: 2 });
}

#[test]
fn a_deadline_that_has_passed_still_lets_the_future_be_polled_once() {
    static POOL: TaskPool<2, 512> = TaskPool::new();
    let executor = Executor::new(&POOL, Standing).expect("nobody has it");
    executor.block_on(async {
        let past = Instant::from_nanos(5);
        assert_eq!(timeout_at(past, async { 7 }).await.ok(), Some(7));
        assert!(timeout_at(past, pending::<()>()).await.is_err());
        let mut kept = timeout_at(past, std::future::ready(3));
        *kept.get_mut() = std::future::ready(4);
        assert_eq!(kept.into_inner().await, 4);
    });
}

#[cfg(feature = "alloc")]
#[test]
fn a_limit_that_is_reached_is_named() {
    let executor = Executor::with_capacity(2, Standing);
    let spawner = executor.spawner();
    executor.set_heap_limit(10);
    let error = spawner.spawn(pending::<()>()).unwrap_err();
    assert_eq!(error.kind(), SpawnErrorKind::OutOfMemory { limit: 10 });
    assert_eq!(
        error.to_string(),
        "the executor's tasks may take 10 bytes, which are in use"
    );
    executor.set_heap_limit(usize::MAX);
    for _ in 0..2 {
        spawner.spawn(pending::<()>()).unwrap().detach();
    }
    let full = "all 2 tasks of the executor are in use";
    let refused = spawner.try_spawn(pending::<()>()).unwrap_err();
    assert_eq!(refused.to_string(), full);
    assert_eq!(
        executor.try_block_on(async {}).unwrap_err().to_string(),
        full
    );
}

#[test]
fn a_site_without_a_free_body_and_a_pool_in_use_say_so() {
    static POOL: TaskPool<2, 64> = TaskPool::new();
    let executor = Executor::new(&POOL, Standing).expect("nobody has it");
    let spawn = || polliwog_core::spawn_detached!(executor.spawner(), [pending::<()>]());
    spawn().unwrap();
    assert_eq!(
        spawn().unwrap_err().to_string(),
        "all 1 task bodies of this pool are in use"
    );
    let refused = Executor::try_new(&POOL, Standing).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the task pool belongs to another executor"
    );
}

#[cfg(feature = "std")]
#[test]
fn what_a_channel_refuses_is_said_and_not_shown() {
    use polliwog_core::sync::mpsc;
    use std::io;

    // Nothing of it can be shown.
    struct Secret;
    let (sender, mut receiver) = mpsc::channel(1);
    let empty = receiver.try_recv().map(|_: Secret| ()).unwrap_err();
    assert_eq!(empty.to_string(), "receiving on an empty channel");
    sender
        .try_send(Secret)
        .unwrap_or_else(|_| panic!("there is room"));
    let full = sender.try_send(Secret).unwrap_err();
    assert_eq!(
        (full.to_string().as_str(), format!("{full:?}").as_str()),
        ("no available capacity", "Full(..)")
    );
    assert_eq!(io::Error::from(full).kind(), io::ErrorKind::WouldBlock);
    drop(receiver);
    let closed = sender.try_send(Secret).unwrap_err();
    assert_eq!(
        (closed.to_string().as_str(), format!("{closed:?}").as_str()),
        ("channel closed", "Closed(..)")
    );
    assert_eq!(io::Error::from(closed).kind(), io::ErrorKind::BrokenPipe);
}
