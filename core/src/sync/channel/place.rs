//! Waiting for room in a channel.

use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::state::{Given, State, fill, fill_reserved, give_place, take_place, wake};
use super::{Buffer, List, QUEUES, SENDERS, Scope, SendError, TrySendError, View, Wait, WaitState};
use crate::sync::wait_list::{FIRST_LOOK, Parting};
use crate::task::budget::{self, poll_proceed, poll_within};
use crate::trace::waits;

/// A place that was given to whoever gives up goes to the next.
pub(super) enum GiveOn {}

impl<B: Buffer> Parting<State<B>, (), QUEUES> for GiveOn {
    type Left = Option<Given>;

    #[inline]
    fn part(view: &View<'_, B>, _: usize, state: WaitState, (): ()) -> Option<Given> {
        (state == WaitState::Notified).then(|| give_place(view))
    }

    #[inline]
    fn tell<S: Scope>(list: &List<B, S>, given: Option<Given>) {
        if let Some(place) = given {
            place.tell(list);
        }
    }
}

type Waiting<'a, B, S> = Wait<&'a List<B, S>, SENDERS, QUEUES, GiveOn>;

pin_project! {
    /// Waits for a place in the buffer, which is the caller's once it has ended well.
    pub(super) struct Place<'a, B: Buffer, S: Scope> {
        #[pin]
        wait: Waiting<'a, B, S>,
    }
}

impl<'a, B: Buffer, S: Scope> Place<'a, B, S> {
    pub(super) fn new(list: &'a List<B, S>) -> Self {
        Self {
            wait: Wait::new(list, ()),
        }
    }
}

impl<B: Buffer, S: Scope> Future for Place<'_, B, S> {
    type Output = Result<(), ()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = self.project().wait;
        let poll = |cx: &mut Context<'_>| {
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
        };
        waits::method("Sender::reserve", || poll_within(cx, poll))
    }
}

pin_project! {
    /// Waits for a place and puts a message there, in the same step. One future, not one in another: that is
    /// what a message costs most.
    pub(super) struct Sending<'a, B: Buffer, S: Scope> {
        #[pin]
        wait: Waiting<'a, B, S>,
        message: Option<B::Item>,
    }
}

/// Takes a place, if there is one and nobody waits for it, and puts the message there.
#[inline]
fn send<B: Buffer>(
    view: &View<'_, B>,
    message: &mut Option<B::Item>,
) -> Result<Option<Waker>, TrySendError<()>> {
    take_place(view)?;
    Ok(put(view, message))
}

/// Puts the message into a place that has been taken for it.
#[inline]
fn put<B: Buffer>(view: &View<'_, B>, message: &mut Option<B::Item>) -> Option<Waker> {
    fill(view, message.take()?)
}

/// What a closed channel answers.
#[cold]
fn refused<T>(message: &mut Option<T>) -> SendError<T> {
    match message.take() {
        Some(message) => SendError(message),
        None => unreachable!("looked at by `poll`"),
    }
}

impl<'a, B: Buffer, S: Scope> Sending<'a, B, S> {
    #[inline]
    pub(super) fn new(list: &'a List<B, S>, message: B::Item) -> Self {
        Self {
            wait: Wait::new(list, ()),
            message: Some(message),
        }
    }
}

impl<B: Buffer, S: Scope> Future for Sending<'_, B, S> {
    type Output = Result<(), SendError<B::Item>>;

    #[cfg_attr(not(target_os = "none"), inline(always))]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(poll_proceed(cx));
        let mut this = self.project();
        // Mostly there is room; it is no more than this then.
        if FIRST_LOOK && !this.wait.has_joined() && this.message.is_some() {
            match this.wait.list_ref().with(|view| send(view, this.message)) {
                Ok(receiver) => {
                    unit.charge(0);
                    wake(receiver);
                    return Poll::Ready(Ok(()));
                }
                Err(TrySendError::Full(())) if this.wait.as_mut().join_at_once(cx) => {
                    return waits::method("Sender::send", || Poll::Pending);
                }
                Err(_) => {}
            }
        }
        waits::method("Sender::send", || {
            poll_queue(this.wait, cx, this.message, unit)
        })
    }
}

/// The poll of a [`Sending`] that does not find room at once.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn poll_queue<B: Buffer, S: Scope>(
    wait: Pin<&mut Waiting<'_, B, S>>,
    cx: &mut Context<'_>,
    message: &mut Option<B::Item>,
    unit: budget::Permit,
) -> Poll<Result<(), SendError<B::Item>>> {
    assert!(message.is_some(), "polled after its end");
    let sent = ready!(wait.poll_with(cx, |view, state| match state {
        WaitState::New => match send(view, message) {
            Ok(receiver) => Some(Ok(receiver)),
            Err(TrySendError::Full(())) => None,
            Err(TrySendError::Closed(())) => Some(Err(())),
        },
        WaitState::Waiting => None,
        // What nobody receives any more comes back.
        WaitState::Notified => Some(match message.take().map(|own| fill_reserved(view, own)) {
            Some(Ok(receiver)) => Ok(receiver),
            Some(Err(own)) => {
                // There is none in it, so there is nothing to drop.
                *message = Some(own);
                Err(())
            }
            None => Ok(None),
        }),
        WaitState::NotifiedWithAll => Some(Err(())),
    }));
    unit.charge(0);
    Poll::Ready(match sent {
        Ok(receiver) => {
            wake(receiver);
            Ok(())
        }
        Err(()) => Err(refused(message)),
    })
}
