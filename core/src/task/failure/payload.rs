//! A task's panic, with its payload. Builds without `std` have `unknown.rs` in place of this file.

use alloc::boxed::Box;
use alloc::string::String;
use core::any::Any;
use std::sync::Mutex;

use super::Failure;

impl Failure {
    #[cold]
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self::Panicked(Panic::new(payload))
    }
}

/// What is known of a task's panic: with feature `std` its payload.
pub struct Panic {
    // The mutex makes it `Sync`, so that errors can be passed on in any way.
    // Boxed, so that every task's output is two words smaller than it were otherwise.
    payload: Box<Mutex<Box<dyn Any + Send>>>,
}

impl Panic {
    /// Of what [`catch_unwind`](std::panic::catch_unwind) or a thread's join has caught.
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        Self {
            payload: Box::new(Mutex::new(payload)),
        }
    }

    /// The payload, for `std::panic::resume_unwind`.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The message, if the payload is a string as `panic!` makes it.
    pub fn message(&self) -> Option<String> {
        let payload = self
            .payload
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(text) = payload.downcast_ref::<&'static str>() {
            return Some((*text).into());
        }
        payload.downcast_ref::<String>().cloned()
    }
}
