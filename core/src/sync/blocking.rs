//! Waiting on a thread that is no executor's.

use std::pin::pin;
use std::task::{Context, Poll};
use std::thread;

use crate::executor::context;
use crate::executor::thread_waker::thread_waker;

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
    let waker = thread_waker();
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
