//! The two halves of a stream.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::TcpStream;

/// The reading half of a borrowed [`TcpStream`], made by [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The writing half of a borrowed [`TcpStream`], made by [`TcpStream::split`].
///
/// Dropping it does not close anything.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

/// The reading half of a shared [`TcpStream`], made by [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(Rc<TcpStream>);

/// The writing half of a shared [`TcpStream`], made by [`TcpStream::into_split`].
///
/// Dropping it closes the writing direction: the peer reads to the end.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    /// `None` once the half has been taken apart.
    stream: Option<Rc<TcpStream>>,
}

/// Two halves that belong to different streams, given back.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

pub(super) fn borrow(stream: &TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(super) fn share(stream: Rc<TcpStream>) -> (OwnedReadHalf, OwnedWriteHalf) {
    let writer = OwnedWriteHalf {
        stream: Some(Rc::clone(&stream)),
    };
    (OwnedReadHalf(stream), writer)
}

macro_rules! reading_half {
    ($($half:ty),+) => {$(
        impl $half {
            /// The stream that this is a half of.
            #[inline]
            pub fn stream(&self) -> &TcpStream {
                &self.0
            }

            /// See [`TcpStream::read`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::read`].
            ///
            /// # Cancel safety
            ///
            /// Nothing has been read if the future is dropped before it is done.
            #[inline]
            pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.stream().read(buf)
            }

            /// See [`TcpStream::read_exact`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::read_exact`].
            ///
            /// # Cancel safety
            ///
            /// None, as with [`TcpStream::read_exact`].
            pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                self.stream().read_exact(buf)
            }

            /// See [`TcpStream::peek`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::peek`].
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.stream().peek(buf).await
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.stream().peer_addr()
            }
        }
    )+};
}

macro_rules! writing_half {
    ($($half:ty),+) => {$(
        impl $half {
            /// See [`TcpStream::write`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::write`].
            ///
            /// # Cancel safety
            ///
            /// Nothing has been written if the future is dropped before it is done.
            #[inline]
            pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                self.stream().write(buf)
            }

            /// See [`TcpStream::write_all`].
            ///
            /// # Errors
            ///
            /// As [`TcpStream::write_all`].
            ///
            /// # Cancel safety
            ///
            /// None: some part may have been written.
            pub fn write_all(&self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                self.stream().write_all(buf)
            }

            /// Closes the writing direction.
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn shutdown(&self) -> io::Result<()> {
                self.stream().finish()
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.stream().peer_addr()
            }
        }
    )+};
}

reading_half!(ReadHalf<'_>, OwnedReadHalf);
writing_half!(WriteHalf<'_>, OwnedWriteHalf);

impl WriteHalf<'_> {
    /// The stream that this is a half of.
    #[inline]
    pub fn stream(&self) -> &TcpStream {
        self.0
    }
}

impl OwnedReadHalf {
    /// Makes one stream of two halves again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] with both halves if they belong to different streams.
    pub fn reunite(self, writer: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        writer.reunite(self)
    }
}

impl OwnedWriteHalf {
    /// The stream that this is a half of.
    #[inline]
    pub fn stream(&self) -> &TcpStream {
        match &self.stream {
            Some(stream) => stream,
            // Only `reunite` and `forget` take it, and both consume the half.
            None => unreachable!("a half that was taken apart"),
        }
    }

    /// Makes one stream of two halves again.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] with both halves if they belong to different streams.
    pub fn reunite(mut self, reader: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        match self.stream.take() {
            Some(stream) if Rc::ptr_eq(&stream, &reader.0) => {
                drop(reader);
                match Rc::try_unwrap(stream) {
                    Ok(stream) => Ok(stream),
                    Err(_) => unreachable!("a stream has two halves and both are here"),
                }
            }
            stream => {
                self.stream = stream;
                Err(ReuniteError(reader, self))
            }
        }
    }

    /// Drops the half and leaves the writing direction open.
    pub fn forget(mut self) {
        self.stream = None;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            if let Err(_error) = stream.finish() {
                record!(debug, "cannot close the writing direction: {_error}");
            }
        }
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves belong to different streams")
    }
}

impl Error for ReuniteError {}

impl From<ReuniteError> for io::Error {
    /// Drops the halves: for a function that has no use for them any more.
    fn from(error: ReuniteError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error.to_string())
    }
}
