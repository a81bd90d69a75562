//! The end that receives, where there is only one.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::{ChannelRef, Item, TryRecvError, receive, wake};
use crate::sync::slot::poll_slot;
use crate::task::budget::poll_proceed;

/// A channel's only end that receives. Dropped, it drops what has not been received, and sending fails.
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `recv`, `recv_many` | yes | no |
/// | `try_recv`, `close`, dropping | no | yes, if the channel is shared |
pub struct Receiver<P: ChannelRef>(P);

impl<P: ChannelRef> Receiver<P> {
    /// The caller has counted it, and there is no other.
    #[inline]
    pub(in crate::sync) fn new(channel: P) -> Self {
        Self(channel)
    }

    /// Receives the next message, once there is one; `None`, if all ends that send have gone (or
    /// this one has been [closed](Self::close)) and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has received nothing; the message is there for the next call.
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Option<Item<P>>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// [`recv`](Self::recv), polled. It wakes whichever task polled last.
    #[inline(always)]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item<P>>> {
        let permit = ready!(poll_proceed(cx));
        poll_slot(&self.0.0, cx, |state| &state.receiver, receive).map(|received| {
            permit.charge(0);
            let (message, sender) = received?;
            wake(sender);
            Some(message)
        })
    }

    /// Receives up to `limit` messages, once there is one, and puts them at the end of `buffer`. Returns
    /// how many it were: zero, if all ends that send have gone and nothing is left, or if `limit`
    /// is zero.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has received nothing.
    #[cfg(feature = "alloc")]
    pub async fn recv_many(
        &mut self,
        buffer: &mut alloc::vec::Vec<Item<P>>,
        limit: usize,
    ) -> usize {
        poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
    }

    /// [`recv_many`](Self::recv_many), polled. It wakes whichever task polled last.
    #[cfg(feature = "alloc")]
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut alloc::vec::Vec<Item<P>>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        let Some(first) = ready!(self.poll_recv(cx)) else {
            return Poll::Ready(0);
        };
        buffer.push(first);
        for count in 1..limit {
            match self.try_recv() {
                Ok(message) => buffer.push(message),
                Err(_) => return Poll::Ready(count),
            }
        }
        Poll::Ready(limit)
    }

    /// [`recv_many`](Self::recv_many), from a thread that is no executor's; it blocks.
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn blocking_recv_many(
        &mut self,
        buffer: &mut alloc::vec::Vec<Item<P>>,
        limit: usize,
    ) -> usize
    where
        P: ChannelRef<Scope = crate::sync::Shared>,
    {
        crate::sync::blocking::block_on(self.recv_many(buffer, limit))
    }

    /// Receives the next message, if there is one.
    ///
    /// # Errors
    ///
    /// If there is none, or none will come.
    #[inline]
    pub fn try_recv(&mut self) -> Result<Item<P>, TryRecvError> {
        self.0.try_recv()
    }

    /// Receives the next message, from a thread that is no executor's; it blocks.
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<Item<P>>
    where
        P: ChannelRef<Scope = crate::sync::Shared>,
    {
        crate::sync::blocking::block_on(self.recv())
    }

    /// Lets nobody send any more. What has been sent, and what there is a permit for, can still be
    /// received.
    pub fn close(&mut self) {
        self.0.close();
    }

    /// Whether nobody can send any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// How many ends send.
    pub fn sender_strong_count(&self) -> usize {
        self.0.sender_count()
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many messages can be sent at once.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// How many messages there is room for altogether.
    pub fn max_capacity(&self) -> usize {
        self.0.max_capacity()
    }
}

impl<P: ChannelRef> Unpin for Receiver<P> {}

impl<P: ChannelRef> futures_core::Stream for Receiver<P> {
    type Item = Item<P>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<P: ChannelRef> Drop for Receiver<P> {
    fn drop(&mut self) {
        self.0.drop_receiver();
    }
}

impl<P: ChannelRef> fmt::Debug for Receiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}
