//! An interrupt that comes at all moments wakes tasks, spawns tasks and aborts tasks while the
//! executor does the same. In the end every counter has to add up.
//!
//! qemu: -icount shift=6
//! data: 4
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::cell::Cell;
use core::future::poll_fn;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Poll, Waker};

use board::{BoardReactor, chip, entry, exit, on_interrupt, println};
use critical_section::Mutex;
use polliwog::{AbortHandle, Executor, Handle, TaskPool, spawn, try_spawn_detached, yield_now};

/// Tasks that wait for wakes.
const WAITING: usize = 9;
/// Interrupts per seed. `STORM=long` at build time makes it millions in all.
const INTERRUPTS: u32 = if option_env!("STORM").is_some() {
    1_000_000
} else {
    30_000
};
const SEEDS: [u32; 4] = [1, 0x9E37_79B9, 0xDEAD_BEEF, 77];

static TASKS: TaskPool<24> = TaskPool::new();
static HANDLE: Mutex<Cell<Option<Handle>>> = Mutex::new(Cell::new(None));
static RANDOM: Mutex<Cell<u32>> = Mutex::new(Cell::new(1));
static VICTIM: Mutex<Cell<Option<AbortHandle>>> = Mutex::new(Cell::new(None));

/// A count that tasks and the interrupt handler both change.
struct Count(AtomicU32);

impl Count {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn add(&self) {
        critical_section::with(|_| self.0.store(self.get() + 1, Ordering::Relaxed));
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> u32 {
        critical_section::with(|_| {
            let was = self.get();
            self.0.store(0, Ordering::Relaxed);
            was
        })
    }
}

static INTERRUPTED: Count = Count::new();
static SPAWNED: Count = Count::new();
static REFUSED: Count = Count::new();
static STARTED: Count = Count::new();
static ENDED: Count = Count::new();
static DROPPED: Count = Count::new();
static VICTIMS: Count = Count::new();
static ABORTED: Count = Count::new();
static SENT: [Count; WAITING] = [const { Count::new() }; WAITING];
static SEEN: [Count; WAITING] = [const { Count::new() }; WAITING];
static WAKERS: [Mutex<Cell<Option<Waker>>>; WAITING] =
    [const { Mutex::new(Cell::new(None)) }; WAITING];

fn random(below: u32) -> u32 {
    critical_section::with(|cs| {
        let state = RANDOM.borrow(cs);
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        state.set(x);
        x % below
    })
}

on_interrupt!(TICK, interrupt());

fn interrupt() {
    INTERRUPTED.add();
    match random(8) {
        0..4 => ring(random(WAITING as u32) as usize),
        4..7 => {
            let handle = critical_section::with(|cs| HANDLE.borrow(cs).get());
            if let Some(handle) = handle {
                match try_spawn_detached!(handle, [short; 6](OnDrop, random(3))) {
                    Ok(()) => SPAWNED.add(),
                    Err(error) => {
                        REFUSED.add();
                        core::mem::forget(error.into_inner().0);
                    }
                }
            }
        }
        _ => {
            if let Some(victim) = critical_section::with(|cs| VICTIM.borrow(cs).get()) {
                victim.abort();
            }
        }
    }
    if INTERRUPTED.get() < INTERRUPTS {
        chip::set_tick_cycles(20 + random(300));
    } else {
        chip::stop_tick();
    }
}

/// Counts, then wakes; a waker that was there stays there.
fn ring(n: usize) {
    SENT[n].add();
    let waker = critical_section::with(|cs| {
        let place = WAKERS[n].borrow(cs);
        let waker = place.take();
        place.set(waker.clone());
        waker
    });
    if let Some(waker) = waker {
        waker.wake();
    }
}

struct OnDrop;

impl Drop for OnDrop {
    fn drop(&mut self) {
        DROPPED.add();
    }
}

async fn short(_drop: OnDrop, turns: u32) {
    STARTED.add();
    for _ in 0..turns {
        yield_now().await;
    }
    ENDED.add();
}

/// Takes note of every ring, and rings others now and then.
async fn waiting(n: usize) {
    poll_fn(|cx| {
        critical_section::with(|cs| WAKERS[n].borrow(cs).set(Some(cx.waker().clone())));
        let sent = SENT[n].get();
        critical_section::with(|_| SEEN[n].0.store(sent, Ordering::Relaxed));
        if random(16) == 0 {
            ring((n + 1) % WAITING);
        }
        Poll::<()>::Pending
    })
    .await;
}

/// Spawns tasks that the interrupt aborts, but for one in four, and joins them.
async fn hunter() {
    let spawner = polliwog::Spawner::current().expect("called in a task");
    while INTERRUPTED.get() < INTERRUPTS {
        let Ok(handle) = spawn!(spawner, [prey; 2]()) else {
            yield_now().await;
            continue;
        };
        VICTIMS.add();
        // Where interrupts leave little time, nobody else would live to the end.
        let is_spared = random(4) == 0;
        let victim = (!is_spared).then(|| handle.abort_handle());
        critical_section::with(|cs| VICTIM.borrow(cs).set(victim));
        if handle.await.is_err() {
            ABORTED.add();
        }
    }
}

async fn prey() {
    for _ in 0..random(40) {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    for seed in SEEDS {
        promise_02_a_spawn_from_an_interrupt_handler_is_safe(seed);
    }
    println!("{} seeds passed", SEEDS.len());
    exit(0)
}

fn promise_02_a_spawn_from_an_interrupt_handler_is_safe(seed: u32) {
    let executor = Executor::new(&TASKS, BoardReactor::new()).expect("the pool is ours");
    critical_section::with(|cs| {
        RANDOM.borrow(cs).set(seed);
        HANDLE.borrow(cs).set(Some(executor.handle()));
    });
    let spawner = executor.spawner();
    for n in 0..WAITING {
        spawn!(spawner, [waiting; WAITING](n))
            .expect("a free slot")
            .detach();
    }
    let hunter = spawn!(spawner, [hunter]()).expect("a free slot");
    chip::start_tick(100);
    executor.block_on(hunter).expect("it ends");
    chip::stop_tick();
    executor.run_until_stalled().expect("it cannot fail");

    let interrupts = INTERRUPTED.take();
    assert!(interrupts >= INTERRUPTS);
    for n in 0..WAITING {
        assert_eq!(SENT[n].take(), SEEN[n].take(), "a wake was lost");
    }
    let (spawned, refused) = (SPAWNED.take(), REFUSED.take());
    assert_eq!(
        (STARTED.take(), ENDED.take()),
        (spawned, spawned),
        "a spawn was lost"
    );
    assert_eq!(
        DROPPED.take(),
        spawned,
        "a future was dropped twice or never"
    );
    assert!(
        spawned > 0 && refused > 0,
        "the pool was full at times and at others not"
    );
    let (victims, aborted) = (VICTIMS.take(), ABORTED.take());
    assert!(aborted > 0 && aborted < victims);
    assert_eq!(
        executor.stats().live,
        WAITING,
        "only those that wait are left"
    );
    println!(
        "{interrupts} interrupts, {spawned} spawned, {refused} refused, {aborted} of {victims} aborted"
    );
    drop(executor);
    // Its handle is harmless now.
    let handle = critical_section::with(|cs| HANDLE.borrow(cs).get()).expect("set above");
    let refused = try_spawn_detached!(handle, [short; 1](OnDrop, 0)).expect_err("it is gone");
    core::mem::forget(refused.into_inner().0);
}
