//! [`UnixStream`].

use core::fmt;
use core::task::{Context, Poll};
use std::path::Path;

use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{SocketAddr, host};
use crate::Error;
use crate::io::vectored::vectored;
use crate::net::end::End;
use crate::net::generic::sealed::Addr;
use crate::net::generic::{NetError, TcpStream};
use crate::net::split::embedded_io;
use crate::net::{Shutdown, stream};
use crate::sim::{Net, UnixSocket};

/// A connection by a Unix socket, between tasks of a simulated host.
///
/// All operations take `&self`, so that one task can read while another writes; see [`split`](Self::split) and
/// [`into_split`](Self::into_split).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::UnixStream;
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("frog", async {
///     let (one, other) = UnixStream::pair()?;
///     one.write_all(b"ping").await?;
///     let mut buf = [0; 4];
///     other.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"ping");
///     Ok::<(), polliwog::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
pub struct UnixStream<E: NetError> {
    inner: TcpStream<E>,
    local: SocketAddr,
    peer: SocketAddr,
}

impl<E: NetError> UnixStream<E> {
    pub(super) fn new(inner: TcpStream<E>, local: SocketAddr, peer: SocketAddr) -> Self {
        Self { inner, local, peer }
    }

    /// Connects to whoever listens at a path of this host. Waits while the listener's backlog is full.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::{Error, net::UnixStream};
    ///
    /// async fn ask(question: &[u8]) -> Result<u8, Error> {
    ///     let stream = UnixStream::connect("/run/oracle.sock").await?;
    ///     stream.write_all(question).await?;
    ///     let mut answer = [0];
    ///     stream.read_exact(&mut answer).await?;
    ///     Ok(answer[0])
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NameNotFound`] if there is no such file; [`Error::ConnectionRefused`] if nobody listens there (any more);
    /// [`Error::Unsupported`] outside of a simulation.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it leaves no connection behind.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, E> {
        let addr = SocketAddr::from_pathname(path).map_err(E::of)?;
        Self::connect_to(addr).await.map_err(E::of_path)
    }

    /// Connects to whoever listens at an address.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_addr(addr: &E::UnixAddr) -> Result<Self, E> {
        let addr = addr.to_own().map_err(E::of)?;
        Self::connect_to(addr).await.map_err(E::of_path)
    }

    async fn connect_to(addr: SocketAddr) -> Result<Self, Error> {
        let net = host()?;
        let to = match net.find_unix(addr.name()?)? {
            UnixSocket::Stream(to, token) if token.strong_count() > 0 => to,
            _ => return Err(Error::ConnectionRefused),
        };
        let end = net.unix_network().connect_end(to).await?;
        let inner = TcpStream::from_end(end);
        Ok(Self::new(inner, SocketAddr::UNNAMED, addr))
    }

    /// Makes two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] outside of a simulation; [`Error::LimitReached`] if the host has 65 536 connections already.
    pub fn pair() -> Result<(Self, Self), E> {
        let (one, other) = Self::two_ends().map_err(E::of)?;
        let unnamed = |inner| Self::new(inner, SocketAddr::UNNAMED, SocketAddr::UNNAMED);
        Ok((unnamed(one), unnamed(other)))
    }

    fn two_ends() -> Result<(TcpStream<E>, TcpStream<E>), Error> {
        let network = host()?.unix_network();
        let listener = network.listen(Net::ANY)?;
        let end: End = stream::begin(&network, listener.local_addr()?)?;
        let (other, _) = listener.try_accept()?;
        Ok((TcpStream::from_end(end), other.into_kind()))
    }

    pub(super) fn is_read_ready(&self) -> bool {
        self.inner.is_read_ready()
    }

    pub(super) fn is_write_ready(&self) -> bool {
        self.inner.is_write_ready()
    }

    pub(super) fn share(&self) -> Self {
        Self::new(self.inner.share(), self.local.clone(), self.peer.clone())
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.inner.is(&other.inner)
    }

    /// Waits for bytes and moves them into `buf`; `Ok(0)` at the end of the stream, or if `buf` is empty.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionReset`] if the peer went away with bytes unread.
    ///
    /// # Cancel safety
    ///
    /// A read that is dropped has taken no bytes.
    pub async fn read(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.inner.read(buf).await
    }

    /// Fills `buf`.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEof`] if the stream ends before; else as for [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// None: if it is dropped, the bytes that had arrived are lost.
    pub async fn read_exact(&self, buf: &mut [u8]) -> Result<(), E> {
        self.inner.read_exact(buf).await
    }

    /// Waits for bytes and copies them into `buf`, where the next read finds them again.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Takes no bytes in any case.
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.inner.peek(buf).await
    }

    /// Waits for room and writes as much of `data` as fits; returns how much that was.
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] once the peer is gone, or after a [`shutdown`](Self::shutdown) of this direction.
    ///
    /// # Cancel safety
    ///
    /// A write that is dropped has written nothing.
    pub async fn write(&self, data: &[u8]) -> Result<usize, E> {
        self.inner.write(data).await
    }

    /// Writes all of `data`.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); some of the data may have been written then.
    ///
    /// # Cancel safety
    ///
    /// None: if it is dropped, some of the data may have been written.
    pub async fn write_all(&self, data: &[u8]) -> Result<(), E> {
        self.inner.write_all(data).await
    }

    /// Moves into `buf` what is there.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::{Error, net::UnixStream};
    ///
    /// fn what_is_there(stream: &UnixStream, buf: &mut [u8]) -> Result<Option<usize>, Error> {
    ///     match stream.try_read(buf) {
    ///         Err(Error::WouldBlock) => Ok(None),
    ///         read => read.map(Some),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing is; else as for [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.inner.try_read(buf)
    }

    /// Writes as much as there is room for.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UnixStream;
    ///
    /// fn offer(stream: &UnixStream, bytes: &[u8]) -> usize {
    ///     stream.try_write(bytes).unwrap_or(0)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; else as for [`write`](Self::write).
    pub fn try_write(&self, data: &[u8]) -> Result<usize, E> {
        self.inner.try_write(data)
    }

    /// Waits until a read would not wait.
    ///
    /// # Errors
    ///
    /// None; the system's stream has some.
    ///
    /// # Cancel safety
    ///
    /// Takes nothing.
    pub async fn readable(&self) -> Result<(), E> {
        self.inner.readable().await
    }

    /// Waits until a write would not wait.
    ///
    /// # Errors
    ///
    /// None; the system's stream has some.
    ///
    /// # Cancel safety
    ///
    /// Takes nothing.
    pub async fn writable(&self) -> Result<(), E> {
        self.inner.writable().await
    }

    /// [`read`](Self::read) as a poll function.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, E>> {
        self.inner.poll_read(cx, buf)
    }

    /// [`write`](Self::write) as a poll function.
    pub fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, E>> {
        self.inner.poll_write(cx, data)
    }

    /// Ends one direction or both, as [`TcpStream::shutdown`] does. After [`Shutdown::Read`] the peer's writes fail with
    /// [`Error::BrokenPipe`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::{Error, net::{Shutdown, UnixStream}};
    ///
    /// async fn last_words(stream: &UnixStream) -> Result<(), Error> {
    ///     stream.write_all(b"bye\r\n").await?;
    ///     stream.shutdown(Shutdown::Write) // the peer reads the end after them
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; the system's stream has some.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), E> {
        self.inner.shutdown(how)?;
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.inner.end.refuse();
        }
        Ok(())
    }

    /// Lends a half that reads and one that writes.
    pub fn split(&self) -> (ReadHalf<'_, E>, WriteHalf<'_, E>) {
        split::borrowed(self)
    }

    /// Turns the stream into a half that reads and one that writes, for two tasks.
    pub fn into_split(self) -> (OwnedReadHalf<E>, OwnedWriteHalf<E>) {
        split::owned(self)
    }

    /// Returns this end's address: that of the listener which accepted it, else none.
    ///
    /// # Errors
    ///
    /// None; the system's stream has some.
    pub fn local_addr(&self) -> Result<E::UnixAddr, E> {
        E::UnixAddr::of(&self.local).map_err(E::of)
    }

    /// Returns the other end's address: that of the listener which it was connected to, else none.
    ///
    /// # Errors
    ///
    /// None; the system's stream has some.
    pub fn peer_addr(&self) -> Result<E::UnixAddr, E> {
        E::UnixAddr::of(&self.peer).map_err(E::of)
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None.
    pub fn take_error(&self) -> Result<Option<E>, E> {
        Ok(None)
    }
}

impl<E: NetError> fmt::Debug for UnixStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixStream")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .finish()
    }
}

vectored!(UnixStream);

embedded_io!(UnixStream<E>, UnixStream: Read Write);
embedded_io!(&UnixStream<E>, UnixStream: Read Write);
