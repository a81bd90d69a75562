//! The chance of an executor that can be seeded. Builds without `std` and `simulation` have `not_seeded.rs` in place of
//! this file.

use super::generator::{START, next};
use crate::loom::Cell;

/// Dice of an executor. They are not those of the order in which tasks are polled, so that whoever
/// throws them does not change it.
pub(crate) struct Chance {
    /// The state that the next order of ready tasks is drawn from; zero: they have the order of their wakes.
    pub(in crate::executor) order: Cell<u64>,
    dice: Cell<u64>,
}

impl Chance {
    crate::loom::const_unless_loom! {
        pub(crate) fn new() -> Self {
            // The executor's beginning sets a seed; till then all is zero.
            Self { order: Cell::new(0), dice: Cell::new(0) }
        }
    }

    /// Throws from now on what belongs to `seed`, and orders tasks by it unless it is zero.
    pub(crate) fn seed(&self, seed: u64) {
        self.order.set(seed);
        // Seeds that differ little are to throw different things, from the start.
        let mut mixed = (seed ^ seed >> 32).wrapping_mul(START) ^ START;
        mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        self.dice.set((mixed ^ mixed >> 32) | 1);
    }

    /// A pseudo-random number.
    #[inline]
    pub(super) fn throw(&self) -> Option<u64> {
        let thrown = next(self.dice.get());
        self.dice.set(thrown);
        Some(thrown)
    }
}
