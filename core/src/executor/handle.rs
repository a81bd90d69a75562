//! [`Handle`]: an executor as seen from other threads and interrupt handlers.

use core::fmt;

use super::shared::{SHUTDOWN, Shared};

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
    shared: &'static Shared,
    epoch: usize,
}

// SAFETY: a handle uses only what `Shared` offers to any thread: atomics and the lock.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn new(shared: &'static Shared, epoch: usize) -> Self {
        Self { shared, epoch }
    }

    /// The executor's tasks, from any thread, also while one of them keeps it busy: what they do, what they wait
    /// for, how often and how long they have been polled, how old they are, and where they were spawned.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Handle;
    ///
    /// polliwog::block_on(async {
    ///     let dump = Handle::current().unwrap().dump();
    ///     println!("{dump}");
    ///     assert_eq!(dump.tasks().len(), 1); // this one
    /// });
    /// ```
    #[cfg(all(feature = "trace", feature = "std"))]
    pub fn dump(&self) -> crate::trace::Dump {
        crate::trace::dump(core::ptr::from_ref(self.shared).addr())
    }

    /// Asks the executor to return from [`run`](super::Executor::run), at the end of the turn
    /// that is under way; ends a park. Tasks are not dropped by this.
    ///
    /// Returns `false` if the executor is gone.
    pub fn shutdown(&self) -> bool {
        self.shared.signal(self.epoch, SHUTDOWN)
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
            self.shared.unpark();
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
        self.shared.epoch() == self.epoch
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
        self.is_alive() && self.shared.state.ready.is_parked()
    }

    /// Whether no other thread is to wake the executor's tasks: it runs in virtual time, so nothing there waits for
    /// what a thread does (`Executor::secluded`, `Reactor::waits_for_threads`). `false` if it is gone.
    #[cfg(feature = "std")]
    #[doc(hidden)]
    pub fn is_secluded(&self) -> bool {
        self.is_alive() && !self.shared.waits_for_threads()
    }

    /// The executor's permanent part, and the number of the claim that the handle is of.
    pub(super) fn parts(&self) -> (&'static Shared, usize) {
        (self.shared, self.epoch)
    }
}

/// Of the same executor, whether it still exists or not.
impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.shared, other.shared) && self.epoch == other.epoch
    }
}

impl Eq for Handle {}

impl core::hash::Hash for Handle {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        core::ptr::hash(self.shared, state);
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
