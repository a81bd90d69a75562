//! What every stream of bytes has: reading and writing.

use std::ops::{Deref, Range};

/// So many buffers go into one system call everywhere (POSIX), more of them perhaps not.
pub(super) const BUFFERS: usize = 16;
/// No more of them are passed on: Unix takes fewer or as many, by the standard library, but Wine
/// refuses more.
const MOST_BUFFERS: usize = 1024;

/// The buffers for one system call: from the first that is not empty, as a call that moves nothing
/// would look like the end of the stream. `None` if all are empty.
pub(super) fn span<B: Deref<Target = [u8]>>(bufs: &[B]) -> Option<Range<usize>> {
    let first = bufs.iter().position(|buf| !buf.is_empty())?;
    Some(first..bufs.len().min(first + MOST_BUFFERS))
}

/// How many bytes a call for these asks for, as far as that says when it has moved fewer than it could have: of more
/// buffers their number may have been the limit.
pub(super) fn asked<B: Deref<Target = [u8]>>(bufs: &[B]) -> usize {
    match bufs.len() <= BUFFERS {
        true => bufs.iter().map(|buf| buf.len()).sum(),
        false => 0,
    }
}

/// The methods of a stream of the module `$module` that is a struct with the field `io: Attached<$socket>`, where
/// `&$socket` reads, and `$write` writes some bytes. What becomes known by a transfer it notes by `note_read` and
/// `note_written`; it writes without a wait by `try_writing`.
macro_rules! byte_stream {
    ($stream:ident in $module:literal: $socket:ty, $write:expr) => {
        impl $stream {
            /// Reads into `buf` and returns how many bytes it was; zero at the end of the stream, and at
            /// once if `buf` is empty.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn count_bytes(stream: &", stringify!($stream), ") -> std::io::Result<usize> {")]
            ///     let (mut buf, mut total) = ([0; 4096], 0);
            ///     loop {
            ///         match stream.read(&mut buf).await? {
            ///             0 => return Ok(total), // the peer has finished
            ///             n => total += n,
            ///         }
            ///     }
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports of this connection, a reset by the peer for example; an error
            /// that wraps [`SourcesFull`](polliwog_core::sources::SourcesFull) when it would have to
            /// wait and the reactor watches as many sources as it may.
            ///
            /// # Cancel safety
            ///
            /// Nothing has been read if the future is dropped before it is done.
            #[inline]
            pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                // Known by its waker, as the poll functions are: an identity, and a destructor for it, would make a
                // request of an echo server 60 instructions longer.
                poll_fn(move |cx| self.poll_read(cx, buf))
            }

            /// Fills `buf`.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn length(stream: &", stringify!($stream), ") -> std::io::Result<u32> {")]
            ///     let mut bytes = [0; 4];
            ///     stream.read_exact(&mut bytes).await?;
            ///     Ok(u32::from_be_bytes(bytes))
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read); [`io::ErrorKind::UnexpectedEof`] when the stream ends before.
            ///
            /// # Cancel safety
            ///
            /// None: what has been read until then is in `buf`, and how much it is, is lost.
            #[inline]
            pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                let mut done = 0;
                poll_fn(move |cx| {
                    while done < buf.len() {
                        match ready!(self.poll_read(cx, &mut buf[done..]))? {
                            0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                            n => done += n,
                        }
                    }
                    Poll::Ready(Ok(()))
                })
            }

            /// Writes from `buf` and returns how many bytes were taken; zero only if `buf` is empty.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn send_some(stream: &", stringify!($stream), ", bytes: &[u8]) -> std::io::Result<usize> {")]
            ///     stream.write(bytes).await // perhaps not all of them
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Nothing has been written if the future is dropped before it is done.
            #[inline]
            pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                poll_fn(move |cx| self.poll_write(cx, buf))
            }

            /// Writes all of `buf`.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn greet(stream: &", stringify!($stream), ") -> std::io::Result<()> {")]
            ///     stream.write_all(b"quak\r\n").await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read); [`io::ErrorKind::WriteZero`] when the system takes nothing.
            ///
            /// # Cancel safety
            ///
            /// None: some part may have been written.
            #[inline]
            pub fn write_all(&self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                let mut rest = buf;
                poll_fn(move |cx| {
                    while !rest.is_empty() {
                        match ready!(self.poll_write(cx, rest))? {
                            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                            n => rest = &rest[n..],
                        }
                    }
                    Poll::Ready(Ok(()))
                })
            }

            /// [`read`](Self::read) into several buffers, one after the other, by one system call.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            /// use std::io::{self, IoSliceMut};
            ///
            #[doc = concat!("async fn read_both(stream: &", stringify!($stream), ", head: &mut [u8], body: &mut [u8]) -> io::Result<usize> {")]
            ///     stream.read_vectored(&mut [IoSliceMut::new(head), IoSliceMut::new(body)]).await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Nothing has been read if the future is dropped before it is done.
            pub fn read_vectored(
                &self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(move |cx| self.poll_read_vectored(cx, bufs))
            }

            /// [`write`](Self::write) from several buffers, one after the other, by one system call.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            /// use std::io::{self, IoSlice};
            ///
            #[doc = concat!("async fn write_both(stream: &", stringify!($stream), ", head: &[u8], body: &[u8]) -> io::Result<usize> {")]
            ///     stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]).await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Nothing has been written if the future is dropped before it is done.
            pub fn write_vectored(
                &self,
                bufs: &[IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                poll_fn(move |cx| self.poll_write_vectored(cx, bufs))
            }

            /// [`try_read`](Self::try_read) into several buffers.
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to wait; see [`readable`](Self::readable).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let asked = byte_stream::asked(bufs);
                let Some(span) = byte_stream::span(bufs) else {
                    return Ok(0);
                };
                let read = |mut socket: &$socket| socket.read_vectored(&mut bufs[span.clone()]);
                let read = self.io.try_with(Direction::Read, read)?;
                self.note_read(read, asked);
                Ok(read)
            }

            /// [`try_write`](Self::try_write) from several buffers.
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to wait; see [`writable`](Self::writable).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let asked = byte_stream::asked(bufs);
                let Some(span) = byte_stream::span(bufs) else {
                    return Ok(0);
                };
                let written =
                    self.try_writing(|socket| no_sigpipe::write_vectored(socket, &bufs[span]))?;
                self.note_written(written, asked);
                Ok(written)
            }

            /// Reads if that does not have to wait.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            /// use std::io::{self, ErrorKind};
            ///
            #[doc = concat!("fn what_is_there(stream: &", stringify!($stream), ", buf: &mut [u8]) -> io::Result<Option<usize>> {")]
            ///     match stream.try_read(buf) {
            ///         Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            ///         read => read.map(Some),
            ///     }
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to; see [`readable`](Self::readable).
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                let read = self
                    .io
                    .try_with(Direction::Read, |mut socket| socket.read(buf))?;
                self.note_read(read, buf.len());
                Ok(read)
            }

            /// Writes if that does not have to wait.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!("fn offer(stream: &", stringify!($stream), ", bytes: &[u8]) -> usize {")]
            ///     stream.try_write(bytes).unwrap_or(0)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to; see [`writable`](Self::writable).
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                let written = self.try_writing(|socket| $write(socket, buf))?;
                self.note_written(written, buf.len());
                Ok(written)
            }

            /// Waits until [`try_read`](Self::try_read) may have something to return. It may be wrong.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            /// use std::io::{self, ErrorKind};
            ///
            #[doc = concat!("async fn read(stream: &", stringify!($stream), ", buf: &mut [u8]) -> io::Result<usize> {")]
            ///     loop {
            ///         stream.readable().await?;
            ///         match stream.try_read(buf) {
            ///             Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            ///             read => return read,
            ///         }
            ///     }
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When the socket cannot be registered to wait.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn readable(&self) -> io::Result<()> {
                let ready = Operation::read(&self.io, |io, cx, id| {
                    io.poll_ready(id, Direction::Read, cx)
                });
                ready.await.map(drop)
            }

            /// Waits until [`try_write`](Self::try_write) may have room. It may be wrong.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::", $module, "::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn send_when_possible(stream: &", stringify!($stream), ", bytes: &[u8]) -> std::io::Result<usize> {")]
            ///     stream.writable().await?;
            ///     stream.try_write(bytes)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When the socket cannot be registered to wait.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn writable(&self) -> io::Result<()> {
                let ready = Operation::write(&self.io, |io, cx, id| {
                    io.poll_ready(id, Direction::Write, cx)
                });
                ready.await.map(drop)
            }

            /// [`read`](Self::read) as a poll function. Any number of tasks can wait.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            #[inline]
            pub fn poll_read(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                if buf.is_empty() {
                    return poll_nothing(cx);
                }
                let read = |mut socket: &$socket| socket.read(buf);
                let id = WaiterId::ANONYMOUS;
                let read = ready!(self.io.poll_op(id, Direction::Read, cx, read, |n| *n))?;
                self.note_read(read, buf.len());
                Poll::Ready(Ok(read))
            }

            /// [`write`](Self::write) as a poll function. Any number of tasks can wait.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            #[inline]
            pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                if buf.is_empty() {
                    return poll_nothing(cx);
                }
                let write = |socket: &$socket| $write(socket, buf);
                let id = WaiterId::ANONYMOUS;
                let written = ready!(self.io.poll_op(id, Direction::Write, cx, write, |n| *n))?;
                self.note_written(written, buf.len());
                Poll::Ready(Ok(written))
            }

            /// [`poll_read`](Self::poll_read) into several buffers.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            pub fn poll_read_vectored(
                &self,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let asked = byte_stream::asked(bufs);
                let Some(span) = byte_stream::span(bufs) else {
                    return poll_nothing(cx);
                };
                let read = |mut socket: &$socket| socket.read_vectored(&mut bufs[span.clone()]);
                let id = WaiterId::ANONYMOUS;
                let read = ready!(self.io.poll_op(id, Direction::Read, cx, read, |n| *n))?;
                // Short for certain only if it was not the number of buffers that was the limit.
                self.note_read(read, asked);
                Poll::Ready(Ok(read))
            }

            /// [`poll_read`](Self::poll_read) into memory that need not be initialised.
            #[cfg(any(feature = "tokio", feature = "hyper"))]
            pub(crate) fn poll_read_spare(
                &self,
                cx: &mut Context<'_>,
                spare: &mut polliwog_core::spare::Spare<'_>,
            ) -> Poll<io::Result<()>> {
                #[cfg(unix)]
                {
                    let asked = spare.len();
                    if asked == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    // By mio, one of whose selectors has to be told if it would block.
                    let read = |socket: &$socket| socket.try_io(|| spare.recv(socket));
                    let id = WaiterId::ANONYMOUS;
                    let read = ready!(self.io.poll_op(id, Direction::Read, cx, read, |n| *n))?;
                    self.note_read(read, asked);
                    Poll::Ready(Ok(()))
                }
                #[cfg(not(unix))]
                spare
                    .fill_zeroed(|buf| self.poll_read(cx, buf))
                    .map_ok(drop)
            }

            /// [`poll_write`](Self::poll_write) from several buffers.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            pub fn poll_write_vectored(
                &self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let asked = byte_stream::asked(bufs);
                let Some(span) = byte_stream::span(bufs) else {
                    return poll_nothing(cx);
                };
                let write = |socket: &$socket| no_sigpipe::write_vectored(socket, &bufs[span.clone()]);
                let id = WaiterId::ANONYMOUS;
                let written = ready!(self.io.poll_op(id, Direction::Write, cx, write, |n| *n))?;
                // As for reads: of more buffers, their number may have been the limit.
                self.note_written(written, asked);
                Poll::Ready(Ok(written))
            }
        }
    };
}
pub(super) use byte_stream;

/// What streams of sockets have beyond that, whose bytes `$peek` reads and leaves.
macro_rules! socket_stream {
    ($stream:ident: $socket:ty, $peek:expr) => {
        impl $stream {
            /// Reads without taking the bytes away; zero at the end of the stream, or if `buf` is empty.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn is_tls(stream: &", stringify!($stream), ") -> std::io::Result<bool> {")]
            ///     let mut first = [0];
            ///     Ok(stream.peek(&mut first).await? == 1 && first[0] == 22)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    consume_budget().await;
                    return Ok(0);
                }
                Operation::read(&self.io, |io, cx, id| {
                    let peek = |socket: &$socket| $peek(socket, buf);
                    io.poll_op(id, Direction::Read, cx, peek, |n| *n)
                })
                .await
            }

            /// Whether a read would not wait.
            pub(in crate::net) fn is_read_ready(&self) -> io::Result<bool> {
                match self.io.with(|socket| $peek(socket, &mut [0])) {
                    Err(error) => Ok(error.kind() != io::ErrorKind::WouldBlock),
                    Ok(_) => Ok(true),
                }
            }

            #[inline]
            fn note_read(&self, read: usize, asked: usize) {
                if read != 0 && read < asked {
                    self.io.read_short();
                }
            }

            #[inline]
            fn note_written(&self, written: usize, asked: usize) {
                if written != 0 && written < asked {
                    self.io.write_short();
                }
            }

            fn try_writing(
                &self,
                write: impl FnOnce(&$socket) -> io::Result<usize>,
            ) -> io::Result<usize> {
                self.io.try_with(Direction::Write, write)
            }

            /// Hands on what has been written: it has been.
            #[inline]
            pub(in crate::net) fn flushed(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Closes the direction after what has been written.
            pub(in crate::net) fn finished(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.finish())
            }
        }
    };
}
pub(super) use socket_stream;
