//! The executor's errors: why a task was not spawned, an executor not made, a run ended.
//!
//! An error that is to be passed on holds nothing of the program's: it is `Send` and `Sync` whatever
//! the program is made of. What gives something back is an error of its own, by a function with
//! `try_` in its name.

use core::fmt;

#[cfg(threads)]
mod io;

/// The limit that was hit, or what was missing, when a task could not be spawned:
/// [`SpawnError::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SpawnErrorKind {
    /// No executor runs on this thread.
    NoExecutor,
    /// The executor is being dropped, or has been.
    Closed,
    /// The executor has as many tasks as it can have.
    TasksFull {
        /// How many that is.
        capacity: usize,
    },
    /// All bodies of the spawn site or pool are in use.
    StorageFull {
        /// How many there are.
        capacity: usize,
    },
    /// The executor has no bodies: neither feature `alloc` nor a [`TaskPool`](crate::TaskPool) with bytes.
    NoStorage,
    /// The [`TaskPool`](crate::TaskPool) that was named is not the one that the executor was made with.
    OtherPool,
    /// The future is larger (or more strictly aligned) than the pool's bodies.
    TooLarge {
        /// Size of the future's body, in bytes.
        size: usize,
        /// Size of the pool's bodies, in bytes.
        limit: usize,
    },
    /// The executor's limit on heap memory is reached, or the allocator has no memory.
    OutOfMemory {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Too many tasks of other threads wait for a free slot.
    InboxFull {
        /// How many may wait.
        capacity: usize,
    },
}

impl fmt::Display for SpawnErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExecutor
                if cfg!(all(
                    target_os = "none",
                    not(feature = "single-core"),
                    not(feature = "std")
                )) =>
            {
                f.write_str(
                    "without polliwog's feature `single-core` no executor is ambient on bare metal",
                )
            }
            Self::NoExecutor => f.write_str("no executor runs on this thread"),
            Self::Closed => f.write_str("the executor is shut down"),
            Self::TasksFull { capacity } => {
                write!(f, "all {capacity} tasks of the executor are in use")
            }
            Self::StorageFull { capacity } => {
                write!(f, "all {capacity} task bodies of this pool are in use")
            }
            Self::NoStorage => f.write_str("the executor has no memory for futures"),
            Self::OtherPool => {
                f.write_str("the executor was made with another TaskPool than this one")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "the future takes {size} bytes, the pool has {limit}")
            }
            Self::OutOfMemory { limit } if *limit == usize::MAX => {
                f.write_str("the allocator has no memory for the task")
            }
            Self::OutOfMemory { limit } => {
                write!(
                    f,
                    "the executor's tasks may take {limit} bytes, which are in use"
                )
            }
            Self::InboxFull { capacity } => {
                write!(
                    f,
                    "{capacity} tasks of other threads wait for a free slot already"
                )
            }
        }
    }
}

/// A task could not be spawned, and what it was to be made of has been dropped.
///
/// Small, `Copy`, `Send` and `Sync`, so that `?` passes it on wherever an error can go: into a
/// `Box<dyn Error + Send + Sync>`, an `anyhow::Error` and (feature `std`) an
/// [`io::Error`](std::io::Error). Whoever wants the future back calls the function with `try_` in
/// its name, which fails with a [`TrySpawnError`].
///
/// ```
/// # use polliwog_core as polliwog;
/// use std::error::Error;
///
/// fn start() -> Result<(), Box<dyn Error + Send + Sync>> {
///     polliwog::spawn(async { 7 })?.detach();
///     Ok(())
/// }
///
/// let error = start().unwrap_err();
/// assert_eq!(error.to_string(), "no executor runs on this thread");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpawnError(SpawnErrorKind);

impl SpawnError {
    /// Returns the limit that was hit.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::SpawnErrorKind;
    ///
    /// // Outside of any executor.
    /// let error = polliwog::spawn(async {}).unwrap_err();
    /// assert_eq!(error.kind(), SpawnErrorKind::NoExecutor);
    /// ```
    pub const fn kind(&self) -> SpawnErrorKind {
        self.0
    }
}

impl From<SpawnErrorKind> for SpawnError {
    fn from(kind: SpawnErrorKind) -> Self {
        Self(kind)
    }
}

impl From<SpawnError> for SpawnErrorKind {
    fn from(error: SpawnError) -> Self {
        error.0
    }
}

impl fmt::Debug for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpawnError").field(&self.0).finish()
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for SpawnErrorKind {}
impl core::error::Error for SpawnError {}

/// A task could not be spawned; the future, or what it was to be made of, is given back.
///
/// `?` turns it into a [`SpawnError`] or an [`io::Error`](std::io::Error), whatever `T` is. It
/// is an error itself, but one that cannot be sent to another thread if `T` cannot.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::{SpawnError, SpawnErrorKind, executor::try_spawn};
///
/// let refused = try_spawn(async { 7 }).unwrap_err();
/// assert_eq!(refused.kind(), SpawnErrorKind::NoExecutor);
/// let future = refused.into_inner();
///
/// fn start(future: impl Future + 'static) -> Result<(), SpawnError> {
///     try_spawn(future)?.detach();
///     Ok(())
/// }
/// assert_eq!(start(future).unwrap_err().kind(), SpawnErrorKind::NoExecutor);
/// ```
pub struct TrySpawnError<T> {
    kind: SpawnErrorKind,
    value: T,
}

impl<T> TrySpawnError<T> {
    #[doc(hidden)]
    pub fn new(kind: SpawnErrorKind, value: T) -> Self {
        Self { kind, value }
    }

    /// Returns the limit that was hit.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// let error = polliwog::try_spawn(async {}).unwrap_err();
    /// println!("{:?}", error.kind());
    /// ```
    pub const fn kind(&self) -> SpawnErrorKind {
        self.kind
    }

    /// The error without the future: to pass on while the future is kept.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// let refused = polliwog::try_spawn(async {}).unwrap_err();
    /// let error: polliwog::SpawnError = refused.error(); // while `refused` keeps the future
    /// println!("{error}");
    /// ```
    pub const fn error(&self) -> SpawnError {
        SpawnError(self.kind)
    }

    #[doc(hidden)]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> TrySpawnError<U> {
        TrySpawnError::new(self.kind, f(self.value))
    }

    /// The future, the closure or the arguments, unharmed.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let refused = std::thread::spawn(|| {
    ///         // No executor runs on this thread.
    ///         polliwog::try_spawn(async { 7 }).is_err()
    ///     });
    ///     assert!(refused.join().unwrap());
    /// });
    /// ```
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for TrySpawnError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrySpawnError").field(&self.kind).finish()
    }
}

impl<T> fmt::Display for TrySpawnError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<T> core::error::Error for TrySpawnError<T> {}

impl<T> From<TrySpawnError<T>> for SpawnError {
    /// Drops the future, keeps the reason.
    fn from(error: TrySpawnError<T>) -> Self {
        error.error()
    }
}

/// The [`TaskPool`](crate::TaskPool) has an executor already.
///
/// `Copy`, `Send` and `Sync`, whatever the reactor is, so that `?` passes it on anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PoolInUseError;

impl fmt::Display for PoolInUseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task pool belongs to another executor")
    }
}

impl core::error::Error for PoolInUseError {}

/// The [`TaskPool`](crate::TaskPool) has an executor already. The reactor is given back.
///
/// `?` turns it into a [`PoolInUseError`] or an [`io::Error`](std::io::Error), whatever the reactor is.
pub struct TryNewError<R>(R);

impl<R> TryNewError<R> {
    pub(super) fn new(reactor: R) -> Self {
        Self(reactor)
    }

    /// The reactor, unharmed.
    pub fn into_inner(self) -> R {
        self.0
    }
}

impl<R> fmt::Debug for TryNewError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryNewError")
    }
}

impl<R> fmt::Display for TryNewError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PoolInUseError.fmt(f)
    }
}

impl<R> core::error::Error for TryNewError<R> {}

impl<R> From<TryNewError<R>> for PoolInUseError {
    /// Drops the reactor.
    fn from(_: TryNewError<R>) -> Self {
        Self
    }
}

/// Why an executor stopped.
#[derive(Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RunError<E> {
    /// The reactor failed.
    Reactor(E),
    /// The executor is running already: a task of it asked it to run.
    Nested,
    /// There is no free slot for the future of `block_on`.
    TasksFull {
        /// How many tasks there can be.
        capacity: usize,
    },
}

impl<E: fmt::Debug> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reactor(error) => write!(f, "the reactor failed: {error:?}"),
            Self::Nested => f.write_str("the executor is running already"),
            Self::TasksFull { capacity } => {
                write!(f, "all {capacity} tasks of the executor are in use")
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for RunError<E> {}
