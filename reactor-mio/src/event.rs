//! [`UserEvent`]: wake a task from any thread.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use polliwog_core::__reactor::waits_for;
use polliwog_core::task::wake_quietly;

use polliwog_core::task::budget::poll_within;

/// An event that any thread can trigger and one task waits for.
///
/// Several triggers before a wait count as one. An event takes no file descriptor and no place
/// in the reactor: it wakes its task as any other waker does, and with that its runtime. Its names are
/// those of kqueue, where `EVFILT_USER` is such an event and `NOTE_TRIGGER` sets it off. For more than one
/// waiter, or without mio, there is [`Notify`](polliwog_core::sync::Notify).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::UserEvent;
///
/// let mut event = UserEvent::new();
/// let trigger = event.trigger_handle();
/// std::thread::spawn(move || trigger.trigger());
/// polliwog::block_on(event.wait());
/// ```
pub struct UserEvent {
    shared: Arc<Shared>,
}

/// Triggers a [`UserEvent`]; made by [`UserEvent::trigger_handle`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::UserEvent;
///
/// polliwog::block_on(async {
///     let mut event = UserEvent::new();
///     let trigger = event.trigger_handle();
///     std::thread::spawn(move || trigger.trigger());
///     event.wait().await;
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct Trigger {
    shared: Arc<Shared>,
}

struct Shared {
    triggered: AtomicBool,
    /// The event has not been dropped.
    attached: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Shared {
    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        // Nothing panics with the lock.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses up a trigger. A wait that finds none writes nothing.
    fn take(&self) -> bool {
        self.triggered.load(Ordering::Relaxed) && self.triggered.swap(false, Ordering::AcqRel)
    }

    fn trigger(&self) {
        // The lock orders this against `poll_wait`: if the waiter comes to it first, its waker is
        // found here, otherwise the waiter finds the flag.
        if !self.triggered.swap(true, Ordering::AcqRel) {
            let waker = self.waker().take();
            if let Some(waker) = waker {
                wake_quietly(waker);
            }
        }
    }
}

impl UserEvent {
    /// Makes an event that has not been triggered.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::UserEvent;
    ///
    /// polliwog::block_on(async {
    ///     let mut event = UserEvent::new();
    ///     event.trigger();
    ///     event.wait().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                triggered: AtomicBool::new(false),
                attached: AtomicBool::new(true),
                waker: Mutex::new(None),
            }),
        }
    }

    /// Returns a handle that triggers the event, for any thread.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::UserEvent;
    ///
    /// polliwog::block_on(async {
    ///     let mut event = UserEvent::new();
    ///     let (one, two) = (event.trigger_handle(), event.trigger_handle());
    ///     std::thread::spawn(move || one.trigger());
    ///     event.wait().await;
    /// #     drop(two);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn trigger_handle(&self) -> Trigger {
        Trigger {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Triggers the event from where it is.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::UserEvent;
    ///
    /// polliwog::block_on(async {
    ///     let mut event = UserEvent::new();
    ///     event.trigger();
    ///     event.trigger(); // counts once
    ///     event.wait().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn trigger(&self) {
        self.shared.trigger();
    }

    /// Waits until the event is or has been triggered since the last wait.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::UserEvent;
    ///
    /// polliwog::block_on(async {
    ///     let mut event = UserEvent::new();
    ///     let trigger = event.trigger_handle();
    ///     let task = polliwog::spawn(async move { event.wait().await })?;
    ///     trigger.trigger();
    ///     task.await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A trigger is used up only by a wait that ends.
    pub async fn wait(&mut self) {
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    /// [`wait`](Self::wait) as a poll function.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let poll = |cx: &mut Context<'_>| self.poll_triggered(cx);
        waits_for("UserEvent::wait", || poll_within(cx, poll))
    }

    fn poll_triggered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.take() {
            return Poll::Ready(());
        }
        let is_mine = |waker: &Waker| waker.will_wake(cx.waker());
        let known = self.shared.waker().as_ref().is_some_and(is_mine);
        if !known {
            // Cloned and dropped outside of the lock: wakers can be foreign code.
            let waker = cx.waker().clone();
            let former = self.shared.waker().replace(waker);
            drop(former);
        }
        if self.shared.take() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Default for UserEvent {
    fn default() -> Self {
        Self::new()
    }
}

impl Trigger {
    /// Ends the current wait for the event, or the next one. Not for signal handlers.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::UserEvent;
    ///
    /// polliwog::block_on(async {
    ///     let mut event = UserEvent::new();
    ///     let trigger = event.trigger_handle();
    ///     std::thread::spawn(move || trigger.trigger());
    ///     event.wait().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn trigger(&self) {
        self.shared.trigger();
    }

    /// Returns whether the event still exists.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::UserEvent;
    ///
    /// polliwog::block_on(async {
    ///     let event = UserEvent::new();
    ///     let trigger = event.trigger_handle();
    ///     assert!(trigger.is_attached());
    ///     drop(event);
    ///     assert!(!trigger.is_attached());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn is_attached(&self) -> bool {
        self.shared.attached.load(Ordering::Relaxed)
    }
}

impl Drop for UserEvent {
    fn drop(&mut self) {
        self.shared.attached.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for UserEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserEvent")
            .field("triggered", &self.shared.triggered)
            .finish()
    }
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trigger")
            .field("triggered", &self.shared.triggered)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_counted_as_one_and_used_up_by_a_wait() {
        let mut event = UserEvent::new();
        let trigger = event.trigger_handle();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(event.poll_wait(&mut cx).is_pending());
        trigger.trigger();
        trigger.clone().trigger();
        assert!(event.poll_wait(&mut cx).is_ready());
        assert!(event.poll_wait(&mut cx).is_pending());
    }
}
