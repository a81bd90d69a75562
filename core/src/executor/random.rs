//! Random numbers: where a choice should be fair, and the same in the next run.

use super::context;
use generator::{START, next};

#[cfg_attr(seeded, path = "random/seeded.rs")]
#[cfg_attr(not(seeded), path = "random/not_seeded.rs")]
mod chance;
pub(crate) mod generator;

pub(crate) use chance::Chance;

/// A pseudo-random number from the dice of the executor that runs here. Not for secrets.
///
/// An executor with a seed (`set_schedule_seed`, the seed of `polliwog::spin`) throws the same numbers
/// in each run with that seed; one without throws always the same. Where there are neither `std` nor
/// `simulation`, and outside of any executor, there is one row of numbers for all.
///
/// ```
/// # use polliwog_core as polliwog;
/// let executor_or_not = polliwog::executor::random();
/// assert_ne!(executor_or_not, polliwog::executor::random());
/// ```
#[inline]
pub fn random() -> u64 {
    let own = context::current().and_then(|executor| executor.shared().chance.throw());
    own.unwrap_or_else(stray::throw)
}

/// One of the numbers below `below`, which is not zero, each about as often as the others.
#[doc(hidden)]
#[inline]
pub fn random_below(below: u32) -> u32 {
    // The upper bits are the better ones.
    (((random() >> 32) * u64::from(below)) >> 32) as u32
}

/// For whoever is in no executor.
mod stray {
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Two who throw at the same time may throw the same; that takes no read-modify-write. Zero at first, so that
    /// it takes no flash, and never again.
    static STATE: AtomicUsize = AtomicUsize::new(0);

    pub(super) fn throw() -> u64 {
        let mut state = match STATE.load(Relaxed) {
            0 => super::START as usize,
            state => state,
        } as u64;
        // Where a word has 32 bits, the upper half is made of the lower.
        if usize::BITS < 64 {
            state |= state << 32;
        }
        let thrown = super::next(state);
        let kept = (thrown ^ (thrown >> 32)) as usize;
        // Zero would stay zero.
        let kept = if usize::BITS < 64 {
            kept | 1
        } else {
            thrown as usize
        };
        STATE.store(kept, Relaxed);
        thrown
    }
}
