//! As many words as a number of bodies need, so that each body has a bit: set while the body is taken.

use crate::loom::AtomicUsize;
use crate::task::state::claim_bit;

/// Bits of a word.
pub(super) const BITS: usize = usize::BITS as usize;

/// How many words have a bit for each of `bodies`.
pub const fn words_of(bodies: usize) -> usize {
    bodies.div_ceil(BITS)
}

/// Sets a clear bit below `bodies`: the word, the bit's index in it, and the body's index.
///
/// # Safety
///
/// `words` points to [`words_of`] `bodies` words of a static.
#[inline]
pub(super) unsafe fn claim_bit_of(
    words: *const AtomicUsize,
    bodies: usize,
) -> Option<(&'static AtomicUsize, usize, usize)> {
    let mut first = 0;
    while first < bodies {
        // SAFETY: the caller's promise.
        let word = unsafe { &*words.add(first / BITS) };
        if let Some(bit) = claim_bit(word, (bodies - first).min(BITS)) {
            return Some((word, bit, first + bit));
        }
        first += BITS;
    }
    None
}
