//! Tasks that belong together, without an allocator.

use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use polliwog_core::conformance::ThreadReactor;
use polliwog_core::task::FixedJoinSet;
use polliwog_core::{Executor, JoinError, SpawnErrorKind, TaskPool, spawn, yield_now};

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

async fn forever(_ended: Ended) -> usize {
    pending().await
}

#[test]
fn tasks_from_a_static_pool_are_joined_as_they_end() {
    static POOL: TaskPool<5> = TaskPool::new();
    let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    let spawner = executor.spawner();
    executor.block_on(async {
        let mut set = FixedJoinSet::<usize, 3>::new();
        assert!(set.join_next().await.is_none());
        let spawn = |turns| spawn!(spawner, [after; 4](turns)).unwrap();
        for turns in [5, 1, 3] {
            set.insert(spawn(turns)).unwrap();
        }
        assert_eq!((set.len(), set.is_full(), set.capacity()), (3, true, 3));
        assert!(set.try_join_next().is_none());
        let back = set.insert(spawn(9)).unwrap_err();
        let mut order = Vec::new();
        while let Some(turns) = set.join_next().await {
            order.push(turns.unwrap());
        }
        assert_eq!(order, [1, 3, 5]);
        assert!(set.is_empty());
        // Places are used again; the one that was given back runs on.
        for round in 0..10 {
            set.insert(spawn(round)).unwrap();
            assert_eq!(set.next().await.unwrap().unwrap(), round);
        }
        assert!(set.next().await.is_none());
        assert_eq!(back.await.unwrap(), 9);
    });
}

#[test]
fn those_that_have_ended_have_their_turns_in_a_circle() {
    static POOL: TaskPool<4, 128> = TaskPool::new();
    let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    executor.block_on(async {
        let mut set = FixedJoinSet::<usize, 2>::new();
        set.spawn(after(0)).unwrap();
        let kept = set.spawn(after(0)).unwrap().id();
        let full = set.spawn(after(0)).unwrap_err();
        assert_eq!(full.kind(), SpawnErrorKind::TasksFull { capacity: 2 });
        yield_now().await;
        // The first place is taken again and again; the second one is not left behind.
        assert_ne!(set.try_join_next_with_id().unwrap().0, kept);
        set.spawn(after(0)).unwrap();
        yield_now().await;
        assert_eq!(set.join_next_with_id().await.unwrap().0, kept);
        assert_eq!(set.len(), 1);
    });
}

#[test]
fn a_set_that_is_dropped_ends_its_tasks() {
    static POOL: TaskPool<4> = TaskPool::new();
    let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    let spawner = executor.spawner();
    let count = Rc::new(Cell::new(0));
    executor.block_on(async {
        let spawn = || spawn!(spawner, [forever; 3](Ended(count.clone()))).unwrap();
        let mut set = FixedJoinSet::<usize, 3>::default();
        for _ in 0..3 {
            set.insert(spawn()).unwrap();
        }
        yield_now().await;
        drop(set);
        yield_now().await;
        assert_eq!(count.get(), 3);

        let mut set = FixedJoinSet::<usize, 3>::new();
        set.insert(spawn()).unwrap();
        set.insert(spawn()).unwrap();
        set.shutdown().await;
        assert_eq!((set.len(), count.get()), (0, 5));

        let abort = set.insert(spawn()).unwrap();
        {
            // A wait that is given up loses nothing.
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(set.join_next()).poll(&mut cx).is_pending());
        }
        abort.abort();
        let end = set.join_next().await.unwrap();
        assert!(matches!(end, Err(JoinError::Aborted)));

        let abort = set.insert(spawn()).unwrap();
        set.detach_all();
        assert!(set.is_empty());
        drop(set);
        yield_now().await;
        assert_eq!(count.get(), 6, "it runs on");
        abort.abort();
        let mut cx = Context::from_waker(Waker::noop());
        let mut set = FixedJoinSet::<usize, 1>::new();
        assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(None)));
    });
}
