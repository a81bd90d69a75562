//! The channel that `mpsc` and `mpmc` are made of.
//!
//! A place in the buffer is a permit: whoever sends takes one first. Those who wait for one get it in
//! the order in which they came, and nobody overtakes them; so the buffer never overflows.

mod buffer;
mod error;
mod many;
mod permit;
mod place;
mod reference;
mod sender;
mod single;
mod state;
mod weak;

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

#[cfg(feature = "alloc")]
pub use buffer::Growing;
pub use buffer::{Buffer, Fixed, Ring};
pub use error::{RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use many::{Receiver as ManyReceiver, RecvStream};
pub use permit::{OwnedPermit, Permit};
pub use reference::ChannelRef;
pub(super) use reference::Item;
#[cfg(feature = "alloc")]
pub(super) use reference::{Boxed, bounded, unbounded};
pub use sender::{Sender, UnboundedSender};
pub use single::Receiver as SingleReceiver;
pub use weak::{WeakSender, WeakUnboundedSender};

use place::{Place, Sending};
use state::{
    AtOnce, State, fill, fill_reserved, give_place, receive, take_at_once, take_message,
    take_place, wake, wake_receivers,
};

use super::scope::Scope;
use super::slot::WakerSlot;
use super::wait_list::{Access, Until, Wait, WaitList, WaitState};
use crate::loom::Cell;
use crate::task::budget::poll_proceed;
use crate::trace::waits;

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

impl<T, const N: usize, S: Scope> Channel<Fixed<T, N>, S> {
    crate::loom::const_unless_loom! {
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

impl<B: Buffer, S: Scope> Channel<B, S> {
    #[cfg(feature = "alloc")]
    fn with_handles(buffer: B) -> Self {
        Self(WaitList::with_value(State {
            taken: Cell::new(0),
            buffer,
            senders: Cell::new(1),
            receivers: Cell::new(1),
            ended: Cell::new(false),
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
    pub fn send(&self, message: B::Item) -> impl Future<Output = Result<(), SendError<B::Item>>> {
        Sending::new(&self.0, message)
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
            Ok(()) => Ok(fill(view, message)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(message)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        })?;
        wake(sent);
        Ok(())
    }

    /// Waits for a place in the buffer.
    fn place(&self) -> Place<'_, B, S> {
        Place::new(&self.0)
    }

    /// Puts a message into a place that the caller.
    #[inline]
    fn fill(&self, message: B::Item) {
        match self.0.with(|view| fill_reserved(view, message)) {
            Ok(receiver) => wake(receiver),
            Err(message) => drop(message),
        }
    }

    /// Gives the place that the caller has back.
    fn give_back(&self) {
        self.0.with(give_place).tell(&self.0);
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
    pub fn recv(&self) -> impl Future<Output = B::Item> {
        // That nobody sends any more may change.
        waits::of_method(
            "Channel::recv",
            Until::<Wait<_, RECEIVERS, QUEUES>, _, _>::new(
                &self.0,
                (),
                take_message,
                |list, received| {
                    let (message, place) = received;
                    place.tell(list);
                    message
                },
            ),
        )
    }

    #[inline]
    fn poll_next(
        wait: Pin<&mut Wait<&List<B, S>, RECEIVERS, QUEUES>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<B::Item>> {
        let list: &List<B, S> = wait.list_ref();
        let permit = ready!(poll_proceed(cx));
        let received = waits::method("mpmc::Receiver::stream", || {
            wait.poll_with(cx, |view, _| receive(view))
        });
        received.map(|received| {
            permit.charge(0);
            let (message, place) = received?;
            place.tell(list);
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
            Some(Some((message, place))) => {
                place.tell(&self.0);
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
        let state = self.0.get_mut();
        // Nobody else has an end: whatever has been forgotten, nobody has.
        state.taken.set(0);
        state.senders.set(1);
        state.receivers.set(1);
        state.ended.set(false);
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
        self.0.with(|view| {
            let state = view.value();
            state.receivers.set(state.receivers.get() + 1);
            state.set_closed(false);
        });
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
            if left == 0 {
                // In the same step: whoever comes to receive from here on opens it again.
                state.set_closed(true);
            }
            left == 0
        });
        if last {
            self.tell_closed();
            let left = |view: &View<'_, B>| match view.value().receivers.get() {
                0 => take_message(view),
                // What is there is for whoever has come meanwhile.
                _ => None,
            };
            while let Some((message, place)) = self.0.with(left) {
                place.tell(&self.0);
                drop(message);
            }
        }
    }

    /// Nobody may take a place from now on.
    fn close(&self) {
        self.0.with(|view| view.value().set_closed(true));
        self.tell_closed();
    }

    /// Tells all who wait that the channel is closed.
    fn tell_closed(&self) {
        self.0.notify_all(SENDERS);
        self.0.notify_all(CLOSED);
        // It may be over.
        wake_receivers(&self.0);
    }

    #[inline]
    fn closed(&self) -> impl Future<Output = ()> {
        let closed = |view: &View<'_, B>| view.value().is_closed().then_some(());
        waits::of_method(
            "Sender::closed",
            Until::<Wait<_, CLOSED, QUEUES>, _, _>::new(&self.0, (), closed, |_, ()| ()),
        )
    }

    fn is_closed(&self) -> bool {
        (self.0).with(|view| view.value().is_closed() || view.value().ended.get())
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
        self.0.with(|view| view.value().free())
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
