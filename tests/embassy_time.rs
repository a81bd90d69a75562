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

/// One that is due is ready as soon as it may be: embassy's own are so from their second poll on.
#[test]
fn what_is_due_is_ready_when_it_is_polled_again() {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::Poll;

    let runtime = spin::Runtime::new(5);
    let clock = runtime.clock();
    runtime.block_on(async {
        let mut timer = pin!(Timer::after(Duration::from_millis(7)));
        let polls = poll_fn(|cx| {
            let first = timer.as_mut().poll(cx).is_ready();
            clock.advance(StdDuration::from_millis(7));
            Poll::Ready((first, timer.as_mut().poll(cx).is_ready()))
        });
        assert_eq!(polls.await, (false, true));
        // Past by the time of the first poll.
        let late = Timer::after(Duration::from_millis(7));
        clock.advance(StdDuration::from_secs(1));
        late.await;
        assert_eq!(Instant::now().as_millis(), 1007);
    });
}

/// More tasks than a table would have places for, in static memory; each is polled twice, so that
/// nobody keeps the processor awake.
#[test]
fn any_number_of_tasks_waits_without_an_allocator() {
    use polliwog::{TaskPool, spawn};

    static POOL: TaskPool<32, 512> = TaskPool::new();
    static FLAG: spin::Flag = spin::Flag::new();
    async fn nap(millis: u64) -> u64 {
        // Given up again and again: that keeps no place.
        for _ in 0..20 {
            let long = Timer::after(Duration::from_secs(3_600));
            assert!(
                with_timeout(Duration::from_millis(millis), long)
                    .await
                    .is_err()
            );
        }
        Instant::now().as_millis()
    }
    let runtime = spin::Runtime::builder().build_in(&POOL, &FLAG).unwrap();
    for round in 0..20 {
        let before = runtime.executor().stats().polls;
        runtime.block_on(async {
            let start = Instant::now().as_millis();
            let spawner = polliwog::Spawner::current().unwrap();
            let naps: Vec<_> = (1..32)
                .map(|millis| spawn!(spawner, [nap; 31](millis)).unwrap())
                .collect();
            for (index, nap) in naps.into_iter().enumerate() {
                assert_eq!(nap.await.unwrap() - start, 20 * (index as u64 + 1));
            }
        });
        let polls = runtime.executor().stats().polls - before;
        assert!(polls < 31 * 20 * 3, "round {round}: {polls} polls");
    }
}

/// Wakers of a set's own, of which there are more than places without an allocator.
#[test]
fn foreign_wakers_have_room() {
    use futures_util::stream::{FuturesUnordered, StreamExt};

    let waits = async |count: u64| {
        let set: FuturesUnordered<_> = (0..count)
            .map(|index| async move {
                Timer::after(Duration::from_millis(count - index)).await;
                count - index
            })
            .collect();
        let order: Vec<u64> = set.collect().await;
        assert_eq!(order, Vec::from_iter(1..=count));
    };
    spin::test(6, async {
        // In the places that there are without an allocator, again and again; then in more.
        for _ in 0..20 {
            waits(16).await;
        }
        waits(100).await;
    });
}

/// Under somebody else's `block_on` there is a clock on a host: the process's.
#[test]
fn outside_of_an_executor_time_goes_on() {
    let start = Instant::now();
    let mut timer = std::pin::pin!(Timer::after(Duration::from_millis(2)));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    while std::future::Future::poll(timer.as_mut(), &mut cx).is_pending() {
        std::thread::yield_now();
    }
    assert!(Instant::now() - start >= Duration::from_millis(2));
}
