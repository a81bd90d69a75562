//! Ends that could send, and keep nothing open.

use core::fmt;

use super::{ChannelRef, Sender, UnboundedSender};

/// What a channel's sender leaves behind, to be a [`Sender`] again as long as there is one.
///
/// It does not keep the channel open: receivers get the end once the last *sender* has gone. For a task
/// that sends to itself, a cache of senders, a timer that may outlive those it reports to.
///
/// ```
/// use polliwog_core::sync::mpsc::Channel;
///
/// let mut channel = Channel::<u8, 4>::new();
/// let (sender, mut receiver) = channel.split();
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().try_send(7).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.try_recv(), Ok(7));
/// assert!(receiver.try_recv().is_err());
/// ```
pub struct WeakSender<P: ChannelRef>(P::Weak);

/// What an unbounded channel's sender leaves behind, to be an [`UnboundedSender`] again as long as there
/// is one: see [`WeakSender`].
pub struct WeakUnboundedSender<P: ChannelRef>(P::Weak);

macro_rules! weak {
    ($weak:ident of $sender:ident) => {
        impl<P: ChannelRef> $sender<P> {
            /// Returns a handle that can become a sender again as long as there is one, and keeps nothing open.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// # #[cfg(feature = "alloc")] {
            /// use polliwog::sync::mpsc;
            ///
            /// let (sender, receiver) = mpsc::channel::<u32>(1);
            /// let weak = sender.downgrade();
            /// assert!(!receiver.is_closed());
            /// drop(sender);
            /// assert!(receiver.is_closed()); // `weak` keeps nothing open
            /// # drop(weak);
            /// # }
            /// ```
            pub fn downgrade(&self) -> $weak<P> {
                $weak(self.channel().downgrade())
            }

            /// Returns how many ends send.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// # #[cfg(feature = "alloc")] {
            /// use polliwog::sync::mpsc;
            ///
            /// let (sender, _receiver) = mpsc::channel::<u32>(1);
            /// let clone = sender.clone();
            /// assert_eq!(clone.strong_count(), 2);
            /// # }
            /// ```
            pub fn strong_count(&self) -> usize {
                self.channel().sender_count()
            }
        }

        impl<P: ChannelRef> $weak<P> {
            /// Returns a sender, unless the last one has gone; then there will be none any more.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// # #[cfg(feature = "alloc")] {
            /// use polliwog::sync::mpsc;
            ///
            /// let (sender, _receiver) = mpsc::channel::<u32>(1);
            /// let weak = sender.downgrade();
            /// assert!(weak.upgrade().is_some());
            /// drop(sender);
            /// assert!(weak.upgrade().is_none());
            /// # }
            /// ```
            pub fn upgrade(&self) -> Option<$sender<P>> {
                let channel = P::upgrade(&self.0)?;
                channel
                    .add_sender_to_others()
                    .then(|| $sender::new(channel))
            }

            /// Returns how many ends send.
            pub fn strong_count(&self) -> usize {
                P::upgrade(&self.0).map_or(0, |channel| channel.sender_count())
            }
        }

        impl<P: ChannelRef> Clone for $weak<P> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<P: ChannelRef> fmt::Debug for $weak<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($weak)).finish_non_exhaustive()
            }
        }
    };
}

weak!(WeakSender of Sender);
weak!(WeakUnboundedSender of UnboundedSender);
