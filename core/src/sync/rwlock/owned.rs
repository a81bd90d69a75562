//! The values of a lock that is held, with a share of it.

use core::fmt;
use core::mem::{ManuallyDrop, forget};
use core::ops::{Deref, DerefMut};

use super::super::mutex::TryLockError;
use super::{ALL, RwLock, Scope, Shared};

/// The value of a [`RwLock`] to look at, and a share of it.
#[must_use = "dropped at once, it unlocks at once"]
pub struct OwnedRwLockReadGuard<T, S: Scope = Shared>(S::Counted<RwLock<T, S>>);

/// The value of a [`RwLock`] to change, and a share of it.
#[must_use = "dropped at once, it unlocks at once"]
pub struct OwnedRwLockWriteGuard<T, S: Scope = Shared>(S::Counted<RwLock<T, S>>);

macro_rules! owned {
    ($scope:ty, $owner:ty) => {
        impl<T> RwLock<T, $scope> {
            /// [`read`](Self::read), for a guard that owns a share of the lock.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::RwLock;
            /// use std::rc::Rc;
            ///
            /// polliwog::block_on(async {
            ///     let lock = Rc::new(RwLock::new(7));
            ///     let value = lock.read_owned().await; // keeps the lock alive
            ///     assert_eq!(*value, 7);
            /// });
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropped, it gives up its place in the queue; the lock goes to the next.
            pub async fn read_owned(self: $owner) -> OwnedRwLockReadGuard<T, $scope> {
                forget(self.read().await);
                OwnedRwLockReadGuard(self)
            }

            /// [`write`](Self::write), for a guard that owns a share of the lock.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::RwLock;
            /// use std::rc::Rc;
            ///
            /// polliwog::block_on(async {
            ///     let lock = Rc::new(RwLock::new(7));
            ///     *lock.clone().write_owned().await += 1;
            ///     assert_eq!(*lock.read().await, 8);
            /// });
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropped, it gives up its place in the queue; the lock goes to the next.
            pub async fn write_owned(self: $owner) -> OwnedRwLockWriteGuard<T, $scope> {
                forget(self.write().await);
                OwnedRwLockWriteGuard(self)
            }

            /// [`try_read`](Self::try_read), for a guard that owns a share of the lock.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::RwLock;
            /// use std::rc::Rc;
            ///
            /// let lock = Rc::new(RwLock::new(7));
            /// assert_eq!(*lock.try_read_owned().unwrap(), 7);
            /// ```
            ///
            /// # Errors
            ///
            /// If somebody has it for writing, or waits for that.
            pub fn try_read_owned(
                self: $owner,
            ) -> Result<OwnedRwLockReadGuard<T, $scope>, TryLockError> {
                forget(self.try_read()?);
                Ok(OwnedRwLockReadGuard(self))
            }

            /// [`try_write`](Self::try_write), for a guard that owns a share of the lock.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::RwLock;
            /// use std::rc::Rc;
            ///
            /// let lock = Rc::new(RwLock::new(7));
            /// let reading = lock.clone().try_read_owned().unwrap();
            /// assert!(lock.try_write_owned().is_err());
            /// # drop(reading);
            /// ```
            ///
            /// # Errors
            ///
            /// If anybody has it, or is about to get it.
            pub fn try_write_owned(
                self: $owner,
            ) -> Result<OwnedRwLockWriteGuard<T, $scope>, TryLockError> {
                forget(self.try_write()?);
                Ok(OwnedRwLockWriteGuard(self))
            }
        }
    };
}

owned!(Shared, crate::loom::Arc<Self>);
owned!(crate::sync::Local, alloc::rc::Rc<Self>);

impl<T, S: Scope> OwnedRwLockWriteGuard<T, S> {
    /// Keeps the value for looking at it only, and lets others look, too; nobody has it in between.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::local::RwLock;
    /// use std::rc::Rc;
    ///
    /// polliwog::block_on(async {
    ///     let lock = Rc::new(RwLock::new(7));
    ///     let mut value = lock.write_owned().await;
    ///     *value += 1;
    ///     assert_eq!(*value.downgrade(), 8);
    /// });
    /// ```
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T, S> {
        let lock = self.0.clone();
        // Of all permits the new guard keeps one.
        let Self(own) = &*ManuallyDrop::new(self);
        // SAFETY: the guard, which is not dropped, has owned its share, and nobody uses it any more.
        drop(unsafe { core::ptr::read(own) });
        lock.permits.release(ALL - 1);
        OwnedRwLockReadGuard(lock)
    }
}

macro_rules! guard {
    ($name:ident, $permits:expr) => {
        impl<T, S: Scope> $name<T, S> {
            /// Returns the lock that the value is in.
            pub fn rwlock(guard: &Self) -> &S::Counted<RwLock<T, S>> {
                &guard.0
            }
        }

        impl<T, S: Scope> Deref for $name<T, S> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: the guard has a permit, so that nobody else has all of them.
                unsafe { &*self.0.value.get() }
            }
        }

        impl<T, S: Scope> Drop for $name<T, S> {
            #[inline]
            fn drop(&mut self) {
                self.0.permits.release($permits);
            }
        }

        impl<T: fmt::Debug, S: Scope> fmt::Debug for $name<T, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard!(OwnedRwLockReadGuard, 1);
guard!(OwnedRwLockWriteGuard, ALL);

impl<T, S: Scope> DerefMut for OwnedRwLockWriteGuard<T, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has all permits, and is borrowed alone.
        unsafe { &mut *self.0.value.get() }
    }
}
