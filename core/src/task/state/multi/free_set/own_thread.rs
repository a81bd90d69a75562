//! The free slots of a block, with `std`: only the executor's thread claims and frees. Builds without have
//! `any_level.rs` in place of this file.

use crate::loom::{Cell, const_unless_loom};

pub(crate) struct FreeSet {
    bits: Cell<usize>,
}

impl FreeSet {
    const_unless_loom! {
        pub(super) fn new() -> Self {
            Self { bits: Cell::new(0) }
        }
    }

    pub(super) fn fill(&self, bits: usize) {
        self.bits.set(bits);
    }

    pub(super) fn count(&self) -> usize {
        self.bits.get().count_ones() as usize
    }

    /// Takes the lowest free slot; also tells whether it was the last one.
    #[inline]
    pub(crate) fn claim(&self) -> Option<(usize, bool)> {
        let bits = self.bits.get();
        if bits == 0 {
            return None;
        }
        let rest = bits & (bits - 1);
        self.bits.set(rest);
        Some((bits.trailing_zeros() as usize, rest == 0))
    }

    /// Gives a slot back; tells whether there was none free before.
    #[inline]
    pub(crate) fn release(&self, index: usize) -> bool {
        let bits = self.bits.get();
        self.bits.set(bits | 1 << index);
        bits == 0
    }
}
