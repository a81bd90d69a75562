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
pub struct Flag {
    set: AtomicBool,
    /// Nothing where there is none, so that the flag lies in `.bss`.
    bell: Option<fn()>,
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, set, set, ignore);

impl Flag {
    crate::shim::const_unless_loom! {
        /// A flag that is not set.
        pub fn new() -> Self {
            Self { set: AtomicBool::new(false), bell: None }
        }

        /// A flag that calls `bell` whenever it has been set, from wherever that was: what ends the
        /// sleep of a core that another one wakes, by interrupting it. The function must not wake
        /// anything itself.
        ///
        /// ```
        /// use polliwog_core::unpark::Flag;
        /// # mod sio { pub fn interrupt_the_other_core() {} }
        ///
        /// static UNPARK: Flag = Flag::with_bell(sio::interrupt_the_other_core);
        /// ```
        pub fn with_bell(bell: fn()) -> Self {
            Self { set: AtomicBool::new(false), bell: Some(bell) }
        }
    }

    /// Sets the flag.
    pub fn set(&self) {
        self.set.store(true, Ordering::Release);
        if let Some(bell) = self.bell {
            bell();
        }
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    /// Clears the flag; whether it was set. Writes nothing if it was not.
    pub fn take(&self) -> bool {
        // A wake that comes between the two is seen by this call's caller all the same.
        self.is_set() && {
            self.set.store(false, Ordering::Relaxed);
            true
        }
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
