//! Locks on bare metal: critical sections.

use core::cell::RefCell;

/// A lock for rare operations: a mutex where there are threads, a critical section elsewhere.
pub(crate) struct Lock<T>(critical_section::Mutex<RefCell<T>>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(critical_section::Mutex::new(RefCell::new(value)))
    }

    /// Runs `f` with the value. `f` must be short and must not run foreign code.
    pub(crate) fn with<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        critical_section::with(|cs| f(&mut self.0.borrow_ref_mut(cs)))
    }
}

/// A lock beside what it protects, which is not inside of it.
pub struct RawLock(());

impl RawLock {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// Runs `f`, which must be short, alone.
    #[inline]
    pub(crate) fn with<U>(&self, f: impl FnOnce() -> U) -> U {
        critical_section::with(|_| {
            let () = self.0;
            f()
        })
    }
}
