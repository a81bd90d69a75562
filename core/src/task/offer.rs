//! [`Offer`]: a value that goes from where it lies to where it is to stay, in one move.

use core::mem::ManuallyDrop;

/// A value that is offered to the executor, which takes it or does not.
///
/// What passes it on passes a reference: at every call that takes a value, a build without
/// optimisation makes a copy, and futures can be as large as the rest of the stack.
///
/// Dropped, it drops the value unless that was taken.
pub(crate) struct Offer<T> {
    value: ManuallyDrop<T>,
    is_taken: bool,
}

impl<T> Offer<T> {
    #[inline(always)]
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: ManuallyDrop::new(value),
            is_taken: false,
        }
    }

    /// Moves the value.
    ///
    /// # Safety
    ///
    /// To be called once; `place` is valid for writes.
    #[inline(always)]
    pub(crate) unsafe fn move_to(&mut self, place: *mut T) {
        debug_assert!(!self.is_taken);
        self.is_taken = true;
        // SAFETY: the caller's promise; nobody reads or drops the value here from now on.
        unsafe { place.copy_from_nonoverlapping(&raw const *self.value, 1) };
    }

    /// The value of an offer that was refused.
    #[inline]
    pub(crate) fn take_back(mut self) -> T {
        assert!(!self.is_taken);
        self.is_taken = true;
        // SAFETY: it is there, and nobody drops it here from now on.
        unsafe { ManuallyDrop::take(&mut self.value) }
    }
}

impl<T> Drop for Offer<T> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_taken {
            // SAFETY: it is there.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
