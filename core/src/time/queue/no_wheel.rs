//! No lists in front of the heap, for executors with few timers. Builds with `std` have `wheel.rs` in place of this
//! file.

use super::TimerNode;
use crate::time::instant::Instant;

pub(super) struct Number;

impl Number {
    pub(super) const fn new() -> Self {
        Self
    }
}

pub(super) struct Wheel;

impl Wheel {
    pub(super) const fn new() -> Self {
        Self
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        true
    }

    #[inline(always)]
    pub(super) fn take(&self, _: &TimerNode) -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn give_back(&self, _: &TimerNode) -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn begins(&self) -> Option<Instant> {
        None
    }

    #[inline(always)]
    pub(super) fn advance(&self, _: Instant, _: impl FnMut(&TimerNode)) {}

    pub(super) fn reset(&self) {}
}
