//! The end that receives.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::{
    Broadcast, BroadcastRef, CLOSED, QUEUES, RECEIVERS, RecvError, Slots, State, TryRecvError,
    Until, View, Wait, WaitList,
};
use crate::task::budget::poll_proceed;
use crate::trace::waits;

/// An end that receives each message sent since it was made.
pub struct Receiver<P: BroadcastRef> {
    pub(super) channel: P,
    /// The number of the next message.
    pub(super) next: u64,
}

impl<P: BroadcastRef> Receiver<P> {
    /// Receives the next message, once it is there.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast::{self, error::RecvError};
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = broadcast::channel(2);
    ///     for n in 1..=3 {
    ///         sender.send(n).unwrap();
    ///     }
    ///     assert_eq!(receiver.recv().await, Err(RecvError::Lagged(1)));
    ///     assert_eq!(receiver.recv().await, Ok(2));
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If messages have been missed, since more of them were sent meanwhile than the channel keeps (then
    /// it goes on with the oldest that is left), or if nobody sends any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has received nothing; the message is there for the next call.
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Result<P::Message, RecvError>>
    where
        P::Message: Clone,
    {
        let next = &mut self.next;
        let receive = |view: &View<'_, P::Slots>| Broadcast::<_, _, P::Scope>::receive(view, next);
        waits::of_method(
            "broadcast::Receiver::recv",
            Until::<Wait<_, RECEIVERS, QUEUES>, _, _>::new(
                &self.channel.0,
                (),
                receive,
                |_, received| received,
            ),
        )
    }

    /// Receives the next message, if it is there.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }
    /// ```
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
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// let thread = std::thread::spawn(move || receiver.blocking_recv());
    /// sender.send(7).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(7));
    /// # }
    /// ```
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
        P: BroadcastRef<Scope = crate::sync::Shared>,
        P::Message: Clone,
    {
        crate::sync::blocking::block_on(self.recv())
    }

    /// Makes another end, which receives what is sent from now on.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel(4);
    /// sender.send(1).unwrap();
    /// let mut fresh = receiver.resubscribe();
    /// sender.send(2).unwrap();
    /// assert_eq!(fresh.try_recv(), Ok(2));
    /// # }
    /// ```
    pub fn resubscribe(&self) -> Self {
        Self {
            next: self.channel.add_receiver(),
            channel: self.channel.clone(),
        }
    }

    /// Returns whether nobody sends any more. What has been sent can still be received.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel::<u32>(4);
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.channel.sender_count() == 0
    }

    /// Returns how many ends send.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel::<u32>(4);
    /// let clone = sender.clone();
    /// assert_eq!(receiver.sender_strong_count(), 2);
    /// # drop(clone);
    /// # }
    /// ```
    pub fn sender_strong_count(&self) -> usize {
        self.channel.sender_count()
    }

    /// Returns whether this end and another one receive from one channel.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (_sender, receiver) = broadcast::channel::<u32>(4);
    /// assert!(receiver.same_channel(&receiver.resubscribe()));
    /// # }
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        core::ptr::eq::<Broadcast<_, _, _>>(&*self.channel, &*other.channel)
    }

    /// Returns how many messages there are that this end has not received, missed ones included.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel(4);
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        let end = self.channel.0.with(|view| view.value().next.get());
        (end - self.next) as usize
    }

    /// Returns whether there is no message that this end has not received.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel(4);
    /// assert!(receiver.is_empty());
    /// sender.send(7).unwrap();
    /// assert!(!receiver.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the messages as a stream, and the gaps between them.
    pub fn stream(&mut self) -> RecvStream<'_, P> {
        RecvStream {
            wait: Wait::new(&self.channel.0, ()),
            next: &mut self.next,
        }
    }
}

impl<P: BroadcastRef> Drop for Receiver<P> {
    fn drop(&mut self) {
        let (end, last) = self.channel.0.with(|view| {
            let state = view.value();
            let left = state.receivers.get() - 1;
            state.receivers.set(left);
            (state.next.get(), left == 0)
        });
        if last {
            self.channel.0.notify_all(CLOSED);
        }
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
        wait: Wait<&'a WaitList<P::Scope, State<P::Slots>, (), QUEUES>, RECEIVERS, QUEUES>,
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
        let wait = this.wait;
        let polled = waits::method("broadcast::Receiver::stream", || {
            wait.poll_with(cx, |view, _| {
                Broadcast::<_, _, P::Scope>::receive(view, next)
            })
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
