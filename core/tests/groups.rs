//! Tasks that belong together: `JoinSet`, `AbortOnDrop`.
#![cfg(feature = "std")]

use std::cell::Cell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use futures_util::StreamExt;
use polliwog_core::conformance::ThreadReactor;
use polliwog_core::task::{AbortOnDrop, JoinSet};
use polliwog_core::{Executor, JoinError, SpawnErrorKind, spawn, yield_now};

fn executor() -> Executor<ThreadReactor> {
    Executor::with_capacity(16, ThreadReactor::new())
}

async fn after(turns: usize) -> usize {
    for _ in 0..turns {
        yield_now().await;
    }
    turns
}

/// Counts the tasks that have ended, in whatever way.
struct Ended(Rc<Cell<usize>>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn tasks_are_joined_in_the_order_in_which_they_end() {
    executor().block_on(async {
        let mut set = JoinSet::new();
        assert!(set.join_next().await.is_none());
        for turns in [5, 1, 3] {
            set.spawn(after(turns)).unwrap();
        }
        assert_eq!((set.len(), set.is_empty()), (3, false));
        assert!(set.try_join_next().is_none());
        let mut order = Vec::new();
        while let Some(turns) = set.join_next().await {
            order.push(turns.unwrap());
        }
        assert_eq!(order, [1, 3, 5]);
        // Places are used again.
        for round in 0..10 {
            set.spawn(after(round)).unwrap();
            assert_eq!(set.next().await.unwrap().unwrap(), round);
        }
        assert!(set.next().await.is_none());
    });
}

#[test]
fn panics_and_aborts_are_reported() {
    executor().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { panic!("on purpose") }).unwrap();
        let abort = set.spawn(pending::<()>()).unwrap();
        let (first, error) = set.join_next_with_id().await.unwrap();
        assert!(error.unwrap_err().is_panic());
        assert_ne!(first, abort.id());
        abort.abort();
        let (second, error) = set.join_next_with_id().await.unwrap();
        assert!(error.unwrap_err().is_aborted());
        assert_eq!(second, abort.id());
        assert!(set.is_empty());
    });
}

#[test]
fn a_dropped_set_aborts_and_a_detached_one_does_not() {
    let executor = executor();
    let ended = Rc::new(Cell::new(0));
    executor.block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let ended = Ended(ended.clone());
            set.spawn(async move {
                let _ended = ended;
                pending::<()>().await;
            })
            .unwrap();
        }
        after(2).await;
        assert_eq!(ended.get(), 0);
        drop(set);
        after(2).await;
        assert_eq!(ended.replace(0), 3);

        let mut set = JoinSet::new();
        let ended = Ended(ended.clone());
        set.spawn(async move {
            let _ended = ended;
            after(3).await
        })
        .unwrap();
        set.detach_all();
        assert!(set.is_empty() && set.join_next().await.is_none());
        // What the former one reports is nothing to this one.
        set.spawn(after(9)).unwrap();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 9);
    });
    assert_eq!(ended.get(), 1);
}

#[test]
fn shut_down_waits_until_all_have_ended() {
    let ended = Rc::new(Cell::new(0));
    executor().block_on(async {
        let mut set = JoinSet::default();
        for _ in 0..5 {
            let ended = Ended(ended.clone());
            set.spawn(async move {
                let _ended = ended;
                pending::<()>().await;
            })
            .unwrap();
        }
        set.shutdown().await;
        assert_eq!((ended.get(), set.len()), (5, 0));
    });
}

#[test]
fn all_are_joined_or_a_panic_goes_on() {
    let executor = executor();
    let all = executor.block_on(async {
        let mut set = JoinSet::new();
        for turns in 0..4 {
            set.spawn(after(4 - turns)).unwrap();
        }
        set.join_all().await
    });
    assert_eq!(all, [1, 2, 3, 4]);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        executor.block_on(async {
            let mut set = JoinSet::<()>::new();
            set.spawn(async { panic!("on purpose") }).unwrap();
            set.join_all().await
        })
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"on purpose"));
}

/// A refused spawn leaves no trace in the set.
#[test]
fn a_full_executor_refuses() {
    let executor = Executor::with_capacity(2, ThreadReactor::new());
    let spawner = executor.spawner();
    executor.block_on(async {
        let mut set = JoinSet::new();
        set.spawn_on(after(1), &spawner).unwrap();
        let refused = set.spawn(after(2)).unwrap_err();
        assert_eq!(refused.kind(), SpawnErrorKind::TasksFull { capacity: 2 });
        assert_eq!(set.len(), 1);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
        set.spawn(after(3)).unwrap();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
    });
}

/// The set is polled from another executor's task, by another waker each time, and when its own executor
/// has gone.
#[test]
fn a_set_outlives_its_executor() {
    let ours = executor();
    let mut set = JoinSet::new();
    set.spawn_on(after(2), &ours.spawner()).unwrap();
    set.spawn_on(async { pending::<usize>().await }, &ours.spawner())
        .unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(set.join_next()).poll(&mut cx).is_pending());
    ours.run_until_stalled().unwrap();
    drop(ours);
    let ends = executor().block_on(async {
        let mut ends = Vec::new();
        while let Some(end) = set.join_next().await {
            ends.push(end);
        }
        ends
    });
    assert_eq!(*ends[0].as_ref().unwrap(), 2);
    assert!(matches!(ends[1], Err(JoinError::Aborted)));
}

#[test]
fn a_task_ends_with_its_handle() {
    let ended = Rc::new(Cell::new(0));
    executor().block_on(async {
        let guard = Ended(ended.clone());
        let task = AbortOnDrop::new(
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .unwrap(),
        );
        after(2).await;
        assert!(!task.is_finished());
        drop(task);
        after(2).await;
        assert_eq!(ended.get(), 1);
        assert_eq!(
            AbortOnDrop::from(spawn(after(2)).unwrap()).await.unwrap(),
            2
        );
        let task = AbortOnDrop::new(spawn(pending::<()>()).unwrap());
        task.abort_handle().abort();
        assert!(task.await.unwrap_err().is_aborted());
    });
}
