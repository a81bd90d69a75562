//! The channel that `mpsc` and `mpmc` are made of.
//!
//! A place in the buffer is a permit: whoever sends takes one first. Those who wait for one get it in
//! the order in which they came, and nobody overtakes them; so the buffer never overflows.

mod buffer;
mod error;
mod many;
mod permit;
mod sender;
mod single;
mod weak;

use core::fmt;
use core::ops::Deref;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

#[cfg(feature = "alloc")]
pub use buffer::Growing;
pub use buffer::{Buffer, Fixed, Ring};
pub use error::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use many::{Receiver as ManyReceiver, RecvStream};
pub use permit::{OwnedPermit, Permit};
pub use sender::{Sender, UnboundedSender};
pub use single::Receiver as SingleReceiver;
pub use weak::{WeakSender, WeakUnboundedSender};

use super::scope::Scope;
use super::slot::WakerSlot;
use super::wait_list::{Access, Wait, WaitList, WaitState};
use crate::shim::Cell;
use crate::task::budget::{poll_proceed, poll_within};
use crate::task::wake_quietly;

/// The queue of those who wait for a place in the buffer.
const SENDERS: usize = 0;
/// The queue of those who wait for a message.
const RECEIVERS: usize = 1;
/// The queue of those who wait for the channel to be closed.
const CLOSED: usize = 2;
const QUEUES: usize = 3;

type List<B, S> = WaitList<S, State<B>, (), QUEUES>;
type View<'a, B> = Access<'a, State<B>, (), QUEUES>;

/// A channel: its buffer, and who waits for what.
///
/// It lies in a static or in a structure, and can be used [directly](Self::send) or by handles, which
/// [`sender`](Self::sender), [`receiver`](Self::receiver) and [`split`](Self::split) give. Used
/// directly it never closes. With handles it does: once the last [`Sender`] has gone, receivers get
/// what is left and then the end; once the last receiver has gone, what is left is dropped and sending
/// fails. A new handle opens that end again.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::mpmc::Channel;
///
/// static EVENTS: Channel<u8, 4> = Channel::new();
///
/// fn interrupt_handler(event: u8) {
///     // Full: the event is lost, and says so.
///     let _lost = EVENTS.try_send(event);
/// }
///
/// async fn handle_events() {
///     loop {
///         let event = EVENTS.recv().await;
///         # let _ = event;
///     }
/// }
/// # interrupt_handler(7);
/// # assert_eq!(EVENTS.try_recv(), Ok(7));
/// ```
pub struct Channel<B: Buffer, S: Scope>(List<B, S>);

pub(super) struct State<B> {
    buffer: B,
    /// Places that somebody has taken or been given, or that a message is in; so that all is zero bits at first.
    taken: Cell<usize>,
    /// Handles that send.
    senders: Cell<usize>,
    /// Handles that receive.
    receivers: Cell<usize>,
    /// There were senders, and the last one has gone.
    ended: Cell<bool>,
    /// Nobody may take a place any more.
    closed: Cell<bool>,
    /// Whoever receives, where there is only one.
    receiver: WakerSlot,
}

impl<T, const N: usize, S: Scope> Channel<Fixed<T, N>, S> {
    crate::shim::const_unless_loom! {
        /// Makes an empty channel for up to `N` messages.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::mpmc::Channel;
        ///
        /// static EVENTS: Channel<u8, 4> = Channel::new();
        /// ```
        ///
        /// # Panics
        ///
        /// At compile time, if `N` is zero.
        pub fn new() -> Self {
            const { assert!(N > 0, "a channel has room for at least one message") };
            Self(WaitList::with_value(State {
                buffer: Fixed::fixed(),
                taken: Cell::new(0),
                senders: Cell::new(0),
                receivers: Cell::new(0),
                ended: Cell::new(false),
                closed: Cell::new(false),
                receiver: WakerSlot::new(),
            }))
        }
    }
}

impl<T, const N: usize, S: Scope> Default for Channel<Fixed<T, N>, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Buffer> State<B> {
    #[inline]
    fn is_over(&self) -> bool {
        self.ended.get() || (self.closed.get() && self.taken.get() == 0)
    }
}

/// Whoever is to receive next.
#[inline]
fn wake_receiver<B: Buffer>(view: &View<'_, B>) -> Option<Waker> {
    (view.value().receiver.take()).or_else(|| view.take_first(RECEIVERS))
}

/// Takes a place, if there is one and nobody waits for it.
#[inline]
fn take_place<B: Buffer>(view: &View<'_, B>) -> Result<(), TrySendError<()>> {
    let state = view.value();
    if state.closed.get() {
        return Err(TrySendError::Closed(()));
    }
    // If somebody waits, nothing is free.
    let taken = state.taken.get();
    if taken == state.buffer.capacity() {
        return Err(TrySendError::Full(()));
    }
    state.taken.set(taken + 1);
    Ok(())
}

/// Gives a place to the first who waits for one, or makes it free. Returns whoever is to be woken.
#[inline]
fn give_place<B: Buffer>(view: &View<'_, B>) -> Option<Waker> {
    let first = view.take_first(SENDERS);
    if first.is_some() {
        return first;
    }
    let state = view.value();
    state.taken.set(state.taken.get() - 1);
    None
}

/// Takes a message, and whoever gets its place; or `None` in it, if there is none and none comes.
#[inline]
fn receive<B: Buffer>(view: &View<'_, B>) -> Option<Option<(B::Item, Option<Waker>)>> {
    if let Some(message) = view.value().buffer.pop() {
        return Some(Some((message, give_place(view))));
    }
    view.value().is_over().then_some(None)
}

#[inline]
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        wake_quietly(waker);
    }
}

impl<B: Buffer, S: Scope> Channel<B, S> {
    #[cfg(feature = "alloc")]
    fn with_handles(buffer: B) -> Self {
        Self(WaitList::with_value(State {
            taken: Cell::new(0),
            buffer,
            senders: Cell::new(1),
            receivers: Cell::new(1),
            ended: Cell::new(false),
            closed: Cell::new(false),
            receiver: WakerSlot::new(),
        }))
    }

    /// Sends a message, once there is room.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// polliwog::block_on(async {
    ///     let channel = Channel::<u32, 2>::new();
    ///     channel.send(7).await.unwrap();
    ///     assert_eq!(channel.recv().await, 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if there were handles that receive and the last of them has gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has sent nothing: the message is dropped with it. It gives up its
    /// place in the queue.
    #[inline]
    pub async fn send(&self, message: B::Item) -> Result<(), SendError<B::Item>> {
        crate::task::consume_budget().await;
        let message = match self.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(message)) => return Err(SendError(message)),
            Err(TrySendError::Full(message)) => message,
        };
        match self.place().await {
            Ok(()) => {
                self.fill(message);
                Ok(())
            }
            Err(()) => Err(SendError(message)),
        }
    }

    /// Sends a message, if there is room. Usable in an interrupt handler, if the channel is shared.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::{Channel, TrySendError};
    ///
    /// static EVENTS: Channel<u8, 1> = Channel::new();
    /// assert_eq!(EVENTS.try_send(7), Ok(()));
    /// assert_eq!(EVENTS.try_send(8), Err(TrySendError::Full(8)));
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if the channel is full, or closed.
    #[inline]
    pub fn try_send(&self, message: B::Item) -> Result<(), TrySendError<B::Item>> {
        let sent = self.0.with(|view| match take_place(view) {
            Ok(()) => {
                view.value().buffer.push(message);
                Ok(wake_receiver(view))
            }
            Err(TrySendError::Full(())) => Err(TrySendError::Full(message)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        })?;
        wake(sent);
        Ok(())
    }

    /// Waits for a place in the buffer.
    fn place(&self) -> Place<'_, B, S> {
        Place {
            wait: Wait::new(&self.0, ()),
        }
    }

    /// Puts a message into the place that the caller has.
    #[inline]
    fn fill(&self, message: B::Item) {
        wake(self.0.with(|view| {
            view.value().buffer.push(message);
            wake_receiver(view)
        }));
    }

    /// Gives the place that the caller has back.
    fn give_back(&self) {
        let (sender, receiver) = self.0.with(|view| {
            let sender = give_place(view);
            let over = view.value().closed.get() && view.value().is_over();
            (sender, over.then(|| wake_receiver(view)).flatten())
        });
        wake(sender);
        wake(receiver);
    }

    /// Receives a message, once there is one. Those who wait get one in the order in which they came.
    ///
    /// Where there were handles that send, use one that receives: this waits for ever once the last of
    /// them has gone.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// polliwog::block_on(async {
    ///     static EVENTS: Channel<u8, 4> = Channel::new();
    ///     let task = polliwog::spawn(EVENTS.recv()).unwrap();
    ///     EVENTS.try_send(7).unwrap();
    ///     assert_eq!(task.await.unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has received nothing, and the message goes to the next.
    pub async fn recv(&self) -> B::Item {
        let mut wait = pin!(Wait::<_, RECEIVERS, QUEUES>::new(&self.0, ()));
        let (message, sender) = core::future::poll_fn(|cx| {
            let permit = ready!(poll_proceed(cx));
            let received = (wait.as_mut()).poll_with(cx, |view, _| {
                // That nobody sends any more may change.
                receive(view).flatten()
            });
            received.map(|received| {
                permit.charge(0);
                received
            })
        })
        .await;
        wake(sender);
        message
    }

    async fn next(&self) -> Option<B::Item> {
        let mut wait = pin!(Wait::<_, RECEIVERS, QUEUES>::new(&self.0, ()));
        core::future::poll_fn(|cx| Self::poll_next(wait.as_mut(), cx)).await
    }

    #[inline]
    fn poll_next(
        wait: Pin<&mut Wait<&List<B, S>, RECEIVERS, QUEUES>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<B::Item>> {
        let permit = ready!(poll_proceed(cx));
        wait.poll_with(cx, |view, _| receive(view)).map(|received| {
            permit.charge(0);
            let (message, sender) = received?;
            wake(sender);
            Some(message)
        })
    }

    /// Receives a message, if there is one. Usable in an interrupt handler, if the channel is shared.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<u32, 2>::new();
    /// assert!(channel.try_recv().is_err());
    /// channel.try_send(7).unwrap();
    /// assert_eq!(channel.try_recv(), Ok(7));
    /// ```
    ///
    /// # Errors
    ///
    /// If there is none, or none will come.
    #[inline]
    pub fn try_recv(&self) -> Result<B::Item, TryRecvError> {
        match self.0.with(receive) {
            Some(Some((message, sender))) => {
                wake(sender);
                Ok(message)
            }
            Some(None) => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Returns a handle that sends.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// static EVENTS: Channel<u8, 4> = Channel::new();
    /// let sender = EVENTS.sender();
    /// sender.try_send(7).unwrap();
    /// assert_eq!(EVENTS.try_recv(), Ok(7));
    /// ```
    pub fn sender(&self) -> Sender<&Self> {
        self.add_sender();
        Sender::new(self)
    }

    /// Returns a handle that receives; there can be several.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// polliwog::block_on(async {
    ///     static JOBS: Channel<u8, 4> = Channel::new();
    ///     let jobs = JOBS.receiver();
    ///     let worker = polliwog::spawn(async move { jobs.recv().await }).unwrap();
    ///     JOBS.send(7).await.unwrap();
    ///     assert_eq!(worker.await.unwrap(), Ok(7));
    /// });
    /// ```
    pub fn receiver(&self) -> ManyReceiver<&Self> {
        self.add_receiver();
        ManyReceiver::new(self)
    }

    /// Handles to both ends; there can be only one that receives, and what is left of former ones is
    /// dropped.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{join, sync::mpsc::Channel};
    ///
    /// polliwog::block_on(async {
    ///     let mut channel = Channel::<u32, 1>::new();
    ///     let (sender, mut receiver) = channel.split();
    ///     join!(
    ///         async move { sender.send(7).await.unwrap() },
    ///         async move {
    ///             assert_eq!(receiver.recv().await, Some(7));
    ///             assert_eq!(receiver.recv().await, None); // the sender is gone
    ///         },
    ///     );
    /// });
    /// ```
    pub fn split(&mut self) -> (Sender<&Self>, SingleReceiver<&Self>) {
        self.clear();
        self.add_sender();
        self.add_receiver();
        (Sender::new(self), SingleReceiver::new(self))
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

    fn add_receiver(&self) {
        self.count_receiver();
        self.0.with(|view| view.value().closed.set(false));
    }

    fn count_receiver(&self) {
        self.0.with(|view| {
            let receivers = &view.value().receivers;
            receivers.set(receivers.get() + 1);
        });
    }

    fn drop_sender(&self) {
        let (last, receiver) = self.0.with(|view| {
            let state = view.value();
            let left = state.senders.get() - 1;
            state.senders.set(left);
            state.ended.set(left == 0);
            let receiver = if left == 0 {
                state.receiver.take()
            } else {
                None
            };
            (left == 0, receiver)
        });
        wake(receiver);
        if last {
            self.0.notify_all(RECEIVERS);
        }
    }

    fn drop_receiver(&self) {
        let last = self.0.with(|view| {
            let state = view.value();
            let left = state.receivers.get() - 1;
            state.receivers.set(left);
            left == 0
        });
        if last {
            self.close();
            self.clear();
        }
    }

    /// Nobody may take a place from now on.
    fn close(&self) {
        let receiver = self.0.with(|view| {
            let state = view.value();
            state.closed.set(true);
            state.receiver.take()
        });
        self.0.notify_all(SENDERS);
        self.0.notify_all(CLOSED);
        // It may be over.
        wake(receiver);
        self.0.notify_all(RECEIVERS);
    }

    async fn closed(&self) {
        let mut wait = pin!(Wait::<_, CLOSED, QUEUES>::new(&self.0, ()));
        core::future::poll_fn(|cx| {
            poll_within(cx, |cx| {
                (wait.as_mut()).poll_with(cx, |view, _| view.value().closed.get().then_some(()))
            })
        })
        .await;
    }

    fn is_closed(&self) -> bool {
        (self.0).with(|view| view.value().closed.get() || view.value().ended.get())
    }

    /// Drops all messages.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<u32, 4>::new();
    /// channel.try_send(7).unwrap();
    /// channel.clear();
    /// assert!(channel.is_empty());
    /// ```
    pub fn clear(&self) {
        while self.try_recv().is_ok() {}
    }

    /// Returns how many messages there are.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<u32, 4>::new();
    /// channel.try_send(7).unwrap();
    /// assert_eq!(channel.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.0.with(|view| view.value().buffer.count())
    }

    /// Returns whether there are no messages.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<u32, 4>::new();
    /// assert!(channel.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether there is no room for another one at this moment.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<u32, 1>::new();
    /// channel.try_send(7).unwrap();
    /// assert!(channel.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.capacity() == 0
    }

    /// Returns how many messages can be sent at once.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<u32, 4>::new();
    /// channel.try_send(7).unwrap();
    /// assert_eq!(channel.capacity(), 3);
    /// ```
    pub fn capacity(&self) -> usize {
        self.0.with(|view| {
            let state = view.value();
            state.buffer.capacity() - state.taken.get()
        })
    }

    /// Returns how many messages there is room for altogether.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::mpmc::Channel;
    ///
    /// let channel = Channel::<u32, 4>::new();
    /// channel.try_send(7).unwrap();
    /// assert_eq!(channel.max_capacity(), 4);
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.0.with(|view| view.value().buffer.capacity())
    }
}

impl<B: Buffer, S: Scope> fmt::Debug for Channel<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Waits for a place in the buffer, which is the caller's once it has ended well.
    struct Place<'a, B: Buffer, S: Scope> {
        #[pin]
        wait: Wait<&'a List<B, S>, SENDERS, QUEUES>,
    }

    impl<B: Buffer, S: Scope> PinnedDrop for Place<'_, B, S> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let next = this.project().wait.cancel_with(|view, state, ()| match state {
                WaitState::Notified => give_place(view),
                _ => None,
            });
            wake(next.flatten());
        }
    }
}

impl<B: Buffer, S: Scope> Future for Place<'_, B, S> {
    type Output = Result<(), ()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = self.project().wait;
        poll_within(cx, |cx| {
            wait.poll_with(cx, |view, state| match state {
                WaitState::New => match take_place(view) {
                    Ok(()) => Some(Ok(())),
                    Err(TrySendError::Full(())) => None,
                    Err(TrySendError::Closed(())) => Some(Err(())),
                },
                WaitState::Waiting => None,
                WaitState::Notified => Some(Ok(())),
                WaitState::NotifiedWithAll => Some(Err(())),
            })
        })
    }
}

/// What leads to a [`Channel`]: a reference or, with feature `alloc`, an `Rc` or `Arc`.
pub trait ChannelRef:
    Deref<Target = Channel<Self::Buffer, Self::Scope>> + Clone + sealed::Sealed
{
    /// What the messages lie in.
    type Buffer: Buffer;
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

/// The messages of the channel that `P` leads to.
pub(super) type Item<P> = <<P as ChannelRef>::Buffer as Buffer>::Item;

mod sealed {
    pub trait Sealed {}
}

macro_rules! channel_ref {
    ($owner:ty, $weak:ty, |$this:ident| $downgrade:expr, |$known:ident| $upgrade:expr) => {
        impl<B: Buffer, S: Scope> sealed::Sealed for $owner {}
        impl<B: Buffer, S: Scope> ChannelRef for $owner {
            type Buffer = B;
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

channel_ref!(&Channel<B, S>, Self, |this| this, |known| Some(known));
#[cfg(feature = "alloc")]
channel_ref!(
    alloc::rc::Rc<Channel<B, S>>,
    alloc::rc::Weak<Channel<B, S>>,
    |this| Self::downgrade(this),
    |known| known.upgrade()
);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
channel_ref!(
    alloc::sync::Arc<Channel<B, S>>,
    alloc::sync::Weak<Channel<B, S>>,
    |this| Self::downgrade(this),
    |known| known.upgrade()
);

/// A channel on the heap for up to `capacity` messages.
#[cfg(feature = "alloc")]
#[track_caller]
pub(super) fn bounded<T, S: Scope>(capacity: usize) -> S::Counted<Channel<Boxed<T>, S>> {
    assert!(capacity > 0, "a channel has room for at least one message");
    Channel::with_handles(Ring::boxed(capacity)).into()
}

/// A channel on the heap for any number of messages.
#[cfg(feature = "alloc")]
pub(super) fn unbounded<T, S: Scope>() -> S::Counted<Channel<Growing<T>, S>> {
    Channel::with_handles(Growing::new()).into()
}

/// A buffer on the heap.
#[cfg(feature = "alloc")]
pub(super) type Boxed<T> = Ring<alloc::boxed::Box<[core::cell::Cell<Option<T>>]>>;
