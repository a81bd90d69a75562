//! The timer queue against a sorted list, through the public interface: random insertions,
//! resets, cancellations and firings, also from inside another timer's wake; timers inside
//! `select`, `join` and `FuturesUnordered`; equal deadlines; the end of time.
//!
//! Time is a number that the test moves by hand. `POLLIWOG_SOAK=n` multiplies the number of
//! random cases by n.

mod hand;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use polliwog_core::time::{sleep, sleep_millis, timeout};
use polliwog_core::{Executor, Instant, Reactor, TaskPool};
use proptest::prelude::*;

use hand::Hand;
use model::Both;
pub(crate) use model::{Act, Op, run};

/// An executor over a static pool, which another test's thread may have for a while.
macro_rules! executor {
    ($slots:literal, $reactor:expr) => {{
        static POOL: TaskPool<$slots, 1024> = TaskPool::new();
        let mut reactor = $reactor;
        loop {
            match Executor::try_new(&POOL, reactor) {
                Ok(executor) => break executor,
                Err(taken) => reactor = taken.into_inner(),
            }
            std::thread::yield_now();
        }
    }};
}

mod model;

fn cases(usual: u32) -> ProptestConfig {
    let soak: f64 = std::env::var("POLLIWOG_SOAK")
        .map_or(1.0, |n| n.parse().expect("POLLIWOG_SOAK is a number"));
    let cases = (f64::from(usual) * soak).ceil() as u32;
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(if cfg!(miri) { 1 } else { cases })
    }
}

// --- Against a sorted list -------------------------------------------------------------------

fn after() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0..8u64,
        8 => 0..1000u64,
        2 => any::<u64>(),
        1 => u64::MAX - 3..=u64::MAX,
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        // Never due at once, else two timers could go on for ever.
        (1..1000u64).prop_map(Act::Insert),
        (any::<usize>(), after()).prop_map(|(timer, after)| Act::Reset(timer, after)),
        any::<usize>().prop_map(Act::Cancel),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => after().prop_map(Op::Insert),
        3 => (any::<usize>(), after()).prop_map(|(timer, after)| Op::Reset(timer, after)),
        2 => any::<usize>().prop_map(Op::Cancel),
        1 => any::<usize>().prop_map(Op::Repoll),
        2 => (any::<usize>(), act()).prop_map(|(timer, act)| Op::Plan(timer, act)),
        3 => (0..300u64).prop_map(Op::Advance),
        1 => Just(Op::Look),
    ]
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn timers_fire_as_a_sorted_list_says(ops in prop::collection::vec(op(), 0..400)) {
        run(ops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..cases(4) })]

    /// The same with very many timers at once.
    #[test]
    fn a_hundred_thousand_timers(seed: u64, limit in 10_000..100_000usize) {
        let executor = executor!(2, Hand::default());
        let limit = match limit {
            _ if cfg!(miri) => 30,
            // A chip's queue is a list, made for few.
            _ if cfg!(lean) => limit / 100,
            _ => limit,
        };
        let mut both = Both::new(&executor);
        let mut random = Random(seed);
        for _ in 0..limit {
            both.step(Op::Insert(random.below(1 << 30)));
        }
        for _ in 0..limit {
            let timer = random.below(1 << 40) as usize;
            both.step(match random.below(16) {
                0..5 => Op::Insert(random.below(1 << 30)),
                5..9 => Op::Reset(timer, random.below(1 << 30)),
                9..12 => Op::Cancel(timer),
                12 => Op::Repoll(timer),
                13 => Op::Plan(timer, Act::Reset(timer / 2, random.below(1 << 30))),
                14 => Op::Plan(timer, Act::Cancel(timer / 3)),
                _ => Op::Advance(random.below(1 << 15)),
            });
        }
        both.finish();
    }
}

/// Knuth's linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 16) % limit
    }
}

#[test]
fn milliseconds_are_counted_from_where_the_sleep_is_made() {
    let executor = executor!(1, Hand::default());
    executor.block_on(async {
        sleep_millis(3).await;
        let sleep = sleep_millis(u32::MAX);
        let deadline = Instant::from_millis(3 + u64::from(u32::MAX));
        assert_eq!(sleep.deadline(), Some(deadline));
    });
    // Where no clock is known yet it is a duration, until there is one.
    let sleep = sleep_millis(4);
    assert_eq!(sleep.deadline(), None);
    let before = executor.block_on(async { time_now() });
    executor.block_on(sleep);
    let after = executor.block_on(async { time_now() });
    assert_eq!(after, before + Duration::from_millis(4));
}

fn time_now() -> Instant {
    polliwog_core::time::now().expect("an executor runs")
}

#[test]
fn equal_deadlines_fire_in_order_of_registration() {
    let executor = executor!(2, Hand::default());
    let mut both = Both::new(&executor);
    for timer in 0..100 {
        both.step(Op::Insert(10 + timer % 3));
    }
    both.step(Op::Reset(0, 10));
    both.step(Op::Advance(9));
    both.step(Op::Advance(1));
    both.finish();
}

#[test]
fn the_end_of_time_never_comes() {
    let executor = executor!(2, Hand::default());
    let mut both = Both::new(&executor);
    for after in [u64::MAX, u64::MAX - 1, 5, u64::MAX, 0, u64::MAX - 2] {
        both.step(Op::Insert(after));
    }
    for by in [0, 4, 1, u64::MAX - 10, 3, 1, 1] {
        both.step(Op::Look);
        both.step(Op::Advance(by));
    }
    both.finish();
}

// --- Combined with others --------------------------------------------------------------------

proptest! {
    #![proptest_config(cases(200))]

    /// Each future of the set has a waker of its own; equal deadlines end in the order in
    /// which they were polled first.
    #[test]
    fn futures_unordered_ends_in_order_of_deadlines(
        millis in prop::collection::vec(0..20u64, 0..50),
    ) {
        let executor = executor!(2, Hand::default());
        let order: Vec<(usize, u64)> = executor.block_on(async {
            let set: FuturesUnordered<_> = millis
                .iter()
                .enumerate()
                .map(|(number, &millis)| async move {
                    sleep(Duration::from_millis(millis)).await;
                    (number, millis)
                })
                .collect();
            set.collect().await
        });
        let mut expected: Vec<_> = millis.into_iter().enumerate().collect();
        expected.sort_by_key(|&(_, millis)| millis);
        prop_assert_eq!(order, expected);
    }

    #[test]
    fn select_join_and_timeout_keep_their_word(
        rounds in prop::collection::vec((0..10u64, 0..10u64), 1..20),
    ) {
        let executor = executor!(2, Hand::default());
        let hand = executor.reactor().clone();
        executor.block_on(async {
            for (left, right) in rounds {
                let [a, b] = [left, right].map(Duration::from_millis);
                let start = hand.now();
                let (one, other) = (pin!(sleep(a)), pin!(sleep(b)));
                let first = select(one, other).await;
                assert_eq!(matches!(first, Either::Left(_)), left <= right);
                assert_eq!(hand.now() - start, a.min(b));

                let start = hand.now();
                join(sleep(a), sleep(b)).await;
                assert_eq!(hand.now() - start, a.max(b));

                let start = hand.now();
                let limited = timeout(a, sleep(b)).await;
                assert_eq!(limited.is_ok(), right <= left);
                assert_eq!(hand.now() - start, a.min(b));
            }
        });
    }
}

/// A sleep that is reset in the poll in which it would have ended waits on.
#[test]
fn a_reset_after_the_wake_counts() {
    let executor = executor!(2, Hand::default());
    let hand = executor.reactor().clone();
    executor.block_on(async {
        let mut sleep = pin!(sleep(Duration::from_nanos(7)));
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                sleep.as_mut().reset(Instant::from_nanos(9));
            }
            sleep.as_mut().poll(cx)
        })
        .await;
        assert_eq!((hand.now(), polls), (Instant::from_nanos(9), 3));
    });
}
