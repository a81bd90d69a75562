//! The timer queue against a sorted list, through the public interface: random insertions,
//! resets, cancellations and firings, also from inside another timer's wake; timers inside
//! `select`, `join` and `FuturesUnordered`; equal deadlines; the end of time.
//!
//! Time is a number that the test moves by hand. `POLLIWOG_SOAK=n` multiplies the number of
//! random cases by n.

mod hand;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use polliwog_core::time::{Sleep, sleep, sleep_millis, sleep_until, timeout};
use polliwog_core::{Deadline, Executor, Instant, Reactor, TaskPool};
use proptest::prelude::*;

use hand::Hand;

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

/// What happens to a timer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Starts a timer.
    Insert(u64),
    /// Moves a timer, whether it has fired or not.
    Reset(usize, u64),
    /// Drops a timer.
    Cancel(usize),
    /// Polls a timer with another waker.
    Repoll(usize),
    /// Makes a timer do something when it fires.
    Plan(usize, Act),
    /// Lets time pass and the timers fire.
    Advance(u64),
    /// Asks the executor how long it would wait.
    Look,
}

/// What a timer's waker does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Insert(u64),
    Reset(usize, u64),
    Cancel(usize),
}

/// Who fired: the number of the timer and of its waker.
type Fired = (usize, u32);

/// A timer in the model.
#[derive(Default)]
struct Timer {
    /// Its place in the list while it waits.
    key: Option<(Instant, u64)>,
    /// It has been reset after it had ended, and not been polled since: it waits for nobody.
    reset: Option<Instant>,
    waker: u32,
    plan: Option<Act>,
    gone: bool,
}

/// The specification: a sorted list.
#[derive(Default)]
struct Model {
    list: BTreeMap<(Instant, u64), usize>,
    timers: Vec<Timer>,
    order: u64,
    now: Instant,
}

impl Model {
    fn insert(&mut self, after: u64) {
        self.timers.push(Timer::default());
        self.poll(self.timers.len() - 1, at(self.now, after));
    }

    /// A timer that does not wait is polled: it begins to, unless it is due.
    fn poll(&mut self, timer: usize, deadline: Instant) {
        self.timers[timer].reset = None;
        if !self.has_come(deadline) {
            self.schedule(timer, deadline);
        }
    }

    fn has_come(&self, deadline: Instant) -> bool {
        deadline <= self.now && deadline != Instant::MAX
    }

    fn schedule(&mut self, timer: usize, deadline: Instant) {
        self.unschedule(timer);
        let key = (deadline, self.order);
        self.order += 1;
        self.list.insert(key, timer);
        self.timers[timer].key = Some(key);
    }

    fn unschedule(&mut self, timer: usize) {
        if let Some(key) = self.timers[timer].key.take() {
            self.list.remove(&key);
        }
    }

    fn cancel(&mut self, timer: usize) {
        self.unschedule(timer);
        self.timers[timer].gone = true;
    }

    fn next(&self) -> Option<(Instant, usize)> {
        let (&(deadline, _), &timer) = self.list.first_key_value()?;
        (deadline != Instant::MAX).then_some((deadline, timer))
    }

    fn is_due(&self) -> bool {
        self.next()
            .is_some_and(|(deadline, _)| deadline <= self.now)
    }

    fn fire(&mut self) -> Vec<Fired> {
        let mut fired = Vec::new();
        while let Some((_, timer)) = self.next().filter(|_| self.is_due()) {
            self.unschedule(timer);
            fired.push((timer, self.timers[timer].waker));
            match self.timers[timer].plan.take() {
                None => {}
                Some(Act::Insert(after)) => self.insert(after),
                Some(Act::Reset(other, after)) => {
                    let other = other % self.timers.len();
                    let deadline = at(self.now, after);
                    // One that has ended waits again only once it is polled.
                    if self.timers[other].key.is_some() {
                        self.schedule(other, deadline);
                    } else {
                        self.timers[other].reset = Some(deadline);
                    }
                }
                Some(Act::Cancel(other)) => self.cancel(other % self.timers.len()),
            }
        }
        fired
    }
}

/// `after` from now; the largest numbers mean the last instants that there are.
fn at(now: Instant, after: u64) -> Instant {
    if after > u64::MAX - 4 {
        Instant::from_nanos(after)
    } else {
        now + Duration::from_nanos(after)
    }
}

/// The real timers, where wakers find them.
#[derive(Default)]
struct Real {
    sleeps: Vec<Option<Pin<Box<Sleep>>>>,
    plans: Vec<Option<Act>>,
    fired: Vec<Fired>,
    now: Instant,
}

thread_local! {
    static REAL: RefCell<Real> = RefCell::default();
}

fn real<T>(f: impl FnOnce(&mut Real) -> T) -> T {
    REAL.with_borrow_mut(f)
}

struct Note(Fired);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        let timer = self.0.0;
        let plan = real(|real| {
            real.fired.push(self.0);
            real.plans[timer].take()
        });
        match plan {
            None => {}
            Some(Act::Insert(after)) => insert(after),
            Some(Act::Reset(other, after)) => real(|real| {
                let (now, other) = (real.now, other % real.sleeps.len());
                if let Some(sleep) = &mut real.sleeps[other] {
                    sleep.as_mut().reset(at(now, after));
                }
            }),
            Some(Act::Cancel(other)) => drop(real(|real| {
                let other = other % real.sleeps.len();
                real.sleeps[other].take()
            })),
        }
    }
}

fn poll(timer: usize, waker: u32) -> Poll<()> {
    let waker = Waker::from(Arc::new(Note((timer, waker))));
    real(|real| match &mut real.sleeps[timer] {
        Some(sleep) => sleep.as_mut().poll(&mut Context::from_waker(&waker)),
        None => Poll::Pending,
    })
}

fn insert(after: u64) {
    let timer = real(|real| {
        let sleep = sleep_until(at(real.now, after));
        real.plans.push(None);
        real.sleeps.push(Some(Box::pin(sleep)));
        real.sleeps.len() - 1
    });
    let now = real(|real| real.now);
    let deadline = at(now, after);
    // The end of time never comes.
    let is_due = deadline <= now && deadline != Instant::MAX;
    assert_eq!(poll(timer, 0).is_ready(), is_due);
}

fn elapsed(timer: usize) -> bool {
    real(|real| {
        let sleep = real.sleeps[timer].as_ref();
        sleep.is_some_and(|sleep| sleep.is_elapsed())
    })
}

/// The same operations on both.
struct Both<'a> {
    executor: &'a Executor<Hand>,
    model: Model,
}

impl<'a> Both<'a> {
    fn new(executor: &'a Executor<Hand>) -> Self {
        drop(REAL.take());
        Self {
            executor,
            model: Model::default(),
        }
    }

    /// The timer meant by a random number, unless it is gone.
    fn pick(&self, number: usize) -> Option<usize> {
        let timer = number.checked_rem(self.model.timers.len())?;
        (!self.model.timers[timer].gone).then_some(timer)
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Insert(after) => {
                self.executor.enter(|| insert(after));
                self.model.insert(after);
            }
            Op::Reset(number, after) => {
                if let Some(timer) = self.pick(number) {
                    self.reset(timer, after);
                }
            }
            Op::Cancel(number) => {
                if let Some(timer) = self.pick(number) {
                    drop(real(|real| real.sleeps[timer].take()));
                    self.model.cancel(timer);
                }
            }
            Op::Repoll(number) => {
                if let Some(timer) = self.pick(number) {
                    self.repoll(timer);
                }
            }
            Op::Plan(number, act) => {
                if let Some(timer) = self.pick(number) {
                    real(|real| real.plans[timer] = Some(act));
                    self.model.timers[timer].plan = Some(act);
                }
            }
            Op::Advance(by) => {
                self.model.now += Duration::from_nanos(by);
                let now = self.model.now;
                self.executor.reactor().0.now.set(now);
                real(|real| real.now = now);
                self.executor.tick().unwrap();
                let fired = real(|real| std::mem::take(&mut real.fired));
                assert_eq!(fired, self.model.fire());
            }
            Op::Look => self.look(),
        }
    }

    fn reset(&mut self, timer: usize, after: u64) {
        let deadline = at(self.model.now, after);
        real(|real| {
            let sleep = real.sleeps[timer].as_mut().expect("it is not gone");
            sleep.as_mut().reset(deadline);
            assert_eq!(sleep.deadline(), Some(deadline));
        });
        let has_come = self.model.has_come(deadline);
        assert_eq!(self.executor.enter(|| elapsed(timer)), has_come);
        // One that had ended waits anew when it is polled, if it is not due by then.
        self.model.unschedule(timer);
        self.model.poll(timer, deadline);
        let waker = self.model.timers[timer].waker;
        let polled = self.executor.enter(|| poll(timer, waker));
        assert_eq!(polled.is_ready(), has_come);
    }

    fn repoll(&mut self, timer: usize) {
        if let Some(deadline) = self.model.timers[timer].reset {
            self.model.poll(timer, deadline);
        }
        let due = self.model.timers[timer]
            .key
            .filter(|key| self.model.has_come(key.0));
        if due.is_some() {
            self.model.unschedule(timer);
        }
        let waiting = self.model.timers[timer].key.is_some();
        self.model.timers[timer].waker += 1;
        let waker = self.model.timers[timer].waker;
        let polled = self.executor.enter(|| poll(timer, waker));
        assert_eq!(polled.is_pending(), waiting);
    }

    fn look(&self) {
        // What is due fires first, else the executor would not wait at all.
        if self.model.is_due() {
            return;
        }
        let hands = self.executor.reactor().0.clone();
        self.executor.block_on(poll_fn(|cx| {
            if hands.asked.get().is_some() {
                return Poll::Ready(());
            }
            *hands.ask.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        }));
        let next = self.model.next();
        let expected = next.map_or(Deadline::Never, |(deadline, _)| Deadline::At(deadline));
        assert_eq!(hands.asked.take(), Some(expected));
    }

    /// Everything that can still fire fires in order; the rest is cancelled.
    fn finish(mut self) {
        self.step(Op::Advance(1 << 40));
        self.step(Op::Advance(u64::MAX));
        for (number, timer) in self.model.timers.iter().enumerate() {
            if let Some((deadline, _)) = timer.key {
                assert!(deadline == Instant::MAX && !elapsed(number));
            }
        }
        drop(REAL.take());
    }
}

/// Runs a program on both; the fuzz target does so, too.
pub(crate) fn run(ops: impl IntoIterator<Item = Op>) {
    let executor = executor!(2, Hand::default());
    let mut both = Both::new(&executor);
    for op in ops {
        both.step(op);
    }
    both.finish();
}

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
