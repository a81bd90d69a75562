//! What lies beside the lists of those who wait for a channel, and the steps that are made of it.

use core::task::Waker;

use super::{Buffer, List, RECEIVERS, SENDERS, Scope, TrySendError, View};
use crate::loom::Cell;
use crate::sync::slot::WakerSlot;
use crate::task::wake_quietly;

pub(in crate::sync) struct State<B> {
    pub(super) buffer: B,
    /// Places that somebody has taken or been given, or that a message is in; so that all is zero bits at first.
    /// With [`SHUT`] nobody may take one any more, as there seem to be more of them than there is room for.
    pub(super) taken: Cell<usize>,
    /// Handles that send.
    pub(super) senders: Cell<usize>,
    /// Handles that receive.
    pub(super) receivers: Cell<usize>,
    /// There were senders, and the last one has gone.
    pub(super) ended: Cell<bool>,
    /// Whoever receives, where there is only one.
    pub(super) receiver: WakerSlot,
}

/// Added to the number of places that have been taken.
const SHUT: usize = isize::MIN as usize;

impl<B: Buffer> State<B> {
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.ended.get() || self.taken.get() == SHUT
    }

    /// Whether nobody may take a place any more.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.taken.get() & SHUT != 0
    }

    pub(super) fn set_closed(&self, closed: bool) {
        let taken = self.taken.get() & !SHUT;
        self.taken.set(if closed { taken | SHUT } else { taken });
    }

    /// How many places nobody has.
    pub(super) fn free(&self) -> usize {
        self.buffer.capacity() - (self.taken.get() & !SHUT)
    }
}

/// Whoever is to receive next.
#[inline]
pub(super) fn wake_receiver<B: Buffer>(view: &View<'_, B>) -> Option<Waker> {
    (view.value().receiver.take()).or_else(|| view.take_first(RECEIVERS))
}

/// Takes a place, if there is one and nobody waits for it.
#[inline]
pub(super) fn take_place<B: Buffer>(view: &View<'_, B>) -> Result<(), TrySendError<()>> {
    let state = view.value();
    // If somebody waits, nothing is free.
    let taken = state.taken.get();
    if taken >= state.buffer.capacity() {
        return Err(if state.is_closed() {
            TrySendError::Closed(())
        } else {
            TrySendError::Full(())
        });
    }
    state.taken.set(taken + 1);
    Ok(())
}

/// What has become of a place that was given back.
#[must_use = "somebody waits to be told"]
pub(super) struct Given {
    /// Who has got it.
    sender: Option<Waker>,
    /// It was the last that was taken of a closed channel: those who receive are to see the end.
    over: bool,
}

impl Given {
    /// Tells those whom it is about, once the lock has been let go.
    #[inline]
    pub(super) fn tell<B: Buffer, S: Scope>(self, list: &List<B, S>) {
        wake(self.sender);
        if self.over {
            wake_receivers(list);
        }
    }
}

/// Gives a place to the first who waits for one, or makes it free.
#[inline]
pub(super) fn give_place<B: Buffer>(view: &View<'_, B>) -> Given {
    let sender = view.take_first(SENDERS);
    let state = view.value();
    let mut over = false;
    if sender.is_none() {
        let left = state.taken.get() - 1;
        state.taken.set(left);
        over = left == SHUT;
    }
    Given { sender, over }
}

/// Takes a message, if there is one, and gives its place back.
#[inline]
pub(super) fn take_message<B: Buffer>(view: &View<'_, B>) -> Option<(B::Item, Given)> {
    let message = view.value().buffer.pop()?;
    Some((message, give_place(view)))
}

/// What [`take_at_once`] has found.
pub(super) enum AtOnce<T> {
    Message(T),
    /// There is none, and it is not over.
    Nothing,
    /// It takes more than that to say.
    More,
}

/// Takes a message, if there is one, nobody waits for its place, and the channel has not been closed: then
/// nobody is to be told.
#[inline]
pub(super) fn take_at_once<B: Buffer>(view: &View<'_, B>) -> AtOnce<B::Item> {
    let state = view.value();
    if !view.is_empty(SENDERS) || state.is_closed() {
        return AtOnce::More;
    }
    match state.buffer.pop() {
        Some(message) => {
            state.taken.set(state.taken.get() - 1);
            AtOnce::Message(message)
        }
        None if state.ended.get() => AtOnce::More,
        None => AtOnce::Nothing,
    }
}

/// Takes a message and gives its place back; or `None` in it, if there is none and none comes.
#[inline]
pub(super) fn receive<B: Buffer>(view: &View<'_, B>) -> Option<Option<(B::Item, Given)>> {
    match take_message(view) {
        None => view.value().is_over().then_some(None),
        received => Some(received),
    }
}

/// Puts a message into a place that was taken for it some time ago; returns who is to receive it, or the
/// message, if nobody will.
#[inline]
pub(super) fn fill_reserved<B: Buffer>(
    view: &View<'_, B>,
    message: B::Item,
) -> Result<Option<Waker>, B::Item> {
    let state = view.value();
    if state.is_closed() && state.receivers.get() == 0 {
        // Who waits for a place is told of the end, and nobody needs it.
        state.taken.set(state.taken.get() - 1);
        return Err(message);
    }
    Ok(fill(view, message))
}

/// Puts a message into a place that has been taken for it; returns who is to receive it.
#[inline]
pub(super) fn fill<B: Buffer>(view: &View<'_, B>, message: B::Item) -> Option<Waker> {
    view.value().buffer.push(message);
    wake_receiver(view)
}

#[inline]
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        wake_one(waker);
    }
}

/// Out of line, so that the way there on which nobody is to be woken is short.
#[inline(never)]
fn wake_one(waker: Waker) {
    wake_quietly(waker);
}

/// Wakes all who receive: it is over.
#[cold]
pub(super) fn wake_receivers<B: Buffer, S: Scope>(list: &List<B, S>) {
    wake(list.with(|view| view.value().receiver.take()));
    list.notify_all(RECEIVERS);
}
