//! Benchmarks of single mechanisms, each written once for all runtimes.

mod tasks;
mod threads;
mod timers;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::meter::{Figures, Plan};
use crate::rt::{Join, Runtime, Time};

/// A benchmark's name, what it counts as one operation, and who can run it.
pub struct Micro {
    pub name: &'static str,
    pub operation: &'static str,
    pub needs: Needs,
}

/// What a runtime must offer for a benchmark.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    Tasks,
    Join,
    Time,
    /// Wakes from other threads, and everything else.
    Threads,
}

macro_rules! micro {
    ($($needs:ident $name:literal $operation:literal;)*) => {
        pub const ALL: &[Micro] = &[$(Micro {
            name: $name,
            operation: $operation,
            needs: Needs::$needs,
        }),*];
    };
}

micro! {
    Join "spawn-1" "spawn one task, await it";
    Join "spawn-1000" "spawn 1000 tasks, then join all";
    Join "spawn-10000" "spawn 10 000 tasks, then join all";
    Join "spawn-100000" "spawn 100 000 tasks, then join all";
    Join "spawn-64B" "spawn 1000 futures of 64 B, join all";
    Join "spawn-1KB" "spawn 1000 futures of 1 KB, join all";
    Join "spawn-16KB" "spawn 1000 futures of 16 KB, join all";
    Join "block-on" "block_on of a ready future";
    Join "memory" "heap per idle task with a 72-byte future";
    Tasks "yield-1" "wake + poll, 1 task";
    Tasks "yield-2" "wake + poll, 2 tasks";
    Tasks "yield-100" "wake + poll, 100 tasks";
    Tasks "yield-1000" "wake + poll, 1000 tasks";
    Tasks "yield-10000" "wake + poll, 10 000 tasks";
    Tasks "own-yield-1" "the runtime's own yield_now, 1 task";
    Tasks "own-yield-1000" "the runtime's own yield_now, 1000 tasks";
    Tasks "ping-pong" "round trip between two tasks, same notification";
    Time "timer" "create, poll and drop a timer";
    Time "timer-among-100000" "the same among 100 000 others";
    Time "timers-100000" "100 000 timers alive, then dropped";
    Time "timers-fire" "100 000 timers that fire, spawn included";
    Threads "sleep-100us" "sleep(100 µs)";
    Threads "remote-round-trip" "a thread wakes a task wakes the thread";
    Threads "remote-wake-1000" "a thread wakes 1000 tasks";
}

/// Runs a benchmark that needs no more than tasks; `None` if there is none of this name.
pub fn tasks<R: Runtime>(name: &str, plan: Plan) -> Option<Figures> {
    if let Some(n) = name.strip_prefix("own-yield-") {
        return Some(tasks::yields::<R, true>(plan, n.parse().ok()?));
    }
    if let Some(n) = name.strip_prefix("yield-") {
        return Some(tasks::yields::<R, false>(plan, n.parse().ok()?));
    }
    (name == "ping-pong").then(|| tasks::ping_pong::<R>(plan))
}

/// As [`tasks`], with join handles.
pub fn join<R: Join>(name: &str, plan: Plan) -> Option<Figures> {
    Some(match name {
        "spawn-1" => tasks::spawn_one::<R>(plan),
        "spawn-64B" => tasks::spawn_sized::<R, 64>(plan),
        "spawn-1KB" => tasks::spawn_sized::<R, 1024>(plan),
        "spawn-16KB" => tasks::spawn_sized::<R, { 16 * 1024 }>(plan),
        "block-on" => tasks::block_on::<R>(plan),
        "memory" => tasks::memory::<R>(plan),
        _ => match name.strip_prefix("spawn-") {
            Some(n) => tasks::spawn_many::<R>(plan, n.parse().ok()?),
            None => return tasks::<R>(name, plan),
        },
    })
}

/// As [`join`], with timers.
pub fn time<R: Time>(name: &str, plan: Plan) -> Option<Figures> {
    Some(match name {
        "timer" => timers::one_of::<R>(plan, 0),
        "timer-among-100000" => timers::one_of::<R>(plan, 100_000),
        "timers-100000" => timers::many::<R>(plan),
        "timers-fire" => timers::fire::<R>(plan),
        "sleep-100us" => timers::overshoot::<R>(plan),
        _ => return join::<R>(name, plan),
    })
}

/// As [`time`], with wakes from other threads.
pub fn threads<R: Time>(name: &str, plan: Plan) -> Option<Figures> {
    Some(match name {
        "remote-round-trip" => threads::round_trip::<R>(plan),
        "remote-wake-1000" => threads::wake_many::<R>(plan, 1000),
        _ => return time::<R>(name, plan),
    })
}

/// A future that wakes itself once: a wake and a poll, whatever the runtime.
#[derive(Default)]
pub struct Yield(bool);

impl Future for Yield {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The notification that ping-pong uses on every runtime: a flag and a waker.
#[derive(Default)]
pub struct Notify {
    set: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Notify {
    #[inline]
    pub fn notify(&self) {
        self.set.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    #[inline]
    pub fn wait(&self) -> Wait<'_> {
        Wait(self)
    }
}

pub struct Wait<'a>(&'a Notify);

impl Future for Wait<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.set.replace(false) {
            return Poll::Ready(());
        }
        self.0.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// Waits for tasks without join handles.
#[derive(Clone, Default)]
pub struct Group(Rc<(Cell<u64>, Notify)>);

impl Group {
    pub fn new(members: u64) -> Self {
        let group = Self::default();
        group.0.0.set(members);
        group
    }

    pub fn leave(&self) {
        let left = self.0.0.get() - 1;
        self.0.0.set(left);
        if left == 0 {
            self.0.1.notify();
        }
    }

    pub async fn wait(&self) {
        self.0.1.wait().await;
    }
}
