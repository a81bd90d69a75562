//! Code written against `embassy_time` runs on our executor and its clock, here a virtual one.

use std::time::Duration as StdDuration;

use embassy_time::{Duration, Instant, Ticker, Timer, with_timeout};
use polliwog::spin;

#[test]
fn timers_wait_on_the_executors_clock() {
    spin::test(1, async {
        let (ours, theirs) = (polliwog::time::now().unwrap(), Instant::now());
        Timer::after(Duration::from_secs(3600)).await;
        assert_eq!(Instant::now() - theirs, Duration::from_secs(3600));
        let passed = polliwog::time::now().unwrap() - ours;
        assert_eq!(passed, StdDuration::from_secs(3600));
    });
}

#[test]
fn tickers_and_timeouts() {
    spin::test(2, async {
        let start = Instant::now();
        let mut ticker = Ticker::every(Duration::from_millis(250));
        for _ in 0..8 {
            ticker.next().await;
        }
        assert_eq!(Instant::now() - start, Duration::from_secs(2));

        let never = std::future::pending::<()>();
        assert!(with_timeout(Duration::from_secs(5), never).await.is_err());
        assert_eq!(Instant::now() - start, Duration::from_secs(7));
    });
}

/// More wakers than fit into the first group of timers, in tasks and inside one task.
#[test]
fn many_tasks_and_many_timers_in_one_task() {
    spin::test(3, async {
        let tasks: Vec<_> = (0..100)
            .map(|index| {
                let wait = Duration::from_millis(100 - index);
                polliwog::spawn(async move {
                    Timer::after(wait).await;
                    Instant::now().as_millis()
                })
                .unwrap()
            })
            .collect();
        for (index, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), 100 - index as u64);
        }
        let start = Instant::now();
        let waits = (1..=40).map(|index| Timer::after(Duration::from_millis(index)));
        futures_util::future::join_all(waits).await;
        assert_eq!(Instant::now() - start, Duration::from_millis(40));
    });
}

#[test]
fn a_timer_that_is_given_up_does_no_harm() {
    spin::test(4, async {
        for _ in 0..100 {
            let long = Timer::after(Duration::from_secs(1));
            assert!(with_timeout(Duration::from_millis(1), long).await.is_err());
        }
        assert_eq!(Instant::now().as_millis(), 100);
        Timer::after(Duration::from_millis(1)).await;
        assert_eq!(Instant::now().as_millis(), 101);
    });
}
