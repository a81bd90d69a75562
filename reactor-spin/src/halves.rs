//! The two halves of a stream, borrowed and owned: for the streams in memory and those of the protocol stack.

/// Makes the halves of `TcpStream`, which has to be in scope with its `Shutdown` and which knows whether another one
/// [`is`](crate::net::TcpStream) itself and how to `share` itself. `$path` is where a program finds it.
macro_rules! halves {
    ($path:literal) => {
        /// The half that reads, lent by [`TcpStream::split`].
        ///
        /// ```
        /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
        #[doc = concat!("use polliwog::spin::{Error, ", $path, "::TcpStream};")]
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
        pub struct ReadHalf<'a> {
            stream: &'a TcpStream,
        }

        /// The half that writes, lent by [`TcpStream::split`]. Dropping it does not end anything.
        #[derive(Debug)]
        pub struct WriteHalf<'a> {
            stream: &'a TcpStream,
        }

        /// The half that reads, from [`TcpStream::into_split`]. Dropping it has no effect on the
        /// connection as long as the other half lives.
        ///
        /// ```
        /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
        #[doc = concat!("use polliwog::spin::{Error, ", $path, "::TcpStream};")]
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
        pub struct OwnedReadHalf {
            stream: TcpStream,
        }

        /// The half that writes, from [`TcpStream::into_split`]. Dropping it shuts the writing direction
        /// down: the peer finds the end of the stream after the last byte.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: TcpStream,
            ends_stream: bool,
        }

        /// The halves are not of the same stream; here they are.
        ///
        /// ```
        /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
        #[doc = concat!("use polliwog::spin::", $path, "::TcpStream;")]
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

        #[cfg(feature = "std")]
        impl From<ReuniteError> for std::io::Error {
            /// Drops the halves: for a function that has no use for them any more.
            fn from(error: ReuniteError) -> Self {
                Self::new(
                    std::io::ErrorKind::InvalidInput,
                    alloc::string::ToString::to_string(&error),
                )
            }
        }

        pub(super) fn borrowed(stream: &TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf { stream }, WriteHalf { stream })
        }

        pub(super) fn owned(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
            let writer = OwnedWriteHalf {
                stream: stream.share(),
                ends_stream: true,
            };
            (OwnedReadHalf { stream }, writer)
        }

        $crate::halves::reading_half!($path, ReadHalf<'_>, OwnedReadHalf);
        $crate::halves::writing_half!($path, WriteHalf<'_>, OwnedWriteHalf);
        $crate::halves::either_half!(
            $path,
            ReadHalf<'_>,
            OwnedReadHalf,
            WriteHalf<'_>,
            OwnedWriteHalf
        );

        impl OwnedReadHalf {
            /// Makes one stream of the halves again.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::", $path, "::TcpStream;")]
            ///
            /// fn join_again(stream: TcpStream) -> TcpStream {
            ///     let (reader, writer) = stream.into_split();
            ///     reader.reunite(writer).unwrap()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// Gives both back if they are not of the same stream.
            pub fn reunite(self, mut other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
                if !self.stream.is(&other.stream) {
                    return Err(ReuniteError(self, other));
                }
                other.ends_stream = false;
                Ok(self.stream)
            }
        }

        impl OwnedWriteHalf {
            /// Drops the half without ending the writing direction, which then lasts as long as the
            /// other half.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::", $path, "::TcpStream;")]
            ///
            /// /// Reads on, without telling the peer that nothing more will be sent.
            /// fn only_read(stream: TcpStream) {
            ///     let (_reader, writer) = stream.into_split();
            ///     writer.forget();
            /// }
            /// ```
            pub fn forget(mut self) {
                self.ends_stream = false;
            }

            /// Makes one stream of the halves again.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::", $path, "::TcpStream;")]
            ///
            /// fn join_again(stream: TcpStream) -> TcpStream {
            ///     let (reader, writer) = stream.into_split();
            ///     writer.reunite(reader).unwrap()
            /// }
            /// ```
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
                    // It has the signature of the system's streams, and no errors.
                    let _ = self.stream.shutdown(Shutdown::Write);
                }
            }
        }
    };
}
pub(crate) use halves;

/// What the halves that read do by their stream.
macro_rules! reading_half {
    ($path:literal, $($half:ty),*) => {$(
        impl $half {
            /// Reads from the stream into `buf`: see [`TcpStream::read`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::TcpStream};")]
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
            /// A read that is dropped has taken no bytes.
            pub async fn read(&self, buf: &mut [u8]) -> Result<usize, Error> {
                self.stream().read(buf).await
            }

            /// Fills `buf` from the stream: see [`TcpStream::read_exact`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::TcpStream};")]
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
            /// None: if it is dropped, the bytes that had arrived are lost.
            pub async fn read_exact(&self, buf: &mut [u8]) -> Result<(), Error> {
                self.stream().read_exact(buf).await
            }

            /// Reads without taking the bytes away: see [`TcpStream::peek`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::TcpStream};")]
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
            /// Takes no bytes in any case.
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
            /// As for [`TcpStream::readable`].
            ///
            /// # Cancel safety
            ///
            /// Takes nothing.
            pub async fn readable(&self) -> Result<(), Error> {
                self.stream().readable().await
            }
        }
    )*};
}
pub(crate) use reading_half;

/// What the halves that write do by their stream.
macro_rules! writing_half {
    ($path:literal, $($half:ty),*) => {$(
        impl $half {
            /// Writes to the stream: see [`TcpStream::write`].
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::write`].
            ///
            /// # Cancel safety
            ///
            /// A write that is dropped has written nothing.
            pub async fn write(&self, data: &[u8]) -> Result<usize, Error> {
                self.stream().write(data).await
            }

            /// Writes all of it to the stream: see [`TcpStream::write_all`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::TcpStream};")]
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
            /// None: if it is dropped, some of the data may have been written.
            pub async fn write_all(&self, data: &[u8]) -> Result<(), Error> {
                self.stream().write_all(data).await
            }

            /// Writes if that does not have to wait: see [`TcpStream::try_write`].
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::try_write`].
            pub fn try_write(&self, data: &[u8]) -> Result<usize, Error> {
                self.stream().try_write(data)
            }

            /// Ends the writing direction: the peer reads the end of the stream.
            ///
            /// # Errors
            ///
            /// None.
            pub fn shutdown(&self) -> Result<(), Error> {
                self.stream().shutdown(Shutdown::Write)
            }

            /// Waits until there is room to write: see [`TcpStream::writable`].
            ///
            /// # Errors
            ///
            /// As for [`TcpStream::writable`].
            ///
            /// # Cancel safety
            ///
            /// Takes nothing.
            pub async fn writable(&self) -> Result<(), Error> {
                self.stream().writable().await
            }
        }
    )*};
}
pub(crate) use writing_half;

/// What all halves tell.
macro_rules! either_half {
    ($path:literal, $($half:ty),*) => {$(
        impl $half {
            /// Returns the stream that this is a half of.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::TcpStream};")]
            ///
            /// async fn peer(stream: &TcpStream) -> Result<std::net::SocketAddr, Error> {
            ///     let (reader, _writer) = stream.split();
            ///     reader.stream().peer_addr()
            /// }
            /// ```
            pub fn stream(&self) -> &TcpStream {
                &self.stream
            }

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
pub(crate) use either_half;
