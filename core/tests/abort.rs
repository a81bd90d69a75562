//! Aborts on every shape of the executor, also the microcontrollers' (`--cfg lean`).

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use polliwog_core::{Deadline, Executor, Instant, JoinError, Reactor, TaskPool, yield_now};

/// Never waits, and has no time.
struct Idle;

impl Reactor for Idle {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

struct CountDrop(Rc<Cell<u32>>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn an_idle_task_that_is_aborted_ends_and_wakes_its_joiner() {
    static POOL: TaskPool<3, 256> = TaskPool::new();
    let executor = Executor::new(&POOL, Idle).expect("nobody has it");
    let spawner = executor.spawner();
    let dropped = Rc::new(Cell::new(0));
    let counter = CountDrop(dropped.clone());
    let idle = spawner.spawn(async move {
        let _counter = counter;
        pending::<()>().await;
    });
    let idle = idle.expect("room");
    let abort = idle.abort_handle();
    let joined = Rc::new(Cell::new(None));
    let outcome = joined.clone();
    let joining = spawner.spawn(async move { outcome.set(Some(idle.await)) });
    joining.expect("room").detach();

    executor.run_until_stalled().unwrap();
    assert!(joined.take().is_none() && dropped.get() == 0);
    abort.abort();
    executor.run_until_stalled().unwrap();
    assert!(matches!(joined.take(), Some(Err(JoinError::Aborted))));
    assert_eq!((dropped.get(), executor.stats().live), (1, 0));
}

#[test]
fn an_abort_handle_ends_no_other_task() {
    static POOL: TaskPool<1, 256> = TaskPool::new();
    let executor = Executor::new(&POOL, Idle).expect("nobody has it");
    let spawner = executor.spawner();
    let first = spawner.spawn(async { 1 }).expect("room");
    let stale = first.abort_handle();
    executor.run_until_stalled().unwrap();
    assert_eq!(executor.block_on(first).ok(), Some(1));

    // In the same slot, as there is but one.
    let mut second = pin!(spawner.spawn(yield_now()).expect("room"));
    stale.abort();
    executor.run_until_stalled().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(()))));
}
