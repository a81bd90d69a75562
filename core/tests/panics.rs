//! Panics in places where only foreign code can cause them: none loses anything else.
#![cfg(feature = "std")]

use std::cell::Cell;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::{
    Deadline, Executor, Instant, JoinError, Reactor, Spawner, TaskPool, spawn_detached,
};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

fn bomb() -> impl Future<Output = u32> + Send + 'static {
    let bomb = Bomb;
    async move {
        let _bomb = bomb;
        1
    }
}

#[test]
fn a_remote_future_that_panics_when_it_is_dropped_unstarted_ends_no_run() {
    let executor = Executor::with_capacity(4, ThreadReactor::new());
    let handle = executor.handle();
    let remotes = [(); 2].map(|()| handle.spawn(bomb()).unwrap());
    let other = handle.spawn(async { 2 }).unwrap();
    remotes.iter().for_each(|remote| remote.abort());
    assert_eq!(executor.block_on(other).unwrap(), 2);
    for remote in remotes {
        let outcome = executor.block_on(remote);
        assert!(matches!(outcome, Err(JoinError::Aborted)));
    }
}

#[test]
fn a_remote_future_without_memory_that_panics_when_it_is_dropped_ends_no_run() {
    let executor = Executor::with_capacity(4, ThreadReactor::new());
    executor.set_heap_limit(0);
    let remote = executor.handle().spawn(bomb()).unwrap();
    let outcome = executor.block_on(remote);
    assert!(matches!(outcome, Err(JoinError::Aborted)));
}

#[test]
fn remote_futures_that_panic_when_their_executor_is_dropped_are_all_ended() {
    let executor = Executor::with_capacity(4, ThreadReactor::new());
    let remotes = [(); 3].map(|()| executor.handle().spawn(bomb()).unwrap());
    drop(executor);
    assert!(remotes.iter().all(|remote| remote.is_finished()));
    // The core is as good as new for the next one.
    let executor = Executor::with_capacity(1, ThreadReactor::new());
    assert_eq!(executor.block_on(async { 1 }), 1);
}

/// A reactor that cannot even be asked for its unparker.
struct Broken;

impl Reactor for Broken {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        panic!("no unparker")
    }
}

#[test]
fn a_reactor_that_panics_leaves_the_pool_free() {
    static POOL: TaskPool<1> = TaskPool::new();
    assert!(catch_unwind(|| Executor::new(&POOL, Broken).is_ok()).is_err());
    let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    assert_eq!(executor.block_on(async { 1 }), 1);
}

#[test]
fn an_endless_run_that_a_panic_ends_drops_its_tasks() {
    static POOL: TaskPool<2> = TaskPool::new();

    struct Noisy(Rc<Cell<u32>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    async fn wait(noisy: Noisy, seen: Rc<Cell<bool>>) {
        let tasks = Spawner::current().unwrap().tasks();
        seen.set(tasks.last().unwrap().type_name.contains("wait"));
        std::future::pending::<()>().await;
        drop(noisy);
    }

    /// Has nothing to wait for.
    struct Once;
    impl Reactor for Once {
        type Error = &'static str;

        fn now(&self) -> Instant {
            Instant::ZERO
        }

        fn park(&self, until: Deadline) -> Result<(), &'static str> {
            if until == Deadline::Never {
                return Err("nothing will ever happen");
            }
            Ok(())
        }

        fn unparker(&self) -> Waker {
            Waker::noop().clone()
        }
    }

    let (dropped, seen) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    for round in 1..=2 {
        let run = AssertUnwindSafe(|| {
            POOL.run(Once, |spawner| {
                let noisy = Noisy(dropped.clone());
                // The same body again in each round.
                spawn_detached!(spawner, [wait](noisy, seen.clone())).unwrap();
            })
        });
        assert!(catch_unwind(run).is_err());
        assert_eq!(dropped.get(), round);
        assert!(seen.get(), "the task has a type's name");
    }
}
