//! The atomics of a chip with one core that has no compare-and-swap: they can only be loaded and stored, but at the
//! cost of an instruction. Emulated ones take a critical section for each load.

pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Sets bits and returns what there was before.
#[inline]
pub(crate) fn set_bits(word: &AtomicUsize, bits: usize, _: Ordering) -> usize {
    critical_section::with(|_| {
        let before = word.load(Ordering::Relaxed);
        word.store(before | bits, Ordering::Relaxed);
        before
    })
}
