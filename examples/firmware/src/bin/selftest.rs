//! The core's promises, tested on the chip itself.
//!
//! One test after the other, each with executors of its own; the first failure panics, which ends
//! the emulator with exit code 101. Time is that of the instructions, so that it does not matter how
//! busy the emulator's machine is.
//!
//! qemu: -icount shift=6,sleep=off
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[path = "../selftest/interrupts.rs"]
mod interrupts;
#[path = "../selftest/tasks.rs"]
mod tasks;
#[path = "../selftest/timers.rs"]
mod timers;

use board::{BoardReactor, entry, exit, println};
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Poll, Waker};
use polliwog::{Executor, TaskPool};

type Test = (&'static str, fn());

#[entry]
fn main() -> ! {
    let mut passed = 0;
    for group in [tasks::TESTS, timers::TESTS, interrupts::TESTS] {
        for (name, test) in group {
            println!("test {name}");
            test();
            passed += 1;
        }
    }
    println!("{passed} tests passed");
    exit(0)
}

/// An executor for a test; it drops it at its end.
fn executor<const N: usize, const BYTES: usize>(
    pool: &'static TaskPool<N, BYTES>,
) -> Executor<BoardReactor> {
    Executor::new(pool, BoardReactor::new()).expect("the former test has dropped its executor")
}

/// Counts by any number of owners; what tests use to see what has happened.
struct Count(AtomicU32);

impl Count {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Not atomic: by tasks only, or by one interrupt handler only.
    fn add(&self, n: u32) {
        self.0.store(self.get() + n, Ordering::Relaxed);
    }
}

/// Adds one when it is dropped.
struct OnDrop(&'static Count);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add(1);
    }
}

/// Waits for ever and counts its polls.
async fn idle(polls: &'static Count, _drop: OnDrop) {
    core::future::poll_fn(|_| {
        polls.add(1);
        Poll::<()>::Pending
    })
    .await;
}

/// The waker of the task that awaits this.
async fn own_waker() -> Waker {
    core::future::poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// A place for a waker that tests keep beyond its task.
struct Kept(Cell<Option<Waker>>);
