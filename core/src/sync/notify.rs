//! Notifications without a message.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::Shared;
use super::scope::Scope;
use super::wait_list::{Access, Wait, WaitList, WaitState};
use crate::shim::Cell;
use crate::task::budget::poll_within;
use crate::task::wake_quietly;

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
/// | `notify_one`, `notify_waiters` | no | yes, if [`Shared`] |
pub struct Notify<S: Scope = Shared>(WaitList<S, State>);

struct State {
    permit: Cell<bool>,
    /// How often all were notified, for those who have been made but not polled by then.
    rounds: Cell<usize>,
}

#[inline]
fn notify_one(view: &Access<'_, State, (), 1>) -> Option<Waker> {
    let first = view.take_first(0);
    if first.is_none() {
        view.value().permit.set(true);
    }
    first
}

impl<S: Scope> Notify<S> {
    crate::shim::const_unless_loom! {
        /// Nobody has been notified.
        pub fn new() -> Self {
            Self(WaitList::with_value(State {
                permit: Cell::new(false),
                rounds: Cell::new(0),
            }))
        }
    }

    /// Waits for a notification.
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
    #[inline]
    pub fn notify_one(&self) {
        if let Some(first) = self.0.with(notify_one) {
            wake_quietly(first);
        }
    }

    /// Notifies all who wait, including those [`Notified`] that have been made but not polled yet.
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

pin_project! {
    /// A future that waits for a notification: see [`Notify::notified`].
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Notified<'a, S: Scope = Shared> {
        #[pin]
        wait: Wait<&'a WaitList<S, State>>,
        rounds: usize,
        done: bool,
    }

    impl<S: Scope> PinnedDrop for Notified<'_, S> {
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

impl<S: Scope> Notified<'_, S> {
    /// Takes a place in the queue without waiting: from now on [`notify_one`](Notify::notify_one)
    /// notifies this one in its turn. Returns whether it has been notified already, in which case the
    /// future is ready.
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
        let polled = this.wait.poll_with(cx, |view, state| match state {
            WaitState::New => {
                let value = view.value();
                (value.rounds.get() != rounds || value.permit.replace(false)).then_some(())
            }
            // Also before its turn among all has come.
            WaitState::Waiting => (view.value().rounds.get() != rounds).then_some(()),
            WaitState::Notified | WaitState::NotifiedWithAll => Some(()),
        });
        *this.done = polled.is_ready();
        polled
    }
}

impl<S: Scope> Future for Notified<'_, S> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_within(cx, |cx| self.look(cx))
    }
}

impl<S: Scope> fmt::Debug for Notified<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified")
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
