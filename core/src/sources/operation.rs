//! [`Operation`]: a future that waits for a source.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
#[cfg(feature = "alloc")]
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Direction, WaiterId};
#[cfg(not(feature = "alloc"))]
use crate::sync::{
    Shared,
    wait_list::{Wait, WaitList},
};

/// What operations wait for: something with [`Waiters`](super::Waiters), in the row of a table as a rule.
pub trait Waited {
    /// Takes out a waiter that has been given up.
    fn forget(&self, direction: Direction, id: WaiterId);

    /// Whether the waiter is among those that wait.
    fn waits(&self, direction: Direction, id: WaiterId) -> bool;
}

/// Those who find no place, of all sources: without an allocator there is one place in each direction of
/// a source. Every event of a source that somebody has found taken wakes all of them, and each looks again.
#[cfg(not(feature = "alloc"))]
static CROWD: WaitList<Shared> = WaitList::new();

/// A place in the crowd, of an operation that has no other.
#[cfg(not(feature = "alloc"))]
type Place = Wait<&'static WaitList<Shared>>;
/// Nothing, for there are places for all.
#[cfg(feature = "alloc")]
type Place = PhantomPinned;

#[inline]
fn no_place_yet() -> Place {
    #[cfg(not(feature = "alloc"))]
    return CROWD.wait();
    #[cfg(feature = "alloc")]
    PhantomPinned
}

/// Wakes those who have found no place.
#[cfg(not(feature = "alloc"))]
pub(super) fn wake_crowd() {
    CROWD.notify_all(0);
}

mod sealed {
    use super::Direction;

    /// A direction as a type.
    pub trait Side {
        const DIRECTION: Direction;
    }
}

use sealed::Side;

/// Marks an [`Operation`] that waits to read.
#[derive(Debug)]
pub enum Reads {}
/// Marks an [`Operation`] that waits to write.
#[derive(Debug)]
pub enum Writes {}

impl Side for Reads {
    const DIRECTION: Direction = Direction::Read;
}

impl Side for Writes {
    const DIRECTION: Direction = Direction::Write;
}

pin_project! {
    /// An operation on a `T` as a future that has an [identity](WaiterId): given up, it leaves no waker
    /// behind, so that those who wait beside it are neither in its way nor behind it.
    ///
    /// `poll` is called with the source, the context and that identity, to be handed to
    /// [`Waiters::wait`](super::Waiters::wait) or one of the functions that come down to it.
    ///
    /// ```
    /// # use polliwog_core as polliwog;
    /// use polliwog::sources::{Direction, Entry, Operation, Readiness, Waited, WaiterId};
    /// use core::pin::pin;
    /// use core::task::{Context, Waker};
    ///
    /// struct Button(Entry);
    ///
    /// impl Waited for Button {
    ///     fn forget(&self, direction: Direction, id: WaiterId) {
    ///         drop(self.0.forget(direction, id));
    ///     }
    ///
    ///     fn waits(&self, direction: Direction, id: WaiterId) -> bool {
    ///         self.0.waits(direction, id)
    ///     }
    /// }
    ///
    /// impl Button {
    ///     async fn pressed(&self) -> Readiness {
    ///         Operation::read(self, |button: &Button, cx, id| {
    ///             button.0.poll_ready_as(id, Direction::Read, cx)
    ///         })
    ///         .await
    ///     }
    /// }
    ///
    /// let button = Button(Entry::new());
    /// let mut cx = Context::from_waker(Waker::noop());
    /// let mut wait = pin!(button.pressed());
    /// assert!(wait.as_mut().poll(&mut cx).is_pending());
    /// button.0.set_ready(Readiness::READABLE).wake();
    /// assert!(wait.as_mut().poll(&mut cx).is_ready());
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Operation<'a, T: Waited, F, D: Side> {
        // `None` once it is done.
        source: Option<&'a T>,
        poll: F,
        // Never moves: its address is its identity.
        #[pin]
        place: Place,
        _direction: PhantomData<D>,
    }

    impl<T: Waited, F, D: Side> PinnedDrop for Operation<'_, T, F, D> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            if let Some(source) = this.source {
                let id = WaiterId::at(this.as_ref().get_ref());
                source.forget(D::DIRECTION, id);
                // The place may be free now.
                #[cfg(not(feature = "alloc"))]
                wake_crowd();
            }
        }
    }
}

impl<'a, T: Waited, F> Operation<'a, T, F, Reads> {
    /// Makes an operation that waits to read.
    #[inline]
    pub fn read<U>(source: &'a T, poll: F) -> Self
    where
        F: FnMut(&'a T, &mut Context<'_>, WaiterId) -> Poll<U>,
    {
        Self::new(source, poll)
    }
}

impl<'a, T: Waited, F> Operation<'a, T, F, Writes> {
    /// Makes an operation that waits to write.
    #[inline]
    pub fn write<U>(source: &'a T, poll: F) -> Self
    where
        F: FnMut(&'a T, &mut Context<'_>, WaiterId) -> Poll<U>,
    {
        Self::new(source, poll)
    }
}

impl<'a, T: Waited, F, D: Side> Operation<'a, T, F, D> {
    #[inline]
    fn new(source: &'a T, poll: F) -> Self {
        Self {
            source: Some(source),
            poll,
            place: no_place_yet(),
            _direction: PhantomData,
        }
    }
}

impl<'a, T: Waited, U, F, D: Side> Future for Operation<'a, T, F, D>
where
    F: FnMut(&'a T, &mut Context<'_>, WaiterId) -> Poll<U>,
{
    type Output = U;

    /// # Panics
    ///
    /// When it is polled after its end.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<U> {
        let id = WaiterId::at(self.as_ref().get_ref());
        let this = self.project();
        let Some(source) = *this.source else {
            polled_after_end();
        };
        #[cfg(not(feature = "alloc"))]
        let mut this = this;
        #[cfg_attr(feature = "alloc", allow(unused_mut))]
        let mut poll = (this.poll)(source, cx, id);
        #[cfg(not(feature = "alloc"))]
        if poll.is_pending() && !source.waits(D::DIRECTION, id) {
            // If it has been woken before, that was this look; from now on the next event is waited for.
            if this.place.as_mut().poll(cx).is_ready() {
                let _ = this.place.as_mut().poll(cx);
            }
            // What has happened since the look is seen now, or wakes the crowd.
            poll = (this.poll)(source, cx, id);
        }
        if poll.is_ready() {
            *this.source = None;
        }
        poll
    }
}

#[cold]
#[inline(never)]
fn polled_after_end() -> ! {
    panic!("an operation polled after its end");
}

impl<T: Waited, F, D: Side> fmt::Debug for Operation<'_, T, F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("done", &self.source.is_none())
            .finish_non_exhaustive()
    }
}
