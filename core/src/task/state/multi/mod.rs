//! Slots, blocks of slots, and the queue of those that are due: what executors of servers have, and of chips with
//! several cores. Chips with a single core have the folder `single` in place of this one.
//!
//! The states of a slot and what leads from one to the next are a table in `docs/architecture.md`. Unsafe code names the
//! invariant that it relies on: S1 to S5 (slots, in `slot`), R1 to R3 (ready words, in `ready` and `park`), B1 to B3
//! (bodies, in [`body`](crate::task::body)), T1 to T6 (timers, in `time/queue`), W1 to W7 (wait lists, in `sync`).

mod bits;
mod block;
#[cfg_attr(feature = "std", path = "free_set/own_thread.rs")]
#[cfg_attr(not(feature = "std"), path = "free_set/any_level.rs")]
mod free_set;
mod op;
mod park;
mod ready;
#[cfg(seeded)]
mod shuffle;
mod slot;

pub(crate) use bits::{claim_bit, release_bit};
#[cfg(all(test, loom))]
pub(crate) use block::BlockOf;
pub(crate) use block::{Block, Blocks};
#[cfg(feature = "alloc")]
pub(crate) use block::{SLOTS, block_on_heap};
pub(crate) use op::{Description, Ended, Op};
pub(crate) use ready::{Found, ReadyQueue, Turn};
#[cfg(all(test, any(loom, feature = "alloc")))]
pub(crate) use slot::Slot;
pub(crate) use slot::{Due, RunFn, SlotRef};
