//! The traits of `futures-io`, and with the features `tokio` and `hyper` of these, for everything that is a
//! stream.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::{DuplexStream, vectored};
use crate::net::Shutdown;
use crate::net::generic::sealed::Failure;
use crate::net::generic::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};
#[cfg(feature = "sim")]
use crate::net::generic::{UnixStream, unix};

/// `$stream` gets from `$this`, of type `&$type`, to what has the inherent method. `$type` is generic over `$e`, or not.
macro_rules! reads {
    ($([$($e:ident)?] $type:ty: $this:ident => $stream:expr;)+) => {$(
        impl $(<$e: $crate::net::NetError>)? futures_io::AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read(cx, buf).map_err(Failure::into_io)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                let first = |buf: &mut [u8]| $stream.poll_read(cx, buf);
                vectored::read(bufs, first, |buf| $stream.try_read(buf)).map_err(Failure::into_io)
            }
        }

        $crate::foreign::foreign_reads!([$($e)?] $type);
    )+};
}

/// As above; `$close` ends the writing direction.
macro_rules! writes {
    ($([$($e:ident)?] $type:ty: $this:ident => $stream:expr, $close:expr;)+) => {$(
        impl $(<$e: $crate::net::NetError>)? futures_io::AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, data).map_err(Failure::into_io)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                let data = vectored::gather(bufs);
                $stream.poll_write(cx, &data).map_err(Failure::into_io)
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

        $crate::foreign::foreign_writes!([$($e)?] $type, true);
    )+};
}

reads! {
    [] DuplexStream: stream => stream;
    [] &DuplexStream: stream => stream;
    [E] TcpStream<E>: stream => stream;
    [E] &TcpStream<E>: stream => stream;
    [E] ReadHalf<'_, E>: half => half.stream();
    [E] OwnedReadHalf<E>: half => half.stream();
}

writes! {
    [] DuplexStream: stream => stream, stream.close();
    [] &DuplexStream: stream => stream, stream.close();
    [E] TcpStream<E>: stream => stream, stream.shutdown(Shutdown::Write).map_err(Failure::into_io)?;
    [E] &TcpStream<E>: stream => stream, stream.shutdown(Shutdown::Write).map_err(Failure::into_io)?;
    [E] WriteHalf<'_, E>: half => half.stream(), half.shutdown().map_err(Failure::into_io)?;
    [E] OwnedWriteHalf<E>: half => half.stream(), half.shutdown().map_err(Failure::into_io)?;
}

#[cfg(feature = "sim")]
reads! {
    [E] UnixStream<E>: stream => stream;
    [E] &UnixStream<E>: stream => stream;
    [E] unix::ReadHalf<'_, E>: half => half.stream();
    [E] unix::OwnedReadHalf<E>: half => half.stream();
}

#[cfg(feature = "sim")]
writes! {
    [E] UnixStream<E>: stream => stream, stream.shutdown(Shutdown::Write).map_err(Failure::into_io)?;
    [E] &UnixStream<E>: stream => stream, stream.shutdown(Shutdown::Write).map_err(Failure::into_io)?;
    [E] unix::WriteHalf<'_, E>: half => half.stream(), half.shutdown().map_err(Failure::into_io)?;
    [E] unix::OwnedWriteHalf<E>: half => half.stream(), half.shutdown().map_err(Failure::into_io)?;
}
