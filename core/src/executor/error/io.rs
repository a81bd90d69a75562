//! Errors of executors as those of the standard library, so that `?` passes them on in what does I/O.

use core::fmt;
use std::io;

use super::{PoolInUseError, RunError, SpawnError, SpawnErrorKind, TryNewError, TrySpawnError};

impl From<SpawnErrorKind> for io::Error {
    /// An error that wraps the [`SpawnError`]: [`get_ref`](std::io::Error::get_ref) finds it.
    fn from(kind: SpawnErrorKind) -> Self {
        SpawnError(kind).into()
    }
}

impl From<SpawnError> for io::Error {
    /// An error that wraps this one: [`get_ref`](std::io::Error::get_ref) finds it.
    fn from(error: SpawnError) -> Self {
        use io::ErrorKind;
        let kind = match error.0 {
            SpawnErrorKind::NoExecutor | SpawnErrorKind::Closed => ErrorKind::NotConnected,
            _ => ErrorKind::OutOfMemory,
        };
        io::Error::new(kind, error)
    }
}

impl<T> From<TrySpawnError<T>> for io::Error {
    /// Drops the future, keeps the reason.
    fn from(error: TrySpawnError<T>) -> Self {
        error.error().into()
    }
}

impl From<PoolInUseError> for io::Error {
    fn from(error: PoolInUseError) -> Self {
        Self::new(io::ErrorKind::ResourceBusy, error)
    }
}

impl<R> From<TryNewError<R>> for io::Error {
    /// Drops the reactor.
    fn from(_: TryNewError<R>) -> Self {
        PoolInUseError.into()
    }
}

impl<E: fmt::Debug + 'static> From<RunError<E>> for io::Error {
    /// The reactor's own error if it is an [`io::Error`], else one that says the
    /// same as this one.
    fn from(error: RunError<E>) -> Self {
        let text = std::string::ToString::to_string(&error);
        let kind = match &error {
            RunError::TasksFull { .. } => io::ErrorKind::OutOfMemory,
            _ => io::ErrorKind::Other,
        };
        if let RunError::Reactor(error) = error {
            let mut error = Some(error);
            let error: &mut dyn core::any::Any = &mut error;
            if let Some(Some(error)) = error.downcast_mut().map(Option::<Self>::take) {
                return error;
            }
        }
        Self::new(kind, text)
    }
}
