//! The traits of `futures-io`, and with the features `tokio` and `hyper` of these, for everything that is a
//! stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::DuplexStream;
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpStream, WriteHalf};

/// `$stream` gets from `$this`, of type `&$type`, to what has the inherent method.
macro_rules! reads {
    ($($type:ty: $this:ident => $stream:expr;)+) => {$(
        impl futures_io::AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read(cx, buf).map_err(io::Error::from)
            }
        }

        #[cfg(feature = "tokio")]
        impl tokio::io::AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> Poll<std::io::Result<()>> {
                let $this = &*self;
                let read = polliwog_core::spare::Spare::of_tokio(buf, |spare| {
                    spare.fill_zeroed(|buf| $stream.poll_read(cx, buf))
                });
                read.map_ok(drop).map_err(std::io::Error::from)
            }
        }

        #[cfg(feature = "hyper")]
        impl hyper::rt::Read for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: hyper::rt::ReadBufCursor<'_>,
            ) -> Poll<std::io::Result<()>> {
                let $this = &*self;
                let read = polliwog_core::spare::Spare::of_hyper(buf, |spare| {
                    spare.fill_zeroed(|buf| $stream.poll_read(cx, buf))
                });
                read.map_ok(drop).map_err(std::io::Error::from)
            }
        }
    )+};
}

/// As above; `$close` ends the writing direction.
macro_rules! writes {
    ($($type:ty: $this:ident => $stream:expr, $close:expr;)+) => {$(
        impl futures_io::AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, data).map_err(io::Error::from)
            }

            /// Done at once: what is written can be read.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Ends the writing direction.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                $close;
                Poll::Ready(Ok(()))
            }
        }

        #[cfg(feature = "tokio")]
        impl tokio::io::AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<std::io::Result<usize>> {
                futures_io::AsyncWrite::poll_write(self, cx, data)
            }

            fn poll_flush(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<std::io::Result<()>> {
                futures_io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<std::io::Result<()>> {
                futures_io::AsyncWrite::poll_close(self, cx)
            }
        }

        #[cfg(feature = "hyper")]
        impl hyper::rt::Write for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<std::io::Result<usize>> {
                futures_io::AsyncWrite::poll_write(self, cx, data)
            }

            fn poll_flush(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<std::io::Result<()>> {
                futures_io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<std::io::Result<()>> {
                futures_io::AsyncWrite::poll_close(self, cx)
            }
        }
    )+};
}

reads! {
    DuplexStream: stream => stream;
    &DuplexStream: stream => stream;
    TcpStream: stream => stream;
    &TcpStream: stream => stream;
    ReadHalf<'_>: half => half.stream();
    OwnedReadHalf: half => half.stream();
}

writes! {
    DuplexStream: stream => stream, stream.close();
    &DuplexStream: stream => stream, stream.close();
    TcpStream: stream => stream, stream.shutdown(Shutdown::Write)?;
    &TcpStream: stream => stream, stream.shutdown(Shutdown::Write)?;
    WriteHalf<'_>: half => half.stream(), half.shutdown()?;
    OwnedWriteHalf: half => half.stream(), half.shutdown()?;
}
