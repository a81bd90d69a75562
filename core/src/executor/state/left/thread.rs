//! What the task that is being polled may still do, where there are threads: one number for each of them, which a
//! context sets anew and puts back at its end. So whoever draws need not find its executor first.

use core::cell::Cell;

use crate::executor::budget::UNLIMITED;
use crate::executor::current;

std::thread_local! {
    static LEFT: Cell<isize> = const { Cell::new(UNLIMITED) };
}

/// The executor's part of it: none.
pub(super) struct Budget(());

impl Budget {
    pub(super) const fn new() -> Self {
        Self(())
    }

    /// Nothing: the thread has its own, and may be in the middle of a poll.
    pub(super) fn open(&self) {}

    #[inline(always)]
    pub(super) fn replace(&self, left: isize) -> isize {
        LEFT.with(|cell| cell.replace(left))
    }
}

/// What the task that is being polled may still do; unlimited outside of executors.
#[inline(always)]
pub(crate) fn budget() -> isize {
    LEFT.with(Cell::get)
}

/// Sets what the task that is being polled may still do.
#[inline(always)]
pub(crate) fn set_budget(left: isize) {
    LEFT.with(|cell| cell.set(left));
}

/// Whether anything is left.
#[inline(always)]
pub(crate) fn has_left() -> bool {
    budget() > 0
}

/// Draws one unit.
#[inline(always)]
pub(crate) fn draw() {
    LEFT.with(|cell| cell.set(cell.get() - 1));
}

/// Whether there is no end to it here, as this is outside of executors: then it is as it was at first.
pub(crate) fn renew_outside() -> bool {
    let outside = current::get().is_null();
    if outside {
        set_budget(UNLIMITED);
    }
    outside
}
