//! The traits of `futures-io`, and with the features `tokio` and `hyper` of these, for everything that is a
//! stream.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::{DuplexStream, vectored};
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpStream, WriteHalf};
#[cfg(feature = "sim")]
use crate::net::{UnixStream, unix};

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

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                let first = |buf: &mut [u8]| $stream.poll_read(cx, buf);
                vectored::read(bufs, first, |buf| $stream.try_read(buf)).map_err(io::Error::from)
            }
        }

        $crate::foreign::foreign_reads!($type);
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

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                let data = vectored::gather(bufs);
                $stream.poll_write(cx, &data).map_err(io::Error::from)
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

        $crate::foreign::foreign_writes!($type, true);
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

#[cfg(feature = "sim")]
reads! {
    UnixStream: stream => stream;
    &UnixStream: stream => stream;
    unix::ReadHalf<'_>: half => half.stream();
    unix::OwnedReadHalf: half => half.stream();
}

#[cfg(feature = "sim")]
writes! {
    UnixStream: stream => stream, stream.shutdown(Shutdown::Write)?;
    &UnixStream: stream => stream, stream.shutdown(Shutdown::Write)?;
    unix::WriteHalf<'_>: half => half.stream(), half.shutdown()?;
    unix::OwnedWriteHalf: half => half.stream(), half.shutdown()?;
}
