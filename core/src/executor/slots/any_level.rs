//! Claiming slots, without `std`: an interrupt handler or another core may do so at any time. Builds with `std` have
//! `own_thread.rs` in place of this file.

use super::error::SpawnErrorKind;
use super::shared::Shared;
use crate::task::state::{Block, SlotRef};

impl Shared {
    /// Does something that nobody else may see half done, under the lock.
    pub(super) fn alone<T>(&self, f: impl FnOnce() -> T) -> T {
        self.locked(f)
    }

    /// Does something for the claim `epoch` before its executor's end, which waits for that.
    pub(crate) fn if_open<T>(&self, epoch: usize, f: impl FnOnce() -> T) -> Option<T> {
        self.locked(|| (self.epoch() == epoch && !self.closing.get()).then(f))
    }

    /// Takes a free slot from another level or core, for the claim `epoch`.
    pub(crate) fn lend_slot(&self, epoch: usize) -> Result<SlotRef, SpawnErrorKind> {
        match self.if_open(epoch, || self.claim_slot()) {
            Some(Some(slot)) => Ok(slot),
            Some(None) => Err(SpawnErrorKind::TasksFull {
                capacity: self.capacity(),
            }),
            None => Err(SpawnErrorKind::Closed),
        }
    }

    /// Takes a free slot. An interrupt handler may do the same at any time.
    #[inline]
    pub(crate) fn claim_slot(&self) -> Option<SlotRef> {
        let mut block = self.state.blocks.get();
        while !block.is_null() {
            // SAFETY: S1; blocks are added at the front, and their links are set before.
            let head = unsafe { &*block };
            if let Some((index, _)) = head.free().claim() {
                // SAFETY: the free set holds the indices of slots that exist.
                return Some(unsafe { Block::slot(block, index) });
            }
            block = head.next.get();
        }
        None
    }

    /// Gives a retired slot back.
    #[inline]
    pub(crate) fn release_slot(&self, slot: SlotRef) {
        let (block, index) = slot.place();
        // SAFETY: S1: a slot and its block are never moved or freed.
        unsafe { (*block).free().release(index) };
    }
}
