//! Cancellation that whoever is cancelled agrees to.

#[cfg(feature = "alloc")]
mod tree;

use core::fmt;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use pin_project_lite::pin_project;
#[cfg(feature = "alloc")]
pub use tree::{CancellationToken, CancelledOwned, DropGuard, DropGuardRef};

use super::Shared;
use super::scope::Scope;
use super::wait_list::{Access, Wait, WaitList, WaitState};
use crate::loom::Cell;
use crate::task::budget::{consume_budget, poll_within};
use crate::trace::waits;

/// Something that has been cancelled, or not yet: for a static, or for a structure.
///
/// Once set it stays set. What is handed on from task to task, and has children, is a
/// `CancellationToken` (feature `alloc`).
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::CancellationFlag;
///
/// static STOP: CancellationFlag = CancellationFlag::new();
///
/// async fn blink() {
///     let ended = STOP.run_until_cancelled(async {
///         loop {
///             polliwog::yield_now().await;
///         }
///     });
///     assert_eq!(ended.await, None::<()>);
/// }
/// # STOP.cancel();
/// # let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
/// # assert!(core::pin::pin!(blink()).poll(&mut cx).is_ready());
/// ```
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `cancelled`, `run_until_cancelled` | yes | no |
/// | `cancel`, `is_cancelled` | no | yes, if [`Shared`] |
pub struct CancellationFlag<S: Scope = Shared>(WaitList<S, State<S>>);

struct State<S: Scope> {
    cancelled: Cell<bool>,
    /// Tokens that are cancelled with this one; some may be gone.
    #[cfg(feature = "alloc")]
    children: tree::Children<S>,
    /// What this one is cancelled with.
    #[cfg(feature = "alloc")]
    parent: tree::Parent<S>,
    _scope: core::marker::PhantomData<fn(S)>,
}

impl<S: Scope> CancellationFlag<S> {
    crate::loom::const_unless_loom! {
        /// Makes a flag that is not cancelled.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::CancellationFlag;
        ///
        /// static STOP: CancellationFlag = CancellationFlag::new();
        /// assert!(!STOP.is_cancelled());
        /// ```
        pub fn new() -> Self {
            Self(WaitList::with_value(State {
                cancelled: Cell::new(false),
                #[cfg(feature = "alloc")]
                children: tree::Children::new(),
                #[cfg(feature = "alloc")]
                parent: tree::Parent::NONE,
                _scope: core::marker::PhantomData,
            }))
        }
    }

    /// Cancels, which wakes all who wait for it. Not for the first time, it does nothing.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationFlag;
    ///
    /// static STOP: CancellationFlag = CancellationFlag::new();
    /// STOP.cancel(); // from a task, a thread, or an interrupt handler
    /// STOP.cancel();
    /// assert!(STOP.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        #[cfg(feature = "alloc")]
        tree::cancel(self);
        #[cfg(not(feature = "alloc"))]
        self.0.with(|view| view.value().cancelled.set(true));
        self.0.notify_all(0);
    }

    /// Returns whether the cancellation has been asked for.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationFlag;
    ///
    /// polliwog::block_on(async {
    ///     let stop = CancellationFlag::new();
    ///     let mut rounds = 0;
    ///     while !stop.is_cancelled() {
    ///         rounds += 1;
    ///         if rounds == 3 {
    ///             stop.cancel();
    ///         }
    ///     }
    ///     assert_eq!(rounds, 3);
    /// });
    /// ```
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.with(|view| view.value().cancelled.get())
    }

    /// Waits until it is cancelled.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationFlag;
    ///
    /// polliwog::block_on(async {
    ///     static STOP: CancellationFlag = CancellationFlag::new();
    ///     let task = polliwog::spawn(async {
    ///         STOP.cancelled().await;
    ///         "tidied up"
    ///     })
    ///     .unwrap();
    ///     STOP.cancel();
    ///     assert_eq!(task.await.unwrap(), "tidied up");
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    #[inline]
    pub fn cancelled(&self) -> Cancelled<'_, S> {
        Cancelled {
            wait: Wait::new(&self.0, ()),
        }
    }

    /// Runs a future to its end, or drops it when this is cancelled; then the result is `None`. If it
    /// has been cancelled already, the future is not polled. From then on what the future gives is what counts, also when it
    /// is cancelled at the same time: nothing that has been done is thrown away.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::CancellationFlag;
    ///
    /// polliwog::block_on(async {
    ///     let stop = CancellationFlag::new();
    ///     assert_eq!(stop.run_until_cancelled(async { 7 }).await, Some(7));
    ///     stop.cancel();
    ///     assert_eq!(stop.run_until_cancelled(std::future::pending::<u32>()).await, None);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, or cancelled, it drops the future before its end: whether something is lost is up to
    /// that.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        // Ready at once each time, if it has been cancelled, or the future is ready.
        consume_budget().await;
        if self.is_cancelled() {
            return None;
        }
        let (mut wait, mut future) = (pin!(Wait::<_>::new(&self.0, ())), pin!(future));
        core::future::poll_fn(|cx| {
            // What has been done is not thrown away.
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            // Not within the budget, of which such a future may have left nothing.
            waits::method("CancellationToken::cancelled", || {
                wait.as_mut().poll_with(cx, is_cancelled).map(|()| None)
            })
        })
        .await
    }
}

impl<S: Scope> Default for CancellationFlag<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Scope> fmt::Debug for CancellationFlag<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationFlag")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A future that waits until something has been cancelled: see [`CancellationFlag::cancelled`].
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Cancelled<'a, S: Scope = Shared> {
        #[pin]
        wait: Wait<&'a WaitList<S, State<S>>>,
    }
}

impl<S: Scope> Future for Cancelled<'_, S> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let wait = self.project().wait;
        let poll = |cx: &mut Context<'_>| wait.poll_with(cx, is_cancelled);
        waits::method("CancellationToken::cancelled", || poll_within(cx, poll))
    }
}

#[inline]
fn is_cancelled<S: Scope>(view: &Access<'_, State<S>, (), 1>, _: WaitState) -> Option<()> {
    view.value().cancelled.get().then_some(())
}

impl<S: Scope> fmt::Debug for Cancelled<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled").finish_non_exhaustive()
    }
}
