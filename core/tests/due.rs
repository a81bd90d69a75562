//! A sleep whose deadline has come is ready whenever it is polled, and none ends early, also by a
//! clock with coarse ticks. Time is moved by hand.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use polliwog_core::time::{
    MissedTickBehavior, interval, interval_at, sleep, sleep_millis, sleep_until, timeout,
    timeout_at,
};
use polliwog_core::{Deadline, Executor, Instant, Reactor, TaskPool, time};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Time that stands still until a test moves it, or until the executor waits: then it goes on, by
/// at most `stride`, towards the deadline.
#[derive(Clone)]
struct Moved(Rc<State>);

struct State {
    /// What a perfect clock would show, in nanoseconds.
    now: Cell<u64>,
    /// The clock shows multiples of this.
    tick: u64,
    /// What the reactor says of it.
    resolution: Duration,
    stride: u64,
    waits: Cell<usize>,
}

impl Moved {
    fn exact() -> Self {
        Self::new(1, Duration::ZERO, u64::MAX)
    }

    fn coarse(tick: Duration, stride: Duration) -> Self {
        Self::new(tick.as_nanos() as u64, tick, stride.as_nanos() as u64)
    }

    fn new(tick: u64, resolution: Duration, stride: u64) -> Self {
        Self(Rc::new(State {
            now: Cell::new(0),
            tick,
            resolution,
            stride,
            waits: Cell::new(0),
        }))
    }

    fn advance(&self, by: Duration) {
        self.0.now.set(self.0.now.get() + by.as_nanos() as u64);
    }

    fn real(&self) -> Duration {
        Duration::from_nanos(self.0.now.get())
    }
}

impl Reactor for Moved {
    type Error = Infallible;

    fn now(&self) -> Instant {
        let now = self.0.now.get();
        Instant::from_nanos(now - now % self.0.tick)
    }

    fn resolution(&self) -> Duration {
        self.0.resolution
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        match until {
            Deadline::Now => {}
            Deadline::At(at) => {
                self.0.waits.set(self.0.waits.get() + 1);
                let left = at.as_nanos().saturating_sub(self.0.now.get());
                // Until the clock shows the deadline.
                let left = left.max(self.0.tick).min(self.0.stride);
                self.0.now.set(self.0.now.get() + left);
            }
            Deadline::Never => panic!("the executor waits for ever"),
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

/// An executor over a pool of this place's own.
macro_rules! executor {
    ($clock:expr) => {{
        static POOL: TaskPool<2, 1024> = TaskPool::new();
        Executor::new(&POOL, $clock.clone()).expect("the pool is this test's")
    }};
}

/// Polls once, with the task's own waker.
async fn once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let mut future = future;
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls again at once whenever the future has woken itself meanwhile, as join and select of some
/// libraries do.
async fn eagerly<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    poll_fn(|cx| {
        for _ in 0..10_000 {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
            if !woken.0.swap(false, Ordering::Relaxed) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        panic!("it would never give the executor a turn");
    })
    .await
}

#[test]
fn what_is_due_is_ready_at_the_first_poll() {
    let clock = Moved::exact();
    executor!(clock).block_on(async {
        clock.advance(ms(50));
        let past = Instant::from_millis(20);
        assert!(once(pin!(sleep(Duration::ZERO))).await.is_ready());
        assert!(once(pin!(sleep_millis(0))).await.is_ready());
        assert!(once(pin!(sleep_until(Instant::ZERO))).await.is_ready());
        assert!(once(pin!(sleep_until(past))).await.is_ready());
        assert!(
            once(pin!(sleep_until(Instant::from_millis(50))))
                .await
                .is_ready()
        );
        assert!(
            once(pin!(sleep_until(Instant::from_millis(51))))
                .await
                .is_pending()
        );
        assert!(
            once(pin!(timeout(Duration::ZERO, pending::<()>()))).await
                == Poll::Ready(Err(elapsed().await))
        );
        assert!(
            once(pin!(timeout_at(past, pending::<()>())))
                .await
                .is_ready()
        );
        // What is ready itself comes first.
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));

        // Time has passed between the making and the first poll.
        for after in [ms(1), ms(30), ms(3_600_000)] {
            let (nap, limit) = (sleep(after), timeout(after, pending::<()>()));
            clock.advance(after);
            assert!(nap.is_elapsed());
            assert!(once(pin!(nap)).await.is_ready());
            assert!(once(pin!(limit)).await.is_ready());
        }
        let mut ticks = interval_at(past, ms(10));
        for tick in 0..5 {
            assert_eq!(
                once(pin!(ticks.tick())).await,
                Poll::Ready(past + ms(10) * tick)
            );
        }
        assert_eq!(clock.0.waits.get(), 0);
    });
}

async fn elapsed() -> time::Elapsed {
    timeout_at(Instant::ZERO, pending::<()>())
        .await
        .unwrap_err()
}

#[test]
fn what_has_become_due_is_ready_when_it_is_polled_again() {
    let clock = Moved::exact();
    executor!(clock).block_on(async {
        for after in [ms(1), ms(30), ms(3_600_000)] {
            let mut nap = pin!(sleep(after));
            assert!(once(nap.as_mut()).await.is_pending() && !nap.is_elapsed());
            clock.advance(after - Duration::from_nanos(1));
            assert!(once(nap.as_mut()).await.is_pending() && !nap.is_elapsed());
            clock.advance(Duration::from_nanos(1));
            assert!(nap.is_elapsed() && once(nap.as_mut()).await.is_ready());
            // And again after a reset.
            nap.as_mut().reset(time::now().unwrap() + after);
            assert!(once(nap.as_mut()).await.is_pending());
            clock.advance(after);
            assert!(once(nap.as_mut()).await.is_ready());
        }
    });
}

/// A timer that ends by a poll leaves the queue: nobody is woken for it, and nothing waits for it.
#[test]
fn a_timer_that_ended_by_a_poll_wakes_nobody() {
    let clock = Moved::exact();
    let executor = executor!(clock);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut nap = pin!(executor.enter(|| sleep(ms(5))));
    let mut poll = || executor.enter(|| nap.as_mut().poll(&mut Context::from_waker(&waker)));
    assert!(poll().is_pending());
    clock.advance(ms(5));
    assert!(poll().is_ready() && poll().is_ready());
    executor.run_until_stalled().unwrap();
    assert!(!woken.0.load(Ordering::Relaxed));
    let before = clock.real();
    executor.block_on(sleep(ms(7)));
    assert_eq!((clock.real() - before, clock.0.waits.get()), (ms(7), 1));
}

#[test]
fn combinators_without_a_turn_between_polls_end() {
    let clock = Moved::exact();
    executor!(clock).block_on(async {
        let busy = || {
            poll_fn(|cx| {
                clock.advance(ms(1));
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })
        };
        let start = clock.real();
        assert!(eagerly(timeout(ms(50), busy())).await.is_err());
        assert_eq!(clock.real() - start, ms(50));
        assert!(
            eagerly(timeout_at(time::now().unwrap() + ms(50), busy()))
                .await
                .is_err()
        );
        assert_eq!(clock.real() - start, ms(100));
        let either = eagerly(select(busy(), Box::pin(sleep(ms(5_000))))).await;
        assert!(matches!(either, Either::Right(_)));
        assert_eq!(clock.real() - start, ms(5_100));

        // A stream that is always ready.
        let start = clock.real();
        let items = stream::repeat_with(|| clock.advance(ms(1)));
        let taken = items.take_until(sleep(ms(30))).count().await;
        assert_eq!((taken, clock.real() - start), (30, ms(30)));
        assert_eq!(stream::repeat(()).take_until(sleep(ms(0))).count().await, 0);

        // Many timers in one task, of which some are due when the set is made.
        let set: FuturesUnordered<_> = (0..20)
            .map(|millis| {
                let nap = sleep(ms(millis));
                async move {
                    nap.await;
                    millis
                }
            })
            .collect();
        clock.advance(ms(10));
        let order: Vec<u64> = set.collect().await;
        assert_eq!(order, Vec::from_iter(0..20));
        assert_eq!(clock.real() - start, ms(49));
    });
}

/// By a clock that goes by itself the executor does not read the time for each poll of a timer that
/// is far; but such a timer ends, too, however it is polled.
#[test]
fn a_far_timer_that_is_polled_for_ever_ends() {
    let clock = Moved::new(1, Duration::from_nanos(1), u64::MAX);
    executor!(clock).block_on(async {
        let busy = poll_fn(|cx| {
            clock.advance(ms(10));
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        let start = clock.real();
        assert!(
            eagerly(timeout(Duration::from_secs(60), busy))
                .await
                .is_err()
        );
        let took = clock.real() - start;
        assert!(
            took > Duration::from_secs(60) && took < Duration::from_secs(61),
            "{took:?}"
        );
        // Nor does it matter that nobody has read the clock for long.
        for after in [ms(1), Duration::from_secs(3600)] {
            let mut late = pin!(sleep_until(time::now().unwrap() + after));
            assert!(once(late.as_mut()).await.is_pending());
            late.await;
        }
        let past = time::now().unwrap() + Duration::from_secs(10);
        sleep_until(past + Duration::from_secs(100)).await;
        assert!(once(pin!(sleep_until(past))).await.is_ready());
    });
}

/// Waits of every kind, begun anywhere within a tick, by clocks whose ticks are finer and coarser.
#[test]
fn a_timer_never_ends_early_by_a_coarse_clock() {
    for (tick, stride) in [
        (ms(1), 37_000),
        (ms(10), 1_100_000),
        (Duration::from_micros(31), 7_000),
    ] {
        let clock = Moved::coarse(tick, Duration::from_nanos(stride));
        executor!(clock).block_on(async {
            for round in 0..100_u32 {
                for after in [ms(1), ms(2), ms(1) + ms(1) / 2, ms(1) / 4, ms(13)] {
                    clock.advance(Duration::from_nanos(37_003) * (round % 27));
                    let start = clock.real();
                    let check = |what| {
                        let took = clock.real() - start;
                        assert!(took >= after, "{what} {after:?}: {took:?}");
                        // The tick that it begins in, the one that it ends in, and the wait's step.
                        let most = after + 2 * tick + Duration::from_nanos(stride);
                        assert!(took <= most, "{what} {after:?}: {took:?}");
                    };
                    match round % 6 {
                        0 => sleep(after).await,
                        1 => assert!(timeout(after, pending::<()>()).await.is_err()),
                        2 => {
                            let mut ticks = interval(after);
                            assert!(ticks.tick().await <= time::now().unwrap());
                            assert_eq!(clock.real(), start);
                            ticks.tick().await;
                        }
                        3 => {
                            let mut ticks = pin!(interval(after).into_stream());
                            assert!(ticks.next().await.is_some());
                            assert_eq!(clock.real(), start);
                            ticks.next().await;
                        }
                        4 => {
                            let mut ticks = interval(after);
                            ticks.reset();
                            ticks.tick().await;
                        }
                        _ => {
                            let mut ticks = interval_at(Instant::ZERO, after);
                            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                            ticks.tick().await;
                            assert_eq!(clock.real(), start);
                            ticks.tick().await;
                        }
                    }
                    check(round % 6);
                }
            }
            // Over many ticks an interval does not drift.
            let mut ticks = interval(ms(3));
            let first = ticks.tick().await;
            for _ in 0..100 {
                ticks.tick().await;
            }
            let last = ticks.tick().await;
            assert!(last - first <= ms(303) + tick, "{:?}", last - first);
            // An instant is waited for until the clock shows it, and no longer.
            assert!(
                once(pin!(sleep_until(time::now().unwrap())))
                    .await
                    .is_ready()
            );
            assert!(once(pin!(sleep(Duration::ZERO))).await.is_ready());
            assert!(
                once(pin!(timeout(Duration::ZERO, pending::<()>())))
                    .await
                    .is_ready()
            );
        });
    }
}

/// A reactor without a clock: nothing may wait for it, and nothing does so in silence.
#[test]
fn without_a_clock_a_sleep_and_a_tick_panic_and_say_so() {
    struct Timeless;
    impl Reactor for Timeless {
        type Error = Infallible;
        const HAS_CLOCK: bool = false;
        fn now(&self) -> Instant {
            panic!("there is none")
        }
        fn park(&self, _: Deadline) -> Result<(), Infallible> {
            Ok(())
        }
        fn unparker(&self) -> Waker {
            Waker::noop().clone()
        }
    }
    fn panics(what: &str, waits: impl Future) {
        let poll = std::panic::AssertUnwindSafe(|| {
            drop(pin!(waits).poll(&mut Context::from_waker(Waker::noop())));
        });
        let panic = std::panic::catch_unwind(poll).unwrap_err();
        let text = panic.downcast_ref::<&str>().unwrap();
        assert!(text.starts_with(what), "{text}");
        assert!(text.contains("outside of a running executor"), "{text}");
        assert!(text.contains("without a clock"), "{text}");
    }
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let executor = Executor::new(&POOL, Timeless).unwrap();
    executor.enter(|| {
        for deadline in [Instant::ZERO, Instant::from_millis(1), Instant::MAX] {
            panics("a sleep was polled", sleep_until(deadline));
        }
        panics("an interval ticked", interval(ms(1)).tick());
    });
    panics("an interval ticked", interval(ms(1)).tick());
}
