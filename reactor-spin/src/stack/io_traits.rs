//! The I/O traits of `embedded-io`, `embedded-io-async` and, with `std`, `futures-io` (with the features `tokio` and
//! `hyper` of these, too) for everything
//! that is a stream.

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};
use crate::Error;

/// `$stream` gets from `$this`, of type `&$type`, to the [`TcpStream`].
macro_rules! reads {
    ($($type:ty: $this:ident => $stream:expr;)*) => {$(
        impl embedded_io_async::Read for $type {
            async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
                let $this = &*self;
                $stream.read(buf).await
            }
        }

        impl embedded_io::ReadReady for $type {
            fn read_ready(&mut self) -> Result<bool, Error> {
                let $this = &*self;
                Ok($stream.is_ready(true))
            }
        }

        #[cfg(feature = "std")]
        impl futures_io::AsyncRead for $type {
            fn poll_read(
                self: core::pin::Pin<&mut Self>,
                cx: &mut core::task::Context<'_>,
                buf: &mut [u8],
            ) -> core::task::Poll<std::io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read(cx, buf).map_err(Into::into)
            }
        }

        #[cfg(feature = "std")]
        $crate::foreign::foreign_reads!([] $type);
    )*};
}

macro_rules! writes {
    ($($type:ty: $this:ident => $stream:expr;)*) => {$(
        impl embedded_io_async::Write for $type {
            async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
                let $this = &*self;
                $stream.write(buf).await
            }

            /// Done when the peer has acknowledged everything.
            async fn flush(&mut self) -> Result<(), Error> {
                let $this = &*self;
                $stream.flush().await
            }
        }

        impl embedded_io::WriteReady for $type {
            fn write_ready(&mut self) -> Result<bool, Error> {
                let $this = &*self;
                Ok($stream.is_ready(false))
            }
        }

        #[cfg(feature = "std")]
        impl futures_io::AsyncWrite for $type {
            fn poll_write(
                self: core::pin::Pin<&mut Self>,
                cx: &mut core::task::Context<'_>,
                buf: &[u8],
            ) -> core::task::Poll<std::io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, buf).map_err(Into::into)
            }

            /// Done when the peer has acknowledged everything.
            fn poll_flush(
                self: core::pin::Pin<&mut Self>,
                cx: &mut core::task::Context<'_>,
            ) -> core::task::Poll<std::io::Result<()>> {
                let $this = &*self;
                $stream.poll_flush(cx).map_err(Into::into)
            }

            /// Ends the writing direction, and is done when the peer has acknowledged everything.
            fn poll_close(
                self: core::pin::Pin<&mut Self>,
                cx: &mut core::task::Context<'_>,
            ) -> core::task::Poll<std::io::Result<()>> {
                let $this = &*self;
                $stream.shutdown(super::Shutdown::Write)?;
                $stream.poll_flush(cx).map_err(Into::into)
            }
        }

        #[cfg(feature = "std")]
        $crate::foreign::foreign_writes!([] $type, false);
    )*};
}

macro_rules! error_type {
    ($($type:ty),*) => {$(
        impl embedded_io::ErrorType for $type {
            type Error = Error;
        }
    )*};
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
