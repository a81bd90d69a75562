//! Linux: `epoll_pwait2` on mio's descriptor, for timeouts finer than a millisecond, and for all
//! other waits, so that there is one way of waiting.
//!
//! One system call, as mio's own wait would be. Events have to be decoded here; the bits mean what
//! mio makes of them in its selector for epoll.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::time::Duration;

use polliwog_core::Instant;
use polliwog_core::sources::Readiness;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::dispatch::for_each_event;

/// Monotonic time since the process's start, as [`Instant::from_std`] has it.
///
/// The same clock as the standard library's, without the detour over `Duration`: the executor
/// reads it in every turn.
pub(crate) struct Clock {
    start: u64,
}

impl Clock {
    /// The clock counts nanoseconds.
    pub(crate) const RESOLUTION: Duration = Duration::from_nanos(1);

    pub(crate) fn start() -> Self {
        // One for all, lest two clocks of the process differ by what it takes to read them.
        static START: OnceLock<u64> = OnceLock::new();
        let start = *START.get_or_init(|| {
            // Both clocks are read one after the other, and the thread may lose its processor in between: the try
            // that took the least time counts.
            let tries = [(); 8].map(|()| {
                let before = nanos();
                let ours = Instant::from_std(std::time::Instant::now());
                let after = nanos();
                (after - before, after.saturating_sub(ours.as_nanos()))
            });
            tries.into_iter().min().map_or(0, |(_, start)| start)
        });
        Clock { start }
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

/// How long to wait at most, as the system wants to be told.
#[repr(transparent)]
pub(crate) struct Timeout(Timespec);

impl Timeout {
    /// At most a day.
    pub(crate) fn new(duration: Duration) -> Self {
        Self(Timespec {
            tv_sec: duration.as_secs() as _,
            tv_nsec: duration.subsec_nanos() as _,
        })
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::new(self.0.tv_sec as u64, self.0.tv_nsec as u32)
    }
}

/// Waits on mio's epoll descriptor without mio.
pub(crate) struct Wait {
    /// Taken out while in use, so that a waker may come back here. Allocated by the first wait.
    events: Cell<Box<[MaybeUninit<epoll::Event>]>>,
    capacity: usize,
    /// A kernel before 5.11 or a sandbox refused the system call: it is not tried again.
    refused: Cell<bool>,
}

impl Wait {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            events: Cell::default(),
            capacity,
            refused: Cell::new(false),
        }
    }

    /// Waits and calls `dispatch` with the token and the readiness of each event. Without a timeout
    /// it waits until there is one. `rare` does the same, out of line, for what comes rarely.
    ///
    /// `false` if the system cannot wait that way.
    #[inline(always)]
    pub(crate) fn wait(
        &self,
        poll: &RefCell<mio::Poll>,
        timeout: Option<&Timeout>,
        dispatch: impl Fn(usize, Readiness),
        rare: impl Fn(usize, Readiness),
    ) -> io::Result<bool> {
        if self.refused.get() {
            return Ok(false);
        }
        let mut buffer = self.events.take();
        if buffer.is_empty() {
            buffer = Box::new_uninit_slice(self.capacity);
        }
        let waited = epoll::wait(
            poll.borrow_mut().registry().as_fd(),
            &mut *buffer,
            timeout.map(|timeout| &timeout.0),
        );
        match waited {
            Ok((events, _)) => {
                for_each_event(events.iter(), |event| {
                    let (number, flags) = (event.data.u64() as usize, event.flags);
                    if flags == EventFlags::IN {
                        // The usual case.
                        dispatch(number, Readiness::READABLE);
                    } else {
                        rare(number, readiness(flags));
                    }
                });
                self.events.set(buffer);
                Ok(true)
            }
            Err(error) => {
                self.events.set(buffer);
                self.failed(error)
            }
        }
    }

    /// As if the system refused.
    #[cfg(test)]
    pub(crate) fn refuse(&self) {
        self.refused.set(true);
    }

    #[cold]
    fn failed(&self, error: Errno) -> io::Result<bool> {
        match error {
            Errno::INTR => Ok(true),
            // Some sandboxes say "not permitted" to every system call that they do not know.
            Errno::NOSYS | Errno::PERM => {
                self.refused.set(true);
                Ok(false)
            }
            error => Err(error.into()),
        }
    }
}

/// See [`crate::dispatch::readiness`], which does the same to mio's events.
#[inline]
fn readiness(flags: EventFlags) -> Readiness {
    let mut ready = Readiness::NONE;
    if flags.contains(EventFlags::PRI) {
        ready |= Readiness::PRIORITY;
    }
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
        assert_eq!(
            readiness(EventFlags::IN | EventFlags::PRI),
            Readiness::READABLE | Readiness::PRIORITY
        );
        let error = readiness(EventFlags::ERR);
        assert!(error.is_readable() && error.is_writable());
        assert!(!error.intersects(Readiness::READ_CLOSED | Readiness::WRITE_CLOSED));
    }
}
