//! The I/O traits of `futures-io` and `embedded-io-async`, and with the features `tokio` and `hyper` of these,
//! for everything that is a stream.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};

/// `$stream` gets from `$this` of type `&$type` to the `TcpStream`, or whatever has `poll_read`,
/// `poll_read_vectored`, `read`, and `poll_read_spare`, as that has. None of the traits is imported
/// here, so that a method call means the inherent method.
macro_rules! reads {
    ($($type:ty: $this:ident => $stream:expr;)+) => {$(
        impl futures_io::AsyncRead for $type {
            #[inline]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read_vectored(cx, bufs)
            }
        }

        impl embedded_io_async::Read for $type {
            #[inline]
            async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let $this = &*self;
                $stream.read(buf).await
            }
        }

        impl embedded_io_async::ReadReady for $type {
            /// Asks the system.
            fn read_ready(&mut self) -> io::Result<bool> {
                let $this = &*self;
                $stream.is_read_ready()
            }
        }

        #[cfg(feature = "tokio")]
        impl tokio::io::AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &*self;
                polliwog_core::spare::Spare::of_tokio(buf, |spare| $stream.poll_read_spare(cx, spare))
            }
        }

        #[cfg(feature = "hyper")]
        impl hyper::rt::Read for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: hyper::rt::ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &*self;
                polliwog_core::spare::Spare::of_hyper(buf, |spare| $stream.poll_read_spare(cx, spare))
            }
        }
    )+};
}

/// What tokio's and hyper's traits of this have in common: all.
#[cfg(any(feature = "tokio", feature = "hyper"))]
macro_rules! poll_writes {
    ($trait:path: $type:ty, $this:ident => $stream:expr) => {
        impl $trait for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                $stream.flushed(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                $stream.finished(cx)
            }
        }
    };
}

/// As above; to what has `poll_write`, `poll_write_vectored`, `write`, `flushed`, and `finished`.
macro_rules! writes {
    ($($type:ty: $this:ident => $stream:expr;)+) => {$(
        impl futures_io::AsyncWrite for $type {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write_vectored(cx, bufs)
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                $stream.flushed(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                $stream.finished(cx)
            }
        }

        impl embedded_io_async::Write for $type {
            #[inline]
            async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                let $this = &*self;
                $stream.write(buf).await
            }

            #[inline]
            async fn flush(&mut self) -> io::Result<()> {
                let $this = &*self;
                std::future::poll_fn(|cx| $stream.flushed(cx)).await
            }
        }

        #[cfg(unix)]
        impl embedded_io_async::WriteReady for $type {
            /// Asks the system. Unix only: Windows is asked about sockets by an unsafe call, and about named pipes not
            /// at all.
            fn write_ready(&mut self) -> io::Result<bool> {
                let $this = &*self;
                Ok(crate::sys::may_be_written(&$stream))
            }
        }

        #[cfg(feature = "tokio")]
        poll_writes!(tokio::io::AsyncWrite: $type, $this => $stream);
        #[cfg(feature = "hyper")]
        poll_writes!(hyper::rt::Write: $type, $this => $stream);
    )+};
}

macro_rules! error_type {
    ($($type:ty),+ $(,)?) => {$(
        impl embedded_io::ErrorType for $type {
            type Error = io::Error;
        }
    )+};
}

error_type!(
    TcpStream,
    &TcpStream,
    ReadHalf<'_>,
    WriteHalf<'_>,
    OwnedReadHalf,
    OwnedWriteHalf
);

reads! {
    TcpStream: stream => stream;
    &TcpStream: stream => stream;
    ReadHalf<'_>: half => half.stream();
    OwnedReadHalf: half => half.stream();
}

writes! {
    TcpStream: stream => stream;
    &TcpStream: stream => stream;
    WriteHalf<'_>: half => half.stream();
    OwnedWriteHalf: half => half.stream();
}

#[cfg(unix)]
mod unix {
    use super::*;
    use crate::net::UnixStream;
    use crate::net::unix::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};

    error_type!(
        UnixStream,
        &UnixStream,
        ReadHalf<'_>,
        WriteHalf<'_>,
        OwnedReadHalf,
        OwnedWriteHalf
    );

    reads! {
        UnixStream: stream => stream;
        &UnixStream: stream => stream;
        ReadHalf<'_>: half => half.stream();
        OwnedReadHalf: half => half.stream();
    }

    writes! {
        UnixStream: stream => stream;
        &UnixStream: stream => stream;
        WriteHalf<'_>: half => half.stream();
        OwnedWriteHalf: half => half.stream();
    }
}

#[cfg(windows)]
mod windows {
    use super::*;
    use crate::net::windows::named_pipe::{NamedPipeClient, NamedPipeServer};

    error_type!(
        NamedPipeClient,
        &NamedPipeClient,
        NamedPipeServer,
        &NamedPipeServer
    );

    reads! {
        NamedPipeClient: pipe => pipe;
        &NamedPipeClient: pipe => pipe;
        NamedPipeServer: pipe => pipe;
        &NamedPipeServer: pipe => pipe;
    }

    writes! {
        NamedPipeClient: pipe => pipe;
        &NamedPipeClient: pipe => pipe;
        NamedPipeServer: pipe => pipe;
        &NamedPipeServer: pipe => pipe;
    }
}
