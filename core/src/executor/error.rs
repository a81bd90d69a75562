//! Why a task could not be spawned: [`SpawnError`].

use core::fmt;

/// Why a task could not be spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    BodiesFull {
        /// How many there are.
        capacity: usize,
    },
    /// The executor has no bodies: neither feature `alloc` nor a [`TaskPool`](crate::TaskPool) with bytes.
    NoBodies,
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
            Self::NoExecutor => f.write_str("no executor runs on this thread"),
            Self::Closed => f.write_str("the executor is shut down"),
            Self::TasksFull { capacity } => {
                write!(f, "all {capacity} tasks of the executor are in use")
            }
            Self::BodiesFull { capacity } => {
                write!(f, "all {capacity} task bodies of this pool are in use")
            }
            Self::NoBodies => f.write_str("the executor has no memory for futures"),
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

/// A task could not be spawned. The future, or what it was to be made of, is given back.
pub struct SpawnError<T> {
    kind: SpawnErrorKind,
    value: T,
}

impl<T> SpawnError<T> {
    pub(crate) fn new(kind: SpawnErrorKind, value: T) -> Self {
        Self { kind, value }
    }

    /// Which limit was hit.
    pub fn kind(&self) -> SpawnErrorKind {
        self.kind
    }

    /// The future or the arguments, unharmed.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for SpawnError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpawnError").field(&self.kind).finish()
    }
}

impl<T> fmt::Display for SpawnError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<T> core::error::Error for SpawnError<T> {}

#[cfg(feature = "std")]
impl<T> From<SpawnError<T>> for std::io::Error {
    /// Loses the future, keeps the reason.
    fn from(error: SpawnError<T>) -> Self {
        let kind = match error.kind {
            SpawnErrorKind::NoExecutor | SpawnErrorKind::Closed => std::io::ErrorKind::NotConnected,
            _ => std::io::ErrorKind::OutOfMemory,
        };
        std::io::Error::new(kind, alloc::string::ToString::to_string(&error.kind))
    }
}
