//! What a task may do in one poll, as a number: see [`crate::task::budget`].

/// The units of a poll.
pub(crate) const FULL: isize = 128;
/// What there is outside of a poll. Not endless where a word has 32 bits; when it comes to an end, the work goes on as
/// chance lets it.
pub(crate) const UNLIMITED: isize = isize::MAX;
