//! `chip::EmbassyTime` over a driver that does what those of HALs do: a list of alarms, and an interrupt,
//! here a thread, that fires them. Its clock stands still but for jumps to the next alarm, so nothing here
//! depends on how busy the machine is.
//!
//! Not with feature `embassy-time`, which brings a driver of its own: a program has one.
#![cfg(all(feature = "embassy-hal", not(feature = "embassy-time")))]

use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::task::Waker;
use std::time::Duration;

use embassy_time_driver::{Driver, TICK_HZ};
use polliwog_core::chip::EmbassyTime;
use polliwog_core::conformance;
use polliwog_core::time::{sleep, sleep_until, timeout};
use polliwog_core::{Deadline, Executor, Reactor, TaskPool, spawn};

struct Hal {
    state: Mutex<State>,
    asked: Condvar,
    started: Once,
}

struct State {
    now: u64,
    alarms: Vec<(u64, Waker)>,
    /// All wakers that have ever been given, each once.
    wakers: Vec<Waker>,
    /// Whether an alarm passes while it is asked for: the driver wakes at once then.
    at_once: bool,
}

embassy_time_driver::time_driver_impl!(static HAL: Hal = Hal {
    state: Mutex::new(State { now: 0, alarms: Vec::new(), wakers: Vec::new(), at_once: false }),
    asked: Condvar::new(),
    started: Once::new(),
});

impl Hal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The interrupt's handler: once for each alarm.
    fn interrupts(&self) -> ! {
        let mut state = self.state();
        loop {
            let first = (0..state.alarms.len()).min_by_key(|&index| state.alarms[index].0);
            let Some(first) = first else {
                let asked = self.asked.wait(state);
                state = asked.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (at, waker) = state.alarms.swap_remove(first);
            state.now = state.now.max(at);
            // As most drivers do it, within their critical section.
            waker.wake();
        }
    }
}

impl Driver for Hal {
    fn now(&self) -> u64 {
        self.state().now
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        self.started.call_once(|| {
            std::thread::spawn(|| HAL.interrupts());
        });
        let mut state = self.state();
        if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        if state.at_once {
            state.now = state.now.max(at);
        }
        if at <= state.now {
            return waker.wake_by_ref();
        }
        // The generic queue has one place for a waker, which stands at its earliest instant.
        match (state.alarms.iter_mut()).find(|(_, known)| known.will_wake(waker)) {
            Some((earliest, _)) => *earliest = at.min(*earliest),
            None => state.alarms.push((at, waker.clone())),
        }
        self.asked.notify_one();
    }
}

/// The clock is the process's: a test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With drivers that fire an alarm later, and with one whose alarms have all passed while they were set.
fn with_each_driver(test: impl Fn()) {
    let _turn = turn();
    for at_once in [false, true] {
        HAL.state().at_once = at_once;
        test();
    }
    HAL.state().at_once = false;
}

#[test]
fn it_keeps_the_contract_of_reactors() {
    with_each_driver(|| conformance::check(EmbassyTime::new));
    let _turn = turn();
    conformance::check_threads(EmbassyTime::new);
}

#[test]
fn a_clock_that_is_as_coarse_as_the_driver_says() {
    let reactor = EmbassyTime::new();
    let tick = reactor.resolution().as_nanos() * u128::from(TICK_HZ);
    assert!((1_000_000_000..1_000_000_000 + u128::from(TICK_HZ)).contains(&tick));
    // It is the driver's, so that any level may read it.
    assert!(reactor.shared_clock().is_some());
}

#[test]
fn a_sleep_lasts_what_it_was_told_by_the_drivers_clock() {
    static POOL: TaskPool<4> = TaskPool::new();
    with_each_driver(|| {
        let executor = Executor::new(&POOL, EmbassyTime::new()).unwrap();
        executor.block_on(async {
            for micros in [0, 1, 2, 999, 1_000_000, 86_400_000_000] {
                let before = HAL.state().now;
                sleep(Duration::from_micros(micros)).await;
                let ticks = HAL.state().now - before;
                let least = (u128::from(micros) * u128::from(TICK_HZ)).div_ceil(1_000_000);
                // A tick more, since nobody knows where in the present one it began.
                let most = if micros == 0 { 0 } else { least + 1 };
                assert!((least..=most).contains(&ticks.into()), "{micros}: {ticks}");
            }
        });
    });
}

#[test]
fn any_number_of_sleeps_takes_one_place_of_the_drivers_queue() {
    async fn nap(micros: u64) {
        sleep(Duration::from_micros(micros)).await;
        assert!(
            timeout(Duration::from_micros(micros), std::future::pending::<()>())
                .await
                .is_err()
        );
    }

    static POOL: TaskPool<21> = TaskPool::new();
    with_each_driver(|| {
        HAL.state().wakers.clear();
        let executor = Executor::new(&POOL, EmbassyTime::new()).unwrap();
        let spawner = executor.spawner();
        let tasks: Vec<_> = (0..20)
            .map(|index| spawn!(spawner, [nap; 20](1 + 37 * (index % 7))).unwrap())
            .collect();
        executor.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(HAL.state().wakers.len(), 1);
    });
}

/// An alarm that nobody needs any more may end a wait early, and costs no more than that.
#[test]
fn an_alarm_that_was_given_up_delays_nobody() {
    static POOL: TaskPool<4> = TaskPool::new();
    with_each_driver(|| {
        let executor = Executor::new(&POOL, EmbassyTime::new()).unwrap();
        let now = || executor.reactor().now();
        executor.block_on(async {
            for _ in 0..10 {
                let late = now() + Duration::from_secs(1);
                let early = sleep(Duration::from_micros(10));
                let answer = timeout(Duration::from_micros(3), early).await;
                assert!(answer.is_err());
                sleep_until(late).await;
                assert!(now() >= late);
            }
        });
    });
}

/// Whoever sets a waker while nobody waits ends the next wait, whatever else has been parking here.
#[test]
fn an_unpark_outlasts_a_foreign_park_of_the_thread() {
    let reactor = EmbassyTime::new();
    reactor.unparker().wake();
    std::thread::current().unpark();
    std::thread::park();
    reactor.park(Deadline::Never).unwrap();
}
