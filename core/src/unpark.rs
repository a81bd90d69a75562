//! [`Flag`]: an unparker without allocation.

use core::task::{RawWaker, RawWakerVTable, Waker};

use crate::shim::{AtomicBool, Ordering};

/// A sticky flag that a [`Waker`] sets: what a reactor without an operating system hands out
/// as its [unparker](crate::Reactor::unparker).
///
/// ```
/// use polliwog_core::unpark::Flag;
///
/// static UNPARK: Flag = Flag::new();
///
/// let waker = UNPARK.waker();
/// waker.wake_by_ref(); // from any thread or interrupt handler
/// assert!(UNPARK.take());
/// assert!(!UNPARK.take());
/// ```
#[derive(Debug)]
pub struct Flag(AtomicBool);

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, set, set, ignore);

impl Flag {
    crate::shim::const_unless_loom! {
        /// A flag that is not set.
        pub fn new() -> Self {
            Self(AtomicBool::new(false))
        }
    }

    /// Sets the flag. What was done before is seen by whoever [takes](Self::take) it.
    pub fn set(&self) {
        // A read-modify-write: after a plain store whoever takes the flag would see what its last setter
        // did, but not what those did who had set it before.
        #[cfg(not(lean))]
        self.0.swap(true, Ordering::Release);
        #[cfg(lean)]
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Clears the flag; whether it was set. Writes nothing if it was not.
    ///
    /// If it was, the caller sees what all of those did before who have set it; who sets it from now on
    /// makes it set again.
    pub fn take(&self) -> bool {
        // A plain store would overwrite what is set between the two, and the caller would not see what
        // came before that.
        #[cfg(not(lean))]
        return self.is_set() && self.0.swap(false, Ordering::Acquire);
        // On the same core the caller does see it, unless the compiler looks first and clears then.
        #[cfg(lean)]
        return self.is_set() && {
            self.0.store(false, Ordering::Relaxed);
            core::sync::atomic::compiler_fence(Ordering::SeqCst);
            true
        };
    }

    /// A waker that sets the flag.
    pub fn waker(&'static self) -> Waker {
        // SAFETY: the vtable's functions take a `&'static Flag` and work from any thread.
        unsafe { Waker::new(core::ptr::from_ref(self).cast(), &VTABLE) }
    }
}

impl Default for Flag {
    fn default() -> Self {
        Self::new()
    }
}

unsafe fn clone(flag: *const ()) -> RawWaker {
    RawWaker::new(flag, &VTABLE)
}

unsafe fn set(flag: *const ()) {
    // SAFETY: made from a `&'static Flag` in `Flag::waker`.
    unsafe { &*flag.cast::<Flag>() }.set();
}

unsafe fn ignore(_: *const ()) {}
