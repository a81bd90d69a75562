//! The errors of this module, where functions return an [`io::Result`](std::io::Result).
//!
//! What holds a message holds nothing of it afterwards: an `io::Error` is `Send` whatever the message is.

use std::io::{Error, ErrorKind};

use super::channel::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use super::{
    AcquireError, SetError, SetOnceError, TryAcquireError, TryLockError, broadcast_any, oneshot_any,
};

/// Errors without a message of the program's: they are wrapped.
macro_rules! wrapped {
    ($($error:ty: |$name:ident| $kind:expr;)*) => {
        $(
            impl From<$error> for Error {
                /// An error that wraps this one: [`get_ref`](Error::get_ref) finds it.
                fn from($name: $error) -> Self {
                    Self::new($kind, $name)
                }
            }
        )*
    };
}

wrapped! {
    RecvError: |error| ErrorKind::UnexpectedEof;
    TryRecvError: |error| match error {
        TryRecvError::Empty => ErrorKind::WouldBlock,
        TryRecvError::Disconnected => ErrorKind::UnexpectedEof,
    };
    oneshot_any::TryRecvError: |error| match error {
        oneshot_any::TryRecvError::Empty => ErrorKind::WouldBlock,
        oneshot_any::TryRecvError::Closed => ErrorKind::UnexpectedEof,
    };
    broadcast_any::RecvError: |error| match error {
        broadcast_any::RecvError::Closed => ErrorKind::UnexpectedEof,
        broadcast_any::RecvError::Lagged(_) => ErrorKind::Other,
    };
    broadcast_any::TryRecvError: |error| match error {
        broadcast_any::TryRecvError::Empty => ErrorKind::WouldBlock,
        broadcast_any::TryRecvError::Closed => ErrorKind::UnexpectedEof,
        broadcast_any::TryRecvError::Lagged(_) => ErrorKind::Other,
    };
    AcquireError: |error| ErrorKind::BrokenPipe;
    TryAcquireError: |error| match error {
        TryAcquireError::NoPermits => ErrorKind::WouldBlock,
        TryAcquireError::Closed => ErrorKind::BrokenPipe,
    };
    TryLockError: |error| ErrorKind::WouldBlock;
}

/// Errors that give a message back, which need not be `Send`: dropped, but for what they say.
macro_rules! without_message {
    ($($name:ident: |$error:ident| $kind:expr;)*) => {
        $(
            impl<T> From<$name<T>> for Error {
                /// Drops what is in the error.
                fn from($error: $name<T>) -> Self {
                    Self::new($kind, std::string::ToString::to_string(&$error))
                }
            }
        )*
    };
}

without_message! {
    SendError: |error| ErrorKind::BrokenPipe;
    TrySendError: |error| match error {
        TrySendError::Full(_) => ErrorKind::WouldBlock,
        TrySendError::Closed(_) => ErrorKind::BrokenPipe,
    };
    SendTimeoutError: |error| match error {
        SendTimeoutError::Timeout(_) => ErrorKind::TimedOut,
        SendTimeoutError::Closed(_) => ErrorKind::BrokenPipe,
    };
    SetError: |error| match error {
        SetError::AlreadyInitializedError(_) => ErrorKind::AlreadyExists,
        SetError::InitializingError(_) => ErrorKind::WouldBlock,
    };
    SetOnceError: |error| ErrorKind::AlreadyExists;
}
