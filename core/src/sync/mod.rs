//! What tasks work together with: channels, locks and notifications.
//!
//! Each primitive exists in two scopes, by one implementation. What is in this module is [`Shared`]
//! between threads, cores and interrupt handlers; what is in [`local`] belongs to the tasks of one
//! executor and has no lock and no atomics. The types themselves are in [`scoped`].
//!
//! All are made of one [wait list](wait_list): any number of tasks can wait, none of them allocates,
//! and whoever gives up costs the others nothing.
//!
//! # In a static of a chip
//!
//! What begins empty, as nearly all do, is all zero bits at first, whatever it is made for, so it lies in `.bss` and
//! takes no flash. A [`Semaphore`], [`Barrier`] or [`watch::Watch`] with a beginning other than zero takes as much flash
//! as RAM: 12, 16 and, beside the value, 28 bytes on a chip of 32 bits. So does whatever a program puts a value
//! into, be it a [`Mutex`] of an array; and a [`LazyCell`], whose function lies beside the room for the value, where
//! a [`OnceCell`] has none.

mod barrier;
#[cfg(feature = "std")]
mod blocking;
mod broadcast_any;
mod cancel;
mod channel;
#[cfg(threads)]
mod io_error;
pub mod local;
mod maybe;
mod mutex;
mod notify;
mod once_cell;
mod oneshot_any;
mod rwlock;
mod scope;
mod semaphore;
mod set_once;
mod shelf;
mod signal;
pub(crate) mod slot;
mod tracker;
pub mod wait_list;
mod watch_any;

pub use barrier::BarrierWaitResult;
pub use mutex::TryLockError;
pub use once_cell::SetError;
pub use scope::{Local, Scope, Shared};
pub use semaphore::{AcquireError, TryAcquireError};
pub use set_once::SetOnceError;

/// The primitives with their scope as a parameter.
pub mod scoped {
    pub use super::barrier::Barrier;
    pub use super::broadcast_any::{
        Broadcast, BroadcastRef, Receiver as BroadcastReceiver, RecvStream as BroadcastStream,
        Sender as BroadcastSender, WeakSender as BroadcastWeakSender,
    };
    pub use super::cancel::{CancellationFlag, Cancelled};
    pub use super::channel::{
        Buffer, Channel, ChannelRef, Fixed, ManyReceiver, OwnedPermit, Permit, RecvStream, Ring,
        Sender, SingleReceiver, UnboundedSender, WeakSender, WeakUnboundedSender,
    };
    pub use super::mutex::{MappedMutexGuard, Mutex, MutexGuard};
    pub use super::notify::{Notified, Notify};
    pub use super::once_cell::{LazyCell, OnceCell};
    pub use super::oneshot_any::{
        Oneshot, OneshotRef, Receiver as OneshotReceiver, Sender as OneshotSender,
    };
    pub use super::rwlock::{RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
    pub use super::semaphore::{Semaphore, SemaphorePermit};
    pub use super::set_once::SetOnce;
    pub use super::signal::Signal;
    pub use super::tracker::{TaskTrackerToken, TrackedFuture, Tracker, TrackerRef};
    pub use super::watch_any::{
        Receiver as WatchReceiver, Ref as WatchRefGuard, Sender as WatchSender, Watch, WatchRef,
    };

    #[cfg(feature = "alloc")]
    pub use owned::*;

    /// What is on the heap, or owns a part of it.
    #[cfg(feature = "alloc")]
    mod owned {
        pub use super::super::cancel::{
            CancellationToken, CancelledOwned, DropGuard, DropGuardRef,
        };
        pub use super::super::channel::Growing;
        pub use super::super::mutex::OwnedMutexGuard;
        pub use super::super::notify::OwnedNotified;
        pub use super::super::rwlock::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};
        pub use super::super::semaphore::OwnedSemaphorePermit;
        pub use super::super::tracker::TaskTracker;
    }
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
    ($scope:ty, $owner:path) => {
        $crate::sync::channel_names! { $scope, $owner }
        $crate::sync::names! { $scope;
            Barrier;
            CancellationFlag;
            Cancelled<'a>;
            Notify;
            Notified<'a>;
            Tracker;
            Semaphore;
            SemaphorePermit<'a>;
        }
        /// [`scoped::Signal`](crate::sync::scoped::Signal) with the scope of this module.
        pub type Signal<T> = $crate::sync::scoped::Signal<T, $scope>;
        /// [`scoped::OnceCell`](crate::sync::scoped::OnceCell) with the scope of this module.
        pub type OnceCell<T> = $crate::sync::scoped::OnceCell<T, $scope>;
        /// [`scoped::SetOnce`](crate::sync::scoped::SetOnce) with the scope of this module.
        pub type SetOnce<T> = $crate::sync::scoped::SetOnce<T, $scope>;
        /// [`scoped::LazyCell`](crate::sync::scoped::LazyCell) with the scope of this module.
        pub type LazyCell<T, F> = $crate::sync::scoped::LazyCell<T, F, $scope>;
        /// [`scoped::Mutex`](crate::sync::scoped::Mutex) with the scope of this module.
        pub type Mutex<T> = $crate::sync::scoped::Mutex<T, $scope>;
        /// [`scoped::MutexGuard`](crate::sync::scoped::MutexGuard) with the scope of this module.
        pub type MutexGuard<'a, T> = $crate::sync::scoped::MutexGuard<'a, T, $scope>;
        /// [`scoped::MappedMutexGuard`](crate::sync::scoped::MappedMutexGuard) with the scope of this
        /// module.
        pub type MappedMutexGuard<'a, T> = $crate::sync::scoped::MappedMutexGuard<'a, T, $scope>;
        /// [`scoped::RwLock`](crate::sync::scoped::RwLock) with the scope of this module.
        pub type RwLock<T> = $crate::sync::scoped::RwLock<T, $scope>;
        /// [`scoped::RwLockReadGuard`](crate::sync::scoped::RwLockReadGuard) with the scope of this
        /// module.
        pub type RwLockReadGuard<'a, T> = $crate::sync::scoped::RwLockReadGuard<'a, T, $scope>;
        /// [`scoped::RwLockWriteGuard`](crate::sync::scoped::RwLockWriteGuard) with the scope of this
        /// module.
        pub type RwLockWriteGuard<'a, T> = $crate::sync::scoped::RwLockWriteGuard<'a, T, $scope>;
        /// [`scoped::RwLockMappedWriteGuard`](crate::sync::scoped::RwLockMappedWriteGuard) with the
        /// scope of this module.
        pub type RwLockMappedWriteGuard<'a, T> =
            $crate::sync::scoped::RwLockMappedWriteGuard<'a, T, $scope>;

        #[cfg(feature = "alloc")]
        pub use owned::*;

        /// What owns a part of something on the heap.
        #[cfg(feature = "alloc")]
        mod owned {
            $crate::sync::names! { $scope;
                CancellationToken;
                CancelledOwned;
                DropGuard;
                DropGuardRef<'a>;
                OwnedNotified;
                TaskTracker;
                OwnedSemaphorePermit;
            }
            /// [`scoped::OwnedMutexGuard`](crate::sync::scoped::OwnedMutexGuard) with the scope of this
            /// module.
            pub type OwnedMutexGuard<T> = $crate::sync::scoped::OwnedMutexGuard<T, $scope>;
            /// [`scoped::OwnedRwLockReadGuard`](crate::sync::scoped::OwnedRwLockReadGuard) with the scope
            /// of this module.
            pub type OwnedRwLockReadGuard<T> =
                $crate::sync::scoped::OwnedRwLockReadGuard<T, $scope>;
            /// [`scoped::OwnedRwLockWriteGuard`](crate::sync::scoped::OwnedRwLockWriteGuard) with the scope
            /// of this module.
            pub type OwnedRwLockWriteGuard<T> =
                $crate::sync::scoped::OwnedRwLockWriteGuard<T, $scope>;
        }
    };
}
use all_names;

/// The modules `mpsc` and `mpmc` of one scope.
macro_rules! channel_names {
    ($scope:ty, $owner:path) => {
        /// Channels with many ends that send and one that receives.
        ///
        /// | | capacity | memory |
        /// |---|---|---|
        /// | [`Channel`](mpsc::Channel) | fixed | in itself; ends borrow it |
        /// | `channel` | fixed | on the heap, once |
        /// | `unbounded_channel` | none | on the heap, grows |
        pub mod mpsc {
            /// The errors.
            pub mod error {
                pub use $crate::sync::channel::{
                    SendError, SendTimeoutError, TryRecvError, TrySendError,
                };
            }
            pub use error::*;

            use $crate::sync::channel as any;

            /// A channel for up to `N` messages, which lie in it:
            /// see [`Channel::split`](any::Channel::split).
            pub type Channel<T, const N: usize> = any::Channel<any::Fixed<T, N>, $scope>;

            #[cfg(feature = "alloc")]
            pub use on_heap::*;

            /// What is on the heap.
            #[cfg(feature = "alloc")]
            mod on_heap {
                use super::any;

                use $owner as Owner;

                type Bounded<T> = Owner<any::Channel<any::Boxed<T>, $scope>>;
                type Unbounded<T> = Owner<any::Channel<any::Growing<T>, $scope>>;

                /// An end that sends, of a [`channel`].
                pub type Sender<T> = any::Sender<Bounded<T>>;
                /// The end that receives, of a [`channel`].
                pub type Receiver<T> = any::SingleReceiver<Bounded<T>>;
                /// Room for a message in a [`channel`].
                pub type Permit<'a, T> = any::Permit<'a, Bounded<T>>;
                /// Room for a message in a [`channel`], and the end that sends it.
                pub type OwnedPermit<T> = any::OwnedPermit<Bounded<T>>;
                /// What an end that sends leaves behind, of a [`channel`].
                pub type WeakSender<T> = any::WeakSender<Bounded<T>>;
                /// What an end that sends leaves behind, of an [`unbounded_channel`].
                pub type WeakUnboundedSender<T> = any::WeakUnboundedSender<Unbounded<T>>;
                /// An end that sends, of an [`unbounded_channel`].
                pub type UnboundedSender<T> = any::UnboundedSender<Unbounded<T>>;
                /// The end that receives, of an [`unbounded_channel`].
                pub type UnboundedReceiver<T> = any::SingleReceiver<Unbounded<T>>;

                /// Makes a channel for up to `capacity` messages, whose memory is allocated at once.
                ///
                /// ```
                /// # use polliwog_core::conformance::facade as polliwog;
                /// use polliwog::sync::mpsc;
                ///
                /// polliwog::block_on(async {
                ///     let (sender, mut receiver) = mpsc::channel(16);
                ///     sender.send("quak").await.unwrap();
                ///     assert_eq!(receiver.recv().await, Some("quak"));
                /// });
                /// ```
                ///
                /// # Panics
                ///
                /// If `capacity` is zero.
                #[track_caller]
                pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
                    let channel = any::bounded::<T, $scope>(capacity);
                    (
                        any::Sender::new(channel.clone()),
                        any::SingleReceiver::new(channel),
                    )
                }

                /// Makes a channel for any number of messages.
                ///
                /// ```
                /// # use polliwog_core::conformance::facade as polliwog;
                /// use polliwog::sync::mpsc;
                ///
                /// polliwog::block_on(async {
                ///     let (sender, mut receiver) = mpsc::unbounded_channel();
                ///     sender.send("quak").unwrap();
                ///     assert_eq!(receiver.recv().await, Some("quak"));
                /// });
                /// ```
                pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
                    let channel = any::unbounded::<T, $scope>();
                    (
                        any::UnboundedSender::new(channel.clone()),
                        any::SingleReceiver::new(channel),
                    )
                }
            }
        }

        /// Channels with many ends that send and many that receive; each message goes to one of them.
        pub mod mpmc {
            pub use $crate::sync::channel::{RecvError, SendError, TryRecvError, TrySendError};

            use $crate::sync::channel as any;

            /// A channel for up to `N` messages, which lie in it.
            pub type Channel<T, const N: usize> = any::Channel<any::Fixed<T, N>, $scope>;

            #[cfg(feature = "alloc")]
            pub use on_heap::*;

            /// What is on the heap.
            #[cfg(feature = "alloc")]
            mod on_heap {
                use super::any;

                use $owner as Owner;

                type Bounded<T> = Owner<any::Channel<any::Boxed<T>, $scope>>;
                type Unbounded<T> = Owner<any::Channel<any::Growing<T>, $scope>>;

                /// An end that sends, of a [`channel`].
                pub type Sender<T> = any::Sender<Bounded<T>>;
                /// An end that receives, of a [`channel`].
                pub type Receiver<T> = any::ManyReceiver<Bounded<T>>;
                /// Room for a message in a [`channel`].
                pub type Permit<'a, T> = any::Permit<'a, Bounded<T>>;
                /// Room for a message in a [`channel`], and the end that sends it.
                pub type OwnedPermit<T> = any::OwnedPermit<Bounded<T>>;
                /// What an end that sends leaves behind, of a [`channel`].
                pub type WeakSender<T> = any::WeakSender<Bounded<T>>;
                /// What an end that sends leaves behind, of an [`unbounded_channel`].
                pub type WeakUnboundedSender<T> = any::WeakUnboundedSender<Unbounded<T>>;
                /// An end that sends, of an [`unbounded_channel`].
                pub type UnboundedSender<T> = any::UnboundedSender<Unbounded<T>>;
                /// An end that receives, of an [`unbounded_channel`].
                pub type UnboundedReceiver<T> = any::ManyReceiver<Unbounded<T>>;

                /// Makes a channel for up to `capacity` messages, whose memory is allocated at once.
                ///
                /// ```
                /// # use polliwog_core::conformance::facade as polliwog;
                /// use polliwog::sync::mpmc;
                ///
                /// polliwog::block_on(async {
                ///     let (sender, receiver) = mpmc::channel(16);
                ///     sender.send("quak").await.unwrap();
                ///     assert_eq!(receiver.recv().await, Ok("quak"));
                /// });
                /// ```
                ///
                /// # Panics
                ///
                /// If `capacity` is zero.
                #[track_caller]
                pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
                    let channel = any::bounded::<T, $scope>(capacity);
                    (
                        any::Sender::new(channel.clone()),
                        any::ManyReceiver::new(channel),
                    )
                }

                /// Makes a channel for any number of messages.
                ///
                /// ```
                /// # use polliwog_core::conformance::facade as polliwog;
                /// use polliwog::sync::mpmc;
                ///
                /// polliwog::block_on(async {
                ///     let (sender, receiver) = mpmc::unbounded_channel();
                ///     sender.send("quak").unwrap();
                ///     assert_eq!(receiver.recv().await, Ok("quak"));
                /// });
                /// ```
                pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
                    let channel = any::unbounded::<T, $scope>();
                    (
                        any::UnboundedSender::new(channel.clone()),
                        any::ManyReceiver::new(channel),
                    )
                }
            }
        }

        /// A channel that gives each message to all who receive.
        pub mod broadcast {
            /// The errors.
            pub mod error {
                pub use $crate::sync::broadcast_any::{RecvError, TryRecvError};
                pub use $crate::sync::channel::SendError;
            }
            pub use error::*;

            use $crate::sync::broadcast_any as any;

            /// A channel that keeps the latest `N` messages, which lie in it.
            pub type Broadcast<T, const N: usize> = any::Broadcast<T, [any::Slot<T>; N], $scope>;

            #[cfg(feature = "alloc")]
            pub use on_heap::*;

            /// What is on the heap.
            #[cfg(feature = "alloc")]
            mod on_heap {
                use super::any;

                use $owner as Owner;

                /// An end that sends, of a [`channel`].
                pub type Sender<T> = any::Sender<Owner<any::Boxed<T, $scope>>>;
                /// An end that receives, of a [`channel`].
                pub type Receiver<T> = any::Receiver<Owner<any::Boxed<T, $scope>>>;
                /// What an end that sends leaves behind, of a [`channel`].
                pub type WeakSender<T> = any::WeakSender<Owner<any::Boxed<T, $scope>>>;

                /// Makes a channel that keeps the latest `capacity` messages, whose memory is allocated at once.
                ///
                /// ```
                /// # use polliwog_core::conformance::facade as polliwog;
                /// use polliwog::sync::broadcast;
                ///
                /// polliwog::block_on(async {
                ///     let (sender, mut one) = broadcast::channel(16);
                ///     let mut two = sender.subscribe();
                ///     sender.send("quak").unwrap();
                ///     assert_eq!((one.recv().await, two.recv().await), (Ok("quak"), Ok("quak")));
                /// });
                /// ```
                ///
                /// # Panics
                ///
                /// If `capacity` is zero.
                #[track_caller]
                pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
                    any::channel::<T, $scope>(capacity)
                }

                impl<T> Sender<T> {
                    /// Makes an end that sends, of a [`channel`](channel()) that nobody receives from yet.
                    ///
                    /// ```
                    /// # use polliwog_core::conformance::facade as polliwog;
                    /// use polliwog::sync::broadcast::Sender;
                    ///
                    /// let sender = Sender::new(16);
                    /// let mut receiver = sender.subscribe();
                    /// sender.send("quak").unwrap();
                    /// assert_eq!(receiver.try_recv(), Ok("quak"));
                    /// ```
                    ///
                    /// # Panics
                    ///
                    /// If `capacity` is zero.
                    #[track_caller]
                    pub fn new(capacity: usize) -> Self {
                        channel(capacity).0
                    }
                }
            }
        }

        /// A value that many look at, and that tells them when it changes.
        pub mod watch {
            /// The errors.
            pub mod error {
                pub use $crate::sync::channel::{RecvError, SendError};
            }
            pub use error::*;

            use $crate::sync::watch_any as any;

            /// A value, which lies in it.
            pub type Watch<T> = any::Watch<T, $scope>;

            #[cfg(feature = "alloc")]
            pub use on_heap::*;

            /// What is on the heap.
            #[cfg(feature = "alloc")]
            mod on_heap {
                use super::any;

                use $owner as Owner;

                /// An end that changes the value, of a [`channel`].
                pub type Sender<T> = any::Sender<Owner<any::Watch<T, $scope>>>;
                /// An end that watches, of a [`channel`].
                pub type Receiver<T> = any::Receiver<Owner<any::Watch<T, $scope>>>;

                /// Makes a value on the heap.
                ///
                /// ```
                /// # use polliwog_core::conformance::facade as polliwog;
                /// use polliwog::sync::watch;
                ///
                /// polliwog::block_on(async {
                ///     let (sender, mut receiver) = watch::channel("tadpole");
                ///     sender.send("frog").unwrap();
                ///     receiver.changed().await.unwrap();
                ///     assert_eq!(receiver.get(), "frog");
                /// });
                /// ```
                pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
                    any::channel::<T, $scope>(value)
                }

                impl<T> Sender<T> {
                    /// Makes an end that changes a value that nobody watches yet.
                    ///
                    /// ```
                    /// # use polliwog_core::conformance::facade as polliwog;
                    /// use polliwog::sync::watch::Sender;
                    ///
                    /// let sender = Sender::new("tadpole");
                    /// assert_eq!(sender.subscribe().get(), "tadpole");
                    /// ```
                    pub fn new(value: T) -> Self {
                        channel(value).0
                    }
                }

                impl<T: Default> Default for Sender<T> {
                    /// An end that changes a value that nobody watches yet.
                    fn default() -> Self {
                        channel(T::default()).0
                    }
                }
            }
        }

        /// A channel for one message.
        pub mod oneshot {
            pub use error::*;
            /// The errors.
            pub mod error {
                pub use $crate::sync::channel::RecvError;
                pub use $crate::sync::oneshot_any::TryRecvError;
            }

            use $crate::sync::oneshot_any as any;

            /// A channel for one message, which lies in it:
            /// see [`Oneshot::split`](any::Oneshot::split).
            pub type Oneshot<T> = any::Oneshot<T, $scope>;

            #[cfg(feature = "alloc")]
            pub use on_heap::*;

            /// What is on the heap.
            #[cfg(feature = "alloc")]
            mod on_heap {
                use super::any;

                use $owner as Owner;

                /// The end that sends, of a [`channel`].
                pub type Sender<T> = any::Sender<Owner<any::Oneshot<T, $scope>>>;
                /// The end that receives, of a [`channel`].
                pub type Receiver<T> = any::Receiver<Owner<any::Oneshot<T, $scope>>>;

                /// Makes a channel on the heap.
                ///
                /// ```
                /// # use polliwog_core::conformance::facade as polliwog;
                /// use polliwog::sync::oneshot;
                ///
                /// polliwog::block_on(async {
                ///     let (sender, receiver) = oneshot::channel();
                ///     polliwog::spawn(async { sender.send("done") }).unwrap().detach();
                ///     assert_eq!(receiver.await, Ok("done"));
                /// });
                /// ```
                pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
                    any::channel::<T, $scope>()
                }
            }
        }
    };
}
use channel_names;

all_names!(crate::sync::Shared, crate::loom::Arc);
