//! The two halves of a stream.

/// What both reading halves have.
macro_rules! reading_half {
    ($($half:ty),+ => $stream:ident) => {$(
        impl $half {
            /// Returns the stream that this is a half of.
            #[inline]
            pub fn stream(&self) -> &$stream {
                &self.0
            }

            #[doc = concat!("Reads from the stream into `buf`: see [`", stringify!($stream), "::read`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::read`].")]
            ///
            /// # Cancel safety
            ///
            /// Nothing has been read if the future is dropped before it is done.
            #[inline]
            pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.stream().read(buf)
            }

            #[doc = concat!("Fills `buf` from the stream: see [`", stringify!($stream), "::read_exact`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::read_exact`].")]
            ///
            /// # Cancel safety
            ///
            #[doc = concat!("None, as with [`", stringify!($stream), "::read_exact`].")]
            pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                self.stream().read_exact(buf)
            }

            #[doc = concat!("Reads without taking the bytes away: see [`", stringify!($stream), "::peek`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::peek`].")]
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.stream().peek(buf).await
            }

            #[doc = concat!("Reads into several buffers: see [`", stringify!($stream), "::read_vectored`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::read`].")]
            ///
            /// # Cancel safety
            ///
            /// Nothing has been read if the future is dropped before it is done.
            pub fn read_vectored(
                &self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                self.stream().read_vectored(bufs)
            }

            #[doc = concat!("Reads if that does not have to wait: see [`", stringify!($stream), "::try_read`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::try_read`].")]
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.stream().try_read(buf)
            }

            #[doc = concat!("Waits until there may be something to read: see [`", stringify!($stream), "::readable`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::readable`].")]
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn readable(&self) -> io::Result<()> {
                self.stream().readable().await
            }
        }
    )+};
}
pub(super) use reading_half;

/// What both writing halves have, which know their `stream`.
macro_rules! writing_half {
    ($($half:ty),+ => $stream:ident) => {$(
        impl $half {
            #[doc = concat!("Writes to the stream: see [`", stringify!($stream), "::write`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::write`].")]
            ///
            /// # Cancel safety
            ///
            /// Nothing has been written if the future is dropped before it is done.
            #[inline]
            pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                self.stream().write(buf)
            }

            #[doc = concat!("Writes all of it to the stream: see [`", stringify!($stream), "::write_all`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::write_all`].")]
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

            #[doc = concat!("Writes from several buffers: see [`", stringify!($stream), "::write_vectored`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::write`].")]
            ///
            /// # Cancel safety
            ///
            /// Nothing has been written if the future is dropped before it is done.
            pub fn write_vectored(
                &self,
                bufs: &[IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                self.stream().write_vectored(bufs)
            }

            #[doc = concat!("Writes if that does not have to wait: see [`", stringify!($stream), "::try_write`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::try_write`].")]
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.stream().try_write(buf)
            }

            #[doc = concat!("Waits until there may be room to write: see [`", stringify!($stream), "::writable`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($stream), "::writable`].")]
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn writable(&self) -> io::Result<()> {
                self.stream().writable().await
            }
        }
    )+};
}
pub(super) use writing_half;

/// What all halves have, which know their `stream`.
macro_rules! either_half {
    ($($half:ty),+ => $stream:ident, $addr:ty) => {$(
        impl $half {
            /// Returns the address of the other end.
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn peer_addr(&self) -> io::Result<$addr> {
                self.stream().peer_addr()
            }

            /// Returns the address of this end.
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.stream().local_addr()
            }
        }

        impl AsRef<$stream> for $half {
            fn as_ref(&self) -> &$stream {
                self.stream()
            }
        }
    )+};
}
pub(super) use either_half;

/// The halves of `$stream`, whose addresses are of the type `$addr`.
macro_rules! halves {
    ($stream:ident, $addr:ty) => {
        #[doc = concat!("The reading half of a borrowed [`", stringify!($stream), "`], made by [`", stringify!($stream), "::split`].")]
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        #[doc = concat!("The writing half of a borrowed [`", stringify!($stream), "`], made by [`", stringify!($stream), "::split`].")]
        ///
        /// Dropping it does not close anything.
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        #[doc = concat!("The reading half of a shared [`", stringify!($stream), "`], made by [`", stringify!($stream), "::into_split`].")]
        #[derive(Debug)]
        pub struct OwnedReadHalf(Rc<$stream>);

        #[doc = concat!("The writing half of a shared [`", stringify!($stream), "`], made by [`", stringify!($stream), "::into_split`].")]
        ///
        /// Dropping it closes the writing direction: the peer reads to the end.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            /// `None` once the half has been taken apart.
            stream: Option<Rc<$stream>>,
        }

        /// Two halves that belong to different streams, given back.
        ///
        /// ```
        /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
        #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
        ///
        #[doc = concat!("fn join_again(stream: ", stringify!($stream), ") -> ", stringify!($stream), " {")]
        ///     let (reader, writer) = stream.into_split();
        ///     reader.reunite(writer).expect("they are of one stream")
        /// }
        /// ```
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        pub(in crate::net) fn borrow(stream: &$stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf(stream), WriteHalf(stream))
        }

        pub(in crate::net) fn share(stream: Rc<$stream>) -> (OwnedReadHalf, OwnedWriteHalf) {
            let writer = OwnedWriteHalf {
                stream: Some(Rc::clone(&stream)),
            };
            (OwnedReadHalf(stream), writer)
        }

        $crate::net::halves::reading_half!(ReadHalf<'_>, OwnedReadHalf => $stream);

        $crate::net::halves::writing_half!(WriteHalf<'_>, OwnedWriteHalf => $stream);

        $crate::net::halves::either_half!(
            ReadHalf<'_>, WriteHalf<'_>, OwnedReadHalf, OwnedWriteHalf => $stream, $addr
        );

        sockets! {
            ReadHalf<'_>: half => half.stream();
            WriteHalf<'_>: half => half.stream();
            OwnedReadHalf: half => half.stream();
            OwnedWriteHalf: half => half.stream();
        }

        impl WriteHalf<'_> {
            /// Returns the stream that this is a half of.
            #[inline]
            pub fn stream(&self) -> &$stream {
                self.0
            }
        }

        impl OwnedReadHalf {
            /// Makes one stream of two halves again.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("fn join_again(stream: ", stringify!($stream), ") -> ", stringify!($stream), " {")]
            ///     let (reader, writer) = stream.into_split();
            ///     reader.reunite(writer).unwrap()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`ReuniteError`] with both halves if they belong to different streams.
            pub fn reunite(self, writer: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                writer.reunite(self)
            }
        }

        impl OwnedWriteHalf {
            /// Returns the stream that this is a half of.
            #[inline]
            pub fn stream(&self) -> &$stream {
                match &self.stream {
                    Some(stream) => stream,
                    // Only `reunite` and `forget` take it, and both consume the half.
                    None => unreachable!("a half that was taken apart"),
                }
            }

            /// Makes one stream of two halves again.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("fn join_again(stream: ", stringify!($stream), ") -> ", stringify!($stream), " {")]
            ///     let (reader, writer) = stream.into_split();
            ///     writer.reunite(reader).unwrap()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`ReuniteError`] with both halves if they belong to different streams.
            pub fn reunite(mut self, reader: OwnedReadHalf) -> Result<$stream, ReuniteError> {
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
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            /// /// Reads on, without telling the peer that nothing more will be sent.
            #[doc = concat!("fn only_read(stream: ", stringify!($stream), ") {")]
            ///     let (_reader, writer) = stream.into_split();
            ///     writer.forget();
            /// }
            /// ```
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
    };
}
pub(super) use halves;
