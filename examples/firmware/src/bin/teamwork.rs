//! Tasks that work together, without an allocator: two priorities with a channel between them, a handler
//! that signals a task, a mutex that three tasks share, an interval that does not drift, and a set of
//! tasks that are joined as they end.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use board::{BoardReactor, chip, entry, exit, on_interrupt, println};
use polliwog::executor::Pend;
use polliwog::sync::mpmc::Channel;
use polliwog::sync::{Mutex, Signal};
use polliwog::task::FixedJoinSet;
use polliwog::time::{Instant, interval, now, sleep};
use polliwog::{InterruptExecutor, Spawner, TaskPool, spawn, spawn_detached, yield_now};

/// Pends the executor's interrupt.
struct Soft0;

impl Pend for Soft0 {
    fn pend(&self) {
        chip::pend_soft0();
    }
}

static TASKS: TaskPool<6> = TaskPool::new();
static URGENT: InterruptExecutor<2, Soft0> = InterruptExecutor::new(Soft0);

/// From the handler to the urgent task.
static SAMPLED: Signal<u32> = Signal::new();
static SAMPLES: AtomicU32 = AtomicU32::new(0);
/// From the urgent task to the other level; the urgent one waits while it is full.
static SUMS: Channel<u32, 2> = Channel::new();
/// A bus that one task has at a time, also while it waits for the device at its other end.
static BUS: Mutex<Bus> = Mutex::new(Bus {
    transfers: 0,
    busy: false,
});

struct Bus {
    transfers: u32,
    busy: bool,
}

on_interrupt!(SOFT0, URGENT.run());
on_interrupt!(TICK, {
    let sample = SAMPLES.load(Ordering::Relaxed) + 1;
    SAMPLES.store(sample, Ordering::Relaxed);
    // Only the latest counts: a task that is late misses some, but never sees an old one.
    SAMPLED.signal(sample);
});

/// Urgent: looks at every sample that it is in time for, and passes every tenth on.
async fn sample() {
    let mut latest = 0;
    for count in 1.. {
        let sample = SAMPLED.wait().await;
        assert!(sample > latest, "an old sample");
        latest = sample;
        if count % 10 == 0 && SUMS.send(count / 10).await.is_err() {
            unreachable!("nobody closes it");
        }
    }
}

/// Uses the bus some times; returns how often.
async fn use_bus(times: u32) -> u32 {
    for _ in 0..times {
        let mut bus = BUS.lock().await;
        assert!(!bus.busy, "two at a time");
        bus.busy = true;
        sleep(Duration::from_micros(300)).await;
        yield_now().await;
        bus.busy = false;
        bus.transfers += 1;
    }
    times
}

/// Works for a while at each beat, sometimes for longer than until the next one.
async fn beat() {
    const PERIOD: Duration = Duration::from_millis(4);
    let mut beats = interval(PERIOD);
    let first: Instant = beats.tick().await;
    for count in 1..=10 {
        let work = if count == 5 {
            PERIOD * 3 / 2
        } else {
            PERIOD / 3
        };
        sleep(work).await;
        let due = beats.tick().await;
        assert_eq!(due, first + PERIOD * count, "it drifts");
        assert!(now() >= Some(due), "too early");
    }
    println!("10 beats, none of them shifted");
}

async fn lead() {
    let spawner = Spawner::current().expect("in a task");
    spawn_detached!(URGENT.handle(), [sample]()).expect("a free task");
    chip::start_tick(500);
    for expected in 1..=5 {
        let sum = SUMS.recv().await;
        assert_eq!(sum, expected, "in their order");
        // Slower than the urgent level, which waits for room in between.
        sleep(Duration::from_millis(8)).await;
    }
    chip::stop_tick();
    println!("5 messages from the urgent level");

    let mut users = FixedJoinSet::<u32, 3>::new();
    for times in [4, 2, 3] {
        let task = spawn!(spawner, [use_bus; 3](times)).expect("a free task");
        users.insert(task).expect("room for three");
    }
    let mut ends = [0; 3];
    for end in &mut ends {
        *end = users
            .join_next()
            .await
            .expect("three")
            .expect("none is aborted");
    }
    assert!(users.join_next().await.is_none());
    assert_eq!(ends, [2, 3, 4], "in the order of their ends");
    let transfers = BUS.lock().await.transfers;
    println!("{transfers} transfers of 3 tasks");

    beat().await;
    exit(0)
}

#[entry]
fn main() -> ! {
    chip::enable_soft();
    TASKS.run(BoardReactor::new(), |spawner| {
        spawn_detached!(spawner, [lead]()).expect("a free task");
    })
}
