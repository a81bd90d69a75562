//! Timers on levels that wait in no reactor: there are no such levels without feature `interrupt-executors`.

use super::shared::Shared;
use crate::reactor::Reactor;
use crate::time::instant::Instant;

#[inline(always)]
pub(super) fn wait_in<R: Reactor>(_: &'static Shared, _: &R) {}

#[inline(always)]
pub(super) fn offer<R: Reactor>(_: &'static Shared, _: &R) {}

#[inline(always)]
pub(super) fn leave(_: &Shared) {}

#[inline(always)]
pub(super) fn next_deadline(_: &Shared) -> Option<Instant> {
    None
}

#[inline(always)]
pub(super) fn fire(_: &Shared, _: Instant) -> usize {
    0
}
