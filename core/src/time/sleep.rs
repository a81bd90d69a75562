//! Waiting for an instant.

#[cfg(not(lean))]
use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
#[cfg(not(lean))]
use core::task::Waker;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::Instant;
use super::queue::TimerNode;
use crate::executor::core::{Core, CoreRef};
#[cfg(feature = "std")]
use crate::executor::deadlock;
use crate::executor::{Spawner, context};
#[cfg(not(lean))]
use crate::task::budget::poll_proceed;
#[cfg(lean)]
use crate::task::waker;

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
    /// the executor that runs here is another one and has nothing left to do but to wait for it.
    #[must_use = "a sleep does nothing unless it is awaited"]
    pub struct Sleep {
        // Its deadline is ours; it is relative if it counts from the first poll, because no clock
        // has been seen yet.
        #[pin]
        node: TimerNode,
        executor: Home,
    }
}

/// The executor that a sleep waits in, if it has seen one. On a lean build the node keeps it.
#[cfg(not(lean))]
type Home = Cell<Option<CoreRef>>;
#[cfg(lean)]
type Home = ();

/// Waits for `duration`, from now on.
///
/// "Now" is read from the executor's clock at this moment or, where no executor runs yet, at
/// the first poll. It never ends early: by a clock with coarse ticks it begins with the next one
/// (see [`Reactor::resolution`](crate::Reactor::resolution)). How late it can end is up to the
/// reactor. A duration of zero has passed at once, a duration beyond the clock's range waits for ever.
///
/// It waits in the executor that runs here now. Where one executor runs inside a task of
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
            Some(self.core_ref()),
            self.core_ref().get().and_then(|core| core.start_of(nanos)),
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
        Sleep::new(deadline, false, Some(self.core_ref()))
    }
}

impl Sleep {
    #[inline]
    fn new(deadline: Instant, relative: bool, executor: Option<CoreRef>) -> Self {
        let sleep = Self {
            node: TimerNode::new(deadline),
            executor: Home::default(),
        };
        #[cfg(not(lean))]
        sleep.node.mark.set(relative);
        #[cfg(lean)]
        sleep.node.set_relative(relative);
        if let Some(executor) = executor {
            sleep.wait_in(executor);
        }
        sleep
    }

    /// So much later than now, in the executor that runs here. `add` need only be right for what
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
        executor: Option<CoreRef>,
        now: Option<Instant>,
    ) -> Self {
        let start = now.unwrap_or(Instant::ZERO);
        let deadline = Instant::from_nanos(add(start.as_nanos(), nanos));
        Self::new(deadline, now.is_none(), executor)
    }

    #[inline]
    fn wait_in(&self, executor: CoreRef) {
        #[cfg(not(lean))]
        self.executor.set(Some(executor));
        #[cfg(lean)]
        self.node.set_home(executor.shared(), executor.epoch());
    }

    /// The executor that the sleep waits in, if it has seen one.
    #[inline]
    fn seen(&self) -> Option<CoreRef> {
        #[cfg(not(lean))]
        return self.executor.get();
        #[cfg(lean)]
        return (self.node.home()).map(|(core, epoch)| CoreRef::new(core, epoch));
    }

    /// The executor to wait in, from now on, unless it has been dropped.
    #[inline]
    fn home(&self) -> Option<&'static Core> {
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
        let core = home.and_then(|home| home.get());
        core.is_some_and(|core| core.shows(self.node.deadline()))
    }

    /// Finds the executor, and a clock if the sleep still lacks one; ends the sleep if it is due. A
    /// function that all sleeps share.
    #[cfg(lean)]
    #[inline(never)]
    fn settle(self: Pin<&Self>) -> &'static Core {
        let node = self.project_ref().node;
        let core = match self.home() {
            Some(core) if core.may_have_clock() => core,
            _ => no_clock(),
        };
        if !node.is_linked() && node.lacks_clock() {
            let deadline = from_now(core, node.deadline());
            node.set_deadline(deadline);
            node.set_relative(false);
        }
        if core.is_due(node.deadline()) {
            node.finish();
        }
        core
    }

    /// A poll of a sleep that is queued. Out of line, as most are polled next when they have fired.
    #[cfg(not(lean))]
    #[inline(never)]
    fn poll_again(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<()> {
        let node = self.project_ref().node;
        let core = self.executor.get().and_then(|home| home.get());
        #[cfg(feature = "std")]
        if core.is_some_and(|core| deadlock::is_certain(core, cx.waker())) {
            not_running();
        }
        if core.is_some_and(|core| core.is_due_by_now(node.deadline())) {
            node.finish();
            return Poll::Ready(());
        }
        node.poll(cx)
    }

    /// Finds the executor, and a clock if the sleep still lacks one, and queues the sleep there unless
    /// it is due.
    #[cfg(not(lean))]
    #[inline]
    fn begin(self: Pin<&Self>, _waker: &Waker) -> Poll<()> {
        let node = self.project_ref().node;
        let Some(core) = self.home() else { no_clock() };
        #[cfg(feature = "std")]
        if deadlock::is_certain(core, _waker) {
            not_running();
        }
        let mut deadline = node.deadline();
        if node.mark.replace(false) {
            deadline = from_now(core, deadline);
        }
        if !core.is_far(deadline) && self.ends_at_once(core, deadline) {
            return Poll::Ready(());
        }
        core.timers.insert(node, deadline);
        Poll::Pending
    }

    /// Ends the sleep, which is not queued, if it is due.
    #[cfg(not(lean))]
    #[inline(never)]
    fn ends_at_once(self: Pin<&Self>, core: &Core, deadline: Instant) -> bool {
        if !core.may_have_clock() {
            no_clock();
        }
        let is_due = core.is_due(deadline);
        if is_due {
            let node = self.project_ref().node;
            node.set_deadline(deadline);
            node.finish();
        }
        is_due
    }

    /// The deadline; `None` while it is a duration and no clock has been seen yet.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::sleep_until};
    ///
    /// let at = Instant::from_millis(10);
    /// assert_eq!(sleep_until(at).deadline(), Some(at));
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        #[cfg(not(lean))]
        let relative = self.node.mark.get();
        #[cfg(lean)]
        let relative = self.node.is_relative();
        (!relative).then(|| self.node.deadline())
    }

    /// Whether the deadline has come.
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
        #[cfg(not(lean))]
        this.node.mark.set(false);
        if this.node.is_linked() {
            // The waker stays in the node. It has a home, since it is linked.
            if let Some(core) = self.home() {
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

    #[cfg(not(lean))]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref();
        let node = this.project_ref().node;
        if node.is_linked() {
            return this.poll_again(cx);
        }
        if node.has_fired() {
            return Poll::Ready(());
        }
        if this.begin(cx.waker()).is_ready() {
            // It has ended for good; but a task that goes through sleeps of no length must yield.
            return poll_proceed(cx).map(|permit| permit.charge(0));
        }
        node.poll(cx)
    }

    #[cfg(lean)]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let node = self.as_ref().project_ref().node;
        if node.has_fired() {
            return Poll::Ready(());
        }
        let core = self.as_ref().settle();
        if node.has_fired() {
            return Poll::Ready(());
        }
        let linked = node.is_linked();
        if linked && node.wakes(cx.waker()) {
            return Poll::Pending;
        }
        let (waker, foreign) = waker::copy(cx.waker());
        // Foreign code may have run the executor, or dropped it.
        if foreign && node.has_fired() {
            return Poll::Ready(());
        }
        if foreign && self.home().is_none() {
            waker.wake();
            return Poll::Pending;
        }
        if linked {
            node.replace_waker(waker);
        } else {
            core.timers.insert(node, node.deadline(), waker);
        }
        Poll::Pending
    }
}

/// The instant that is as far from now as `after` is from the start.
#[cold]
fn from_now(core: &Core, after: Instant) -> Instant {
    let Some(now) = core.start_of(after.as_nanos()) else {
        no_clock()
    };
    now.saturating_add_nanos(after.as_nanos())
}

#[cfg(feature = "std")]
#[cold]
fn not_running() -> ! {
    panic!(
        "a sleep waits in an executor that cannot run while another one of its thread waits for it: make the \
         sleep within the future that the inner executor polls"
    )
}

#[cold]
#[track_caller]
fn no_clock() -> ! {
    #[cfg(all(target_os = "none", not(feature = "single-core"), not(feature = "std")))]
    panic!(
        "a sleep was polled outside of an executor: without polliwog's feature `single-core` there is no \
         ambient one on bare metal, but `Spawner::sleep`"
    );
    #[cfg(not(all(target_os = "none", not(feature = "single-core"), not(feature = "std"))))]
    panic!(
        "a sleep was polled outside of a running executor, after its executor was dropped, or in an \
         executor without a clock: nobody could wake it"
    )
}

impl core::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}
