//! The two halves of a [`TcpStream`], borrowed and owned.

use core::fmt;
use core::net::SocketAddr;

use super::Shutdown;
use super::stream::TcpStream;
use crate::halves::halves;
#[cfg(feature = "std")]
use crate::io::vectored::vectored;

/// Implements the traits of `embedded_io_async` by the inherent methods of the same name.
macro_rules! embedded_io {
    ($type:ty, $inherent:ident: $($name:ident)*) => {
        impl<E: $crate::net::NetError> embedded_io::ErrorType for $type {
            type Error = E;
        }
        $($crate::net::split::embedded_io!(@$name $type, $inherent);)*
    };
    (@Read $type:ty, $inherent:ident) => {
        impl<E: $crate::net::NetError> embedded_io_async::Read for $type {
            async fn read(&mut self, buf: &mut [u8]) -> Result<usize, E> {
                $inherent::read(self, buf).await
            }
        }
    };
    (@Write $type:ty, $inherent:ident) => {
        impl<E: $crate::net::NetError> embedded_io_async::Write for $type {
            async fn write(&mut self, data: &[u8]) -> Result<usize, E> {
                $inherent::write(self, data).await
            }

            /// Done at once: what is written can be read.
            async fn flush(&mut self) -> Result<(), E> {
                Ok(())
            }
        }
    };
}
pub(crate) use embedded_io;

/// Implements `embedded_io`'s questions whether a read or a write would wait, by the stream that `$this` is or has.
macro_rules! readiness {
    ($trait:ident, $method:ident, $question:ident: $($type:ty: $this:ident => $stream:expr;)*) => {$(
        impl<E: $crate::net::NetError> embedded_io_async::$trait for $type {
            fn $method(&mut self) -> Result<bool, E> {
                let $this = &*self;
                Ok($stream.$question())
            }
        }
    )*};
}
#[cfg(feature = "sim")]
pub(crate) use readiness;

halves!("net", TcpStream<E>, E, SocketAddr);

embedded_io!(ReadHalf<'_, E>, ReadHalf: Read);
embedded_io!(WriteHalf<'_, E>, WriteHalf: Write);
embedded_io!(OwnedReadHalf<E>, OwnedReadHalf: Read);
embedded_io!(OwnedWriteHalf<E>, OwnedWriteHalf: Write);

readiness! {
    ReadReady, read_ready, is_read_ready:
    TcpStream<E>: stream => stream;
    &TcpStream<E>: stream => stream;
    ReadHalf<'_, E>: half => half.stream();
    OwnedReadHalf<E>: half => half.stream();
}
readiness! {
    WriteReady, write_ready, is_write_ready:
    TcpStream<E>: stream => stream;
    &TcpStream<E>: stream => stream;
    WriteHalf<'_, E>: half => half.stream();
    OwnedWriteHalf<E>: half => half.stream();
}

#[cfg(feature = "std")]
vectored!(@reading TcpStream: ReadHalf<'_, E>, OwnedReadHalf<E>);
#[cfg(feature = "std")]
vectored!(@writing TcpStream: WriteHalf<'_, E>, OwnedWriteHalf<E>);
