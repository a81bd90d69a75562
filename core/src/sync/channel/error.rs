//! Why a message was not sent or not received.

use core::fmt;

/// Nobody will receive the message, which is in it.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// # #[cfg(feature = "alloc")] {
/// use polliwog::sync::mpsc::{self, error::SendError};
///
/// let (sender, receiver) = mpsc::unbounded_channel();
/// drop(receiver);
/// assert_eq!(sender.send(7), Err(SendError(7)));
/// # }
/// ```
///
/// A message that cannot go to another thread, such as one with a local `oneshot::Sender` in it, keeps `?` from passing
/// the error on as a `Box<dyn Error + Send + Sync>` or an `anyhow::Error`: [`error`](Self::error) leaves it out. An
/// [`io::Error`](std::io::Error) is made without it anyway.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> SendError<T> {
    /// The error without the message: to pass on, whatever the message is.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::local::{mpsc, oneshot};
    /// use std::error::Error;
    ///
    /// async fn ask(
    ///     actor: &mpsc::Sender<oneshot::Sender<u32>>,
    /// ) -> Result<u32, Box<dyn Error + Send + Sync>> {
    ///     let (request, answer) = oneshot::channel();
    ///     actor.send(request).await.map_err(|refused| refused.error())?;
    ///     Ok(answer.await?)
    /// }
    ///
    /// polliwog::block_on(async {
    ///     let (actor, _) = mpsc::channel(1);
    ///     assert_eq!(ask(&actor).await.unwrap_err().to_string(), "channel closed");
    /// });
    /// # }
    /// ```
    pub const fn error(&self) -> SendError<()> {
        SendError(())
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T> core::error::Error for SendError<T> {}

/// Why a message, which is in it, could not be sent at this moment; [`error`](Self::error) says it without the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room, or somebody waits for it.
    Full(T),
    /// Nobody will receive it.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// Returns the message.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<&str, 1>::new();
    /// channel.try_send("one").unwrap();
    /// assert_eq!(channel.try_send("two").unwrap_err().into_inner(), "two");
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(message) | Self::Closed(message) => message,
        }
    }

    /// The error without the message: to pass on, whatever the message is, or while it is kept.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::{Channel, TrySendError};
    /// use std::rc::Rc;
    ///
    /// fn put(channel: &Channel<Rc<u32>, 1>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     channel.try_send(Rc::new(7)).map_err(|refused| refused.error())?;
    ///     Ok(())
    /// }
    ///
    /// let channel = Channel::new();
    /// put(&channel).unwrap();
    /// assert_eq!(put(&channel).unwrap_err().downcast_ref(), Some(&TrySendError::Full(())));
    /// ```
    pub const fn error(&self) -> TrySendError<()> {
        match self {
            Self::Full(_) => TrySendError::Full(()),
            Self::Closed(_) => TrySendError::Closed(()),
        }
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "no available capacity",
            Self::Closed(_) => "channel closed",
        })
    }
}

impl<T> core::error::Error for TrySendError<T> {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}

/// Why a message, which is in it, was not sent in time; [`error`](Self::error) says it without the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// There was no room in time.
    Timeout(T),
    /// Nobody will receive it.
    Closed(T),
}

impl<T> SendTimeoutError<T> {
    /// Returns the message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(message) | Self::Closed(message) => message,
        }
    }

    /// The error without the message: to pass on, whatever the message is, or while it is kept.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpsc::error::SendTimeoutError;
    ///
    /// assert_eq!(SendTimeoutError::Timeout("quak").error(), SendTimeoutError::Timeout(()));
    /// ```
    pub const fn error(&self) -> SendTimeoutError<()> {
        match self {
            Self::Timeout(_) => SendTimeoutError::Timeout(()),
            Self::Closed(_) => SendTimeoutError::Closed(()),
        }
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "timed out waiting on send operation",
            Self::Closed(_) => "channel closed",
        })
    }
}

impl<T> core::error::Error for SendTimeoutError<T> {}

/// No message is there, and none will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError(pub(in crate::sync) ());

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl core::error::Error for RecvError {}

/// Why there is no message at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TryRecvError {
    /// There is none yet.
    Empty,
    /// None will come.
    Disconnected,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "receiving on an empty channel",
            Self::Disconnected => "receiving on a closed channel",
        })
    }
}

impl core::error::Error for TryRecvError {}
