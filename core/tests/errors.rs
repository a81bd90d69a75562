//! What is said when there is no room, and that nothing is lost then.

use std::convert::Infallible;
use std::future::pending;
use std::task::Waker;

use polliwog_core::time::timeout_at;
use polliwog_core::{Deadline, Executor, Instant, Reactor, SpawnErrorKind, TaskPool, spawn};

/// Never waits; the clock stands at one second.
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
    assert_eq!(error.kind(), SpawnErrorKind::NoBodies);
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
