//! What is ready at once although it has nothing to wait for draws from the task's budget as everything else
//! does: somebody may ask for it in a loop.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use polliwog_core::task::budget::{poll_proceed, poll_within};

/// Draws for an operation that does not wait and costs as much as moving so many bytes.
pub(crate) async fn draw(bytes: usize) {
    poll_fn(|cx| poll_proceed(cx).map(|permit| permit.charge(bytes))).await;
}

/// Moves nothing, because nothing was asked for.
#[cold]
pub(crate) fn poll_nothing(cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    poll_within(cx, |_| Poll::Ready(Ok(0)))
}
