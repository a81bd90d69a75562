//! [`spawn_blocking`]: functions that block, in virtual time.

use alloc::rc::Rc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use polliwog_core::task::{JoinHandle, Panic};
use polliwog_core::time::sleep;
use polliwog_core::{JoinError, SpawnError, spawn};

use super::clock::HostClock;
use super::net::Net;
use crate::net::Network;

/// Nanoseconds that a job takes at least, and at most.
const TAKES: (u64, u64) = (20_000, 2_000_000);

/// Runs a function that blocks: in a simulation on the simulation's own thread, after 20 µs to 2 ms of virtual time by the
/// seed, as if another thread had taken that long. Other tasks run meanwhile, but not while the function does.
///
/// What the function waits for in [`std::fs`](super::std::fs), the job takes longer, and nobody else waits for it.
///
/// A crash of the host before that time is over takes the job with it. What the function does for real, such as
/// sleeping, takes no virtual time; a real thread that wakes a task fails the run.
///
/// Outside of a simulation the function runs as a task of the executor, as soon as that comes to it.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::spawn_blocking; }
/// use polliwog::sim::Simulation;
/// use polliwog::spawn_blocking;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("client", async {
///     let sum = spawn_blocking(|| (1..=100).sum::<u32>());
///     assert_eq!(sum.await.unwrap(), 5050);
/// });
/// let report = simulation.run().unwrap();
/// assert!(report.elapsed.as_micros() >= 20);
/// ```
pub fn spawn_blocking<F, T>(f: F) -> BlockingHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let takes = Network::current().sim().map_or(0, |Net { world, host }| {
        world.with(|state| state.hosts[*host as usize].chance.between(TAKES.0, TAKES.1))
    });
    let job = async move {
        if takes > 0 {
            sleep(Duration::from_nanos(takes)).await;
        }
        let (value, waits) = aside(f);
        if let Some((clock, until)) = waits {
            // The clock may change its rate meanwhile.
            while clock.instant() < until {
                let left = clock.local_at(until).saturating_sub(clock.local());
                sleep(Duration::from_nanos(left.max(1))).await;
            }
        }
        value
    };
    BlockingHandle(spawn(job).map_err(Some))
}

/// Runs a job on a thread that is not the host's. Returns until which instant of the simulation it has waited by blocking, which
/// holds up nobody else, and the clock of its host.
fn aside<T>(f: impl FnOnce() -> T) -> (T, Option<(Rc<HostClock>, u64)>) {
    /// What the host's own thread has waited before, which is so again after a panic, too.
    struct Before(Rc<HostClock>, u64);
    impl Drop for Before {
        fn drop(&mut self) {
            self.0.ahead.set(self.1);
        }
    }
    let Some(Net { world, host }) = Network::current_sim() else {
        return (f(), None);
    };
    let clock = world.with(|state| state.hosts[host as usize].clock.clone());
    let _before = Before(clock.clone(), clock.ahead.get());
    let value = f();
    let until = clock.instant();
    (value, Some((clock, until)))
}

/// A job that runs or has run: see [`spawn_blocking`]. It is a future whose output is what the function returned.
///
/// Dropped, it lets the job go on. Polled again after its end it gives [`BlockingError::Cancelled`].
#[must_use = "the job goes on, but nobody learns what has come of it"]
pub struct BlockingHandle<T>(Result<JoinHandle<T>, Option<SpawnError>>);

impl<T> BlockingHandle<T> {
    /// Whether the job has come to its end.
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().map_or(true, JoinHandle::is_finished)
    }
}

impl<T> Future for BlockingHandle<T> {
    type Output = Result<T, BlockingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(task) => Pin::new(task).poll(cx).map_err(|error| match error {
                JoinError::Panicked(panic) => BlockingError::Panicked(panic),
                _ => BlockingError::Cancelled,
            }),
            Err(error) => Poll::Ready(Err(match error.take() {
                Some(error) => BlockingError::Rejected(error),
                None => BlockingError::Cancelled,
            })),
        }
    }
}

impl<T> fmt::Debug for BlockingHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingHandle")
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

/// Why a job of [`spawn_blocking`] has no result.
#[non_exhaustive]
#[derive(Debug)]
pub enum BlockingError {
    /// The job panicked; this is what it panicked with.
    Panicked(Panic),
    /// The host has no room for another task.
    Rejected(SpawnError),
    /// The host was gone before the job began.
    Cancelled,
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => {
                f.write_str("a blocking job panicked")?;
                match panic.message() {
                    Some(text) => write!(f, ": {text}"),
                    None => Ok(()),
                }
            }
            Self::Rejected(error) => write!(f, "no blocking job could be started: {error}"),
            Self::Cancelled => f.write_str("the host was gone before the blocking job began"),
        }
    }
}

impl core::error::Error for BlockingError {}

impl From<BlockingError> for std::io::Error {
    fn from(error: BlockingError) -> Self {
        Self::other(alloc::format!("{error}"))
    }
}
