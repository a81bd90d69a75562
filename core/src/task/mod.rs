//! Tasks: slots that live for ever and bodies that live anywhere.
//!
//! A *slot* is a task's permanent header: generation, state, the function that polls its
//! future and the address of its *body*, the memory with the future and later the output.
//! Slots lie in blocks that are never unmapped, so a waker is a plain pointer to a slot:
//! nothing to count, nothing to free, harmless when stale.
//!
//! # Life of a slot
//!
//! | state | event | new state | action |
//! |---|---|---|---|
//! | FREE | spawn | LIVE | fill `run` and `body`, publish, set the ready bit |
//! | FREE | wake, abort | FREE | a stale handle: the ready bit is ignored when its turn comes |
//! | LIVE | wake | LIVE | set the ready bit |
//! | LIVE | ready bit, pending | LIVE | poll |
//! | LIVE | ready bit, ready or panicked | FREE, next generation | poll, drop the future, keep or drop the output, wake the joiner |
//! | LIVE | abort | ABORTING | set the ready bit |
//! | LIVE, ABORTING | executor dropped | FREE, next generation | drop the future, output `Aborted`, wake the joiner |
//! | ABORTING | ready bit | FREE, next generation | the same |
//! | ABORTING | abort | ABORTING | nothing |
//! | ABORTING, being polled | ready | FREE, next generation | as if it had not been aborted |
//!
//! All unsafe code of the crate is in this module, in the executor's core, in the timer queue, and
//! in the wait list and the locks of [`sync`](crate::sync); every block of it names the invariant that it relies on: S1 to S5 (slots), R1 to R3
//! (ready words), B1 to B3 (bodies), T1 to T5 (timers), W1 to W6 (wait lists); those of a lean build are in `lean`
//! and `time::list`.

mod abort_on_drop;
#[cfg(not(lean))]
mod block;
pub(crate) mod body;
pub mod budget;
mod fixed_join_set;
#[cfg(feature = "alloc")]
pub(crate) mod heap;
pub(crate) mod join;
#[cfg(feature = "alloc")]
mod join_set;
pub(crate) mod joiner;
#[cfg(lean)]
pub(crate) mod lean;
pub(crate) mod pool;
#[cfg(not(lean))]
pub(crate) mod ready;
pub(crate) mod run;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr", not(loom)))]
mod scope;
pub(crate) mod site;
#[cfg(not(lean))]
pub(crate) mod slot;
pub(crate) mod tenant;
pub(crate) mod waker;
mod yield_now;

use core::task::Waker;

#[cfg(lean)]
pub(crate) use lean as ready;
#[cfg(lean)]
pub(crate) use lean as slot;

pub use crate::executor::spawn;
#[cfg(all(feature = "std", not(loom)))]
pub use crate::macros::task_local::{AccessError, LocalKey, TaskLocalFuture};
pub use abort_on_drop::AbortOnDrop;
pub use budget::{ConsumeBudget, Unconstrained, consume_budget, has_budget, unconstrained};
pub use fixed_join_set::FixedJoinSet;
pub use join::{AbortHandle, JoinError, JoinHandle, Panic, TaskId};
#[cfg(feature = "alloc")]
pub use join_set::JoinSet;
pub use pool::TaskPool;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr", not(loom)))]
pub use scope::{Scope, ScopeFuture, ScopedJoinHandle, scope};
pub use yield_now::{YieldNow, yield_now};

/// Wakes, and keeps a panic of the waker from going any further than the panic hook.
///
/// A waker can be foreign code, of another runtime or of the program, and its panic is not the
/// business of whoever happens to wake it: it must not cost other tasks their wakes, nor end a run.
/// Reactors that wake several wakers in a row, or keep wakers of their own, want this. On bare metal,
/// where a panic does not unwind, it is [`Waker::wake`].
///
/// ```
/// # use polliwog_core as polliwog;
/// use std::sync::Arc;
/// use std::task::Wake;
///
/// struct Faulty;
/// impl Wake for Faulty {
///     fn wake(self: Arc<Self>) {
///         panic!("a faulty waker");
///     }
/// }
///
/// polliwog::task::wake_quietly(Arc::new(Faulty).into());
/// ```
#[inline]
pub fn wake_quietly(waker: Waker) {
    body::run_quietly(|| waker.wake());
}
