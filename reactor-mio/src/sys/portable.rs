//! Without a finer way to wait than mio's own, or a faster clock than the standard library's.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use polliwog_core::Instant;
use polliwog_core::sources::Readiness;

/// Monotonic time since the process's start, as [`Instant::from_std`] has it.
pub(crate) struct Clock(());

impl Clock {
    /// That of the coarsest clock among those that the standard library reads.
    pub(crate) const RESOLUTION: Duration = Duration::from_nanos(100);

    pub(crate) fn start() -> Self {
        Clock(())
    }

    #[inline]
    pub(crate) fn elapsed(&self) -> Instant {
        Instant::from_std(std::time::Instant::now())
    }
}

/// How long to wait at most.
pub(crate) struct Timeout(Duration);

impl Timeout {
    pub(crate) fn new(duration: Duration) -> Self {
        Self(duration)
    }

    pub(crate) fn duration(&self) -> Duration {
        self.0
    }
}

/// Offers nothing: the caller waits with mio, in steps of a millisecond.
pub(crate) struct Wait;

impl Wait {
    pub(crate) fn new(_capacity: usize) -> Self {
        Wait
    }

    #[cfg(test)]
    pub(crate) fn refuse(&self) {}

    pub(crate) fn wait(
        &self,
        _poll: &RefCell<mio::Poll>,
        _timeout: Option<&Timeout>,
        _dispatch: impl Fn(usize, Readiness),
        _rare: impl Fn(usize, Readiness),
    ) -> io::Result<bool> {
        Ok(false)
    }
}
