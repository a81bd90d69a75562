//! Each level of a chip with a single core, that of `main` or of an interrupt handler, is in the context of one
//! executor, or of none.

use core::cell::Cell;

use crate::interrupt::{SELF_AWARE, level};
use crate::task::owner::Owner;

/// An executor at a level.
#[derive(Clone, Copy)]
struct At {
    executor: *const Owner,
    level: usize,
}

struct Current<T>(Cell<T>);

// SAFETY: feature `single-core` says that one core runs executors. Whoever interrupts us in
// the middle of an access leaves the value as it was found. Not atomic, so that a program
// that never asks for the ambient executor does not contain it.
unsafe impl<T> Sync for Current<T> {}

static MAIN: Current<*const Owner> = Current(Cell::new(core::ptr::null()));
static HANDLER: Current<At> = Current(Cell::new(At {
    executor: core::ptr::null(),
    level: 0,
}));

#[inline]
pub(super) fn get() -> *const Owner {
    match level() {
        0 => MAIN.0.get(),
        level => of_handler(level),
    }
}

#[cold]
fn of_handler(level: usize) -> *const Owner {
    let handler = HANDLER.0.get();
    // L1: else it is the context of a handler that this one has interrupted.
    match handler.level == level {
        true => handler.executor,
        false => core::ptr::null(),
    }
}

/// What was current, at whatever level, before somebody entered.
pub(crate) struct Former(At);

/// Makes an executor current for main's level.
#[inline]
#[allow(
    dead_code,
    reason = "for the endless run loop of a chip with a single core"
)]
pub(crate) fn set_main(executor: *const Owner) {
    MAIN.0.set(executor);
}

/// Makes an executor current. `in_handler` says that this is in an interrupt handler for certain;
/// else the machine is asked if it knows.
#[inline]
pub(crate) fn enter(executor: *const Owner, in_handler: bool) -> Former {
    let level = if in_handler || SELF_AWARE { level() } else { 0 };
    Former(match level {
        0 => At {
            executor: MAIN.0.replace(executor),
            level: 0,
        },
        level => HANDLER.0.replace(At { executor, level }),
    })
}

#[inline]
pub(crate) fn leave(former: &Former, in_handler: bool) {
    let level = if in_handler || SELF_AWARE { level() } else { 0 };
    match level {
        0 => MAIN.0.set(former.0.executor),
        _ => HANDLER.0.set(former.0),
    }
}
