//! Turns of the run loop that end before their time.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;

use polliwog_core::{Deadline, Executor, Instant, Reactor, yield_now};

/// A reactor whose clock runs, and whose look number `at` ends badly.
struct Faulty {
    now: Cell<u64>,
    looks: Cell<u32>,
    at: u32,
    panics: bool,
}

impl Reactor for &Faulty {
    type Error = &'static str;

    fn now(&self) -> Instant {
        self.now.set(self.now.get() + 1);
        Instant::from_millis(self.now.get())
    }

    fn park(&self, _: Deadline) -> Result<(), Self::Error> {
        self.looks.set(self.looks.get() + 1);
        match self.looks.get() == self.at {
            true if self.panics => panic!("a faulty waker"),
            true => Err("out of order"),
            false => Ok(()),
        }
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

/// 300 tasks, which take five blocks, poll three times each, whenever and however a look at the
/// reactor in the middle of their turns fails.
#[test]
fn a_look_that_fails_in_the_middle_of_a_turn_loses_no_task() {
    for (at, panics) in (1..8).flat_map(|at| [(at, false), (at, true)]) {
        let reactor = Faulty {
            now: Cell::new(0),
            looks: Cell::new(0),
            at,
            panics,
        };
        let executor = Executor::with_capacity(300, &reactor);
        let done = Rc::new(Cell::new(0));
        for _ in 0..300 {
            let done = done.clone();
            let task = async move {
                yield_now().await;
                yield_now().await;
                done.set(done.get() + 1);
            };
            executor.spawner().spawn(task).unwrap().detach();
        }
        let first = catch_unwind(AssertUnwindSafe(|| executor.run_until_stalled()));
        assert_eq!(first.is_err(), panics, "look {at}");
        assert!(first.is_err() || first.unwrap().is_err());
        executor.run_until_stalled().unwrap();
        assert_eq!(done.get(), 300, "look {at}");
        assert_eq!(executor.stats().polls, 900);
    }
}

/// Whoever is polled first in a turn is so in the next one: nobody waits for two turns, however
/// many blocks there are, and however few tasks of each are due.
#[test]
fn turns_keep_the_order_of_the_wakes() {
    let reactor = Faulty {
        now: Cell::new(0),
        looks: Cell::new(0),
        at: u32::MAX,
        panics: false,
    };
    for every in [1, 7, 100] {
        let executor = Executor::with_capacity(300, &reactor);
        let polled = Rc::new(RefCell::new(Vec::new()));
        for number in 0..300 {
            let polled = polled.clone();
            let task = async move {
                if number % every != 0 {
                    return;
                }
                loop {
                    polled.borrow_mut().push(number);
                    yield_now().await;
                }
            };
            executor.spawner().spawn(task).unwrap().detach();
        }
        let in_order: Vec<_> = (0..300).step_by(every).collect();
        for _ in 0..4 {
            executor.tick().unwrap();
            assert_eq!(polled.take(), in_order);
        }
    }
}
