//! The runtimes, behind one interface that costs nothing.
//!
//! Each is set up the way its own documentation recommends for tasks that stay on one thread,
//! and the benchmark itself runs as a spawned task, which suits all of them better than the
//! future of `block_on` does.

#[macro_use]
mod ours;

#[cfg(feature = "peers")]
pub mod compio;
#[cfg(feature = "peers")]
pub mod embassy;
#[cfg(feature = "peers")]
pub mod local_pool;
#[cfg(feature = "peers")]
pub mod monoio;
pub mod polliwog;
pub mod raw;
#[cfg(feature = "peers")]
pub mod smol;
#[cfg(feature = "peers")]
pub mod spin;
pub mod still;
#[cfg(feature = "peers")]
pub mod tokio;

use std::time::Duration;

/// What runs tasks.
pub trait Runtime: 'static {
    /// Runs `main` as a task until it ends.
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T;

    /// Starts a task that nobody joins.
    fn detach(task: impl Future<Output = ()> + 'static);

    /// The runtime's own way to let other tasks run.
    fn yield_now() -> impl Future<Output = ()> {
        crate::micro::Yield::default()
    }
}

/// What gives join handles.
pub trait Join: Runtime {
    type Handle: Future;

    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle;

    /// A task's output out of what its handle gives.
    fn value(output: <Self::Handle as Future>::Output) -> u64;

    /// Runs a future that need not wait, as often as asked, on a runtime that exists already.
    fn block_on_ready(times: u64);
}

/// What has timers.
pub trait Time: Join {
    fn sleep(duration: Duration) -> impl Future + 'static;
}
