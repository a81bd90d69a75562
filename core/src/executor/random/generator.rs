//! Chance that is the same in the next run.

/// Where the dice start that no seed has set: any number but zero.
pub(super) const START: u64 = 0x9E37_79B9_7F4A_7C15;

/// One step of the xorshift64 generator (Marsaglia 2003, shifts 13, 7, 17); never zero for a
/// state that is not.
#[inline]
pub(crate) fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}
