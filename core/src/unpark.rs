//! [`Flag`]: an unparker without allocation.

use core::task::{RawWaker, RawWakerVTable, Waker};

use crate::loom::{AtomicBool, Ordering};

/// A sticky flag that a [`Waker`] sets: what a reactor without an operating system hands out
/// as its [unparker](crate::Reactor::unparker).
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::unpark::Flag;
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
    crate::loom::const_unless_loom! {
        /// Makes a flag that is not set.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::unpark::Flag;
        ///
        /// static UNPARK: Flag = Flag::new();
        /// assert!(!UNPARK.is_set());
        /// ```
        pub fn new() -> Self {
            Self { set: AtomicBool::new(false), bell: None }
        }

        /// Makes a flag that calls `bell` whenever it has been set, from wherever that was: what ends the
        /// sleep of a core that another one wakes, by interrupting it. The function must not wake
        /// anything itself.
        ///
        /// ```
        /// # use polliwog_core as polliwog;
        /// use polliwog::unpark::Flag;
        /// # mod sio { pub fn interrupt_the_other_core() {} }
        ///
        /// static UNPARK: Flag = Flag::with_bell(sio::interrupt_the_other_core);
        /// ```
        pub fn with_bell(bell: fn()) -> Self {
            Self { set: AtomicBool::new(false), bell: Some(bell) }
        }
    }

    /// Sets the flag. What was done before is seen by whoever [takes](Self::take) it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::unpark::Flag;
    ///
    /// static UNPARK: Flag = Flag::new();
    /// UNPARK.set();
    /// assert!(UNPARK.is_set());
    /// ```
    pub fn set(&self) {
        // A read-modify-write: after a plain store whoever takes the flag would see what its last setter
        // did, but not what those did who had set it before.
        #[cfg(not(lean))]
        self.set.swap(true, Ordering::Release);
        #[cfg(lean)]
        self.set.store(true, Ordering::Release);
        if let Some(bell) = self.bell {
            bell();
        }
    }

    /// Returns whether the flag is set.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::unpark::Flag;
    ///
    /// static UNPARK: Flag = Flag::new();
    /// UNPARK.set();
    /// assert!(UNPARK.is_set() && UNPARK.is_set()); // looking changes nothing
    /// ```
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    /// Clears the flag; whether it was set. Writes nothing if it was not.
    ///
    /// If it was, the caller sees what all of those did before who have set it; who sets it from now on
    /// makes it set again.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::unpark::Flag;
    ///
    /// static UNPARK: Flag = Flag::new();
    /// UNPARK.set();
    /// assert!(UNPARK.take() && !UNPARK.take());
    /// ```
    pub fn take(&self) -> bool {
        // A plain store would overwrite what is set between the two, and the caller would not see what
        // came before that.
        #[cfg(not(lean))]
        return self.is_set() && self.set.swap(false, Ordering::Acquire);
        // On the same core the caller does see it, unless the compiler looks first and clears then.
        #[cfg(lean)]
        return self.is_set() && {
            self.set.store(false, Ordering::Relaxed);
            core::sync::atomic::compiler_fence(Ordering::SeqCst);
            true
        };
    }

    /// Makes a waker that sets the flag.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::unpark::Flag;
    ///
    /// static UNPARK: Flag = Flag::new();
    /// UNPARK.waker().wake();
    /// assert!(UNPARK.take());
    /// ```
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
