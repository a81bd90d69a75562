//! What differs between operating systems: waiting, and the clock.
//!
//! Each platform file offers the same `Clock`, `Timeout` and `Wait`.

#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
mod linux;
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
pub(crate) use linux::{Clock, Timeout, Wait};

#[cfg(not(all(target_os = "linux", not(mio_unsupported_force_poll_poll))))]
mod portable;
#[cfg(not(all(target_os = "linux", not(mio_unsupported_force_poll_poll))))]
pub(crate) use portable::{Clock, Timeout, Wait};

/// What the system knows files and sockets by.
#[cfg(unix)]
pub(crate) use std::os::fd as os;
#[cfg(windows)]
pub(crate) use std::os::windows::io as os;

/// What needs `unsafe` on Windows.
#[cfg(windows)]
pub(crate) mod windows;

/// Whether the selector reports edges all by itself.
///
/// Only then may a short write be taken for "no room left": the kernel reports it when there is some
/// again. mio's selectors for `poll(2)` and Windows imitate edges; they arm a source again when an
/// operation would block, so there it must be driven that far.
pub(crate) const TRUE_EDGES: bool = cfg!(all(
    not(mio_unsupported_force_poll_poll),
    any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    )
));

/// Whether a short read of a plain TCP socket may be taken for "nothing left".
///
/// Not where only the next read tells that the one before has stopped at an urgent byte. epoll's events
/// say so, since what they say is true when they are taken out, and whatever comes later is another event.
pub(crate) const SHORT_READS_TELL: bool = cfg!(all(
    not(mio_unsupported_force_poll_poll),
    any(target_os = "linux", target_os = "android")
));

/// What to watch a source for that is read from, so that events say what is in the way of its data.
pub(crate) fn reading(tells: bool) -> mio::Interest {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if tells && SHORT_READS_TELL {
        return mio::Interest::READABLE | mio::Interest::PRIORITY;
    }
    let _ = tells;
    mio::Interest::READABLE
}

/// Whether closing a descriptor that has no duplicate also ends its registration.
pub(crate) const CLOSE_DEREGISTERS: bool = TRUE_EDGES;

/// Whether a source has to be registered anew when an operation would have blocked: the selector for `poll(2)`
/// takes a descriptor out of the set once it has reported it. On Windows mio does that by itself.
pub(crate) const REARMS: bool = !TRUE_EDGES && cfg!(unix);

/// What a source must be to be used by several at a time, see [`Shared`](crate::source::Attached).
#[cfg(not(unix))]
pub(crate) use mio::event::Source as Shareable;
#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as Shareable;

/// What [`may_be_read`] can look at.
#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as Pollable;

/// What [`may_be_read`] can look at.
#[cfg(not(unix))]
pub(crate) trait Pollable {}
#[cfg(not(unix))]
impl<T> Pollable for T {}

/// Whether something can be read from a socket right now, or accepted, as far as the system tells.
#[cfg(unix)]
pub(crate) fn may_be_read(socket: &impl Pollable) -> bool {
    may_be(socket, rustix::event::PollFlags::IN)
}

/// Whether something can be written to a socket right now, as far as the system tells.
#[cfg(unix)]
pub(crate) fn may_be_written(socket: &impl Pollable) -> bool {
    may_be(socket, rustix::event::PollFlags::OUT)
}

#[cfg(unix)]
fn may_be(socket: &impl Pollable, what: rustix::event::PollFlags) -> bool {
    use rustix::event::{PollFd, Timespec, poll};
    let mut fds = [PollFd::new(socket, what)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    !matches!(poll(&mut fds, Some(&now)), Ok(0))
}

/// Whether something can be read from a socket right now, or accepted, as far as the system tells.
#[cfg(not(unix))]
pub(crate) fn may_be_read<T>(_: &T) -> bool {
    true
}

/// Whether a TCP socket's reads and writes are short only when nothing is left to do: not so with MPTCP,
/// whose socket hands on what has come by several others.
#[cfg(target_os = "linux")]
pub(crate) fn is_plain_tcp(socket: &impl std::os::fd::AsFd) -> bool {
    socket2::SockRef::from(socket).protocol().ok().flatten() == Some(socket2::Protocol::TCP)
}

/// Whether a TCP socket's reads and writes are short only when nothing is left to do.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_plain_tcp<T>(_: &T) -> bool {
    true
}
