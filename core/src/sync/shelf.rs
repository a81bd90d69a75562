//! A place for a value that many look at in turn, also by foreign code.

#[cfg(threads)]
use std::sync::PoisonError;
#[cfg(all(not(loom), threads))]
use std::sync::{RwLockReadGuard as ReadGuard, RwLockWriteGuard as WriteGuard, TryLockError};

#[cfg(loom)]
use loom::sync::{RwLockReadGuard as ReadGuard, RwLockWriteGuard as WriteGuard};

#[cfg(all(not(loom), threads))]
use crate::loom::here;
#[cfg(threads)]
use crate::loom::here::Held;

/// Where a value lies that is looked at and replaced as a whole.
#[doc(hidden)]
pub trait Shelf<T> {
    fn new(value: T) -> Self;
    fn read<U>(&self, f: impl FnOnce(&T) -> U) -> U;
    fn write<U>(&self, f: impl FnOnce(&mut T) -> U) -> U;
}

/// A shelf that can be looked at for longer than a call.
#[doc(hidden)]
pub trait OpenShelf<T>: Shelf<T> {
    type Guard<'a>: core::ops::Deref<Target = T>
    where
        Self: 'a;
    fn open(&self) -> Self::Guard<'_>;
}

impl<T> Shelf<T> for core::cell::RefCell<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }
    fn read<U>(&self, f: impl FnOnce(&T) -> U) -> U {
        f(&self.borrow())
    }
    fn write<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        f(&mut self.borrow_mut())
    }
}

impl<T> OpenShelf<T> for core::cell::RefCell<T> {
    type Guard<'a>
        = core::cell::Ref<'a, T>
    where
        Self: 'a;
    fn open(&self) -> Self::Guard<'_> {
        self.borrow()
    }
}

/// The shelf of what is shared.
#[cfg(all(not(loom), threads))]
pub(super) type Locked<T> = std::sync::RwLock<T>;
#[cfg(loom)]
pub(super) type Locked<T> = loom::sync::RwLock<T>;

/// A shared shelf that somebody on this thread looks at.
#[cfg(threads)]
#[doc(hidden)]
pub struct LockedGuard<'a, T> {
    value: ReadGuard<'a, T>,
    _held: Held,
}

#[cfg(threads)]
impl<T> core::ops::Deref for LockedGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(threads)]
fn address<T>(shelf: &Locked<T>) -> usize {
    core::ptr::from_ref(shelf).addr()
}

// What is on a shelf is as good after a panic as it was before.

#[cfg(all(not(loom), threads))]
fn read<T>(shelf: &Locked<T>) -> ReadGuard<'_, T> {
    match shelf.try_read() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            here::check(address(shelf));
            shelf.read().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(all(not(loom), threads))]
fn write<T>(shelf: &Locked<T>) -> WriteGuard<'_, T> {
    match shelf.try_write() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            here::check(address(shelf));
            shelf.write().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(loom)]
fn read<T>(shelf: &Locked<T>) -> ReadGuard<'_, T> {
    shelf.read().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(loom)]
fn write<T>(shelf: &Locked<T>) -> WriteGuard<'_, T> {
    shelf.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(threads)]
impl<T> Shelf<T> for Locked<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }
    fn read<U>(&self, f: impl FnOnce(&T) -> U) -> U {
        f(&self.open())
    }
    fn write<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        let mut value = write(self);
        let _held = Held::new(address(self));
        f(&mut value)
    }
}

#[cfg(threads)]
impl<T> OpenShelf<T> for Locked<T> {
    type Guard<'a>
        = LockedGuard<'a, T>
    where
        Self: 'a;
    fn open(&self) -> Self::Guard<'_> {
        LockedGuard {
            value: read(self),
            _held: Held::new(address(self)),
        }
    }
}

/// The shelf of what is shared on bare metal.
#[cfg(not(threads))]
#[doc(hidden)]
pub struct Locked<T>(critical_section::Mutex<core::cell::RefCell<T>>);

#[cfg(not(threads))]
impl<T> Locked<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(critical_section::Mutex::new(core::cell::RefCell::new(
            value,
        )))
    }
}

#[cfg(not(threads))]
impl<T> Shelf<T> for Locked<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }
    fn read<U>(&self, f: impl FnOnce(&T) -> U) -> U {
        critical_section::with(|cs| f(&self.0.borrow_ref(cs)))
    }
    fn write<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        critical_section::with(|cs| f(&mut self.0.borrow_ref_mut(cs)))
    }
}
