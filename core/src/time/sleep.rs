//! Waiting for an instant.

use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use super::queue::TimerNode;
use crate::executor::core::{Core, CoreRef};
use crate::executor::{Spawner, context};

pin_project! {
    /// A future that waits for an instant: see [`sleep`] and [`sleep_until`].
    ///
    /// The timer lies in this future: it costs no allocation, there is no limit on their
    /// number, and dropping it cancels it. It wakes whichever waker polled it last, so it works
    /// inside `select`, `join`, `FuturesUnordered` and the like. Not `Unpin`: pin it (with
    /// [`core::pin::pin!`]) to poll it by reference or to [`reset`](Self::reset) it.
    ///
    /// # Cancel safety
    ///
    /// A sleep keeps its deadline when it is not polled for a while. Dropped, it is cancelled.
    ///
    /// # Panics
    ///
    /// Polling it panics outside of any executor, and when the executor that it waits in has
    /// been dropped: there is no clock.
    #[must_use = "a sleep does nothing unless it is awaited"]
    pub struct Sleep {
        // Its deadline is ours; its mark says that it counts from the first poll, because no clock
        // has been seen yet.
        #[pin]
        node: TimerNode,
        executor: Cell<Option<CoreRef>>,
    }
}

/// Waits for `duration`, from now on.
///
/// "Now" is read from the executor's clock at this moment or, where no executor runs yet, at
/// the first poll. It never ends early; how late it can end is up to the reactor's resolution.
/// A duration beyond the clock's range waits for ever.
///
/// It waits in the executor that runs here now. Where one executor runs inside a task of
/// another, make the sleep inside the future that the inner one polls: the outer one does not
/// run meanwhile.
///
/// ```
/// # use polliwog_core::time::sleep;
/// # use core::time::Duration;
/// async fn blink(mut toggle: impl FnMut()) {
///     loop {
///         toggle();
///         sleep(Duration::from_millis(500)).await;
///     }
/// }
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    let executor = context::current();
    // Its context is entered, so nobody has dropped it.
    let now = executor.and_then(|executor| executor.shared().now());
    Sleep::after(duration, executor, now)
}

/// Waits until `deadline`; [`Instant::MAX`] is never.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline, false, context::current())
}

impl Spawner {
    /// [`sleep`] by explicit handle.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::after(duration, Some(self.core_ref()), self.now())
    }

    /// [`sleep_until`] by explicit handle.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(deadline, false, Some(self.core_ref()))
    }
}

impl Sleep {
    #[inline]
    fn new(deadline: Instant, relative: bool, executor: Option<CoreRef>) -> Self {
        let node = TimerNode::new(deadline);
        node.mark.set(relative);
        Self {
            node,
            executor: Cell::new(executor),
        }
    }

    #[inline]
    fn after(duration: Duration, executor: Option<CoreRef>, now: Option<Instant>) -> Self {
        let after = Instant::from_duration(duration);
        match now {
            Some(now) => Self::new(now.saturating_add_nanos(after.as_nanos()), false, executor),
            None => Self::new(after, true, executor),
        }
    }

    /// The deadline; `None` while it is a duration and no clock has been seen yet.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.node.mark.get()).then(|| self.node.deadline())
    }

    /// Whether the deadline has come and the executor has noticed.
    pub fn is_elapsed(&self) -> bool {
        self.node.has_fired()
    }

    /// Waits for another instant instead, whether or not the present one has come. A task that
    /// waits for this sleep waits on.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.into_ref().project_ref();
        this.node.mark.set(false);
        if this.node.is_linked() {
            // The waker stays in the node.
            if let Some(core) = this.executor.get().and_then(|executor| executor.get()) {
                core.timers.schedule(this.node, deadline);
            }
        } else {
            this.node.cancel();
            this.node.set_deadline(deadline);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.into_ref().project_ref();
        if !this.node.is_linked() && !this.node.has_fired() {
            let executor = this.executor.get().or_else(context::current);
            let core = executor.and_then(|executor| executor.get());
            let Some(core) = core else { no_clock() };
            this.executor.set(executor);
            let mut deadline = this.node.deadline();
            if this.node.mark.replace(false) {
                deadline = from_now(core, deadline);
            }
            core.timers.insert(this.node, deadline);
        }
        this.node.as_ref().poll(cx)
    }
}

/// The instant that is as far from now as `after` is from the start.
#[cold]
fn from_now(core: &Core, after: Instant) -> Instant {
    let Some(now) = core.now() else { no_clock() };
    now.saturating_add_nanos(after.as_nanos())
}

#[cold]
#[track_caller]
fn no_clock() -> ! {
    panic!("a sleep was polled outside of an executor, or after its executor was dropped")
}

impl core::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}
