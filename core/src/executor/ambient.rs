//! The executor that the calling code works for: the one that runs on the thread, or that of the handle that the
//! thread has [entered](Handle::enter).

#[cfg(feature = "std")]
use std::cell::Cell;

use super::context;
use super::error::{SpawnError, SpawnErrorKind};
use super::handle::Handle;

#[cfg(feature = "std")]
std::thread_local! {
    // Const and without a destructor: usable at any time, also while the thread ends.
    static HOST: Cell<Option<Handle>> = const { Cell::new(None) };
}

/// The handle that this thread has entered last, if any.
fn host() -> Option<Handle> {
    #[cfg(feature = "std")]
    return HOST.get();
    #[cfg(not(feature = "std"))]
    None
}

impl Handle {
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
        match context::current() {
            Some(executor) => Some(Self::new(executor.shared(), executor.epoch())),
            None => host(),
        }
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
}

#[cfg(feature = "std")]
impl Handle {
    /// Runs `f` on behalf of this handle's executor: meanwhile [`Handle::current`] is this handle
    /// on the calling thread, unless an executor runs there.
    ///
    /// For threads that work for a runtime, such as those of a pool: what runs there finds its way
    /// back without being told. It makes no executor run on the thread, so
    /// [`spawn`](super::spawn()) fails as before; spawn through the handle.
    ///
    /// ```
    /// # use polliwog_core as polliwog;
    /// # use polliwog_core::conformance::ThreadReactor;
    /// use polliwog::{Executor, Handle};
    ///
    /// let executor = Executor::with_capacity(8, ThreadReactor::new());
    /// let handle = executor.handle();
    /// let worker = std::thread::spawn(move || {
    ///     handle.enter(|| Handle::current().unwrap().spawn(async { 42 }).unwrap())
    /// });
    /// let task = worker.join().unwrap();
    /// assert_eq!(executor.block_on(task).unwrap(), 42);
    /// ```
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        let _former = Former(HOST.replace(Some(*self)));
        f()
    }
}

/// What is current again afterwards, also when a panic passes by.
#[cfg(feature = "std")]
struct Former(Option<Handle>);

#[cfg(feature = "std")]
impl Drop for Former {
    fn drop(&mut self) {
        HOST.set(self.0);
    }
}
