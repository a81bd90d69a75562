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
//! (ready words), B1 to B3 (bodies), T1 to T5 (timers), W1 to W6 (wait lists); those of a chip with one core are in `state/single`
//! and `time/queue/list.rs`.

pub(crate) mod abort;
mod abort_on_drop;
pub(crate) mod body;
pub mod budget;
pub(crate) mod failure;
mod fixed_join_set;
pub(crate) mod id;
pub(crate) mod join;
#[cfg(feature = "alloc")]
mod join_set;
pub(crate) mod joiner;
pub(crate) mod memory;
pub(crate) mod owner;
#[cfg_attr(lean, path = "run/single.rs")]
#[cfg_attr(not(lean), path = "run/multi.rs")]
pub(crate) mod run;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr", not(loom)))]
mod scope;
#[cfg_attr(lean, path = "state/single/mod.rs")]
#[cfg_attr(not(lean), path = "state/multi/mod.rs")]
pub(crate) mod state;
pub(crate) mod task_fn;
pub(crate) mod unwind;
pub(crate) mod waker;
mod yield_now;

pub use crate::executor::spawn;
#[cfg(all(feature = "std", not(loom)))]
pub use crate::macros::task_local::{AccessError, LocalKey, TaskLocalFuture};
pub use abort::AbortHandle;
pub use abort_on_drop::AbortOnDrop;
pub use budget::{ConsumeBudget, Unconstrained, consume_budget, has_budget, unconstrained};
pub use failure::Panic;
pub use fixed_join_set::FixedJoinSet;
pub use id::TaskId;
pub use join::{JoinError, JoinHandle};
#[cfg(feature = "alloc")]
pub use join_set::JoinSet;
pub use memory::pool::TaskPool;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr", not(loom)))]
pub use scope::{Scope, ScopeFuture, ScopedJoinHandle, scope};
pub use unwind::wake_quietly;
pub use yield_now::{YieldNow, yield_now};
