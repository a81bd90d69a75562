//! A task's panic, of which nothing is known without `std`.

use core::convert::Infallible;

use super::Failure;
use crate::task::state::SlotRef;

impl Failure {
    pub(crate) const PANICKED: Self = Self::Panicked(Panic { _private: () });

    /// Nobody watches: the panic itself goes on to whoever runs the executor.
    #[inline(always)]
    pub(crate) fn tell(&self, _: SlotRef) {}
}

/// What is known of a task's panic: with feature `std` its payload.
pub struct Panic {
    _private: (),
}

impl Panic {
    pub(crate) fn message(&self) -> Option<Infallible> {
        None
    }
}
