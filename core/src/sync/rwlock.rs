//! A lock for many who look, or one who changes.

mod guard;
#[cfg(feature = "alloc")]
mod owned;

use core::cell::UnsafeCell;
use core::fmt;

use super::Shared;
use super::mutex::TryLockError;
use super::scope::Scope;
use super::semaphore::{MAX_PERMITS, Permits, Usual};
use crate::trace::waits;

pub use guard::{RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
#[cfg(feature = "alloc")]
pub use owned::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

/// All that there are: what a writer takes, while a reader takes one.
const ALL: usize = MAX_PERMITS;

/// Of a lock that nobody has.
pub(super) struct All;

impl Usual for All {
    const PERMITS: usize = ALL;
    const CLOSES: bool = false;
    type Many = usize;
}

/// A value that many tasks look at or one task changes, also across an `.await`.
///
/// As in tokio: readers and writers get it in the order in which they came, so that readers who keep
/// coming do not keep a writer out; hence a task that has it for reading must not wait for it again.
/// It takes no allocation, and lies in a static, a structure, or behind an `Rc` or `Arc`.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::RwLock;
///
/// # async fn example() {
/// let limits = RwLock::new([10, 20]);
/// {
///     let one = limits.read().await;
///     let another = limits.read().await;
///     assert_eq!(one[0] + another[1], 30);
/// }
/// limits.write().await[0] = 11;
/// # }
/// ```
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `read`, `write` | yes, FIFO | no |
/// | `try_read`, `try_write`, dropping a guard | no | yes, if [`Shared`] |
pub struct RwLock<T: ?Sized, S: Scope = Shared> {
    permits: Permits<S, All>,
    value: UnsafeCell<T>,
}

// SAFETY: guards of several threads are `&T` at the same time, or one of them is a `&mut T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T, Shared> {}
// SAFETY: it owns the value.
unsafe impl<T: ?Sized + Send> Send for RwLock<T, Shared> {}

impl<T, S: Scope> RwLock<T, S> {
    crate::loom::const_unless_loom! {
        /// Makes a lock that nobody has, with a value in it.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::RwLock;
        ///
        /// static SETTINGS: RwLock<u32> = RwLock::new(7);
        /// ```
        pub fn new(value: T) -> Self {
            Self {
                permits: Permits::new(ALL),
                value: UnsafeCell::new(value),
            }
        }

        /// Makes a lock: [`new`](Self::new) by tokio's name.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::RwLock;
        ///
        /// static SETTINGS: RwLock<u32> = RwLock::const_new(7);
        /// ```
        pub fn const_new(value: T) -> Self {
            Self::new(value)
        }
    }

    /// Takes the value out of the lock.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// let lock: RwLock<u32> = RwLock::new(7);
    /// assert_eq!(lock.into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, S: Scope> RwLock<T, S> {
    /// Waits until the value can be looked at.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// polliwog::block_on(async {
    ///     let lock: RwLock<u32> = RwLock::new(7);
    ///     let (one, two) = (lock.read().await, lock.read().await);
    ///     assert_eq!(*one, *two); // both look at it
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; the lock goes to the next.
    #[inline]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T, S>> {
        // Nobody closes it.
        waits::of_method(
            "RwLock::read",
            (self.permits).acquire_then(1, move |_| RwLockReadGuard::new(self)),
        )
    }

    /// Waits until the value can be changed.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// polliwog::block_on(async {
    ///     let lock: RwLock<u32> = RwLock::new(7);
    ///     *lock.write().await += 1;
    ///     assert_eq!(*lock.read().await, 8);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; the lock goes to the next.
    #[inline]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T, S>> {
        // Nobody closes it.
        waits::of_method(
            "RwLock::write",
            (self.permits).acquire_then(ALL, move |_| RwLockWriteGuard::new(self)),
        )
    }

    /// Returns the value to look at, if it can be had without waiting.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// polliwog::block_on(async {
    ///     let lock: RwLock<u32> = RwLock::new(7);
    ///     let writing = lock.write().await;
    ///     assert!(lock.try_read().is_err());
    ///     drop(writing);
    ///     assert_eq!(*lock.try_read().unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// If somebody has it for writing, or waits for that.
    #[inline]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T, S>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(RwLockReadGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Returns the value to change, if it can be had without waiting.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// polliwog::block_on(async {
    ///     let lock: RwLock<u32> = RwLock::new(7);
    ///     let reading = lock.read().await;
    ///     assert!(lock.try_write().is_err());
    ///     drop(reading);
    ///     *lock.try_write().unwrap() = 8;
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// If anybody has it, or is about to get it.
    #[inline]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T, S>, TryLockError> {
        match self.permits.try_acquire(ALL) {
            Ok(()) => Ok(RwLockWriteGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Returns the value of a lock that nobody else can see.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// let mut lock: RwLock<u32> = RwLock::new(7);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 8);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

#[cfg(feature = "std")]
impl<T: ?Sized> RwLock<T, Shared> {
    /// Returns the value to look at, on a thread that is no executor's; it blocks until it can be had.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// static SETTINGS: RwLock<u32> = RwLock::new(7);
    /// let thread = std::thread::spawn(|| *SETTINGS.blocking_read());
    /// assert_eq!(thread.join().unwrap(), 7);
    /// ```
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T, Shared> {
        super::blocking::block_on(self.read())
    }

    /// Returns the value to change, on a thread that is no executor's; it blocks until it can be had.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::RwLock;
    ///
    /// static SETTINGS: RwLock<u32> = RwLock::new(7);
    /// std::thread::spawn(|| *SETTINGS.blocking_write() += 1).join().unwrap();
    /// assert_eq!(*SETTINGS.blocking_read(), 8);
    /// ```
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T, Shared> {
        super::blocking::block_on(self.write())
    }
}

impl<T: Default, S: Scope> Default for RwLock<T, S> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T, S: Scope> From<T> for RwLock<T, S> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug, S: Scope> fmt::Debug for RwLock<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
