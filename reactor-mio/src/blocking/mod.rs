//! The blocking pool: threads for what cannot wait in a task.
//!
//! There is one pool per process, shared by all runtimes. It starts its first thread at the
//! first job. A thread without work for ten seconds ends.
//!
//! # What a job can rely on
//!
//! A job that is accepted gets a thread: one that is free, a new one, or, when there are as many
//! as there [may be](set_max_threads), the next one that is done with another job. If a thread is
//! wanted and the operating system gives none, the job is refused, with [`RejectReason::NoThread`], even
//! if other threads are busy: nobody can know whether they will ever be done.
//!
//! When a job has to wait because all threads are busy, the log is told (feature `log`), once in a while. A thread that waits
//! in the system cannot be called back: a read of a [`File`](crate::fs::File) that is a pipe or a terminal keeps it until
//! something comes, also when it was given up.
//!
//! # Jobs that wait for jobs
//!
//! A job may bring another job and wait for it. It does so whenever it runs a future that reads a
//! file or looks up a name, by [`block_on`](crate::block_on) for instance. Jobs of jobs have threads
//! of their own, as many again as the limit says, so that they do not wait for those who wait for
//! them. When these are all busy, too, then a job that awaits the handle of one that no thread has
//! begun lends it its turn: the poll of the handle has it done on a thread beside, and waits for it.
//!
//! What cannot be seen from here is a job that waits for another one by other means (a channel, a
//! lock): if as many jobs as there may be threads all wait for what only a job behind them in the
//! queue would do, they wait for ever. Such jobs need a larger limit, or threads of their own.
//!
//! # Within a job
//!
//! [`Handle::current`](polliwog_core::Handle::current) is the handle of the runtime that the job
//! was brought from, if it was brought from one; through it a job starts tasks there.
//! [`spawn`](crate::spawn()) fails: no executor runs on a thread of the pool.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
//! use polliwog::spawn_blocking;
//! use polliwog::Handle;
//!
//! polliwog::block_on(async {
//!     let task = spawn_blocking(|| {
//!         let runtime = Handle::current().expect("brought from within a runtime");
//!         runtime.spawn(async { 42 })
//!     });
//!     assert_eq!(task.await.unwrap().unwrap().await.unwrap(), 42);
//! });
//! ```
//!
//! # The end
//!
//! The pool keeps no program alive. When `main` returns, jobs that are under way are cut off
//! where they are, and jobs in the queue never begin: a program that cares awaits their handles, or
//! ends its runtime by [`Runtime::shutdown_timeout`](crate::Runtime::shutdown_timeout), which waits
//! for them. A runtime that is just dropped leaves its jobs to the pool.
//!
//! A child that a process forks (Unix) begins with a pool of its own, without threads or jobs. The
//! handles of its parent's jobs are of no use to it.

mod crew;
mod error;
mod job;
#[cfg(test)]
mod model;
mod pool;
mod process;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use polliwog_core::Handle;

pub use error::{BlockingError, RejectReason, Rejected};
pub use job::BlockingHandle;
use process::Process;
pub(crate) use process::Stream;

/// How many threads the pool has at most, unless told otherwise.
pub const DEFAULT_MAX_THREADS: usize = 512;
/// How many jobs can wait for a thread.
pub const MAX_QUEUED: usize = 1 << 16;
/// How long a thread waits for a job before it ends.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Runs `f` on the pool. The handle is a future of its result and may be ignored.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// polliwog::block_on(async {
///     let sum = polliwog::spawn_blocking(|| (1..=100).sum::<u32>());
///     assert_eq!(sum.await.unwrap(), 5050);
/// });
/// ```
///
/// If the pool takes no more jobs, `f` is dropped and the handle says so. With
/// [`try_spawn_blocking`] it is given back.
///
/// A job that nobody waits for is cut off when `main` returns: see [the module](self#the-end).
pub fn spawn_blocking<F, T>(f: F) -> BlockingHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match try_spawn_blocking(f) {
        Ok(handle) => handle,
        Err(rejected) => BlockingHandle::refused(rejected.reason),
    }
}

/// Runs `f` on the pool, or gives it back.
///
/// # Errors
///
/// [`Rejected`] if [`MAX_QUEUED`] jobs are waiting, or if no thread of the pool is free and the
/// operating system gives it no other, though there [may be](set_max_threads) more; and on a simulated host, which
/// waits for no thread.
pub fn try_spawn_blocking<F, T>(f: F) -> Result<BlockingHandle<T>, Rejected<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Process::current().pool().submit(f, |f| f())
}

/// Runs `f` with `input` on the pool, or gives `input` back.
pub(crate) fn try_spawn_with<S, T>(
    input: S,
    f: fn(S) -> T,
) -> Result<BlockingHandle<T>, Rejected<S>>
where
    S: Send + 'static,
    T: Send + 'static,
{
    Process::current().pool().submit(input, f)
}

/// Runs `f` with `input` on the thread of a standard stream, or gives `input` back.
pub(crate) fn try_spawn_for<S, T>(
    stream: Stream,
    input: S,
    f: fn(S) -> T,
) -> Result<BlockingHandle<T>, Rejected<S>>
where
    S: Send + 'static,
    T: Send + 'static,
{
    Process::current().stream(stream).submit(input, f)
}

/// Sets how many threads the pool has at most, for the whole process: as many for jobs that come
/// from outside of the pool, and as many again for jobs that [jobs bring](self#jobs-that-wait-for-jobs).
/// Threads above a lowered limit end, with their current job if they have one. There is always
/// room for one.
///
/// Also through [`Builder::blocking_threads`](crate::Builder::blocking_threads).
pub fn set_max_threads(threads: usize) {
    Process::current().set_max_threads(threads);
}

/// Whether there are jobs of a runtime. If so, it is unparked when all have ended.
pub(crate) fn has_jobs(owner: Handle) -> bool {
    let pools = Process::current().pools();
    pools.iter().any(|pool| pool.has_jobs(owner))
}

/// Waits for the jobs of a runtime, `timeout` at most; those that have not begun by then never do.
pub(crate) fn shut_down(owner: Handle, timeout: Duration) {
    let pools = Process::current().pools();
    // No deadline if it is beyond the end of time.
    let deadline = Instant::now().checked_add(timeout);
    let mut quiet = true;
    for pool in pools {
        quiet &= pool.wait_until_quiet(owner, deadline);
    }
    if !quiet {
        pools.iter().for_each(|pool| pool.cancel(owner));
    }
}
