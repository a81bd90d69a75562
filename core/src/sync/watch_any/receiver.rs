//! The end that sees the value.

use core::fmt;

use super::{
    Access, CHANGED, CLOSED, OpenShelf, RecvError, Ref, Scope, State, Until, Wait, Watch, WatchRef,
};
use crate::task::budget::consume_budget;
use crate::trace::waits;

/// Waits until the version is another one than `seen`, and puts it there.
#[inline]
fn changed<T, S: Scope>(
    channel: &Watch<T, S>,
    seen: &mut usize,
) -> impl Future<Output = Result<(), RecvError>> {
    let look = |view: &Access<'_, State, (), 2>| {
        let state = view.value();
        let version = state.version.get();
        if version != *seen {
            *seen = version;
            return Some(Ok(()));
        }
        state.ended.get().then_some(Err(RecvError(())))
    };
    waits::of_method(
        "watch::Receiver::changed",
        Until::<Wait<_, CHANGED, 2>, _, _>::new(&channel.list, (), look, |_, changed| changed),
    )
}

/// An end that watches. Of several changes since it looked last it sees the latest.
pub struct Receiver<P: WatchRef> {
    pub(super) channel: P,
    /// The version that it has seen.
    pub(super) seen: usize,
}

impl<P: WatchRef> Receiver<P> {
    /// Waits until the value is one that this end has not seen, and takes it as seen.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = watch::channel("one");
    ///     sender.send("two").unwrap();
    ///     receiver.changed().await.unwrap();
    ///     assert_eq!(receiver.get(), "two");
    ///     drop(sender);
    ///     assert!(receiver.changed().await.is_err());
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is none, and nobody changes it any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has not seen the change; the next call does.
    #[inline]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        changed(&self.channel, &mut self.seen)
    }

    /// Returns whether the value is one that this end has not seen.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// receiver.get();
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If nobody changes it any more.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        self.channel.list.with(|view| {
            let state = view.value();
            match state.ended.get() {
                true => Err(RecvError(())),
                false => Ok(state.version.get() != self.seen),
            }
        })
    }

    /// Takes the present value as one that this end has not seen.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// polliwog::block_on(async {
    ///     let (_sender, mut receiver) = watch::channel(1);
    ///     receiver.mark_changed();
    ///     receiver.changed().await.unwrap(); // the first value counts as a change
    /// });
    /// # }
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.channel.version().wrapping_sub(1);
    }

    /// Takes the present value as seen.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// receiver.mark_unchanged();
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// # }
    /// ```
    pub fn mark_unchanged(&mut self) {
        self.seen = self.channel.version();
    }

    /// Runs `f` with the value, which does not take it as seen.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (_sender, receiver) = watch::channel(vec![1, 2, 3]);
    /// assert_eq!(receiver.with(|numbers| numbers.len()), 3);
    /// # }
    /// ```
    pub fn with<U>(&self, f: impl FnOnce(&P::Value) -> U) -> U {
        self.channel.with(f)
    }

    /// Returns a copy of the value, which is seen now.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.get(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// # }
    /// ```
    pub fn get(&mut self) -> P::Value
    where
        P::Value: Clone,
    {
        let channel = &self.channel;
        let seen = &mut self.seen;
        channel.with(|value| {
            *seen = channel.version();
            value.clone()
        })
    }

    /// Waits until the value is one for which `f` says yes, and borrows it; it is seen now. The present
    /// one may be it. While it is borrowed it cannot be changed: see [`borrow`](Self::borrow).
    ///
    /// Where the value cannot be borrowed, as in the scope [`Shared`](crate::sync::Shared) on bare metal, there is
    /// [`wait_until`](Self::wait_until).
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = watch::channel(0);
    ///     let task = polliwog::spawn(async move {
    ///         *receiver.wait_for(|&level| level >= 3).await.unwrap()
    ///     })
    ///     .unwrap();
    ///     sender.send(2).unwrap();
    ///     polliwog::yield_now().await;
    ///     sender.send(5).unwrap();
    ///     assert_eq!(task.await.unwrap(), 5);
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not, and nobody changes it any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it may have taken changes as seen for which `f` said no.
    pub async fn wait_for(
        &mut self,
        mut f: impl FnMut(&P::Value) -> bool,
    ) -> Result<Ref<'_, P>, RecvError>
    where
        P::Shelf: OpenShelf<P::Value>,
    {
        consume_budget().await;
        let (channel, seen) = (&self.channel, &mut self.seen);
        loop {
            {
                let value = channel.value.open();
                let version = channel.version();
                let changed = core::mem::replace(seen, version) != version;
                if f(&value) {
                    return Ok(Ref::new(value, changed));
                }
            }
            changed(channel, seen).await?;
        }
    }

    /// Waits until the value is one for which `f` says yes, and returns a copy of it, which is seen now.
    /// The present one may be it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// polliwog::block_on(async {
    ///     let (sender, mut receiver) = watch::channel(0);
    ///     sender.send(3).unwrap();
    ///     assert_eq!(receiver.wait_until(|&level| level >= 3).await, Ok(3));
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not, and nobody changes it any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it may have taken changes as seen for which `f` said no.
    pub async fn wait_until(
        &mut self,
        mut f: impl FnMut(&P::Value) -> bool,
    ) -> Result<P::Value, RecvError>
    where
        P::Value: Clone,
    {
        consume_budget().await;
        loop {
            let channel = &self.channel;
            let seen = &mut self.seen;
            let found = channel.with(|value| {
                *seen = channel.version();
                f(value).then(|| value.clone())
            });
            if let Some(value) = found {
                return Ok(value);
            }
            self.changed().await?;
        }
    }

    /// Returns the value, which is not taken as seen. While it is borrowed it cannot be
    /// [changed](super::Sender::send), so not for long, and not across an `.await`. (Not for what is shared on
    /// bare metal: there are [`with`](Self::with) and [`get`](Self::get).)
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::local::watch;
    ///
    /// let (_sender, receiver) = watch::channel("tadpole");
    /// assert_eq!(*receiver.borrow(), "tadpole");
    /// # }
    /// ```
    pub fn borrow(&self) -> Ref<'_, P>
    where
        P::Shelf: OpenShelf<P::Value>,
    {
        let value = self.channel.value.open();
        let changed = self.channel.version() != self.seen;
        Ref::new(value, changed)
    }

    /// Returns the value, which is seen now; as [`borrow`](Self::borrow).
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::local::watch;
    ///
    /// let (sender, mut receiver) = watch::channel("tadpole");
    /// sender.send("frog").unwrap();
    /// assert_eq!(*receiver.borrow_and_update(), "frog");
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// # }
    /// ```
    pub fn borrow_and_update(&mut self) -> Ref<'_, P>
    where
        P::Shelf: OpenShelf<P::Value>,
    {
        let value = self.channel.value.open();
        let version = self.channel.version();
        let changed = core::mem::replace(&mut self.seen, version) != version;
        Ref::new(value, changed)
    }

    /// Returns whether this end and another one watch one value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::sync::watch;
    ///
    /// let (_sender, receiver) = watch::channel(1);
    /// assert!(receiver.same_channel(&receiver.clone()));
    /// # }
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        core::ptr::eq::<Watch<_, _>>(&*self.channel, &*other.channel)
    }
}

impl<P: WatchRef> Clone for Receiver<P> {
    fn clone(&self) -> Self {
        self.channel.add_receiver();
        Self {
            channel: self.channel.clone(),
            seen: self.seen,
        }
    }
}

impl<P: WatchRef> Drop for Receiver<P> {
    fn drop(&mut self) {
        let last = self.channel.list.with(|view| {
            let receivers = &view.value().receivers;
            receivers.set(receivers.get() - 1);
            receivers.get() == 0
        });
        if last {
            self.channel.list.notify_all(CLOSED);
        }
    }
}

impl<P: WatchRef> fmt::Debug for Receiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
