//! A channel for one message.

use core::fmt;
use core::future::poll_fn;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::channel::RecvError;
use super::maybe::MaybeCell;
use super::scope::Scope;
use super::slot::{WakerSlot, poll_slot};
use super::wait_list::WaitList;
use crate::loom::Cell;
use crate::task::budget::poll_within;
use crate::task::wake_quietly;
use crate::trace::waits;

/// A channel for one message, whose ends borrow it: see [`split`](Self::split).
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::oneshot;
///
/// # async fn example() {
/// let mut oneshot = oneshot::Oneshot::new();
/// let (sender, receiver) = oneshot.split();
/// sender.send(7).unwrap();
/// assert_eq!(receiver.await, Ok(7));
/// # }
/// ```
pub struct Oneshot<T, S: Scope>(WaitList<S, State<T>, (), 0>);

pub(super) struct State<T> {
    message: MaybeCell<T>,
    /// Nothing will be sent any more.
    done: Cell<bool>,
    /// Nothing will be received any more.
    closed: Cell<bool>,
    receiver: WakerSlot,
    /// Whoever waits for the receiver to go away.
    sender: WakerSlot,
}

impl<T> State<T> {
    /// The message, or that none comes, if either is known.
    #[inline]
    fn receive(&self) -> Option<Result<T, RecvError>> {
        if let Some(message) = self.message.take() {
            self.closed.set(true);
            return Some(Ok(message));
        }
        (self.done.get() || self.closed.get()).then_some(Err(RecvError(())))
    }
}

impl<T, S: Scope> Oneshot<T, S> {
    crate::loom::const_unless_loom! {
        /// Makes a channel without ends.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::oneshot::Oneshot;
        ///
        /// let mut channel: Oneshot<u32> = Oneshot::new();
        /// let (sender, receiver) = channel.split();
        /// # let _ = (sender, receiver);
        /// ```
        pub fn new() -> Self {
            Self(WaitList::with_value(State {
                message: MaybeCell::new(),
                done: Cell::new(false),
                closed: Cell::new(false),
                receiver: WakerSlot::new(),
                sender: WakerSlot::new(),
            }))
        }
    }

    /// Returns both ends, of a channel that is as new.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::oneshot::Oneshot;
    ///
    /// polliwog::block_on(async {
    ///     let mut channel = Oneshot::new();
    ///     let (sender, receiver) = channel.split();
    ///     sender.send("done").unwrap();
    ///     assert_eq!(receiver.await, Ok("done"));
    /// });
    /// ```
    pub fn split(&mut self) -> (Sender<&Self>, Receiver<&Self>) {
        *self = Self::new();
        (Sender::of(self), Receiver::of(self))
    }

    fn receive(&self) -> Result<T, TryRecvError> {
        match self.0.with(|view| view.value().receive()) {
            Some(received) => received.map_err(|_| TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    fn close(&self) {
        let sender = self.0.with(|view| {
            view.value().closed.set(true);
            view.value().sender.take()
        });
        if let Some(sender) = sender {
            wake_quietly(sender);
        }
    }

    fn is_closed(&self) -> bool {
        self.0.with(|view| view.value().closed.get())
    }
}

impl<T, S: Scope> Default for Oneshot<T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, S: Scope> fmt::Debug for Oneshot<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oneshot").finish_non_exhaustive()
    }
}

/// What leads to a [`Oneshot`]: a reference or, with feature `alloc`, an `Rc` or `Arc`.
pub trait OneshotRef: Deref<Target = Oneshot<Self::Message, Self::Scope>> + sealed::Sealed {
    /// The message.
    type Message;
    /// Who may use it.
    type Scope: Scope;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! oneshot_ref {
    ($owner:ty) => {
        impl<T, S: Scope> sealed::Sealed for $owner {}
        impl<T, S: Scope> OneshotRef for $owner {
            type Message = T;
            type Scope = S;
        }
    };
}

oneshot_ref!(&Oneshot<T, S>);
#[cfg(feature = "alloc")]
oneshot_ref!(alloc::rc::Rc<Oneshot<T, S>>);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
oneshot_ref!(alloc::sync::Arc<Oneshot<T, S>>);

#[cfg(feature = "alloc")]
type Ends<P> = (Sender<P>, Receiver<P>);

/// A channel on the heap.
#[cfg(feature = "alloc")]
pub(super) fn channel<T, S: Scope>() -> Ends<S::Counted<Oneshot<T, S>>>
where
    S::Counted<Oneshot<T, S>>: OneshotRef,
{
    let channel = S::Counted::from(Oneshot::new());
    (Sender::of(channel.clone()), Receiver::of(channel))
}

/// The end that sends the message. Dropped without having sent it, it ends the wait of the receiver,
/// with an error.
///
/// Nothing but [`closed`](Self::closed) waits, so that it is for interrupt handlers, too, if the channel
/// is shared.
pub struct Sender<P: OneshotRef>(
    /// Until the message has been sent.
    Option<P>,
);

impl<P: OneshotRef> Sender<P> {
    fn of(channel: P) -> Self {
        Self(Some(channel))
    }

    fn channel(&self) -> &P {
        match &self.0 {
            Some(channel) => channel,
            None => unreachable!("`send` takes the sender"),
        }
    }

    /// Sends the message.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::oneshot::Oneshot;
    ///
    /// let mut channel = Oneshot::new();
    /// let (sender, receiver) = channel.split();
    /// drop(receiver);
    /// assert_eq!(sender.send(7), Err(7)); // nobody would receive it
    /// ```
    ///
    /// # Errors
    ///
    /// The message, if nobody will receive it. That it was sent does not mean that it will be received.
    pub fn send(mut self, message: P::Message) -> Result<(), P::Message> {
        let Some(channel) = self.0.take() else {
            return Err(message);
        };
        // All in one step: there is nothing left to do when the sender is dropped.
        let receiver = channel.0.with(|view| {
            let state = view.value();
            state.done.set(true);
            if state.closed.get() {
                return Err(message);
            }
            // What there was: nothing.
            core::mem::forget(state.message.replace(Some(message)));
            Ok(state.receiver.take())
        })?;
        if let Some(receiver) = receiver {
            wake_quietly(receiver);
        }
        Ok(())
    }

    /// Waits until nobody will receive the message any more.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::oneshot::Oneshot;
    ///
    /// polliwog::block_on(async {
    ///     let mut channel = Oneshot::<u32>::new();
    ///     let (mut sender, receiver) = channel.split();
    ///     drop(receiver);
    ///     sender.closed().await; // no use computing an answer
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// [`closed`](Self::closed), polled. It wakes whichever task polled last.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let poll = |cx: &mut Context<'_>| {
            poll_slot(
                &self.channel().0,
                cx,
                |state| &state.sender,
                |view| view.value().closed.get().then_some(()),
            )
        };
        waits::method("oneshot::Sender::closed", || poll_within(cx, poll))
    }

    /// Returns whether nobody will receive the message any more.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::oneshot::Oneshot;
    ///
    /// let mut channel = Oneshot::<u32>::new();
    /// let (sender, receiver) = channel.split();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.channel().is_closed()
    }
}

impl<P: OneshotRef> Drop for Sender<P> {
    #[inline]
    fn drop(&mut self) {
        let Some(channel) = &self.0 else {
            return;
        };
        let receiver = channel.0.with(|view| {
            view.value().done.set(true);
            view.value().receiver.take()
        });
        if let Some(receiver) = receiver {
            wake_quietly(receiver);
        }
    }
}

impl<P: OneshotRef> fmt::Debug for Sender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The end that receives the message: a future, which ends with an error if the sender has gone
/// without having sent it. It is `Unpin`, to be awaited by reference, too.
///
/// # Cancel safety
///
/// Awaited by reference and dropped before its end, the wait has lost nothing. Dropping the receiver
/// itself drops a message that has been sent.
///
/// # Errors
///
/// The future's output is [`RecvError`] if no message comes. So it is when polled after its end.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Receiver<P: OneshotRef> {
    channel: P,
    /// The message or the end has been received.
    over: bool,
}

impl<P: OneshotRef> Receiver<P> {
    fn of(channel: P) -> Self {
        Self {
            channel,
            over: false,
        }
    }

    /// Receives the message, if it is there.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::oneshot::{Oneshot, error::TryRecvError};
    ///
    /// let mut channel = Oneshot::new();
    /// let (sender, mut receiver) = channel.split();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not there yet, or will not come.
    pub fn try_recv(&mut self) -> Result<P::Message, TryRecvError> {
        let received = self.channel.receive();
        self.over |= received.is_ok();
        received
    }

    /// Receives the message, on a thread that is no executor's; it blocks.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send(7).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(7));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If no message comes.
    ///
    /// # Panics
    ///
    /// Inside of an executor, which could not go on.
    #[cfg(feature = "std")]
    #[track_caller]
    pub fn blocking_recv(self) -> Result<P::Message, RecvError>
    where
        P: OneshotRef<Scope = super::Shared>,
    {
        super::blocking::block_on(self)
    }

    /// Returns whether there is no message at this moment.
    pub fn is_empty(&self) -> bool {
        self.channel.0.with(|view| {
            let state = view.value();
            let message = state.message.take();
            let none = message.is_none();
            // There was none in between.
            core::mem::forget(state.message.replace(message));
            none
        })
    }

    /// Returns whether there is nothing to wait for any more: the message has been received, or none will
    /// come.
    pub fn is_terminated(&self) -> bool {
        let over = self.channel.0.with(|view| {
            let state = view.value();
            state.done.get() || state.closed.get()
        });
        over && self.is_empty()
    }

    /// Lets nobody send any more. A message that has been sent can still be received.
    pub fn close(&mut self) {
        self.channel.close();
    }
}

impl<P: OneshotRef> Unpin for Receiver<P> {}

impl<P: OneshotRef> Future for Receiver<P> {
    type Output = Result<P::Message, RecvError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let poll = |cx: &mut Context<'_>| {
            poll_slot(
                &this.channel.0,
                cx,
                |state| &state.receiver,
                |view| view.value().receive(),
            )
        };
        let received = waits::method("oneshot::Receiver", || poll_within(cx, poll));
        this.over |= received.is_ready();
        received
    }
}

impl<P: OneshotRef> Drop for Receiver<P> {
    #[inline]
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (sender, _message) = self.channel.0.with(|view| {
            let state = view.value();
            state.closed.set(true);
            // A message that nobody receives is dropped here, not with the channel.
            (state.sender.take(), state.message.take())
        });
        if let Some(sender) = sender {
            wake_quietly(sender);
        }
    }
}

impl<P: OneshotRef> fmt::Debug for Receiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// Why there is no message at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is none yet.
    Empty,
    /// None will come.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "channel empty",
            Self::Closed => "channel closed",
        })
    }
}

impl core::error::Error for TryRecvError {}
