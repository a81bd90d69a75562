//! What tasks work together with: channels, locks and notifications.
//!
//! Each primitive exists in two scopes, by one implementation. What is in this module is [`Shared`]
//! between threads, cores and interrupt handlers; what is in [`local`] belongs to the tasks of one
//! executor and has no lock and no atomics. The types themselves are in [`scoped`].
//!
//! All are made of one [wait list](wait_list): any number of tasks can wait, none of them allocates,
//! and whoever gives up costs the others nothing.

pub mod local;
mod mutex;
mod notify;
mod rwlock;
mod scope;
mod semaphore;
pub mod wait_list;

pub use mutex::TryLockError;
pub use scope::{Local, Scope, Shared};
pub use semaphore::{AcquireError, TryAcquireError};

/// The primitives with their scope as a parameter.
pub mod scoped {
    #[cfg(feature = "alloc")]
    pub use super::mutex::OwnedMutexGuard;
    pub use super::mutex::{Mutex, MutexGuard};
    pub use super::notify::{Notified, Notify};
    pub use super::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
    #[cfg(feature = "alloc")]
    pub use super::semaphore::OwnedSemaphorePermit;
    pub use super::semaphore::{Semaphore, SemaphorePermit};
}

/// Names for the types of one scope.
macro_rules! names {
    ($scope:ty; $($(#[$meta:meta])* $name:ident $(<$lifetime:lifetime>)? $(<$($generic:ident),+>)?;)*) => {
        $(
            $(#[$meta])*
            #[doc = concat!("[`scoped::", stringify!($name), "`](crate::sync::scoped::", stringify!($name), ") with the scope of this module.")]
            pub type $name<$($lifetime,)? $($($generic),+)?> =
                $crate::sync::scoped::$name<$($lifetime,)? $($($generic,)+)? $scope>;
        )*
    };
}
use names;

/// Names for all types of one scope.
macro_rules! all_names {
    ($scope:ty) => {
        $crate::sync::names! { $scope;
            Notify;
            Notified<'a>;
            Semaphore;
            SemaphorePermit<'a>;
            #[cfg(feature = "alloc")]
            OwnedSemaphorePermit;
        }
        /// [`scoped::Mutex`](crate::sync::scoped::Mutex) with the scope of this module.
        pub type Mutex<T> = $crate::sync::scoped::Mutex<T, $scope>;
        /// [`scoped::MutexGuard`](crate::sync::scoped::MutexGuard) with the scope of this module.
        pub type MutexGuard<'a, T> = $crate::sync::scoped::MutexGuard<'a, T, $scope>;
        /// [`scoped::OwnedMutexGuard`](crate::sync::scoped::OwnedMutexGuard) with the scope of this
        /// module.
        #[cfg(feature = "alloc")]
        pub type OwnedMutexGuard<T> = $crate::sync::scoped::OwnedMutexGuard<T, $scope>;
        /// [`scoped::RwLock`](crate::sync::scoped::RwLock) with the scope of this module.
        pub type RwLock<T> = $crate::sync::scoped::RwLock<T, $scope>;
        /// [`scoped::RwLockReadGuard`](crate::sync::scoped::RwLockReadGuard) with the scope of this
        /// module.
        pub type RwLockReadGuard<'a, T> = $crate::sync::scoped::RwLockReadGuard<'a, T, $scope>;
        /// [`scoped::RwLockWriteGuard`](crate::sync::scoped::RwLockWriteGuard) with the scope of this
        /// module.
        pub type RwLockWriteGuard<'a, T> = $crate::sync::scoped::RwLockWriteGuard<'a, T, $scope>;
    };
}
use all_names;

all_names!(Shared);
