//! The ends that send.

use core::fmt;

use super::{Broadcast, BroadcastRef, CLOSED, QUEUES, Receiver, SendError, Until, View, Wait};
use crate::trace::waits;

/// An end that sends. When the last one has gone, those who receive get what is left, then the end.
///
/// Nothing here waits, so that it is for interrupt handlers, too, if the channel is shared.
pub struct Sender<P: BroadcastRef>(P);

impl<P: BroadcastRef> Sender<P> {
    /// The caller has counted it.
    pub(super) fn of(channel: P) -> Self {
        Self(channel)
    }

    /// Sends a message to all who receive; returns how many these are.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel(4);
    /// assert_eq!(sender.send(7), Ok(1));
    /// drop(receiver);
    /// assert!(sender.send(8).is_err());
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if there is nobody.
    pub fn send(&self, message: P::Message) -> Result<usize, SendError<P::Message>> {
        self.0.send(message)
    }

    /// Returns an end that receives what is sent from now on.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, _) = broadcast::channel(4);
    /// let mut receiver = sender.subscribe();
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
    pub fn subscribe(&self) -> Receiver<P> {
        Receiver {
            next: self.0.add_receiver(),
            channel: self.0.clone(),
        }
    }

    /// Returns how many ends receive.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, _receiver) = broadcast::channel::<u32>(4);
    /// let _second = sender.subscribe();
    /// assert_eq!(sender.receiver_count(), 2);
    /// # }
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.0.receiver_count()
    }

    /// Returns how many ends send.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, _receiver) = broadcast::channel::<u32>(4);
    /// let clone = sender.clone();
    /// assert_eq!(clone.strong_count(), 2);
    /// # }
    /// ```
    pub fn strong_count(&self) -> usize {
        self.0.sender_count()
    }

    /// Returns how many messages there are that somebody has not received.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// sender.send(7).unwrap();
    /// assert_eq!(sender.len(), 1);
    /// receiver.try_recv().unwrap();
    /// assert_eq!(sender.len(), 0);
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether all have received all messages.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, _receiver) = broadcast::channel(4);
    /// assert!(sender.is_empty());
    /// sender.send(7).unwrap();
    /// assert!(!sender.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until nobody receives.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, receiver) = broadcast::channel::<u32>(4);
    ///     drop(receiver);
    ///     sender.closed().await;
    /// });
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    pub fn closed(&self) -> impl Future<Output = ()> {
        let closed = |view: &View<'_, P::Slots>| (view.value().receivers.get() == 0).then_some(());
        waits::of_method(
            "broadcast::Sender::closed",
            Until::<Wait<_, CLOSED, QUEUES>, _, _>::new(&self.0.0, (), closed, |_, ()| ()),
        )
    }

    /// Returns whether this end and another one send to one channel.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, _receiver) = broadcast::channel::<u32>(4);
    /// assert!(sender.same_channel(&sender.clone()));
    /// # }
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        core::ptr::eq::<Broadcast<_, _, _>>(&*self.0, &*other.0)
    }

    /// Returns a handle that can become a sender again as long as there is one, and keeps nothing open.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel::<u32>(4);
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(receiver.is_closed() && weak.upgrade().is_none());
    /// # }
    /// ```
    pub fn downgrade(&self) -> WeakSender<P> {
        WeakSender(self.0.downgrade())
    }
}

impl<P: BroadcastRef> Clone for Sender<P> {
    fn clone(&self) -> Self {
        self.0.add_sender();
        Self(self.0.clone())
    }
}

impl<P: BroadcastRef> Drop for Sender<P> {
    fn drop(&mut self) {
        self.0.drop_sender();
    }
}

impl<P: BroadcastRef> fmt::Debug for Sender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// What a sender leaves behind, to be a [`Sender`] again as long as there is one; it keeps nothing open.
pub struct WeakSender<P: BroadcastRef>(P::Weak);

impl<P: BroadcastRef> WeakSender<P> {
    /// Returns a sender, unless the last one has gone; then there will be none any more.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, _receiver) = broadcast::channel::<u32>(4);
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// # }
    /// ```
    pub fn upgrade(&self) -> Option<Sender<P>> {
        let channel = P::upgrade(&self.0)?;
        channel.add_sender_to_others().then(|| Sender(channel))
    }

    /// Returns how many ends send.
    pub fn strong_count(&self) -> usize {
        P::upgrade(&self.0).map_or(0, |channel| channel.sender_count())
    }
}

impl<P: BroadcastRef> Clone for WeakSender<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: BroadcastRef> fmt::Debug for WeakSender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}
