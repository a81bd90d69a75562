//! A task's panic, with its payload. Builds without `std` have `unknown.rs` in place of this file.

use alloc::boxed::Box;
use alloc::string::String;
use core::any::Any;
use std::cell::Cell;
use std::sync::Mutex;

use super::Failure;
use crate::task::id::{TaskId, TaskKey};
use crate::task::state::SlotRef;

/// Who is told of a task's panic. Meanwhile the task is still in the list of its executor, unless it is the destructor of its
/// future that has panicked.
#[doc(hidden)]
pub type PanicWatch = fn(TaskId, &Panic);

std::thread_local! {
    static WATCH: Cell<Option<PanicWatch>> = const { Cell::new(None) };
}

/// Tells `watch` of each panic that ends a task on this thread, when it has been caught; for a reactor that knows better
/// than to wait until somebody joins the task.
#[doc(hidden)]
pub fn watch_panics(watch: PanicWatch) {
    WATCH.set(Some(watch));
}

impl Failure {
    #[cold]
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self::Panicked(Panic::new(payload))
    }

    /// Tells who watches that the task in a slot has ended in this way.
    #[cold]
    pub(crate) fn tell(&self, slot: SlotRef) {
        if let (Some(watch), Self::Panicked(panic)) = (WATCH.get(), self) {
            let generation = slot.generation();
            watch(TaskId(TaskKey { slot, generation }), panic);
        }
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
