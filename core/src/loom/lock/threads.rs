//! Locks where there are threads.

use std::sync::Mutex;

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
        let _guard = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        f()
    }
}
