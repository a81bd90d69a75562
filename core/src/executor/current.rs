//! The address of the executor that runs here, and nothing more.
//!
//! Where there are threads it is a thread-local. On bare metal it is a static that the run loop
//! saves and restores, which is right as long as a single core runs executors; feature `single-core`
//! says that this is so. Without the feature bare metal has no ambient context, only explicit handles.
//!
//! Interrupt handlers come and go like function calls, so one that runs an executor can use statics
//! in the same way; but whoever it interrupts is in the context of *another* level, from which
//! nothing is to be seen (L1). There are two statics: `MAIN`, that of the level which nothing is
//! below, and `HANDLER`, with the number of the handler that it belongs to.
//!
//! * **L1.** The context of a level is used on that level only: futures that are not `Send`, and the
//!   reactor, which is not `Sync`, belong to it.

use crate::task::owner::Owner;

#[cfg_attr(threads, path = "current/thread.rs")]
#[cfg_attr(all(not(threads), feature = "single-core"), path = "current/level.rs")]
#[cfg_attr(
    all(not(threads), not(feature = "single-core")),
    path = "current/nowhere.rs"
)]
mod place;

#[cfg(lean)]
pub(super) use place::set_main;
#[cfg(feature = "std")]
pub(crate) use place::thread;
pub(super) use place::{Former, enter, leave};

/// The executor whose context this is, or null.
#[inline]
pub(crate) fn get() -> *const Owner {
    place::get()
}

/// Whether this thread is inside this executor's context, and hence is its thread.
#[inline]
pub(crate) fn is(executor: *const Owner) -> bool {
    core::ptr::eq(get(), executor)
}
