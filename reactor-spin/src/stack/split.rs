//! The two halves of a [`TcpStream`], borrowed and owned.

use core::fmt;
use core::net::SocketAddr;

use super::{Shutdown, TcpStream};
use crate::Error;

/// The half that reads, lent by [`TcpStream::split`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{Error, stack::TcpStream};
///
/// async fn echo(stream: TcpStream) -> Result<(), Error> {
///     let (reader, writer) = stream.split();
///     let mut buf = [0; 512];
///     loop {
///         match reader.read(&mut buf).await? {
///             0 => return Ok(()),
///             n => writer.write_all(&buf[..n]).await?,
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The half that writes, lent by [`TcpStream::split`]. Dropping it does not end anything.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

/// The half that reads, from [`TcpStream::into_split`]. Dropping it has no effect on the connection as
/// long as the other half lives.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{Error, stack::TcpStream};
///
/// async fn at_once(stream: TcpStream) -> Result<(), Error> {
///     let (reader, writer) = stream.into_split();
///     let sending = async move { writer.write_all(b"quak").await };
///     let receiving = async move { reader.read_exact(&mut [0; 4]).await };
///     polliwog::try_join!(sending, receiving)?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct OwnedReadHalf(TcpStream);

/// The half that writes, from [`TcpStream::into_split`]. Dropping it ends the writing direction: the
/// peer reads to the end of what was written.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: TcpStream,
    ends_stream: bool,
}

/// The halves are not of the same stream; here they are.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{Error, stack::TcpStream};
///
/// fn mixed(one: TcpStream, other: TcpStream) {
///     let (reader, _) = one.into_split();
///     let (_, writer) = other.into_split();
///     let error = reader.reunite(writer).unwrap_err();
///     println!("{error}: {:?} and {:?}", error.0, error.1);
/// }
/// ```
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are not of the same stream")
    }
}

impl core::error::Error for ReuniteError {}

pub(super) fn borrowed(stream: &TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(super) fn owned(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let writer = OwnedWriteHalf {
        stream: stream.share(),
        ends_stream: true,
    };
    (OwnedReadHalf(stream), writer)
}

impl ReadHalf<'_> {
    /// Returns the stream that this is a half of.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn peer(stream: &TcpStream) -> Result<std::net::SocketAddr, Error> {
    ///     let (reader, _writer) = stream.split();
    ///     reader.stream().peer_addr()
    /// }
    /// ```
    pub fn stream(&self) -> &TcpStream {
        self.0
    }
}

impl WriteHalf<'_> {
    /// Returns the stream that this is a half of.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn peer(stream: &TcpStream) -> Result<std::net::SocketAddr, Error> {
    ///     let (reader, _writer) = stream.split();
    ///     reader.stream().peer_addr()
    /// }
    /// ```
    pub fn stream(&self) -> &TcpStream {
        self.0
    }
}

impl OwnedReadHalf {
    /// Returns the stream that this is a half of.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn peer(stream: &TcpStream) -> Result<std::net::SocketAddr, Error> {
    ///     let (reader, _writer) = stream.split();
    ///     reader.stream().peer_addr()
    /// }
    /// ```
    pub fn stream(&self) -> &TcpStream {
        &self.0
    }

    /// Makes one stream of the halves again.
    ///
    /// # Errors
    ///
    /// Gives both back if they are not of the same stream.
    pub fn reunite(self, mut other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !self.0.is(&other.stream) {
            return Err(ReuniteError(self, other));
        }
        other.ends_stream = false;
        Ok(self.0)
    }
}

impl OwnedWriteHalf {
    /// Returns the stream that this is a half of.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn peer(stream: &TcpStream) -> Result<std::net::SocketAddr, Error> {
    ///     let (reader, _writer) = stream.split();
    ///     reader.stream().peer_addr()
    /// }
    /// ```
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Drops the half without ending the writing direction, which then lasts as long as the
    /// other half.
    pub fn forget(mut self) {
        self.ends_stream = false;
    }

    /// Makes one stream of the halves again.
    ///
    /// # Errors
    ///
    /// Gives both back if they are not of the same stream.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.ends_stream {
            // It has the mio stream's signature and no errors.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

macro_rules! reading {
    ($($half:ty),*) => {$(
        impl $half {
            /// Reads from the stream into `buf`: see [`TcpStream::read`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            /// use polliwog::spin::{Error, stack::TcpStream};
            ///
            /// async fn first_bytes(stream: &TcpStream, buf: &mut [u8]) -> Result<usize, Error> {
            ///     let (reader, _writer) = stream.split();
            ///     reader.read(buf).await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::read`].
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost if the wait is given up.
            pub async fn read(&self, buf: &mut [u8]) -> Result<usize, Error> {
                self.stream().read(buf).await
            }

            /// Fills `buf` from the stream: see [`TcpStream::read_exact`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            /// use polliwog::spin::{Error, stack::TcpStream};
            ///
            /// async fn header(stream: &TcpStream) -> Result<[u8; 4], Error> {
            ///     let (reader, _writer) = stream.split();
            ///     let mut header = [0; 4];
            ///     reader.read_exact(&mut header).await?;
            ///     Ok(header)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::read_exact`].
            ///
            /// # Cancel safety
            ///
            /// If the wait is given up, what was read so far is lost.
            pub async fn read_exact(&self, buf: &mut [u8]) -> Result<(), Error> {
                self.stream().read_exact(buf).await
            }

            /// Reads without taking the bytes away: see [`TcpStream::peek`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            /// use polliwog::spin::{Error, stack::TcpStream};
            ///
            /// async fn is_tls(stream: &TcpStream) -> Result<bool, Error> {
            ///     let (reader, _writer) = stream.split();
            ///     let mut first = [0];
            ///     Ok(reader.peek(&mut first).await? == 1 && first == [0x16])
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::peek`].
            ///
            /// # Cancel safety
            ///
            /// It takes nothing in any case.
            pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, Error> {
                self.stream().peek(buf).await
            }

            /// Reads if that does not have to wait: see [`TcpStream::try_read`].
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::try_read`].
            pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
                self.stream().try_read(buf)
            }

            /// Waits until there is something to read: see [`TcpStream::readable`].
            ///
            /// # Errors
            ///
            /// None; it has the mio stream's signature.
            ///
            /// # Cancel safety
            ///
            /// It takes nothing in any case.
            pub async fn readable(&self) -> Result<(), Error> {
                self.stream().readable().await
            }
        }
    )*};
}

macro_rules! writing {
    ($($half:ty),*) => {$(
        impl $half {
            /// Writes to the stream: see [`TcpStream::write`].
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::write`].
            ///
            /// # Cancel safety
            ///
            /// Nothing was written if the wait is given up.
            pub async fn write(&self, buf: &[u8]) -> Result<usize, Error> {
                self.stream().write(buf).await
            }

            /// Writes all of it to the stream: see [`TcpStream::write_all`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            /// use polliwog::spin::{Error, stack::TcpStream};
            ///
            /// async fn greet(stream: &TcpStream) -> Result<(), Error> {
            ///     let (_reader, writer) = stream.split();
            ///     writer.write_all(b"quak\r\n").await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::write_all`].
            ///
            /// # Cancel safety
            ///
            /// If the wait is given up, part of it may have been written.
            pub async fn write_all(&self, buf: &[u8]) -> Result<(), Error> {
                self.stream().write_all(buf).await
            }

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

            /// Writes if that does not have to wait: see [`TcpStream::try_write`].
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::try_write`].
            pub fn try_write(&self, buf: &[u8]) -> Result<usize, Error> {
                self.stream().try_write(buf)
            }

            /// Waits until there is room to write: see [`TcpStream::writable`].
            ///
            /// # Errors
            ///
            /// None; it has the mio stream's signature.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn writable(&self) -> Result<(), Error> {
                self.stream().writable().await
            }

            /// Ends the writing direction: the peer reads to the end of what was written.
            ///
            /// # Errors
            ///
            /// None; it has the mio stream's signature.
            pub fn shutdown(&self) -> Result<(), Error> {
                self.stream().shutdown(Shutdown::Write)
            }
        }
    )*};
}

macro_rules! addresses {
    ($($half:ty),*) => {$(
        impl $half {
            /// Returns this end's address.
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::local_addr`].
            pub fn local_addr(&self) -> Result<SocketAddr, Error> {
                self.stream().local_addr()
            }

            /// Returns the other end's address.
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::peer_addr`].
            pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
                self.stream().peer_addr()
            }
        }
    )*};
}

reading!(ReadHalf<'_>, OwnedReadHalf);
writing!(WriteHalf<'_>, OwnedWriteHalf);
addresses!(ReadHalf<'_>, OwnedReadHalf, WriteHalf<'_>, OwnedWriteHalf);
