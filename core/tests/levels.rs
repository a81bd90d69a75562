//! Timers on a level that waits in no reactor, as on a chip: an interrupt handler's executor, whose
//! interrupt comes at once when it is pended.
#![cfg(all(lean, feature = "interrupt-executors"))]

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use polliwog_core::time::{interval, sleep, sleep_until, timeout};
use polliwog_core::{
    Deadline, Executor, Instant, InterruptExecutor, Reactor, Spawner, TaskPool, spawn_detached,
};

static URGENT: InterruptExecutor<4> = InterruptExecutor::new(|| URGENT.run());
static NOW: AtomicU64 = AtomicU64::new(0);
static TRACE: Mutex<Vec<(&str, u64)>> = Mutex::new(Vec::new());

fn now() -> Instant {
    Instant::from_millis(NOW.load(Ordering::SeqCst))
}

fn note(what: &'static str) {
    TRACE
        .lock()
        .unwrap()
        .push((what, NOW.load(Ordering::SeqCst)));
}

struct Chip {
    shared: bool,
}

impl Reactor for Chip {
    type Error = Infallible;

    fn now(&self) -> Instant {
        now()
    }

    fn shared_clock(&self) -> Option<fn() -> Instant> {
        self.shared.then_some(now)
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        match until {
            Deadline::Now => {}
            Deadline::At(at) => {
                let at = at.as_duration().as_millis() as u64;
                NOW.fetch_max(at, Ordering::SeqCst);
            }
            Deadline::Never => panic!("the chip sleeps for ever"),
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

async fn motor() {
    sleep(Duration::from_millis(7)).await;
    note("motor");
    sleep_until(Instant::from_millis(12)).await;
    note("motor");
    assert!(
        timeout(Duration::from_millis(4), pending::<()>())
            .await
            .is_err()
    );
    note("motor");
}

async fn lamp() {
    let mut ticks = interval(Duration::from_millis(5));
    for _ in 0..4 {
        ticks.tick().await;
        note("lamp");
    }
}

/// Finds that nobody could wake a sleep.
async fn without_a_clock() {
    poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| pin!(sleep(Duration::from_millis(1))).poll(cx));
        assert!(catch_unwind(poll).is_err());
        Poll::Ready(())
    })
    .await;
    note("panic");
}

/// Sleeps belong to their level, so tasks that sleep are started there.
async fn start() {
    let spawner = Spawner::current().expect("the level's own");
    spawn_detached!(spawner, [motor]()).unwrap();
    spawn_detached!(spawner, [lamp]()).unwrap();
}

#[test]
fn timers_of_a_level_are_fired_by_who_waits_in_a_reactor() {
    static POOL: TaskPool<2, 512> = TaskPool::new();
    // Nobody has a clock yet: that is said, and nothing waits for ever.
    spawn_detached!(URGENT.handle(), [without_a_clock]()).unwrap();
    assert_eq!(*TRACE.lock().unwrap(), [("panic", 0)]);
    TRACE.lock().unwrap().clear();
    // Nor does a reactor whose clock only its own level may read change that.
    Executor::new(&POOL, Chip { shared: false })
        .unwrap()
        .block_on(async {});
    spawn_detached!(URGENT.handle(), [without_a_clock]()).unwrap();
    assert_eq!(*TRACE.lock().unwrap(), [("panic", 0)]);
    TRACE.lock().unwrap().clear();

    let executor = Executor::new(&POOL, Chip { shared: true }).unwrap();
    executor.block_on(async {
        spawn_detached!(URGENT.handle(), [start]()).unwrap();
        sleep(Duration::from_millis(6)).await;
        note("main");
        sleep(Duration::from_millis(30)).await;
        note("main");
    });
    let trace = std::mem::take(&mut *TRACE.lock().unwrap());
    assert_eq!(
        trace,
        [
            ("lamp", 0),
            ("lamp", 5),
            ("main", 6),
            ("motor", 7),
            ("lamp", 10),
            ("motor", 12),
            ("lamp", 15),
            ("motor", 16),
            ("main", 36),
        ]
    );
}
