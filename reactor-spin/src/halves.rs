//! The two halves of a stream, borrowed and owned: for the streams in memory and those of the protocol stack.

/// Makes the halves of `$stream`, which has to be in scope with its `Shutdown`, and which knows whether
/// another one [`is`](crate::net::TcpStream) itself and how to `share` itself. `$path` is where a program finds it. Its
/// operations fail with `$error`, which is `$e` if the stream is generic over that, and its ends have an `$addr`.
macro_rules! halves {
    ($path:literal, $stream:ident $(<$e:ident>)?, $error:ty, $addr:ty) => {
        #[doc = concat!(" The half that reads, lent by [`", stringify!($stream), "::split`].")]
        ///
        /// ```
        /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
        #[doc = concat!("use polliwog::spin::{Error, ", $path, "::", stringify!($stream), "};")]
        ///
        #[doc = concat!(" async fn echo(stream: ", stringify!($stream), ") -> Result<(), Error> {")]
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
        pub struct ReadHalf<'a $(, $e: $crate::net::NetError)?> {
            stream: &'a $stream $(<$e>)?,
        }

        #[doc = concat!(" The half that writes, lent by [`", stringify!($stream), "::split`]. Dropping it does not end anything.")]
        #[derive(Debug)]
        pub struct WriteHalf<'a $(, $e: $crate::net::NetError)?> {
            stream: &'a $stream $(<$e>)?,
        }

        #[doc = concat!(" The half that reads, from [`", stringify!($stream), "::into_split`]. Dropping it has no effect on the")]
        /// connection as long as the other half lives.
        ///
        /// ```
        /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
        #[doc = concat!("use polliwog::spin::{Error, ", $path, "::", stringify!($stream), "};")]
        ///
        #[doc = concat!(" async fn at_once(stream: ", stringify!($stream), ") -> Result<(), Error> {")]
        ///     let (reader, writer) = stream.into_split();
        ///     let sending = async move { writer.write_all(b"quak").await };
        ///     let receiving = async move { reader.read_exact(&mut [0; 4]).await };
        ///     polliwog::try_join!(sending, receiving)?;
        ///     Ok(())
        /// }
        /// ```
        #[derive(Debug)]
        pub struct OwnedReadHalf $(<$e: $crate::net::NetError>)? {
            stream: $stream $(<$e>)?,
        }

        #[doc = concat!(" The half that writes, from [`", stringify!($stream), "::into_split`]. Dropping it shuts the writing direction")]
        /// down: the peer finds the end of the stream after the last byte.
        #[derive(Debug)]
        pub struct OwnedWriteHalf $(<$e: $crate::net::NetError>)? {
            stream: $stream $(<$e>)?,
            ends_stream: bool,
        }

        /// The halves are not of the same stream; here they are.
        ///
        /// ```
        /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
        #[doc = concat!("use polliwog::spin::", $path, "::", stringify!($stream), ";")]
        ///
        #[doc = concat!(" fn mixed(one: ", stringify!($stream), ", other: ", stringify!($stream), ") {")]
        ///     let (reader, _) = one.into_split();
        ///     let (_, writer) = other.into_split();
        ///     let error = reader.reunite(writer).unwrap_err();
        ///     println!("{error}: {:?} and {:?}", error.0, error.1);
        /// }
        /// ```
        #[derive(Debug)]
        pub struct ReuniteError $(<$e: $crate::net::NetError>)?(
            pub OwnedReadHalf $(<$e>)?,
            pub OwnedWriteHalf $(<$e>)?,
        );

        impl $(<$e: $crate::net::NetError>)? fmt::Display for ReuniteError $(<$e>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the halves are not of the same stream")
            }
        }

        impl $(<$e: $crate::net::NetError>)? core::error::Error for ReuniteError $(<$e>)? {}

        #[cfg(feature = "std")]
        impl $(<$e: $crate::net::NetError>)? From<ReuniteError $(<$e>)?> for std::io::Error {
            /// Drops the halves: for a function that has no use for them any more.
            fn from(error: ReuniteError $(<$e>)?) -> Self {
                Self::new(
                    std::io::ErrorKind::InvalidInput,
                    alloc::string::ToString::to_string(&error),
                )
            }
        }

        pub(super) fn borrowed $(<$e: $crate::net::NetError>)?(
            stream: &$stream $(<$e>)?,
        ) -> (ReadHalf<'_ $(, $e)?>, WriteHalf<'_ $(, $e)?>) {
            (ReadHalf { stream }, WriteHalf { stream })
        }

        pub(super) fn owned $(<$e: $crate::net::NetError>)?(
            stream: $stream $(<$e>)?,
        ) -> (OwnedReadHalf $(<$e>)?, OwnedWriteHalf $(<$e>)?) {
            let writer = OwnedWriteHalf {
                stream: stream.share(),
                ends_stream: true,
            };
            (OwnedReadHalf { stream }, writer)
        }

        $crate::halves::reading_half!($path, $stream [$($e)?] $error, ReadHalf<'_ $(, $e)?>);
        $crate::halves::reading_half!($path, $stream [$($e)?] $error, OwnedReadHalf $(<$e>)?);
        $crate::halves::writing_half!($path, $stream [$($e)?] $error, WriteHalf<'_ $(, $e)?>);
        $crate::halves::writing_half!($path, $stream [$($e)?] $error, OwnedWriteHalf $(<$e>)?);
        $crate::halves::either_half!($path, $stream [$($e)?] $error, $addr, ReadHalf<'_ $(, $e)?>);
        $crate::halves::either_half!($path, $stream [$($e)?] $error, $addr, OwnedReadHalf $(<$e>)?);
        $crate::halves::either_half!($path, $stream [$($e)?] $error, $addr, WriteHalf<'_ $(, $e)?>);
        $crate::halves::either_half!($path, $stream [$($e)?] $error, $addr, OwnedWriteHalf $(<$e>)?);

        impl $(<$e: $crate::net::NetError>)? OwnedReadHalf $(<$e>)? {
            /// Makes one stream of the halves again.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::", $path, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!(" fn join_again(stream: ", stringify!($stream), ") -> ", stringify!($stream), " {")]
            ///     let (reader, writer) = stream.into_split();
            ///     reader.reunite(writer).unwrap()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// Gives both back if they are not of the same stream.
            pub fn reunite(
                self,
                mut other: OwnedWriteHalf $(<$e>)?,
            ) -> Result<$stream $(<$e>)?, ReuniteError $(<$e>)?> {
                if !self.stream.is(&other.stream) {
                    return Err(ReuniteError(self, other));
                }
                other.ends_stream = false;
                Ok(self.stream)
            }
        }

        impl $(<$e: $crate::net::NetError>)? OwnedWriteHalf $(<$e>)? {
            /// Drops the half without ending the writing direction, which then lasts as long as the
            /// other half.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::", $path, "::", stringify!($stream), ";")]
            ///
            /// /// Reads on, without telling the peer that nothing more will be sent.
            #[doc = concat!(" fn only_read(stream: ", stringify!($stream), ") {")]
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
            #[doc = concat!("use polliwog::spin::", $path, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!(" fn join_again(stream: ", stringify!($stream), ") -> ", stringify!($stream), " {")]
            ///     let (reader, writer) = stream.into_split();
            ///     writer.reunite(reader).unwrap()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// Gives both back if they are not of the same stream.
            pub fn reunite(
                self,
                other: OwnedReadHalf $(<$e>)?,
            ) -> Result<$stream $(<$e>)?, ReuniteError $(<$e>)?> {
                other.reunite(self)
            }
        }

        impl $(<$e: $crate::net::NetError>)? Drop for OwnedWriteHalf $(<$e>)? {
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
    ($path:literal, $stream:ident [$($e:ident)?] $error:ty, $half:ty) => {
        impl $(<$e: $crate::net::NetError>)? $half {
            #[doc = concat!(" Reads from the stream into `buf`: see [`", stringify!($stream), "::read`].")]
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::", stringify!($stream), "};")]
            ///
            #[doc = concat!(" async fn first_bytes(stream: &", stringify!($stream), ", buf: &mut [u8]) -> Result<usize, Error> {")]
            ///     let (reader, _writer) = stream.split();
            ///     reader.read(buf).await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::read`].")]
            ///
            /// # Cancel safety
            ///
            /// A read that is dropped has taken no bytes.
            pub async fn read(&self, buf: &mut [u8]) -> Result<usize, $error> {
                self.stream().read(buf).await
            }

            #[doc = concat!(" Fills `buf` from the stream: see [`", stringify!($stream), "::read_exact`].")]
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::", stringify!($stream), "};")]
            ///
            #[doc = concat!(" async fn header(stream: &", stringify!($stream), ") -> Result<[u8; 4], Error> {")]
            ///     let (reader, _writer) = stream.split();
            ///     let mut header = [0; 4];
            ///     reader.read_exact(&mut header).await?;
            ///     Ok(header)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::read_exact`].")]
            ///
            /// # Cancel safety
            ///
            /// None: if it is dropped, the bytes that had arrived are lost.
            pub async fn read_exact(&self, buf: &mut [u8]) -> Result<(), $error> {
                self.stream().read_exact(buf).await
            }

            #[doc = concat!(" Reads without taking the bytes away: see [`", stringify!($stream), "::peek`].")]
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::", stringify!($stream), "};")]
            ///
            #[doc = concat!(" async fn is_tls(stream: &", stringify!($stream), ") -> Result<bool, Error> {")]
            ///     let (reader, _writer) = stream.split();
            ///     let mut first = [0];
            ///     Ok(reader.peek(&mut first).await? == 1 && first == [0x16])
            /// }
            /// ```
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::peek`].")]
            ///
            /// # Cancel safety
            ///
            /// Takes no bytes in any case.
            pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, $error> {
                self.stream().peek(buf).await
            }

            #[doc = concat!(" Reads if that does not have to wait: see [`", stringify!($stream), "::try_read`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::try_read`].")]
            pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, $error> {
                self.stream().try_read(buf)
            }

            #[doc = concat!(" Waits until there is something to read: see [`", stringify!($stream), "::readable`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::readable`].")]
            ///
            /// # Cancel safety
            ///
            /// Takes nothing.
            pub async fn readable(&self) -> Result<(), $error> {
                self.stream().readable().await
            }
        }
    };
}
pub(crate) use reading_half;

/// What the halves that write do by their stream.
macro_rules! writing_half {
    ($path:literal, $stream:ident [$($e:ident)?] $error:ty, $half:ty) => {
        impl $(<$e: $crate::net::NetError>)? $half {
            #[doc = concat!(" Writes to the stream: see [`", stringify!($stream), "::write`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::write`].")]
            ///
            /// # Cancel safety
            ///
            /// A write that is dropped has written nothing.
            pub async fn write(&self, data: &[u8]) -> Result<usize, $error> {
                self.stream().write(data).await
            }

            #[doc = concat!(" Writes all of it to the stream: see [`", stringify!($stream), "::write_all`].")]
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::", stringify!($stream), "};")]
            ///
            #[doc = concat!(" async fn greet(stream: &", stringify!($stream), ") -> Result<(), Error> {")]
            ///     let (_reader, writer) = stream.split();
            ///     writer.write_all(b"quak\r\n").await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::write_all`].")]
            ///
            /// # Cancel safety
            ///
            /// None: if it is dropped, some of the data may have been written.
            pub async fn write_all(&self, data: &[u8]) -> Result<(), $error> {
                self.stream().write_all(data).await
            }

            #[doc = concat!(" Writes if that does not have to wait: see [`", stringify!($stream), "::try_write`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::try_write`].")]
            pub fn try_write(&self, data: &[u8]) -> Result<usize, $error> {
                self.stream().try_write(data)
            }

            /// Ends the writing direction: the peer reads the end of the stream.
            ///
            /// # Errors
            ///
            /// None.
            pub fn shutdown(&self) -> Result<(), $error> {
                self.stream().shutdown(Shutdown::Write)
            }

            #[doc = concat!(" Waits until there is room to write: see [`", stringify!($stream), "::writable`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::writable`].")]
            ///
            /// # Cancel safety
            ///
            /// Takes nothing.
            pub async fn writable(&self) -> Result<(), $error> {
                self.stream().writable().await
            }
        }
    };
}
pub(crate) use writing_half;

/// What all halves tell.
macro_rules! either_half {
    ($path:literal, $stream:ident [$($e:ident)?] $error:ty, $addr:ty, $half:ty) => {
        impl $(<$e: $crate::net::NetError>)? $half {
            /// Returns the stream that this is a half of.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, ", $path, "::", stringify!($stream), "};")]
            ///
            #[doc = concat!(" async fn peer(stream: &", stringify!($stream), ") -> Result<impl std::fmt::Debug, Error> {")]
            ///     let (reader, _writer) = stream.split();
            ///     reader.stream().peer_addr()
            /// }
            /// ```
            pub fn stream(&self) -> &$stream $(<$e>)? {
                &self.stream
            }

            /// Returns this end's address.
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::local_addr`].")]
            pub fn local_addr(&self) -> Result<$addr, $error> {
                self.stream().local_addr()
            }

            /// Returns the other end's address.
            ///
            /// # Errors
            ///
            #[doc = concat!(" As for [`", stringify!($stream), "::peer_addr`].")]
            pub fn peer_addr(&self) -> Result<$addr, $error> {
                self.stream().peer_addr()
            }
        }

        impl $(<$e: $crate::net::NetError>)? AsRef<$stream $(<$e>)?> for $half {
            fn as_ref(&self) -> &$stream $(<$e>)? {
                self.stream()
            }
        }
    };
}
pub(crate) use either_half;
