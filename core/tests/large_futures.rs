//! Futures that are large, on a thread with a stack of the usual 2 MiB, also without optimisation,
//! where a value is copied at every call that it is passed to.
#![cfg(feature = "alloc")]

use std::thread;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::executor::{spawn, try_spawn};
use polliwog_core::{Executor, TaskPool, yield_now};

const SIZE: usize = 256 << 10;

async fn large() -> usize {
    let bytes = [1_u8; SIZE];
    yield_now().await;
    bytes.iter().map(|byte| usize::from(*byte)).sum()
}

fn on_a_usual_stack(test: impl FnOnce(&Executor<ThreadReactor>) + Send + 'static) {
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(|| {
        test(&Executor::with_capacity(8, ThreadReactor::new()));
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn spawned_from_within() {
    on_a_usual_stack(|executor| {
        executor.block_on(async {
            assert_eq!(spawn(large()).unwrap().await.unwrap(), SIZE);
            assert_eq!(try_spawn(large()).unwrap().await.unwrap(), SIZE);
        });
    });
}

#[test]
fn spawned_from_outside() {
    on_a_usual_stack(|executor| {
        let task = executor.spawner().spawn(large()).unwrap();
        assert_eq!(executor.block_on(task).unwrap(), SIZE);
        let task = executor.spawner().spawn_named("large", large()).unwrap();
        assert_eq!(executor.block_on(task).unwrap(), SIZE);
    });
}

#[test]
fn blocked_on() {
    on_a_usual_stack(|executor| {
        assert_eq!(executor.block_on(large()), SIZE);
        assert_eq!(executor.try_block_on(large()).unwrap(), SIZE);
    });
}

#[test]
fn at_a_spawn_site() {
    static POOL: TaskPool<2> = TaskPool::new();
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
        let task = polliwog_core::spawn!(executor.spawner(), [large]()).unwrap();
        assert_eq!(executor.block_on(task).unwrap(), SIZE);
        polliwog_core::spawn_detached!(executor.spawner(), [large]()).unwrap();
        executor.run_until_stalled().unwrap();
    });
    thread.unwrap().join().unwrap();
}

#[cfg(feature = "std")]
mod from_another_thread {
    use super::*;

    #[test]
    fn spawned() {
        on_a_usual_stack(|executor| {
            let task = executor.handle().spawn(large()).unwrap();
            assert_eq!(executor.block_on(task).unwrap(), SIZE);
        });
    }

    #[test]
    fn made_over_there() {
        on_a_usual_stack(|executor| {
            let task = executor.handle().spawn_with(large).unwrap();
            assert_eq!(executor.block_on(task).unwrap(), SIZE);
        });
    }

    #[test]
    fn aborted_before_it_starts() {
        on_a_usual_stack(|executor| {
            let task = executor.handle().spawn(large()).unwrap();
            task.abort();
            assert!(executor.block_on(task).unwrap_err().is_aborted());
        });
    }

    #[test]
    fn given_back() {
        on_a_usual_stack(|executor| {
            let handle = executor.handle();
            let _full: Vec<_> = (0..8).map(|_| handle.spawn(async {}).unwrap()).collect();
            let refused = handle.try_spawn(large());
            assert!(refused.is_err_and(|refused| refused.to_string().contains('8')));
        });
    }
}
