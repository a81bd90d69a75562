//! What an executor does, told while it happens (feature `trace`): tasks that are spawned, woken and by whom,
//! polled and for how long, and ended; and when the executor waits.
//!
//! * [`set_tracer`] gives each [`Event`] to a [`Tracer`] of yours: the example `timeline` makes a picture of them.
//! * [`Handle::dump`](crate::Handle::dump) lists an executor's tasks, from any thread, also while one of them keeps
//!   the executor busy.
//! * [`set_stall_limit`] tells of each poll that took too long, by the name of the task and the place where it was
//!   spawned.
//!
//! Without the feature none of this is there, nor does it cost anything. With it each wake and poll takes a lock,
//! some 50 ns: a build for finding something out, and fast enough for many a production.
//!
//! ```
//! # #[cfg(feature = "trace")] {
//! # use polliwog_core::conformance::facade as polliwog;
//! use polliwog::{Handle, trace};
//!
//! polliwog::block_on(async {
//!     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
//!     polliwog::yield_now().await;
//!     let dump = Handle::current().unwrap().dump();
//!     assert!(dump.tasks().iter().any(|task| task.polls == 1 && task.state == trace::State::Waiting));
//!     println!("{dump}");
//! });
//! # }
//! ```

use crate::executor::shared::Shared;
use crate::task::state::{Description, SlotRef};

#[cfg(feature = "trace")]
mod table;
#[cfg(feature = "trace")]
pub(crate) use table::dump;
#[cfg(feature = "trace")]
pub use table::{Cause, Dump, Event, Stall, State, TaskDump, Tracer, set_stall_limit, set_tracer};

/// A task has been published in a slot of an executor.
#[inline(always)]
#[cfg_attr(feature = "trace", track_caller)]
pub(crate) fn spawned(executor: &Shared, slot: SlotRef, what: impl FnOnce() -> Description) {
    #[cfg(feature = "trace")]
    table::spawned(
        core::ptr::from_ref(executor).addr(),
        key(slot),
        what(),
        core::panic::Location::caller(),
    );
    #[cfg(not(feature = "trace"))]
    let _ = (executor, slot, what);
}

/// The task in a slot has ended.
#[inline(always)]
pub(crate) fn ended(slot: SlotRef) {
    #[cfg(feature = "trace")]
    table::ended(key(slot));
    #[cfg(not(feature = "trace"))]
    let _ = slot;
}

/// A waker of a slot has been used.
#[inline(always)]
pub(crate) fn woken(slot: SlotRef) {
    #[cfg(feature = "trace")]
    table::woken(key(slot));
    #[cfg(not(feature = "trace"))]
    let _ = slot;
}

/// Polls the task in a slot.
#[inline(always)]
pub(crate) fn poll<T>(slot: SlotRef, poll: impl FnOnce() -> T) -> T {
    #[cfg(feature = "trace")]
    let _poll = table::Poll::begin(key(slot));
    #[cfg(not(feature = "trace"))]
    let _ = slot;
    poll()
}

/// Calls the reactor, which wakes whoever waits for it; `waits` says whether it may wait itself.
#[inline(always)]
pub(crate) fn park<T>(waits: bool, park: impl FnOnce() -> T) -> T {
    #[cfg(feature = "trace")]
    let _park = table::Park::begin(waits);
    #[cfg(not(feature = "trace"))]
    let _ = waits;
    park()
}

/// Fires timers, which wake whoever waits for them.
#[inline(always)]
pub(crate) fn timers<T>(fire: impl FnOnce() -> T) -> T {
    #[cfg(feature = "trace")]
    let _timers = table::Acting::begin(table::Cause::Timer);
    fire()
}

/// What names a slot.
#[cfg(feature = "trace")]
fn key(slot: SlotRef) -> usize {
    slot.as_ptr().addr()
}
