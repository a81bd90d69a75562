//! The ends that change the value.

use core::fmt;
use core::pin::pin;

#[cfg(doc)]
use super::super::{Local, Shared};
use super::{CHANGED, CLOSED, OpenShelf, Receiver, Ref, SendError, Wait, Watch, WatchRef};
use crate::task::budget::poll_within;

/// An end that changes the value. When the last one has gone, those who watch get an error once they have
/// seen the last change.
///
/// Nothing but [`closed`](Self::closed) waits, so that it is for interrupt handlers, too, if the value is
/// shared.
pub struct Sender<P: WatchRef>(P);

impl<P: WatchRef> Sender<P> {
    /// The caller has counted it.
    pub(super) fn of(channel: P) -> Self {
        Self(channel)
    }

    /// Replaces the value, which tells those who watch.
    ///
    /// # Errors
    ///
    /// The value, if nobody watches. [`send_replace`](Self::send_replace) does not mind.
    ///
    /// # Panics
    ///
    /// In the scope [`Local`], while the value is [borrowed](Receiver::borrow). In the scope [`Shared`] it
    /// waits for other threads to let go of it, so that it must not be borrowed in this one. This is so
    /// for all that changes the value.
    pub fn send(&self, value: P::Value) -> Result<(), SendError<P::Value>> {
        if self.0.receivers() == 0 {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Replaces the value, also if nobody watches, and returns the former one.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_replace(&self, value: P::Value) -> P::Value {
        let mut value = value;
        self.0.modify(|place| {
            core::mem::swap(place, &mut value);
            true
        });
        value
    }

    /// Changes the value in its place, which tells those who watch.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_modify(&self, f: impl FnOnce(&mut P::Value)) {
        self.0.modify(|value| {
            f(value);
            true
        });
    }

    /// Changes the value in its place; those who watch are told if `f` says so. Returns what it said.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_if_modified(&self, f: impl FnOnce(&mut P::Value) -> bool) -> bool {
        self.0.modify(f)
    }

    /// Runs `f` with the value: see [`Watch::with`].
    pub fn with<U>(&self, f: impl FnOnce(&P::Value) -> U) -> U {
        self.0.with(f)
    }

    /// A copy of the value.
    pub fn get(&self) -> P::Value
    where
        P::Value: Clone,
    {
        self.0.get()
    }

    /// The value. While it is borrowed it cannot be changed: see [`Receiver::borrow`].
    pub fn borrow(&self) -> Ref<'_, P>
    where
        P::Shelf: OpenShelf<P::Value>,
    {
        Ref::new(self.0.value.open(), false)
    }

    /// Whether both change the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        core::ptr::eq::<Watch<_, _>>(&*self.0, &*other.0)
    }

    /// How many ends change the value.
    pub fn sender_count(&self) -> usize {
        self.0.senders()
    }

    /// Waits until nobody watches.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    pub async fn closed(&self) {
        let mut wait = pin!(Wait::<_, CLOSED, 2>::new(&self.0.list, ()));
        core::future::poll_fn(|cx| {
            poll_within(cx, |cx| {
                wait.as_mut().poll_with(cx, |view, _| {
                    (view.value().receivers.get() == 0).then_some(())
                })
            })
        })
        .await;
    }

    /// Whether nobody watches.
    pub fn is_closed(&self) -> bool {
        self.0.receivers() == 0
    }

    /// How many ends watch.
    pub fn receiver_count(&self) -> usize {
        self.0.receivers()
    }

    /// An end that watches; the present value is one that it has seen.
    pub fn subscribe(&self) -> Receiver<P> {
        Receiver {
            seen: self.0.add_receiver(),
            channel: self.0.clone(),
        }
    }
}

impl<P: WatchRef> Clone for Sender<P> {
    fn clone(&self) -> Self {
        self.0.add_sender();
        Self(self.0.clone())
    }
}

impl<P: WatchRef> Drop for Sender<P> {
    fn drop(&mut self) {
        let last = self.0.list.with(|view| {
            let state = view.value();
            let left = state.senders.get() - 1;
            state.senders.set(left);
            state.ended.set(left == 0);
            left == 0
        });
        if last {
            self.0.list.notify_all(CHANGED);
        }
    }
}

impl<P: WatchRef> fmt::Debug for Sender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
