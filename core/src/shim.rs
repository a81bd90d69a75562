//! Atomics and cells: the machine's own, emulated where it has no compare-and-swap, or loom's
//! while a model is being checked.

#[cfg(loom)]
pub(crate) use loom::{
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
};

#[cfg(all(test, not(loom)))]
pub(crate) mod counted;

#[cfg(not(loom))]
pub(crate) use core::cell::Cell;
#[cfg(all(not(loom), not(test), not(lean), target_has_atomic = "ptr"))]
pub(crate) use core::sync::atomic::AtomicPtr;
#[cfg(all(not(loom), not(test), any(lean, target_has_atomic = "ptr")))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(all(test, not(loom), not(lean)))]
pub(crate) use counted::AtomicPtr;
#[cfg(all(test, not(loom)))]
pub(crate) use counted::{AtomicBool, AtomicUsize, Ordering};
#[cfg(all(not(loom), not(test), not(lean), not(target_has_atomic = "ptr")))]
pub(crate) use portable_atomic::AtomicPtr;
#[cfg(all(not(loom), not(test), not(lean), not(target_has_atomic = "ptr")))]
pub(crate) use portable_atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(all(feature = "alloc", not(target_has_atomic = "ptr")))]
pub(crate) use alloc::rc::{Rc as Arc, Weak as WeakArc};
/// What counts owners on several threads. Without compare-and-swap `alloc` has none; what is counted
/// there stays where it was made, which the compiler sees to, since an `Rc` is not `Send`.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(crate) use alloc::sync::{Arc, Weak as WeakArc};

#[cfg(all(not(loom), not(lean), not(target_has_atomic = "ptr")))]
portable_atomic::cfg_no_atomic_cas! {
    compile_error!(
        "this chip has no compare-and-swap: either one core runs executors, then enable polliwog's \
         feature `single-core` (and not `alloc`, `simulation` or `task-info`, which need more); or let \
         `portable-atomic` emulate it, which is the program's choice: put `portable-atomic` into its \
         dependencies with the feature `critical-section` or `unsafe-assume-single-core`"
    );
}

/// `Acquire`, for what an interrupted or interrupting context of the same core has released: on
/// a lean build there is no other, and the barriers that go with it would be for nothing; compiler fences
/// keep the order.
#[cfg(not(lean))]
pub(crate) const ACQUIRE: Ordering = Ordering::Acquire;
#[cfg(lean)]
pub(crate) const ACQUIRE: Ordering = Ordering::Relaxed;

/// Sets bits and returns what there was before. A lean build has the machine's own atomics even
/// where they can only be loaded and stored: emulated ones take a critical section for each load.
#[inline]
pub(crate) fn set_bits(word: &AtomicUsize, bits: usize, order: Ordering) -> usize {
    #[cfg(any(not(lean), target_has_atomic = "ptr"))]
    return word.fetch_or(bits, order);
    #[cfg(not(any(not(lean), target_has_atomic = "ptr")))]
    return critical_section::with(|_| {
        let _ = order;
        let before = word.load(Ordering::Relaxed);
        word.store(before | bits, Ordering::Relaxed);
        before
    });
}

/// Declares functions that are `const`, except under loom, whose primitives cannot be built at
/// compile time.
macro_rules! const_unless_loom {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        $(
            #[cfg(not(loom))]
            $(#[$meta])*
            $vis const fn $name($($arg: $ty),*) -> $ret $body

            #[cfg(loom)]
            $(#[$meta])*
            $vis fn $name($($arg: $ty),*) -> $ret $body
        )*
    };
}
pub(crate) use const_unless_loom;

/// A lock for rare operations: a mutex where there are threads, a critical section elsewhere.
pub(crate) struct Lock<T>(Inner<T>);

#[cfg(loom)]
type Inner<T> = loom::sync::Mutex<T>;
#[cfg(all(not(loom), threads))]
type Inner<T> = std::sync::Mutex<T>;
#[cfg(not(threads))]
type Inner<T> = critical_section::Mutex<core::cell::RefCell<T>>;

impl<T> Lock<T> {
    const_unless_loom! {
        pub(crate) fn new(value: T) -> Self {
            #[cfg(threads)]
            return Self(Inner::new(value));
            #[cfg(not(threads))]
            return Self(Inner::new(core::cell::RefCell::new(value)));
        }
    }

    /// Runs `f` with the value. `f` must be short and must not run foreign code.
    pub(crate) fn with<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        #[cfg(all(test, not(loom)))]
        counted::add_one();
        #[cfg(loom)]
        return f(&mut self.0.lock().unwrap());
        // A poisoned lock is of no interest: no closure that is passed in here can panic midway.
        #[cfg(all(not(loom), threads))]
        return f(&mut self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()));
        #[cfg(not(threads))]
        return critical_section::with(|cs| f(&mut self.0.borrow_ref_mut(cs)));
    }
}

/// A lock beside what it protects, which is not inside of it.
pub struct RawLock(RawInner);

#[cfg(loom)]
type RawInner = loom::sync::Mutex<()>;
#[cfg(all(not(loom), threads))]
type RawInner = std::sync::Mutex<()>;
#[cfg(not(threads))]
type RawInner = ();

impl RawLock {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            #[cfg(threads)]
            return Self(RawInner::new(()));
            #[cfg(not(threads))]
            return Self(());
        }
    }

    /// Runs `f`, which must be short, alone; in a critical section on bare metal.
    #[inline]
    pub(crate) fn with<U>(&self, f: impl FnOnce() -> U) -> U {
        #[cfg(all(test, not(loom)))]
        counted::add_one();
        #[cfg(loom)]
        let _guard = self.0.lock().unwrap();
        // What it protects is as good after a panic as it was before.
        #[cfg(all(not(loom), threads))]
        let _guard = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        #[cfg(threads)]
        return f();
        #[cfg(not(threads))]
        return critical_section::with(|_| {
            let () = self.0;
            f()
        });
    }
}
