//! The timers' specification, a sorted list, and the real timers beside it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use polliwog_core::time::{Sleep, sleep_until};
use polliwog_core::{Deadline, Executor, Instant, TaskPool};

use super::hand::Hand;

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
pub(super) struct Both<'a> {
    executor: &'a Executor<Hand>,
    model: Model,
}

impl<'a> Both<'a> {
    pub(super) fn new(executor: &'a Executor<Hand>) -> Self {
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

    pub(super) fn step(&mut self, op: Op) {
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
    pub(super) fn finish(mut self) {
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
