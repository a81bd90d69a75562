//! Words of bits, each of which says of a piece of memory that it is taken.

use crate::loom::{AtomicUsize, Ordering};

/// Sets the lowest clear bit below `len`.
pub(crate) fn claim_bit(used: &AtomicUsize, len: usize) -> Option<usize> {
    let mut bits = used.load(Ordering::Relaxed);
    loop {
        let index = bits.trailing_ones() as usize;
        if index >= len {
            return None;
        }
        // Acquire: the former use of the memory comes before ours.
        match used.compare_exchange_weak(
            bits,
            bits | 1 << index,
            Ordering::Acquire,
            Ordering::Relaxed,
        ) {
            Ok(_) => return Some(index),
            Err(now) => bits = now,
        }
    }
}

/// Clears a bit that [`claim_bit`] has set.
pub(crate) fn release_bit(used: &AtomicUsize, index: usize) {
    used.fetch_and(!(1 << index), Ordering::Release);
}
