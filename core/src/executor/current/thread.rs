//! Each thread is in the context of one executor, or of none.

use core::cell::Cell;
use core::ptr;

use crate::task::owner::Owner;

#[cfg(loom)]
loom::thread_local! {
    static CURRENT: Cell<*const Owner> = Cell::new(ptr::null());
}
#[cfg(not(loom))]
std::thread_local! {
    // Const and without a destructor: usable at any time, also while the thread ends.
    static CURRENT: Cell<*const Owner> = const { Cell::new(ptr::null()) };
}

#[inline]
pub(super) fn get() -> *const Owner {
    CURRENT.with(|current| current.get())
}

/// What tells this thread from all others that there are now; not zero.
#[cfg(feature = "std")]
pub(crate) fn thread() -> usize {
    CURRENT.with(|current| ptr::from_ref(current).addr())
}

/// What was current before somebody entered.
pub(crate) type Former = *const Owner;

/// Makes an executor current.
#[inline]
pub(crate) fn enter(executor: *const Owner, _in_handler: bool) -> Former {
    CURRENT.with(|current| current.replace(executor))
}

#[inline]
pub(crate) fn leave(former: &Former, _in_handler: bool) {
    CURRENT.with(|current| current.set(*former));
}

/// Makes an executor current for ever.
#[allow(
    dead_code,
    reason = "for the endless run loop of a chip with a single core"
)]
pub(crate) fn set_main(executor: *const Owner) {
    CURRENT.with(|current| current.set(executor));
}
