//! Writing to a peer that may be gone: an error, not a signal.
//!
//! Rust programs ignore `SIGPIPE`, unless they set it back to its default, which ends the process. The standard
//! library passes `MSG_NOSIGNAL` in part of its writes only.

use std::io::{self, IoSlice};
#[cfg(unix)]
use std::mem;

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

/// What several buffers hold is copied to one place and sent from there if it is no more than this, a head and a short
/// body: the system takes longer to read a list of buffers than the copy takes (on Linux by some 0.1 to 0.2 µs,
/// measured up to 4 KiB).
#[cfg(unix)]
const COPIED: usize = 2048;

/// Writes from several buffers.
#[cfg(unix)]
pub(super) fn write_vectored(
    socket: &impl std::os::fd::AsFd,
    bufs: &[IoSlice<'_>],
) -> io::Result<usize> {
    let mut copy = [0; COPIED];
    let mut room = &mut copy[..];
    for buf in bufs {
        let Some((next, rest)) = mem::take(&mut room).split_at_mut_checked(buf.len()) else {
            let mut none = SendAncillaryBuffer::default();
            return Ok(sendmsg(socket, bufs, &mut none, WITHOUT_SIGNAL)?);
        };
        next.copy_from_slice(buf);
        room = rest;
    }
    let copied = COPIED - room.len();
    write(socket, &copy[..copied])
}

/// Writes from several buffers. There are no signals here.
#[cfg(not(unix))]
pub(super) fn write_vectored<S>(socket: &S, bufs: &[IoSlice<'_>]) -> io::Result<usize>
where
    for<'a> &'a S: io::Write,
{
    io::Write::write_vectored(&mut { socket }, bufs)
}
