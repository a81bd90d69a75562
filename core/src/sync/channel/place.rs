//! Waiting for room in a channel.

use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::state::{give_place, take_place, wake};
use super::{Buffer, List, QUEUES, SENDERS, Scope, TrySendError, Wait, WaitState};
use crate::task::budget::poll_within;

pin_project! {
    /// Waits for a place in the buffer, which is the caller's once it has ended well.
    pub(super) struct Place<'a, B: Buffer, S: Scope> {
        #[pin]
        pub(super) wait: Wait<&'a List<B, S>, SENDERS, QUEUES>,
    }

    impl<B: Buffer, S: Scope> PinnedDrop for Place<'_, B, S> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let next = this.project().wait.cancel_with(|view, state, ()| match state {
                WaitState::Notified => give_place(view),
                _ => None,
            });
            wake(next.flatten());
        }
    }
}

impl<B: Buffer, S: Scope> Future for Place<'_, B, S> {
    type Output = Result<(), ()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = self.project().wait;
        poll_within(cx, |cx| {
            wait.poll_with(cx, |view, state| match state {
                WaitState::New => match take_place(view) {
                    Ok(()) => Some(Ok(())),
                    Err(TrySendError::Full(())) => None,
                    Err(TrySendError::Closed(())) => Some(Err(())),
                },
                WaitState::Waiting => None,
                WaitState::Notified => Some(Ok(())),
                WaitState::NotifiedWithAll => Some(Err(())),
            })
        })
    }
}
