//! Locks where there are threads.

use std::sync::Mutex;

/// A lock for rare operations: a mutex where there are threads, a critical section elsewhere.
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Runs `f` with the value. `f` must be short and must not run foreign code.
    pub(crate) fn with<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        #[cfg(test)]
        super::atomics::add_one();
        // A poisoned lock is of no interest: no closure that is passed in here can panic midway.
        f(&mut self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

/// A lock beside what it protects, which is not inside of it.
pub struct RawLock(Mutex<()>);

impl RawLock {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(()))
    }

    /// Runs `f`, which must be short, alone.
    #[inline]
    pub(crate) fn with<U>(&self, f: impl FnOnce() -> U) -> U {
        #[cfg(test)]
        super::atomics::add_one();
        // What it protects is as good after a panic as it was before.
        let _guard = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        f()
    }
}
