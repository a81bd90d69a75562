//! What the task that is being polled may still do, on a chip with several executors at a time: a number of each.

use core::cell::Cell;

use crate::executor::budget::UNLIMITED;
use crate::executor::current;
use crate::executor::shared::Shared;

/// The executor's part of it: all.
pub(super) struct Budget(Cell<isize>);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(Cell::new(0))
    }

    /// At an executor's beginning.
    pub(super) fn open(&self) {
        self.0.set(UNLIMITED);
    }

    #[inline(always)]
    pub(super) fn replace(&self, left: isize) -> isize {
        self.0.replace(left)
    }
}

/// Does something with the budget of the executor that runs here, if one does.
#[inline(always)]
fn with<T>(f: impl FnOnce(&Cell<isize>) -> T) -> Option<T> {
    let owner = current::get();
    if owner.is_null() {
        return None;
    }
    // SAFETY: what is current is a `Shared`, in use on this core and level.
    Some(f(unsafe { &(*owner.cast::<Shared>()).state.budget.0 }))
}

/// What the task that is being polled may still do; unlimited outside of executors.
#[inline]
pub(crate) fn budget() -> isize {
    with(Cell::get).unwrap_or(UNLIMITED)
}

/// Sets what the task that is being polled may still do. No effect outside of executors.
#[inline(always)]
pub(crate) fn set_budget(left: isize) {
    let _ = with(|cell| cell.set(left));
}

/// Whether anything is left.
#[inline(always)]
pub(crate) fn has_left() -> bool {
    budget() > 0
}

/// Draws one unit; outside of executors none.
#[inline(always)]
pub(crate) fn draw() {
    let _ = with(|cell| cell.set(cell.get() - 1));
}

/// Whether there is no end to it here: outside of executors nobody draws.
pub(crate) fn renew_outside() -> bool {
    false
}
