//! In which order tasks run. On a chip with one core it is that of their indices in each turn.
#![cfg(not(lean))]

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use polliwog_core::{Deadline, Executor, Instant, Reactor, TaskPool, yield_now};

/// No time, nothing to wait for.
struct Still;

impl Reactor for Still {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        assert_eq!(until, Deadline::Now, "nobody will ever wake a task");
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

const TASKS: usize = 16;

fn claim() -> Executor<Still> {
    static POOL: TaskPool<{ TASKS + 3 }, 1024> = TaskPool::new();
    loop {
        if let Ok(executor) = Executor::new(&POOL, Still) {
            return executor;
        }
        std::thread::yield_now();
    }
}

/// The wakers of tasks that note when they are polled.
#[derive(Default)]
struct Sleepers {
    wakers: RefCell<Vec<Option<Waker>>>,
    polled: RefCell<Vec<usize>>,
}

impl Sleepers {
    fn start(executor: &Executor<Still>) -> Rc<Self> {
        let all = Rc::new(Self::default());
        all.wakers.borrow_mut().resize(TASKS, None);
        for number in 0..TASKS {
            let all = all.clone();
            let task = poll_fn(move |cx| {
                all.wakers.borrow_mut()[number] = Some(cx.waker().clone());
                all.polled.borrow_mut().push(number);
                Poll::<()>::Pending
            });
            executor.spawner().spawn(task).unwrap().detach();
        }
        executor.run_until_stalled().unwrap();
        assert_eq!(all.polled.take(), (0..TASKS).collect::<Vec<_>>());
        all
    }

    fn waker(&self, number: usize) -> Waker {
        self.wakers.borrow()[number].clone().unwrap()
    }
}

/// An order without a pattern: every number below [`TASKS`] once.
fn scattered(start: usize) -> impl Iterator<Item = usize> {
    (0..TASKS).map(move |n| (start + n * 11) % TASKS)
}

#[test]
fn promise_16_tasks_run_in_the_order_in_which_they_were_woken() {
    let executor = claim();
    let all = Sleepers::start(&executor);
    for start in (0..TASKS).step_by(if cfg!(miri) { 5 } else { 1 }) {
        for count in [1, 2, 3, TASKS] {
            executor.enter(|| {
                for number in scattered(start).take(count) {
                    all.waker(number).wake();
                    // Another wake changes nothing.
                    all.waker(scattered(start).next().unwrap()).wake();
                }
            });
            executor.run_until_stalled().unwrap();
            let order: Vec<_> = scattered(start).take(count).collect();
            assert_eq!(all.polled.take(), order);
        }
    }
}

/// Tasks that a task wakes come after all that were woken before, each once in a turn; one that is still
/// to come keeps its place and is polled once.
#[test]
fn a_task_that_is_still_to_come_keeps_its_place() {
    let executor = claim();
    let all = Sleepers::start(&executor);
    let waking = all.clone();
    let task = async move {
        // Not by a yield, after which others would go first.
        let mut woken = false;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            match std::mem::replace(&mut woken, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        for number in [5, 9, 1] {
            waking.waker(number).wake();
        }
    };
    executor.spawner().spawn(task).unwrap().detach();
    executor.tick().unwrap();
    executor.enter(|| {
        for number in [9, 2] {
            all.waker(number).wake();
        }
    });
    assert_eq!(executor.tick().unwrap(), 3);
    assert_eq!(all.polled.take(), [9, 2]);
    assert_eq!(executor.tick().unwrap(), 2);
    assert_eq!(all.polled.take(), [5, 1]);
    assert_eq!(executor.tick().unwrap(), 0);
}

#[test]
fn promise_16_a_yield_lets_all_that_is_ready_go_first() {
    let executor = claim();
    let all = Sleepers::start(&executor);
    let log = Rc::new(RefCell::new(Vec::new()));
    let notes = log.clone();
    let spawner = executor.spawner();
    executor.block_on(async {
        for round in 0..3 {
            // Spawned before, woken before: both go first, whatever their slots.
            let notes = log.clone();
            let spawned = async move { notes.borrow_mut().push("spawned") };
            spawner.spawn(spawned).unwrap().detach();
            all.waker(TASKS - 1 - round).wake();
            all.waker(round).wake();
            yield_now().await;
            log.borrow_mut().push("after the yield");
            assert_eq!(all.polled.take(), [TASKS - 1 - round, round]);
        }
    });
    assert_eq!(notes.take(), ["spawned", "after the yield"].repeat(3));
}

/// A single task that yields, with one other that is woken: before the yield, after it, or never.
#[test]
fn one_that_is_woken_goes_before_one_that_yields() {
    let executor = claim();
    let all = Sleepers::start(&executor);
    executor.block_on(async {
        for round in 0..100 {
            let mut yielded = std::pin::pin!(yield_now());
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                if round % 5 == 1 {
                    all.waker(3).wake();
                }
                if round % 5 == 3 {
                    cx.waker().wake_by_ref();
                }
                let poll = yielded.as_mut().poll(cx);
                if round % 5 == 2 {
                    all.waker(3).wake();
                }
                if round % 5 == 4 {
                    cx.waker().wake_by_ref();
                }
                poll
            })
            .await;
            let before: &[usize] = if matches!(round % 5, 1 | 2) {
                &[3]
            } else {
                &[]
            };
            assert_eq!(all.polled.take(), before, "{round}");
            assert_eq!(polls, 2);
            // What the last poll has woken.
            yield_now().await;
            all.polled.take();
        }
    });
}

/// Two tasks that yield in turn, whatever else comes and goes.
#[test]
fn tasks_that_yield_take_turns() {
    let executor = claim();
    let trace = Rc::new(RefCell::new(String::new()));
    let running = Rc::new(Cell::new(true));
    for name in ['a', 'b', 'c'] {
        let (trace, running) = (trace.clone(), running.clone());
        let task = async move {
            while running.get() {
                trace.borrow_mut().push(name);
                yield_now().await;
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    executor.block_on(async {
        for _ in 0..10 {
            yield_now().await;
        }
        running.set(false);
    });
    executor.run_until_stalled().unwrap();
    assert_eq!(*trace.borrow(), "abc".repeat(11));
}

/// Those that have yielded come after all that has been woken by the next turn, in the order in which they
/// yielded, each once in a turn, whatever wakes them meanwhile.
#[test]
fn who_has_yielded_comes_after_all_that_was_woken() {
    let executor = claim();
    let all = Sleepers::start(&executor);
    let log = Rc::new(RefCell::new(Vec::new()));
    let wakers = Rc::new(RefCell::new(Vec::new()));
    let spawner = executor.spawner();
    executor.block_on(async {
        // By then the clock, which stands still, asks for no look in the middle of a turn.
        for _ in 0..10 {
            yield_now().await;
        }
        for number in [100, 101] {
            let (all, log, wakers) = (all.clone(), log.clone(), wakers.clone());
            let task = async move {
                let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                wakers.borrow_mut().push(waker);
                for round in 0..4 {
                    let mut yielded = std::pin::pin!(yield_now());
                    poll_fn(|cx| {
                        let poll = yielded.as_mut().poll(cx);
                        if poll.is_pending() && round > 0 {
                            // Woken after the yields, and yet before those that have yielded.
                            all.waker(number - 100 + 2 * round).wake();
                            // Woken once more: they keep their place.
                            wakers.borrow().iter().for_each(Waker::wake_by_ref);
                        }
                        poll
                    })
                    .await;
                    log.borrow_mut().extend(all.polled.take());
                    log.borrow_mut().push(number);
                }
            };
            spawner.spawn(task).unwrap().detach();
        }
        for _ in 0..10 {
            yield_now().await;
        }
    });
    assert_eq!(
        log.take(),
        [100, 101, 2, 3, 100, 101, 4, 5, 100, 101, 6, 7, 100, 101]
    );
}

/// A turn that an error ends goes on where it was, those that have yielded after the others.
#[test]
fn a_failed_look_keeps_the_order() {
    /// Whose looks fail, and whose clock goes a second for each reading.
    struct Failing(Cell<u64>);

    impl Reactor for Failing {
        type Error = &'static str;

        fn now(&self) -> Instant {
            self.0.set(self.0.get() + 1);
            Instant::from_nanos(self.0.get() * 1_000_000_000)
        }

        fn park(&self, _: Deadline) -> Result<(), &'static str> {
            Err("no")
        }

        fn unparker(&self) -> Waker {
            Waker::noop().clone()
        }
    }

    static POOL: TaskPool<8, 1024> = TaskPool::new();
    let executor = Executor::new(&POOL, Failing(Cell::new(0))).unwrap();
    let log = Rc::new(RefCell::new(Vec::new()));
    let waker = Rc::new(RefCell::new(Waker::noop().clone()));
    for number in 0..6 {
        let (log, waker) = (log.clone(), waker.clone());
        let task = async move {
            for _ in 0..3 {
                log.borrow_mut().push(number);
                waker.borrow().wake_by_ref();
                yield_now().await;
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    let notes = log.clone();
    let kept = waker.clone();
    let woken = poll_fn(move |cx| {
        *kept.borrow_mut() = cx.waker().clone();
        notes.borrow_mut().push(9);
        Poll::<()>::Pending
    });
    executor.spawner().spawn(woken).unwrap().detach();
    let mut failures = 0;
    while log.borrow().iter().filter(|&&n| n != 9).count() < 18 {
        failures += usize::from(executor.run().is_err());
        assert!(failures < 100);
    }
    let log = log.take();
    assert!(failures > 3, "{failures}");
    let yielders: Vec<_> = log.iter().copied().filter(|&n| n != 9).collect();
    assert_eq!(yielders, [0, 1, 2, 3, 4, 5].repeat(3));
    let position = log.iter().position(|&n| n == 9);
    assert_eq!(
        position,
        Some(6),
        "woken before any of them comes again: {log:?}"
    );
}

/// What other threads wake is taken over at the start of a turn: blocks in the order of their first
/// wakes, after what this thread has woken.
#[test]
#[cfg(feature = "alloc")]
fn wakes_of_other_threads_join_at_the_start_of_a_turn() {
    let executor = Executor::with_capacity(3 * usize::BITS as usize, Still);
    let wakers = Rc::new(RefCell::new(Vec::new()));
    let polled = Rc::new(RefCell::new(Vec::new()));
    for number in 0..3 * usize::BITS as usize {
        let (wakers, polled) = (wakers.clone(), polled.clone());
        let task = poll_fn(move |cx| {
            if wakers.borrow().len() == number {
                wakers.borrow_mut().push(cx.waker().clone());
            } else {
                polled.borrow_mut().push(number);
            }
            Poll::<()>::Pending
        });
        executor.spawner().spawn(task).unwrap().detach();
    }
    executor.run_until_stalled().unwrap();
    let wakers = wakers.take();
    let block = usize::BITS as usize;
    let theirs = [2 * block + 3, 5, block + 1, 2 * block].map(|n| wakers[n].clone());
    executor.enter(|| wakers[7].wake_by_ref());
    std::thread::spawn(|| theirs.into_iter().for_each(Waker::wake))
        .join()
        .unwrap();
    assert_eq!(executor.tick().unwrap(), 5);
    assert_eq!(polled.take(), [7, 2 * block, 2 * block + 3, 5, block + 1]);
}

/// A seed permutes each turn: the same seed the same way, and every order is as likely as any other.
#[test]
#[cfg(feature = "std")]
fn seeds_permute_turns_evenly() {
    let executor = claim();
    let all = Sleepers::start(&executor);
    let draw = |seed: u64, rounds: usize| {
        executor.set_schedule_seed(seed);
        let mut orders = Vec::new();
        for _ in 0..rounds {
            executor.enter(|| (0..4).for_each(|number| all.waker(number).wake()));
            executor.tick().unwrap();
            orders.push(all.polled.take());
        }
        orders
    };
    // Miri takes a long time for each.
    let few = if cfg!(miri) { 6 } else { 50 };
    assert_eq!(draw(7, few), draw(7, few));
    assert_ne!(draw(7, few), draw(8, few));
    let mut seen = std::collections::BTreeMap::new();
    let rounds = if cfg!(miri) { 24 } else { 24_000 };
    for order in draw(99, rounds) {
        *seen.entry(order).or_insert(0) += 1;
    }
    // Of the few under Miri, each order need not be among them.
    if !cfg!(miri) {
        assert_eq!(seen.len(), 24);
        // A thousand is expected, and 32 the standard deviation.
        for (order, times) in seen {
            assert!((800..1200).contains(&times), "{order:?}: {times}");
        }
    }
    executor.set_schedule_seed(0);
    assert_eq!(draw(0, 1), [[0, 1, 2, 3]]);
}
