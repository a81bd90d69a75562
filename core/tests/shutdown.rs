//! A shutdown concerns `run`, and nobody else.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};

use polliwog_core::{
    Deadline, Executor, Handle, Instant, Reactor, TaskPool, spawn_detached, yield_now,
};

/// A chip's reactor: nobody unparks it. In its first wait an interrupt comes, if somebody waits
/// for that; in the next one nothing does.
#[derive(Default)]
struct Chip {
    interrupt: RefCell<Option<Waker>>,
}

impl Reactor for &Chip {
    type Error = &'static str;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, until: Deadline) -> Result<(), Self::Error> {
        if until == Deadline::Now {
            return Ok(());
        }
        match self.interrupt.take() {
            Some(waker) => waker.wake(),
            None => return Err("nothing will ever happen"),
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

#[test]
fn a_chip_that_was_told_to_stop_still_sleeps_in_block_on() {
    static POOL: TaskPool<1> = TaskPool::new();
    let chip = Chip::default();
    let Ok(executor) = Executor::new(&POOL, &chip) else {
        panic!("nobody else has it");
    };
    executor.handle().shutdown();
    let mut polls = 0;
    let waited = executor.try_block_on(poll_fn(|cx| {
        polls += 1;
        *chip.interrupt.borrow_mut() = Some(cx.waker().clone());
        match polls {
            3 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }));
    assert!(waited.is_ok(), "{waited:?}");
    // It is remembered for whoever runs.
    assert!(executor.run().is_ok());
}

#[test]
fn an_endless_run_goes_on_after_a_shutdown() {
    static POOL: TaskPool<1> = TaskPool::new();

    async fn work(done: Rc<Cell<u32>>) {
        let handle = Handle::current().unwrap();
        for _ in 0..3 {
            assert!(handle.shutdown());
            done.set(done.get() + 1);
            yield_now().await;
        }
    }

    let done = Rc::new(Cell::new(0));
    let chip = Chip::default();
    let run = AssertUnwindSafe(|| {
        POOL.run(&chip, |spawner| {
            spawn_detached!(spawner, [work](done.clone())).unwrap();
        })
    });
    assert!(catch_unwind(run).is_err(), "nothing was left to do");
    assert_eq!(done.get(), 3);
}
