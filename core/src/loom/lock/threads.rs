//! Locks where there are threads.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::here;

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
        crate::loom::atomics::add_one();
        // What it protects is as good after a panic as it was before.
        let _guard = match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => self.wait(),
        };
        f()
    }

    #[cold]
    fn wait(&self) -> MutexGuard<'_, ()> {
        here::check(core::ptr::from_ref(self).addr());
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
