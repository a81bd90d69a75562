//! [`Lock`]: a value that one at a time looks at, on whatever thread, core or level.

use core::cell::RefCell;

use super::const_unless_loom;

#[cfg_attr(loom, path = "lock/modelled.rs")]
#[cfg_attr(all(not(loom), threads), path = "lock/threads.rs")]
#[cfg_attr(not(threads), path = "lock/critical_section.rs")]
mod raw;

#[cfg(threads)]
pub(crate) mod here;

pub(crate) use raw::RawLock;

/// A lock for rare operations: a mutex where there are threads, a critical section elsewhere.
pub struct Lock<T> {
    raw: RawLock,
    value: RefCell<T>,
}

// SAFETY: `with`, the only way to the value, lets one at a time look at it, and the value may go from one thread to
// the next.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    const_unless_loom! {
        /// A lock around a value.
        pub fn new(value: T) -> Self {
            Self { raw: RawLock::new(), value: RefCell::new(value) }
        }
    }

    /// Runs `f` with the value. `f` must be short, must not run foreign code, and must not come back here.
    pub fn with<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        self.raw.with(|| f(&mut self.value.borrow_mut()))
    }
}
