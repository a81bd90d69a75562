//! A static pool with more tasks than a word has bits: each slot and each body is there once, can be taken again, and
//! when all are taken the next spawn says so.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::pending;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::{
    Executor, JoinHandle, SpawnErrorKind, Spawner, TaskPool, spawn, spawn_detached, yield_now,
};

// Enough for several blocks, and on a slow machine for two.
const TASKS: usize = if cfg!(miri) { 70 } else { 200 };

thread_local! {
    static SEEN: RefCell<HashSet<usize>> = RefCell::default();
    static POLLS: Cell<usize> = const { Cell::new(0) };
}

/// Says where its body lies, and waits for ever.
async fn sit(n: usize) {
    let here = std::hint::black_box(&n);
    SEEN.with_borrow_mut(|seen| {
        assert!(
            seen.insert(&raw const *here as usize),
            "a body is given out once"
        );
    });
    POLLS.set(POLLS.get() + 1);
    pending::<()>().await;
    let _ = std::hint::black_box(here);
}

async fn number(n: usize) -> usize {
    for _ in 0..n % 5 {
        yield_now().await;
    }
    n
}

/// A spawner by reference, as functions take it.
fn number_at_site(spawner: &Spawner, n: usize) -> JoinHandle<usize> {
    spawn!(spawner, [number; TASKS](n)).unwrap()
}

#[test]
fn all_slots_of_all_blocks_are_taken_once_and_again() {
    static POOL: TaskPool<TASKS, 64, 7> = TaskPool::new();
    for _claim in 0..if cfg!(miri) { 2 } else { 3 } {
        let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
        let spawner = executor.spawner();
        assert_eq!(spawner.stats().capacity, TASKS);
        for _generation in 0..if cfg!(miri) { 1 } else { 3 } {
            SEEN.with_borrow_mut(HashSet::clear);
            POLLS.set(0);
            let handles: Vec<_> = (0..TASKS).map(|n| spawner.spawn(sit(n)).unwrap()).collect();
            assert_eq!(spawner.stats().live, TASKS);
            let full = spawner.spawn(sit(TASKS)).unwrap_err();
            assert_eq!(full.kind(), SpawnErrorKind::TasksFull { capacity: TASKS });
            let ids: HashSet<_> = spawner.tasks().map(|task| task.id).collect();
            assert_eq!(ids.len(), TASKS);
            let mut indices: Vec<_> = spawner.tasks().map(|task| task.index).collect();
            indices.sort_unstable();
            assert_eq!(indices, (0..TASKS).collect::<Vec<_>>());
            while POLLS.get() < TASKS {
                executor.tick().unwrap();
            }
            // Every third task makes room, and only these places are taken again.
            let mut handles: Vec<_> = handles.into_iter().map(Some).collect();
            for handle in handles.iter_mut().step_by(3) {
                handle.take().unwrap().abort();
            }
            executor.tick().unwrap();
            let free = TASKS.div_ceil(3);
            assert_eq!(spawner.stats().live, TASKS - free);
            SEEN.with_borrow_mut(HashSet::clear);
            handles.extend((0..free).map(|n| Some(spawner.spawn(sit(n)).unwrap())));
            assert!(spawner.spawn(sit(TASKS)).is_err());
            executor.tick().unwrap();
            handles.iter().flatten().for_each(JoinHandle::abort);
            executor.tick().unwrap();
            assert_eq!(spawner.stats().live, 0);
        }
    }
}

#[test]
fn a_spawn_site_has_as_many_bodies_as_it_says() {
    static POOL: TaskPool<{ TASKS + 1 }, 0, 7> = TaskPool::new();
    let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    let spawner = executor.spawner();
    for _generation in 0..if cfg!(miri) { 2 } else { 3 } {
        let handles: Vec<_> = (0..TASKS).map(|n| number_at_site(&spawner, n)).collect();
        let sum = executor.block_on(async {
            let mut sum = 0;
            for (n, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.await.unwrap(), n);
                sum += n;
            }
            sum
        });
        assert_eq!(sum, TASKS * (TASKS - 1) / 2);
    }
    // One place fewer than there are slots: the site says that it is full, not the pool.
    let start = || spawn_detached!(&spawner, [number; TASKS - 1](0));
    (0..TASKS - 1).for_each(|_| start().unwrap());
    let capacity = TASKS - 1;
    assert_eq!(
        start().unwrap_err().kind(),
        SpawnErrorKind::StorageFull { capacity }
    );
}
