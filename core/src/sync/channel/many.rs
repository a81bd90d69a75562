//! The ends that receive, where there are several.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{
    Channel, ChannelRef, Item, List, QUEUES, RECEIVERS, RecvError, TryRecvError, Until, Wait,
    receive,
};
use crate::trace::waits;

/// One of a channel's ends that receive. Each message goes to one of them; those who wait get one in
/// the order in which they came. When the last one has gone, sending fails.
pub struct Receiver<P: ChannelRef>(P);

impl<P: ChannelRef> Receiver<P> {
    /// The caller has counted it.
    #[inline]
    pub(in crate::sync) fn new(channel: P) -> Self {
        Self(channel)
    }

    /// Receives a message, once there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpmc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, receiver) = mpmc::channel(4);
    ///     let second = receiver.clone();
    ///     sender.send(1).await.unwrap();
    ///     sender.send(2).await.unwrap();
    ///     assert_eq!(receiver.recv().await, Ok(1));
    ///     assert_eq!(second.recv().await, Ok(2));
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If all ends that send have gone (or the channel has been [closed](Self::close)) and nothing is
    /// left.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has received nothing, and the message goes to the next.
    #[inline]
    pub fn recv(&self) -> impl Future<Output = Result<Item<P>, RecvError>> {
        waits::of_method(
            "mpmc::Receiver::recv",
            Until::<Wait<_, RECEIVERS, QUEUES>, _, _>::new(
                &self.0.0,
                (),
                receive,
                |list, received| {
                    let (message, place) = received.ok_or(RecvError(()))?;
                    place.tell(list);
                    Ok(message)
                },
            ),
        )
    }

    /// Receives a message, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpmc;
    ///
    /// let (sender, receiver) = mpmc::channel(4);
    /// assert!(receiver.try_recv().is_err());
    /// sender.try_send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is none, or none will come.
    #[inline]
    pub fn try_recv(&self) -> Result<Item<P>, TryRecvError> {
        self.0.try_recv()
    }

    /// Receives a message, from a thread that is no executor's; it blocks.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpmc;
    ///
    /// let (sender, receiver) = mpmc::channel(4);
    /// let worker = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.blocking_send(7).unwrap();
    /// assert_eq!(worker.join().unwrap(), Ok(7));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If all ends that send have gone and nothing is left.
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn blocking_recv(&self) -> Result<Item<P>, RecvError>
    where
        P: ChannelRef<Scope = crate::sync::Shared>,
    {
        crate::sync::blocking::block_on(self.recv())
    }

    /// Returns the messages as a stream, which has a place in the queue of its own.
    pub fn stream(&self) -> RecvStream<'_, P> {
        RecvStream {
            wait: Wait::new(&self.0.0, ()),
        }
    }

    /// Lets nobody send any more. What has been sent can still be received.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpmc;
    ///
    /// let (sender, receiver) = mpmc::channel(4);
    /// sender.try_send(7).unwrap();
    /// receiver.close();
    /// assert!(sender.try_send(8).is_err());
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
    pub fn close(&self) {
        self.0.close();
    }

    /// Returns whether nobody can send any more.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpmc;
    ///
    /// let (sender, receiver) = mpmc::channel::<u32>(4);
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns how many messages there are.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpmc;
    ///
    /// let (sender, receiver) = mpmc::channel(4);
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
    /// use polliwog::sync::mpmc;
    ///
    /// let (_sender, receiver) = mpmc::channel::<u32>(4);
    /// assert!(receiver.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<P: ChannelRef> Clone for Receiver<P> {
    fn clone(&self) -> Self {
        self.0.count_receiver();
        Self(self.0.clone())
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

pin_project! {
    /// The messages of a channel: see [`Receiver::stream`].
    pub struct RecvStream<'a, P: ChannelRef> {
        #[pin]
        wait: Wait<&'a List<P::Buffer, P::Scope>, RECEIVERS, QUEUES>,
    }
}

impl<P: ChannelRef> futures_core::Stream for RecvStream<'_, P> {
    type Item = Item<P>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<P>>> {
        Channel::poll_next(self.project().wait, cx)
    }
}

impl<P: ChannelRef> fmt::Debug for RecvStream<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream").finish_non_exhaustive()
    }
}
