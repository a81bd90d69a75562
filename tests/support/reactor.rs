//! A reactor as a user would write it, to run the tests on something that is not ours.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time;

use polliwog::{Deadline, Instant, Reactor};

/// Time and waiting by a thread's own park and unpark; no sources.
pub(crate) struct ThreadReactor {
    start: time::Instant,
    unparker: Waker,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl ThreadReactor {
    pub(crate) fn new() -> Self {
        Self {
            start: time::Instant::now(),
            unparker: Arc::new(Unpark(thread::current())).into(),
        }
    }
}

impl Reactor for ThreadReactor {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::from_duration(self.start.elapsed())
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        match until.remaining(self.now()) {
            None => thread::park(),
            Some(left) => thread::park_timeout(left),
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        self.unparker.clone()
    }
}
