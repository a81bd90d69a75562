//! Waiting for a timer: [`TimerNode::poll`].

use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll};

use super::TimerNode;
use crate::task::waker;

impl TimerNode {
    /// Ready once the timer has fired; until then wakes the last context that polled it.
    pub(crate) fn poll(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.fired.get() {
            return Poll::Ready(());
        }
        let place = self.waker.get();
        // SAFETY: T2; `will_wake` runs no foreign code.
        let known = unsafe { (*place).as_ref() }.is_some_and(|old| old.will_wake(cx.waker()));
        if !known {
            let (new, is_foreign) = waker::copy(cx.waker());
            // Foreign code may have run the executor, or dropped it.
            if is_foreign && self.fired.get() {
                return Poll::Ready(());
            }
            if is_foreign && !self.is_linked() {
                new.wake();
                return Poll::Pending;
            }
            // SAFETY: T2; the old waker is dropped when the cell is no longer in use.
            let old = unsafe { ptr::replace(place, Some(new)) };
            drop(old);
        }
        Poll::Pending
    }
}
