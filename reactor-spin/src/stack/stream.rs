//! [`TcpStream`].

mod options;

use core::future::Future;
use core::task::{Context, Poll};

use smoltcp::socket::tcp::{self, RecvError, State};

use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::table::{Owner, Row, is_readable, is_writable};
use super::waits::{FLUSH, READ, WRITE, wait};
use super::{Inner, Stack, endpoint, time};
use crate::Error;
pub use crate::net::Shutdown;
use crate::net::ToSocketAddrs;
use polliwog_core::exact;
use polliwog_core::task::budget::poll_within;

/// A connection.
///
/// Reads and writes take `&self`, so that two tasks or the two sides of a `select` can share one; any
/// number of tasks may wait in its methods. See [`split`](Self::split) and
/// [`into_split`](Self::into_split).
///
/// Dropping it ends the connection: after what was written has been sent, however slow the peer reads,
/// as long as it takes some within [`TcpSettings::linger`](super::TcpSettings::linger); or at once by a
/// reset if data has come in that nobody read.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{Error, stack::{Stack, TcpStream}};
///
/// async fn ask(stack: &'static Stack) -> Result<[u8; 4], Error> {
///     let stream = TcpStream::connect(stack, "10.0.2.2:7").await?;
///     stream.write_all(b"quak").await?;
///     let mut answer = [0; 4];
///     stream.read_exact(&mut answer).await?;
///     Ok(answer)
/// }
/// ```
pub struct TcpStream {
    stack: &'static Stack,
    index: usize,
}

impl TcpStream {
    /// The only handle of a socket that is in the table as a stream's.
    pub(super) fn new(stack: &'static Stack, index: usize) -> Self {
        Self { stack, index }
    }

    /// Another handle.
    pub(super) fn share(&self) -> Self {
        self.row(|row, _| {
            if let Owner::Stream(handles) = &mut row.owner {
                *handles += 1;
            }
        });
        Self::new(self.stack, self.index)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        core::ptr::eq(self.stack, other.stack) && self.index == other.index
    }

    /// Connects to a peer.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::{Stack, TcpStream}};
    ///
    /// async fn connect(stack: &'static Stack) -> Result<TcpStream, Error> {
    ///     TcpStream::connect(stack, "10.0.2.2:7").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionRefused`]; [`Error::TimedOut`] if the peer does not answer in
    /// [time](super::TcpSettings::connect_timeout); [`Error::HostUnreachable`] if it is in the local
    /// network, or the gateway is, and nobody there answers for it, or if it is the stack itself;
    /// [`Error::NetworkUnreachable`] if there is no gateway that would lead there;
    /// [`Error::NoAddress`] if the stack has none yet; [`Error::InvalidAddress`] for an address that
    /// cannot be connected to; [`Error::LimitReached`] if all sockets of the stack are in use.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it leaves no connection behind.
    pub async fn connect(stack: &'static Stack, addr: impl ToSocketAddrs) -> Result<Self, Error> {
        let peer = endpoint(addr.to_socket_addr()?)?;
        if peer.port == 0 {
            return Err(Error::InvalidAddress);
        }
        let port = stack.any_port();
        let stream = stack.with(|inner| {
            let hop = inner.identity.hop(&inner.gateways, peer.addr)?;
            if inner.identity.group(hop).is_some() {
                return Err(Error::InvalidAddress);
            }
            let now = time();
            let index = inner.table.claim(&mut inner.sockets, now)?;
            // Released by the drop of the stream, whatever comes.
            let stream = Self::new(stack, index);
            let until = now + inner.table.settings.connect_timeout.into();
            let row = &mut inner.table.rows[index];
            row.handshake = Some(until);
            // Every row that is somebody's has a socket.
            let handle = row.handle.unwrap_or_default();
            let socket = inner.sockets.get_mut::<tcp::Socket<'_>>(handle);
            let connected = socket.connect(inner.iface.context(), peer, port);
            let _ = inner.neighbors.find(hop, now);
            // Not dropped here, where the stack is borrowed.
            Ok((stream, connected))
        });
        let (stream, connected) = stream?;
        connected.map_err(|_| Error::InvalidAddress)?;
        stream
            .wait(WRITE, || {
                stream.row(|row, socket| match socket.state() {
                    State::SynSent | State::SynReceived => Err(Error::WouldBlock),
                    State::Closed => Err(row.error.unwrap_or(Error::ConnectionRefused)),
                    _ => Ok(()),
                })
            })
            .await?;
        Ok(stream)
    }

    /// Runs `f` on the socket.
    fn row<T>(&self, f: impl FnOnce(&mut Row, &mut tcp::Socket<'static>) -> T) -> T {
        self.stack.look(|inner| {
            let row = &mut inner.table.rows[self.index];
            // Every row that is somebody's has a socket.
            let handle = row.handle.unwrap_or_default();
            f(row, inner.sockets.get_mut(handle))
        })
    }

    async fn wait<T>(
        &self,
        queue: usize,
        mut attempt: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let queue = &self.stack.waits.tcp[self.index][queue];
        wait(queue, || match attempt() {
            Err(Error::WouldBlock) => None,
            result => Some(result),
        })
        .await
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        queue: usize,
        attempt: impl FnOnce() -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        poll_within(cx, |cx| match attempt() {
            Err(Error::WouldBlock) => {
                self.row(|row, _| super::table::keep(&mut row.wakers[queue], cx.waker()));
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
    }

    /// Reads what has come in, at least one byte; waits if there is nothing. Zero is the end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn count_bytes(stream: &TcpStream) -> Result<usize, Error> {
    ///     let (mut buf, mut total) = ([0; 512], 0);
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
    /// [`Error::ConnectionReset`] if the connection was lost.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the wait is given up.
    pub fn read<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = Result<usize, Error>> + 'a {
        self.wait(READ, move || self.try_read(buf))
    }

    /// Fills the buffer.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn length(stream: &TcpStream) -> Result<u32, Error> {
    ///     let mut bytes = [0; 4];
    ///     stream.read_exact(&mut bytes).await?;
    ///     Ok(u32::from_be_bytes(bytes))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEof`] if the peer ends before; [`Error::ConnectionReset`].
    ///
    /// # Cancel safety
    ///
    /// If the wait is given up, what was read so far is lost.
    pub async fn read_exact(&self, buf: &mut [u8]) -> Result<(), Error> {
        let ended = || Error::UnexpectedEof;
        exact::read_exact(buf, ended, async |rest| self.read(rest).await).await
    }

    /// Waits for bytes and copies them, where the next read finds them again; zero at the end, or if
    /// `buf` is empty.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn is_tls(stream: &TcpStream) -> Result<bool, Error> {
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
    /// It takes nothing in any case.
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, Error> {
        self.wait(READ, || self.read_or_peek(buf, false)).await
    }

    /// Writes as much as there is room for, at least one byte; waits if there is none.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn send_some(stream: &TcpStream, bytes: &[u8]) -> Result<usize, Error> {
    ///     stream.write(bytes).await // perhaps not all of them
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] if nobody will read it.
    ///
    /// # Cancel safety
    ///
    /// Nothing was written if the wait is given up.
    pub fn write<'a>(&'a self, buf: &'a [u8]) -> impl Future<Output = Result<usize, Error>> + 'a {
        self.wait(WRITE, move || self.try_write(buf))
    }

    /// Writes everything.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn greet(stream: &TcpStream) -> Result<(), Error> {
    ///     stream.write_all(b"quak\r\n").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// If the wait is given up, part of it may have been written.
    pub async fn write_all(&self, buf: &[u8]) -> Result<(), Error> {
        let none = || Error::WriteZero;
        exact::write_all(buf, none, async |rest| self.write(rest).await).await
    }

    /// Waits until the peer's stack has acknowledged everything that was written. That its program has
    /// read it is more than any flush can know.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn report(stream: &TcpStream, line: &[u8]) -> Result<(), Error> {
    ///     stream.write_all(line).await?;
    ///     stream.flush().await // the peer's stack has all of it
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] if the connection was lost before.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the wait is given up.
    pub async fn flush(&self) -> Result<(), Error> {
        self.wait(FLUSH, || self.try_flush()).await
    }

    fn try_flush(&self) -> Result<(), Error> {
        self.row(|row, socket| {
            row.note(socket);
            match socket.state() {
                _ if row.flushed => Ok(()),
                State::Closed => Err(Error::BrokenPipe),
                _ => Err(Error::WouldBlock),
            }
        })
    }

    /// [`read`](Self::read) as a poll function. Wakes the last task that polled it, beside those that
    /// wait in `read`.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
        self.poll(cx, READ, || self.try_read(buf))
    }

    /// [`write`](Self::write) as a poll function. Wakes the last task that polled it, beside those that
    /// wait in `write`.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Error>> {
        self.poll(cx, WRITE, || self.try_write(buf))
    }

    /// [`flush`](Self::flush) as a poll function. Wakes the last task that polled it, beside those that
    /// wait in `flush`.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, FLUSH, || self.try_flush())
    }

    /// Reads what is there without waiting.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// fn what_is_there(stream: &TcpStream, buf: &mut [u8]) -> Result<Option<usize>, Error> {
    ///     match stream.try_read(buf) {
    ///         Err(Error::WouldBlock) => Ok(None),
    ///         read => read.map(Some),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is nothing; otherwise as [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        let count = self.read_or_peek(buf, true)?;
        if count > 0 {
            // The peer may be waiting to hear of the room.
            self.stack.kick();
        }
        Ok(count)
    }

    fn read_or_peek(&self, buf: &mut [u8], take: bool) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.row(|row, socket| {
            if row.deaf {
                return Ok(0);
            }
            row.note(socket);
            let result = if take {
                socket.recv_slice(buf)
            } else {
                // Errors are found by looking at nothing.
                let all = socket.peek(0).map(drop);
                all.and_then(|()| socket.peek_slice(buf))
            };
            match result {
                Ok(0) => Err(Error::WouldBlock),
                Ok(count) => Ok(count),
                Err(RecvError::Finished) => {
                    row.finished = true;
                    Ok(0)
                }
                Err(RecvError::InvalidState) if row.finished => Ok(0),
                Err(RecvError::InvalidState) => Err(row.error.unwrap_or(Error::ConnectionReset)),
            }
        })
    }

    /// Writes what there is room for without waiting.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::TcpStream;
    ///
    /// fn offer(stream: &TcpStream, bytes: &[u8]) -> usize {
    ///     stream.try_write(bytes).unwrap_or(0)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; otherwise as [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let count = self.row(|row, socket| {
            let count = match socket.send_slice(buf) {
                Ok(0) => return Err(Error::WouldBlock),
                Ok(count) => count,
                Err(_) => return Err(Error::BrokenPipe),
            };
            row.flushed = false;
            Ok(count)
        })?;
        self.stack.kick();
        Ok(count)
    }

    /// Waits until a read would not wait: there are bytes, the end, or an error.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn read(stream: &TcpStream, buf: &mut [u8]) -> Result<usize, Error> {
    ///     stream.readable().await?;
    ///     stream.try_read(buf)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    ///
    /// # Cancel safety
    ///
    /// It takes nothing in any case.
    pub async fn readable(&self) -> Result<(), Error> {
        self.wait(READ, || self.ready(true)).await
    }

    /// Waits until a write would not wait: there is room, or an error.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn send_when_possible(stream: &TcpStream, bytes: &[u8]) -> Result<usize, Error> {
    ///     stream.writable().await?;
    ///     stream.try_write(bytes)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn writable(&self) -> Result<(), Error> {
        self.wait(WRITE, || self.ready(false)).await
    }

    fn ready(&self, to_read: bool) -> Result<(), Error> {
        let is_ready = self.is_ready(to_read);
        is_ready.then_some(()).ok_or(Error::WouldBlock)
    }

    pub(super) fn is_ready(&self, to_read: bool) -> bool {
        self.row(|row, socket| match to_read {
            true => row.deaf || is_readable(socket),
            false => is_writable(socket),
        })
    }

    /// Ends one direction or both. After [`Shutdown::Write`] the peer reads to the end of what was
    /// written; after [`Shutdown::Read`] reads find the end, and what the peer still sends is thrown
    /// away.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::Shutdown, stack::TcpStream};
    ///
    /// async fn last_words(stream: &TcpStream) -> Result<(), Error> {
    ///     stream.write_all(b"bye\r\n").await?;
    ///     stream.shutdown(Shutdown::Write) // the peer reads the end after them
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        self.row(|row, socket| {
            row.deaf |= how != Shutdown::Write;
            if how != Shutdown::Read {
                row.note(socket);
                socket.close();
            }
        });
        self.stack.kick();
        Ok(())
    }

    /// Ends the connection at once, by a reset: what was not yet sent is lost, and the peer knows that.
    /// Everything that waits for the stream ends.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::TcpStream;
    ///
    /// fn throw_out(client: TcpStream) {
    ///     client.abort();
    /// }
    /// ```
    pub fn abort(&self) {
        self.row(|row, socket| {
            row.note(socket);
            socket.abort();
        });
        self.stack.kick();
    }

    /// Lends a half that reads and one that writes.
    ///
    /// With `futures`' `AsyncReadExt` in scope, its method of the same name goes before this one:
    /// say `TcpStream::split(&stream)` then.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn ask(stream: &TcpStream, question: &[u8], answer: &mut [u8]) -> Result<(), Error> {
    ///     let (reader, writer) = stream.split();
    ///     // A long question and a long answer do not wait for each other.
    ///     polliwog::try_join!(writer.write_all(question), reader.read_exact(answer))?;
    ///     Ok(())
    /// }
    /// ```
    pub fn split(&self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::borrowed(self)
    }

    /// Turns the stream into a half that reads and one that writes, for two tasks. Dropping the one
    /// that writes ends that direction.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// async fn talk(stream: TcpStream) -> Result<(), Error> {
    ///     let (reader, writer) = stream.into_split();
    ///     let sender = async move { writer.write_all(b"quak").await };
    ///     let mut answer = [0; 4];
    ///     polliwog::try_join!(sender, reader.read_exact(&mut answer))?;
    ///     Ok(())
    /// }
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split::owned(self)
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        let release = |inner: &mut Inner| {
            inner.table.release(self.index, &mut inner.sockets, time());
        };
        self.stack.with(release);
    }
}
