//! A value that many look at, and that tells them when it changes.

mod receiver;
mod sender;
mod value;

use core::fmt;
use core::ops::Deref;

pub use receiver::Receiver;
pub use sender::Sender;
pub use value::Ref;

use super::channel::{RecvError, SendError};
use super::scope::{Local, Scope, Shared};
use super::shelf::{OpenShelf, Shelf};
use super::wait_list::{Access, Until, Wait, WaitList};
use crate::loom::Cell;

/// The queue of those who wait for a change.
const CHANGED: usize = 0;
/// The queue of those who wait until nobody watches.
const CLOSED: usize = 1;

/// A value that many look at, and that tells them when it changes: for a static, or for a structure; its
/// ends borrow it.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::sync::watch::Watch;
///
/// static LEVEL: Watch<u8> = Watch::new(3);
///
/// fn set_level(level: u8) {
///     LEVEL.sender().send_replace(level);
/// }
///
/// async fn show_levels(mut show: impl FnMut(u8)) {
///     let mut level = LEVEL.subscribe();
///     while level.changed().await.is_ok() {
///         show(level.get());
///     }
/// }
/// # set_level(4);
/// # assert_eq!(LEVEL.get(), 4);
/// ```
pub struct Watch<T, S: Scope> {
    // Locked before the list, if both are.
    value: S::Shelf<T>,
    list: WaitList<S, State, (), 2>,
}

struct State {
    /// Changes with each change of the value.
    version: Cell<usize>,
    senders: Cell<usize>,
    receivers: Cell<usize>,
    /// There were senders, and the last one has gone.
    ended: Cell<bool>,
}

impl State {
    crate::loom::const_unless_loom! {
        fn new(ends: usize) -> Self {
            Self {
                version: Cell::new(0),
                senders: Cell::new(ends),
                receivers: Cell::new(ends),
                ended: Cell::new(false),
            }
        }
    }
}

impl<T> Watch<T, Local> {
    crate::loom::const_unless_loom! {
        /// Makes a watched value.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::local::watch::Watch;
        ///
        /// let level = Watch::new(3);
        /// assert_eq!(level.get(), 3);
        /// ```
        pub fn new(value: T) -> Self {
            Self {
                value: core::cell::RefCell::new(value),
                list: WaitList::with_value(State::new(0)),
            }
        }
    }
}

impl<T> Watch<T, Shared> {
    crate::loom::const_unless_loom! {
        /// Makes a watched value.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::watch::Watch;
        ///
        /// static LEVEL: Watch<u8> = Watch::new(3);
        /// ```
        pub fn new(value: T) -> Self {
            Self {
                value: super::shelf::Locked::new(value),
                list: WaitList::with_value(State::new(0)),
            }
        }
    }
}

impl<T, S: Scope> Watch<T, S> {
    /// Returns a handle that changes the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::watch::Watch;
    ///
    /// static LEVEL: Watch<u8> = Watch::new(3);
    /// LEVEL.sender().send_replace(4);
    /// assert_eq!(LEVEL.get(), 4);
    /// ```
    pub fn sender(&self) -> Sender<&Self> {
        self.add_sender();
        Sender::of(self)
    }

    /// Returns a handle that watches; the present value is one that it has seen.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::watch::Watch;
    ///
    /// static LEVEL: Watch<u8> = Watch::new(3);
    /// let mut watcher = LEVEL.subscribe();
    /// assert_eq!(watcher.get(), 3);
    /// ```
    pub fn subscribe(&self) -> Receiver<&Self> {
        Receiver {
            seen: self.add_receiver(),
            channel: self,
        }
    }

    /// Runs `f` with the value. In the scope [`Shared`] others are kept from changing it meanwhile, and on
    /// bare metal interrupts wait; if `f` changes it, that panics, as in the scope [`Local`].
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::watch::Watch;
    ///
    /// static NAME: Watch<&str> = Watch::new("tadpole");
    /// assert_eq!(NAME.with(|name| name.len()), 7);
    /// ```
    pub fn with<U>(&self, f: impl FnOnce(&T) -> U) -> U {
        self.value.read(f)
    }

    /// Returns a copy of the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::watch::Watch;
    ///
    /// static LEVEL: Watch<u8> = Watch::new(3);
    /// assert_eq!(LEVEL.get(), 3);
    /// ```
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Changes the value; if `f` says that it has, those who watch are told.
    fn modify(&self, f: impl FnOnce(&mut T) -> bool) -> bool {
        let changed = self.value.write(|value| {
            let changed = f(value);
            if changed {
                self.list.with(|view| {
                    let version = &view.value().version;
                    version.set(version.get().wrapping_add(1));
                });
            }
            changed
        });
        if changed {
            self.list.notify_all(CHANGED);
        }
        changed
    }

    fn version(&self) -> usize {
        self.list.with(|view| view.value().version.get())
    }

    fn add_sender(&self) {
        self.list.with(|view| {
            let state = view.value();
            state.senders.set(state.senders.get() + 1);
            state.ended.set(false);
        });
    }

    fn add_receiver(&self) -> usize {
        self.list.with(|view| {
            let state = view.value();
            state.receivers.set(state.receivers.get() + 1);
            state.version.get()
        })
    }

    fn senders(&self) -> usize {
        self.list.with(|view| view.value().senders.get())
    }

    fn receivers(&self) -> usize {
        self.list.with(|view| view.value().receivers.get())
    }
}

impl<T, S: Scope> fmt::Debug for Watch<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// What leads to a [`Watch`]: a reference or, with feature `alloc`, an `Rc` or `Arc`.
pub trait WatchRef:
    Deref<Target = Watch<Self::Value, Self::Scope>> + Clone + sealed::Sealed
{
    /// The value.
    type Value;
    /// Who may use it.
    type Scope: Scope<Shelf<Self::Value> = Self::Shelf>;
    /// Where the value lies.
    #[doc(hidden)]
    type Shelf: Shelf<Self::Value>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! watch_ref {
    ($owner:ty) => {
        impl<T, S: Scope> sealed::Sealed for $owner {}
        impl<T, S: Scope> WatchRef for $owner {
            type Value = T;
            type Scope = S;
            type Shelf = S::Shelf<T>;
        }
    };
}

watch_ref!(&Watch<T, S>);
#[cfg(feature = "alloc")]
watch_ref!(alloc::rc::Rc<Watch<T, S>>);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
watch_ref!(alloc::sync::Arc<Watch<T, S>>);

#[cfg(feature = "alloc")]
type Ends<P> = (Sender<P>, Receiver<P>);

/// A value on the heap.
#[cfg(feature = "alloc")]
pub(super) fn channel<T, S: Scope>(value: T) -> Ends<S::Counted<Watch<T, S>>>
where
    S::Counted<Watch<T, S>>: WatchRef,
{
    let channel = S::Counted::from(Watch {
        value: S::Shelf::new(value),
        list: WaitList::with_value(State::new(1)),
    });
    let receiver = Receiver {
        channel: channel.clone(),
        seen: 0,
    };
    (Sender::of(channel), receiver)
}
