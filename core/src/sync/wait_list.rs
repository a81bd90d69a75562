//! The wait list: who waits for something, in the order in which they came.
//!
//! A [`WaitList`] is one pointer (and a lock, if it is [`Shared`]). Whoever waits is a node inside of
//! the waiting future, a [`Wait`], so that any number can wait and none needs an allocation. All
//! primitives of [`sync`](crate::sync) are made of this and of nothing else that is unsafe; reactors
//! keep their waiters in it, too.
//!
//! | operation | cost |
//! |---|---|
//! | wait, wait on, give up, take the first | O(1) |
//! | notify all | O(n), and nobody who comes meanwhile is among them |
//!
//! # The protocol
//!
//! What decides whether somebody must wait lies beside the list, under the same lock: the value of
//! the list. [`Wait::poll_with`] looks at it and, if it says so, joins the list in the same step.
//! [`WaitList::with`] changes it and takes wakers out, which are woken once the lock has been let go.
//! Foreign code, that is cloning, waking and dropping a waker, never runs under the lock.
//!
//! Whoever has been notified and goes away without having seen it passes the notification on to the
//! next in the list, unless all were notified.
//!
//! # Invariants
//!
//! * **W1, linked.** A node is linked if its `next` is neither null nor a mark. A linked node is
//!   pinned, and its [`Wait`] unlinks it before its memory can be used for anything else, so every
//!   pointer in a ring is valid.
//! * **W2, one at a time.** Tails and nodes are touched only under the lock of the list that the node
//!   belongs to; a [`Local`](super::Local) list and its nodes are never seen by another thread. All of them are
//!   cells, of which no reference is given away, so that it does no harm to come back in the middle.
//! * **W3, rings.** Linked nodes form rings, in which `prev` is the inverse of `next`. A queue's tail
//!   is null or the last node of its ring. Nodes have no pointer to the list: it may be moved or
//!   dropped while only forgotten nodes are in its rings.
//! * **W4, home.** The node of a `Wait<R, I, K>` is linked into the ring of queue `I` of the list that
//!   `R` leads to, which is always the same and outlives the `Wait`; or into a ring that was split from
//!   that one and that has a node on the stack of whoever notifies all.
//! * **W5, waker.** A node has a waker if and only if it is linked and no such node on a stack.
//! * **W6, made.** A `Wait` has links while it has joined: from the first time that they are linked until
//!   its end has been seen. Only its owner, who has it pinned, lets it join and leave.
//! * **W7, whole.** A pointer to links that are in a queue comes from one to the whole node of a `Wait`
//!   of the same list; only in a ring that was split from a queue's there are links without a node.
//!
//! What waiters bring along differs from list to list, links do not: so what is done to links is one and the same
//! code for all lists, of which a chip has one copy.

use core::cell::Cell as PlainCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{self, MaybeUninit};
use core::ptr;
use core::task::Waker;

use super::scope::{Scope, Shared};
use crate::loom::Cell;
use crate::task::wake_quietly;

mod access;
mod all;
#[cfg(feature = "alloc")]
mod held;
mod links;
#[cfg(all(test, not(loom), feature = "alloc"))]
mod tests;
mod until;
mod wait;

pub use access::Access;
use all::wake_all;
#[cfg(feature = "alloc")]
pub use held::Held;
#[cfg(feature = "alloc")]
pub(crate) use held::held;
use links::{Link, Links};
pub(crate) use until::Until;
pub use wait::{Parting, PassOn, Wait};

/// Whether it is worth a look by itself, before anything that has to do with waiting, if mostly nobody has to wait.
/// On a chip, where it is worth more to have the code once, it is not.
pub(super) const FIRST_LOOK: bool = !cfg!(target_os = "none");

/// Somebody who waits. The links are last, so that whoever makes one writes nothing but what is before them.
#[repr(C)]
struct Node<D> {
    /// The links are made, have been linked, and whether they have been notified has not been seen. Only the
    /// owner touches it.
    joined: PlainCell<bool>,
    /// What it brings along. Touched under the lock while it has joined.
    data: Cell<D>,
    /// Not made before they are needed (W6): most futures of ours never have to wait, and they are moved
    /// about until they are polled.
    links: MaybeUninit<Links>,
}

impl<D: Copy> Node<D> {
    crate::loom::const_unless_loom! {
        fn new(data: D) -> Self {
            Self {
                joined: PlainCell::new(false),
                data: Cell::new(data),
                links: MaybeUninit::uninit(),
            }
        }
    }

    /// The node that links are a part of.
    fn of(links: *const Links) -> *const Self {
        links.wrapping_byte_sub(mem::offset_of!(Self, links)).cast()
    }

    /// The node's links, made or not.
    fn links(this: *const Self) -> *const Links {
        this.wrapping_byte_add(mem::offset_of!(Self, links)).cast()
    }
}

/// What has become of a [`Wait`] so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitState {
    /// It is not in the list: it has not been polled yet, or not since its last end.
    New,
    /// It is in the list.
    Waiting,
    /// It was taken out of the list as the first, and has not been polled since.
    Notified,
    /// It was taken out of the list together with all others, and has not been polled since.
    NotifiedWithAll,
}

impl WaitState {
    /// Returns whether the waiter has been notified, in either way.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::wait_list::WaitState;
    ///
    /// assert!(WaitState::Notified.is_notified());
    /// assert!(!WaitState::Waiting.is_notified());
    /// ```
    #[inline]
    pub const fn is_notified(self) -> bool {
        matches!(self, Self::Notified | Self::NotifiedWithAll)
    }
}

/// Who waits, in the order in which they came, and what they wait for.
///
/// The value `T` lies beside the list, to be looked at and changed by [`with`](Self::with) and
/// [`Wait::poll_with`]. What changes of it is a `Cell`: the accesses are shared,
/// one at a time. Each waiter has some `D` of its own that whoever notifies can see, such as a number
/// of permits. There are `K` queues under one lock, numbered from zero; those who wait in a queue are
/// notified in the order in which they came.
///
/// A list with the scope [`Local`](super::Local) belongs to one thread, is neither `Send` nor `Sync`, has no atomics
/// and is as large as `K` pointers. One with the scope [`Shared`] may be used from all threads and
/// cores, and from interrupt handlers: see there.
///
/// It lies in a static, in a structure, or behind an `Rc` or `Arc` (`Held`). Dropping it does
/// nothing: nobody can be waiting.
///
/// ```
/// # use polliwog_core as polliwog;
/// use core::cell::Cell;
/// use core::task::Poll;
/// use polliwog::sync::wait_list::{Wait, WaitList};
/// use polliwog::sync::Shared;
///
/// /// A door that stays open once it has been opened.
/// struct Door(WaitList<Shared, Cell<bool>>);
///
/// impl Door {
///     const fn new() -> Self {
///         Self(WaitList::with_value(Cell::new(false)))
///     }
///
///     fn open(&self) {
///         self.0.with(|door| door.value().set(true));
///         self.0.notify_all(0);
///     }
///
///     async fn wait(&self) {
///         let mut wait = core::pin::pin!(Wait::<_>::new(&self.0, ()));
///         core::future::poll_fn(|cx| {
///             wait.as_mut().poll_with(cx, |door, _| door.value().get().then_some(()))
///         })
///         .await
///     }
/// }
///
/// static DOOR: Door = Door::new();
/// DOOR.open();
/// # let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
/// # assert!(core::pin::pin!(DOOR.wait()).as_mut().poll(&mut cx).is_ready());
/// ```
pub struct WaitList<S: Scope, T = (), D = (), const K: usize = 1> {
    raw: S::Raw,
    tails: [Link; K],
    value: T,
    _data: PhantomData<Cell<D>>,
}

// SAFETY: W2: all threads take the lock. What may be on another thread then than the one that made it
// is `Send`: value, data, and wakers.
unsafe impl<T: Send, D: Copy + Send, const K: usize> Sync for WaitList<Shared, T, D, K> {}
// SAFETY: as above.
unsafe impl<T: Send, D: Copy + Send, const K: usize> Send for WaitList<Shared, T, D, K> {}

impl<S: Scope> WaitList<S> {
    /// Makes an empty list with nothing beside it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Shared, wait_list::WaitList};
    ///
    /// static WAITING: WaitList<Shared> = WaitList::new();
    /// ```
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self::with_value(())
    }

    /// Makes an empty list with nothing beside it.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self::with_value(())
    }

    /// Waits to be notified: for whoever has no condition to look at.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Shared, wait_list::WaitList};
    ///
    /// polliwog::block_on(async {
    ///     static WAITING: WaitList<Shared> = WaitList::new();
    ///     let task = polliwog::spawn(async { WAITING.wait().await }).unwrap();
    ///     polliwog::yield_now().await;
    ///     WAITING.notify_one(0);
    ///     task.await.unwrap();
    /// });
    /// ```
    #[inline]
    pub fn wait(&self) -> Wait<&Self> {
        Wait::new(self, ())
    }
}

impl<S: Scope, T: Default, D: Copy, const K: usize> Default for WaitList<S, T, D, K> {
    fn default() -> Self {
        Self::with_value(T::default())
    }
}

impl<S: Scope, T, D: Copy, const K: usize> WaitList<S, T, D, K> {
    /// Makes an empty list beside a value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Shared, wait_list::WaitList};
    /// use std::cell::Cell;
    ///
    /// static COUNT: WaitList<Shared, Cell<u32>> = WaitList::with_value(Cell::new(0));
    /// ```
    #[cfg(not(loom))]
    pub const fn with_value(value: T) -> Self {
        Self {
            raw: S::RAW,
            tails: [const { Cell::new(ptr::null()) }; K],
            value,
            _data: PhantomData,
        }
    }

    /// Makes an empty list beside a value.
    #[cfg(loom)]
    pub fn with_value(value: T) -> Self {
        Self {
            raw: S::raw(),
            tails: core::array::from_fn(|_| Cell::new(ptr::null())),
            value,
            _data: PhantomData,
        }
    }

    /// Runs `f` with the value and the queues, under the list's lock.
    ///
    /// `f` should be short and should not run foreign code: that of a [`Shared`] list keeps others,
    /// and interrupts on a chip, waiting, and does not come back if it uses the list again. What it
    /// takes out of the list are wakers to be woken afterwards.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Local, wait_list::WaitList};
    /// use std::cell::Cell;
    ///
    /// let list: WaitList<Local, Cell<u32>> = WaitList::with_value(Cell::new(7));
    /// assert_eq!(list.with(|view| view.value().get()), 7);
    /// ```
    #[inline]
    pub fn with<U>(&self, f: impl FnOnce(&Access<'_, T, D, K>) -> U) -> U {
        S::locked(&self.raw, || f(&self.access()))
    }

    /// To be used under the lock.
    #[inline]
    fn access(&self) -> Access<'_, T, D, K> {
        Access {
            tails: &self.tails,
            value: &self.value,
            #[cfg(threads)]
            lock: ptr::from_ref(&self.raw).addr(),
            _one_level: PhantomData,
        }
    }

    /// Returns the value, of a list that nobody else can see.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Local, wait_list::WaitList};
    ///
    /// let mut list: WaitList<Local, u32> = WaitList::with_value(7);
    /// *list.get_mut() += 1;
    /// assert_eq!(list.into_inner(), 8);
    /// ```
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Returns the value, when the list is no longer needed.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Local, wait_list::WaitList};
    ///
    /// let list: WaitList<Local, u32> = WaitList::with_value(7);
    /// assert_eq!(list.into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Returns whether nobody waits in a queue.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Local, wait_list::WaitList};
    ///
    /// let list: WaitList<Local> = WaitList::new();
    /// assert!(list.is_empty(0));
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such queue; so does everything that takes the number of a queue.
    #[inline]
    pub fn is_empty(&self, queue: usize) -> bool {
        self.with(|access| access.is_empty(queue))
    }

    /// Takes out the first in a queue, who has been notified then, and returns its waker, to be woken
    /// once nothing is borrowed.
    #[inline]
    #[must_use = "somebody waits for this waker"]
    pub fn take_first(&self, queue: usize) -> Option<Waker> {
        self.with(|access| access.take_first(queue))
    }

    /// Notifies the first in a queue and wakes it; whether there was one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Local, wait_list::WaitList};
    ///
    /// let list: WaitList<Local> = WaitList::new();
    /// assert!(!list.notify_one(0)); // nobody waits
    /// ```
    #[inline]
    pub fn notify_one(&self, queue: usize) -> bool {
        let first = self.take_first(queue);
        let any = first.is_some();
        if let Some(waker) = first {
            wake_quietly(waker);
        }
        any
    }

    /// Notifies all who wait in a queue at this moment and wakes them, in their order. Returns how
    /// many there were.
    ///
    /// Wakers may use the list. Whoever comes meanwhile, or comes again, waits for the next time;
    /// whoever goes away meanwhile is not notified. The lock is let go after each few of them.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{Local, wait_list::WaitList};
    ///
    /// let list: WaitList<Local> = WaitList::new();
    /// assert_eq!(list.notify_all(0), 0); // nobody waits
    /// ```
    pub fn notify_all(&self, queue: usize) -> usize {
        self.notify_all_if(queue, |_| true).unwrap_or(0)
    }

    /// Notifies all in a queue if `change` says so, which is called under the list's lock: nobody can see
    /// what it has changed and wait again, or notify one, before those who wait now are apart
    /// from those to come. Returns how many have been notified, or `None` if `change` did not want that.
    ///
    /// In everything else as [`notify_all`](Self::notify_all); `change` is what
    /// [`with`](Self::with) says of its closure.
    pub fn notify_all_if(
        &self,
        queue: usize,
        change: impl FnOnce(&Access<'_, T, D, K>) -> bool,
    ) -> Option<usize> {
        let end = Links::new();
        let tail = &self.tails[queue];
        let mut any = false;
        let wanted = self.with(|access| {
            if !change(access) {
                return false;
            }
            if !access.is_empty(queue) {
                // SAFETY: `end` is not linked, stays where it is until `wake_all` has emptied its ring, and the
                // tail is that of the ring.
                unsafe { Links::link(&end, tail) };
                // From here on it is a ring of its own.
                tail.set(ptr::null());
                any = true;
            }
            true
        });
        let notified = if any {
            // SAFETY: see above.
            unsafe { wake_all::<S>(&self.raw, tail, &end) }
        } else {
            0
        };
        wanted.then_some(notified)
    }
}

impl<S: Scope, T, D, const K: usize> fmt::Debug for WaitList<S, T, D, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitList").finish_non_exhaustive()
    }
}

/// What leads to a [`WaitList`]: a reference, or a `Held` owner.
///
/// # Safety
///
/// [`list`](Self::list) always returns the same list, which neither moves nor goes away before the
/// implementor has been dropped, wherever the implementor is moved.
pub unsafe trait ListRef<const K: usize = 1> {
    /// The list's scope.
    type Scope: Scope;
    /// What lies beside the list.
    type Value;
    /// What each waiter brings along.
    type Data: Copy;

    /// The list.
    fn list(&self) -> &WaitList<Self::Scope, Self::Value, Self::Data, K>;
}

// SAFETY: what is borrowed neither moves nor goes away.
unsafe impl<S: Scope, T, D: Copy, const K: usize> ListRef<K> for &WaitList<S, T, D, K> {
    type Scope = S;
    type Value = T;
    type Data = D;

    #[inline]
    fn list(&self) -> &WaitList<S, T, D, K> {
        self
    }
}
