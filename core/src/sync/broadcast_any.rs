//! A channel that gives each message to all who receive.

use core::cell::Cell as ValueCell;
use core::fmt;
use core::ops::Deref;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::channel::SendError;
use super::scope::Scope;
use super::wait_list::{Access, Wait, WaitList};
use crate::shim::Cell;
use crate::task::budget::poll_proceed;

/// A channel that gives each message to all who receive, and keeps the latest few for those who are
/// behind: for a static, or for a structure; its ends borrow it.
///
/// Messages are cloned for all but the last who receives them. That happens under the channel's lock, so
/// what is costly to clone should be in an `Arc` (or `Rc`).
pub struct Broadcast<T, A: Slots<T>, S: Scope>(
    WaitList<S, State<A>>,
    core::marker::PhantomData<fn(T) -> T>,
);

/// A place for a message.
#[doc(hidden)]
pub struct Slot<T> {
    message: ValueCell<Option<T>>,
    /// How many have not received it yet.
    left: ValueCell<usize>,
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Self {
            message: ValueCell::new(None),
            left: ValueCell::new(0),
        }
    }

    /// The message, moved for the last who receives it.
    fn receive(&self) -> Option<T>
    where
        T: Clone,
    {
        let left = self.left.get().checked_sub(1)?;
        if left == 0 {
            self.left.set(0);
            return self.message.take();
        }
        /// Puts the message back, also if cloning it panics.
        struct Back<'a, T>(&'a Slot<T>, Option<T>);
        impl<T> Drop for Back<'_, T> {
            fn drop(&mut self) {
                self.0.message.set(self.1.take());
            }
        }
        let back = Back(self, self.message.take());
        let message = back.1.clone()?;
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
    crate::shim::const_unless_loom! {
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
    crate::shim::const_unless_loom! {
        /// A channel that keeps the latest `N` messages.
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

type View<'a, A> = Access<'a, State<A>, (), 1>;

impl<T, A: Slots<T>, S: Scope> Broadcast<T, A, S> {
    /// A handle that sends.
    pub fn sender(&self) -> Sender<&Self> {
        self.add_sender();
        Sender(self)
    }

    /// A handle that receives what is sent from now on.
    pub fn subscribe(&self) -> Receiver<&Self> {
        Receiver {
            next: self.add_receiver(),
            channel: self,
        }
    }

    /// Sends a message to all who receive; returns how many these are.
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
        self.0.notify_all(0);
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
            self.0.notify_all(0);
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
        let message = state.slot(*next).receive();
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
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! broadcast_ref {
    ($owner:ty) => {
        impl<T, A: Slots<T>, S: Scope> sealed::Sealed for $owner {}
        impl<T, A: Slots<T>, S: Scope> BroadcastRef for $owner {
            type Message = T;
            type Slots = A;
            type Scope = S;
        }
    };
}

broadcast_ref!(&Broadcast<T, A, S>);
#[cfg(feature = "alloc")]
broadcast_ref!(alloc::rc::Rc<Broadcast<T, A, S>>);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
broadcast_ref!(alloc::sync::Arc<Broadcast<T, A, S>>);

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
    (Sender(channel), receiver)
}

/// An end that sends. When the last one has gone, those who receive get what is left, then the end.
///
/// Nothing here waits, so that it is for interrupt handlers, too, if the channel is shared.
pub struct Sender<P: BroadcastRef>(P);

impl<P: BroadcastRef> Sender<P> {
    /// Sends a message to all who receive; returns how many these are.
    ///
    /// # Errors
    ///
    /// The message, if there is nobody.
    pub fn send(&self, message: P::Message) -> Result<usize, SendError<P::Message>> {
        self.0.send(message)
    }

    /// An end that receives what is sent from now on.
    pub fn subscribe(&self) -> Receiver<P> {
        Receiver {
            next: self.0.add_receiver(),
            channel: self.0.clone(),
        }
    }

    /// How many ends receive.
    pub fn receiver_count(&self) -> usize {
        self.0.0.with(|view| view.value().receivers.get())
    }
}

impl<P: BroadcastRef> Clone for Sender<P> {
    fn clone(&self) -> Self {
        self.0.add_sender();
        Self(self.0.clone())
    }
}

impl<P: BroadcastRef> Drop for Sender<P> {
    fn drop(&mut self) {
        self.0.drop_sender();
    }
}

impl<P: BroadcastRef> fmt::Debug for Sender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// An end that receives each message sent since it was made.
pub struct Receiver<P: BroadcastRef> {
    channel: P,
    /// The number of the next message.
    next: u64,
}

impl<P: BroadcastRef> Receiver<P> {
    /// Receives the next message, once it is there.
    ///
    /// # Errors
    ///
    /// If messages have been missed, since more of them were sent meanwhile than the channel keeps (then
    /// it goes on with the oldest that is left), or if nobody sends any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has received nothing; the message is there for the next call.
    pub async fn recv(&mut self) -> Result<P::Message, RecvError>
    where
        P::Message: Clone,
    {
        let next = &mut self.next;
        let mut wait = pin!(Wait::<_>::new(&self.channel.0, ()));
        core::future::poll_fn(|cx| {
            let permit = ready!(poll_proceed(cx));
            let received = (wait.as_mut()).poll_with(cx, |view, _| {
                Broadcast::<_, _, P::Scope>::receive(view, next)
            });
            received.map(|received| {
                permit.charge(0);
                received
            })
        })
        .await
    }

    /// Receives the next message, if it is there.
    ///
    /// # Errors
    ///
    /// If it is not there yet; and as [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<P::Message, TryRecvError>
    where
        P::Message: Clone,
    {
        let next = &mut self.next;
        let received =
            (self.channel.0).with(|view| Broadcast::<_, _, P::Scope>::receive(view, next));
        match received {
            Some(Ok(message)) => Ok(message),
            Some(Err(RecvError::Closed)) => Err(TryRecvError::Closed),
            Some(Err(RecvError::Lagged(missed))) => Err(TryRecvError::Lagged(missed)),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Receives the next message, on a thread that is no executor's; it blocks.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<P::Message, RecvError>
    where
        P: BroadcastRef<Scope = super::Shared>,
        P::Message: Clone,
    {
        super::blocking::block_on(self.recv())
    }

    /// Another end, that receives what is sent from now on.
    pub fn resubscribe(&self) -> Self {
        Self {
            next: self.channel.add_receiver(),
            channel: self.channel.clone(),
        }
    }

    /// How many messages there are that it has not received, missed ones included.
    pub fn len(&self) -> usize {
        let end = self.channel.0.with(|view| view.value().next.get());
        (end - self.next) as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The messages as a stream, and the gaps between them.
    pub fn stream(&mut self) -> RecvStream<'_, P> {
        RecvStream {
            wait: Wait::new(&self.channel.0, ()),
            next: &mut self.next,
        }
    }
}

impl<P: BroadcastRef> Drop for Receiver<P> {
    fn drop(&mut self) {
        let end = self.channel.0.with(|view| {
            let state = view.value();
            state.receivers.set(state.receivers.get() - 1);
            state.next.get()
        });
        // Messages are dropped one by one, none of them under the lock.
        let kept = self.channel.0.with(|view| view.value().slots.slots().len()) as u64;
        for number in self.next.max(end.saturating_sub(kept))..end {
            let skipped = self.channel.0.with(|view| {
                let state = view.value();
                // Those that have been replaced meanwhile are nobody's.
                (number + kept >= state.next.get()).then(|| state.slot(number).skip())
            });
            drop(skipped);
        }
    }
}

impl<P: BroadcastRef> fmt::Debug for Receiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

pin_project! {
    /// The messages of a [`Broadcast`] as a stream: see [`Receiver::stream`].
    pub struct RecvStream<'a, P: BroadcastRef> {
        #[pin]
        wait: Wait<&'a WaitList<P::Scope, State<P::Slots>>>,
        next: &'a mut u64,
    }
}

impl<P: BroadcastRef> futures_core::Stream for RecvStream<'_, P>
where
    P::Message: Clone,
{
    /// A message, or how many have been missed.
    type Item = Result<P::Message, u64>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let permit = ready!(poll_proceed(cx));
        let this = self.project();
        let next = this.next;
        let polled = this.wait.poll_with(cx, |view, _| {
            Broadcast::<_, _, P::Scope>::receive(view, next)
        });
        polled
            .map(|received| {
                permit.charge(0);
                received
            })
            .map(|received| match received {
                Ok(message) => Some(Ok(message)),
                Err(RecvError::Lagged(missed)) => Some(Err(missed)),
                Err(RecvError::Closed) => None,
            })
    }
}

impl<P: BroadcastRef> fmt::Debug for RecvStream<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream").finish_non_exhaustive()
    }
}

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RecvError {
    /// Nobody sends any more.
    Closed,
    /// So many messages have been missed. The next call goes on with the oldest that is left.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("channel closed"),
            Self::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl core::error::Error for RecvError {}

/// Why there is no message at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TryRecvError {
    /// There is none yet.
    Empty,
    /// Nobody sends any more.
    Closed,
    /// So many messages have been missed. The next call goes on with the oldest that is left.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("channel empty"),
            Self::Closed => f.write_str("channel closed"),
            Self::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl core::error::Error for TryRecvError {}
