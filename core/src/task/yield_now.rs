//! Letting other tasks run.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// Lets all other tasks that are ready run before this one goes on.
///
/// The task takes its place in the next turn of the run loop. Input, output and timers are
/// looked at when nothing is ready, and at the latest after 64 polls and 100 µs.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
