//! Tasks: to wait for one, to end one, to keep several together, and to share the executor fairly.
//!
//! A task is a future that an executor polls by itself. [`spawn`] starts one on the executor that runs here, a
//! [`Spawner`](crate::Spawner) on its own, a [`Handle`](crate::Handle) from another thread.
//!
//! * A [`JoinHandle`] waits for the output. Dropping it lets the task run on; [`AbortOnDrop`] ends it instead, and
//!   an [`AbortHandle`] ends it from anywhere. A panic of the task is a [`JoinError`] for whoever waits.
//! * A `JoinSet` (feature `alloc`) or a [`FixedJoinSet`] waits for several, in the order in which they end; a `scope`
//!   (feature `alloc`) has tasks that borrow.
//! * [`yield_now`] lets the others go first. Whatever could be ready for ever draws from the task's [`budget`], so
//!   that a loop of reads yields by itself; [`consume_budget`] does so in loops of your own.
//! * A [`TaskPool`] is static memory for an executor's tasks.
//!
//! ```
//! # use polliwog_core::conformance::facade as polliwog;
//! use polliwog::task::{JoinError, spawn, yield_now};
//!
//! polliwog::block_on(async {
//!     let sum = spawn(async {
//!         let mut sum = 0;
//!         for n in 1..=100 {
//!             sum += n;
//!             yield_now().await;
//!         }
//!         sum
//!     })
//!     .unwrap();
//!     let idle = spawn(std::future::pending::<()>()).unwrap();
//!     assert_eq!(sum.await.unwrap(), 5050);
//!     idle.abort();
//!     assert!(matches!(idle.await, Err(JoinError::Aborted)));
//! });
//! ```
//!
//! What a task is inside, slots, bodies and wakers, is told in `docs/architecture.md`.

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
#[cfg(feature = "std")]
#[doc(hidden)]
pub use failure::{PanicWatch, tell_refusal, watch_panics, watch_refusals};
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
