//! Atomics of a chip that has no compare-and-swap, as the program has chosen for `portable-atomic`.

pub(crate) use portable_atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// Sets bits and returns what there was before.
#[inline]
pub(crate) fn set_bits(word: &AtomicUsize, bits: usize, order: Ordering) -> usize {
    word.fetch_or(bits, order)
}
