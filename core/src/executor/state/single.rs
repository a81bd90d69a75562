//! What an executor of a chip with a single core keeps of its slots, polls and budget: one block of slots, and no
//! counts. All other builds have `multi.rs` in place of this file.

use core::ptr;

use super::shared::Shared;
use crate::loom::Cell;
use crate::task::state::{Block, SlotRef, words};
use crate::time::instant::Instant;

/// The part of a [`Shared`] that other builds have otherwise.
pub(crate) struct State {
    /// The only block.
    block: Cell<*const Block>,
}

impl State {
    pub(crate) const fn new() -> Self {
        Self {
            block: Cell::new(ptr::null()),
        }
    }

    /// Lets go of the block.
    pub(super) fn close(&self) {
        self.block.set(ptr::null());
    }
}

/// What the task that is being polled may still do, as there is one executor to a level: not in its
/// core, so that a program without anything that draws from it does not contain it.
///
/// What is kept is how much less than unlimited it is: zero at first, so that it takes no flash.
mod left {
    use core::cell::Cell;

    use crate::executor::budget::UNLIMITED;

    #[cfg(target_os = "none")]
    struct Left(Cell<isize>);

    #[cfg(target_os = "none")]
    // SAFETY: one core (feature `single-core`), and whoever interrupts us in the middle of an access
    // leaves the value as it was found (`Entered`).
    unsafe impl Sync for Left {}

    #[cfg(target_os = "none")]
    static LEFT: Left = Left(Cell::new(0));

    #[cfg(not(target_os = "none"))]
    std::thread_local! {
        static LEFT: Cell<isize> = const { Cell::new(0) };
    }

    #[inline(always)]
    fn with<T>(f: impl FnOnce(&Cell<isize>) -> T) -> T {
        #[cfg(target_os = "none")]
        return f(&LEFT.0);
        #[cfg(not(target_os = "none"))]
        return LEFT.with(f);
    }

    // Wrapping: who has drawn more than there was has less than nothing.
    #[inline(always)]
    pub(super) fn get() -> isize {
        UNLIMITED.wrapping_sub(with(Cell::get))
    }

    #[inline(always)]
    pub(super) fn set(left: isize) {
        with(|cell| cell.set(UNLIMITED.wrapping_sub(left)));
    }
}

/// What the task that is being polled may still do; unlimited outside of executors.
#[inline]
pub(crate) fn budget() -> isize {
    left::get()
}

/// Sets what the task that is being polled may still do.
#[inline(always)]
pub(crate) fn set_budget(left: isize) {
    left::set(left);
}

/// Whether anything is left.
#[inline(always)]
pub(crate) fn has_left() -> bool {
    left::get() > 0
}

/// Draws one unit.
#[inline(always)]
pub(crate) fn draw() {
    left::set(left::get().wrapping_sub(1));
}

/// Whether there is no end to it here: see [`UNLIMITED`](super::budget::UNLIMITED).
#[inline(always)]
pub(crate) fn renew_outside() -> bool {
    false
}

/// Whether the executor of a reactor keeps the unparker.
pub(super) const HAS_UNPARKER: bool = false;

/// Whether a context that has no clock leaves what was there as it is, as there never was one.
pub(super) const KEEPS_NO_CLOCK: bool = true;

impl Shared {
    /// Part of the first duty after a claim: all is at the start already, or has been set so at a former
    /// executor's end, which the smallest programs never come to.
    #[inline(always)]
    pub(super) fn open_state(&self, _capacity: usize, _may_grow: bool) {}

    /// Part of an executor's end, while nobody else looks. Not before: an interrupt handler that finds the claim
    /// alive must find it closing.
    pub(super) fn close_state(&self) {
        self.reset();
    }

    /// Sets the budget, of which there is one for all executors; returns what it was.
    #[inline]
    pub(super) fn replace_budget(&self, budget: isize) -> isize {
        let former = left::get();
        left::set(budget);
        former
    }

    /// The only block of slots, or null.
    #[inline]
    pub(crate) fn first_block(&self) -> *const Block {
        self.state.block.get()
    }

    /// Sets the block. It is permanent and nobody else's.
    pub(crate) fn add_block(&self, block: *const Block, len: usize) {
        // SAFETY: S1: a slot and its block are never moved or freed.
        let head = unsafe { &*block };
        head.adopt(self.owner(), len);
        self.state.block.set(block);
        #[cfg(feature = "interrupt-executors")]
        head.set_doorbell(self.has_unparker());
    }

    /// Whether the reactor has to be told: nobody knows whether it waits.
    #[inline]
    pub(super) fn claim_unpark(&self) -> bool {
        true
    }

    /// Has the next wake call the unparker, of an executor that no reactor waits for: the ready bytes say so.
    #[cfg(feature = "interrupt-executors")]
    pub(super) fn wait_to_be_pended(&self) {}

    /// Gets the run loop's attention.
    pub(super) fn ring(&self) {
        let block = self.state.block.get();
        if !block.is_null() {
            // SAFETY: the executor's own block.
            unsafe { Block::ring(block) };
        }
    }

    /// Whether any task is due, or somebody has [rung](Self::ring). Plain loads.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        // SAFETY: S1; the block has so many words.
        unsafe { Block::is_pending(self.state.block.get(), self.words()) }
    }

    /// How many words of ready bytes there are.
    pub(crate) fn words(&self) -> usize {
        words(self.capacity())
    }

    /// How many tasks there can be.
    pub(crate) fn capacity(&self) -> usize {
        // SAFETY: S1; a claimed core has a block.
        unsafe { (*self.state.block.get()).len() }
    }

    /// Polls are not counted.
    #[inline]
    pub(crate) fn polls(&self) -> u64 {
        0
    }

    /// Refusals are not counted.
    pub(crate) fn count_refusal(&self) {}

    pub(crate) fn refused(&self) -> usize {
        0
    }

    /// The run counts by itself.
    #[inline(always)]
    pub(crate) fn poll_reactor_after(&self, _polls: u32) {}

    /// Begins the executor's end: nobody starts tasks from now on.
    pub(crate) fn begin_closing(&self) {
        self.closing.set(true);
    }

    /// Takes a free slot. An interrupt handler may do the same at any time.
    #[inline]
    pub(crate) fn claim_or_grow(&self) -> Option<SlotRef> {
        self.claim_slot()
    }

    /// Takes a free slot. An interrupt handler may do the same at any time.
    #[inline]
    pub(crate) fn claim_slot(&self) -> Option<SlotRef> {
        let block = self.state.block.get();
        // SAFETY: S1; a claimed core has a block.
        let index = unsafe { Block::claim(block) }?;
        // SAFETY: below the block's length.
        Some(unsafe { Block::slot(block, index) })
    }

    /// Gives a slot back that has never been published.
    #[inline]
    pub(crate) fn release_slot(&self, slot: SlotRef) {
        // SAFETY: S1: a slot and its block are never moved or freed.
        unsafe { (*slot.block()).unclaim(slot) };
    }

    /// The block after this one: there is one block.
    pub(super) fn block_after(&self, _: *const Block) -> *const Block {
        ptr::null()
    }

    /// Whether a task's slot has been woken.
    pub(super) fn is_ready(&self, slot: SlotRef) -> bool {
        slot.is_ready()
    }

    /// Calls `f` with the block, if there is one.
    pub(crate) fn for_each_block(&self, mut f: impl FnMut(*const Block)) {
        let block = self.state.block.get();
        if !block.is_null() {
            f(block);
        }
    }

    /// The clock's readings are not kept.
    #[inline(always)]
    pub(crate) fn note_time(&self, _now: Instant, _resolution: core::time::Duration) {}

    #[inline(always)]
    pub(crate) fn forget_time(&self) {}

    /// Each deadline is compared with the clock.
    #[inline(always)]
    pub(crate) fn is_far(&self, _deadline: Instant) -> bool {
        false
    }
}
