//! A place for a value that many look at in turn, also by foreign code.

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

#[cfg(all(not(loom), threads))]
type LockedGuard<'a, T> = std::sync::RwLockReadGuard<'a, T>;
#[cfg(loom)]
type LockedGuard<'a, T> = loom::sync::RwLockReadGuard<'a, T>;

// What is on it is as good after a panic as it was before.
#[cfg(threads)]
impl<T> Shelf<T> for Locked<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }
    fn read<U>(&self, f: impl FnOnce(&T) -> U) -> U {
        f(&self.open())
    }
    fn write<U>(&self, f: impl FnOnce(&mut T) -> U) -> U {
        f(&mut Locked::write(self).unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

#[cfg(threads)]
impl<T> OpenShelf<T> for Locked<T> {
    type Guard<'a>
        = LockedGuard<'a, T>
    where
        Self: 'a;
    fn open(&self) -> Self::Guard<'_> {
        Locked::read(self).unwrap_or_else(|poisoned| poisoned.into_inner())
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
