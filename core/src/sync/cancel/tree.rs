//! Tokens on the heap, which can have children.

use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::super::wait_list::{Held, Wait, held};
use super::{CancellationFlag, Cancelled, Scope, Shared, State, is_cancelled};
use crate::task::budget::poll_within;
use crate::trace::waits;

/// The children of a token; touched under its lock.
pub(super) struct Children<S: Scope>(Cell<Vec<S::Weak<CancellationFlag<S>>>>);

impl<S: Scope> Children<S> {
    pub(super) const fn new() -> Self {
        Self(Cell::new(Vec::new()))
    }
}

/// What a child keeps alive, lest it be cut off from those further up whose clones have all gone.
pub(super) struct Parent<S: Scope>(Option<S::Counted<CancellationFlag<S>>>);

impl<S: Scope> Parent<S> {
    pub(super) const NONE: Self = Self(None);
}

impl<S: Scope> Drop for Parent<S> {
    fn drop(&mut self) {
        // Not by recursion, either.
        let mut next = self.0.take();
        while let Some(parent) = next {
            next = S::into_inner(parent).and_then(|flag| flag.0.into_inner().parent.0.take());
        }
    }
}

/// Marks this one and all its descendants, and wakes those who wait for a descendant.
pub(super) fn cancel<S: Scope>(flag: &CancellationFlag<S>) {
    let mark = |flag: &CancellationFlag<S>| {
        flag.0.with(|view| {
            view.value().cancelled.set(true);
            view.value().children.0.take()
        })
    };
    // Not by recursion: a line of children may be longer than the stack.
    let mut left = mark(flag);
    while let Some(child) = left.pop() {
        if let Some(child) = S::upgrade(&child) {
            left.append(&mut mark(&child));
            child.0.notify_all(0);
        }
    }
}

/// What tells tasks to end, for them to do so where it suits them.
///
/// As that of `tokio-util`. Clones are the same token: all are cancelled together. A
/// [child](Self::child_token) is cancelled with its parent, and by itself without it. A token that
/// is dropped cancels nothing; for that there is [`drop_guard`](Self::drop_guard). A child keeps the memory of
/// its parent, so that it hears of it also when the parent's clones have all gone.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::CancellationToken;
///
/// let token = CancellationToken::new();
/// let child = token.child_token();
/// child.cancel();
/// assert!(!token.is_cancelled());
/// let other = token.child_token();
/// token.cancel();
/// assert!(other.is_cancelled());
/// ```
pub struct CancellationToken<S: Scope = Shared>(S::Counted<CancellationFlag<S>>);

impl<S: Scope> CancellationToken<S> {
    /// Makes a token without a parent, not cancelled.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn new() -> Self {
        Self(CancellationFlag::new().into())
    }

    /// Returns a token that is cancelled with this one, at the latest.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let server = CancellationToken::new();
    /// let connection = server.child_token();
    /// connection.cancel();
    /// assert!(!server.is_cancelled());
    ///
    /// let other_connection = server.child_token();
    /// server.cancel();
    /// assert!(other_connection.is_cancelled());
    /// ```
    pub fn child_token(&self) -> Self {
        let mut flag = CancellationFlag::new();
        flag.0.get_mut().parent = Parent(Some(self.0.clone()));
        let child = Self(flag.into());
        let mut entry = Some(S::downgrade(&child.0));
        let (cancelled, gone) = self.0.0.with(|view| {
            let state = view.value();
            if state.cancelled.get() {
                return (true, Vec::new());
            }
            let mut children = state.children.0.take();
            let mut gone = Vec::new();
            if children.len() == children.capacity() {
                // Those that have gone make room first, so that there are never more than twice
                // as many entries as there were children at one time.
                let all = children.drain(..);
                let (alive, others): (Vec<_>, _) = all.partition(S::is_owned);
                (children, gone) = (alive, others);
            }
            children.extend(entry.take());
            state.children.0.set(children);
            (false, gone)
        });
        drop(gone);
        if cancelled {
            child.cancel();
        }
        child
    }

    /// Cancels this token, its clones, and all its descendants; whoever waits is woken.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let clone = token.clone();
    /// token.cancel();
    /// assert!(clone.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Returns whether the cancellation has been asked for.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// assert!(!token.is_cancelled());
    /// token.cancel();
    /// assert!(token.is_cancelled());
    /// ```
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is cancelled.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{select, sync::CancellationToken, time::sleep};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let token = CancellationToken::new();
    ///     token.cancel();
    ///     select! {
    ///         () = token.cancelled() => {}
    ///         () = sleep(Duration::from_secs(60)) => panic!("nobody has cancelled"),
    ///     }
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    #[inline]
    pub fn cancelled(&self) -> Cancelled<'_, S> {
        self.0.cancelled()
    }

    /// [`cancelled`](Self::cancelled), for a future that has a clone of the token.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// polliwog::block_on(async {
    ///     let token = CancellationToken::new();
    ///     let task = polliwog::spawn(token.clone().cancelled_owned()).unwrap();
    ///     token.cancel();
    ///     task.await.unwrap();
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    pub fn cancelled_owned(self) -> CancelledOwned<S> {
        CancelledOwned {
            wait: Wait::new(held(self.0, |flag: &CancellationFlag<S>| &flag.0), ()),
        }
    }

    /// Runs a future to its end, or drops it when this is cancelled; then the result is `None`. If
    /// it has been cancelled already, the future is not polled. From then on what the future gives is what counts, also when it
    /// is cancelled at the same time: nothing that has been done is thrown away.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// polliwog::block_on(async {
    ///     let token = CancellationToken::new();
    ///     assert_eq!(token.run_until_cancelled(async { 7 }).await, Some(7));
    ///     token.cancel();
    ///     assert_eq!(token.run_until_cancelled(std::future::pending::<u32>()).await, None);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, or cancelled, it drops the future before its end: whether something is lost is up
    /// to that.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        self.0.run_until_cancelled(future).await
    }

    /// [`run_until_cancelled`](Self::run_until_cancelled), for a future that has a clone of the
    /// token.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{sync::CancellationToken, time::sleep};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let token = CancellationToken::new();
    ///     let long = sleep(Duration::from_secs(3600));
    ///     let task = polliwog::spawn(token.clone().run_until_cancelled_owned(long)).unwrap();
    ///     token.cancel();
    ///     assert_eq!(task.await.unwrap(), None);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }

    /// Returns a guard that cancels the token when it is dropped.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// {
    ///     let _guard = token.clone().drop_guard();
    ///     // A `?` or a panic here cancels, too.
    /// }
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard<S> {
        DropGuard(Some(self))
    }

    /// Returns a guard that borrows the token and cancels it when it is dropped.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// drop(token.drop_guard_ref());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_, S> {
        DropGuardRef(Some(self))
    }
}

impl<S: Scope> Clone for CancellationToken<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Scope> Default for CancellationToken<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Scope> PartialEq for CancellationToken<S> {
    /// Whether one is a clone of the other.
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq::<CancellationFlag<S>>(&*self.0, &*other.0)
    }
}

impl<S: Scope> Eq for CancellationToken<S> {}

impl<S: Scope> fmt::Debug for CancellationToken<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}

/// Cancels a [`CancellationToken`] when it is dropped.
#[must_use = "dropped at once, it cancels at once"]
pub struct DropGuard<S: Scope = Shared>(Option<CancellationToken<S>>);

impl<S: Scope> DropGuard<S> {
    /// Takes the guard apart and returns the token, which is then not cancelled.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let guard = CancellationToken::new().drop_guard();
    /// let token = guard.disarm();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancellationToken<S> {
        self.0.take().unwrap_or_default()
    }
}

impl<S: Scope> Drop for DropGuard<S> {
    fn drop(&mut self) {
        if let Some(token) = &self.0 {
            token.cancel();
        }
    }
}

/// Cancels a [`CancellationToken`], which it borrows, when it is dropped.
#[must_use = "dropped at once, it cancels at once"]
pub struct DropGuardRef<'a, S: Scope = Shared>(Option<&'a CancellationToken<S>>);

impl<'a, S: Scope> DropGuardRef<'a, S> {
    /// Takes the guard apart and returns the token, which is then not cancelled.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// token.drop_guard_ref().disarm();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> &'a CancellationToken<S> {
        match self.0.take() {
            Some(token) => token,
            None => unreachable!("it has its token until it is used up"),
        }
    }
}

impl<S: Scope> Drop for DropGuardRef<'_, S> {
    fn drop(&mut self) {
        if let Some(token) = self.0 {
            token.cancel();
        }
    }
}

impl<S: Scope> fmt::Debug for DropGuardRef<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DropGuardRef").field(&self.0).finish()
    }
}

pin_project! {
    /// A future that waits until something has been cancelled, and owns a share of it: see
    /// [`CancellationToken::cancelled_owned`].
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct CancelledOwned<S: Scope = Shared> {
        #[pin]
        wait: Wait<Held<S::Counted<CancellationFlag<S>>, S, State<S>>>,
    }
}

impl<S: Scope> Future for CancelledOwned<S> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let wait = self.project().wait;
        let poll = |cx: &mut Context<'_>| wait.poll_with(cx, is_cancelled);
        waits::method("CancellationToken::cancelled", || poll_within(cx, poll))
    }
}

impl<S: Scope> fmt::Debug for CancelledOwned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelledOwned").finish_non_exhaustive()
    }
}

impl<S: Scope> fmt::Debug for DropGuard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DropGuard").field(&self.0).finish()
    }
}
