//! Room for a message, which has been taken before the message is there.

use core::fmt;

use super::{Buffer, ChannelRef, Item, SendError, Sender, TrySendError};

impl<P: ChannelRef> Sender<P> {
    /// Waits for room for one message.
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

    /// Room for one message, if there is any.
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

    /// Room for one message, if there is any, which keeps the sender.
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
    /// Sends the message, which may find that nobody receives it any more.
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
    /// Sends the message, which may find that nobody receives it any more, and returns the sender.
    pub fn send(mut self, message: Item<P>) -> Sender<P> {
        let sender = self.take();
        sender.channel().fill(message);
        sender
    }

    /// Gives the room back, and returns the sender.
    pub fn release(mut self) -> Sender<P> {
        let sender = self.take();
        sender.channel().give_back();
        sender
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => own.same_channel(other),
            _ => false,
        }
    }

    /// Whether the sender sends to the channel that this is room of.
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
