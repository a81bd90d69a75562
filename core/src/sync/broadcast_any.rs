//! A channel that gives each message to all who receive.

mod error;
mod receiver;
mod sender;

use core::cell::Cell as ValueCell;
use core::fmt;
use core::ops::Deref;

pub use error::{RecvError, TryRecvError};
pub use receiver::{Receiver, RecvStream};
pub use sender::{Sender, WeakSender};

use super::channel::SendError;
use super::maybe::MaybeCell;
use super::scope::Scope;
use super::wait_list::{Access, Until, Wait, WaitList};
use crate::loom::Cell;

/// The queue of those who wait for a message.
const RECEIVERS: usize = 0;
/// The queue of those who wait until nobody receives.
const CLOSED: usize = 1;
const QUEUES: usize = 2;

/// A channel that gives each message to all who receive, and keeps the latest few for those who are
/// behind: for a static, or for a structure; its ends borrow it.
///
/// Messages are cloned for all but the last who receives them. That happens under the channel's lock, so
/// what is costly to clone should be in an `Arc` (or `Rc`), and so should what uses the channel while it is cloned: where
/// there are threads that panics in the scope [`Shared`](super::Shared).
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::sync::broadcast::Broadcast;
///
/// static EVENTS: Broadcast<u8, 4> = Broadcast::new();
///
/// let mut one = EVENTS.subscribe();
/// let mut two = EVENTS.subscribe();
/// EVENTS.send(7).unwrap();
/// assert_eq!((one.try_recv(), two.try_recv()), (Ok(7), Ok(7)));
/// ```
pub struct Broadcast<T, A: Slots<T>, S: Scope>(
    WaitList<S, State<A>, (), QUEUES>,
    core::marker::PhantomData<fn(T) -> T>,
);

/// A place for a message.
#[doc(hidden)]
pub struct Slot<T> {
    message: MaybeCell<T>,
    /// How many have not received it yet.
    left: ValueCell<usize>,
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Self {
            message: MaybeCell::new(),
            left: ValueCell::new(0),
        }
    }

    /// The message, moved for the last who receives it.
    fn receive(&self, clone: impl FnOnce(&T) -> T) -> Option<T> {
        let left = self.left.get().checked_sub(1)?;
        if left == 0 {
            self.left.set(0);
            return self.message.take();
        }
        /// Puts the message back, also if cloning it panics.
        struct Back<'a, T>(&'a Slot<T>, Option<T>);
        impl<T> Drop for Back<'_, T> {
            fn drop(&mut self) {
                self.0.message.replace(self.1.take());
            }
        }
        let back = Back(self, self.message.take());
        let message = back.1.as_ref().map(clone)?;
        self.left.set(left);
        Some(message)
    }

    /// One less receives it; the message, if nobody else does.
    fn skip(&self) -> Option<T> {
        let left = self.left.get().saturating_sub(1);
        self.left.set(left);
        if left == 0 { self.message.take() } else { None }
    }
}

/// Where the messages lie.
#[doc(hidden)]
pub trait Slots<T> {
    fn slots(&self) -> &[Slot<T>];
}

impl<T, const N: usize> Slots<T> for [Slot<T>; N] {
    fn slots(&self) -> &[Slot<T>] {
        self
    }
}

#[cfg(feature = "alloc")]
impl<T> Slots<T> for alloc::boxed::Box<[Slot<T>]> {
    fn slots(&self) -> &[Slot<T>] {
        self
    }
}

pub(super) struct State<A> {
    slots: A,
    /// The number of the next message.
    next: Cell<u64>,
    receivers: Cell<usize>,
    senders: Cell<usize>,
    /// There were senders, and the last one has gone.
    ended: Cell<bool>,
}

impl<A> State<A> {
    crate::loom::const_unless_loom! {
        fn new(slots: A, ends: usize) -> Self {
            Self {
                slots,
                next: Cell::new(0),
                receivers: Cell::new(ends),
                senders: Cell::new(ends),
                ended: Cell::new(false),
            }
        }
    }

    #[inline]
    fn slot<T>(&self, number: u64) -> &Slot<T>
    where
        A: Slots<T>,
    {
        let slots = self.slots.slots();
        &slots[(number % slots.len() as u64) as usize]
    }
}

impl<T, const N: usize, S: Scope> Broadcast<T, [Slot<T>; N], S> {
    crate::loom::const_unless_loom! {
        /// Makes a channel that keeps the latest `N` messages.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::broadcast::Broadcast;
        ///
        /// static EVENTS: Broadcast<u8, 4> = Broadcast::new();
        /// ```
        ///
        /// # Panics
        ///
        /// At compile time, if `N` is zero.
        pub fn new() -> Self {
            const { assert!(N > 0, "a channel has room for at least one message") };
            let slots = [const { Slot::new() }; N];
            Self(WaitList::with_value(State::new(slots, 0)), core::marker::PhantomData)
        }
    }
}

impl<T, const N: usize, S: Scope> Default for Broadcast<T, [Slot<T>; N], S> {
    fn default() -> Self {
        Self::new()
    }
}

type View<'a, A> = Access<'a, State<A>, (), QUEUES>;

impl<T, A: Slots<T>, S: Scope> Broadcast<T, A, S> {
    /// Returns a handle that sends.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::broadcast::Broadcast;
    ///
    /// static EVENTS: Broadcast<u8, 4> = Broadcast::new();
    /// let mut receiver = EVENTS.subscribe();
    /// EVENTS.sender().send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub fn sender(&self) -> Sender<&Self> {
        self.add_sender();
        Sender::of(self)
    }

    /// Returns a handle that receives what is sent from now on.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::broadcast::Broadcast;
    ///
    /// static EVENTS: Broadcast<u8, 4> = Broadcast::new();
    /// let mut early = EVENTS.subscribe();
    /// EVENTS.send(1).unwrap();
    /// let mut late = EVENTS.subscribe();
    /// assert!(early.try_recv().is_ok() && late.try_recv().is_err());
    /// ```
    pub fn subscribe(&self) -> Receiver<&Self> {
        Receiver {
            next: self.add_receiver(),
            channel: self,
        }
    }

    /// Sends a message to all who receive; returns how many these are.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::broadcast::Broadcast;
    ///
    /// static EVENTS: Broadcast<u8, 4> = Broadcast::new();
    /// let (_one, _two) = (EVENTS.subscribe(), EVENTS.subscribe());
    /// assert_eq!(EVENTS.send(7), Ok(2));
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if there is nobody.
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        let sent = self.0.with(|view| {
            let state = view.value();
            let receivers = state.receivers.get();
            if receivers == 0 {
                return Err(SendError(message));
            }
            let number = state.next.get();
            let slot = state.slot(number);
            state.next.set(number + 1);
            slot.left.set(receivers);
            Ok((receivers, slot.message.replace(Some(message))))
        });
        let (receivers, former) = sent?;
        self.0.notify_all(RECEIVERS);
        drop(former);
        Ok(receivers)
    }

    fn add_sender(&self) {
        self.0.with(|view| {
            let state = view.value();
            state.senders.set(state.senders.get() + 1);
            state.ended.set(false);
        });
    }

    /// Adds one that sends, if there is another one. Whether there was.
    fn add_sender_to_others(&self) -> bool {
        self.0.with(|view| {
            let senders = &view.value().senders;
            let others = senders.get();
            if others > 0 {
                senders.set(others + 1);
            }
            others > 0
        })
    }

    fn sender_count(&self) -> usize {
        self.0.with(|view| view.value().senders.get())
    }

    fn receiver_count(&self) -> usize {
        self.0.with(|view| view.value().receivers.get())
    }

    /// How many messages there are that somebody has not received.
    fn len(&self) -> usize {
        self.0.with(|view| {
            let slots = view.value().slots.slots();
            slots.iter().filter(|slot| slot.left.get() > 0).count()
        })
    }

    fn add_receiver(&self) -> u64 {
        self.0.with(|view| {
            let state = view.value();
            state.receivers.set(state.receivers.get() + 1);
            state.next.get()
        })
    }

    fn drop_sender(&self) {
        let last = self.0.with(|view| {
            let state = view.value();
            let left = state.senders.get() - 1;
            state.senders.set(left);
            state.ended.set(left == 0);
            left == 0
        });
        if last {
            self.0.notify_all(RECEIVERS);
        }
    }

    /// Receives the message with the number `next`, if it is there, or says why it never will be.
    fn receive(view: &View<'_, A>, next: &mut u64) -> Option<Result<T, RecvError>>
    where
        T: Clone,
    {
        let state = view.value();
        let end = state.next.get();
        let oldest = end.saturating_sub(state.slots.slots().len() as u64);
        if *next < oldest {
            let missed = oldest - *next;
            *next = oldest;
            return Some(Err(RecvError::Lagged(missed)));
        }
        if *next == end {
            return state.ended.get().then_some(Err(RecvError::Closed));
        }
        let clone = |message: &T| view.foreign::<S, _>(|| message.clone());
        let message = state.slot(*next).receive(clone);
        *next += 1;
        // It is there: it has not been replaced, and we have not received it.
        Some(message.ok_or(RecvError::Lagged(1)))
    }
}

impl<T, A: Slots<T>, S: Scope> fmt::Debug for Broadcast<T, A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").finish_non_exhaustive()
    }
}

/// What leads to a [`Broadcast`]: a reference or, with feature `alloc`, an `Rc` or `Arc`.
pub trait BroadcastRef:
    Deref<Target = Broadcast<Self::Message, Self::Slots, Self::Scope>> + Clone + sealed::Sealed
{
    /// A message.
    type Message;
    /// Where the messages lie.
    #[doc(hidden)]
    type Slots: Slots<Self::Message>;
    /// Who may use it.
    type Scope: Scope;
    /// What knows the channel without keeping it.
    #[doc(hidden)]
    type Weak: Clone;
    #[doc(hidden)]
    fn downgrade(&self) -> Self::Weak;
    #[doc(hidden)]
    fn upgrade(weak: &Self::Weak) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! broadcast_ref {
    ($owner:ty, $weak:ty, |$this:ident| $downgrade:expr, |$known:ident| $upgrade:expr) => {
        impl<T, A: Slots<T>, S: Scope> sealed::Sealed for $owner {}
        impl<T, A: Slots<T>, S: Scope> BroadcastRef for $owner {
            type Message = T;
            type Slots = A;
            type Scope = S;
            type Weak = $weak;
            fn downgrade(&self) -> Self::Weak {
                let $this = self;
                $downgrade
            }
            fn upgrade($known: &Self::Weak) -> Option<Self> {
                $upgrade
            }
        }
    };
}

broadcast_ref!(&Broadcast<T, A, S>, Self, |this| this, |known| Some(known));
#[cfg(feature = "alloc")]
broadcast_ref!(
    alloc::rc::Rc<Broadcast<T, A, S>>,
    alloc::rc::Weak<Broadcast<T, A, S>>,
    |this| Self::downgrade(this),
    |known| known.upgrade()
);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
broadcast_ref!(
    alloc::sync::Arc<Broadcast<T, A, S>>,
    alloc::sync::Weak<Broadcast<T, A, S>>,
    |this| Self::downgrade(this),
    |known| known.upgrade()
);

/// A channel on the heap.
#[cfg(feature = "alloc")]
pub(super) type Boxed<T, S> = Broadcast<T, alloc::boxed::Box<[Slot<T>]>, S>;

#[cfg(feature = "alloc")]
type Ends<P> = (Sender<P>, Receiver<P>);

/// A channel on the heap that keeps the latest `capacity` messages.
#[cfg(feature = "alloc")]
#[track_caller]
pub(super) fn channel<T, S: Scope>(capacity: usize) -> Ends<S::Counted<Boxed<T, S>>>
where
    S::Counted<Boxed<T, S>>: BroadcastRef,
{
    assert!(capacity > 0, "a channel has room for at least one message");
    let slots = (0..capacity).map(|_| Slot::new()).collect();
    let list = WaitList::with_value(State::new(slots, 1));
    let channel = S::Counted::from(Broadcast(list, core::marker::PhantomData));
    let receiver = Receiver {
        channel: channel.clone(),
        next: 0,
    };
    (Sender::of(channel), receiver)
}
