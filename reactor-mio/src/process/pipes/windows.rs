//! Ends of pipes that are read and written on the blocking pool, as files are.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::fs::File;
use crate::reactor::MioReactor;

#[derive(Debug)]
pub(super) struct Reader(File);

#[derive(Debug)]
pub(super) struct Writer(File);

fn into_owned(file: File) -> io::Result<OwnedHandle> {
    let busy = |_| io::Error::other("the pipe is being read or written");
    file.try_into_std().map(OwnedHandle::from).map_err(busy)
}

impl Reader {
    pub(super) fn new(_: &MioReactor, io: OwnedHandle) -> io::Result<Self> {
        Ok(Self(io.into()))
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read_vectored(cx, bufs)
    }

    #[cfg(feature = "tokio")]
    pub(super) fn poll_read_spare(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut polliwog_core::spare::Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        spare.fill_zeroed(|buf| Pin::new(&mut self.0).poll_read(cx, buf))
    }

    pub(super) fn into_owned(self) -> io::Result<OwnedHandle> {
        into_owned(self.0)
    }

    pub(super) fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

impl Writer {
    pub(super) fn new(_: &MioReactor, io: OwnedHandle) -> io::Result<Self> {
        Ok(Self(io.into()))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    pub(super) fn into_owned(self) -> io::Result<OwnedHandle> {
        into_owned(self.0)
    }

    pub(super) fn as_raw_handle(&self) -> RawHandle {
        self.0.as_raw_handle()
    }
}
