//! Waiting for permits.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{AcquireError, State, TryAcquireError, Usual, go_on_granting, grant, try_take};
use crate::sync::scope::Scope;
use crate::sync::wait_list::{Wait, WaitList, WaitState};
use crate::task::budget::poll_proceed;

pin_project! {
    /// Waits for permits; they are the caller's once it has ended well.
    pub(in crate::sync) struct Acquire<'a, S: Scope, U: Usual> {
        #[pin]
        pub(super) wait: Wait<&'a WaitList<S, State<U>, usize>>,
    }

    impl<S: Scope, U: Usual> PinnedDrop for Acquire<'_, S, U> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let wait = this.project().wait;
            if wait.has_joined() {
                give_up(wait);
            }
        }
    }
}

/// The end of an [`Acquire`] that has waited.
#[inline(never)]
fn give_up<S: Scope, U: Usual>(mut wait: Pin<&mut Wait<&WaitList<S, State<U>, usize>>>) {
    let next = wait.as_mut().cancel_with(|view, state, permits| {
        if state == WaitState::Notified {
            view.value().give(permits);
        }
        // Whoever came behind it may need less than it did.
        grant(view)
    });
    if let Some(Some(next)) = next {
        go_on_granting(wait.list_ref(), next);
    }
}

impl<S: Scope, U: Usual> Future for Acquire<'_, S, U> {
    type Output = Result<(), AcquireError>;

    /// Draws from the budget of the poll that is under way: a lock that is free each time is one of those
    /// things that a task could go on with for ever.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(poll_proceed(cx));
        let mut wait = self.project().wait;
        // Mostly they are free; it is no more than this then.
        if !wait.has_joined() {
            let permits = wait.as_mut().data();
            let taken = wait.list_ref().with(|view| try_take(view, permits));
            if taken != Err(TryAcquireError::NoPermits) {
                unit.charge(0);
                return Poll::Ready(taken.map_err(|_| AcquireError(())));
            }
        }
        let acquired = poll_queue(wait, cx);
        if acquired.is_ready() {
            unit.charge(0);
        }
        acquired
    }
}

/// The poll of an [`Acquire`] that does not find its permits free at once.
#[inline(never)]
fn poll_queue<S: Scope, U: Usual>(
    mut wait: Pin<&mut Wait<&WaitList<S, State<U>, usize>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), AcquireError>> {
    let permits = wait.as_mut().data();
    wait.poll_with(cx, |view, state| match state {
        WaitState::New => match try_take(view, permits) {
            Ok(()) => Some(Ok(())),
            Err(TryAcquireError::NoPermits) => None,
            Err(TryAcquireError::Closed) => Some(Err(AcquireError(()))),
        },
        WaitState::Waiting => None,
        WaitState::Notified => Some(Ok(())),
        WaitState::NotifiedWithAll => Some(Err(AcquireError(()))),
    })
}

pin_project! {
    /// Waits for permits and makes something of them. One future, not one in another: that is what a lock
    /// costs most.
    pub(in crate::sync) struct AcquireThen<'a, S: Scope, U: Usual, F> {
        #[pin]
        pub(super) acquire: Acquire<'a, S, U>,
        pub(super) finish: F,
    }
}

impl<S: Scope, U: Usual, F, T> Future for AcquireThen<'_, S, U, F>
where
    F: Fn(Result<(), AcquireError>) -> T,
{
    type Output = T;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        let acquired = ready!(this.acquire.poll(cx));
        Poll::Ready((this.finish)(acquired))
    }
}
