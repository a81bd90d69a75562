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

/// Whether the selector reports edges all by itself.
///
/// Only then may a short read or write be taken for "nothing left": the kernel reports the next
/// arrival. mio's selectors for `poll(2)` and Windows imitate edges; they arm a source again
/// when an operation would block, so there it must be driven that far.
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

/// Whether closing a descriptor that has no duplicate also ends its registration.
pub(crate) const CLOSE_DEREGISTERS: bool = TRUE_EDGES;
