//! A lock for many who look, or one who changes.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

use super::Shared;
use super::mutex::TryLockError;
use super::scope::Scope;
use super::semaphore::{MAX_PERMITS, Permits};

/// All that there are: what a writer takes, while a reader takes one.
const ALL: usize = MAX_PERMITS;

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
    permits: Permits<S>,
    value: UnsafeCell<T>,
}

// SAFETY: guards of several threads are `&T` at the same time, or one of them is a `&mut T`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T, Shared> {}
// SAFETY: it owns the value.
unsafe impl<T: ?Sized + Send> Send for RwLock<T, Shared> {}

impl<T, S: Scope> RwLock<T, S> {
    crate::shim::const_unless_loom! {
        /// A value that nobody has locked.
        pub fn new(value: T) -> Self {
            Self {
                permits: Permits::new(ALL),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, S: Scope> RwLock<T, S> {
    /// Waits until the value can be looked at.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; the lock goes to the next.
    #[inline]
    pub async fn read(&self) -> RwLockReadGuard<'_, T, S> {
        Permits::<S>::draw().await;
        if let Ok(guard) = self.try_read() {
            return guard;
        }
        // Nobody closes it.
        let _ = self.permits.acquire(1).await;
        RwLockReadGuard { lock: self }
    }

    /// Waits until the value can be changed.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue; the lock goes to the next.
    #[inline]
    pub async fn write(&self) -> RwLockWriteGuard<'_, T, S> {
        Permits::<S>::draw().await;
        if let Ok(guard) = self.try_write() {
            return guard;
        }
        // Nobody closes it.
        let _ = self.permits.acquire(ALL).await;
        RwLockWriteGuard { lock: self }
    }

    /// The value to look at, if it can be had without waiting.
    ///
    /// # Errors
    ///
    /// If somebody has it for writing, or waits for that.
    #[inline]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T, S>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(RwLockReadGuard { lock: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value to change, if it can be had without waiting.
    ///
    /// # Errors
    ///
    /// If anybody has it, or is about to get it.
    #[inline]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T, S>, TryLockError> {
        match self.permits.try_acquire(ALL) {
            Ok(()) => Ok(RwLockWriteGuard { lock: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value of a lock that nobody else can see.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
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

/// The value of a [`RwLock`] to look at, until it is dropped.
#[must_use = "dropped at once, it unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized, S: Scope = Shared> {
    lock: &'a RwLock<T, S>,
}

/// The value of a [`RwLock`] to change, until it is dropped.
#[must_use = "dropped at once, it unlocks at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized, S: Scope = Shared> {
    lock: &'a RwLock<T, S>,
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

impl<'a, T: ?Sized, S: Scope> RwLockWriteGuard<'a, T, S> {
    /// Keeps the value for looking at it only, and lets others look, too; nobody has it in between.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T, S> {
        let guard = ManuallyDrop::new(self);
        guard.lock.permits.release(ALL - 1);
        RwLockReadGuard { lock: guard.lock }
    }
}

impl<T: ?Sized, S: Scope> Deref for RwLockReadGuard<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has a permit, so that nobody has all of them.
        unsafe { &*self.lock.value.get() }
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

impl<T: ?Sized, S: Scope> Drop for RwLockReadGuard<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.release(1);
    }
}

impl<T: ?Sized, S: Scope> Drop for RwLockWriteGuard<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.release(ALL);
    }
}

impl<T: ?Sized + fmt::Debug, S: Scope> fmt::Debug for RwLockReadGuard<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug, S: Scope> fmt::Debug for RwLockWriteGuard<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
