//! [`Handle`]: an executor as seen from other threads and interrupt handlers.

use core::fmt;

#[cfg(lean)]
use super::core::CoreRef;
use super::core::{Core, SHUTDOWN};
use super::error::{SpawnError, SpawnErrorKind};
use super::spawner::Spawner;

/// The executor as other threads and interrupt handlers see it.
///
/// `Send`, `Sync` and a plain pair of words. It keeps nothing alive: once the executor has been
/// dropped, every call says so.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::Handle;
///
/// polliwog::block_on(async {
///     let handle = Handle::current().unwrap();
///     // It may go to any thread or interrupt handler.
///     std::thread::spawn(move || handle.is_alive()).join().unwrap();
/// });
/// ```
#[derive(Clone, Copy)]
pub struct Handle {
    core: &'static Core,
    epoch: usize,
}

// SAFETY: a handle uses only what `Core` offers to any thread: atomics and the lock.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn new(core: &'static Core, epoch: usize) -> Self {
        Self { core, epoch }
    }

    /// The handle of the executor that runs on this thread now; or else (feature `std`) of the one
    /// on whose behalf the calling code runs, as `Handle::enter` has said: that of its runtime in a
    /// job of the blocking pool.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     assert!(Handle::current().is_some_and(|handle| handle.is_alive()));
    /// });
    /// ```
    pub fn current() -> Option<Self> {
        let own = Spawner::current().map(|spawner| spawner.handle());
        #[cfg(feature = "std")]
        let own = own.or_else(super::guest::host);
        own
    }

    /// [`current`](Self::current), with an error that `?` passes on.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     let handle = Handle::try_current().unwrap();
    ///     assert!(handle.is_alive());
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpawnErrorKind::NoExecutor`] if there is none.
    pub fn try_current() -> Result<Self, SpawnError> {
        Self::current().ok_or_else(|| SpawnErrorKind::NoExecutor.into())
    }

    /// Asks the executor to return from [`run`](super::Executor::run), at the end of the turn
    /// that is under way; ends a park. Tasks are not dropped by this.
    ///
    /// Returns `false` if the executor is gone.
    pub fn shutdown(&self) -> bool {
        self.core.signal(self.epoch, SHUTDOWN)
    }

    /// Ends the executor's park, this one or none: for a reactor's own use, or to make it look
    /// at its clock. Returns `false` if the executor is gone.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     Handle::current().unwrap().unpark();
    /// });
    /// ```
    pub fn unpark(&self) -> bool {
        let alive = self.is_alive();
        if alive {
            self.core.unpark();
        }
        alive
    }

    /// Whether the executor still exists.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     assert!(Handle::current().unwrap().is_alive());
    /// });
    /// ```
    pub fn is_alive(&self) -> bool {
        self.core.epoch() == self.epoch
    }

    /// Whether the executor waits in its reactor and no wake has ended that yet: whether it would
    /// come to a new task at once. `false` if it is gone.
    ///
    /// A hint, for those who choose between executors: it may be different by the time it is known.
    ///
    /// ```
    /// # use polliwog_core as polliwog;
    /// # use polliwog_core::conformance::ThreadReactor;
    /// use polliwog::Executor;
    ///
    /// let executor = Executor::with_capacity(8, ThreadReactor::new());
    /// let handle = executor.handle();
    /// let seen = std::thread::spawn(move || {
    ///     while !handle.is_parked() {
    ///         std::thread::yield_now();
    ///     }
    ///     handle.spawn(async { 42 }).unwrap()
    /// });
    /// let task = executor.block_on(async move {
    ///     while !seen.is_finished() {
    ///         polliwog::time::sleep(std::time::Duration::from_millis(1)).await;
    ///     }
    ///     seen.join().unwrap().await
    /// });
    /// assert_eq!(task.unwrap(), 42);
    /// ```
    #[cfg(feature = "std")]
    pub fn is_parked(&self) -> bool {
        self.is_alive() && self.core.state.ready.is_parked()
    }

    #[cfg(not(lean))]
    pub(crate) fn core(&self) -> (&'static Core, usize) {
        (self.core, self.epoch)
    }

    /// The executor for an interrupt handler, which may spawn detached tasks there.
    #[cfg(lean)]
    pub(super) fn executor(&self) -> CoreRef {
        CoreRef::new(self.core, self.epoch)
    }
}

/// Of the same executor, whether it still exists or not.
impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.core, other.core) && self.epoch == other.epoch
    }
}

impl Eq for Handle {}

impl core::hash::Hash for Handle {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        core::ptr::hash(self.core, state);
        self.epoch.hash(state);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("is_alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}
