//! What a task waits for where nobody lists tasks: not noted.

use core::task::Poll;

use crate::sources::Direction;
use crate::task::state::SlotRef;
use crate::time::Instant;

#[inline(always)]
pub(crate) fn timer(polled: Poll<()>, _: impl FnOnce() -> Instant) -> Poll<()> {
    polled
}

#[inline(always)]
pub(crate) fn end_of(_: SlotRef) {}

#[inline(always)]
pub(crate) fn source(_: Direction) {}

/// Polls what a method waits for.
#[inline(always)]
pub fn method<T>(_: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    poll()
}

#[inline(always)]
pub(crate) fn of_method<F>(_: &'static str, future: F) -> F {
    future
}
