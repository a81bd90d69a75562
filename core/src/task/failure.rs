//! How a task ends that has no output: [`Failure`], and [`Panic`].

use core::fmt;

/// Why a task has ended without an output, as its body keeps it: a word.
pub(crate) enum Failure {
    Aborted,
    Panicked(Panic),
}

impl Failure {
    #[cfg(feature = "std")]
    #[cold]
    pub(crate) fn panicked(payload: alloc::boxed::Box<dyn core::any::Any + Send>) -> Self {
        Self::Panicked(Panic::new(payload))
    }

    #[cfg(not(feature = "std"))]
    pub(crate) const PANICKED: Self = Self::Panicked(Panic { _private: () });
}

/// What is known of a task's panic: with feature `std` its payload.
pub struct Panic {
    // The mutex makes it `Sync`, so that errors can be passed on in any way.
    // Boxed, so that every task's output is two words smaller than it were otherwise.
    #[cfg(feature = "std")]
    payload: alloc::boxed::Box<std::sync::Mutex<alloc::boxed::Box<dyn core::any::Any + Send>>>,
    #[cfg(not(feature = "std"))]
    _private: (),
}

impl Panic {
    /// Of what [`catch_unwind`](std::panic::catch_unwind) or a thread's join has caught.
    #[cfg(feature = "std")]
    pub fn new(payload: alloc::boxed::Box<dyn core::any::Any + Send>) -> Self {
        Self {
            payload: alloc::boxed::Box::new(std::sync::Mutex::new(payload)),
        }
    }

    /// The payload, for `std::panic::resume_unwind`.
    #[cfg(feature = "std")]
    pub fn into_payload(self) -> alloc::boxed::Box<dyn core::any::Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The message, if the payload is a string as `panic!` makes it.
    #[cfg(feature = "std")]
    pub fn message(&self) -> Option<alloc::string::String> {
        let payload = self
            .payload
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(text) = payload.downcast_ref::<&'static str>() {
            return Some((*text).into());
        }
        payload.downcast_ref::<alloc::string::String>().cloned()
    }

    #[cfg(not(feature = "std"))]
    pub(crate) fn message(&self) -> Option<core::convert::Infallible> {
        None
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}
