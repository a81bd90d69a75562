//! Room for a message, which has been taken before the message is there.

use core::fmt;

use super::{Buffer, ChannelRef, Item, SendError, Sender, TrySendError};

impl<P: ChannelRef> Sender<P> {
    /// Waits for room for one message.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     let permit = sender.reserve().await.unwrap();
    ///     permit.send(7); // cannot fail for lack of room
    ///     assert_eq!(receiver.recv().await, Some(7));
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If nobody will receive it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; the room goes to the next.
    pub async fn reserve(&self) -> Result<Permit<'_, P>, SendError<()>> {
        match self.channel().place().await {
            Ok(()) => Ok(Permit(self.channel())),
            Err(()) => Err(SendError(())),
        }
    }

    /// Reserves room for one message, if there is any.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel::<u32>(1);
    /// let permit = sender.try_reserve().unwrap();
    /// assert!(sender.try_reserve().is_err());
    /// drop(permit); // gives the room back
    /// assert!(sender.try_reserve().is_ok());
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is none, or nobody will receive the message.
    pub fn try_reserve(&self) -> Result<Permit<'_, P>, TrySendError<()>> {
        self.channel().0.with(super::take_place)?;
        Ok(Permit(self.channel()))
    }

    /// Waits for room for one message, which keeps the sender.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     let permit = sender.reserve_owned().await.unwrap();
    ///     polliwog::spawn(async move { permit.send(7) }).unwrap().detach();
    ///     assert_eq!(receiver.recv().await, Some(7));
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If nobody will receive it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue, and drops the sender; the room goes to the next.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<P>, SendError<()>> {
        match self.channel().place().await {
            Ok(()) => Ok(OwnedPermit(Some(self))),
            Err(()) => Err(SendError(())),
        }
    }

    /// Reserves room for one message, if there is any; the permit keeps the sender.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.clone().try_reserve_owned().unwrap();
    /// assert!(sender.try_reserve_owned().is_err()); // that was all the room
    /// permit.send(7);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The sender, if there is none, or nobody will receive the message.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<P>, TrySendError<Self>> {
        match self.channel().0.with(super::take_place) {
            Ok(()) => Ok(OwnedPermit(Some(self))),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }
}

/// Room for one message. Dropped, it gives the room back.
#[must_use = "dropped at once, it gives the room back at once"]
pub struct Permit<'a, P: ChannelRef>(&'a P);

impl<P: ChannelRef> Permit<'_, P> {
    /// Sends the message, which is dropped if nobody receives it any more.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// sender.try_reserve().unwrap().send(7);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
    #[inline]
    pub fn send(self, message: Item<P>) {
        self.0.fill(message);
        core::mem::forget(self);
    }
}

impl<P: ChannelRef> Drop for Permit<'_, P> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl<P: ChannelRef> fmt::Debug for Permit<'_, P>
where
    P::Buffer: Buffer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Room for one message, and the sender that sends it. Dropped, it gives the room back and drops the
/// sender.
#[must_use = "dropped at once, it gives the room back at once"]
pub struct OwnedPermit<P: ChannelRef>(Option<Sender<P>>);

impl<P: ChannelRef> OwnedPermit<P> {
    /// Sends the message, which is dropped if nobody receives it any more. and returns the sender.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// let permit = sender.try_reserve_owned().unwrap();
    /// let _sender = permit.send(7);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
    pub fn send(mut self, message: Item<P>) -> Sender<P> {
        let sender = self.take();
        sender.channel().fill(message);
        sender
    }

    /// Gives the room back, and returns the sender.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel::<u32>(1);
    /// let sender = sender.try_reserve_owned().unwrap().release();
    /// assert_eq!(sender.capacity(), 1);
    /// # }
    /// ```
    pub fn release(mut self) -> Sender<P> {
        let sender = self.take();
        sender.channel().give_back();
        sender
    }

    /// Returns whether this permit and another one are of one channel.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel::<u32>(2);
    /// let one = sender.clone().try_reserve_owned().unwrap();
    /// let two = sender.try_reserve_owned().unwrap();
    /// assert!(one.same_channel(&two));
    /// # }
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => own.same_channel(other),
            _ => false,
        }
    }

    /// Returns whether a sender sends to the channel that this permit is of.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel::<u32>(1);
    /// let permit = sender.clone().try_reserve_owned().unwrap();
    /// assert!(permit.same_channel_as_sender(&sender));
    /// # }
    /// ```
    pub fn same_channel_as_sender(&self, sender: &Sender<P>) -> bool {
        self.0.as_ref().is_some_and(|own| own.same_channel(sender))
    }

    /// The sender, and the room with it.
    fn take(&mut self) -> Sender<P> {
        match self.0.take() {
            Some(sender) => sender,
            None => unreachable!("it has its sender until it is used up"),
        }
    }
}

impl<P: ChannelRef> Drop for OwnedPermit<P> {
    fn drop(&mut self) {
        if let Some(sender) = &self.0 {
            sender.channel().give_back();
        }
    }
}

impl<P: ChannelRef> fmt::Debug for OwnedPermit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
