//! Waiting on a thread that is no executor's.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::executor::context;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until the future has ended.
///
/// # Panics
///
/// Inside of an executor.
#[track_caller]
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    assert!(
        context::current().is_none(),
        "a thread must not block inside of an executor, which could not go on"
    );
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
