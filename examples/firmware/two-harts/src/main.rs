//! Two executors, one on each of two harts: wakes go across, and so do tasks, of spawn sites, whose arguments are
//! `Send`. What each hart owns stays on it without a lock; what both use is what `polliwog::sync` has.
//!
//! `cargo run --release` runs it in QEMU on two harts.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod hart;

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use polliwog::executor::Handle;
use polliwog::sync::{OnceCell, Semaphore, Signal, mpmc};
use polliwog::time::Duration;
use polliwog::{Executor, Spawner, TaskPool, spawn_detached, yield_now};
use semihosting::{println, process::exit};

/// How often a ball goes there and back.
const ROUNDS: u32 = 2_000;
/// How many messages go across, each way, through a channel with few places.
const MESSAGES: u32 = 5_000;
/// How many tasks each hart starts on the other one.
const TASKS: u32 = 1_000;

static POOLS: [TaskPool<8>; 2] = [TaskPool::new(), TaskPool::new()];
static HANDLES: [OnceCell<Handle>; 2] = [OnceCell::const_new(), OnceCell::const_new()];

/// A ball for each side.
static BALLS: [Signal<u32>; 2] = [Signal::new(), Signal::new()];
static CHANNELS: [mpmc::Channel<u32, 4>; 2] = [mpmc::Channel::new(), mpmc::Channel::new()];
/// What tasks that came from the other hart have counted.
static COUNTED: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];
static CAME: [Semaphore; 2] = [Semaphore::new(0), Semaphore::new(0)];
/// A permit for each part of the program that has come to its end.
static DONE: Semaphore = Semaphore::new(0);
const PARTS: usize = 7;

async fn ping(mine: usize) {
    if mine == 0 {
        BALLS[1].signal(0);
    }
    loop {
        let n = BALLS[mine].wait().await;
        BALLS[1 - mine].signal(n + 1);
        if n + 2 > 2 * ROUNDS {
            break;
        }
    }
    DONE.add_permits(1);
}

async fn send(mine: usize) {
    for n in 0..MESSAGES {
        let sent = CHANNELS[1 - mine].send(n).await;
        assert!(sent.is_ok(), "nobody closes it");
    }
}

async fn receive(mine: usize) {
    for n in 0..MESSAGES {
        assert_eq!(CHANNELS[mine].recv().await, n);
    }
    DONE.add_permits(1);
}

/// A task that one hart starts on the other.
async fn count(there: usize, n: u32) {
    assert_eq!(hart::id(), there);
    yield_now().await;
    // Nobody else adds to this one, as all of these tasks run on one hart.
    COUNTED[there].store(COUNTED[there].load(Relaxed) + n, Relaxed);
    CAME[there].add_permits(1);
}

async fn start_there(mine: usize) {
    let there = 1 - mine;
    let handle = loop {
        match HANDLES[there].get() {
            Some(handle) => break *handle,
            None => yield_now().await,
        }
    };
    for n in 1..=TASKS {
        // All bodies of the site are in use: one of them comes to its end.
        while spawn_detached!(handle, [count; 3](there, n)).is_err() {
            yield_now().await;
        }
    }
    let all = CAME[there].acquire_many(TASKS as _).await;
    all.expect("nobody closes it").forget();
    assert_eq!(COUNTED[there].load(Relaxed), TASKS * (TASKS + 1) / 2);
    DONE.add_permits(1);
}

/// A timer of this hart, and a value that never leaves it.
async fn nap(spawner: Spawner, naps: &'static str) {
    let slept = Cell::new(0);
    for _ in 0..10 {
        spawner.sleep(Duration::from_millis(2)).await;
        slept.set(slept.get() + 1);
    }
    assert_eq!(slept.get(), 10, "{naps}");
    DONE.add_permits(1);
}

async fn watch(spawner: Spawner) {
    let all = DONE.acquire_many(PARTS as _).await;
    all.expect("nobody closes it").forget();
    // A hart with nothing to do sleeps. Both had something all the time, perhaps: now neither has.
    let slept = || [0, 1].map(|hart| hart::sleeps(hart) > 0);
    for _ in 0..1_000 {
        if slept() == [true; 2] {
            break;
        }
        spawner.sleep(Duration::from_millis(1)).await;
    }
    let slept = slept();
    println!(
        "{ROUNDS} rounds, {} messages, {} tasks; slept: {slept:?}",
        2 * MESSAGES,
        2 * TASKS
    );
    exit(i32::from(slept != [true; 2]));
}

/// An executor without a task would end, and this one may get some from the other hart.
async fn stay() {
    core::future::pending().await
}

#[riscv_rt::entry]
fn main() -> ! {
    let mine = hart::id();
    if mine == 0 {
        hart::start_second();
    }
    let executor = Executor::new(&POOLS[mine], hart::Hart::here());
    let executor = executor.expect("each hart has a pool");
    let spawner = executor.spawner();
    let started = (|| {
        spawn_detached!(spawner, [stay; 2]())?;
        spawn_detached!(spawner, [ping; 2](mine))?;
        spawn_detached!(spawner, [send; 2](mine))?;
        spawn_detached!(spawner, [receive; 2](mine))?;
        spawn_detached!(spawner, [start_there; 2](mine))?;
        if mine == 0 {
            spawn_detached!(spawner, [nap](spawner, "naps"))?;
            spawn_detached!(spawner, [watch](spawner))?;
        }
        Ok::<_, polliwog::SpawnError>(())
    })();
    started.expect("room for seven");
    // From now on the other hart starts tasks here, as far as there is room.
    HANDLES[mine].set(executor.handle()).expect("once");
    executor.run().expect("a wait does not fail");
    unreachable!("one task stays")
}
