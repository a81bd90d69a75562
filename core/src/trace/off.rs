//! What the executor tells without feature `trace`: nothing.

use crate::executor::shared::Shared;
use crate::task::state::{Description, SlotRef};

#[inline(always)]
pub(crate) fn spawned(_: &Shared, _: SlotRef, _: impl FnOnce() -> Description) {}

/// Where a task was spawned that somebody else starts: nobody wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Origin;

impl Origin {
    /// The caller has spawned a future of this type.
    #[inline(always)]
    pub fn here<F>() -> Self {
        Self
    }

    /// Calls `start`, which starts the task.
    #[inline(always)]
    pub fn of<T>(self, start: impl FnOnce() -> T) -> T {
        start()
    }
}

#[inline(always)]
pub(crate) fn ended(_: SlotRef) {}

#[inline(always)]
pub(crate) fn woken(_: SlotRef) {}

#[inline(always)]
pub(crate) fn poll<T>(_: SlotRef, poll: impl FnOnce() -> T) -> T {
    poll()
}

#[inline(always)]
pub(crate) fn park<T>(_: bool, park: impl FnOnce() -> T) -> T {
    park()
}

#[inline(always)]
pub(crate) fn timers<T>(fire: impl FnOnce() -> T) -> T {
    fire()
}
