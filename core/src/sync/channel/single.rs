//! The end that receives, where there is only one.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::{AtOnce, Buffer, ChannelRef, Item, List, TryRecvError, receive, take_at_once};
use crate::sync::scope::Scope;
use crate::sync::slot::{leave_at_once, wait_in_slot};
use crate::sync::wait_list::FIRST_LOOK;
use crate::task::budget::{self, poll_proceed};
use crate::trace::waits;

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
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(4);
    ///     sender.send(7).await.unwrap();
    ///     drop(sender);
    ///     assert_eq!(receiver.recv().await, Some(7));
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has received nothing; the message is there for the next call.
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Option<Item<P>>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// [`recv`](Self::recv), polled. It wakes whichever task polled last.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    /// use std::future::poll_fn;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(4);
    ///     sender.send(7).await.unwrap();
    ///     assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(7));
    /// });
    /// # }
    /// ```
    #[inline(always)]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item<P>>> {
        let unit = ready!(poll_proceed(cx));
        // Mostly there is something. Where looking takes no lock, it is worth a look by itself.
        if FIRST_LOOK && !<P::Scope as Scope>::LOCKS {
            match self.0.0.with(take_at_once) {
                AtOnce::Message(message) => {
                    unit.charge(0);
                    return Poll::Ready(Some(message));
                }
                AtOnce::Nothing if leave_at_once(&self.0.0, cx, |state| &state.receiver) => {
                    return waits::method("mpsc::Receiver::recv", || Poll::Pending);
                }
                AtOnce::Nothing | AtOnce::More => {}
            }
        }
        poll_slowly(&self.0.0, cx, unit)
    }

    /// Receives up to `limit` messages, once there is one, and puts them at the end of `buffer`. Returns
    /// how many it were: zero, if all ends that send have gone and nothing is left, or if `limit`
    /// is zero.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(4);
    ///     for n in 1..=3 {
    ///         sender.send(n).await.unwrap();
    ///     }
    ///     let mut batch = Vec::new();
    ///     assert_eq!(receiver.recv_many(&mut batch, 10).await, 3);
    ///     assert_eq!(batch, [1, 2, 3]);
    /// });
    /// # }
    /// ```
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
            return budget::poll_within(cx, |_| Poll::Ready(0));
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
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// std::thread::spawn(move || sender.blocking_send(7).unwrap());
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.blocking_recv_many(&mut batch, 10), 1);
    /// # }
    /// ```
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
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// # }
    /// ```
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
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(4);
    /// std::thread::spawn(move || sender.blocking_send(7).unwrap());
    /// assert_eq!(receiver.blocking_recv(), Some(7));
    /// assert_eq!(receiver.blocking_recv(), None);
    /// # }
    /// ```
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
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(4);
    ///     sender.send(7).await.unwrap();
    ///     receiver.close();
    ///     assert!(sender.send(8).await.is_err());
    ///     assert_eq!(receiver.recv().await, Some(7)); // what was on its way
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// # }
    /// ```
    pub fn close(&mut self) {
        self.0.close();
    }

    /// Returns whether nobody can send any more.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel::<u32>(4);
    /// assert!(!receiver.is_closed());
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns how many ends send.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel::<u32>(4);
    /// let clone = sender.clone();
    /// assert_eq!(receiver.sender_strong_count(), 2);
    /// # drop(clone);
    /// # }
    /// ```
    pub fn sender_strong_count(&self) -> usize {
        self.0.sender_count()
    }

    /// Returns how many messages there are.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel(4);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no messages.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel(4);
    /// assert!(receiver.is_empty());
    /// sender.try_send(7).unwrap();
    /// assert!(!receiver.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many messages can be sent at once.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel(4);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(receiver.capacity(), 3);
    /// # }
    /// ```
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Returns how many messages there is room for altogether.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (_sender, receiver) = mpsc::channel::<u32>(4);
    /// assert_eq!(receiver.max_capacity(), 4);
    /// # }
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.0.max_capacity()
    }
}

/// The poll of a [`Receiver`] for which there is nothing, or not nothing but a message.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn poll_slowly<B: Buffer, S: Scope>(
    list: &List<B, S>,
    cx: &mut Context<'_>,
    unit: budget::Permit,
) -> Poll<Option<B::Item>> {
    let received = ready!(waits::method("mpsc::Receiver::recv", || {
        wait_in_slot(list, cx, |state| &state.receiver, receive)
    }));
    unit.charge(0);
    Poll::Ready(received.map(|(message, place)| {
        place.tell(list);
        message
    }))
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
