//! Letting other tasks run.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// Lets all other tasks that are ready run before this one goes on.
///
/// Tasks run in the order in which they were woken, so whatever has been spawned or woken before the
/// yield goes first, and then this task goes on; on a chip with a single core (feature `single-core`)
/// tasks run in the order of their indices in each turn. A busy executor looks at input, output and timers
/// about every 100 µs, or after each poll where polls take longer; so a task that computes
/// and yields now and then delays nobody by more than two of the pieces that it computes at a time.
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
