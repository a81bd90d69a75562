//! What a task waits for, noted while it is polled.

use core::cell::Cell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::thread_local;
use std::vec::Vec;

use pin_project_lite::pin_project;

use super::table;
use crate::sources::Direction;
use crate::task::state::SlotRef;
use crate::time::Instant;

/// What a task waits for, as [`TaskDump::waits_for`](super::TaskDump::waits_for) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// A timer: that the clock of the task's executor shows this.
    Timer(Instant),
    /// The end of the task of this number.
    Task(u64),
    /// That a source of the reactor can be read from or written to: a socket, a pipe, also one in memory.
    Source(Direction),
    /// What this method waits for: `"Mutex::lock"`, `"mpsc::Receiver::recv"`, `"spawn_blocking"`.
    Method(&'static str),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Timer(Instant::MAX) => f.write_str("a timer that never fires"),
            Wait::Timer(at) => write!(f, "a timer at {:.3?}", at.as_duration()),
            Wait::Task(number) => write!(f, "the end of task {number}"),
            Wait::Source(Direction::Read) => f.write_str("a source to read from"),
            Wait::Source(Direction::Write) => f.write_str("a source to write to"),
            Wait::Method(name) => f.write_str(name),
        }
    }
}

/// Of so many a task's list has room.
const MOST: usize = 8;

thread_local! {
    /// What has not been ready in the poll that this thread is in.
    static WAITS: Cell<Vec<Wait>> = const { Cell::new(Vec::new()) };
    /// Whether a method is being polled that will be noted by its name, and not what it is made of.
    static NAMED: Cell<bool> = const { Cell::new(false) };
}

/// Begins a list; returns that of the poll around this one.
pub(super) fn begin() -> Vec<Wait> {
    WAITS.try_with(Cell::take).unwrap_or_default()
}

/// Ends the list, and goes on with that of the poll around this one.
pub(super) fn end(outer: Vec<Wait>) -> Vec<Wait> {
    WAITS
        .try_with(|waits| waits.replace(outer))
        .unwrap_or_default()
}

fn note(wait: Wait) {
    let _ = WAITS.try_with(|place| {
        let mut waits = place.take();
        if waits.len() < MOST && !waits.contains(&wait) {
            waits.push(wait);
        }
        place.set(waits);
    });
}

/// Notes a timer that is pending.
#[inline]
pub(crate) fn timer(polled: Poll<()>, deadline: impl FnOnce() -> Instant) -> Poll<()> {
    if polled.is_pending() {
        note(Wait::Timer(deadline()));
    }
    polled
}

/// Notes that a task's end is waited for.
pub(crate) fn end_of(slot: SlotRef) {
    if let Some(number) = table::number(slot.as_ptr().addr()) {
        note(Wait::Task(number));
    }
}

/// Notes that a source is waited for.
pub(crate) fn source(direction: Direction) {
    // A method of a name may be made of one.
    if !NAMED.try_with(Cell::get).unwrap_or(true) {
        note(Wait::Source(direction));
    }
}

/// Polls what a method waits for; notes it by the method's name if it is pending. What it is made of is not noted by
/// a name of its own.
#[inline]
pub fn method<T>(name: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    /// Is over also if the poll panics.
    struct Inside(bool);

    impl Drop for Inside {
        fn drop(&mut self) {
            let _ = NAMED.try_with(|named| named.set(self.0));
        }
    }

    let inside = Inside(NAMED.try_with(|named| named.replace(true)).unwrap_or(true));
    let polled = poll();
    if polled.is_pending() && !inside.0 {
        note(Wait::Method(name));
    }
    polled
}

pin_project! {
    /// The future of a method, noted by its name.
    pub(crate) struct OfMethod<F> {
        name: &'static str,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for OfMethod<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        method(this.name, || this.future.poll(cx))
    }
}

/// As [`method`], at each poll of a future.
#[inline]
pub(crate) fn of_method<F: Future>(name: &'static str, future: F) -> OfMethod<F> {
    OfMethod { name, future }
}
