//! More tasks than a pool has slots on a chip of 32 bits: the others are in an `InterruptExecutor` that no
//! interrupt runs, but a task of the pool.
//!
//! qemu: -icount shift=6,sleep=off
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use board::{BoardReactor, entry, exit, on_interrupt, println};
use polliwog::executor::Pend;
use polliwog::sync::Signal;
use polliwog::sync::mpmc::Channel;
use polliwog::time::{Duration, now, sleep};
use polliwog::{InterruptExecutor, Spawner, TaskPool, spawn_detached};

/// As many as a pool can have.
const FIRST: usize = 32;
/// The others.
const MORE: usize = 28;

/// Wakes the task that runs the others.
struct Ring;

impl Pend for Ring {
    fn pend(&self) {
        BELL.signal(());
    }
}

static TASKS: TaskPool<FIRST> = TaskPool::new();
static OTHERS: InterruptExecutor<MORE, Ring> = InterruptExecutor::new(Ring);
static BELL: Signal<()> = Signal::new();
/// Who has ended, with room for fewer than there are.
static DONE: Channel<usize, 8> = Channel::new();

on_interrupt!(SOFT0, ());
on_interrupt!(SOFT1, ());
on_interrupt!(TICK, ());
#[cfg(target_arch = "arm")]
on_interrupt!(ETHERNET, ());

/// The task that runs the others.
async fn run_others() {
    loop {
        BELL.wait().await;
        OTHERS.run();
    }
}

/// A task that sleeps is not `Send`, so it is started where it is to run.
async fn start_others() {
    let spawner = Spawner::current().expect("of the others");
    for n in 0..MORE - 1 {
        spawn_detached!(spawner, [nap; MORE - 1](FIRST + n)).expect("a free slot");
    }
    let full = spawn_detached!(spawner, [nap](0));
    assert!(full.is_err(), "the others have no slot left");
}

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

async fn count() {
    let mut done = [false; FIRST + MORE];
    let naps = (FIRST - 2) + (MORE - 1);
    for _ in 0..naps {
        let n = DONE.recv().await;
        assert!(!core::mem::replace(&mut done[n], true), "{n} ended twice");
    }
    println!("ok: {naps} tasks slept and ended");
    exit(0)
}

#[entry]
fn main() -> ! {
    TASKS.run(BoardReactor::new(), |spawner| {
        spawn_detached!(spawner, [run_others]()).expect("a free slot");
        spawn_detached!(spawner, [count]()).expect("a free slot");
        for n in 0..FIRST - 2 {
            spawn_detached!(spawner, [nap; FIRST - 2](n)).expect("a free slot");
        }
        spawn_detached!(OTHERS.handle(), [start_others]()).expect("a free slot");
    })
}
