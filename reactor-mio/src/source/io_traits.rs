//! The I/O traits for sources that read and write by reference.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use polliwog_core::sources::{Direction, WaiterId};

#[cfg(unix)]
use super::AsyncFd;
use super::AsyncSource;
use super::hold::Hold;
use super::watched::Watched;
use crate::budget::poll_nothing;

/// Reading, of everything that lies in an `H` and whose reference reads.
impl<H: Hold> Watched<H>
where
    for<'a> &'a H::Source: Read,
{
    fn poll_read_into(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return poll_nothing(cx);
        }
        let read = |mut source: &H::Source| match &mut *bufs {
            [buf] => source.read(buf),
            bufs => source.read_vectored(bufs),
        };
        let id = WaiterId::ANONYMOUS;
        self.poll_op(id, Direction::Read, cx, read, |n| *n)
    }
}

/// Writing, of everything that lies in an `H` and whose reference writes.
impl<H: Hold> Watched<H>
where
    for<'a> &'a H::Source: Write,
{
    fn poll_write_of(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return poll_nothing(cx);
        }
        let write = |mut source: &H::Source| match bufs {
            [buf] => source.write(buf),
            bufs => source.write_vectored(bufs),
        };
        let id = WaiterId::ANONYMOUS;
        self.poll_op(id, Direction::Write, cx, write, |n| *n)
    }

    fn poll_flush_source(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = |mut source: &H::Source| source.flush();
        self.poll_op(WaiterId::ANONYMOUS, Direction::Write, cx, flush, |()| 0)
    }
}

macro_rules! streams {
    ($(<$($lifetime:lifetime,)? $source:ident: $bound:path> $type:ty;)+) => {$(
        impl<$($lifetime,)? $source: $bound> futures_io::AsyncRead for $type
        where
            for<'a> &'a $source: Read,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_read_into(cx, &mut [IoSliceMut::new(buf)])
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_read_into(cx, bufs)
            }
        }

        /// Closing flushes, and leaves the rest to the end of the source.
        impl<$($lifetime,)? $source: $bound> futures_io::AsyncWrite for $type
        where
            for<'a> &'a $source: Write,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write_of(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write_of(cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_flush_source(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_flush_source(cx)
            }
        }

        impl<$($lifetime,)? $source: $bound> embedded_io::ErrorType for $type {
            type Error = io::Error;
        }

        impl<$($lifetime,)? $source: $bound> embedded_io_async::Read for $type
        where
            for<'a> &'a $source: Read,
        {
            async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let mut bufs = [IoSliceMut::new(buf)];
                std::future::poll_fn(|cx| self.io.poll_read_into(cx, &mut bufs)).await
            }
        }

        impl<$($lifetime,)? $source: $bound> embedded_io_async::Write for $type
        where
            for<'a> &'a $source: Write,
        {
            async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                std::future::poll_fn(|cx| self.io.poll_write_of(cx, &[IoSlice::new(buf)])).await
            }

            async fn flush(&mut self) -> io::Result<()> {
                std::future::poll_fn(|cx| self.io.poll_flush_source(cx)).await
            }
        }

        #[cfg(feature = "tokio")]
        impl<$($lifetime,)? $source: $bound> tokio::io::AsyncRead for $type
        where
            for<'a> &'a $source: Read,
        {
            /// What reads is foreign code, which is not given memory that nobody has initialised.
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                polliwog_core::spare::Spare::of_tokio(buf, |spare| {
                    let read = |buf: &mut [u8]| self.io.poll_read_into(cx, &mut [IoSliceMut::new(buf)]);
                    spare.fill_zeroed(read).map_ok(drop)
                })
            }
        }

        #[cfg(feature = "hyper")]
        impl<$($lifetime,)? $source: $bound> hyper::rt::Read for $type
        where
            for<'a> &'a $source: Read,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: hyper::rt::ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                polliwog_core::spare::Spare::of_hyper(buf, |spare| {
                    let read = |buf: &mut [u8]| self.io.poll_read_into(cx, &mut [IoSliceMut::new(buf)]);
                    spare.fill_zeroed(read).map_ok(drop)
                })
            }
        }

        #[cfg(feature = "tokio")]
        poll_writes!(tokio::io::AsyncWrite: <$($lifetime,)? $source: $bound> $type);
        #[cfg(feature = "hyper")]
        poll_writes!(hyper::rt::Write: <$($lifetime,)? $source: $bound> $type);
    )+};
}

/// What tokio's and hyper's traits of this have in common: all.
#[cfg(any(feature = "tokio", feature = "hyper"))]
macro_rules! poll_writes {
    ($trait:path: <$($lifetime:lifetime,)? $source:ident: $bound:path> $type:ty) => {
        impl<$($lifetime,)? $source: $bound> $trait for $type
        where
            for<'a> &'a $source: Write,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write_of(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write_of(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_flush_source(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_flush_source(cx)
            }
        }
    };
}

streams! {
    <S: mio::event::Source> AsyncSource<S>;
    <'s, S: mio::event::Source> &'s AsyncSource<S>;
}

#[cfg(unix)]
streams! {
    <T: std::os::fd::AsFd> AsyncFd<T>;
    <'s, T: std::os::fd::AsFd> &'s AsyncFd<T>;
}
