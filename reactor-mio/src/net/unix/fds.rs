//! Descriptors that go along with bytes.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, recvmsg, sendmsg,
};

use crate::net::no_sigpipe::WITHOUT_SIGNAL;

/// No more go with one message on Linux (`SCM_MAX_FD`), and none more have room here.
const MOST: usize = 253;
const SPACE: usize = rustix::cmsg_space!(ScmRights(MOST));

/// Sends descriptors with some bytes.
pub(super) fn send(socket: &impl AsFd, buf: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "more descriptors than go with one message",
        ));
    }
    let sent = sendmsg(socket, &[IoSlice::new(buf)], &mut control, WITHOUT_SIGNAL)?;
    Ok(sent)
}

/// Has the call itself keep what is received from other programs, where it can: else each descriptor is told.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)))]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::empty();

/// Receives bytes and the descriptors that came with them, which no other program will inherit.
pub(super) fn receive(socket: &impl AsFd, buf: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(buf)],
        &mut control,
        CLOSE_ON_EXEC,
    )?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            fds.extend(more);
        }
    }
    if CLOSE_ON_EXEC.is_empty() {
        for fd in &fds {
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
        }
    }
    Ok((received.bytes, fds))
}

/// The methods for that of a socket that is a struct with the field `io: Attached<$socket>`. `$what` they
/// send, and `$empty` without any bytes is an error.
macro_rules! passes_descriptors {
    ($type:ident: $socket:ty, $what:literal, $empty:literal) => {
        impl $type {
            #[doc = concat!("Sends ", $what, " and descriptors along with it, at most 253: the receiver has")]
            /// duplicates of them, whatever becomes of these. Returns how many bytes were taken.
            ///
            /// # Errors
            ///
            /// What the system reports; [`io::ErrorKind::InvalidInput`] for more descriptors than that
            #[doc = concat!($empty, ".")]
            ///
            /// # Cancel safety
            ///
            /// Nothing has been sent if the future is dropped before it is done.
            pub async fn send_fds(&self, buf: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
                if buf.is_empty() && !fds.is_empty() && !$empty.is_empty() {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "descriptors travel with bytes, and there are none",
                    ));
                }
                Operation::write(&self.io, |io, cx, id| {
                    let send = |socket: &$socket| socket.try_io(|| fds::send(socket, buf, fds));
                    io.poll_op(id, Direction::Write, cx, send, |n| *n)
                })
                .await
            }

            #[doc = concat!("Receives ", $what, " and the descriptors that were sent along with it. Other ways to")]
            /// receive or read it close those.
            ///
            /// # Errors
            ///
            /// What the system reports. If the process has no room for the descriptors, they are missing.
            ///
            /// # Cancel safety
            ///
            /// Nothing has been received if the future is dropped before it is done.
            pub async fn recv_fds(&self, buf: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
                Operation::read(&self.io, |io, cx, id| {
                    let receive = |socket: &$socket| {
                        self.unless_shut(socket.try_io(|| fds::receive(socket, buf)))
                    };
                    io.poll_op(id, Direction::Read, cx, receive, |(n, _)| *n)
                })
                .await
            }
        }
    };
}
pub(super) use passes_descriptors;
