extern crate std;

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::vec::Vec;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn tasks<const N: usize>() -> ([Arc<Count>; N], [Waker; N]) {
    let counts = core::array::from_fn(|_| Arc::new(Count::default()));
    // Clones, since a waker and its first clone need not have the same vtable: with Miri they do not.
    let wakers = core::array::from_fn(|at: usize| Waker::from(Arc::clone(&counts[at])).clone());
    (counts, wakers)
}

fn id(number: usize) -> WaiterId {
    WaiterId(number)
}

const READ: Direction = Direction::Read;

#[test]
fn the_first_waits_in_its_place() {
    let ([count], [waker]) = tasks();
    let waiters = Waiters::new();
    assert!(waiters.is_empty(READ));
    for _ in 0..2 {
        waiters.wait(READ, id(1), waker.clone()).let_go();
        assert!(waiters.knows(READ, id(1), &waker));
        assert!(!waiters.knows(READ, id(2), &waker));
        assert_eq!(Arc::strong_count(&count), 3);
    }
    assert!(waiters.is_empty(Direction::Write) && !waiters.is_empty(READ));
    assert!(waiters.take(Readiness::WRITABLE).is_empty());
    waiters.take(Readiness::READABLE).wake();
    assert_eq!(count.get(), 1);
    assert!(waiters.is_empty(READ) && waiters.forget(READ, id(1)).is_none());
}

#[test]
fn a_waiter_that_changes_tasks_keeps_its_place() {
    let ([before, after], [old, new]) = tasks();
    let waiters = Waiters::new();
    waiters.wait(READ, id(1), old.clone()).let_go();
    waiters.wait(READ, id(1), new.clone()).let_go();
    assert!(!waiters.knows(READ, id(1), &old) && waiters.knows(READ, id(1), &new));
    waiters.take(Readiness::READABLE).wake();
    assert_eq!((before.get(), after.get()), (0, 1));
}

#[cfg(not(feature = "alloc"))]
#[test]
fn what_is_only_polled_takes_the_place_and_wakes_the_one_that_had_it() {
    let (counts, wakers) = tasks::<2>();
    let waiters = Waiters::new();
    waiters.wait(READ, id(1), wakers[0].clone()).let_go();
    let anonymous = WaiterId::ANONYMOUS;
    waiters.wait(READ, anonymous, wakers[1].clone()).let_go();
    assert_eq!((counts[0].get(), counts[1].get()), (1, 0));
    assert!(!waiters.waits(READ, id(1)) && waiters.waits(READ, anonymous));
    waiters.take(Readiness::READABLE).wake();
    assert_eq!((counts[0].get(), counts[1].get()), (1, 1));
}

#[cfg(not(feature = "alloc"))]
#[test]
fn operations_that_find_no_place_wait_elsewhere() {
    use crate::sources::{Entry, Operation, Waited};
    use core::task::{Context, Poll};
    use std::boxed::Box;
    struct Source(Entry);
    impl Waited for Source {
        fn forget(&self, direction: Direction, id: WaiterId) {
            drop(self.0.forget(direction, id));
        }
        fn waits(&self, direction: Direction, id: WaiterId) -> bool {
            self.0.waits(direction, id)
        }
    }
    let (counts, wakers) = tasks::<4>();
    let source = Source(Entry::new());
    let mut waits: Vec<_> = (0..4)
        .map(|_| {
            Box::pin(Operation::read(&source, |source: &Source, cx, id| {
                source.0.poll_ready_as(id, READ, cx)
            }))
        })
        .collect();
    for round in 1..3 {
        for (wait, waker) in waits.iter_mut().zip(&wakers) {
            let mut cx = Context::from_waker(waker);
            assert!(wait.as_mut().poll(&mut cx).is_pending());
        }
        // Nobody takes turns in waking one another.
        assert!(counts.iter().all(|count| count.get() == round - 1));
        if round == 1 {
            source.0.set_ready(Readiness::READABLE).wake();
            source.0.would_block(READ);
            assert!(counts.iter().all(|count| count.get() == 1));
        }
    }
    // The one that has the place gives up: the others look again, and one of them has it then.
    drop(waits.remove(0));
    assert!(counts[1..].iter().all(|count| count.get() == 2));
    for (wait, waker) in waits.iter_mut().zip(&wakers[1..]) {
        let mut cx = Context::from_waker(waker);
        assert!(wait.as_mut().poll(&mut cx).is_pending());
    }
    source.0.set_ready(Readiness::READABLE).wake();
    for (wait, count) in waits.iter_mut().zip(&counts[1..]) {
        assert_eq!(count.get(), 3);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(wait.as_mut().poll(&mut cx), Poll::Ready(_)));
    }
}

#[cfg(feature = "alloc")]
mod many {
    use super::*;

    #[test]
    fn one_at_a_time_in_the_order_in_which_they_came() {
        let (counts, wakers) = tasks::<5>();
        let waiters = Waiters::new();
        for (at, waker) in wakers.iter().enumerate() {
            waiters.wait(READ, id(at + 1), waker.clone()).let_go();
        }
        drop(waiters.forget(READ, id(1)));
        drop(waiters.forget(READ, id(4)));
        for expected in [1, 2, 4] {
            waiters.take_one(READ).wake();
            assert_eq!(counts[expected].get(), 1);
            // Whoever comes later does not overtake.
            let (_, [late]) = tasks();
            waiters.wait(READ, id(9), late).let_go();
        }
        let woken: Vec<_> = counts.iter().map(|count| count.get()).collect();
        assert_eq!(woken, [0, 1, 1, 0, 1]);
        assert_eq!(waiters.take_one(READ).len(), 1);
        assert!(waiters.take_one(READ).is_empty());
    }

    #[test]
    fn those_without_an_identity_are_not_relied_on() {
        let (counts, wakers) = tasks::<5>();
        let waiters = Waiters::new();
        let ids = [0, 0, 7, 0, 8].map(WaiterId);
        for (waker, id) in wakers.iter().zip(ids) {
            waiters.wait(READ, id, waker.clone()).let_go();
            waiters.wait(READ, id, waker.clone()).let_go();
        }
        waiters.take_one(READ).wake();
        assert_eq!(counts.each_ref().map(|count| count.get()), [1, 1, 1, 0, 0]);
        waiters.take_one(READ).wake();
        assert_eq!(counts.each_ref().map(|count| count.get()), [1, 1, 1, 1, 1]);
        assert!(waiters.is_empty(READ));
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_waker_that_panics_costs_the_others_nothing() {
        struct Faulty;
        impl Wake for Faulty {
            fn wake(self: Arc<Self>) {
                panic!("a faulty waker");
            }
        }
        let (counts, wakers) = tasks::<4>();
        let waiters = Waiters::new();
        let faulty = || Waker::from(Arc::new(Faulty));
        let all = [
            (READ, faulty()),
            (READ, wakers[0].clone()),
            (Direction::Write, faulty()),
            (Direction::Write, wakers[1].clone()),
            (READ, faulty()),
            (READ, wakers[2].clone()),
            (Direction::Write, wakers[3].clone()),
        ];
        for (direction, waker) in all {
            waiters.wait(direction, WaiterId::ANONYMOUS, waker).let_go();
        }
        let wakeups = waiters.take(Readiness::READABLE | Readiness::WRITABLE);
        assert!(!wakeups.is_empty());
        wakeups.wake();
        assert_eq!(counts.map(|count| count.get()), [1; 4]);
    }

    /// Polls that are given up, each by a waker of its own, are neither kept for ever nor looked through by all that
    /// come after them.
    #[test]
    fn what_is_given_up_does_not_pile_up() {
        let waiters = Waiters::new();
        let (live, [waker]) = tasks();
        waiters
            .wait(READ, WaiterId::ANONYMOUS, waker.clone())
            .let_go();
        let mut given_up: Vec<std::sync::Weak<Count>> = Vec::new();
        for turn in 0..if cfg!(miri) { 300 } else { 100_000 } {
            let ([count], [waker]) = tasks();
            given_up.push(Arc::downgrade(&count));
            waiters.wait(READ, WaiterId::ANONYMOUS, waker).let_go();
            drop(count);
            if turn % 100 == 0 {
                let kept = given_up.iter().filter(|count| count.strong_count() > 0);
                assert!(kept.count() <= 80, "after {turn}");
                given_up.retain(|count| count.strong_count() > 0);
            }
        }
        // Whoever was woken for nothing has not come back, and whoever waits in the first place was not woken.
        assert_eq!(live[0].get(), 0);
        waiters.take(Readiness::READABLE).wake();
        assert_eq!(live[0].get(), 1);
        // A few are kept in mind, as probes.
        let kept = given_up.iter().filter(|count| count.strong_count() > 0);
        assert!(kept.count() <= 4);
    }

    /// Runs tasks that wait without an identity until all of them do, and returns how often they were polled.
    fn settle(
        waiters: &Waiters,
        counts: &[Arc<Count>],
        wakers: &[Waker],
        seen: &mut [usize],
    ) -> usize {
        let mut polls = 0;
        loop {
            let before = polls;
            for (at, count) in counts.iter().enumerate() {
                if seen[at] != count.get() {
                    seen[at] = count.get();
                    polls += 1;
                    let waker = wakers[at].clone();
                    waiters.wait(READ, WaiterId::ANONYMOUS, waker).let_go();
                }
            }
            assert!(polls < 1_000_000, "they wake one another for ever");
            if polls == before {
                return polls;
            }
        }
    }

    /// Any number of tasks that really wait do so in peace, beside others that give up, too.
    #[test]
    fn many_that_wait_do_not_wake_one_another_for_ever() {
        let sizes: &[usize] = if cfg!(miri) { &[40] } else { &[33, 100, 1000] };
        for &size in sizes {
            let waiters = Waiters::new();
            let counts: Vec<_> = (0..size).map(|_| Arc::new(Count::default())).collect();
            let wakers: Vec<_> = counts
                .iter()
                .map(|count| Waker::from(count.clone()).clone())
                .collect();
            let mut seen = std::vec![0; size];
            for waker in &wakers {
                waiters
                    .wait(READ, WaiterId::ANONYMOUS, waker.clone())
                    .let_go();
            }
            let polls = settle(&waiters, &counts, &wakers, &mut seen);
            assert!(polls <= size * 16, "{size} waiters polled {polls} times");
            // Once they are known to wait, events and others cost them little.
            let mut polls = 0;
            for _ in 0..10 {
                waiters.take(Readiness::READABLE).wake();
                polls += settle(&waiters, &counts, &wakers, &mut seen);
            }
            assert!(
                polls <= size * 20,
                "{size} waiters polled {polls} times in ten events"
            );
            let mut polls = 0;
            let others = size * if cfg!(miri) { 4 } else { 20 };
            for _ in 0..others {
                let (_, [waker]) = tasks();
                waiters.wait(READ, WaiterId::ANONYMOUS, waker).let_go();
                polls += settle(&waiters, &counts, &wakers, &mut seen);
            }
            assert!(
                polls <= size * 60,
                "{size} waiters polled {polls} times beside {others}"
            );
            // Nobody is lost.
            waiters.take(Readiness::READABLE).wake();
            let woken = counts
                .iter()
                .zip(&seen)
                .filter(|(count, seen)| count.get() > **seen);
            assert_eq!(woken.count(), size);
        }
    }

    /// Random calls against a plain list.
    #[test]
    fn as_a_list_would() {
        let (counts, wakers) = tasks::<6>();
        let waiters = Waiters::new();
        let mut list: Vec<(Direction, usize)> = Vec::new();
        let mut expected = [0; 6];
        let mut seed = 7_u64;
        let mut roll = |sides: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 33) % sides) as usize
        };
        for _ in 0..if cfg!(miri) { 300 } else { 20_000 } {
            let direction = [READ, Direction::Write][roll(2)];
            let task = roll(6);
            match roll(8) {
                0..=3 => {
                    let waker = wakers[task].clone();
                    waiters.wait(direction, id(task + 1), waker).let_go();
                    if !list.contains(&(direction, task)) {
                        list.push((direction, task));
                    }
                }
                4 => {
                    let known = list.iter().position(|waiter| *waiter == (direction, task));
                    let forgotten = waiters.forget(direction, id(task + 1));
                    assert_eq!(forgotten.is_some(), known.is_some());
                    known.map(|at| list.remove(at));
                }
                5 => {
                    waiters.take_one(direction).wake();
                    if let Some(at) = list.iter().position(|waiter| waiter.0 == direction) {
                        expected[list.remove(at).1] += 1;
                    }
                }
                6 => {
                    let all = [
                        Readiness::READABLE,
                        Readiness::WRITE_CLOSED,
                        Readiness::ERROR,
                        Readiness::PRIORITY,
                    ];
                    let ready = all[roll(4)];
                    waiters.take(ready).wake();
                    list.retain(|(direction, task)| {
                        let wakes = ready.intersects(direction.mask());
                        expected[*task] += usize::from(wakes);
                        !wakes
                    });
                }
                _ => {
                    let known = waiters.knows(direction, id(task + 1), &wakers[task]);
                    assert_eq!(known, list.contains(&(direction, task)));
                    let none = !list.iter().any(|waiter| waiter.0 == direction);
                    assert_eq!(waiters.is_empty(direction), none);
                }
            }
            for (count, expected) in counts.iter().zip(expected) {
                assert_eq!(count.get(), expected);
            }
        }
        for (task, count) in counts.iter().enumerate() {
            let waits = list.iter().filter(|waiter| waiter.1 == task).count();
            assert_eq!(Arc::strong_count(count), 2 + waits);
        }
    }
}
