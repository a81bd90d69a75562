use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::vec::Vec;

use super::{Kind, Workers};
use crate::executor::SpawnErrorKind;

fn workers(workers: usize, capacity: usize) -> Workers<usize> {
    Workers::new(workers, capacity)
}

#[test]
fn of_two_workers_the_less_loaded_one_is_chosen() {
    let workers = workers(2, 8);
    workers.started(0);
    let random = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    assert!((0..100).all(|n| workers.choose(random(n)) == 1));
    workers.push(1, Kind::Keyed, 0).unwrap();
    workers.push(1, Kind::Open, 0).unwrap();
    assert!((0..100).all(|n| workers.choose(random(n)) == 0));
}

#[test]
fn the_least_loaded_of_all_is_found_and_equal_ones_take_turns() {
    let workers = workers(3, 8);
    let mut turns = std::vec![0];
    (0..4).for_each(|_| turns.push(workers.least_loaded(turns[turns.len() - 1])));
    assert_eq!(turns, [0, 1, 2, 0, 1]);
    workers.started(1);
    workers.started(2);
    assert!((0..3).all(|last| workers.least_loaded(last) == 0));
    workers.ended(2);
    assert_eq!(workers.least_loaded(0), 2);
}

#[test]
fn of_many_workers_the_most_loaded_one_is_never_chosen_and_all_others_are() {
    let workers = workers(5, 8);
    workers.started(3);
    let mut chosen = [0; 5];
    for n in 0..10_000u64 {
        chosen[workers.choose(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))] += 1;
    }
    assert_eq!(chosen[3], 0, "{chosen:?}");
    let others = chosen.iter().filter(|times| **times > 1000).count();
    assert_eq!(others, 4, "{chosen:?}");
}

#[test]
fn a_worker_takes_its_own_in_order_then_the_oldest_of_others_and_never_their_keyed() {
    let workers = workers(2, 8);
    workers.push(1, Kind::Keyed, 0).unwrap();
    workers.push(1, Kind::Open, 1).unwrap();
    workers.push(1, Kind::Open, 2).unwrap();
    workers.push(0, Kind::Open, 3).unwrap();
    for expected in [3, 1, 2] {
        assert!(workers.has_work(0));
        assert_eq!(workers.take(0), Some((expected, Kind::Open)));
    }
    assert!(!workers.has_work(0));
    assert_eq!(workers.take(0), None);
    assert!(workers.has_work(1));
    assert_eq!(workers.take(1), Some((0, Kind::Keyed)));
}

#[test]
fn neither_kind_keeps_the_other_waiting() {
    let workers = workers(1, 8);
    for kind in [Kind::Keyed, Kind::Keyed, Kind::Open, Kind::Open] {
        workers.push(0, kind, 0).unwrap();
    }
    let kinds: Vec<_> = std::iter::from_fn(|| Some(workers.take(0)?.1)).collect();
    let (open, keyed) = (Kind::Open, Kind::Keyed);
    assert!(kinds == [keyed, open, keyed, open] || kinds == [open, keyed, open, keyed]);
}

struct Count(AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    (Arc::clone(&count), count.into())
}

#[test]
fn a_burst_of_tasks_wakes_their_worker_once_and_a_busy_one_not_at_all() {
    let workers = workers(1, 1000);
    let (count, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    for _ in 0..2 {
        workers.look(0);
        assert!(workers.poll_work(0, &mut cx).is_pending());
        for n in 0..500 {
            let kind = [Kind::Open, Kind::Keyed][n % 2];
            workers.push(0, kind, n).unwrap();
        }
        assert_eq!(count.0.swap(0, Ordering::Relaxed), 1);
        workers.look(0);
        while workers.take(0).is_some() {}
        for n in 0..500 {
            workers.push(0, Kind::Open, n).unwrap();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        while workers.take(0).is_some() {}
        // It has seen all of it, and is not rung for afterwards.
        assert!(workers.poll_work(0, &mut cx).is_pending());
    }
}

#[test]
fn whoever_waits_is_rung_for_when_another_is_busy() {
    let workers = workers(3, 8);
    let bells = [counted(), counted()];
    for (worker, (_, waker)) in (1..).zip(&bells) {
        workers.look(worker);
        let mut cx = Context::from_waker(waker);
        assert!(workers.poll_work(worker, &mut cx).is_pending());
    }
    // Worker 0 is busy; of the others nobody knows whether they would come at once.
    workers.push(0, Kind::Keyed, 0).unwrap();
    assert!(
        bells
            .iter()
            .all(|(count, _)| count.0.load(Ordering::Relaxed) == 0)
    );
    workers.push(0, Kind::Open, 1).unwrap();
    workers.push(0, Kind::Open, 2).unwrap();
    assert!(
        bells
            .iter()
            .all(|(count, _)| count.0.load(Ordering::Relaxed) == 1)
    );
    // They have looked again, and wait again: who takes a task and leaves another rings on.
    assert_eq!(workers.take(1), Some((1, Kind::Open)));
    workers.look(2);
    assert_eq!(workers.take(2), Some((2, Kind::Open)));
    let mut cx = Context::from_waker(&bells[1].1);
    assert!(workers.poll_work(2, &mut cx).is_pending());
    workers.push(0, Kind::Open, 3).unwrap();
    workers.push(0, Kind::Open, 4).unwrap();
    assert_eq!(bells[1].0.0.load(Ordering::Relaxed), 2);
    assert_eq!(workers.take(0), Some((3, Kind::Open)));
}

#[test]
fn who_waits_for_room_is_woken_by_an_end_and_by_a_ring_and_by_no_task() {
    let workers = workers(2, 8);
    let (count, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    workers.started(0);
    workers.look(0);
    assert!(workers.poll_room(0, &mut cx).is_pending());
    workers.push(0, Kind::Open, 0).unwrap();
    workers.push(1, Kind::Open, 0).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    workers.ended(0);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(workers.poll_room(0, &mut cx).is_ready());
    workers.look(0);
    assert!(workers.poll_room(0, &mut cx).is_pending());
    workers.ring(0);
    assert!(workers.poll_room(0, &mut cx).is_ready());
}

#[test]
fn a_full_queue_sends_to_the_others_and_all_full_is_an_error() {
    let workers = workers(2, 1);
    let full = SpawnErrorKind::InboxFull { capacity: 1 };
    workers.push_anywhere(0, 1).unwrap();
    workers.push_anywhere(0, 2).unwrap();
    assert_eq!(workers.load(1), 1);
    assert_eq!(workers.push_anywhere(0, 3), Err((full, 3)));
    assert_eq!(workers.push(1, Kind::Keyed, 4), Err((full, 4)));
    let mut ended = Vec::new();
    workers.close(|task| ended.push(task));
    assert_eq!(ended, [1, 2]);
    assert_eq!(
        workers.push_anywhere(0, 5),
        Err((SpawnErrorKind::Closed, 5))
    );
    assert_eq!(workers.put_back(0, Kind::Open, 6), Err(6));
}
