//! More tasks in one static pool than a word of 32 bits has bits: of one function, at one place in the source, and
//! each slot taken again by the task after.
//!
//! qemu: -icount shift=6,sleep=off
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use board::{BoardReactor, entry, exit, on_interrupt, println};
use polliwog::sync::mpmc::Channel;
use polliwog::task::yield_now;
use polliwog::time::{Duration, now, sleep};
use polliwog::{SpawnError, SpawnErrorKind, Spawner, TaskPool, spawn_detached};

/// How many tasks sleep at the same time.
const NAPS: usize = 75;
/// How many times their slots are taken.
const GENERATIONS: usize = 3;

/// One for the task that counts.
static TASKS: TaskPool<{ NAPS + 1 }, 0, 3> = TaskPool::new();
/// Who has ended, with room for fewer than there are.
static DONE: Channel<usize, 8> = Channel::new();

on_interrupt!(SOFT0, ());
on_interrupt!(SOFT1, ());
on_interrupt!(TICK, ());
#[cfg(target_arch = "arm")]
on_interrupt!(ETHERNET, ());

async fn nap(n: usize) {
    for round in 1..=3 {
        let start = now().expect("a clock");
        // Not in the order of their numbers.
        let length = Duration::from_micros(500 + (n * 37 % 101) as u64 * 50 * round);
        sleep(length).await;
        assert!(now().expect("still") - start >= length);
    }
    assert!(DONE.send(n).await.is_ok());
}

/// The only place where naps are started.
fn start(spawner: &Spawner, n: usize) -> Result<(), SpawnError> {
    spawn_detached!(spawner, [nap; NAPS](n))
}

async fn count() {
    let spawner = Spawner::current().expect("an executor");
    for generation in 1..=GENERATIONS {
        for n in 0..NAPS {
            // Whoever has said that it has ended may still be about to return.
            while start(&spawner, n).is_err() {
                yield_now().await;
            }
        }
        let full = start(&spawner, 0).expect_err("no slot is left");
        let capacity = NAPS + 1;
        assert_eq!(full.kind(), SpawnErrorKind::TasksFull { capacity });
        let mut done = [false; NAPS];
        for _ in 0..NAPS {
            let n = DONE.recv().await;
            assert!(!core::mem::replace(&mut done[n], true), "{n} ended twice");
        }
        println!("generation {generation}: {NAPS} tasks slept and ended");
    }
    println!("ok: {} tasks", NAPS * GENERATIONS);
    exit(0)
}

#[entry]
fn main() -> ! {
    TASKS.run(BoardReactor::new(), |spawner| {
        spawn_detached!(spawner, [count]()).expect("a free slot");
    })
}
