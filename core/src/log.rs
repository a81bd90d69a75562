//! What `defmt` shows of the types whose own fields it should not, or cannot, show: as `Debug` does, but
//! without the code for that in flash. The others derive it.

use defmt::{Format, Formatter, write};

use crate::executor::{SpawnError, TryNewError, TrySpawnError};
use crate::sync::mpmc::{RecvError, SendError, TrySendError};
use crate::sync::mpsc::SendTimeoutError;
use crate::sync::{AcquireError, SetError, TryLockError};
#[cfg(feature = "std")]
use crate::task::AccessError;
use crate::task::{Panic, TaskId};
use crate::time::{Elapsed, Instant};

/// In microseconds, for which `defmt` has a hint, from the reactor's start.
impl Format for Instant {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=u64:us}", self.as_nanos() / 1_000);
    }
}

impl Format for TaskId {
    fn format(&self, f: Formatter<'_>) {
        let (address, generation) = self.parts();
        write!(f, "TaskId({=usize:#x}#{=usize})", address, generation);
    }
}

impl Format for Panic {
    fn format(&self, f: Formatter<'_>) {
        #[cfg(feature = "std")]
        if let Some(message) = self.message() {
            return write!(f, "Panic({=str})", message);
        }
        write!(f, "Panic");
    }
}

impl Format for SpawnError {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "SpawnError({})", self.kind());
    }
}

impl<T> Format for TrySpawnError<T> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "TrySpawnError({})", self.kind());
    }
}

impl<R> Format for TryNewError<R> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "TryNewError");
    }
}

macro_rules! names {
    ($($type:ty: $name:literal),* $(,)?) => {
        $(
            impl Format for $type {
                fn format(&self, f: Formatter<'_>) {
                    write!(f, $name);
                }
            }
        )*
    };
}

names! {
    Elapsed: "Elapsed",
    AcquireError: "AcquireError",
    TryLockError: "TryLockError",
    RecvError: "RecvError",
}

#[cfg(feature = "std")]
names! { AccessError: "AccessError" }

impl<T> Format for SendError<T> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "SendError");
    }
}

impl<T> Format for TrySendError<T> {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Full(_) => write!(f, "Full"),
            Self::Closed(_) => write!(f, "Closed"),
        }
    }
}

impl<T> Format for SendTimeoutError<T> {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::Timeout(_) => write!(f, "Timeout"),
            Self::Closed(_) => write!(f, "Closed"),
        }
    }
}

impl<T> Format for SetError<T> {
    fn format(&self, f: Formatter<'_>) {
        match self {
            Self::AlreadyInitializedError(_) => write!(f, "AlreadyInitializedError"),
            Self::InitializingError(_) => write!(f, "InitializingError"),
        }
    }
}
