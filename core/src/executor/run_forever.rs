//! [`TaskPool::run`]: an executor that runs for ever.

use super::spawn_static::StaticSpawner;
use crate::reactor::Reactor;
use crate::task::memory::pool::TaskPool;

#[cfg(any(lean, all(test, not(loom))))]
mod event_interval;
#[cfg_attr(lean, path = "run_forever/single.rs")]
#[cfg_attr(not(lean), path = "run_forever/multi.rs")]
mod run;

impl<const N: usize, const BYTES: usize, const BLOCKS: usize> TaskPool<N, BYTES, BLOCKS> {
    /// Runs an executor over this memory for ever: what the `main` of a microcontroller ends
    /// with, and the smallest and fastest way to run tasks there.
    ///
    /// `start` is called first, to spawn the first tasks. A [shutdown](super::Handle::shutdown)
    /// has no effect.
    ///
    /// ```no_run
    /// # use polliwog_core as polliwog;
    /// # use polliwog_core::conformance::ThreadReactor;
    /// use polliwog::{TaskPool, spawn_detached, yield_now};
    ///
    /// async fn blink() {
    ///     loop {
    ///         yield_now().await;
    ///     }
    /// }
    ///
    /// static TASKS: TaskPool<1> = TaskPool::new();
    ///
    /// TASKS.run(ThreadReactor::new(), |spawner| {
    ///     spawn_detached!(spawner, [blink]()).unwrap();
    /// })
    /// ```
    ///
    /// # Panics
    ///
    /// If an executor has the pool already, or if the reactor fails.
    #[inline]
    pub fn run<R: Reactor>(&'static self, reactor: R, start: impl FnOnce(StaticSpawner)) -> ! {
        run::run_forever(self, reactor, start)
    }
}
