//! What several workers share, each of which is an executor: a queue for each, and who is asked to look into them.
//!
//! *Nothing waits while a worker could come to it.* A worker that finds no task in any queue says that it
//! waits, and only then looks at the queues again; whoever queues a task does that first and then looks for those
//! who wait (W1: between the two, a fence on either side, so that one of the two sees the other). Whoever
//! queues a task rings for its worker, if that waits; if it is not parked, and so may be busy for who knows how long,
//! for a parked one as well; and if none is parked, for all that wait, so that the first of them that comes
//! to its next turn takes the task over. A worker that takes a task and leaves others rings on.

mod bell;
#[cfg(all(test, not(loom)))]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::task::{Context, Poll};

use self::bell::{Announced, Bell, For};
use crate::executor::{Handle, SpawnErrorKind};
use crate::loom::{AtomicBool, AtomicUsize, Lock, Ordering, fence};

/// The workers of a cluster as all of them see one another, with tasks that wait to be started, of type `T`.
pub struct Workers<T> {
    seats: Box<[Seat<T>]>,
    capacity: usize,
    /// How many have said that they wait and not yet looked again.
    sleepers: AtomicUsize,
}

/// What the others see of a worker. On cache lines of its own.
#[repr(align(128))]
struct Seat<T> {
    queue: Lock<Queue<T>>,
    /// How many tasks wait in the queue, and how many of those anybody may take. Written with the lock.
    queued: AtomicUsize,
    open: AtomicUsize,
    /// How many have started and not ended. Written by the worker alone.
    live: AtomicUsize,
    bell: Bell,
    /// Whether `sleepers` counts it. The worker's own.
    sleeps: AtomicBool,
    /// Of the executor that the worker has now.
    handle: Lock<Option<Handle>>,
}

struct Queue<T> {
    /// For this worker alone.
    keyed: VecDeque<T>,
    /// For whoever comes to them.
    open: VecDeque<T>,
    closed: bool,
    /// Whose turn it is, so that neither kind keeps the other waiting.
    keyed_next: bool,
}

/// Who may run a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whoever comes to it.
    Open,
    /// The worker in whose queue it waits.
    Keyed,
}

impl<T> Queue<T> {
    fn of(&mut self, kind: Kind) -> &mut VecDeque<T> {
        match kind {
            Kind::Open => &mut self.open,
            Kind::Keyed => &mut self.keyed,
        }
    }

    fn len(&self) -> usize {
        self.open.len() + self.keyed.len()
    }
}

impl<T> Seat<T> {
    fn new() -> Self {
        Self {
            queue: Lock::new(Queue {
                keyed: VecDeque::new(),
                open: VecDeque::new(),
                closed: false,
                keyed_next: false,
            }),
            queued: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            live: AtomicUsize::new(0),
            bell: Bell::new(),
            sleeps: AtomicBool::new(false),
            handle: Lock::new(None),
        }
    }

    /// With the lock. Who is to see it by W1 needs a fence behind.
    fn publish(&self, queue: &Queue<T>) {
        self.open.store(queue.open.len(), Ordering::Relaxed);
        self.queued.store(queue.len(), Ordering::Relaxed);
    }

    fn load(&self) -> usize {
        self.queued.load(Ordering::Relaxed) + self.live.load(Ordering::Relaxed)
    }

    fn has_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    fn is_parked(&self) -> bool {
        let handle = self.handle.with(|handle| *handle);
        handle.is_some_and(|handle| handle.is_parked())
    }

    fn take_own(&self) -> Option<(T, Kind)> {
        if self.queued.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.queue.with(|queue| {
            let keyed_first = core::mem::replace(&mut queue.keyed_next, false);
            queue.keyed_next = !keyed_first;
            let order = match keyed_first {
                true => [Kind::Keyed, Kind::Open],
                false => [Kind::Open, Kind::Keyed],
            };
            let taken = order
                .into_iter()
                .find_map(|kind| Some((queue.of(kind).pop_front()?, kind)));
            self.publish(queue);
            taken
        })
    }

    fn take_open(&self) -> Option<T> {
        if !self.has_open() {
            return None;
        }
        self.queue.with(|queue| {
            let taken = queue.open.pop_front();
            self.publish(queue);
            taken
        })
    }
}

impl<T> Workers<T> {
    /// So many workers, with queues for so many tasks each.
    pub fn new(workers: usize, capacity: usize) -> Self {
        Self {
            seats: (0..workers).map(|_| Seat::new()).collect(),
            capacity,
            sleepers: AtomicUsize::new(0),
        }
    }

    /// How many workers there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// How many tasks wait in a worker's queue or have started there and not ended.
    pub fn load(&self, worker: usize) -> usize {
        self.seats[worker].load()
    }

    /// The less loaded of two workers, by a random number.
    pub fn choose(&self, random: u64) -> usize {
        let workers = self.seats.len();
        if workers == 1 {
            return 0;
        }
        let first = (random >> 32) as usize % workers;
        let second = (first + 1 + (random as u32) as usize % (workers - 1)) % workers;
        match self.seats[second].load() < self.seats[first].load() {
            true => second,
            false => first,
        }
    }

    /// The worker with the fewest tasks; of several, the next one behind `last`.
    pub fn least_loaded(&self, last: usize) -> usize {
        let after = self.others(last).chain([last]);
        after
            .min_by_key(|worker| self.seats[*worker].load())
            .unwrap_or(last)
    }

    /// Leaves a task in a worker's queue, or gives it back.
    pub fn push(&self, worker: usize, kind: Kind, task: T) -> Result<(), (SpawnErrorKind, T)> {
        let seat = &self.seats[worker];
        let mut task = Some(task);
        let refusal = seat.queue.with(|queue| {
            if queue.closed {
                return Some(SpawnErrorKind::Closed);
            }
            if queue.len() >= self.capacity {
                let capacity = self.capacity;
                return Some(SpawnErrorKind::InboxFull { capacity });
            }
            queue.of(kind).extend(task.take());
            seat.publish(queue);
            None
        });
        if let (Some(refusal), Some(task)) = (refusal, task) {
            return Err((refusal, task));
        }
        // W1.
        fence(Ordering::SeqCst);
        let waits = seat.bell.is_waiting();
        let comes_at_once = waits && seat.is_parked();
        if waits {
            seat.bell.ring();
        }
        if kind == Kind::Open && !comes_at_once {
            self.call_for_help(worker);
        }
        Ok(())
    }

    /// As [`push`](Self::push) to any worker that has room, `worker` first.
    pub fn push_anywhere(&self, worker: usize, task: T) -> Result<(), (SpawnErrorKind, T)> {
        let mut refusal = self.push(worker, Kind::Open, task);
        for other in self.others(worker) {
            match refusal {
                Err((SpawnErrorKind::InboxFull { .. }, task)) => {
                    refusal = self.push(other, Kind::Open, task);
                }
                _ => break,
            }
        }
        refusal
    }

    /// The next task for a worker: of its own queue, or else of another's, the oldest first.
    pub fn take(&self, worker: usize) -> Option<(T, Kind)> {
        let own = self.seats[worker].take_own();
        let taken = own.map(|taken| (worker, taken)).or_else(|| {
            self.others(worker).find_map(|other| {
                let task = self.seats[other].take_open()?;
                Some((other, (task, Kind::Open)))
            })
        });
        let (from, taken) = taken?;
        if self.seats[from].has_open() {
            // W1: who has queued these may have left it to this worker to ring on.
            fence(Ordering::SeqCst);
            self.call_for_help(worker);
        }
        Some(taken)
    }

    /// Puts back what a worker has taken and has no room for, to the front of its own queue; or gives it back, if that
    /// is closed.
    pub fn put_back(&self, worker: usize, kind: Kind, task: T) -> Result<(), T> {
        let seat = &self.seats[worker];
        let mut task = Some(task);
        seat.queue.with(|queue| {
            if let Some(task) = task.take_if(|_| !queue.closed) {
                queue.of(kind).push_front(task);
                seat.publish(queue);
            }
        });
        if let Some(task) = task {
            return Err(task);
        }
        // W1.
        fence(Ordering::SeqCst);
        if kind == Kind::Open {
            self.call_for_help(worker);
        }
        Ok(())
    }

    /// Whether there is something that the worker could take.
    fn has_work(&self, worker: usize) -> bool {
        let own = self.seats[worker].queued.load(Ordering::Relaxed) > 0;
        own || self
            .others(worker)
            .any(|other| self.seats[other].has_open())
    }

    /// Rings for one other worker that would come at once, or else for all that wait. After a fence.
    fn call_for_help(&self, busy: usize) {
        // Most often nobody waits where somebody is busy: one word to look at, however many workers there are.
        if self.sleepers.load(Ordering::Relaxed) == 0 {
            return;
        }
        let waits = |other: &usize| self.seats[*other].bell.is_waiting();
        let comes = |other: &usize| waits(other) && self.seats[*other].is_parked();
        if let Some(other) = self.others(busy).find(comes) {
            return self.seats[other].bell.ring();
        }
        let all = self.others(busy).filter(waits);
        all.for_each(|other| self.seats[other].bell.ring());
    }

    fn others(&self, worker: usize) -> impl Iterator<Item = usize> + use<T> {
        let workers = self.seats.len();
        (1..workers).map(move |distance| (worker + distance) % workers)
    }

    /// Closes all queues, and calls `end` with each task that waits there.
    pub fn close(&self, mut end: impl FnMut(T)) {
        for seat in &self.seats {
            let (keyed, open) = seat.queue.with(|queue| {
                queue.closed = true;
                let waiting = (
                    core::mem::take(&mut queue.keyed),
                    core::mem::take(&mut queue.open),
                );
                seat.publish(queue);
                waiting
            });
            keyed.into_iter().chain(open).for_each(&mut end);
        }
    }

    /// Has a worker look again, at what is not in the queues.
    pub fn ring(&self, worker: usize) {
        self.seats[worker].bell.ring();
    }

    /// Has all of them look again.
    pub fn ring_all(&self) {
        self.seats.iter().for_each(|seat| seat.bell.ring());
    }

    // From here on: the worker's own thread.

    /// The worker has an executor now, or none.
    pub fn set_handle(&self, worker: usize, handle: Option<Handle>) {
        self.seats[worker].handle.with(|known| *known = handle);
        self.look(worker);
    }

    /// A task has started on the worker.
    pub fn started(&self, worker: usize) {
        // Nobody else writes it.
        let live = &self.seats[worker].live;
        live.store(live.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// A task that had started on the worker has ended.
    pub fn ended(&self, worker: usize) {
        let seat = &self.seats[worker];
        let live = seat.live.load(Ordering::Relaxed);
        seat.live.store(live - 1, Ordering::Relaxed);
        if seat.bell.is_full() {
            seat.bell.ring();
        }
    }

    /// The worker is about to look at all that it may have been rung for.
    pub fn look(&self, worker: usize) {
        let seat = &self.seats[worker];
        seat.bell.answer();
        if seat.sleeps.load(Ordering::Relaxed) {
            seat.sleeps.store(false, Ordering::Relaxed);
            self.sleepers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Waits until there may be something to take, or a ring.
    pub fn poll_work(&self, worker: usize, cx: &mut Context<'_>) -> Poll<()> {
        let seat = &self.seats[worker];
        match seat.bell.announce(cx, For::Anything) {
            Announced::Rung => return Poll::Ready(()),
            Announced::Before => {}
            Announced::Now => {
                seat.sleeps.store(true, Ordering::Relaxed);
                self.sleepers.fetch_add(1, Ordering::Relaxed);
            }
        }
        // W1.
        fence(Ordering::SeqCst);
        match self.has_work(worker) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Waits until a task of the worker has ended, or for a ring.
    pub fn poll_room(&self, worker: usize, cx: &mut Context<'_>) -> Poll<()> {
        match self.seats[worker].bell.announce(cx, For::Room) {
            Announced::Rung => Poll::Ready(()),
            Announced::Before | Announced::Now => Poll::Pending,
        }
    }
}
