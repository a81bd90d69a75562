//! The least that could run tasks: a flag for each, and a loop that knows them all by name. No
//! spawning, no end of a task, nothing dynamic: what the runtimes are to be measured by.
#![no_std]

use core::sync::atomic::{AtomicU8, Ordering};
use core::task::{RawWaker, RawWakerVTable, Waker};

/// Whether a task is to be polled.
pub struct Ready(AtomicU8);

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, ignore);

fn clone(data: *const ()) -> RawWaker {
    RawWaker::new(data, &VTABLE)
}

fn wake(data: *const ()) {
    // SAFETY: made from a `&'static Ready`.
    unsafe { &*data.cast::<Ready>() }
        .0
        .store(1, Ordering::Relaxed);
}

fn ignore(_: *const ()) {}

impl Ready {
    /// A task that is to be polled.
    pub const fn new() -> Self {
        Self(AtomicU8::new(1))
    }

    /// The task's waker.
    pub fn waker(&'static self) -> Waker {
        // SAFETY: the functions take a `&'static Ready`, from any context.
        unsafe { Waker::new(core::ptr::from_ref(self).cast(), &VTABLE) }
    }

    /// Whether the task was to be polled.
    #[inline(always)]
    pub fn take(&self) -> bool {
        let ready = self.0.load(Ordering::Relaxed) != 0;
        if ready {
            self.0.store(0, Ordering::Relaxed);
        }
        ready
    }

    /// Whether the task is to be polled.
    #[inline(always)]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

/// Sleeps if `idle` says so.
#[inline(always)]
pub fn wait_if(idle: impl Fn() -> bool) {
    critical_section::with(|_| {
        if idle() {
            kit::wait_for_interrupt();
        }
    });
}
