//! The locks of models, which loom checks.

use loom::sync::Mutex;

/// A lock for rare operations: a mutex where there are threads, a critical section elsewhere.
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Runs `f` with the value. `f` must be short and must not run foreign code.
    pub(crate) fn with<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        f(&mut self.0.lock().unwrap())
    }
}

/// A lock beside what it protects, which is not inside of it.
pub struct RawLock(Mutex<()>);

impl RawLock {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(()))
    }

    /// Runs `f`, which must be short, alone.
    #[inline]
    pub(crate) fn with<U>(&self, f: impl FnOnce() -> U) -> U {
        let _guard = self.0.lock().unwrap();
        f()
    }
}
