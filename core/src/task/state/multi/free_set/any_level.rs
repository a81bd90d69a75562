//! The free slots of a block, without `std`: an interrupt handler may claim at any time. Builds with `std` have
//! `own_thread.rs` in place of this file.

use crate::loom::{AtomicUsize, Ordering, const_unless_loom};

pub(crate) struct FreeSet {
    bits: AtomicUsize,
}

impl FreeSet {
    const_unless_loom! {
        pub(super) fn new() -> Self {
            Self { bits: AtomicUsize::new(0) }
        }
    }

    pub(super) fn fill(&self, bits: usize) {
        self.bits.store(bits, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> usize {
        self.bits.load(Ordering::Relaxed).count_ones() as usize
    }

    /// Takes a free slot; also tells whether it was the last one.
    #[inline]
    pub(crate) fn claim(&self) -> Option<(usize, bool)> {
        let mut bits = self.bits.load(Ordering::Relaxed);
        while bits != 0 {
            let rest = bits & (bits - 1);
            // Acquire: what the former tenant's end did to `run` and `body` comes before our use.
            match self
                .bits
                .compare_exchange_weak(bits, rest, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Some((bits.trailing_zeros() as usize, rest == 0)),
                Err(now) => bits = now,
            }
        }
        None
    }

    /// Gives a slot back; tells whether there was none free before.
    #[inline]
    pub(crate) fn release(&self, index: usize) -> bool {
        self.bits.fetch_or(1 << index, Ordering::Release) == 0
    }
}
