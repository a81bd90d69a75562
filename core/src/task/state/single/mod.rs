//! Slots and ready bytes of a chip with one core, where nothing but interrupt handlers runs beside the executor
//! (cfg `lean`). All other builds have the folder `multi` in place of this one.
//!
//! Each slot has a *ready byte*. A wake sets it by a plain store; the run loop clears it before
//! it polls. Neither needs a read-modify-write or a barrier, because what interrupts us comes and
//! goes between two of our instructions. The run loop looks at four bytes at a time, so that idle
//! tasks cost next to nothing.
//!
//! # Layout
//!
//! What belongs to a slot is spread over arrays on both sides of the block's head, where it is
//! found without knowing how long they are; twelve bytes in all:
//!
//! ```text
//! record[N-1] … record[1] record[0] | head | ready[0] … ready[N-1] | flags[0] … | generation[0] …
//! ```
//!
//! The ready bytes have room for whole words.
//!
//! # Aborts
//!
//! An abort marks the address of the body in the record by its lowest bit, and wakes the task. The
//! function of a task that has a handle looks at that bit in each poll; the others cannot be
//! aborted and need not look, and neither need the run loop.
//!
//! # Invariants
//!
//! S1 to S5 of the hosted representation hold here too, with these particulars:
//!
//! * **S1, permanent.** A [`SlotRef`] holds the address of the ready byte number zero, with the
//!   provenance of the whole block, and an index within the block.
//! * **S2, claim.** Free slots are in a list that changes in critical sections alone; an interrupt handler may
//!   claim too. What it publishes, it publishes before anything that it
//!   interrupted goes on.
//! * **S3, live.** A slot is live while its record has the function of a task. `run` is read before `body` and set
//!   after it, so that an interrupt between the two reads cannot mix two tasks.
//! * **S6, always a function.** A ready byte is set only once its record has a function. That of
//!   a free slot does nothing, so the run loop need not know.
//! * **S5, one owner.** Cells are touched by the executor's own level and, for a claimed slot, by
//!   the claimer.
//! * **S7, marked.** Only the body's address of a slot that is [`ABORTABLE`] carries the mark of
//!   an abort: its function is one that looks at it, and its body and node are aligned so that the
//!   bit is free. The mark is set and kept with interrupts masked.

mod abort_bit;
mod bits;
mod block;
mod op;
mod slot;

pub(crate) use abort_bit::{ABORT, has_abort_bit, without_abort_bit};
pub(crate) use bits::{BodyBit, FULL, claim_bit, release_bit};
pub(crate) use block::{Block, Blocks, words};
pub(crate) use op::{Description, Op};
pub(crate) use slot::{RunFn, SlotRef, is_task};
