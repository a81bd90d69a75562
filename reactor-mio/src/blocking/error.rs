//! Why a job has no result.

use std::error::Error;
use std::fmt;
use std::io;

use polliwog_core::task::Panic;

/// Why a job has no result.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::{BlockingError, spawn_blocking};
///
/// polliwog::block_on(async {
///     let result = spawn_blocking(|| panic!("quak")).await;
///     assert!(matches!(result, Err(BlockingError::Panicked(_))));
///     Ok(())
/// })
/// # }
/// ```
#[non_exhaustive]
pub enum BlockingError {
    /// The job panicked; this is what it panicked with.
    Panicked(Panic),
    /// The pool did not accept the job.
    Rejected(RejectReason),
    /// The job's runtime was shut down, by
    /// [`Runtime::shutdown_timeout`](crate::Runtime::shutdown_timeout) or
    /// [`shutdown_background`](crate::Runtime::shutdown_background), before a thread had begun
    /// with the job, which never ran.
    Cancelled,
}

/// Why the pool did not accept a job.
#[derive(Debug)]
pub enum RejectReason {
    /// So many jobs are waiting already.
    QueueFull(usize),
    /// The pool has no thread that is free, and this is why it does not get another one.
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected): the executor that runs here is a simulation's, which waits for
    /// no thread.
    ///
    /// As an [`io::Error`] by itself this one may be of the kind
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), which means something else where input and output
    /// are concerned; converted [from](io::Error#impl-From<RejectReason>-for-Error) the reason or the
    /// [`BlockingError`] it never is.
    NoThread(io::Error),
}

/// A job that the pool did not accept.
pub struct Rejected<F> {
    /// The job.
    pub job: F,
    /// Why it was not accepted.
    pub reason: RejectReason,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectReason::QueueFull(limit) => {
                write!(f, "the blocking pool is full: {limit} jobs are waiting")
            }
            RejectReason::NoThread(error) => {
                write!(f, "the blocking pool cannot start a thread: {error}")
            }
        }
    }
}

impl fmt::Debug for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockingError::Rejected(reason) => reason.fmt(f),
            BlockingError::Cancelled => {
                f.write_str("the runtime was shut down before the blocking job began")
            }
            BlockingError::Panicked(panic) => {
                f.write_str("a blocking job panicked")?;
                match panic.message() {
                    Some(text) => write!(f, ": {text}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Error for RejectReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RejectReason::QueueFull(_) => None,
            RejectReason::NoThread(error) => Some(error),
        }
    }
}

impl Error for BlockingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BlockingError::Rejected(reason) => reason.source(),
            BlockingError::Panicked(_) | BlockingError::Cancelled => None,
        }
    }
}

impl<F> fmt::Debug for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<F> Error for Rejected<F> {}

impl From<RejectReason> for BlockingError {
    fn from(reason: RejectReason) -> Self {
        BlockingError::Rejected(reason)
    }
}

impl<F> From<Rejected<F>> for BlockingError {
    /// Drops the job, keeps the reason.
    fn from(rejected: Rejected<F>) -> Self {
        rejected.reason.into()
    }
}

impl From<BlockingError> for io::Error {
    /// An error that wraps this one: [`get_ref`](io::Error::get_ref) finds it. It is of a kind that
    /// says what the pool lacks, never of one that asks to try again when something is ready:
    /// [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) where the system gives no more threads.
    fn from(error: BlockingError) -> Self {
        let kind = match &error {
            BlockingError::Rejected(RejectReason::NoThread(error)) => match error.kind() {
                // What Unix says (EAGAIN) when a limit on threads has been reached. To who reads
                // and writes it would mean that there is nothing yet, and that a wake will come.
                io::ErrorKind::WouldBlock => io::ErrorKind::QuotaExceeded,
                // Would be tried again at once, for ever.
                io::ErrorKind::Interrupted => io::ErrorKind::Other,
                kind => kind,
            },
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl From<RejectReason> for io::Error {
    /// As from a [`BlockingError`].
    fn from(reason: RejectReason) -> Self {
        BlockingError::from(reason).into()
    }
}

impl<F> From<Rejected<F>> for io::Error {
    /// Drops the job, keeps the reason.
    fn from(rejected: Rejected<F>) -> Self {
        rejected.reason.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_of_the_pool_passes_for_one_that_a_wake_follows() {
        let systems = [
            io::ErrorKind::WouldBlock,
            io::ErrorKind::Interrupted,
            io::ErrorKind::OutOfMemory,
        ];
        let expected = [
            io::ErrorKind::QuotaExceeded,
            io::ErrorKind::Other,
            io::ErrorKind::OutOfMemory,
        ];
        for (kind, expected) in systems.into_iter().zip(expected) {
            let error = io::Error::from(RejectReason::NoThread(kind.into()));
            assert_eq!(error.kind(), expected);
            // Nor by its number.
            assert_eq!(error.raw_os_error(), None);
            assert!(
                error.to_string().contains("cannot start a thread"),
                "{error}"
            );
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
            assert!(matches!(
                inner,
                Some(BlockingError::Rejected(RejectReason::NoThread(_)))
            ));
        }
    }
}
