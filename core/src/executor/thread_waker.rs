//! The waker of a thread that parks until it is woken.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::task::Waker;
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn make() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// Unparks this thread: one waker for all its waits, as it waits for one thing at a time.
pub(crate) fn thread_waker() -> Waker {
    std::thread_local! {
        static WAKER: Waker = make();
    }
    // The thread may be ending.
    WAKER.try_with(Waker::clone).unwrap_or_else(|_| make())
}
