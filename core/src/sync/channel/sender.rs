//! The ends that send.

use core::fmt;

use super::{Channel, ChannelRef, Item, SendError, SendTimeoutError, TrySendError};

/// A channel's end that sends. Its clones send to the same channel.
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `send`, `reserve`, `reserve_owned`, `closed` | yes, FIFO | no |
/// | `try_send`, `try_reserve`, cloning, dropping | no | yes, if the channel is shared |
pub struct Sender<P: ChannelRef>(P);

impl<P: ChannelRef> Sender<P> {
    /// The caller has counted it.
    #[inline]
    pub(in crate::sync) fn new(channel: P) -> Self {
        Self(channel)
    }

    /// Sends a message, once there is room.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     polliwog::spawn(async move {
    ///         for n in 1..=3 {
    ///             sender.send(n).await.unwrap(); // waits for room
    ///         }
    ///     })
    ///     .unwrap()
    ///     .detach();
    ///     let mut sum = 0;
    ///     while let Some(n) = receiver.recv().await {
    ///         sum += n;
    ///     }
    ///     assert_eq!(sum, 6);
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if nobody will receive it. That it was sent does not mean that it will be received.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has sent nothing: the message is dropped with it, and its place in
    /// the queue is given up. To keep the message, [`reserve`](Self::reserve) first.
    #[inline]
    pub fn send(&self, message: Item<P>) -> impl Future<Output = Result<(), SendError<Item<P>>>> {
        // Not one future in another: that is what a message costs most.
        self.0.send(message)
    }

    /// Sends a message, if there is room.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc::{self, error::TrySendError};
    ///
    /// let (sender, _receiver) = mpsc::channel(1);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(sender.try_send(8), Err(TrySendError::Full(8)));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if there is no room or nobody will receive it.
    #[inline]
    pub fn try_send(&self, message: Item<P>) -> Result<(), TrySendError<Item<P>>> {
        self.0.try_send(message)
    }

    /// Sends a message, once there is room, but waits for it no longer than `timeout`.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc::{self, error::SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, _receiver) = mpsc::channel(1);
    ///     sender.send(7).await.unwrap();
    ///     let late = sender.send_timeout(8, Duration::from_millis(10)).await;
    ///     assert_eq!(late, Err(SendTimeoutError::Timeout(8)));
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if there was no room in time, or nobody will receive it.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_timeout(
        &self,
        message: Item<P>,
        timeout: core::time::Duration,
    ) -> Result<(), SendTimeoutError<Item<P>>> {
        match crate::time::timeout(timeout, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(message);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(message)),
            Err(_) => Err(SendTimeoutError::Timeout(message)),
        }
    }

    /// Sends a message, once there is room, from a thread that is no executor's; it blocks.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// std::thread::spawn(move || sender.blocking_send(7).unwrap());
    /// assert_eq!(receiver.blocking_recv(), Some(7));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if nobody will receive it.
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn blocking_send(&self, message: Item<P>) -> Result<(), SendError<Item<P>>>
    where
        P: ChannelRef<Scope = crate::sync::Shared>,
    {
        crate::sync::blocking::block_on(self.send(message))
    }

    /// Returns how many messages can be sent at once.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, _receiver) = mpsc::channel(3);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(sender.capacity(), 2);
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
    /// let (sender, _receiver) = mpsc::channel(3);
    /// sender.try_send(7).unwrap();
    /// assert_eq!(sender.max_capacity(), 3);
    /// # }
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.0.max_capacity()
    }
}

/// What bounded and unbounded ones have in common.
macro_rules! common {
    ([$($bound:tt)*] $name:ident) => {
        impl<P: $($bound)*> $name<P> {
            #[inline]
            pub(super) fn channel(&self) -> &P {
                &self.0
            }

            /// Waits until nobody will receive anything any more.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// # #[cfg(feature = "alloc")] {
            /// use polliwog::sync::mpsc;
            ///
            /// polliwog::block_on(async {
            ///     let (sender, receiver) = mpsc::channel::<u32>(1);
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
                self.0.closed()
            }

            /// Returns whether nobody will receive anything any more.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// # #[cfg(feature = "alloc")] {
            /// use polliwog::sync::mpsc;
            ///
            /// let (sender, receiver) = mpsc::channel::<u32>(1);
            /// assert!(!sender.is_closed());
            /// drop(receiver);
            /// assert!(sender.is_closed());
            /// # }
            /// ```
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Returns whether this end and another one send to one channel.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// # #[cfg(feature = "alloc")] {
            /// use polliwog::sync::mpsc;
            ///
            /// let (sender, _receiver) = mpsc::channel::<u32>(1);
            /// let (other, _receiver) = mpsc::channel::<u32>(1);
            /// assert!(sender.same_channel(&sender.clone()) && !sender.same_channel(&other));
            /// # }
            /// ```
            pub fn same_channel(&self, other: &Self) -> bool {
                core::ptr::eq::<Channel<_, _>>(&*self.0, &*other.0)
            }
        }

        impl<P: $($bound)*> Clone for $name<P> {
            fn clone(&self) -> Self {
                self.0.add_sender();
                Self(self.0.clone())
            }
        }

        impl<P: $($bound)*> Drop for $name<P> {
            fn drop(&mut self) {
                self.0.drop_sender();
            }
        }

        impl<P: $($bound)*> fmt::Debug for $name<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("len", &self.0.len())
                    .finish_non_exhaustive()
            }
        }
    };
}

common!([ChannelRef] Sender);
common!([ChannelRef] UnboundedSender);

/// An unbounded channel's end that sends. Its clones send to the same channel.
///
/// Nothing here waits. A channel that is not emptied as fast as it is filled takes all memory there is.
pub struct UnboundedSender<P: ChannelRef>(P);

impl<P: ChannelRef> UnboundedSender<P> {
    /// The caller has counted it; it is a channel that grows.
    #[inline]
    pub(in crate::sync) fn new(channel: P) -> Self {
        Self(channel)
    }

    /// Sends a message.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::mpsc;
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// sender.send(7).unwrap(); // never waits
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if nobody will receive it.
    #[inline]
    pub fn send(&self, message: Item<P>) -> Result<(), SendError<Item<P>>> {
        // It is never full.
        (self.0.try_send(message)).map_err(|error| SendError(error.into_inner()))
    }
}
