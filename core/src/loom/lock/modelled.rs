//! The locks of models, which loom checks.

use loom::sync::Mutex;

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
