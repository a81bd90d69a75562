//! Letting other tasks run.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::waker::wake_last;

/// Lets all other tasks that are ready run before this one goes on.
///
/// Whatever has been spawned or woken before the yield goes first, and so does what the next look at input,
/// output and timers finds ready if it is time for one; then those that have yielded go on, in the order in which they did.
/// A busy executor looks about every 100 µs, or after each poll where polls take longer; so tasks that compute
/// and yield now and then delay nobody by more than one of the pieces that they compute at a time, once the executor has
/// seen how long these are. None of them waits for ever beside tasks that are always ready.
///
/// On a chip with a single core (feature `single-core`) tasks run in the order of their indices in each turn.
/// Polled with another waker than that of the task itself, as inside of `FuturesUnordered`, a yield is a wake
/// like any other.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// polliwog::block_on(async {
///     let other = polliwog::spawn(async { 7 }).unwrap();
///     polliwog::yield_now().await;
///     assert!(other.is_finished()); // it has had its turn
/// });
/// ```
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
        wake_last(cx.waker());
        Poll::Pending
    }
}
