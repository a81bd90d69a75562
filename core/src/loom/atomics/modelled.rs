//! The atomics of models, which loom checks.

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// Sets bits and returns what there was before.
#[inline]
pub(crate) fn set_bits(word: &AtomicUsize, bits: usize, order: Ordering) -> usize {
    word.fetch_or(bits, order)
}
