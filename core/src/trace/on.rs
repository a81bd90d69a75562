//! What the executor tells.

use core::panic::Location;

use super::event::Cause;
use super::table::{self, Acting, Park, Poll};
use crate::executor::shared::Shared;
use crate::task::state::{Description, SlotRef};

/// A task has been published in a slot of an executor.
#[inline(always)]
#[track_caller]
pub(crate) fn spawned(executor: &Shared, slot: SlotRef, what: impl FnOnce() -> Description) {
    let executor = core::ptr::from_ref(executor).addr();
    table::spawned(executor, key(slot), what(), Location::caller());
}

/// Where a task was spawned, and the type of its future, when somebody else starts it: the run loop, for another
/// thread, or a set of tasks, with a future around it that reports the end.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    place: &'static Location<'static>,
    type_name: &'static str,
}

impl Origin {
    /// The caller has spawned a future of this type.
    #[inline(always)]
    #[track_caller]
    pub fn here<F>() -> Self {
        Self {
            place: Location::caller(),
            type_name: core::any::type_name::<F>(),
        }
    }

    /// Says so of the task that `start` starts.
    #[inline(always)]
    pub fn of<T>(self, start: impl FnOnce() -> T) -> T {
        let _origin = table::Origin::begin(self.place, self.type_name);
        start()
    }
}

/// The task in a slot has ended.
#[inline(always)]
pub(crate) fn ended(slot: SlotRef) {
    table::ended(key(slot));
}

/// A waker of a slot has been used.
#[inline(always)]
pub(crate) fn woken(slot: SlotRef) {
    table::woken(key(slot));
}

/// Polls the task in a slot.
#[inline(always)]
pub(crate) fn poll<T>(slot: SlotRef, poll: impl FnOnce() -> T) -> T {
    let _poll = Poll::begin(key(slot));
    poll()
}

/// Calls the reactor, which wakes whoever waits for it; `waits` says whether it may wait itself.
#[inline(always)]
pub(crate) fn park<T>(waits: bool, park: impl FnOnce() -> T) -> T {
    let _park = Park::begin(waits);
    park()
}

/// Fires timers, which wake whoever waits for them.
#[inline(always)]
pub(crate) fn timers<T>(fire: impl FnOnce() -> T) -> T {
    let _timers = Acting::begin(Cause::Timer);
    fire()
}

/// What names a slot.
fn key(slot: SlotRef) -> usize {
    slot.as_ptr().addr()
}
