//! A task's panic, of which nothing is known without `std`.

use core::convert::Infallible;

use super::Failure;

impl Failure {
    pub(crate) const PANICKED: Self = Self::Panicked(Panic { _private: () });
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
