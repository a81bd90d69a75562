//! [`Until`]: waiting for what the value beside a list says, within the budget of the poll.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{Access, FIRST_LOOK, ListRef, Wait};
use crate::sync::scope::Scope;
use crate::task::budget::poll_proceed;

pin_project! {
    /// Waits, as the [`Wait`] `W` does, until `attempt`, which is run under the list's lock, returns something; what becomes of
    /// that is told by `finish`, without the lock.
    ///
    /// Dropped after it has been notified, it lets the next in the queue have its attempt. It is one future, and
    /// not one in another: that is what the primitives cost most.
    pub(crate) struct Until<W, F, G> {
        #[pin]
        wait: W,
        attempt: F,
        finish: G,
    }
}

impl<R, F, G, U, V, const I: usize, const K: usize> Until<Wait<R, I, K>, F, G>
where
    R: ListRef<K>,
    F: FnMut(&Access<'_, R::Value, R::Data, K>) -> Option<U>,
    G: FnMut(&R, U) -> V,
{
    #[inline]
    pub(crate) fn new(list: R, data: R::Data, attempt: F, finish: G) -> Self {
        Self {
            wait: Wait::new(list, data),
            attempt,
            finish,
        }
    }
}

impl<R, F, G, U, V, const I: usize, const K: usize> Future for Until<Wait<R, I, K>, F, G>
where
    R: ListRef<K>,
    F: FnMut(&Access<'_, R::Value, R::Data, K>) -> Option<U>,
    G: FnMut(&R, U) -> V,
{
    type Output = V;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<V> {
        let unit = ready!(poll_proceed(cx));
        let mut this = self.project();
        // Where looking takes no lock, it is worth a look by itself: mostly there is something.
        let mut ready = None;
        if FIRST_LOOK && !R::Scope::LOCKS && !this.wait.has_joined() {
            ready = this.wait.list_ref().list().with(&mut *this.attempt);
            if ready.is_none() && this.wait.as_mut().join_at_once(cx) {
                return Poll::Pending;
            }
        }
        let ready = match ready {
            Some(ready) => ready,
            None => ready!(look_again(this.wait.as_mut(), cx, this.attempt)),
        };
        unit.charge(0);
        Poll::Ready((this.finish)(this.wait.list_ref(), ready))
    }
}

#[cfg_attr(not(target_os = "none"), inline(never))]
fn look_again<R, F, U, const I: usize, const K: usize>(
    wait: Pin<&mut Wait<R, I, K>>,
    cx: &mut Context<'_>,
    attempt: &mut F,
) -> Poll<U>
where
    R: ListRef<K>,
    F: FnMut(&Access<'_, R::Value, R::Data, K>) -> Option<U>,
{
    wait.poll_with(cx, |view, _| attempt(view))
}
