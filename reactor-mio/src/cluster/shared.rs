//! What the workers of a cluster share: a queue for each, and who is asked to look into them.
//!
//! *Nothing waits while a worker could come to it.* A worker that finds no task in any queue says that it
//! waits (W1: `waiting` is set, and only then are the queues looked at again; whoever queues a task does
//! that first and then reads `waiting`, both `SeqCst`, so that one of the two sees the other). Whoever
//! queues a task rings for its worker; if that is not parked, and so may be busy for who knows how long,
//! for a parked one as well; and if none is parked, for all that wait, so that the first of them that comes
//! to its next turn takes the task over. A worker that takes a task and leaves others rings on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use polliwog_core::executor::remote_task;
use polliwog_core::{Handle, SpawnErrorKind};

use super::report::{Outcome, WorkerReport};
use super::task::Queued;
use super::worker::Root;
use crate::event::Trigger;

/// The cluster as its workers and handles see it.
pub(super) struct Shared {
    /// Unique in the process.
    pub(super) id: u64,
    pub(super) seats: Box<[Seat]>,
    capacity: usize,
    closed: AtomicBool,
    /// `None` once the cluster is shut down.
    roots: Mutex<Option<Vec<Root>>>,
    /// How many there are. Written with the lock.
    root_count: AtomicUsize,
    reports: Mutex<Vec<Option<WorkerReport>>>,
    ended: Condvar,
}

/// What the others see of a worker.
pub(super) struct Seat {
    queue: Mutex<Queue>,
    /// How many tasks wait in the queue, and how many of those anybody may take. Written with the lock.
    queued: AtomicUsize,
    open: AtomicUsize,
    /// How many have started and not ended.
    live: AtomicUsize,
    /// W1.
    waiting: AtomicBool,
    bell: Trigger,
    /// It has no room: whatever ends there rings.
    full: AtomicBool,
    /// Of the runtime that the worker has now.
    handle: Mutex<Option<Handle>>,
}

#[derive(Default)]
struct Queue {
    /// For this worker alone.
    keyed: VecDeque<Queued>,
    /// For whoever comes to them.
    open: VecDeque<Queued>,
    closed: bool,
    /// Whose turn it is, so that neither kind keeps the other waiting.
    keyed_next: bool,
}

/// Who may run a task.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Open,
    Keyed,
}

/// Counts a task that has started, until it is dropped.
pub(super) struct Load {
    shared: Arc<Shared>,
    worker: usize,
}

impl Load {
    pub(super) fn new(shared: &Arc<Shared>, worker: usize) -> Self {
        shared.seats[worker].live.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(shared);
        Self { shared, worker }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let seat = &self.shared.seats[self.worker];
        seat.live.fetch_sub(1, Ordering::Relaxed);
        if seat.full.load(Ordering::Relaxed) {
            seat.ring();
        }
    }
}

impl Seat {
    pub(super) fn new(bell: Trigger) -> Self {
        Self {
            queue: Mutex::default(),
            queued: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            live: AtomicUsize::new(0),
            waiting: AtomicBool::new(false),
            bell,
            full: AtomicBool::new(false),
            handle: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics with the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, queue: &Queue) {
        self.open.store(queue.open.len(), Ordering::SeqCst);
        let queued = queue.open.len() + queue.keyed.len();
        self.queued.store(queued, Ordering::SeqCst);
    }

    pub(super) fn load(&self) -> usize {
        self.queued.load(Ordering::Relaxed) + self.live.load(Ordering::Relaxed)
    }

    pub(super) fn set_handle(&self, handle: Option<Handle>) {
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }

    /// On its own thread.
    pub(super) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    fn is_parked(&self) -> bool {
        let handle = *self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        handle.is_some_and(|handle| handle.is_parked())
    }

    pub(super) fn ring(&self) {
        self.waiting.store(false, Ordering::SeqCst);
        self.bell.trigger();
    }

    /// W1: to be followed by another look.
    pub(super) fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::SeqCst);
    }

    fn take_own(&self) -> Option<(Queued, Kind)> {
        if self.queued.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut queue = self.lock();
        let keyed_first = std::mem::replace(&mut queue.keyed_next, false);
        queue.keyed_next = !keyed_first;
        let order = match keyed_first {
            true => [Kind::Keyed, Kind::Open],
            false => [Kind::Open, Kind::Keyed],
        };
        let taken = order.into_iter().find_map(|kind| {
            let task = queue.of(kind).pop_front()?;
            Some((task, kind))
        });
        self.publish(&queue);
        taken
    }

    fn take_open(&self) -> Option<Queued> {
        if self.open.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut queue = self.lock();
        let taken = queue.open.pop_front();
        self.publish(&queue);
        taken
    }
}

impl Queue {
    fn of(&mut self, kind: Kind) -> &mut VecDeque<Queued> {
        match kind {
            Kind::Open => &mut self.open,
            Kind::Keyed => &mut self.keyed,
        }
    }
}

impl Shared {
    pub(super) fn new(seats: Box<[Seat]>, capacity: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let reports = seats.iter().map(|_| None).collect();
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            seats,
            capacity,
            closed: AtomicBool::new(false),
            roots: Mutex::new(Some(Vec::new())),
            root_count: AtomicUsize::new(0),
            reports: Mutex::new(reports),
            ended: Condvar::new(),
        }
    }

    /// The less loaded of two workers chosen at random.
    pub(super) fn choose(&self) -> usize {
        let workers = self.seats.len();
        if workers == 1 {
            return 0;
        }
        let random = random();
        let first = (random >> 32) as usize % workers;
        let second = (first + 1 + (random as u32) as usize % (workers - 1)) % workers;
        match self.seats[second].load() < self.seats[first].load() {
            true => second,
            false => first,
        }
    }

    /// The worker with the fewest tasks; of several, the next one behind `last`.
    pub(super) fn least_loaded(&self, last: usize) -> usize {
        let after = self.others(last).chain([last]);
        after
            .min_by_key(|worker| self.seats[*worker].load())
            .unwrap_or(last)
    }

    /// Leaves a task in a worker's queue.
    pub(super) fn push(
        &self,
        worker: usize,
        kind: Kind,
        task: &Queued,
    ) -> Result<(), SpawnErrorKind> {
        let seat = &self.seats[worker];
        let mut queue = seat.lock();
        if queue.closed {
            return Err(SpawnErrorKind::Closed);
        }
        if queue.open.len() + queue.keyed.len() >= self.capacity {
            let capacity = self.capacity;
            return Err(SpawnErrorKind::InboxFull { capacity });
        }
        queue.of(kind).push_back(Arc::clone(task));
        seat.publish(&queue);
        drop(queue);
        let comes_at_once = seat.is_parked();
        seat.ring();
        if kind == Kind::Open && !comes_at_once {
            self.call_for_help(worker);
        }
        Ok(())
    }

    /// As [`push`](Self::push) to any worker that has room, `worker` first.
    pub(super) fn push_anywhere(&self, worker: usize, task: &Queued) -> Result<(), SpawnErrorKind> {
        let mut refusal = self.push(worker, Kind::Open, task);
        for other in self.others(worker) {
            match refusal {
                Err(SpawnErrorKind::InboxFull { .. }) => {
                    refusal = self.push(other, Kind::Open, task);
                }
                _ => break,
            }
        }
        refusal
    }

    /// The next task for a worker: of its own queue, or else of another's.
    pub(super) fn take(&self, worker: usize) -> Option<(Queued, Kind)> {
        let own = self.seats[worker].take_own();
        let taken = own.map(|taken| (worker, taken)).or_else(|| {
            self.others(worker).find_map(|other| {
                let task = self.seats[other].take_open()?;
                Some((other, (task, Kind::Open)))
            })
        });
        let (from, taken) = taken?;
        if self.seats[from].open.load(Ordering::SeqCst) > 0 {
            self.call_for_help(worker);
        }
        Some(taken)
    }

    /// Puts back what a worker has taken and has no room for, to the front of its own queue.
    pub(super) fn put_back(&self, worker: usize, kind: Kind, task: Queued) {
        let seat = &self.seats[worker];
        let mut queue = seat.lock();
        if queue.closed {
            drop(queue);
            return task.cancel();
        }
        queue.of(kind).push_front(task);
        seat.publish(&queue);
        drop(queue);
        if kind == Kind::Open {
            self.call_for_help(worker);
        }
    }

    /// Whether there is something that the worker could take.
    pub(super) fn has_work(&self, worker: usize) -> bool {
        let others = self
            .others(worker)
            .any(|other| self.seats[other].open.load(Ordering::SeqCst) > 0);
        let own = &self.seats[worker];
        others || own.queued.load(Ordering::SeqCst) > 0
    }

    /// Rings for one other worker that would come at once, or else for all that wait.
    fn call_for_help(&self, busy: usize) {
        let waits = |other: &usize| self.seats[*other].waiting.load(Ordering::SeqCst);
        let comes = |other: &usize| waits(other) && self.seats[*other].is_parked();
        if let Some(other) = self.others(busy).find(comes) {
            return self.seats[other].ring();
        }
        let all = self.others(busy).filter(waits);
        all.for_each(|other| self.seats[other].ring());
    }

    fn others(&self, worker: usize) -> impl Iterator<Item = usize> + use<> {
        let workers = self.seats.len();
        (1..workers).map(move |distance| (worker + distance) % workers)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn roots(&self) -> MutexGuard<'_, Option<Vec<Root>>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a root, for each worker to start.
    pub(super) fn add_root(&self, root: Root) -> Result<(), SpawnErrorKind> {
        match &mut *self.roots() {
            Some(roots) => {
                roots.push(root);
                self.root_count.store(roots.len(), Ordering::SeqCst);
            }
            None => return Err(SpawnErrorKind::Closed),
        }
        self.seats.iter().for_each(Seat::ring);
        Ok(())
    }

    /// The roots that a worker has not started, which has started so many.
    pub(super) fn roots_from(&self, started: usize) -> Vec<Root> {
        if self.root_count.load(Ordering::SeqCst) == started {
            return Vec::new();
        }
        let roots = self.roots();
        let new = roots.as_ref().and_then(|roots| roots.get(started..));
        new.unwrap_or_default().to_vec()
    }

    /// Ends what waits in the queues and asks the workers for their end.
    pub(super) fn shut_down(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let roots = self.roots().take();
        for seat in &self.seats {
            let mut queue = seat.lock();
            queue.closed = true;
            let waiting = (
                std::mem::take(&mut queue.keyed),
                std::mem::take(&mut queue.open),
            );
            seat.publish(&queue);
            drop(queue);
            let (keyed, open) = waiting;
            keyed.iter().chain(&open).for_each(|task| task.cancel());
        }
        self.seats.iter().for_each(Seat::ring);
        // The program's, so outside of the locks and when all else is done. A panic of theirs is nobody's: this may
        // be any thread that shuts down, and the one of a worker that has yet to say how it has ended.
        remote_task::discard(roots);
    }

    pub(super) fn report(&self, worker: usize, outcome: Outcome, restarts: usize) {
        let report = WorkerReport {
            worker,
            outcome,
            restarts,
        };
        self.reports()[worker] = Some(report);
        self.ended.notify_all();
    }

    pub(super) fn reports(&self) -> MutexGuard<'_, Vec<Option<WorkerReport>>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ended(&self) -> &Condvar {
        &self.ended
    }
}

/// A random number: xorshift, a state for each thread.
fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    static SEED: AtomicU64 = AtomicU64::new(1);
    let mut state = STATE.get();
    if state == 0 {
        state = SEED.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    STATE.set(state);
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::task::{By, Task};
    use crate::event::UserEvent;

    fn shared(workers: usize, capacity: usize) -> Arc<Shared> {
        let seats = (0..workers).map(|_| Seat::new(UserEvent::new().trigger_handle()));
        Arc::new(Shared::new(seats.collect(), capacity))
    }

    fn a_task() -> Queued {
        Task::new(By(|| async {}), 0, 0, Kind::Open)
    }

    fn is(taken: &Option<(Queued, Kind)>, task: &Queued) -> bool {
        let same =
            |(taken, _): &(Queued, Kind)| std::ptr::addr_eq(Arc::as_ptr(taken), Arc::as_ptr(task));
        taken.as_ref().is_some_and(same)
    }

    #[test]
    fn of_two_workers_the_less_loaded_one_is_chosen() {
        let shared = shared(2, 8);
        let _busy = Load::new(&shared, 0);
        assert!((0..100).all(|_| shared.choose() == 1));
        shared.push(1, Kind::Keyed, &a_task()).unwrap();
        shared.push(1, Kind::Open, &a_task()).unwrap();
        assert!((0..100).all(|_| shared.choose() == 0));
    }

    #[test]
    fn the_least_loaded_of_all_is_found_and_equal_ones_take_turns() {
        let shared = shared(3, 8);
        let mut turns = vec![0];
        (0..4).for_each(|_| turns.push(shared.least_loaded(turns[turns.len() - 1])));
        assert_eq!(turns, [0, 1, 2, 0, 1]);
        let _busy = [Load::new(&shared, 1), Load::new(&shared, 2)];
        assert!((0..3).all(|last| shared.least_loaded(last) == 0));
    }

    #[test]
    fn of_many_workers_the_most_loaded_one_is_never_chosen_and_all_others_are() {
        let shared = shared(5, 8);
        let _busy = Load::new(&shared, 3);
        let mut chosen = [0; 5];
        (0..10_000).for_each(|_| chosen[shared.choose()] += 1);
        assert_eq!(chosen[3], 0, "{chosen:?}");
        assert!(
            chosen.iter().filter(|times| **times > 1000).count() == 4,
            "{chosen:?}"
        );
    }

    #[test]
    fn a_worker_takes_its_own_in_order_then_the_oldest_of_others_and_never_their_keyed() {
        let shared = shared(2, 8);
        let tasks: Vec<_> = (0..4).map(|_| a_task()).collect();
        shared.push(1, Kind::Keyed, &tasks[0]).unwrap();
        shared.push(1, Kind::Open, &tasks[1]).unwrap();
        shared.push(1, Kind::Open, &tasks[2]).unwrap();
        shared.push(0, Kind::Open, &tasks[3]).unwrap();
        for expected in [&tasks[3], &tasks[1], &tasks[2]] {
            assert!(shared.has_work(0));
            assert!(is(&shared.take(0), expected));
        }
        assert!(!shared.has_work(0));
        assert!(shared.take(0).is_none());
        assert!(shared.has_work(1));
        assert!(is(&shared.take(1), &tasks[0]));
    }

    #[test]
    fn neither_kind_keeps_the_other_waiting() {
        let shared = shared(1, 8);
        for kind in [Kind::Keyed, Kind::Keyed, Kind::Open, Kind::Open] {
            shared.push(0, kind, &a_task()).unwrap();
        }
        let kinds: Vec<_> = std::iter::from_fn(|| Some(shared.take(0)?.1 == Kind::Keyed)).collect();
        assert!(kinds == [true, false, true, false] || kinds == [false, true, false, true]);
    }

    #[test]
    fn a_burst_of_tasks_wakes_their_worker_once() {
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut event = UserEvent::new();
        let seat = Seat::new(event.trigger_handle());
        let shared = Shared::new([seat].into(), 1000);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Arc::clone(&count).into();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(event.poll_wait(&mut cx).is_pending());
        for n in 0..1000 {
            let kind = if n % 2 == 0 { Kind::Open } else { Kind::Keyed };
            shared.push(0, kind, &a_task()).unwrap();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_full_queue_sends_to_the_others_and_all_full_is_an_error() {
        let shared = shared(2, 1);
        let full = Err(SpawnErrorKind::InboxFull { capacity: 1 });
        shared.push_anywhere(0, &a_task()).unwrap();
        shared.push_anywhere(0, &a_task()).unwrap();
        assert_eq!(shared.seats[1].load(), 1);
        assert_eq!(shared.push_anywhere(0, &a_task()), full);
        assert_eq!(shared.push(1, Kind::Keyed, &a_task()), full);
    }

    #[test]
    fn what_is_put_back_after_the_end_is_cancelled() {
        let shared = shared(1, 1);
        let task = Task::new(By(|| async {}), 0, 0, Kind::Open);
        let queued: Queued = task.clone();
        let handle = task.queued(shared.push(0, Kind::Open, &queued)).unwrap();
        let (taken, kind) = shared.take(0).unwrap();
        shared.put_back(0, kind, taken);
        let (taken, kind) = shared.take(0).unwrap();
        shared.shut_down();
        assert!(!handle.is_finished());
        shared.put_back(0, kind, taken);
        assert!(handle.wait().unwrap_err().is_aborted());
        assert_eq!(
            shared.push(0, Kind::Open, &a_task()),
            Err(SpawnErrorKind::Closed)
        );
    }
}
