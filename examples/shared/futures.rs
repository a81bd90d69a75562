//! Two small futures.

use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use log::debug;

/// Writes a record for each poll of a future, beginning with `name`.
pub(crate) async fn logged<F: Future>(name: impl Display, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut polls = 0_u64;
    poll_fn(move |cx| {
        polls += 1;
        let poll = future.as_mut().poll(cx);
        let state = if poll.is_ready() { "done" } else { "waiting" };
        debug!("{name}: poll {polls}: {state}");
        poll
    })
    .await
}

/// Waits until either future is ready, and drops the other.
pub(crate) async fn either(one: impl Future, other: impl Future) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| {
        if one.as_mut().poll(cx).is_ready() || other.as_mut().poll(cx).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
