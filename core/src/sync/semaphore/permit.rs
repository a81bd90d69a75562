//! What a [`Semaphore`] gives: its permits, borrowed and owned.

#[cfg(feature = "alloc")]
use alloc::rc::Rc;
use core::fmt;

use super::Semaphore;
#[cfg(feature = "alloc")]
use super::{AcquireError, TryAcquireError, number};
#[cfg(feature = "alloc")]
use crate::loom::Arc;
use crate::sync::Shared;
use crate::sync::scope::Scope;

/// Permits of a [`Semaphore`]. Dropped, it gives them back.
#[must_use = "dropped at once, it gives the permits back at once"]
pub struct SemaphorePermit<'a, S: Scope = Shared> {
    pub(super) semaphore: &'a Semaphore<S>,
    pub(super) permits: usize,
}

/// Permits of a [`Semaphore`], and a share of it. Dropped, it gives them back.
#[must_use = "dropped at once, it gives the permits back at once"]
#[cfg(feature = "alloc")]
pub struct OwnedSemaphorePermit<S: Scope = Shared> {
    semaphore: S::Counted<Semaphore<S>>,
    permits: usize,
}

#[cfg(feature = "alloc")]
macro_rules! owned {
    ($scope:ty, $owner:ident) => {
        impl Semaphore<$scope> {
            /// [`acquire`](Self::acquire), for a permit that owns a share of the semaphore.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::Semaphore;
            /// use std::rc::Rc;
            ///
            /// polliwog::block_on(async {
            ///     let connections = Rc::new(Semaphore::new(100));
            ///     let permit = connections.clone().acquire_owned().await.unwrap();
            ///     polliwog::spawn(async move {
            ///         let _permit = permit; // given back when the task ends
            ///     })
            ///     .unwrap()
            ///     .await
            ///     .unwrap();
            ///     assert_eq!(connections.available_permits(), 100);
            /// });
            /// ```
            ///
            /// # Errors
            ///
            /// If the semaphore has been [closed](Self::close).
            ///
            /// # Cancel safety
            ///
            /// Dropped, it gives up its place in the queue; no permit is lost.
            pub async fn acquire_owned(
                self: $owner<Self>,
            ) -> Result<OwnedSemaphorePermit<$scope>, AcquireError> {
                self.acquire_many_owned(1).await
            }

            /// [`acquire_many`](Self::acquire_many), for a permit that owns a share of the semaphore.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::Semaphore;
            /// use std::rc::Rc;
            ///
            /// polliwog::block_on(async {
            ///     let semaphore = Rc::new(Semaphore::new(3));
            ///     let permits = semaphore.clone().acquire_many_owned(2).await.unwrap();
            ///     assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 1));
            /// });
            /// ```
            ///
            /// # Errors
            ///
            /// If the semaphore has been [closed](Self::close).
            ///
            /// # Cancel safety
            ///
            /// Dropped, it gives up its place in the queue; no permit is lost.
            pub async fn acquire_many_owned(
                self: $owner<Self>,
                permits: u32,
            ) -> Result<OwnedSemaphorePermit<$scope>, AcquireError> {
                self.acquire_many(permits).await?.forget();
                Ok(OwnedSemaphorePermit {
                    semaphore: self,
                    permits: number(permits),
                })
            }

            /// [`try_acquire`](Self::try_acquire), for a permit that owns a share of the semaphore.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::Semaphore;
            /// use std::rc::Rc;
            ///
            /// let semaphore = Rc::new(Semaphore::new(1));
            /// let permit = semaphore.clone().try_acquire_owned().unwrap();
            /// assert!(semaphore.try_acquire_owned().is_err());
            /// drop(permit);
            /// ```
            ///
            /// # Errors
            ///
            /// If there is none, or the semaphore has been [closed](Self::close).
            pub fn try_acquire_owned(
                self: $owner<Self>,
            ) -> Result<OwnedSemaphorePermit<$scope>, TryAcquireError> {
                self.try_acquire_many_owned(1)
            }

            /// [`try_acquire_many`](Self::try_acquire_many), for a permit that owns a share of the
            /// semaphore.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::local::Semaphore;
            /// use std::rc::Rc;
            ///
            /// let semaphore = Rc::new(Semaphore::new(3));
            /// assert!(semaphore.clone().try_acquire_many_owned(4).is_err());
            /// assert!(semaphore.try_acquire_many_owned(3).is_ok());
            /// ```
            ///
            /// # Errors
            ///
            /// If there are not as many, or the semaphore has been [closed](Self::close).
            pub fn try_acquire_many_owned(
                self: $owner<Self>,
                permits: u32,
            ) -> Result<OwnedSemaphorePermit<$scope>, TryAcquireError> {
                let permits = number(permits);
                self.0.try_acquire(permits)?;
                Ok(OwnedSemaphorePermit {
                    semaphore: self,
                    permits,
                })
            }
        }
    };
}

#[cfg(feature = "alloc")]
impl<S: Scope> OwnedSemaphorePermit<S> {
    /// Returns the semaphore that the permits are of.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::local::Semaphore;
    /// use std::rc::Rc;
    ///
    /// let semaphore = Rc::new(Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(Rc::ptr_eq(permit.semaphore(), &semaphore));
    /// ```
    pub fn semaphore(&self) -> &S::Counted<Semaphore<S>> {
        &self.semaphore
    }
}

#[cfg(feature = "alloc")]
owned!(Shared, Arc);
#[cfg(feature = "alloc")]
owned!(crate::sync::Local, Rc);

macro_rules! permit {
    ([$($generics:tt)*] $name:ty, $semaphore:ident => $copy:expr) => {
        impl<$($generics)*> $name {
            /// Returns how many permits this guard has.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::Semaphore;
            ///
            /// let semaphore = Semaphore::new(5);
            /// assert_eq!(semaphore.try_acquire_many(2).unwrap().num_permits(), 2);
            /// ```
            pub fn num_permits(&self) -> usize {
                self.permits
            }

            /// Never gives the permits back.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::Semaphore;
            ///
            /// let semaphore = Semaphore::new(2);
            /// semaphore.try_acquire().unwrap().forget();
            /// assert_eq!(semaphore.available_permits(), 1);
            /// ```
            pub fn forget(mut self) {
                self.permits = 0;
            }

            /// Takes another one's permits in.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::Semaphore;
            ///
            /// let semaphore = Semaphore::new(3);
            /// let mut permit = semaphore.try_acquire().unwrap();
            /// permit.merge(semaphore.try_acquire_many(2).unwrap());
            /// assert_eq!(permit.num_permits(), 3);
            /// ```
            ///
            /// # Panics
            ///
            /// If they are of another semaphore.
            #[track_caller]
            pub fn merge(&mut self, mut other: Self) {
                let (own, others): (&Semaphore<S>, &Semaphore<S>) =
                    (&self.semaphore, &other.semaphore);
                assert!(core::ptr::eq(own, others), "permits of two semaphores");
                self.permits += core::mem::take(&mut other.permits);
            }

            /// Moves so many of the permits to another one, if there are as many.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::Semaphore;
            ///
            /// let semaphore = Semaphore::new(3);
            /// let mut permits = semaphore.try_acquire_many(3).unwrap();
            /// let one = permits.split(1).unwrap();
            /// assert_eq!((permits.num_permits(), one.num_permits()), (2, 1));
            /// assert!(permits.split(3).is_none());
            /// ```
            pub fn split(&mut self, permits: usize) -> Option<Self> {
                self.permits = self.permits.checked_sub(permits)?;
                let $semaphore = &self.semaphore;
                Some(Self { semaphore: $copy, permits })
            }
        }

        impl<$($generics)*> Drop for $name {
            #[inline]
            fn drop(&mut self) {
                if self.permits > 0 {
                    self.semaphore.0.release(self.permits);
                }
            }
        }

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("SemaphorePermit")
                    .field("permits", &self.permits)
                    .finish_non_exhaustive()
            }
        }
    };
}

permit!(['a, S: Scope] SemaphorePermit<'a, S>, semaphore => semaphore);
#[cfg(feature = "alloc")]
permit!([S: Scope] OwnedSemaphorePermit<S>, semaphore => semaphore.clone());
