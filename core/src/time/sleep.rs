//! Waiting for an instant.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::instant::Instant;
use super::queue::TimerNode;
use crate::executor::shared::{Shared, SharedRef};
use crate::executor::{Spawner, context};
use crate::trace::waits;

#[cfg_attr(lean, path = "sleep/list.rs")]
#[cfg_attr(not(lean), path = "sleep/heap.rs")]
mod by_queue;

use by_queue::Home;

pin_project! {
    /// A future that waits for an instant: see [`sleep`] and [`sleep_until`].
    ///
    /// The timer lies in this future: it costs no allocation, there is no limit on their
    /// number, and dropping it cancels it. It wakes whichever waker polled it last, so it works
    /// inside `select`, `join`, `FuturesUnordered` and the like. Once its deadline has come it is ready
    /// whenever it is polled, at the first poll too, whether or not the executor has had a turn
    /// meanwhile. Not `Unpin`: pin it (with
    /// [`core::pin::pin!`]) to poll it by reference or to [`reset`](Self::reset) it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::{Sleep, sleep};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let nap: Sleep = sleep(Duration::from_millis(10));
    ///     nap.await;
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A sleep keeps its deadline when it is not polled for a while. Dropped, it is cancelled.
    ///
    /// # Panics
    ///
    /// Polling it panics outside of any executor, when the executor that it waits in has been
    /// dropped, and in one that has no clock: nobody could wake it. With feature `std` it panics, too, when
    /// the executor that runs here is another one and has nothing left to do but to wait for it. Polled by
    /// another library's executor while its own does not run, a sleep waits until that one does.
    #[must_use = "a sleep does nothing unless it is awaited"]
    pub struct Sleep {
        // Its deadline is ours; it is relative if it counts from the first poll, because no clock
        // has been seen yet.
        #[pin]
        node: TimerNode,
        executor: Home,
    }
}

/// Waits for `duration`, from now on.
///
/// "Now" is read from the executor's clock at this moment or, where no executor runs yet, at
/// the first poll. It never ends early: by a clock with coarse ticks it begins with the next one
/// (see [`Reactor::resolution`](crate::Reactor::resolution)). How late it can end is up to the
/// reactor. A duration of zero has passed at once, a duration beyond the clock's range waits for ever.
///
/// The sleep waits in the executor that runs here now. Where one executor runs inside a task of
/// another, make the sleep inside the future that the inner one polls: the outer one does not
/// run meanwhile, so that the wait would never end, and with feature `std` panics.
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
    Sleep::from_here(
        Instant::from_duration(duration).as_nanos(),
        u64::saturating_add,
    )
}

/// [`sleep`] for a number of milliseconds.
///
/// Where the number is not known at compile time, this saves a microcontroller the division of 64
/// bits that makes a [`Duration`] of it.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::time::sleep_millis;
///
/// async fn blink(millis: u32, mut toggle: impl FnMut()) {
///     loop {
///         toggle();
///         sleep_millis(millis).await;
///     }
/// }
/// ```
pub fn sleep_millis(millis: u32) -> Sleep {
    let nanos = u64::from(millis) * 1_000_000;
    // A clock that shows centuries is none.
    Sleep::from_here(nanos, u64::wrapping_add)
}

/// Waits until the clock shows `deadline`: not at all if it does already, for ever if that is
/// [`Instant::MAX`].
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::{Instant, time::sleep_until};
/// use std::time::Duration;
///
/// polliwog::block_on(async {
///     let deadline = Instant::now() + Duration::from_millis(10);
///     sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
/// });
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline, false, context::current())
}

impl Spawner {
    /// [`sleep`] by explicit handle.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     Spawner::current().unwrap().sleep(Duration::from_millis(10)).await;
    /// });
    /// ```
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let nanos = Instant::from_duration(duration).as_nanos();
        Sleep::after(
            nanos,
            u64::saturating_add,
            Some(self.shared_ref()),
            self.shared_ref()
                .get()
                .and_then(|shared| shared.start_of(nanos)),
        )
    }

    /// [`sleep_until`] by explicit handle.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, Spawner};
    ///
    /// polliwog::block_on(async {
    ///     Spawner::current().unwrap().sleep_until(Instant::from_millis(10)).await;
    /// });
    /// ```
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(deadline, false, Some(self.shared_ref()))
    }
}

impl Sleep {
    #[inline]
    fn new(deadline: Instant, relative: bool, executor: Option<SharedRef>) -> Self {
        let sleep = Self {
            node: TimerNode::new(deadline),
            executor: Home::default(),
        };
        sleep.set_relative(relative);
        if let Some(executor) = executor {
            sleep.wait_in(executor);
        }
        sleep
    }

    /// Returns the instant so much later than now, in the executor that runs here. `add` need only be right for what
    /// `nanos` can be.
    #[inline]
    fn from_here(nanos: u64, add: fn(u64, u64) -> u64) -> Self {
        let executor = context::current();
        // Its context is entered, so nobody has dropped it.
        let now = executor.and_then(|executor| executor.shared().start_of(nanos));
        Self::after(nanos, add, executor, now)
    }

    #[inline]
    fn after(
        nanos: u64,
        add: fn(u64, u64) -> u64,
        executor: Option<SharedRef>,
        now: Option<Instant>,
    ) -> Self {
        let start = now.unwrap_or(Instant::ZERO);
        let deadline = Instant::from_nanos(add(start.as_nanos(), nanos));
        Self::new(deadline, now.is_none(), executor)
    }

    /// The executor to wait in, from now on, unless it has been dropped.
    #[inline]
    fn home(&self) -> Option<&'static Shared> {
        let Some(home) = self.seen() else {
            let current = context::current()?;
            self.wait_in(current);
            return Some(current.shared());
        };
        home.get()
    }

    /// Whether the clock shows the deadline, as far as there is a clock.
    fn is_due(&self) -> bool {
        let home = self.seen().or_else(context::current);
        let shared = home.and_then(|home| home.get());
        shared.is_some_and(|shared| shared.shows(self.node.deadline()))
    }

    /// Returns the deadline; `None` while it is a duration and no clock has been seen yet.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::sleep_until};
    ///
    /// let at = Instant::from_millis(10);
    /// assert_eq!(sleep_until(at).deadline(), Some(at));
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        (!self.is_relative()).then(|| self.node.deadline())
    }

    /// Returns whether the deadline has come.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{pin, time::sleep};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let nap = sleep(Duration::from_millis(10));
    ///     pin!(nap);
    ///     assert!(!nap.is_elapsed());
    ///     nap.as_mut().await;
    ///     assert!(nap.is_elapsed());
    /// });
    /// ```
    pub fn is_elapsed(&self) -> bool {
        self.node.has_fired() || self.deadline().is_some() && self.is_due()
    }

    /// Waits for another instant instead, whether or not the present one has come. A task that
    /// waits for this sleep waits on.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, pin, time::sleep};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let nap = sleep(Duration::from_secs(3600));
    ///     pin!(nap);
    ///     let sooner = Instant::now() + Duration::from_millis(10);
    ///     nap.as_mut().reset(sooner);
    ///     nap.await;
    /// });
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.as_ref().project_ref();
        self.begin_reset();
        if this.node.is_linked() {
            // The waker stays in the node. It has a home, since it is linked.
            if let Some(shared) = self.home() {
                shared.timers.schedule(this.node, deadline);
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
        let polled = self.as_ref().poll_here(cx);
        waits::timer(polled, || self.node.deadline())
    }
}

/// The instant that is as far from now as `after` is from the start.
#[cold]
fn from_now(shared: &Shared, after: Instant) -> Instant {
    let Some(now) = shared.start_of(after.as_nanos()) else {
        no_clock()
    };
    now.saturating_add_nanos(after.as_nanos())
}

#[cold]
#[track_caller]
fn no_clock() -> ! {
    no_clock!("a sleep was polled")
}

impl core::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}
