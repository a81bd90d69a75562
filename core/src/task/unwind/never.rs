//! On bare metal a panic does not unwind, so there is nothing to catch.

use core::convert::Infallible;

use crate::task::failure::Failure;

/// What a panic has thrown: nothing ever.
pub(crate) type Thrown = Infallible;

#[inline]
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Failure> {
    Ok(f())
}

#[inline]
pub(crate) fn catch_anyway<T>(f: impl FnOnce() -> T) -> Result<T, Thrown> {
    Ok(f())
}

pub(crate) fn go_on_with(thrown: Thrown) {
    match thrown {}
}
