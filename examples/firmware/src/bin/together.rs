//! Channels, locks, signals and timers between two levels and a handler that comes at any time: nothing is lost, or it
//! is told.
//!
//! qemu: -icount shift=6,sleep=off
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use board::{BoardReactor, chip, entry, exit, on_interrupt, println};
use polliwog::executor::Pend;
use polliwog::sync::{Mutex, OnceCell, RwLock, Semaphore, Signal, broadcast, mpmc};
use polliwog::time::{Duration, now, sleep, sleep_until, timeout};
use polliwog::{InterruptExecutor, Spawner, TaskPool, spawn, spawn_detached, yield_now};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Tick(u32),
    Off,
}

struct Soft0;
impl Pend for Soft0 {
    fn pend(&self) {
        chip::pend_soft0();
    }
}

static TASKS: TaskPool<12, 1024> = TaskPool::new();
static URGENT: InterruptExecutor<2, Soft0> = InterruptExecutor::new(Soft0);
static EVENTS: mpmc::Channel<Event, 3> = mpmc::Channel::new();
static NEWS: broadcast::Broadcast<Event, 2> = broadcast::Broadcast::new();
static LAST: Signal<Event> = Signal::new();
static BUS: Mutex<[u32; 4]> = Mutex::new([0; 4]);
static TABLE: RwLock<u32> = RwLock::new(0);
static READY: OnceCell<bool> = OnceCell::new();
static ROOM: Semaphore = Semaphore::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);
static FULL: AtomicU32 = AtomicU32::new(0);
static SPAWNED: AtomicU32 = AtomicU32::new(0);

on_interrupt!(SOFT0, URGENT.run());
on_interrupt!(SOFT1, ());
on_interrupt!(TICK, tick());
#[cfg(target_arch = "arm")]
on_interrupt!(ETHERNET, ());

fn tick() {
    let n = TICKS.load(Relaxed) + 1;
    TICKS.store(n, Relaxed);
    assert!(Spawner::current().is_none() && now().is_none());
    if EVENTS.try_send(Event::Tick(n)).is_err() {
        FULL.store(FULL.load(Relaxed) + 1, Relaxed);
    }
    LAST.signal(Event::Tick(n));
    let _ = NEWS.send(Event::Tick(n));
    ROOM.add_permits(1);
    if spawn_detached!(URGENT.handle(), [short](n)).is_ok() {
        SPAWNED.store(SPAWNED.load(Relaxed) + 1, Relaxed);
    }
}

async fn short(_n: u32) {
    yield_now().await;
    let _ = EVENTS.try_send(Event::Off);
}

async fn all() {
    let mut news = NEWS.subscribe();
    chip::enable_soft();
    chip::start_tick(500);
    // In order, from both levels, around the ring many times.
    let mut last = 0;
    for _ in 0..200 {
        match EVENTS.recv().await {
            Event::Tick(n) => {
                assert!(n > last, "{n} after {last}");
                last = n;
            }
            Event::Off => {}
        }
    }
    // Behind: the latest two, and the loss is told.
    let mut lagged = 0;
    while let Err(broadcast::TryRecvError::Lagged(n)) = news.try_recv() {
        lagged += n;
    }
    assert!(lagged > 0);
    assert!(matches!(LAST.wait().await, Event::Tick(_)));
    assert!(matches!(LAST.wait().await, Event::Tick(_)));
    ROOM.acquire_many(20).await.expect("open").forget();

    // A lock across waits, some of whom give up.
    let holders = [1, 2, 3].map(|n| {
        spawn(async move {
            for _ in 0..20 {
                let mut bus = BUS.lock().await;
                let before = bus[0];
                sleep(Duration::from_micros(50)).await;
                assert_eq!(bus[0], before);
                bus[0] += 1;
                bus[n] += 1;
            }
        })
        .expect("room")
    });
    for _ in 0..10 {
        let _ = timeout(Duration::from_micros(20), BUS.lock()).await;
    }
    for holder in holders {
        holder.await.expect("no panic");
    }
    assert_eq!(*BUS.lock().await, [60, 20, 20, 20]);

    // Readers share, a writer has it alone, also after one that was aborted.
    let reader = TABLE.read().await;
    let writer = spawn(async { *TABLE.write().await += 1 }).expect("room");
    yield_now().await;
    assert!(TABLE.try_write().is_err());
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());
    drop(reader);
    *TABLE.write().await += 1;
    assert_eq!(*TABLE.read().await, 1);

    // The first who makes it gives up; the next makes it.
    let given_up = timeout(
        Duration::from_millis(1),
        READY.get_or_init(core::future::pending::<bool>),
    );
    assert!(given_up.await.is_err());
    assert_eq!(READY.get(), None);
    assert!(!*READY.get_or_init(|| core::future::ready(false)).await);
    assert!(READY.set(true).is_err());

    // Edges of time.
    let start = now().expect("a clock");
    sleep(Duration::ZERO).await;
    sleep_until(start).await;
    assert!(timeout(Duration::MAX, core::future::ready(7)).await.is_ok());
    assert!(
        timeout(Duration::ZERO, core::future::pending::<()>())
            .await
            .is_err()
    );
    for n in 0..200 {
        let start = now().expect("a clock");
        critical_section::with(|_| chip::pend_soft0());
        sleep(Duration::from_nanos(n * 997)).await;
        assert!(now().expect("a clock") - start >= Duration::from_nanos(n * 997));
    }
    chip::stop_tick();
    println!(
        "{} ticks, {} lost, {} spawned",
        TICKS.load(Relaxed),
        FULL.load(Relaxed),
        SPAWNED.load(Relaxed)
    );
    exit(0)
}

#[entry]
fn main() -> ! {
    TASKS.run(BoardReactor::new(), |spawner| {
        spawn_detached!(spawner, [all]()).expect("a free slot");
    })
}
