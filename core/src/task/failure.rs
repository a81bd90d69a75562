//! How a task ends that has no output: [`Failure`], and [`Panic`].

use core::fmt;

#[cfg_attr(feature = "std", path = "failure/payload.rs")]
#[cfg_attr(not(feature = "std"), path = "failure/unknown.rs")]
mod panic;
#[cfg(feature = "std")]
mod refusal;

pub use panic::Panic;
#[cfg(feature = "std")]
pub use panic::{PanicWatch, watch_panics};
#[cfg(feature = "std")]
pub use refusal::{tell_refusal, watch_refusals};

/// Why a task has ended without an output, as its body keeps it: a word.
pub(crate) enum Failure {
    Aborted,
    Panicked(Panic),
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}
