//! [`Wait`]: somebody who waits. The invariants are those of the list, W1 to W6.

use core::cell::Cell as PlainCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll, Waker};

#[cfg(doc)]
use super::WaitList;
use super::{Access, ListRef, Node, Shared, WaitState};
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
pub struct Wait<R: ListRef<K>, const I: usize = 0, const K: usize = 1> {
    list: R,
    /// The node has been linked, and whether it has been notified has not been seen. Only the owner
    /// touches it.
    joined: PlainCell<bool>,
    /// What it brings along when it joins; what is in the node counts while it has joined.
    data: PlainCell<R::Data>,
    /// Not made before it is needed (W6): most futures of ours never have to wait, and they are moved about
    /// until they are polled.
    node: MaybeUninit<Node<R::Data>>,
}

// SAFETY: W2: the node is touched under the lock of a list that all threads may use; its waker is
// `Send`. `joined` is touched by whoever has the `Wait` to itself.
unsafe impl<R: ListRef<K, Scope = Shared> + Send, const I: usize, const K: usize> Send
    for Wait<R, I, K>
where
    R::Value: Send,
    R::Data: Send,
{
}
// SAFETY: by a shared reference only `list` can be reached.
unsafe impl<R: ListRef<K, Scope = Shared> + Sync, const I: usize, const K: usize> Sync
    for Wait<R, I, K>
where
    R::Value: Send,
    R::Data: Send,
{
}

/// How far a look at the list has come.
enum Step<U> {
    Ready(U),
    Pending,
    /// There is no waker yet to leave in the list.
    Clone,
}

impl<R: ListRef<K>, const I: usize, const K: usize> Wait<R, I, K> {
    /// Somebody who is going to wait, and what it brings along. It is not in the list before it has
    /// been polled.
    #[inline]
    pub const fn new(list: R, data: R::Data) -> Self {
        Self {
            list,
            joined: PlainCell::new(false),
            data: PlainCell::new(data),
            node: MaybeUninit::uninit(),
        }
    }

    /// Whether it may be in the list: not before it has been polled, nor after its end.
    #[inline]
    pub(crate) fn has_joined(&self) -> bool {
        self.joined.get()
    }

    /// The node, once it has been made.
    #[inline]
    fn node(&self) -> Option<&Node<R::Data>> {
        // SAFETY: W6.
        (self.joined.get()).then(|| unsafe { self.node.assume_init_ref() })
    }

    #[inline]
    fn state(&self) -> WaitState {
        self.node().map_or(WaitState::New, Node::state)
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
        let mut spare = None;
        loop {
            // What is replaced is dropped when the lock has been let go.
            let mut old = None;
            let step = this.list.list().with(|access| {
                let before = this.state();
                if let Some(ready) = attempt(access, before) {
                    old = this.leave(access);
                    return Step::Ready(ready);
                }
                if let Some(node) = this.node() {
                    match node.state() {
                        WaitState::Waiting if node.wakes(cx.waker()) => return Step::Pending,
                        // By `attempt`, which has our waker.
                        now if now != before => return Step::Pending,
                        _ => {}
                    }
                }
                let Some(waker) = spare.take().or_else(|| waker::copy_ours(cx.waker())) else {
                    return Step::Clone;
                };
                // SAFETY: pinned, since we were given a `Pin`; the list is our home (W4).
                old = unsafe { this.join(access, waker) };
                Step::Pending
            });
            drop(old);
            match step {
                Step::Ready(ready) => return Poll::Ready(ready),
                Step::Pending => return Poll::Pending,
                Step::Clone => spare = Some(cx.waker().clone()),
            }
        }
    }

    /// Leaves a waker in the list, and returns the one that was there.
    ///
    /// # Safety
    ///
    /// The `Wait` is pinned; the access is that of its list.
    #[inline]
    unsafe fn join(
        &self,
        access: &Access<'_, R::Value, R::Data, K>,
        waker: Waker,
    ) -> Option<Waker> {
        let node = match self.node() {
            Some(node) => node,
            None => {
                let node = Node::new(MaybeUninit::new(self.data.get()));
                // SAFETY: W6: nobody has a reference to what is not made yet, and whoever gets one does no
                // more than look at its cells.
                let node = unsafe {
                    let place = self.node.as_ptr().cast_mut();
                    place.write(node);
                    &*place
                };
                self.joined.set(true);
                node
            }
        };
        let state = node.state();
        let tail = &access.tails[I];
        if state != WaitState::Waiting {
            // SAFETY: not linked; the caller's promise.
            unsafe { node.link(tail) };
            // Last and first are neighbours in the ring: which of them it is, the tail says.
            if state == WaitState::New || tail.get().is_null() {
                tail.set(node);
            }
        }
        node.waker.replace(Some(waker))
    }

    /// Leaves the list, if need be, ready to join it again; returns the waker that was there.
    #[inline]
    fn leave(&self, access: &Access<'_, R::Value, R::Data, K>) -> Option<Waker> {
        let node = self.node()?;
        let linked = node.state() == WaitState::Waiting;
        let waker = linked.then(|| {
            // SAFETY: linked; W4.
            unsafe { node.unlink(&access.tails[I], ptr::null()) };
            node.waker.replace(None)
        });
        self.data.set(data_of(node));
        self.joined.set(false);
        waker.flatten()
    }

    /// Takes the waiter out of the list, and runs `f` in the same step, under the list's lock, with
    /// what had become of it and what it had brought along. Does nothing for a waiter that is
    /// [new](WaitState::New). Nothing is passed on to others.
    pub fn cancel_with<U>(
        self: Pin<&mut Self>,
        f: impl FnOnce(&Access<'_, R::Value, R::Data, K>, WaitState, R::Data) -> U,
    ) -> Option<U> {
        let this = self.into_ref().get_ref();
        if !this.joined.get() {
            return None;
        }
        let mut old = None;
        let result = this.list.list().with(|access| {
            let state = this.state();
            old = this.leave(access);
            f(access, state, this.data.get())
        });
        drop(old);
        Some(result)
    }

    /// Returns what this waiter has brought along, as it is now.
    pub fn data(self: Pin<&mut Self>) -> R::Data {
        let this = self.into_ref().get_ref();
        match this.node() {
            Some(node) => this.list.list().with(|_| data_of(node)),
            None => this.data.get(),
        }
    }

    /// Changes what this waiter brings along.
    pub fn set_data(self: Pin<&mut Self>, data: R::Data) {
        let this = self.into_ref().get_ref();
        match this.node() {
            Some(node) => this
                .list
                .list()
                .with(|_| node.data.set(MaybeUninit::new(data))),
            None => this.data.set(data),
        }
    }
}

/// What a waiter has brought along.
#[inline]
fn data_of<D: Copy>(node: &Node<D>) -> D {
    // SAFETY: a `Wait`'s node always has data.
    unsafe { node.data.get().assume_init() }
}

impl<R: ListRef<K>, const I: usize, const K: usize> Future for Wait<R, I, K> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_with(cx, |_, state| state.is_notified().then_some(()))
    }
}

impl<R: ListRef<K>, const I: usize, const K: usize> Wait<R, I, K> {
    /// The end of a `Wait` that has joined the list.
    #[cold]
    fn abandon(&self) {
        let mut old = None;
        let next = self.list.list().with(|access| {
            let state = self.state();
            old = self.leave(access);
            match state {
                WaitState::Notified => access.take_first(I),
                _ => None,
            }
        });
        if let Some(waker) = next {
            wake_quietly(waker);
        }
        drop(old);
    }
}

impl<R: ListRef<K>, const I: usize, const K: usize> Drop for Wait<R, I, K> {
    #[inline]
    fn drop(&mut self) {
        if self.joined.get() {
            self.abandon();
        }
    }
}

impl<R: ListRef<K>, const I: usize, const K: usize> fmt::Debug for Wait<R, I, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}
