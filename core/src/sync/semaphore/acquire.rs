//! Waiting for permits.

use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::{
    AcquireError, List, Many, State, TryAcquireError, Usual, View, go_on_granting, grant, try_take,
};
use crate::sync::scope::Scope;
use crate::sync::wait_list::{FIRST_LOOK, Parting, Wait, WaitState};
use crate::task::budget::{self, poll_proceed};
use crate::trace::waits;

/// What whoever gives up had got goes back, and to whoever can have it.
pub(super) enum GiveBack {}

impl<U: Usual> Parting<State<U>, U::Many, 1> for GiveBack {
    type Left = Option<Waker>;

    #[inline]
    fn part(view: &View<'_, U>, _: usize, state: WaitState, permits: U::Many) -> Option<Waker> {
        if state == WaitState::Notified {
            view.value().give(permits.get());
        }
        // Whoever came behind it may need less than it did.
        grant(view)
    }

    #[inline]
    fn tell<S: Scope>(list: &List<S, U>, next: Option<Waker>) {
        if let Some(next) = next {
            go_on_granting(list, next);
        }
    }
}

type Waiting<'a, S, U> = Wait<&'a List<S, U>, 0, 1, GiveBack>;

pin_project! {
    /// Waits for permits; they are the caller's once it has ended well.
    pub(in crate::sync) struct Acquire<'a, S: Scope, U: Usual> {
        #[pin]
        pub(super) wait: Waiting<'a, S, U>,
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
        if FIRST_LOOK && !wait.has_joined() {
            let permits = wait.as_mut().data().get();
            match wait.list_ref().with(|view| try_take(view, permits)) {
                Ok(()) => {
                    unit.charge(0);
                    return Poll::Ready(Ok(()));
                }
                Err(TryAcquireError::NoPermits) if wait.as_mut().join_at_once(cx) => {
                    return waits::method("Semaphore::acquire", || Poll::Pending);
                }
                Err(_) => {}
            }
        }
        waits::method("Semaphore::acquire", || poll_queue(wait, cx, unit))
    }
}

/// The poll of an [`Acquire`] that does not find its permits free at once.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn poll_queue<S: Scope, U: Usual>(
    mut wait: Pin<&mut Waiting<'_, S, U>>,
    cx: &mut Context<'_>,
    unit: budget::Permit,
) -> Poll<Result<(), AcquireError>> {
    let permits = wait.as_mut().data().get();
    let acquired = ready!(wait.poll_with(cx, |view, state| match state {
        WaitState::New => match try_take(view, permits) {
            Ok(()) => Some(Ok(())),
            Err(TryAcquireError::NoPermits) => None,
            Err(TryAcquireError::Closed) => Some(Err(AcquireError(()))),
        },
        WaitState::Waiting => None,
        WaitState::Notified => Some(Ok(())),
        WaitState::NotifiedWithAll => Some(Err(AcquireError(()))),
    }));
    unit.charge(0);
    Poll::Ready(acquired)
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
