//! [`TcpStream`].

use core::fmt;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::task::{Context, Poll};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{self, RecvError, State};

use super::{Stack, endpoint, time};
use crate::Error;
pub use crate::net::Shutdown;
use crate::net::ToSocketAddrs;

/// A connection.
///
/// `&TcpStream` reads and writes as well, so that two tasks or the two sides of a `select` can
/// share one; one task can wait for data and one for room.
///
/// Dropping it ends the connection: after what was written has been sent, or at once by a reset
/// if data has come in that nobody read.
pub struct TcpStream {
    stack: &'static Stack,
    handle: SocketHandle,
}

impl TcpStream {
    pub(super) fn new(stack: &'static Stack, handle: SocketHandle) -> Self {
        Self { stack, handle }
    }

    /// Connects to a peer.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionRefused`], also if the peer does not answer in time;
    /// [`Error::LimitReached`] if all sockets of the stack are in use.
    pub async fn connect(stack: &'static Stack, addr: impl ToSocketAddrs) -> Result<Self, Error> {
        let peer = endpoint(addr.to_socket_addr()?)?;
        let port = stack.any_port();
        // Released by the drop of the stream, whatever comes.
        let handle = stack.with(|inner| inner.table.claim())?;
        let stream = Self::new(stack, handle);
        stack.with(|inner| {
            let socket = inner.sockets.get_mut::<tcp::Socket<'_>>(handle);
            socket
                .connect(inner.iface.context(), peer, port)
                .map_err(|_| Error::InvalidAddress)
        })?;
        poll_fn(|cx| {
            stream.look(|socket| match socket.state() {
                State::SynSent | State::SynReceived => {
                    socket.register_send_waker(cx.waker());
                    Poll::Pending
                }
                State::Closed => Poll::Ready(Err(Error::ConnectionRefused)),
                _ => Poll::Ready(Ok(())),
            })
        })
        .await?;
        Ok(stream)
    }

    /// Runs `f` on the socket and has the stack send what it leaves.
    fn with<T>(&self, f: impl FnOnce(&mut tcp::Socket<'static>) -> T) -> T {
        self.stack
            .with(|inner| f(inner.sockets.get_mut(self.handle)))
    }

    fn look<T>(&self, f: impl FnOnce(&mut tcp::Socket<'static>) -> T) -> T {
        self.stack
            .look(|inner| f(inner.sockets.get_mut(self.handle)))
    }

    /// Reads what has come in, at least one byte; waits if there is nothing. Zero is the end.
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
        poll_fn(move |cx| self.poll_read(cx, buf))
    }

    /// Fills the buffer.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEof`] if the peer ends before; [`Error::ConnectionReset`].
    ///
    /// # Cancel safety
    ///
    /// If the wait is given up, what was read so far is lost.
    pub async fn read_exact(&self, mut buf: &mut [u8]) -> Result<(), Error> {
        while !buf.is_empty() {
            match self.read(buf).await? {
                0 => return Err(Error::UnexpectedEof),
                count => buf = &mut buf[count..],
            }
        }
        Ok(())
    }

    /// Writes as much as there is room for, at least one byte; waits if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] if nobody will read it.
    ///
    /// # Cancel safety
    ///
    /// Nothing was written if the wait is given up.
    pub fn write<'a>(&'a self, buf: &'a [u8]) -> impl Future<Output = Result<usize, Error>> + 'a {
        poll_fn(move |cx| self.poll_write(cx, buf))
    }

    /// Writes everything.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// If the wait is given up, part of it may have been written.
    pub async fn write_all(&self, mut buf: &[u8]) -> Result<(), Error> {
        while !buf.is_empty() {
            let count = self.write(buf).await?;
            buf = &buf[count..];
        }
        Ok(())
    }

    /// [`read`](Self::read) as a poll function. Wakes the last task that polled it.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
        match self.try_read(buf) {
            Err(Error::WouldBlock) => {
                self.look(|socket| socket.register_recv_waker(cx.waker()));
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    /// [`write`](Self::write) as a poll function. Wakes the last task that polled it.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Error>> {
        match self.try_write(buf) {
            Err(Error::WouldBlock) => {
                self.look(|socket| socket.register_send_waker(cx.waker()));
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    /// Reads what is there without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is nothing; otherwise as [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let count = self.look(|socket| match socket.recv_slice(buf) {
            Ok(0) => Err(Error::WouldBlock),
            Ok(count) => Ok(count),
            Err(RecvError::Finished) => Ok(0),
            Err(RecvError::InvalidState) => Err(Error::ConnectionReset),
        })?;
        // The peer may be waiting to hear of the room.
        self.with(|_| {});
        Ok(count)
    }

    /// Writes what there is room for without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; otherwise as [`write`](Self::write).
    pub fn try_write(&self, buf: &[u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let count = self.look(|socket| match socket.send_slice(buf) {
            Ok(0) => Err(Error::WouldBlock),
            Ok(count) => Ok(count),
            Err(_) => Err(Error::BrokenPipe),
        })?;
        self.with(|_| {});
        Ok(count)
    }

    /// Ends the writing side: the peer reads to the end of what was written. The reading side
    /// goes on; ending that alone has no effect.
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        if how != Shutdown::Read {
            self.with(tcp::Socket::close);
        }
        Ok(())
    }

    /// The other end's address.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the connection is gone.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        let endpoint = self.look(|socket| socket.remote_endpoint());
        endpoint.map(Into::into).ok_or(Error::NotConnected)
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the connection is gone.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        let endpoint = self.look(|socket| socket.local_endpoint());
        endpoint.map(Into::into).ok_or(Error::NotConnected)
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.stack.with(|inner| {
            let socket = inner.sockets.get_mut::<tcp::Socket<'_>>(self.handle);
            if socket.recv_queue() > 0 {
                socket.abort();
            } else {
                socket.close();
            }
            inner.table.release(self.handle, time());
        });
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("peer_addr", &self.peer_addr())
            .finish_non_exhaustive()
    }
}

macro_rules! io_traits {
    ($($type:ty),*) => {$(
        impl embedded_io::ErrorType for $type {
            type Error = Error;
        }

        impl embedded_io_async::Read for $type {
            async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
                poll_fn(|cx| self.poll_read(cx, buf)).await
            }
        }

        impl embedded_io_async::Write for $type {
            async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
                poll_fn(|cx| self.poll_write(cx, buf)).await
            }

            async fn flush(&mut self) -> Result<(), Error> {
                // The stack sends whatever it has as soon as it can.
                Ok(())
            }
        }
    )*};
}

io_traits!(TcpStream, &TcpStream);
