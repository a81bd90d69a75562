//! Linux: `epoll_pwait2` on mio's descriptor, for timeouts finer than a millisecond.
//!
//! One system call, as mio's own wait would be. Its price is that events have to be decoded
//! here; the bits mean what mio makes of them in its selector for epoll.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use polliwog_core::Instant;
use polliwog_core::sources::Readiness;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::dispatch::for_each_event;

/// Monotonic time since it was made.
///
/// The same clock as the standard library's, without the detour over `Duration`: the executor
/// reads it in every turn.
pub(crate) struct Clock {
    start: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Clock { start: nanos() }
    }

    #[inline]
    pub(crate) fn elapsed(&self) -> Instant {
        Instant::from_nanos(nanos().saturating_sub(self.start))
    }
}

/// Since the system's start: 64 bits last for centuries.
#[inline]
fn nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Waits on mio's epoll descriptor without mio.
pub(crate) struct FineWait {
    /// Taken out while in use, so that a waker may come back here. Allocated by the first wait.
    events: Cell<Vec<epoll::Event>>,
    capacity: usize,
    /// A kernel before 5.11 or a sandbox refused the system call: it is not tried again.
    refused: Cell<bool>,
}

impl FineWait {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            events: Cell::new(Vec::new()),
            capacity,
            refused: Cell::new(false),
        }
    }

    /// Waits and calls `dispatch` with the token and the readiness of each event.
    ///
    /// `None` if the system cannot wait that finely. Otherwise the number of events.
    pub(crate) fn wait(
        &self,
        poll: &RefCell<mio::Poll>,
        timeout: Duration,
        mut dispatch: impl FnMut(usize, Readiness),
    ) -> Option<io::Result<usize>> {
        if self.refused.get() {
            return None;
        }
        let timeout = Timespec::try_from(timeout).ok()?;
        let mut events = self.events.take();
        events.clear();
        events.reserve(self.capacity);
        let waited = {
            let poll = poll.borrow();
            let buffer = spare_capacity(&mut events);
            epoll::wait(poll.registry().as_fd(), buffer, Some(&timeout))
        };
        match waited {
            Ok(count) => {
                for_each_event(events.iter(), |event| {
                    dispatch(event.data.u64() as usize, readiness(event.flags));
                });
                self.events.set(events);
                Some(Ok(count))
            }
            Err(Errno::INTR) => {
                self.events.set(events);
                Some(Ok(0))
            }
            // Some sandboxes say "not permitted" to every system call that they do not know.
            Err(Errno::NOSYS | Errno::PERM) => {
                self.refused.set(true);
                None
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// See [`crate::dispatch::readiness`], which does the same to mio's events.
#[inline]
fn readiness(flags: EventFlags) -> Readiness {
    let mut ready = Readiness::NONE;
    if flags.intersects(EventFlags::IN | EventFlags::PRI | EventFlags::ERR) {
        ready |= Readiness::READABLE;
    }
    if flags.intersects(EventFlags::OUT | EventFlags::ERR) {
        ready |= Readiness::WRITABLE;
    }
    if flags.contains(EventFlags::HUP) {
        ready |= Readiness::READ_CLOSED;
        if !flags.contains(EventFlags::ERR) {
            ready |= Readiness::WRITE_CLOSED;
        }
    } else if flags.contains(EventFlags::IN | EventFlags::RDHUP) {
        ready |= Readiness::READ_CLOSED;
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_decode_as_mio_decodes_them() {
        let both = EventFlags::IN | EventFlags::RDHUP;
        assert_eq!(
            readiness(both),
            Readiness::READABLE | Readiness::READ_CLOSED
        );
        assert_eq!(readiness(EventFlags::OUT), Readiness::WRITABLE);
        assert_eq!(
            readiness(EventFlags::HUP),
            Readiness::READ_CLOSED | Readiness::WRITE_CLOSED
        );
        let error = readiness(EventFlags::ERR);
        assert!(error.is_readable() && error.is_writable());
        assert!(!error.intersects(Readiness::READ_CLOSED | Readiness::WRITE_CLOSED));
    }
}
