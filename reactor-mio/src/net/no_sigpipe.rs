//! Writing to a peer that may be gone: an error, not a signal.
//!
//! Rust programs ignore `SIGPIPE`, unless they set it back to its default, which ends the process. The standard
//! library passes `MSG_NOSIGNAL` in part of its writes only.

use std::io::{self, IoSlice};

#[cfg(unix)]
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};

/// Where there is no such flag, sockets are made with an option of the same effect.
#[cfg(unix)]
pub(super) const WITHOUT_SIGNAL: SendFlags = {
    #[cfg(not(target_vendor = "apple"))]
    {
        SendFlags::NOSIGNAL
    }
    #[cfg(target_vendor = "apple")]
    SendFlags::empty()
};

/// Writes to a Unix socket. (Of TCP the standard library does it.)
#[cfg(unix)]
#[inline]
pub(super) fn write(socket: &impl std::os::fd::AsFd, buf: &[u8]) -> io::Result<usize> {
    Ok(send(socket, buf, WITHOUT_SIGNAL)?)
}

/// Writes from several buffers.
#[cfg(unix)]
pub(super) fn write_vectored(
    socket: &impl std::os::fd::AsFd,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    let mut none = SendAncillaryBuffer::default();
    Ok(sendmsg(socket, bufs, &mut none, WITHOUT_SIGNAL)?)
}

/// Writes from several buffers. There are no signals here.
#[cfg(not(unix))]
pub(super) fn write_vectored<S>(socket: &S, bufs: &[IoSlice<'_>]) -> io::Result<usize>
where
    for<'a> &'a S: io::Write,
{
    io::Write::write_vectored(&mut { socket }, bufs)
}
