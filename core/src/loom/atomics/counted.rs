//! The atomics of unit tests, which count each thread's read-modify-writes. They have only the
//! operations that the core uses, so that none can be left out of the count.

pub(crate) use core::sync::atomic::Ordering;

use core::sync::atomic;
use std::cell::Cell;

std::thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Read-modify-writes and locks of this thread so far.
pub(crate) fn count() -> usize {
    COUNT.get()
}

/// Notes a read-modify-write, or a lock, which is made of them.
pub(crate) fn add_one() {
    COUNT.set(COUNT.get() + 1);
}

macro_rules! counted {
    (
        $name:ident $(<$generic:ident>)?, $value:ty;
        $($method:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*
    ) => {
        #[derive(Debug)]
        pub(crate) struct $name $(<$generic>)? (atomic::$name $(<$generic>)?);

        #[allow(dead_code, reason = "some features use less of it")]
        impl $(<$generic>)? $name $(<$generic>)? {
            pub(crate) const fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                add_one();
                self.0.swap(value, order)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                add_one();
                self.0.compare_exchange_weak(current, new, success, failure)
            }

            $(
                pub(crate) fn $method(&self, $($arg: $ty),*) -> $ret {
                    add_one();
                    self.0.$method($($arg),*)
                }
            )*
        }
    };
}

counted!(AtomicBool, bool;);
#[cfg(not(lean))]
counted!(AtomicPtr<T>, *mut T;);
counted!(
    AtomicUsize, usize;
    fetch_or(bits: usize, order: Ordering) -> usize;
    fetch_and(bits: usize, order: Ordering) -> usize;
    fetch_add(value: usize, order: Ordering) -> usize;
    fetch_sub(value: usize, order: Ordering) -> usize;
    compare_exchange(
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering
    ) -> Result<usize, usize>;
);

/// Sets bits and returns what there was before.
#[inline]
pub(crate) fn set_bits(word: &AtomicUsize, bits: usize, order: Ordering) -> usize {
    word.fetch_or(bits, order)
}
