//! [`Wait`]: somebody who waits. The invariants are those of the list, W1 to W7.

use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::{Access, ListRef, Node, Scope, Shared, WaitList, WaitState, links};
use crate::task::{wake_quietly, waker};

/// Somebody who waits in queue `I` of a list. Lives, pinned, in the future that waits.
///
/// By itself it is a future that ends when it has been notified; polled after that, it waits anew.
/// With a condition it is polled by [`poll_with`](Self::poll_with). It wakes whichever waker polled it
/// last.
///
/// # Cancel safety
///
/// Dropping it takes it out of the list, in O(1). If it has been notified by then and nobody has seen
/// it, the next in the queue is notified instead, unless all were. To do something else in that case,
/// call [`cancel_with`](Self::cancel_with) before.
pub struct Wait<R, const I: usize = 0, const K: usize = 1, P = PassOn>
where
    R: ListRef<K>,
    P: Parting<R::Value, R::Data, K>,
{
    list: R,
    node: Node<R::Data>,
    _parting: PhantomData<fn() -> P>,
}

/// What becomes of what somebody who waits was given, and goes away without having seen.
pub trait Parting<T, D: Copy, const K: usize> {
    /// What is left to do when the list's lock has been let go.
    type Left;

    /// Run under the lock, with what had become of the waiter of this queue, and what it had brought along.
    fn part(access: &Access<'_, T, D, K>, queue: usize, state: WaitState, data: D) -> Self::Left;

    /// Run afterwards.
    fn tell<S: Scope>(list: &WaitList<S, T, D, K>, left: Self::Left);
}

/// It is passed on to the next in the queue, unless all were notified.
#[derive(Debug)]
pub enum PassOn {}

impl<T, D: Copy, const K: usize> Parting<T, D, K> for PassOn {
    type Left = Option<Waker>;

    #[inline]
    fn part(access: &Access<'_, T, D, K>, queue: usize, state: WaitState, _: D) -> Option<Waker> {
        match state {
            WaitState::Notified => access.take_first(queue),
            _ => None,
        }
    }

    #[inline]
    fn tell<S: Scope>(_: &WaitList<S, T, D, K>, next: Option<Waker>) {
        if let Some(next) = next {
            wake_quietly(next);
        }
    }
}

// SAFETY: W2: the node is touched under the lock of a list that all threads may use; its waker is
// `Send`. `joined` is touched by whoever has the `Wait` to itself.
unsafe impl<R, const I: usize, const K: usize, P> Send for Wait<R, I, K, P>
where
    R: ListRef<K, Scope = Shared> + Send,
    R::Value: Send,
    R::Data: Send,
    P: Parting<R::Value, R::Data, K>,
{
}
// SAFETY: by a shared reference only `list` can be reached.
unsafe impl<R, const I: usize, const K: usize, P> Sync for Wait<R, I, K, P>
where
    R: ListRef<K, Scope = Shared> + Sync,
    R::Value: Send,
    R::Data: Send,
    P: Parting<R::Value, R::Data, K>,
{
}

impl<R, const I: usize, const K: usize, P> Wait<R, I, K, P>
where
    R: ListRef<K>,
    P: Parting<R::Value, R::Data, K>,
{
    crate::loom::const_unless_loom! {
        /// Somebody who is going to wait, and what it brings along. It is not in the list before it has
        /// been polled.
        #[inline]
        pub fn new(list: R, data: R::Data) -> Self {
            Self {
                list,
                node: Node::new(data),
                _parting: PhantomData,
            }
        }
    }

    /// Whether it may be in the list: not before it has been polled, nor after its end.
    #[inline]
    pub(crate) fn has_joined(&self) -> bool {
        self.node.joined.get()
    }

    #[inline]
    fn state(&self) -> WaitState {
        // SAFETY: W6.
        unsafe { links::state(&self.node.joined, Node::links(&self.node)) }
    }

    /// Returns what leads to the list.
    #[inline]
    pub fn list_ref(&self) -> &R {
        &self.list
    }

    /// Looks whether there is still anything to wait for and, if so, waits in the list.
    ///
    /// `attempt` is run under the list's lock, as in [`WaitList::with`], with the value and with what
    /// has become of this waiter. If it returns something, that is the end of the wait. Otherwise the
    /// task's waker is kept in the list, in the same step, so that nothing can happen in between; a
    /// waiter who has been notified and has to wait on becomes the first of its queue again, one who
    /// is new the last. It may be run twice, since a foreign waker is cloned outside of the lock.
    pub fn poll_with<U>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Access<'_, R::Value, R::Data, K>, WaitState) -> Option<U>,
    ) -> Poll<U> {
        let this = self.into_ref().get_ref();
        let list = this.list.list();
        let mut ready = None;
        let mut look = |state| {
            ready = attempt(&list.access(), state);
            ready.is_some()
        };
        // On a chip what follows is one and the same code for all who wait.
        #[cfg(target_os = "none")]
        let look: &mut dyn FnMut(WaitState) -> bool = &mut look;
        #[cfg(not(target_os = "none"))]
        let look = &mut look;
        let links = Node::links(&this.node);
        // SAFETY: pinned, since we were given a `Pin`; the queue is our home (W4), and the pointer comes from
        // the node (W7).
        unsafe {
            links::poll::<R::Scope, _>(
                &list.raw,
                &list.tails[I],
                &this.node.joined,
                links,
                cx,
                look,
            )
        };
        match ready {
            Some(ready) => Poll::Ready(ready),
            None => Poll::Pending,
        }
    }

    /// Joins a list of one thread, whose caller has just looked at what it waits for, and has found nothing: no foreign
    /// code has run since, nor does it here. `false` if that needs [`poll_with`](Self::poll_with), which looks again:
    /// where others may have been faster, where it has joined before, and with a foreign waker, which has to be cloned.
    #[inline]
    pub(crate) fn join_at_once(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.into_ref().get_ref();
        if R::Scope::LOCKS || this.node.joined.get() {
            return false;
        }
        let Some(waker) = waker::copy_ours(cx.waker()) else {
            return false;
        };
        let tail = &this.list.list().tails[I];
        // SAFETY: pinned, since we were given a `Pin`; the queue is our home (W4), of a list of one thread (W2), and
        // the pointer comes from the node (W7).
        unsafe { links::join_last(&this.node.joined, Node::links(&this.node), tail, waker) };
        true
    }

    /// Leaves the list, if need be, ready to join it again; returns the waker that was there.
    #[inline]
    fn leave(&self, access: &Access<'_, R::Value, R::Data, K>) -> Option<Waker> {
        // SAFETY: made, if it has joined (W6); W4.
        unsafe { links::leave(&self.node.joined, Node::links(&self.node), &access.tails[I]) }
    }

    /// Takes the waiter out of the list, and runs `f` in the same step, under the list's lock, with
    /// what had become of it and what it had brought along. Does nothing for a waiter that is
    /// [new](WaitState::New). Nothing is passed on to others.
    pub fn cancel_with<U>(
        self: Pin<&mut Self>,
        f: impl FnOnce(&Access<'_, R::Value, R::Data, K>, WaitState, R::Data) -> U,
    ) -> Option<U> {
        let this = self.into_ref().get_ref();
        if !this.node.joined.get() {
            return None;
        }
        let mut old = None;
        let result = this.list.list().with(|access| {
            let state = this.state();
            old = this.leave(access);
            f(access, state, this.node.data.get())
        });
        drop(old);
        Some(result)
    }

    /// Returns what this waiter has brought along, as it is now.
    pub fn data(self: Pin<&mut Self>) -> R::Data {
        let this = self.into_ref().get_ref();
        if this.node.joined.get() {
            this.list.list().with(|_| this.node.data.get())
        } else {
            this.node.data.get()
        }
    }

    /// Changes what this waiter brings along.
    pub fn set_data(self: Pin<&mut Self>, data: R::Data) {
        let this = self.into_ref().get_ref();
        if this.node.joined.get() {
            this.list.list().with(|_| this.node.data.set(data));
        } else {
            this.node.data.set(data);
        }
    }

    /// The end of a `Wait` that has joined the list.
    #[cold]
    #[inline(never)]
    fn abandon(&self) {
        let mut old = None;
        let list = self.list.list();
        let left = list.with(|access| {
            let state = self.state();
            old = self.leave(access);
            P::part(access, I, state, self.node.data.get())
        });
        P::tell(list, left);
        drop(old);
    }
}

impl<R, const I: usize, const K: usize, P> Future for Wait<R, I, K, P>
where
    R: ListRef<K>,
    P: Parting<R::Value, R::Data, K>,
{
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_with(cx, |_, state| state.is_notified().then_some(()))
    }
}

impl<R, const I: usize, const K: usize, P> Drop for Wait<R, I, K, P>
where
    R: ListRef<K>,
    P: Parting<R::Value, R::Data, K>,
{
    #[inline]
    fn drop(&mut self) {
        if self.node.joined.get() {
            self.abandon();
        }
    }
}

impl<R, const I: usize, const K: usize, P> fmt::Debug for Wait<R, I, K, P>
where
    R: ListRef<K>,
    P: Parting<R::Value, R::Data, K>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}
