//! Timers on a level that waits in no reactor, as on a chip: an interrupt handler's executor, whose
//! interrupt comes at once when it is pended.
#![cfg(feature = "interrupt-executors")]

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

/// All levels of a process wait in one executor: a test at a time, each from the start of time.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    NOW.store(0, Ordering::SeqCst);
    turn
}

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
    let _turn = turn();
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

/// What is usual on a chip: the tasks of interrupts are started first, before `main`'s executor runs and does
/// not return.
#[test]
fn a_level_sleeps_by_the_clock_of_an_executor_that_does_not_run_yet() {
    let _turn = turn();
    static POOL: TaskPool<2, 512> = TaskPool::new();
    static OTHER: TaskPool<2, 512> = TaskPool::new();
    static LEVEL: InterruptExecutor<2> = InterruptExecutor::new(|| LEVEL.run());

    async fn begin() {
        let spawner = Spawner::current().expect("the level's own");
        spawn_detached!(spawner, [early]()).unwrap();
    }

    async fn early() {
        sleep(Duration::from_millis(3)).await;
        note("early");
    }

    let executor = Executor::new(&POOL, Chip { shared: true }).unwrap();
    // Made later, this one takes over when it runs, which it never does.
    let idle = Executor::new(&OTHER, Chip { shared: true }).unwrap();
    spawn_detached!(LEVEL.handle(), [begin]()).unwrap();
    executor.block_on(sleep(Duration::from_millis(5)));
    assert_eq!(std::mem::take(&mut *TRACE.lock().unwrap()), [("early", 3)]);
    drop(idle);
    // One on the heap, too.
    #[cfg(feature = "alloc")]
    {
        drop(executor);
        let executor = Executor::with_capacity(2, Chip { shared: true });
        spawn_detached!(LEVEL.handle(), [begin]()).unwrap();
        executor.block_on(sleep(Duration::from_millis(5)));
        assert_eq!(std::mem::take(&mut *TRACE.lock().unwrap()), [("early", 8)]);
    }
}

/// Once the executor that knows the time has been dropped, sleeps say so again.
#[test]
fn a_clock_goes_with_its_executor() {
    let _turn = turn();
    static POOL: TaskPool<2, 512> = TaskPool::new();
    static LEVEL: InterruptExecutor<1> = InterruptExecutor::new(|| LEVEL.run());

    async fn nobody_wakes_a_sleep() {
        without_a_clock().await;
    }

    let executor = Executor::new(&POOL, Chip { shared: true }).unwrap();
    executor.block_on(async {});
    drop(executor);
    spawn_detached!(LEVEL.handle(), [nobody_wakes_a_sleep]()).unwrap();
    let trace = std::mem::take(&mut *TRACE.lock().unwrap());
    assert_eq!(trace.len(), 1);
    assert_eq!(trace[0].0, "panic");
}

/// A handler that is a thread of its own, as in a test on a host: its timers are due on the clock of
/// another thread's executor.
#[test]
#[cfg(not(lean))]
fn a_handler_on_its_own_thread_sleeps_by_the_clock_of_another() {
    let _turn = turn();
    use polliwog_core::sync::Notify;
    use std::sync::{Arc, Condvar, OnceLock};
    use std::task::Wake;
    use std::thread;

    /// Time jumps to the next deadline; without one, somebody else has to have something to do.
    struct AutoAdvance(Arc<Bell>);

    #[derive(Default)]
    struct Bell(Mutex<bool>, Condvar);

    static CLOCK: AtomicU64 = AtomicU64::new(0);

    fn clock() -> Instant {
        Instant::from_millis(CLOCK.load(Ordering::SeqCst))
    }

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }
    }

    impl Reactor for AutoAdvance {
        type Error = Infallible;

        fn now(&self) -> Instant {
            clock()
        }

        fn shared_clock(&self) -> Option<fn() -> Instant> {
            Some(clock)
        }

        fn park(&self, until: Deadline) -> Result<(), Infallible> {
            let mut rung = self.0.0.lock().unwrap();
            match until {
                _ if *rung => {}
                Deadline::Now => return Ok(()),
                Deadline::At(at) => {
                    CLOCK.fetch_max(at.as_duration().as_millis() as u64, Ordering::SeqCst);
                }
                Deadline::Never => rung = self.0.1.wait_while(rung, |rung| !*rung).unwrap(),
            }
            *rung = false;
            Ok(())
        }

        fn unparker(&self) -> Waker {
            self.0.clone().into()
        }
    }

    static HANDLER: OnceLock<thread::Thread> = OnceLock::new();
    static BELL: InterruptExecutor<2> = InterruptExecutor::new(|| HANDLER.get().unwrap().unpark());
    static POOL: TaskPool<2, 512> = TaskPool::new();
    static ENDED: Notify = Notify::new();
    static DONE: AtomicU64 = AtomicU64::new(0);

    async fn start_slow() {
        let spawner = Spawner::current().expect("the level's own");
        spawn_detached!(spawner, [slow]()).unwrap();
    }

    async fn slow() {
        for round in 1..=200 {
            let before = clock();
            sleep(Duration::from_millis(round)).await;
            assert!(clock() - before >= Duration::from_millis(round));
            let never = timeout(Duration::from_millis(3), pending::<()>());
            assert!(never.await.is_err());
            DONE.store(round, Ordering::SeqCst);
        }
        ENDED.notify_one();
    }

    let (sent, ready) = std::sync::mpsc::channel();
    let handler = thread::spawn(move || {
        HANDLER.set(thread::current()).unwrap();
        sent.send(()).unwrap();
        while DONE.load(Ordering::SeqCst) < 200 {
            thread::park();
            BELL.run();
        }
    });
    ready.recv().unwrap();
    let executor = Executor::new(&POOL, AutoAdvance(Arc::default())).unwrap();
    executor.block_on(async {
        spawn_detached!(BELL.handle(), [start_slow]()).unwrap();
        ENDED.notified().await;
    });
    assert_eq!(DONE.load(Ordering::SeqCst), 200);
    handler.join().unwrap();
    // Sums of the sleeps and of the timeouts.
    assert!(clock() >= Instant::from_millis(200 * 201 / 2 + 600));
}
