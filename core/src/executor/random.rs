//! Dice: where a choice should be fair, and the same in the next run.

#[cfg(any(feature = "std", feature = "simulation"))]
use super::context;
#[cfg(any(feature = "std", feature = "simulation"))]
use crate::shim::Cell;

/// Where the dice start that no seed has set: any number but zero.
const START: u64 = 0x9E37_79B9_7F4A_7C15;

/// Dice of an executor. They are not those of the order in which tasks are polled, so that whoever
/// throws them does not change it.
#[cfg(any(feature = "std", feature = "simulation"))]
pub(crate) struct Dice(Cell<u64>);

#[cfg(any(feature = "std", feature = "simulation"))]
impl Dice {
    crate::shim::const_unless_loom! {
        pub(crate) fn new() -> Self {
            // The executor's beginning sets a seed.
            Self(Cell::new(0))
        }
    }

    /// Throws from now on what belongs to `seed`.
    pub(crate) fn seed(&self, seed: u64) {
        // Seeds that differ little are to throw different things, from the start.
        let mut mixed = (seed ^ seed >> 32).wrapping_mul(START) ^ START;
        mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        self.0.set((mixed ^ mixed >> 32) | 1);
    }

    #[inline]
    fn throw(&self) -> u64 {
        let thrown = next(self.0.get());
        self.0.set(thrown);
        thrown
    }
}

#[inline]
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}

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
    #[cfg(any(feature = "std", feature = "simulation"))]
    if let Some(core) = context::current() {
        return core.shared().dice.throw();
    }
    stray::throw()
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
