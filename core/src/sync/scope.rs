//! The two scopes: one thread, or all of them.

use crate::loom::RawLock;

#[cfg_attr(not(feature = "alloc"), path = "scope/no_owners.rs")]
mod owners;

use owners::Owners;

mod sealed {
    pub trait Sealed {}
}

/// Who may use something: one executor's thread ([`Local`]), or every thread, core and interrupt
/// handler ([`Shared`]).
///
/// # Safety
///
/// Sealed; [`locked`](Self::locked) runs at most one of the functions given to it with one and the
/// same lock at a time, but for one that is called by another.
pub unsafe trait Scope: Owners + sealed::Sealed + 'static {
    /// The lock.
    #[doc(hidden)]
    type Raw;

    /// Whether it costs anything.
    #[doc(hidden)]
    const LOCKS: bool;

    /// A lock that is free.
    #[doc(hidden)]
    #[cfg(not(loom))]
    const RAW: Self::Raw;

    /// A lock that is free.
    #[doc(hidden)]
    #[cfg(loom)]
    fn raw() -> Self::Raw;

    /// Where a value lies that foreign code looks at.
    #[doc(hidden)]
    type Shelf<T>: super::shelf::Shelf<T>;

    /// Runs `f`, alone.
    #[doc(hidden)]
    fn locked<U>(raw: &Self::Raw, f: impl FnOnce() -> U) -> U;
}

/// The scope of what belongs to one thread: no lock, no atomics; neither `Send` nor `Sync`.
#[derive(Debug)]
pub enum Local {}

/// The scope of what is shared between threads, cores and interrupt handlers.
///
/// Where there is an operating system the lock is a mutex, held for a few dozen instructions and not
/// while foreign code runs, but for `Clone` of what a broadcast channel sends. On bare metal it is a critical section (crate `critical-section`), so that
/// an operation that does not have to wait for something else can be used in an interrupt handler.
///
/// What is on the heap is counted by an `Arc`. A chip without compare-and-swap has none: there it is an
/// `Rc`, which is not `Send`; what a handler shares with tasks lies in a static anyway.
#[derive(Debug)]
pub enum Shared {}

impl sealed::Sealed for Local {}
impl sealed::Sealed for Shared {}

// SAFETY: whatever has this scope is neither `Send` nor `Sync`, so there is one thread.
unsafe impl Scope for Local {
    type Raw = ();
    const LOCKS: bool = false;
    type Shelf<T> = core::cell::RefCell<T>;

    #[cfg(not(loom))]
    const RAW: () = ();

    #[cfg(loom)]
    fn raw() {}

    #[inline]
    fn locked<U>(_: &(), f: impl FnOnce() -> U) -> U {
        f()
    }
}

// SAFETY: that is what the lock does.
unsafe impl Scope for Shared {
    type Raw = RawLock;
    const LOCKS: bool = true;
    type Shelf<T> = super::shelf::Locked<T>;

    #[cfg(not(loom))]
    const RAW: RawLock = RawLock::new();

    #[cfg(loom)]
    fn raw() -> RawLock {
        RawLock::new()
    }

    #[inline]
    fn locked<U>(raw: &RawLock, f: impl FnOnce() -> U) -> U {
        raw.with(f)
    }
}
