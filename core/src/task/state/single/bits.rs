//! Words of bits, each of which says of a piece of memory that it is taken.

use super::block::FIND_FIRST;
use crate::loom::{AtomicUsize, Ordering};

/// Sets the lowest clear bit below `len`. A critical section is all it takes on one core.
pub(crate) fn claim_bit(used: &AtomicUsize, len: usize) -> Option<usize> {
    critical_section::with(|_| {
        let (index, bits) = lowest_clear(used, 0);
        (index < len).then(|| {
            used.store(bits, Ordering::Relaxed);
            index
        })
    })
}

/// No slot's index.
pub(crate) const FULL: usize = usize::MAX;

/// The lowest clear bit, within or above the word's length, and the word with it set. A length of
/// one, if known to the compiler, saves it the search.
#[inline(always)]
pub(super) fn lowest_clear(used: &AtomicUsize, len: usize) -> (usize, usize) {
    let bits = used.load(Ordering::Relaxed);
    let mut index = 0;
    if FIND_FIRST {
        index = bits.trailing_ones() as usize;
    } else if len == 1 {
        index = bits & 1;
    } else {
        let mut rest = bits;
        while rest & 1 != 0 {
            rest >>= 1;
            index += 1;
        }
    }
    (index, bits | bits.wrapping_add(1))
}

/// A word of used bits, and where in it a body's bit is.
pub(crate) type BodyBit = (&'static AtomicUsize, usize);

/// Clears the bit at `index`, within a critical section.
#[inline(always)]
pub(super) fn clear(used: &AtomicUsize, index: usize) {
    used.store(
        used.load(Ordering::Relaxed) & !(1 << index),
        Ordering::Relaxed,
    );
}

/// Clears a bit that [`claim_bit`] has set.
#[inline(never)]
pub(crate) fn release_bit(used: &AtomicUsize, index: usize) {
    critical_section::with(|_| clear(used, index));
}
