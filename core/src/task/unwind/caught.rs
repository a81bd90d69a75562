//! Catching panics, where there is a standard library. Bare metal has `never.rs` in place of this file.

use core::any::Any;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::task::failure::Failure;

/// What a panic has thrown.
pub(crate) type Thrown = Box<dyn Any + Send>;

/// Runs foreign code; with `std` a panic becomes an error, without it passes through.
#[inline]
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Failure> {
    #[cfg(feature = "std")]
    return catch_unwind(AssertUnwindSafe(f)).map_err(Failure::panicked);
    #[cfg(not(feature = "std"))]
    return Ok(f());
}

/// As [`catch`], whether feature `std` is on or not. The error is what the panic has thrown.
#[inline]
pub(crate) fn catch_anyway<T>(f: impl FnOnce() -> T) -> Result<T, Thrown> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Goes on with a panic that was held up, unless it is one too many.
#[cold]
pub(crate) fn go_on_with(thrown: Thrown) {
    if !std::thread::panicking() {
        resume_unwind(thrown);
    }
    super::discard(thrown);
}
