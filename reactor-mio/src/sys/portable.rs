//! Without a finer way to wait than mio's own.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use polliwog_core::sources::Readiness;

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
