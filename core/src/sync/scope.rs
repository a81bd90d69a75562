//! The two scopes: one thread, or all of them.

use crate::shim::RawLock;

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
pub unsafe trait Scope: sealed::Sealed + 'static {
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

    /// An owner that counts, as many threads or one can share it.
    #[doc(hidden)]
    #[cfg(feature = "alloc")]
    type Counted<T>: core::ops::Deref<Target = T> + Clone + From<T>;

    /// What knows such an owner's value without owning it.
    #[doc(hidden)]
    #[cfg(feature = "alloc")]
    type Weak<T>;

    #[doc(hidden)]
    #[cfg(feature = "alloc")]
    fn downgrade<T>(owner: &Self::Counted<T>) -> Self::Weak<T>;

    #[doc(hidden)]
    #[cfg(feature = "alloc")]
    fn upgrade<T>(weak: &Self::Weak<T>) -> Option<Self::Counted<T>>;

    /// The value, if nobody else owns it.
    #[doc(hidden)]
    #[cfg(feature = "alloc")]
    fn into_inner<T>(owner: Self::Counted<T>) -> Option<T>;

    /// Whether it has an owner.
    #[doc(hidden)]
    #[cfg(feature = "alloc")]
    fn is_owned<T>(weak: &Self::Weak<T>) -> bool;

    /// Runs `f`, alone.
    #[doc(hidden)]
    fn locked<U>(raw: &Self::Raw, f: impl FnOnce() -> U) -> U;
}

/// The scope of what belongs to one thread: no lock, no atomics; neither `Send` nor `Sync`.
#[derive(Debug)]
pub enum Local {}

/// The scope of what is shared between threads, cores and interrupt handlers.
///
/// Where there is an operating system the lock is a mutex, held for a few dozen instructions and never
/// while foreign code runs. On bare metal it is a critical section (crate `critical-section`), so that
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
    #[cfg(feature = "alloc")]
    type Counted<T> = alloc::rc::Rc<T>;
    #[cfg(feature = "alloc")]
    type Weak<T> = alloc::rc::Weak<T>;

    #[cfg(feature = "alloc")]
    fn downgrade<T>(owner: &Self::Counted<T>) -> Self::Weak<T> {
        alloc::rc::Rc::downgrade(owner)
    }

    #[cfg(feature = "alloc")]
    fn upgrade<T>(weak: &Self::Weak<T>) -> Option<Self::Counted<T>> {
        weak.upgrade()
    }

    #[cfg(feature = "alloc")]
    fn into_inner<T>(owner: Self::Counted<T>) -> Option<T> {
        alloc::rc::Rc::into_inner(owner)
    }

    #[cfg(feature = "alloc")]
    fn is_owned<T>(weak: &Self::Weak<T>) -> bool {
        weak.strong_count() > 0
    }

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
    #[cfg(feature = "alloc")]
    type Counted<T> = crate::shim::Arc<T>;
    #[cfg(feature = "alloc")]
    type Weak<T> = crate::shim::WeakArc<T>;

    #[cfg(feature = "alloc")]
    fn downgrade<T>(owner: &Self::Counted<T>) -> Self::Weak<T> {
        crate::shim::Arc::downgrade(owner)
    }

    #[cfg(feature = "alloc")]
    fn upgrade<T>(weak: &Self::Weak<T>) -> Option<Self::Counted<T>> {
        weak.upgrade()
    }

    #[cfg(feature = "alloc")]
    fn into_inner<T>(owner: Self::Counted<T>) -> Option<T> {
        crate::shim::Arc::into_inner(owner)
    }

    #[cfg(feature = "alloc")]
    fn is_owned<T>(weak: &Self::Weak<T>) -> bool {
        weak.strong_count() > 0
    }

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
