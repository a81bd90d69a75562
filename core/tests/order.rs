//! In which order tasks run.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
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
    static POOL: TaskPool<{ TASKS + 2 }, 1024> = TaskPool::new();
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
        yield_now().await;
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
    assert_eq!(draw(7, 50), draw(7, 50));
    assert_ne!(draw(7, 50), draw(8, 50));
    let mut seen = std::collections::BTreeMap::new();
    // Miri takes a long time for each.
    let rounds = if cfg!(miri) { 240 } else { 24_000 };
    for order in draw(99, rounds) {
        *seen.entry(order).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 24);
    for (order, times) in seen {
        // A thousand is expected, and 32 the standard deviation.
        assert!(
            cfg!(miri) || (800..1200).contains(&times),
            "{order:?}: {times}"
        );
    }
    executor.set_schedule_seed(0);
    assert_eq!(draw(0, 1), [[0, 1, 2, 3]]);
}
