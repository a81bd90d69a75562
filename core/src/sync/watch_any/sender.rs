//! The ends that change the value.

use core::fmt;

#[cfg(doc)]
use super::super::{Local, Shared};
use super::{
    Access, CHANGED, CLOSED, OpenShelf, Receiver, Ref, SendError, State, Until, Wait, Watch,
    WatchRef,
};
use crate::trace::waits;

/// An end that changes the value. When the last one has gone, those who watch get an error once they have
/// seen the last change.
///
/// Nothing but [`closed`](Self::closed) waits, so that it is for interrupt handlers, too, if the value is
/// shared.
pub struct Sender<P: WatchRef>(P);

impl<P: WatchRef> Sender<P> {
    /// The caller has counted it.
    pub(super) fn of(channel: P) -> Self {
        Self(channel)
    }

    /// Replaces the value, which tells those who watch.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.get(), 2);
    /// drop(receiver);
    /// assert!(sender.send(3).is_err()); // nobody watches
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The value, if nobody watches. [`send_replace`](Self::send_replace) does not mind.
    ///
    /// # Panics
    ///
    /// While the value is [borrowed](Receiver::borrow), or looked at by [`with`](Self::with) or its `clone`: in the
    /// scope [`Local`], and in the scope [`Shared`] on this thread. There it waits for other threads to let go of it.
    /// This is so for all that changes the value.
    pub fn send(&self, value: P::Value) -> Result<(), SendError<P::Value>> {
        if self.0.receivers() == 0 {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Replaces the value, also if nobody watches, and returns the former one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, _) = watch::channel(1);
    /// assert_eq!(sender.send_replace(2), 1);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_replace(&self, value: P::Value) -> P::Value {
        let mut value = value;
        self.0.modify(|place| {
            core::mem::swap(place, &mut value);
            true
        });
        value
    }

    /// Changes the value in its place, which tells those who watch.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(vec![1]);
    /// sender.send_modify(|numbers| numbers.push(2));
    /// assert_eq!(receiver.get(), [1, 2]);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_modify(&self, f: impl FnOnce(&mut P::Value)) {
        self.0.modify(|value| {
            f(value);
            true
        });
    }

    /// Changes the value in its place; those who watch are told if `f` says so. Returns what it said.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(5);
    /// let raise = |to: i32| {
    ///     sender.send_if_modified(|level| {
    ///         let higher = to > *level;
    ///         *level = to.max(*level);
    ///         higher
    ///     })
    /// };
    /// assert!(!raise(3)); // nobody is told
    /// assert!(raise(7));
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    pub fn send_if_modified(&self, f: impl FnOnce(&mut P::Value) -> bool) -> bool {
        self.0.modify(f)
    }

    /// Runs `f` with the value: see [`Watch::with`].
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, _receiver) = watch::channel("tadpole");
    /// assert_eq!(sender.with(|name| name.len()), 7);
    /// # }
    /// ```
    pub fn with<U>(&self, f: impl FnOnce(&P::Value) -> U) -> U {
        self.0.with(f)
    }

    /// Returns a copy of the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, _receiver) = watch::channel(7);
    /// assert_eq!(sender.get(), 7);
    /// # }
    /// ```
    pub fn get(&self) -> P::Value
    where
        P::Value: Clone,
    {
        self.0.get()
    }

    /// Returns the value. While it is borrowed it cannot be changed: see [`Receiver::borrow`].
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::local::watch;
    ///
    /// let (sender, _receiver) = watch::channel("tadpole");
    /// assert_eq!(*sender.borrow(), "tadpole");
    /// # }
    /// ```
    pub fn borrow(&self) -> Ref<'_, P>
    where
        P::Shelf: OpenShelf<P::Value>,
    {
        Ref::new(self.0.value.open(), false)
    }

    /// Returns whether this end and another one change one value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, _receiver) = watch::channel(1);
    /// assert!(sender.same_channel(&sender.clone()));
    /// # }
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        core::ptr::eq::<Watch<_, _>>(&*self.0, &*other.0)
    }

    /// Returns how many ends change the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, _receiver) = watch::channel(1);
    /// let clone = sender.clone();
    /// assert_eq!(clone.sender_count(), 2);
    /// # }
    /// ```
    pub fn sender_count(&self) -> usize {
        self.0.senders()
    }

    /// Waits until nobody watches.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, receiver) = watch::channel(1);
    ///     drop(receiver);
    ///     sender.closed().await;
    /// });
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    pub fn closed(&self) -> impl Future<Output = ()> {
        let closed =
            |view: &Access<'_, State, (), 2>| (view.value().receivers.get() == 0).then_some(());
        waits::of_method(
            "watch::Sender::closed",
            Until::<Wait<_, CLOSED, 2>, _, _>::new(&self.0.list, (), closed, |_, ()| ()),
        )
    }

    /// Returns whether nobody watches.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// # }
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.receivers() == 0
    }

    /// Returns how many ends watch.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// let clone = receiver.clone();
    /// assert_eq!(sender.receiver_count(), 2);
    /// # drop(clone);
    /// # }
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.0.receivers()
    }

    /// Returns an end that watches; the present value is one that it has seen.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, _) = watch::channel(1);
    /// let mut receiver = sender.subscribe();
    /// assert_eq!(receiver.get(), 1);
    /// # }
    /// ```
    pub fn subscribe(&self) -> Receiver<P> {
        Receiver {
            seen: self.0.add_receiver(),
            channel: self.0.clone(),
        }
    }
}

impl<P: WatchRef> Clone for Sender<P> {
    fn clone(&self) -> Self {
        self.0.add_sender();
        Self(self.0.clone())
    }
}

impl<P: WatchRef> Drop for Sender<P> {
    fn drop(&mut self) {
        let last = self.0.list.with(|view| {
            let state = view.value();
            let left = state.senders.get() - 1;
            state.senders.set(left);
            state.ended.set(left == 0);
            left == 0
        });
        if last {
            self.0.list.notify_all(CHANGED);
        }
    }
}

impl<P: WatchRef> fmt::Debug for Sender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
