//! What an executor of servers, and of chips with several cores, keeps of its slots, polls and budget: any
//! number of blocks of slots, a queue of those that are ready, counts of polls. Chips with a single core have
//! `single.rs` in place of this file.

use core::ptr;

use super::shared::Shared;
use crate::loom::{Cell, const_unless_loom};
use crate::task::state::{Block, ReadyQueue, SlotRef};
use crate::time::instant::Instant;

/// The part of a [`Shared`] that chips with a single core have otherwise.
pub(crate) struct State {
    pub(crate) ready: ReadyQueue,
    /// First block with free slots.
    pub(super) free: Cell<*const Block>,
    /// All blocks.
    pub(super) blocks: Cell<*const Block>,
    /// Slots in all blocks.
    pub(super) slots: Cell<usize>,
    /// How many slots there may be.
    pub(super) capacity: Cell<usize>,
    /// Blocks of a former executor on the heap.
    #[cfg(feature = "alloc")]
    spare: Cell<*const Block>,
    #[cfg(feature = "alloc")]
    may_grow: Cell<bool>,
    /// The count of polls at which the run loop looks at its clock.
    reactor_due: Cell<u64>,
    /// How many polls there are until then.
    left: Cell<i64>,
    refused: Cell<usize>,
    budget: left::Budget,
    /// What is not due before this instant need not be compared with the clock: see [`FAR`].
    near: Cell<Instant>,
    /// Counts polls of such timers.
    polls_of_far: Cell<u32>,
}

/// A deadline that is so much later than the last reading of a clock that goes by itself is taken for
/// not due: no poll lasts that long.
const FAR: u64 = 1 << 32;

/// Of so many polls of such a timer one looks at the clock all the same: somebody may be polling it
/// in a loop without an end.
const POLLS_OF_FAR: u32 = 32;

impl State {
    const_unless_loom! {
        /// All zero, so that a static lies in `.bss`; [`open`](Self::open) sets what is not.
        pub(crate) fn new() -> Self {
            Self {
                ready: ReadyQueue::new(),
                free: Cell::new(ptr::null()),
                blocks: Cell::new(ptr::null()),
                slots: Cell::new(0),
                capacity: Cell::new(0),
                #[cfg(feature = "alloc")]
                spare: Cell::new(ptr::null()),
                #[cfg(feature = "alloc")]
                may_grow: Cell::new(false),
                reactor_due: Cell::new(0),
                left: Cell::new(0),
                refused: Cell::new(0),
                budget: left::Budget::new(),
                near: Cell::new(Instant::ZERO),
                polls_of_far: Cell::new(0),
            }
        }
    }

    /// Sets everything to the start, for up to `capacity` tasks.
    fn open(&'static self, capacity: usize, may_grow: bool) {
        self.ready.open();
        self.free.set(ptr::null());
        self.slots.set(0);
        self.capacity.set(capacity);
        self.refused.set(0);
        self.reactor_due.set(0);
        self.left.set(0);
        self.budget.open();
        self.near.set(Instant::MAX);
        #[cfg(feature = "alloc")]
        self.may_grow.set(may_grow);
        #[cfg(not(feature = "alloc"))]
        let _ = may_grow;
    }

    /// Lets go of all blocks.
    pub(super) fn close(&self) {
        self.ready.clear();
        let _blocks = self.blocks.replace(ptr::null());
        #[cfg(feature = "alloc")]
        if self.may_grow.get() {
            // All blocks that there are were in use or are still in the list of spare ones.
            let mut block = _blocks;
            while !block.is_null() {
                // SAFETY: S1: a slot and its block are never moved or freed.
                let head = unsafe { &*block };
                let next = head.next.get();
                head.next.set(self.spare.replace(block));
                block = next;
            }
        }
    }
}

/// Whether the executor of a reactor keeps the unparker.
pub(super) const HAS_UNPARKER: bool = true;

/// Whether a context that has no clock leaves what was there as it is, as there never was one.
pub(super) const KEEPS_NO_CLOCK: bool = false;

#[cfg_attr(threads, path = "left/thread.rs")]
#[cfg_attr(not(threads), path = "left/executor.rs")]
mod left;

pub(crate) use left::{budget, draw, has_left, renew_outside, set_budget};

impl Shared {
    /// Part of the first duty after a claim.
    pub(super) fn open_state(&'static self, capacity: usize, may_grow: bool) {
        self.state.open(capacity, may_grow);
        self.reset();
    }

    /// Part of an executor's end, while nobody else looks. All has been done by the next one's beginning.
    pub(super) fn close_state(&self) {}

    /// Sets what the task that is polled next may do in that poll; returns what it was.
    #[inline(always)]
    pub(crate) fn replace_budget(&self, budget: isize) -> isize {
        self.state.budget.replace(budget)
    }

    /// The first block of slots, or null.
    #[inline]
    pub(crate) fn first_block(&self) -> *const Block {
        self.state.blocks.get()
    }

    /// Adds a block's slots. The block is permanent and nobody else's.
    pub(crate) fn add_block(&self, block: *const Block, len: usize) {
        let state = &self.state;
        // SAFETY: S1: a slot and its block are never moved or freed.
        let head = unsafe { &*block };
        head.adopt(self.owner(), len);
        self.alone(|| head.next.set(state.blocks.replace(block)));
        head.next_free.set(state.free.replace(block));
        state.slots.set(state.slots.get() + len);
    }

    /// Ends the park that has been announced, if one has: whether the reactor has to be told.
    #[inline]
    pub(super) fn claim_unpark(&self) -> bool {
        self.state.ready.claim_unpark()
    }

    /// Has the next wake call the unparker, of an executor that no reactor waits for.
    #[cfg(levels)]
    pub(super) fn wait_to_be_pended(&self) {
        self.state.ready.announce_park();
    }

    /// Whatever makes the run loop look again, beside the unparker: nothing here.
    pub(super) fn ring(&self) {}

    /// Whether any task is due. Plain loads: an idle look writes nothing.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.state.ready.is_pending()
    }

    /// How many tasks there can be.
    pub(crate) fn capacity(&self) -> usize {
        self.state.capacity.get()
    }

    /// Polls so far.
    #[inline]
    pub(crate) fn polls(&self) -> u64 {
        let left = self.state.left.get() as u64;
        self.state.reactor_due.get().wrapping_sub(left)
    }

    /// Counts a spawn that found no room.
    pub(crate) fn count_refusal(&self) {
        self.state.refused.set(self.state.refused.get() + 1);
    }

    pub(crate) fn refused(&self) -> usize {
        self.state.refused.get()
    }

    #[inline]
    pub(crate) fn count_poll(&self) {
        self.state.left.set(self.state.left.get() - 1);
    }

    #[inline]
    pub(crate) fn is_reactor_due(&self) -> bool {
        self.state.left.get() <= 0
    }

    /// Makes it time to look at the clock after so many more polls.
    #[inline]
    pub(crate) fn poll_reactor_after(&self, polls: u32) {
        self.state.reactor_due.set(self.polls() + u64::from(polls));
        self.state.left.set(i64::from(polls));
    }

    // From here on: the executor's thread only (S5), but for `claim_slot` without `std`.

    /// Takes a free slot, of a new block if need be.
    #[inline]
    pub(crate) fn claim_or_grow(&self) -> Option<SlotRef> {
        let claimed = self.claim_slot();
        #[cfg(feature = "alloc")]
        if claimed.is_none() && self.grow() {
            return self.claim_slot();
        }
        claimed
    }

    /// Adds a block, if the limit allows.
    #[cfg(feature = "alloc")]
    #[cold]
    fn grow(&self) -> bool {
        let state = &self.state;
        let room = state.capacity.get() - state.slots.get();
        if room == 0 || !state.may_grow.get() {
            return false;
        }
        let mut block = state.spare.get();
        if block.is_null() {
            block = crate::task::state::block_on_heap();
        } else {
            // SAFETY: S1: a slot and its block are never moved or freed.
            state.spare.set(unsafe { (*block).next.get() });
        }
        self.add_block(block, room.min(crate::task::state::SLOTS));
        true
    }

    /// Calls `f` with every block: with the pointer, as a reference to the head would not reach
    /// the slots behind it.
    pub(crate) fn for_each_block(&self, mut f: impl FnMut(*const Block)) {
        let mut block = self.state.blocks.get();
        while !block.is_null() {
            f(block);
            // SAFETY: S1: a slot and its block are never moved or freed.
            block = unsafe { (*block).next.get() };
        }
    }

    /// Begins the executor's end: nobody starts tasks from now on.
    pub(crate) fn begin_closing(&self) {
        self.alone(|| self.closing.set(true));
    }

    /// The block after this one, or null.
    pub(super) fn block_after(&self, block: *const Block) -> *const Block {
        // SAFETY: S1; the caller has the block from this executor.
        unsafe { (*block).next.get() }
    }

    /// Whether a task's slot has been woken, as far as the executor's thread knows.
    pub(super) fn is_ready(&self, slot: SlotRef) -> bool {
        let (block, index) = slot.place();
        // SAFETY: S1: a slot and its block are never moved or freed.
        let remote = unsafe { (*block).is_remote(index) };
        remote || !slot.next.get().is_null() || self.state.ready.is_first(slot)
    }

    /// To be told of every reading of the clock.
    #[inline]
    pub(crate) fn note_time(&self, now: Instant, resolution: core::time::Duration) {
        self.state.near.set(if resolution.is_zero() {
            // Moved by hand, maybe: whatever it shows next may be far from now.
            Instant::MAX
        } else {
            // No clock that goes by itself comes near the end of time.
            Instant::from_nanos(now.as_nanos().wrapping_add(FAR))
        });
    }

    /// To be told when time has passed, and nobody has read the clock.
    #[inline]
    pub(crate) fn forget_time(&self) {
        self.state.near.set(Instant::MAX);
    }

    /// Whether the clock, which has been read not long ago, need not be read to know that `deadline`
    /// is not due.
    #[inline]
    pub(crate) fn is_far(&self, deadline: Instant) -> bool {
        deadline > self.state.near.get()
    }

    /// [`is_due`](Self::is_due) for a timer that has been polled before, and that somebody may be polling for ever.
    #[inline]
    pub(crate) fn is_due_by_now(&self, deadline: Instant) -> bool {
        if self.is_far(deadline) {
            let polls = self.state.polls_of_far.get().wrapping_add(1);
            self.state.polls_of_far.set(polls);
            if polls % POLLS_OF_FAR != 0 {
                return false;
            }
        }
        self.shows(deadline)
    }
}
