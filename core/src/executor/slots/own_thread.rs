//! Claiming slots, with `std`: only the executor's thread does, and threads of others send their tasks to it. Builds
//! without have `any_level.rs` in place of this file.

use super::shared::Shared;
use crate::task::state::{Block, SlotRef};

impl Shared {
    /// Does something that nobody else may see half done: nobody else looks.
    #[inline(always)]
    pub(super) fn alone<T>(&self, f: impl FnOnce() -> T) -> T {
        f()
    }

    /// Takes a free slot.
    #[inline]
    pub(crate) fn claim_slot(&self) -> Option<SlotRef> {
        let block = self.state.free.get();
        if block.is_null() {
            return None;
        }
        // SAFETY: S1; `free` lists blocks of ours that have a free slot.
        let head = unsafe { &*block };
        let (index, last) = head.free().claim()?;
        if last {
            self.state.free.set(head.next_free.get());
        }
        // SAFETY: the free set holds the indices of slots that exist.
        Some(unsafe { Block::slot(block, index) })
    }

    /// Gives a retired slot back.
    #[inline]
    pub(crate) fn release_slot(&self, slot: SlotRef) {
        let (block, index) = slot.place();
        // SAFETY: S1: a slot and its block are never moved or freed.
        let head = unsafe { &*block };
        if head.free().release(index) {
            head.next_free.set(self.state.free.replace(block));
        }
    }

    /// Whether another task would find a slot.
    pub(crate) fn has_free_slot(&self) -> bool {
        !self.state.free.get().is_null() || self.state.slots.get() < self.state.capacity.get()
    }
}
