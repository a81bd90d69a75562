//! Threads that work for an executor without being its own: [`Handle::enter`].

use std::cell::Cell;

use super::Handle;

std::thread_local! {
    // Const and without a destructor: usable at any time, also while the thread ends.
    static HOST: Cell<Option<Handle>> = const { Cell::new(None) };
}

/// The handle that this thread has entered last, if any.
pub(super) fn host() -> Option<Handle> {
    HOST.get()
}

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
struct Former(Option<Handle>);

impl Drop for Former {
    fn drop(&mut self) {
        HOST.set(self.0);
    }
}
