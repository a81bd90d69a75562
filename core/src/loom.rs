//! Atomics, cells and locks: the machine's own, emulated where it has no compare-and-swap, or loom's
//! while a model is being checked.

#[cfg_attr(loom, path = "loom/atomics/modelled.rs")]
#[cfg_attr(all(test, not(loom)), path = "loom/atomics/counted.rs")]
#[cfg_attr(
    all(not(test), not(loom), target_has_atomic = "ptr"),
    path = "loom/atomics/native.rs"
)]
#[cfg_attr(
    all(not(test), not(loom), not(target_has_atomic = "ptr"), lean),
    path = "loom/atomics/loads_and_stores.rs"
)]
#[cfg_attr(
    all(not(test), not(loom), not(target_has_atomic = "ptr"), not(lean)),
    path = "loom/atomics/emulated.rs"
)]
mod atomics;
mod lock;

#[cfg(not(lean))]
pub(crate) use atomics::AtomicPtr;
#[cfg(all(test, not(loom)))]
pub(crate) use atomics::count;
pub(crate) use atomics::{AtomicBool, AtomicUsize, Ordering, set_bits};
#[cfg(not(loom))]
pub(crate) use core::cell::Cell;
#[cfg(all(feature = "std", not(loom)))]
pub(crate) use core::sync::atomic::fence;
pub use lock::Lock;
pub(crate) use lock::RawLock;
#[cfg(threads)]
pub(crate) use lock::here;
#[cfg(loom)]
pub(crate) use loom::cell::Cell;
#[cfg(all(feature = "std", loom))]
pub(crate) use loom::sync::atomic::fence;

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
pub(crate) const ACQUIRE: Ordering = if cfg!(lean) {
    Ordering::Relaxed
} else {
    Ordering::Acquire
};

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
