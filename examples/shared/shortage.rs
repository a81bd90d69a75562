//! Where the system is short of threads: what needs one waits, as others will be done with theirs.

use std::io;
use std::time::Duration;

use polliwog::BlockingError;
use polliwog::mio::blocking::try_spawn_blocking;
use polliwog::time::sleep;

/// How long to wait before another try.
pub(crate) const REST: Duration = Duration::from_millis(50);

/// Whether it is an error of the pool, which has not taken a job.
pub(crate) fn is_rejected(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(BlockingError::Rejected(_)))
}

/// Does what blocks, as soon as there is a thread for it.
pub(crate) async fn on_a_thread<F, T>(mut job: F) -> Result<T, BlockingError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    loop {
        match try_spawn_blocking(job) {
            Ok(running) => return running.await,
            Err(rejected) => job = rejected.job,
        }
        sleep(REST).await;
    }
}
