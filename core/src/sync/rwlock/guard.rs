//! The values of a lock that is held, borrowed from it.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use super::{ALL, All, Permits, RwLock, Scope, Shared};

/// The value of a [`RwLock`] to look at, or a [part](Self::map) of it, until it is dropped.
#[must_use = "dropped at once, it unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized, S: Scope = Shared> {
    /// Of the lock that the permit is of.
    value: NonNull<T>,
    permits: &'a Permits<S, All>,
    _value: PhantomData<&'a T>,
}

/// The value of a [`RwLock`] to change, until it is dropped.
#[must_use = "dropped at once, it unlocks at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized, S: Scope = Shared> {
    lock: &'a RwLock<T, S>,
}

/// A part of the value of a [`RwLock`] to change, until it is dropped: see [`RwLockWriteGuard::map`].
#[must_use = "dropped at once, it unlocks at once"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized, S: Scope = Shared> {
    /// Of the lock that the permits are of.
    value: NonNull<T>,
    permits: &'a Permits<S, All>,
    _value: PhantomData<&'a mut T>,
}

// SAFETY: it is a `&T` and a reference to a lock of all threads.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T, Shared> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T, Shared> {}
// SAFETY: it is a `&mut T` and a reference to a lock of all threads; what it is downgraded to may
// stand beside others of its kind.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T, Shared> {}
// SAFETY: by reference it is a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T, Shared> {}
// SAFETY: as for `RwLockWriteGuard`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T, Shared> {}
// SAFETY: by reference it is a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RwLockMappedWriteGuard<'_, T, Shared> {}

impl<'a, T: ?Sized, S: Scope> RwLockReadGuard<'a, T, S> {
    /// The caller has one permit, which is the guard's now.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T, S>) -> Self {
        // SAFETY: whoever has a permit may look at the value, and the reference ends here.
        let value = NonNull::from(unsafe { &*lock.value.get() });
        Self {
            value,
            permits: &lock.permits,
            _value: PhantomData,
        }
    }

    /// Makes a guard of a part of the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{RwLock, RwLockReadGuard};
    ///
    /// polliwog::block_on(async {
    ///     let pair: RwLock<(u32, &str)> = RwLock::new((7, "seven"));
    ///     let name = RwLockReadGuard::map(pair.read().await, |pair| &pair.1);
    ///     assert_eq!(*name, "seven");
    /// });
    /// ```
    #[inline]
    pub fn map<U: ?Sized>(guard: Self, f: impl FnOnce(&T) -> &U) -> RwLockReadGuard<'a, U, S> {
        let value = NonNull::from(f(&guard));
        let guard = ManuallyDrop::new(guard);
        RwLockReadGuard {
            value,
            permits: guard.permits,
            _value: PhantomData,
        }
    }

    /// Makes a guard of a part of the value, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{RwLock, RwLockReadGuard};
    ///
    /// polliwog::block_on(async {
    ///     let numbers: RwLock<[u32; 2]> = RwLock::new([7, 8]);
    ///     let first = RwLockReadGuard::try_map(numbers.read().await, |n| n.first());
    ///     assert_eq!(*first.unwrap(), 7);
    ///     assert!(RwLockReadGuard::try_map(numbers.read().await, |n| n.get(2)).is_err());
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// The guard, if there is none.
    #[inline]
    pub fn try_map<U: ?Sized>(
        guard: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U, S>, Self> {
        let Some(value) = f(&guard).map(NonNull::from) else {
            return Err(guard);
        };
        let guard = ManuallyDrop::new(guard);
        Ok(RwLockReadGuard {
            value,
            permits: guard.permits,
            _value: PhantomData,
        })
    }
}

impl<'a, T: ?Sized, S: Scope> RwLockWriteGuard<'a, T, S> {
    /// The caller has all permits, which are the guard's now.
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T, S>) -> Self {
        Self { lock }
    }

    /// Keeps the value for looking at it only, and lets others look, too; nobody has it in between.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// polliwog::block_on(async {
    ///     let lock: RwLock<u32> = RwLock::new(7);
    ///     let mut value = lock.write().await;
    ///     *value += 1;
    ///     let value = value.downgrade(); // nobody has changed it in between
    ///     assert_eq!((*value, *lock.read().await), (8, 8));
    /// });
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T, S> {
        let guard = ManuallyDrop::new(self);
        guard.lock.permits.release(ALL - 1);
        RwLockReadGuard::new(guard.lock)
    }

    /// Makes a guard of a part of the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{RwLock, RwLockWriteGuard};
    ///
    /// polliwog::block_on(async {
    ///     let pair: RwLock<(u32, &str)> = RwLock::new((7, "seven"));
    ///     *RwLockWriteGuard::map(pair.write().await, |pair| &mut pair.0) += 1;
    ///     assert_eq!(pair.read().await.0, 8);
    /// });
    /// ```
    #[inline]
    pub fn map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U, S> {
        let value = NonNull::from(f(&mut guard));
        let guard = ManuallyDrop::new(guard);
        RwLockMappedWriteGuard {
            value,
            permits: &guard.lock.permits,
            _value: PhantomData,
        }
    }

    /// Makes a guard of a part of the value, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{RwLock, RwLockWriteGuard};
    ///
    /// polliwog::block_on(async {
    ///     let numbers: RwLock<[u32; 2]> = RwLock::new([7, 8]);
    ///     let first = RwLockWriteGuard::try_map(numbers.write().await, |n| n.first_mut());
    ///     *first.unwrap() = 9;
    ///     assert_eq!(*numbers.read().await, [9, 8]);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// The guard, if there is none.
    #[inline]
    pub fn try_map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U, S>, Self> {
        let Some(value) = f(&mut guard).map(NonNull::from) else {
            return Err(guard);
        };
        let guard = ManuallyDrop::new(guard);
        Ok(RwLockMappedWriteGuard {
            value,
            permits: &guard.lock.permits,
            _value: PhantomData,
        })
    }
}

impl<'a, T: ?Sized, S: Scope> RwLockMappedWriteGuard<'a, T, S> {
    /// Makes a guard of a part of what this guard has.
    #[inline]
    pub fn map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U, S> {
        let value = NonNull::from(f(&mut guard));
        let guard = ManuallyDrop::new(guard);
        RwLockMappedWriteGuard {
            value,
            permits: guard.permits,
            _value: PhantomData,
        }
    }
}

impl<T: ?Sized, S: Scope> Deref for RwLockReadGuard<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has a permit of the lock that the value is in, so that nobody has all of them.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized, S: Scope> Deref for RwLockWriteGuard<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has all permits.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized, S: Scope> DerefMut for RwLockWriteGuard<'_, T, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has all permits, and is borrowed alone.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized, S: Scope> Deref for RwLockMappedWriteGuard<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has all permits of the lock that the value is in.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized, S: Scope> DerefMut for RwLockMappedWriteGuard<'_, T, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and it is borrowed alone.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized, S: Scope> Drop for RwLockReadGuard<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.permits.release(1);
    }
}

impl<T: ?Sized, S: Scope> Drop for RwLockWriteGuard<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.release(ALL);
    }
}

impl<T: ?Sized, S: Scope> Drop for RwLockMappedWriteGuard<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.permits.release(ALL);
    }
}

macro_rules! shown {
    ($($name:ident)*) => {
        $(
            impl<T: ?Sized + fmt::Debug, S: Scope> fmt::Debug for $name<'_, T, S> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    (**self).fmt(f)
                }
            }

            impl<T: ?Sized + fmt::Display, S: Scope> fmt::Display for $name<'_, T, S> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    (**self).fmt(f)
                }
            }
        )*
    };
}

shown!(RwLockReadGuard RwLockWriteGuard RwLockMappedWriteGuard);
