//! What works without an allocator: a runtime in static memory, and its tasks.

use std::cell::Cell;
use std::time::Duration;

use polliwog_spin::time::sleep;
use polliwog_spin::{Flag, Instant, RunError, Runtime, TaskPool};

#[test]
fn a_runtime_in_static_memory() {
    static POOL: TaskPool<4, 512> = TaskPool::new();
    static FLAG: Flag = Flag::new();
    for _ in 0..2 {
        let runtime = Runtime::builder().build_in(&POOL, &FLAG).unwrap();
        assert!(Runtime::builder().build_in(&POOL, &FLAG).is_err());
        let task = runtime.spawn(async {
            sleep(Duration::from_secs(3600)).await;
            7
        });
        let steps = Cell::new(0);
        let seven = runtime.block_on(async {
            // A future that is not spawned may borrow, the runtime too.
            steps.set(steps.get() + 1);
            assert_eq!(runtime.now(), Instant::ZERO);
            task.unwrap().await.unwrap()
        });
        assert_eq!((seven, steps.get()), (7, 1));
        assert_eq!(runtime.now(), Instant::from_millis(3_600_000));
        runtime.pause();
        runtime.advance(Duration::from_secs(1));
        assert!(matches!(
            runtime.try_block_on(async { sleep(Duration::from_secs(1)).await }),
            Err(RunError::Reactor(stalled)) if stalled.paused.is_some()
        ));
    }
}

#[cfg(not(feature = "alloc"))]
#[test]
fn a_second_block_on_says_why_not() {
    let panic = std::panic::catch_unwind(|| {
        polliwog_spin::block_on(async { polliwog_spin::block_on(async {}) });
    })
    .unwrap_err();
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or(panic.downcast_ref::<&str>().copied()).unwrap();
    assert!(message.contains("running already"), "{message}");
    // And the pool is free again.
    polliwog_spin::block_on(async {});
}
