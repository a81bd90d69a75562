//! Notifications without a message.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::Shared;
use super::scope::Scope;
use super::wait_list::{Access, FIRST_LOOK, ListRef, Wait, WaitList, WaitState};
#[cfg(feature = "alloc")]
use super::wait_list::{Held, held};
use crate::loom::Cell;
use crate::task::budget::poll_within;
use crate::task::wake_quietly;
use crate::trace::waits;

/// Notifies one task, or all that wait, that something has happened.
///
/// As in tokio. [`notify_one`](Self::notify_one) without anybody who waits leaves a permit, at most
/// one, for the next who would wait; [`notify_waiters`](Self::notify_waiters) leaves none. It takes no
/// allocation, and lies in a static, a structure, or behind an `Rc` or `Arc`.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::Notify;
///
/// static BUTTON: Notify = Notify::new();
///
/// fn interrupt_handler() {
///     BUTTON.notify_one();
/// }
///
/// async fn presses() -> ! {
///     loop {
///         BUTTON.notified().await;
///     }
/// }
/// ```
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `notified` | yes, FIFO | no |
/// | `notify_one`, `notify_last`, `notify_waiters` | no | yes, if [`Shared`] |
pub struct Notify<S: Scope = Shared>(WaitList<S, State>);

struct State {
    permit: Cell<bool>,
    /// How often all were notified, for those who have been made but not polled by then.
    rounds: Cell<usize>,
}

impl State {
    /// Whether one of this round that does not wait yet has been notified; takes the permit, if that is what it is.
    #[inline]
    fn is_for(&self, rounds: usize) -> bool {
        self.rounds.get() != rounds || self.permit.replace(false)
    }
}

#[inline]
fn notify_one(view: &Access<'_, State, (), 1>) -> Option<Waker> {
    or_keep(view, view.take_first(0))
}

/// Keeps the notification for the next who comes, if nobody waits.
#[inline]
fn or_keep(view: &Access<'_, State, (), 1>, waiter: Option<Waker>) -> Option<Waker> {
    if waiter.is_none() {
        view.value().permit.set(true);
    }
    waiter
}

impl<S: Scope> Notify<S> {
    crate::loom::const_unless_loom! {
        /// Makes a `Notify` without a permit.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Notify;
        ///
        /// static BUTTON: Notify = Notify::new();
        /// ```
        pub fn new() -> Self {
            Self(WaitList::with_value(State {
                permit: Cell::new(false),
                rounds: Cell::new(0),
            }))
        }

        /// Makes a `Notify`: [`new`](Self::new) by tokio's name.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Notify;
        ///
        /// static BUTTON: Notify = Notify::const_new();
        /// ```
        pub fn const_new() -> Self {
            Self::new()
        }
    }

    /// Waits for a notification.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Notify;
    ///
    /// polliwog::block_on(async {
    ///     let ready = Notify::new();
    ///     ready.notify_one();
    ///     ready.notified().await; // the permit was there
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives up its place in the queue. If it was the one whom
    /// [`notify_one`](Self::notify_one) had notified, the next is, or the permit is back.
    #[inline]
    pub fn notified(&self) -> Notified<'_, S> {
        Notified {
            wait: Wait::new(&self.0, ()),
            rounds: self.0.with(|view| view.value().rounds.get()),
            done: false,
        }
    }

    /// Notifies the first who waits or, if nobody does, the next who comes.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Notify;
    ///
    /// polliwog::block_on(async {
    ///     static WORK: Notify = Notify::new();
    ///     let worker = polliwog::spawn(WORK.notified()).unwrap();
    ///     WORK.notify_one();
    ///     worker.await.unwrap();
    /// });
    /// ```
    #[inline]
    pub fn notify_one(&self) {
        if let Some(first) = self.0.with(notify_one) {
            wake_quietly(first);
        }
    }

    /// Notifies the last who came or, if nobody waits, the next who comes.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{join, sync::Notify};
    /// use std::cell::RefCell;
    ///
    /// polliwog::block_on(async {
    ///     let (notify, order) = (Notify::new(), RefCell::new(Vec::new()));
    ///     let wait = async |name| {
    ///         notify.notified().await;
    ///         order.borrow_mut().push(name);
    ///     };
    ///     join!(wait("first"), wait("last"), async {
    ///         notify.notify_last();
    ///         polliwog::yield_now().await;
    ///         notify.notify_one();
    ///     });
    ///     assert_eq!(*order.borrow(), ["last", "first"]);
    /// });
    /// ```
    pub fn notify_last(&self) {
        if let Some(last) = self.0.with(|view| or_keep(view, view.take_last(0))) {
            wake_quietly(last);
        }
    }

    /// Notifies all who wait, including those [`Notified`] that have been made but not polled yet.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Notify;
    ///
    /// polliwog::block_on(async {
    ///     static START: Notify = Notify::new();
    ///     let one = polliwog::spawn(START.notified()).unwrap();
    ///     let two = polliwog::spawn(START.notified()).unwrap();
    ///     START.notify_waiters();
    ///     one.await.unwrap();
    ///     two.await.unwrap();
    /// });
    /// ```
    pub fn notify_waiters(&self) {
        // In one step: else who leaves with this round, and one that is notified then, could be the same.
        self.0.notify_all_if(0, |view| {
            let rounds = &view.value().rounds;
            rounds.set(rounds.get().wrapping_add(1));
            true
        });
    }
}

impl<S: Scope> Default for Notify<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Scope> fmt::Debug for Notify<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}

/// The future of a notification, whatever leads it to the list.
macro_rules! notified {
    ([$($lifetime:lifetime)?] $(#[$meta:meta])* $name:ident, $list:ty) => {
        pin_project! {
            $(#[$meta])*
            #[must_use = "a future does nothing unless it is awaited"]
            pub struct $name<$($lifetime,)? S: Scope = Shared> {
                #[pin]
                wait: Wait<$list>,
                rounds: usize,
                done: bool,
            }

            impl<$($lifetime,)? S: Scope> PinnedDrop for $name<$($lifetime,)? S> {
                #[inline]
                fn drop(this: Pin<&mut Self>) {
                    let next = this.project().wait.cancel_with(|view, state, ()| match state {
                        WaitState::Notified => notify_one(view),
                        _ => None,
                    });
                    if let Some(Some(next)) = next {
                        wake_quietly(next);
                    }
                }
            }
        }

        impl<$($lifetime,)? S: Scope> $name<$($lifetime,)? S> {
            /// Takes a place in the queue without waiting: from now on
            /// [`notify_one`](Notify::notify_one) notifies this one in its turn. Returns whether it has
            /// been notified already, in which case the future is ready.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// use polliwog::sync::Notify;
            /// use std::pin::pin;
            ///
            /// polliwog::block_on(async {
            ///     let notify = Notify::new();
            ///     let mut notified = pin!(notify.notified());
            ///     notified.as_mut().enable();
            ///     // Between here and the wait no notification is missed.
            ///     notify.notify_one();
            ///     notified.await;
            /// });
            /// ```
            pub fn enable(self: Pin<&mut Self>) -> bool {
                // Whether there is any budget left makes no difference: nobody would be woken to try again.
                self.look(&mut Context::from_waker(Waker::noop()))
                    .is_ready()
            }

            #[inline]
            fn look(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                let this = self.project();
                if *this.done {
                    return Poll::Ready(());
                }
                let rounds = *this.rounds;
                let mut wait = this.wait;
                // Where looking takes no lock, it is worth a look by itself.
                if FIRST_LOOK && !S::LOCKS && !wait.has_joined() {
                    let list = wait.list_ref().list();
                    if list.with(|view| view.value().is_for(rounds)) {
                        *this.done = true;
                        return Poll::Ready(());
                    }
                    if wait.as_mut().join_at_once(cx) {
                        return Poll::Pending;
                    }
                }
                let polled = wait.poll_with(cx, |view, state| match state {
                    WaitState::New => view.value().is_for(rounds).then_some(()),
                    // Also before its turn among all has come.
                    WaitState::Waiting => (view.value().rounds.get() != rounds).then_some(()),
                    WaitState::Notified | WaitState::NotifiedWithAll => Some(()),
                });
                *this.done = polled.is_ready();
                polled
            }
        }

        impl<$($lifetime,)? S: Scope> Future for $name<$($lifetime,)? S> {
            type Output = ();

            #[inline]
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                waits::method("Notify::notified", || {
                    poll_within(cx, |cx| self.look(cx))
                })
            }
        }

        impl<$($lifetime,)? S: Scope> fmt::Debug for $name<$($lifetime,)? S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("done", &self.done)
                    .finish_non_exhaustive()
            }
        }
    };
}

notified!(
    ['a]
    /// A future that waits for a notification: see [`Notify::notified`].
    Notified,
    &'a WaitList<S, State>
);
#[cfg(feature = "alloc")]
notified!(
    []
    /// A future that waits for a notification, and owns a share of the [`Notify`]: see
    /// `Notify::notified_owned`.
    OwnedNotified,
    Held<S::Counted<Notify<S>>, S, State>
);

#[cfg(feature = "alloc")]
macro_rules! owned {
    ($scope:ty, $owner:ty) => {
        impl Notify<$scope> {
            /// [`notified`](Self::notified), for a future that owns a share of the `Notify`.
            ///
            /// ```
            /// # use polliwog_core::conformance::facade as polliwog;
            /// # #[cfg(feature = "alloc")] {
            /// use polliwog::sync::local::Notify;
            /// use std::rc::Rc;
            ///
            /// polliwog::block_on(async {
            ///     let notify = Rc::new(Notify::new());
            ///     let task = polliwog::spawn(notify.clone().notified_owned()).unwrap();
            ///     notify.notify_one();
            ///     task.await.unwrap();
            /// });
            /// # }
            /// ```
            ///
            /// # Cancel safety
            ///
            /// As there.
            pub fn notified_owned(self: $owner) -> OwnedNotified<$scope> {
                let rounds = self.0.with(|view| view.value().rounds.get());
                OwnedNotified {
                    wait: Wait::new(held(self, |notify: &Self| &notify.0), ()),
                    rounds,
                    done: false,
                }
            }
        }
    };
}

#[cfg(feature = "alloc")]
owned!(Shared, crate::loom::Arc<Self>);
#[cfg(feature = "alloc")]
owned!(super::Local, alloc::rc::Rc<Self>);
