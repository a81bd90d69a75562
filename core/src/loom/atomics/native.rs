//! The machine's own atomics.

#[cfg(not(lean))]
pub(crate) use core::sync::atomic::AtomicPtr;
pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Sets bits and returns what there was before.
#[inline]
pub(crate) fn set_bits(word: &AtomicUsize, bits: usize, order: Ordering) -> usize {
    word.fetch_or(bits, order)
}
