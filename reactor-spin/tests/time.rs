//! Virtual time: jumps, pausing, the order of timers, stalls.
#![cfg(feature = "alloc")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use polliwog_spin::time::{interval, sleep, sleep_until, timeout};
use polliwog_spin::{Clock, Instant, RunError, Runtime, VirtualClock};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_thousand_hours_take_no_time() {
    let wall = std::time::Instant::now();
    let runtime = Runtime::new(0);
    let ticks = runtime.block_on(async {
        let count = Rc::new(Cell::new(0));
        let counter = count.clone();
        let _ticker = polliwog_spin::spawn(async move {
            let mut minutes = interval(secs(60));
            loop {
                minutes.tick().await;
                counter.set(counter.get() + 1);
            }
        });
        sleep(secs(3_600_000)).await;
        count.get()
    });
    assert_eq!(runtime.now(), Instant::ZERO + secs(3_600_000));
    // The first tick is at once; the last comes with the end of the sleep, in either order.
    assert!((60_000..=60_001).contains(&ticks), "{ticks}");
    assert!(wall.elapsed() < secs(30), "{:?}", wall.elapsed());
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines_each_at_its_own_time() {
    for seed in 0..20 {
        let runtime = Runtime::new(seed);
        let clock = runtime.clock().clone();
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks = [5, 1, 4, 2, 3].map(|at| {
            let (order, clock) = (order.clone(), clock.clone());
            let task = async move {
                sleep(secs(at)).await;
                order.borrow_mut().push((at, clock.now()));
            };
            runtime.spawn(task).unwrap()
        });
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        let expected: Vec<_> = (1..=5).map(|at| (at, Instant::ZERO + secs(at))).collect();
        assert_eq!(*order.borrow(), expected);
    }
}

#[test]
fn computing_takes_no_time() {
    let runtime = Runtime::new(0);
    runtime.block_on(async {
        for _ in 0..10_000 {
            polliwog_core::yield_now().await;
        }
    });
    assert_eq!(runtime.now(), Instant::ZERO);
}

#[test]
#[should_panic = "to the end of time"]
fn the_clock_is_not_advanced_to_the_end_of_time() {
    Runtime::builder()
        .paused(true)
        .build()
        .advance(Duration::MAX);
}

#[test]
fn advance_wakes_each_sleeper_at_its_own_time() {
    let runtime = Runtime::builder().paused(true).build();
    let clock = runtime.clock().clone();
    let log = Rc::new(RefCell::new(Vec::new()));
    let ours = log.clone();
    let _task = runtime.spawn(async move {
        let mut ticks = interval(secs(10));
        loop {
            ticks.tick().await;
            ours.borrow_mut().push(clock.now().as_duration().as_secs());
        }
    });
    runtime.run_until_stalled();
    assert_eq!(*log.borrow(), [0]);
    runtime.advance(secs(9));
    assert_eq!(*log.borrow(), [0]);
    runtime.advance(secs(1));
    assert_eq!(*log.borrow(), [0, 10]);
    runtime.advance(secs(25));
    assert_eq!(*log.borrow(), [0, 10, 20, 30]);
    assert_eq!(runtime.now(), Instant::ZERO + secs(35));
    assert!(runtime.clock().is_paused());
}

#[test]
fn a_clock_moved_by_hand_makes_timers_due() {
    let runtime = Runtime::new(0);
    let clock = runtime.clock().clone();
    runtime.block_on(async {
        clock.pause();
        let sleeper = polliwog_spin::spawn(sleep(secs(5))).unwrap();
        polliwog_core::yield_now().await;
        clock.advance(secs(7));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), Instant::ZERO + secs(7));
    });
}

#[test]
fn a_paused_clock_stalls_a_sleep_and_says_so() {
    let runtime = Runtime::builder().paused(true).build();
    let error = runtime.try_block_on(sleep(secs(3))).unwrap_err();
    let RunError::Reactor(stalled) = error else {
        panic!("{error}");
    };
    assert_eq!(stalled.paused, Some(Instant::ZERO + secs(3)));
    assert!(stalled.to_string().contains("paused"), "{stalled}");

    runtime.resume();
    runtime.block_on(sleep(secs(3)));
    assert_eq!(runtime.now(), Instant::ZERO + secs(3));
}

#[test]
fn a_deadlock_is_an_error_and_the_runtime_goes_on() {
    let runtime = Runtime::new(0);
    let _bystander = runtime.spawn(async {
        sleep(secs(1)).await;
        pending::<()>().await
    });
    let error = runtime.try_block_on(pending::<()>()).unwrap_err();
    let RunError::Reactor(stalled) = error else {
        panic!("{error}");
    };
    // Only once the timers of all tasks have passed.
    assert_eq!(stalled.now, Instant::ZERO + secs(1));
    assert!(stalled.to_string().contains("deadlock"), "{stalled}");
    assert_eq!(runtime.block_on(async { 5 }), 5);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_deadlock_panics_in_block_on() {
    polliwog_spin::block_on(pending::<()>());
}

#[test]
fn the_end_of_time_never_comes() {
    let runtime = Runtime::new(0);
    let ended = runtime.try_block_on(sleep_until(Instant::MAX));
    assert!(matches!(ended, Err(RunError::Reactor(_))));
    assert_eq!(runtime.now(), Instant::ZERO);
    // It does not stand in the way of others either.
    let in_time = runtime.block_on(timeout(secs(1), sleep_until(Instant::MAX)));
    assert!(in_time.is_err());
}

#[test]
fn clones_of_a_clock_agree() {
    let clock = VirtualClock::new();
    let other = clock.clone();
    other.advance(secs(1));
    assert_eq!(clock.now(), Instant::ZERO + secs(1));
    clock.pause();
    assert!(other.is_paused());
}

#[test]
fn runtimes_nest() {
    let outer = Runtime::new(0);
    outer.block_on(async {
        sleep(secs(1)).await;
        let inner = Runtime::new(0);
        // A sleep belongs to the executor whose context it is made in.
        inner.block_on(async { sleep(secs(100)).await });
        inner.advance(secs(1));
        assert_eq!(inner.now(), Instant::ZERO + secs(101));
        sleep(secs(1)).await;
    });
    assert_eq!(outer.now(), Instant::ZERO + secs(2));
}

#[test]
#[cfg(feature = "std")]
fn a_stalled_test_names_the_tasks_that_wait() {
    async fn for_the_rain() {
        std::future::pending::<()>().await;
    }
    async fn body() {
        let spawner = polliwog_core::Spawner::current().unwrap();
        spawner.spawn(for_the_rain()).unwrap().detach();
        spawner
            .spawn_named("frog", for_the_rain())
            .unwrap()
            .detach();
        for_the_rain().await;
    }
    let panic = std::panic::catch_unwind(|| polliwog_spin::test(7, body())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let waiting: Vec<_> = text.lines().skip(1).collect();
    let [of_the_test, unnamed, "  frog"] = waiting[..] else {
        panic!("{text}");
    };
    assert!(
        of_the_test.contains("body") && of_the_test.ends_with("given to block_on"),
        "{text}"
    );
    assert!(unnamed.contains("for_the_rain"), "{text}");
}
