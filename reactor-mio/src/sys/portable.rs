//! Without a finer way to wait than mio's own, or a faster clock than the standard library's.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use polliwog_core::Instant;
use polliwog_core::sources::Readiness;

/// Monotonic time since it was made.
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Clock(std::time::Instant::now())
    }

    #[inline]
    pub(crate) fn elapsed(&self) -> Instant {
        Instant::from_duration(self.0.elapsed())
    }
}

/// Offers nothing: the caller waits with mio, in steps of a millisecond.
pub(crate) struct FineWait;

impl FineWait {
    pub(crate) fn new(_capacity: usize) -> Self {
        FineWait
    }

    pub(crate) fn wait(
        &self,
        _poll: &RefCell<mio::Poll>,
        _timeout: Duration,
        _dispatch: impl FnMut(usize, Readiness),
    ) -> Option<io::Result<usize>> {
        None
    }
}
