//! What lies beside the lists of those who wait for a channel, and the steps that are made of it.

use core::task::Waker;

use super::{Buffer, RECEIVERS, SENDERS, TrySendError, View};
use crate::shim::Cell;
use crate::sync::slot::WakerSlot;
use crate::task::wake_quietly;

pub(in crate::sync) struct State<B> {
    pub(super) buffer: B,
    /// Places that nobody has taken or been given.
    pub(super) free: Cell<usize>,
    /// Handles that send.
    pub(super) senders: Cell<usize>,
    /// Handles that receive.
    pub(super) receivers: Cell<usize>,
    /// There were senders, and the last one has gone.
    pub(super) ended: Cell<bool>,
    /// Nobody may take a place any more.
    pub(super) closed: Cell<bool>,
    /// Whoever receives, where there is only one.
    pub(super) receiver: WakerSlot,
}

impl<B: Buffer> State<B> {
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.ended.get() || (self.closed.get() && self.free.get() == self.buffer.capacity())
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
    if state.closed.get() {
        return Err(TrySendError::Closed(()));
    }
    // If somebody waits, nothing is free.
    match state.free.get().checked_sub(1) {
        Some(left) => {
            state.free.set(left);
            Ok(())
        }
        None => Err(TrySendError::Full(())),
    }
}

/// Gives a place to the first who waits for one, or makes it free. Returns whoever is to be woken.
#[inline]
pub(super) fn give_place<B: Buffer>(view: &View<'_, B>) -> Option<Waker> {
    let first = view.take_first(SENDERS);
    if first.is_some() {
        return first;
    }
    let state = view.value();
    state.free.set(state.free.get() + 1);
    None
}

/// Takes a message, and whoever gets its place; or `None` in it, if there is none and none comes.
#[inline]
pub(super) fn receive<B: Buffer>(view: &View<'_, B>) -> Option<Option<(B::Item, Option<Waker>)>> {
    if let Some(message) = view.value().buffer.pop() {
        return Some(Some((message, give_place(view))));
    }
    view.value().is_over().then_some(None)
}

#[inline]
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        wake_quietly(waker);
    }
}
