//! Two executors: the urgent one runs in a software interrupt and preempts the other, even in the
//! middle of a task that never lets go of the processor.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use board::sync::Signal;
use board::{BoardReactor, chip, entry, exit, on_interrupt, println};
use critical_section::Mutex;
use polliwog::executor::Pend;
use polliwog::time::{Duration, sleep, timeout};
use polliwog::{Handle, InterruptExecutor, Spawner, TaskPool, spawn_detached, yield_now};

/// Pends the executor's interrupt.
struct Soft0;

impl Pend for Soft0 {
    fn pend(&self) {
        chip::pend_soft0();
    }
}

static TASKS: TaskPool<4> = TaskPool::new();
static URGENT: InterruptExecutor<3, Soft0> = InterruptExecutor::new(Soft0);

static TICKED: Signal<()> = Signal::new();
static REACTED: AtomicU32 = AtomicU32::new(0);
static REPORT: Signal<u32> = Signal::new();
/// The executor of `main`, for handlers.
static MAIN: Mutex<Cell<Option<Handle>>> = Mutex::new(Cell::new(None));

on_interrupt!(SOFT0, URGENT.run());
// A handler with no executor of its own, which the urgent one's tasks pend, starts a task of `main`'s.
on_interrupt!(SOFT1, {
    let main = critical_section::with(|cs| MAIN.borrow(cs).get()).expect("set by main");
    spawn_detached!(main, [follow_up](13)).expect("a free slot");
});
// Sometimes it interrupts one level, sometimes the other, and belongs to neither.
on_interrupt!(TICK, {
    assert!(Spawner::current().is_none());
    TICKED.send(());
});

/// Reacts to every tick; tells the other executor about every hundredth.
async fn react() {
    loop {
        TICKED.wait().await;
        let spawner = Spawner::current().expect("the urgent one");
        assert_eq!(
            spawner.stats().capacity,
            3,
            "not the one that it interrupts"
        );
        let times = REACTED.load(Ordering::Relaxed) + 1;
        REACTED.store(times, Ordering::Relaxed);
        if times % 100 == 0 {
            REPORT.send(times);
        }
    }
}

/// Started from the other level while it runs; spawns on its own.
async fn relay(n: u32) {
    let spawner = Spawner::current().expect("the urgent one");
    spawn_detached!(spawner, [echo](n)).expect("a free slot");
}

async fn echo(n: u32) {
    yield_now().await;
    REPORT.send(n);
}

async fn pend_other() {
    chip::pend_soft1();
}

async fn follow_up(n: u32) {
    let spawner = Spawner::current().expect("main's");
    assert_eq!(spawner.stats().capacity, 4);
    REPORT.send(n);
}

/// Timers of this level: who waits for them is the other level.
async fn nap() {
    for millis in [1, 7, 3] {
        let before = chip::now();
        sleep(Duration::from_millis(millis)).await;
        assert!(chip::now() - before >= Duration::from_millis(millis));
        let never = timeout(Duration::from_millis(millis), core::future::pending::<()>());
        assert!(never.await.is_err());
        assert!(chip::now() - before >= Duration::from_millis(2 * millis));
    }
    REPORT.send(11);
}

/// A task that sleeps belongs to its level, and is started there.
async fn start_nap() {
    let spawner = Spawner::current().expect("the urgent one");
    spawn_detached!(spawner, [nap]()).expect("a free slot");
}

async fn calculate() {
    let before = Spawner::current().expect("in a task").stats().capacity;
    let start = REACTED.load(Ordering::Relaxed);
    // Not a single await: only another level can count up.
    while REACTED.load(Ordering::Relaxed) < start + 50 {
        core::hint::spin_loop();
    }
    println!("preempted 50 times in one poll");
    let after = Spawner::current().expect("in a task").stats().capacity;
    assert_eq!((before, after), (4, 4), "the context is ours again");

    let times = REPORT.wait().await;
    println!("the urgent level reports {times}");
    chip::stop_tick();
    spawn_detached!(URGENT.handle(), [relay](7)).expect("a free slot");
    assert_eq!(REPORT.wait().await, 7);
    println!("a task of the urgent level has spawned another");
    spawn_detached!(URGENT.handle(), [start_nap]()).expect("a free slot");
    assert_eq!(REPORT.wait().await, 11);
    println!("a task of the urgent level has slept");
    spawn_detached!(URGENT.handle(), [pend_other]()).expect("a free slot");
    assert_eq!(REPORT.wait().await, 13);
    println!("a handler has started a task");
    exit(0)
}

async fn background() {
    loop {
        yield_now().await;
    }
}

#[entry]
fn main() -> ! {
    chip::enable_soft();
    spawn_detached!(URGENT.handle(), [react]()).expect("a free slot");
    chip::start_tick(200);
    TASKS.run(BoardReactor::new(), |spawner| {
        critical_section::with(|cs| MAIN.borrow(cs).set(Some(spawner.handle())));
        spawn_detached!(spawner, [calculate]()).expect("a free slot");
        spawn_detached!(spawner, [background]()).expect("a free slot");
    })
}
