//! What is ready at once although it has nothing to wait for draws from the task's budget as everything else
//! does: somebody may ask for it in a loop.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use polliwog_core::task::budget::poll_proceed;

/// Draws for an operation that does not wait and costs as much as moving so many bytes.
pub(crate) async fn draw(bytes: usize) {
    poll_fn(|cx| poll_proceed(cx).map(|permit| permit.charge(bytes))).await;
}

/// Moves nothing, because nothing was asked for.
#[cold]
pub(crate) fn poll_nothing(cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    poll_proceed(cx).map(|permit| {
        permit.charge(0);
        Ok(0)
    })
}

/// Polls what is ready at once as a rule: at the price of a unit if it is.
#[inline]
pub(crate) fn poll_within<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    let permit = ready!(poll_proceed(cx));
    let polled = ready!(poll(cx));
    permit.charge(0);
    Poll::Ready(polled)
}
