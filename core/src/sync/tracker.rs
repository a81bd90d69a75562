//! Waiting until all of a number of tasks have ended, without keeping their handles.

use core::fmt;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Shared;
use super::scope::Scope;
use super::wait_list::{Access, Until, Wait, WaitList};
use crate::loom::Cell;
use crate::trace::waits;

/// Counts tasks, and waits until none is left: for a static, or for a structure.
///
/// [`wait`](Self::wait) ends when it has been [closed](Self::close) and nothing that it counts is left.
/// Unlike a set of join handles it keeps nothing of a task that has ended. What is cloned and handed on
/// is a `TaskTracker` (feature `alloc`).
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::Tracker;
///
/// static CONNECTIONS: Tracker = Tracker::new();
///
/// async fn connection() {
///     let _open = CONNECTIONS.token();
///     polliwog::yield_now().await;
/// }
///
/// async fn shut_down() {
///     CONNECTIONS.close();
///     CONNECTIONS.wait().await;
/// }
/// ```
pub struct Tracker<S: Scope = Shared>(WaitList<S, State>);

struct State {
    count: Cell<usize>,
    closed: Cell<bool>,
    /// How often it has been closed with nothing left.
    ends: Cell<usize>,
}

impl State {
    #[inline]
    fn is_over(&self) -> bool {
        self.closed.get() && self.count.get() == 0
    }

    /// Notes that it is over, if it is; so that whoever waits hears of it although it may be opened again before
    /// they look.
    #[inline]
    fn may_end(&self) -> bool {
        let over = self.is_over();
        if over {
            self.ends.set(self.ends.get().wrapping_add(1));
        }
        over
    }
}

impl<S: Scope> Tracker<S> {
    crate::loom::const_unless_loom! {
        /// Makes a tracker that counts nothing yet, and is open.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Tracker;
        ///
        /// static CONNECTIONS: Tracker = Tracker::new();
        /// assert!(CONNECTIONS.is_empty() && !CONNECTIONS.is_closed());
        /// ```
        pub fn new() -> Self {
            Self(WaitList::with_value(State {
                count: Cell::new(0),
                closed: Cell::new(false),
                ends: Cell::new(0),
            }))
        }
    }

    /// Lets [`wait`](Self::wait) end once nothing is left; what it is told of later is counted all the
    /// same. Whether it was open.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// let tracker: Tracker = Tracker::new();
    /// assert!(tracker.close());
    /// assert!(!tracker.close()); // it was closed already
    /// ```
    pub fn close(&self) -> bool {
        let mut was_open = false;
        self.0.notify_all_if(0, |view| {
            was_open = !view.value().closed.replace(true);
            view.value().may_end()
        });
        was_open
    }

    /// Opens the tracker again, and returns whether it was closed.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// let tracker: Tracker = Tracker::new();
    /// tracker.close();
    /// assert!(tracker.reopen());
    /// assert!(!tracker.is_closed());
    /// ```
    pub fn reopen(&self) -> bool {
        self.0.with(|view| view.value().closed.replace(false))
    }

    /// Returns whether the tracker is closed.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// let tracker: Tracker = Tracker::new();
    /// tracker.close();
    /// assert!(tracker.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.with(|view| view.value().closed.get())
    }

    /// Returns how many tokens and futures are counted.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// let tracker: Tracker = Tracker::new();
    /// let token = tracker.token();
    /// assert_eq!(tracker.len(), 1);
    /// drop(token);
    /// assert_eq!(tracker.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.0.with(|view| view.value().count.get())
    }

    /// Returns whether no token and no future is counted.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// let tracker: Tracker = Tracker::new();
    /// assert!(tracker.is_empty());
    /// let _token = tracker.token();
    /// assert!(!tracker.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until it is closed and nothing is left. Once that has come to pass after this call, it is enough: also if
    /// the tracker has been [opened again](Self::reopen), or counts something new, before the future is polled.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{sync::Tracker, time::sleep_millis};
    ///
    /// polliwog::block_on(async {
    ///     static TASKS: Tracker = Tracker::new();
    ///     for millis in [10, 20] {
    ///         polliwog::spawn(TASKS.track_future(sleep_millis(millis))).unwrap().detach();
    ///     }
    ///     TASKS.close();
    ///     TASKS.wait().await; // both have ended
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    #[inline]
    pub fn wait(&self) -> impl Future<Output = ()> {
        // One that comes when it is over waits for the end before.
        let seen = self.0.with(|view| {
            let state = view.value();
            let before = usize::from(state.is_over());
            state.ends.get().wrapping_sub(before)
        });
        let over =
            move |view: &Access<'_, State, (), 1>| (view.value().ends.get() != seen).then_some(());
        waits::of_method(
            "TaskTracker::wait",
            Until::<Wait<_>, _, _>::new(&self.0, (), over, |_, ()| ()),
        )
    }

    /// Returns a token that is counted until it is dropped.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// static CONNECTIONS: Tracker = Tracker::new();
    /// let open = CONNECTIONS.token();
    /// assert_eq!(CONNECTIONS.len(), 1);
    /// drop(open);
    /// assert!(CONNECTIONS.is_empty());
    /// ```
    pub fn token(&self) -> TaskTrackerToken<&Self> {
        TaskTrackerToken::new(self)
    }

    /// Returns a future that is counted until it is dropped or has ended.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// polliwog::block_on(async {
    ///     let tracker: Tracker = Tracker::new();
    ///     let counted = tracker.track_future(async { 7 });
    ///     assert_eq!(tracker.len(), 1);
    ///     assert_eq!(counted.await, 7);
    ///     assert!(tracker.is_empty());
    /// });
    /// ```
    pub fn track_future<F: Future>(&self, future: F) -> TrackedFuture<F, &Self> {
        TrackedFuture::new(future, self.token())
    }

    fn add(&self) {
        self.0.with(|view| {
            let count = &view.value().count;
            count.set(count.get() + 1);
        });
    }

    fn remove(&self) {
        self.0.notify_all_if(0, |view| {
            let state = view.value();
            state.count.set(state.count.get() - 1);
            state.may_end()
        });
    }
}

impl<S: Scope> Default for Tracker<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Scope> fmt::Debug for Tracker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

/// What leads to a [`Tracker`]: a reference or, with feature `alloc`, an `Rc` or `Arc`.
pub trait TrackerRef: Deref<Target = Tracker<Self::Scope>> + Clone + sealed::Sealed {
    /// Who may use it.
    type Scope: Scope;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! tracker_ref {
    ($owner:ty) => {
        impl<S: Scope> sealed::Sealed for $owner {}
        impl<S: Scope> TrackerRef for $owner {
            type Scope = S;
        }
    };
}

tracker_ref!(&Tracker<S>);
#[cfg(feature = "alloc")]
tracker_ref!(alloc::rc::Rc<Tracker<S>>);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
tracker_ref!(alloc::sync::Arc<Tracker<S>>);

/// Is counted by a [`Tracker`] until it is dropped.
#[must_use = "dropped at once, it is not counted"]
pub struct TaskTrackerToken<P: TrackerRef>(P);

impl<P: TrackerRef> TaskTrackerToken<P> {
    /// Returns what leads to the tracker.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Tracker;
    ///
    /// let tracker: Tracker = Tracker::new();
    /// let token = tracker.token();
    /// assert_eq!(token.task_tracker().len(), 1);
    /// ```
    pub fn task_tracker(&self) -> &P {
        &self.0
    }

    fn new(tracker: P) -> Self {
        tracker.add();
        Self(tracker)
    }
}

impl<P: TrackerRef> Clone for TaskTrackerToken<P> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<P: TrackerRef> Drop for TaskTrackerToken<P> {
    fn drop(&mut self) {
        self.0.remove();
    }
}

impl<P: TrackerRef> fmt::Debug for TaskTrackerToken<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTrackerToken").finish_non_exhaustive()
    }
}

pin_project! {
    /// A future that a [`Tracker`] counts until it is dropped or has ended.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct TrackedFuture<F, P: TrackerRef> {
        // Before the token: what the future owns is gone when it is no longer counted.
        #[pin]
        future: Option<F>,
        token: Option<TaskTrackerToken<P>>,
    }
}

impl<F, P: TrackerRef> TrackedFuture<F, P> {
    fn new(future: F, token: TaskTrackerToken<P>) -> Self {
        Self {
            future: Some(future),
            token: Some(token),
        }
    }
}

impl<F: Future, P: TrackerRef> Future for TrackedFuture<F, P> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("polled after its end");
        };
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None);
            *this.token = None;
        }
        polled
    }
}

impl<F, P: TrackerRef> fmt::Debug for TrackedFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedFuture").finish_non_exhaustive()
    }
}

#[cfg(feature = "alloc")]
pub use owned::TaskTracker;

#[cfg(feature = "alloc")]
mod owned {
    use core::fmt;
    use core::ops::Deref;

    use super::{Scope, Shared, TaskTrackerToken, TrackedFuture, Tracker, TrackerRef};
    use crate::executor::{SpawnError, Spawner, spawn};
    use crate::task::JoinHandle;

    /// Counts tasks, and waits until none is left. Clones count together.
    ///
    /// As that of `tokio-util`; it can do what a [`Tracker`] can.
    ///
    /// ```
    /// # use polliwog_core as polliwog;
    /// # async fn work() {}
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use polliwog::sync::local::TaskTracker;
    ///
    /// let tracker = TaskTracker::new();
    /// for _ in 0..10 {
    ///     tracker.spawn(work())?.detach();
    /// }
    /// tracker.close();
    /// tracker.wait().await;
    /// assert!(tracker.is_empty());
    /// # Ok(()) }
    /// ```
    pub struct TaskTracker<S: Scope = Shared>(S::Counted<Tracker<S>>);

    impl<S: Scope> TaskTracker<S>
    where
        S::Counted<Tracker<S>>: TrackerRef,
    {
        /// Makes a tracker that counts nothing yet, and is open.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::TaskTracker;
        ///
        /// let tracker = TaskTracker::new();
        /// assert!(tracker.is_empty());
        /// ```
        pub fn new() -> Self {
            Self(Tracker::new().into())
        }

        /// Returns a token that is counted until it is dropped.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::TaskTracker;
        ///
        /// let tracker = TaskTracker::new();
        /// let token = tracker.token();
        /// assert_eq!(tracker.len(), 1);
        /// drop(token);
        /// assert!(tracker.is_empty());
        /// ```
        pub fn token(&self) -> TaskTrackerToken<S::Counted<Tracker<S>>> {
            TaskTrackerToken::new(self.0.clone())
        }

        /// Returns a future that is counted until it is dropped or has ended.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::TaskTracker;
        ///
        /// polliwog::block_on(async {
        ///     let tracker = TaskTracker::new();
        ///     let task = polliwog::spawn(tracker.track_future(async { 7 })).unwrap();
        ///     assert_eq!(tracker.len(), 1);
        ///     assert_eq!(task.await.unwrap(), 7);
        ///     assert!(tracker.is_empty());
        /// });
        /// ```
        pub fn track_future<F: Future>(
            &self,
            future: F,
        ) -> TrackedFuture<F, S::Counted<Tracker<S>>> {
            TrackedFuture::new(future, self.token())
        }

        /// Spawns a task that is counted on the executor that runs here:
        /// [`spawn`](crate::executor::spawn).
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::TaskTracker;
        ///
        /// polliwog::block_on(async {
        ///     let tracker = TaskTracker::new();
        ///     let task = tracker.spawn(async { 7 }).unwrap();
        ///     tracker.close();
        ///     tracker.wait().await;
        ///     assert_eq!(task.await.unwrap(), 7);
        /// });
        /// ```
        ///
        /// # Errors
        ///
        /// As there.
        #[cfg_attr(feature = "trace", track_caller)]
        pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
        where
            F: Future + 'static,
            F::Output: 'static,
        {
            spawn(self.track_future(future))
        }

        /// Spawns a task that is counted on the executor of `spawner`.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::{Spawner, sync::TaskTracker};
        ///
        /// polliwog::block_on(async {
        ///     let tracker = TaskTracker::new();
        ///     let spawner = Spawner::current().unwrap();
        ///     let task = tracker.spawn_on(async { 7 }, &spawner).unwrap();
        ///     assert_eq!(task.await.unwrap(), 7);
        /// });
        /// ```
        ///
        /// # Errors
        ///
        /// As [`Spawner::spawn`].
        #[cfg_attr(feature = "trace", track_caller)]
        pub fn spawn_on<F>(
            &self,
            future: F,
            spawner: &Spawner,
        ) -> Result<JoinHandle<F::Output>, SpawnError>
        where
            F: Future + 'static,
            F::Output: 'static,
        {
            spawner.spawn(self.track_future(future))
        }

        /// Returns whether two trackers count together.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::TaskTracker;
        ///
        /// let tracker = TaskTracker::new();
        /// assert!(TaskTracker::ptr_eq(&tracker, &tracker.clone()));
        /// assert!(!TaskTracker::ptr_eq(&tracker, &TaskTracker::new()));
        /// ```
        pub fn ptr_eq(left: &Self, right: &Self) -> bool {
            core::ptr::addr_eq(&*left.0, &*right.0)
        }
    }

    impl<S: Scope> Deref for TaskTracker<S> {
        type Target = Tracker<S>;

        fn deref(&self) -> &Tracker<S> {
            &self.0
        }
    }

    impl<S: Scope> Clone for TaskTracker<S> {
        fn clone(&self) -> Self {
            Self(self.0.clone())
        }
    }

    impl<S: Scope> Default for TaskTracker<S> {
        fn default() -> Self {
            Self(Tracker::new().into())
        }
    }

    impl<S: Scope> fmt::Debug for TaskTracker<S> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (**self).fmt(f)
        }
    }
}
