//! Ends of pipes that wait in the reactor.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

use mio::unix::pipe::{Receiver, Sender};
use polliwog_core::sources::{Direction, WaiterId};

use crate::reactor::MioReactor;
use crate::source::Attached;

#[derive(Debug)]
pub(super) struct Reader(Attached<Receiver>);

#[derive(Debug)]
pub(super) struct Writer(Attached<Sender>);

impl Reader {
    pub(super) fn new(reactor: &MioReactor, io: OwnedFd) -> io::Result<Self> {
        let io = Receiver::from(io);
        io.set_nonblocking(true)?;
        Ok(Self(Attached::with_reactor(reactor, io)))
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let read = |mut io: &Receiver| io.read_vectored(bufs);
        self.0
            .poll_op(WaiterId::OWNER, Direction::Read, cx, read, |n| *n)
    }

    #[cfg(feature = "tokio")]
    pub(super) fn poll_read_spare(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut polliwog_core::spare::Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        let read = |io: &Receiver| spare.read(io);
        self.0
            .poll_op(WaiterId::OWNER, Direction::Read, cx, read, |n| *n)
    }

    pub(super) fn into_owned(self) -> io::Result<OwnedFd> {
        let io = self.0.into_inner()?;
        io.set_nonblocking(false)?;
        Ok(io.into())
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Writer {
    pub(super) fn new(reactor: &MioReactor, io: OwnedFd) -> io::Result<Self> {
        let io = Sender::from(io);
        io.set_nonblocking(true)?;
        Ok(Self(Attached::with_reactor(reactor, io)))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = |mut io: &Sender| io.write_vectored(bufs);
        self.0
            .poll_op(WaiterId::OWNER, Direction::Write, cx, write, |n| *n)
    }

    pub(super) fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    pub(super) fn into_owned(self) -> io::Result<OwnedFd> {
        let io = self.0.into_inner()?;
        io.set_nonblocking(false)?;
        Ok(io.into())
    }

    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
