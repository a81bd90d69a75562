//! [`Lock`]: mutual exclusion for a `static`, with and without an operating system.

#[cfg(any(feature = "std", not(target_os = "none")))]
pub(crate) struct Lock<T>(std::sync::Mutex<T>);

#[cfg(any(feature = "std", not(target_os = "none")))]
impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    /// Runs `f` alone. `f` must not come back here, and should be short.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // A panic of `f` leaves data that is whole, only not what was wanted.
        let mut guard = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        f(&mut guard)
    }
}

#[cfg(not(any(feature = "std", not(target_os = "none"))))]
pub(crate) struct Lock<T>(critical_section::Mutex<core::cell::RefCell<T>>);

#[cfg(not(any(feature = "std", not(target_os = "none"))))]
impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(critical_section::Mutex::new(core::cell::RefCell::new(
            value,
        )))
    }

    /// Runs `f` with interrupts off. `f` must not come back here, and should be short.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        critical_section::with(|cs| f(&mut self.0.borrow_ref_mut(cs)))
    }
}
