//! A lock that may be held across an await.

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use super::Shared;
use super::scope::Scope;
use super::semaphore::{One, Permits};
use crate::trace::waits;

/// A value that one task has at a time, also across an `.await`.
///
/// As in tokio: the lock is given to those who wait in the order in which they came, and there is no
/// poisoning. It takes no allocation, and lies in a static, a structure, or behind an `Rc` or `Arc`.
/// Where the lock is not held across an await, a `RefCell` (in one thread) or a `std::sync::Mutex` is
/// cheaper still.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::Mutex;
///
/// static BUS: Mutex<[u8; 4]> = Mutex::new([0; 4]);
///
/// async fn transfer(byte: u8) {
///     let mut bus = BUS.lock().await;
///     bus[0] = byte;
///     polliwog::yield_now().await;
///     // Nobody has had the bus meanwhile.
///     assert_eq!(bus[0], byte);
/// }
/// ```
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `lock`, `lock_owned` | yes, FIFO | no |
/// | `try_lock`, dropping the guard | no | yes, if [`Shared`] |
pub struct Mutex<T: ?Sized, S: Scope = Shared> {
    permits: Permits<S, One>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is given to one guard at a time, on whichever thread; so it must be `Send`.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T, Shared> {}
// SAFETY: it owns the value.
unsafe impl<T: ?Sized + Send> Send for Mutex<T, Shared> {}

impl<T, S: Scope> Mutex<T, S> {
    crate::loom::const_unless_loom! {
        /// Makes a mutex that nobody has locked, with a value in it.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Mutex;
        ///
        /// static BUS: Mutex<[u8; 4]> = Mutex::new([0; 4]);
        /// ```
        pub fn new(value: T) -> Self {
            Self {
                permits: Permits::new(1),
                value: UnsafeCell::new(value),
            }
        }

        /// Makes a mutex: [`new`](Self::new) by tokio's name.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Mutex;
        ///
        /// static BUS: Mutex<[u8; 4]> = Mutex::const_new([0; 4]);
        /// ```
        pub fn const_new(value: T) -> Self {
            Self::new(value)
        }
    }

    /// Takes the value out of the mutex.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Mutex;
    ///
    /// let mutex: Mutex<u32> = Mutex::new(7);
    /// assert_eq!(mutex.into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, S: Scope> Mutex<T, S> {
    /// Waits until the value can be had.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Mutex;
    ///
    /// polliwog::block_on(async {
    ///     static COUNT: Mutex<u32> = Mutex::new(0);
    ///     let other = polliwog::spawn(async { *COUNT.lock().await += 1 }).unwrap();
    ///     *COUNT.lock().await += 1;
    ///     other.await.unwrap();
    ///     assert_eq!(*COUNT.lock().await, 2);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; the lock goes to the next.
    #[inline]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T, S>> {
        // Nobody closes it.
        waits::of_method(
            "Mutex::lock",
            (self.permits).acquire_then(1, move |_| MutexGuard { mutex: self }),
        )
    }

    /// Locks the mutex, if that does not have to wait.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Mutex;
    ///
    /// let mutex: Mutex<u32> = Mutex::new(7);
    /// let locked = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_err());
    /// # drop(locked);
    /// ```
    ///
    /// # Errors
    ///
    /// If somebody has it, or is about to get it.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T, S>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(MutexGuard { mutex: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Returns the value of a mutex that nobody else can see.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Mutex;
    ///
    /// let mut mutex: Mutex<u32> = Mutex::new(7);
    /// *mutex.get_mut() += 1;
    /// assert_eq!(mutex.into_inner(), 8);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

#[cfg(feature = "std")]
impl<T: ?Sized> Mutex<T, Shared> {
    /// Locks the mutex on a thread that is no executor's, which blocks until it can be had.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Mutex;
    ///
    /// static COUNT: Mutex<u32> = Mutex::new(0);
    /// std::thread::spawn(|| *COUNT.blocking_lock() += 1).join().unwrap();
    /// assert_eq!(*COUNT.blocking_lock(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T, Shared> {
        super::blocking::block_on(self.lock())
    }
}

impl<T: Default, S: Scope> Default for Mutex<T, S> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T, S: Scope> From<T> for Mutex<T, S> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug, S: Scope> fmt::Debug for Mutex<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}

/// The value of a [`Mutex`], until it is dropped.
#[must_use = "dropped at once, it unlocks at once"]
pub struct MutexGuard<'a, T: ?Sized, S: Scope = Shared> {
    mutex: &'a Mutex<T, S>,
}

// SAFETY: it is a `&mut T` and a reference to a lock of all threads; unlocking may happen on any.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T, Shared> {}
// SAFETY: by reference it is a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T, Shared> {}

impl<'a, T: ?Sized, S: Scope> MutexGuard<'a, T, S> {
    /// Returns the mutex that the value is in.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Mutex, MutexGuard};
    ///
    /// let mutex: Mutex<u32> = Mutex::new(7);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    /// ```
    pub fn mutex(guard: &Self) -> &'a Mutex<T, S> {
        guard.mutex
    }

    /// Makes a guard of a part of the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Mutex, MutexGuard};
    ///
    /// polliwog::block_on(async {
    ///     let pair: Mutex<(u32, &str)> = Mutex::new((7, "seven"));
    ///     *MutexGuard::map(pair.lock().await, |pair| &mut pair.0) += 1;
    ///     assert_eq!(pair.lock().await.0, 8);
    /// });
    /// ```
    #[inline]
    pub fn map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U, S> {
        let value = NonNull::from(f(&mut guard));
        let guard = ManuallyDrop::new(guard);
        MappedMutexGuard {
            value,
            permits: &guard.mutex.permits,
            _value: PhantomData,
        }
    }

    /// Makes a guard of a part of the value, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Mutex, MutexGuard};
    ///
    /// polliwog::block_on(async {
    ///     let numbers: Mutex<[u32; 2]> = Mutex::new([7, 8]);
    ///     *MutexGuard::try_map(numbers.lock().await, |n| n.first_mut()).unwrap() = 9;
    ///     assert!(MutexGuard::try_map(numbers.lock().await, |n| n.get_mut(2)).is_err());
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
    ) -> Result<MappedMutexGuard<'a, U, S>, Self> {
        let Some(value) = f(&mut guard).map(NonNull::from) else {
            return Err(guard);
        };
        let guard = ManuallyDrop::new(guard);
        Ok(MappedMutexGuard {
            value,
            permits: &guard.mutex.permits,
            _value: PhantomData,
        })
    }
}

/// A part of the value of a [`Mutex`], until it is dropped: see [`MutexGuard::map`].
#[must_use = "dropped at once, it unlocks at once"]
pub struct MappedMutexGuard<'a, T: ?Sized, S: Scope = Shared> {
    /// Of the mutex that the permit is of.
    value: NonNull<T>,
    permits: &'a Permits<S, One>,
    _value: PhantomData<&'a mut T>,
}

// SAFETY: as for `MutexGuard`.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T, Shared> {}
// SAFETY: as for `MutexGuard`.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T, Shared> {}

impl<'a, T: ?Sized, S: Scope> MappedMutexGuard<'a, T, S> {
    /// Makes a guard of a part of what this guard has.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// polliwog::block_on(async {
    ///     let mutex: Mutex<((u32, u32), u32)> = Mutex::new(((1, 2), 3));
    ///     let pair = MutexGuard::map(mutex.lock().await, |all| &mut all.0);
    ///     *MappedMutexGuard::map(pair, |pair| &mut pair.1) = 7;
    ///     assert_eq!(mutex.into_inner(), ((1, 7), 3));
    /// });
    /// ```
    #[inline]
    pub fn map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U, S> {
        let value = NonNull::from(f(&mut guard));
        let guard = ManuallyDrop::new(guard);
        MappedMutexGuard {
            value,
            permits: guard.permits,
            _value: PhantomData,
        }
    }
}

impl<T: ?Sized, S: Scope> Deref for MappedMutexGuard<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the only permit of the mutex that the value is a part of.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized, S: Scope> DerefMut for MappedMutexGuard<'_, T, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and it is borrowed alone.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized, S: Scope> Drop for MappedMutexGuard<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.permits.release(1);
    }
}

impl<T: ?Sized + fmt::Debug, S: Scope> fmt::Debug for MappedMutexGuard<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The value of a [`Mutex`], and a share of it.
#[cfg(feature = "alloc")]
#[must_use = "dropped at once, it unlocks at once"]
pub struct OwnedMutexGuard<T, S: Scope = Shared> {
    mutex: S::Counted<Mutex<T, S>>,
}

// SAFETY: as for `MutexGuard`; the `Arc` of a `Mutex<T>` asks for the same.
#[cfg(feature = "alloc")]
unsafe impl<T: Sync + Send> Sync for OwnedMutexGuard<T, Shared> {}

#[cfg(feature = "alloc")]
macro_rules! owned {
    ($scope:ty, $owner:ty) => {
        impl<T> Mutex<T, $scope> {
            /// [`lock`](Self::lock), for a guard that owns a share of the mutex.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::Mutex;
            /// use std::rc::Rc;
            ///
            /// polliwog::block_on(async {
            ///     let mutex = Rc::new(Mutex::new(7));
            ///     let mut value = mutex.clone().lock_owned().await;
            ///     polliwog::spawn(async move { *value += 1 }).unwrap().await.unwrap();
            ///     assert_eq!(*mutex.lock().await, 8);
            /// });
            /// ```
            ///
            /// # Cancel safety
            ///
            /// Dropped, it gives up its place in the queue; the lock goes to the next.
            pub async fn lock_owned(self: $owner) -> OwnedMutexGuard<T, $scope> {
                core::mem::forget(self.lock().await);
                OwnedMutexGuard { mutex: self }
            }

            /// [`try_lock`](Self::try_lock), for a guard that owns a share of the mutex.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::Mutex;
            /// use std::rc::Rc;
            ///
            /// let mutex = Rc::new(Mutex::new(7));
            /// let locked = mutex.clone().try_lock_owned().unwrap();
            /// assert!(mutex.try_lock_owned().is_err());
            /// # drop(locked);
            /// ```
            ///
            /// # Errors
            ///
            /// If somebody has it, or is about to get it.
            pub fn try_lock_owned(
                self: $owner,
            ) -> Result<OwnedMutexGuard<T, $scope>, TryLockError> {
                core::mem::forget(self.try_lock()?);
                Ok(OwnedMutexGuard { mutex: self })
            }
        }
    };
}

#[cfg(feature = "alloc")]
impl<T, S: Scope> OwnedMutexGuard<T, S> {
    /// Returns the mutex that the value is in.
    pub fn mutex(guard: &Self) -> &S::Counted<Mutex<T, S>> {
        &guard.mutex
    }
}

#[cfg(feature = "std")]
impl<T> Mutex<T, Shared> {
    /// [`blocking_lock`](Self::blocking_lock), for a guard that owns a share of the mutex.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// let mutex: Arc<Mutex<u32>> = Arc::new(Mutex::new(7));
    /// *mutex.clone().blocking_lock_owned() += 1;
    /// assert_eq!(*mutex.blocking_lock(), 8);
    /// ```
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[track_caller]
    pub fn blocking_lock_owned(self: crate::loom::Arc<Self>) -> OwnedMutexGuard<T, Shared> {
        super::blocking::block_on(self.lock_owned())
    }
}

#[cfg(feature = "alloc")]
owned!(Shared, crate::loom::Arc<Self>);
#[cfg(feature = "alloc")]
owned!(super::Local, alloc::rc::Rc<Self>);

macro_rules! guard {
    ([$($generics:tt)*] $name:ty) => {
        impl<$($generics)*> Deref for $name {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: the guard has the only permit.
                unsafe { &*self.mutex.value.get() }
            }
        }

        impl<$($generics)*> DerefMut for $name {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: the guard has the only permit, and is borrowed alone.
                unsafe { &mut *self.mutex.value.get() }
            }
        }

        impl<$($generics)*> Drop for $name {
            #[inline]
            fn drop(&mut self) {
                self.mutex.permits.release(1);
            }
        }

        impl<$($generics)*> fmt::Debug for $name
        where
            T: fmt::Debug,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($generics)*> fmt::Display for $name
        where
            T: fmt::Display,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard!(['a, T: ?Sized, S: Scope] MutexGuard<'a, T, S>);
#[cfg(feature = "alloc")]
guard!([T, S: Scope] OwnedMutexGuard<T, S>);

/// Somebody else has the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held")
    }
}

impl core::error::Error for TryLockError {}
