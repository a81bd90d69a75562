//! The two halves of a [`TcpStream`], borrowed and owned.

use core::fmt;
use core::net::SocketAddr;

use super::{Shutdown, TcpStream};
use crate::Error;
use crate::halves::halves;

halves!("stack", TcpStream, Error, SocketAddr);

macro_rules! flushing {
    ($($half:ty),*) => {$(
        impl $half {
            /// Waits until the peer has acknowledged everything: see [`TcpStream::flush`].
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::flush`].
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost if the wait is given up.
            pub async fn flush(&self) -> Result<(), Error> {
                self.stream().flush().await
            }
        }
    )*};
}

flushing!(WriteHalf<'_>, OwnedWriteHalf);
