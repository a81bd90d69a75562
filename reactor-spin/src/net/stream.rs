//! [`TcpStream`].

use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use core::time::Duration;

use polliwog_core::exact;
use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};
use polliwog_core::task::consume_budget;
use polliwog_core::time::timeout;

use super::end::End;
use super::generic::NetError;
use super::memory::MemoryEnd;
use super::network::Network;
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{Shutdown, ToSocketAddrs, table};
use crate::Error;

/// A connection in memory.
///
/// Reads and writes take `&self`, so that one task can read while another writes; see
/// [`split`](Self::split) and [`into_split`](Self::into_split).
///
/// Dropping it closes the connection: the peer reads what is left and then the end of the
/// stream, or [`Error::ConnectionReset`] if there were bytes that nobody had read here; its
/// writes fail.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// # fn main() -> Result<(), polliwog::spin::Error> {
/// use polliwog::spin::net::{TcpListener, TcpStream};
///
/// polliwog::spin::block_on(async {
///     let listener = TcpListener::bind("10.0.0.1:7").await?;
///     let client = TcpStream::connect("10.0.0.1:7").await?;
///     let (server, _) = listener.accept().await?;
///     client.write_all(b"hop").await?;
///     let mut buf = [0; 3];
///     server.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"hop");
///     Ok(())
/// })
/// # }
/// ```
pub struct TcpStream<E: NetError> {
    pub(super) end: End,
    fails: PhantomData<fn() -> E>,
}

/// Connects in `network`.
pub(super) async fn connect(network: &Network, to: SocketAddr) -> Result<End, Error> {
    // It may never have to wait.
    consume_budget().await;
    let end = begin(network, to)?;
    poll_fn(|cx| end.poll_connected(cx)).await?;
    Ok(end)
}

/// Begins to connect.
pub(super) fn begin(network: &Network, to: SocketAddr) -> Result<End, Error> {
    #[cfg(feature = "sim")]
    if let Some(net) = network.sim() {
        return net.connect(None, to, net.options()).map(End::Sim);
    }
    let (conn, acceptor) = network.with(|tables| table::connect(tables, to))?;
    let end = MemoryEnd::new(network.clone(), conn, table::CLIENT);
    acceptor.wake();
    Ok(End::Memory(end))
}

impl<E: NetError> TcpStream<E> {
    pub(crate) fn from_end(end: End) -> Self {
        Self {
            end,
            fails: PhantomData,
        }
    }

    /// The same stream, for somebody who takes other errors.
    #[cfg(feature = "sim")]
    pub(super) fn into_kind<F: NetError>(self) -> TcpStream<F> {
        TcpStream::from_end(self.end)
    }

    /// Connects to a listener of the [current network](Network::current). Done as soon as the
    /// listener's backlog has room, be the connection accepted or not.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::{TcpListener, TcpStream};
    ///
    /// polliwog::spin::block_on(async {
    ///     assert!(TcpStream::connect("10.0.0.1:7").await.is_err()); // nobody listens
    ///     let _listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     TcpStream::connect("10.0.0.1:7").await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionRefused`] if nobody listens at the address, or the listener goes away
    /// while this waits; [`Error::InvalidAddress`]; [`Error::LimitReached`] if the network has no
    /// room for another connection; [`Error::AddrNotAvailable`] if no port is free.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it leaves no connection behind.
    pub async fn connect(addr: impl ToSocketAddrs) -> Result<Self, E> {
        let connected = Network::current().connect_end(addr).await;
        connected.map(Self::from_end).map_err(E::of)
    }

    /// [`connect`](Self::connect) that gives up after a time.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// polliwog::spin::block_on(async {
    ///     let _listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     TcpStream::connect_timeout("10.0.0.1:7", Duration::from_secs(3)).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] when the time is over; else as [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it leaves no connection behind.
    pub async fn connect_timeout(addr: impl ToSocketAddrs, patience: Duration) -> Result<Self, E> {
        match timeout(patience, Self::connect(addr)).await {
            Ok(connected) => connected,
            Err(_elapsed) => Err(E::of(Error::TimedOut)),
        }
    }

    /// Waits for bytes and moves them into `buf`; `Ok(0)` at the end of the stream, or if `buf`
    /// is empty.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
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
    /// [`Error::ConnectionReset`] if the peer went away with bytes unread.
    ///
    /// # Cancel safety
    ///
    /// A read that is dropped has taken no bytes.
    pub async fn read(&self, buf: &mut [u8]) -> Result<usize, E> {
        Operation::read(self, |stream: &Self, cx, id| {
            stream.end.poll_read(id, cx, buf)
        })
        .await
        .map_err(E::of)
    }

    /// Fills `buf`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
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
    /// [`Error::UnexpectedEof`] if the stream ends before `buf` is full; else as for
    /// [`read`](Self::read). The bytes that had arrived are lost then.
    ///
    /// # Cancel safety
    ///
    /// None: if it is dropped, the bytes that had arrived are lost.
    pub async fn read_exact(&self, buf: &mut [u8]) -> Result<(), E> {
        let ended = || E::of(Error::UnexpectedEof);
        exact::read_exact(buf, ended, async |rest| self.read(rest).await).await
    }

    /// Waits for bytes and copies them into `buf`, where the next read finds them again.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
    ///
    /// async fn is_tls(stream: &TcpStream) -> Result<bool, Error> {
    ///     let mut first = [0];
    ///     Ok(stream.peek(&mut first).await? == 1 && first[0] == 22)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Takes no bytes in any case.
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, E> {
        Operation::read(self, |stream: &Self, cx, id| {
            stream.end.poll_peek(id, cx, buf)
        })
        .await
        .map_err(E::of)
    }

    /// Waits for room and writes as much of `data` as fits; returns how much that was.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
    ///
    /// async fn send_some(stream: &TcpStream, bytes: &[u8]) -> Result<usize, Error> {
    ///     stream.write(bytes).await // perhaps not all of them
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] once the peer is gone, or after a [`shutdown`](Self::shutdown) of
    /// this direction.
    ///
    /// # Cancel safety
    ///
    /// A write that is dropped has written nothing.
    pub async fn write(&self, data: &[u8]) -> Result<usize, E> {
        Operation::write(self, |stream: &Self, cx, id| {
            stream.end.poll_write(id, cx, data)
        })
        .await
        .map_err(E::of)
    }

    /// Writes all of `data`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
    ///
    /// async fn greet(stream: &TcpStream) -> Result<(), Error> {
    ///     stream.write_all(b"quak\r\n").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); some of the data may have been written then.
    ///
    /// # Cancel safety
    ///
    /// None: if it is dropped, some of the data may have been written.
    pub async fn write_all(&self, data: &[u8]) -> Result<(), E> {
        let none = || E::of(Error::WriteZero);
        exact::write_all(data, none, async |rest| self.write(rest).await).await
    }

    /// Moves into `buf` what is there.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
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
    /// [`Error::WouldBlock`] if nothing is; else as for [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.end.try_read(buf).map_err(E::of)
    }

    /// Writes as much as there is room for.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::TcpStream;
    ///
    /// fn offer(stream: &TcpStream, bytes: &[u8]) -> usize {
    ///     stream.try_write(bytes).unwrap_or(0)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; else as for [`write`](Self::write).
    pub fn try_write(&self, data: &[u8]) -> Result<usize, E> {
        self.end.try_write(data).map_err(E::of)
    }

    /// Waits until a read would not wait: there are bytes, the end of the stream, or an error.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
    ///
    /// async fn read(stream: &TcpStream, buf: &mut [u8]) -> Result<usize, Error> {
    ///     stream.readable().await?;
    ///     stream.try_read(buf)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None in memory.
    ///
    /// # Cancel safety
    ///
    /// Takes nothing.
    pub async fn readable(&self) -> Result<(), E> {
        Operation::read(self, |stream: &Self, cx, id| {
            stream.end.poll_readable(id, cx)
        })
        .await
        .map_err(E::of)
    }

    /// Waits until a write would not wait: there is room, or an error.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
    ///
    /// async fn send_when_possible(stream: &TcpStream, bytes: &[u8]) -> Result<usize, Error> {
    ///     stream.writable().await?;
    ///     stream.try_write(bytes)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None in memory.
    ///
    /// # Cancel safety
    ///
    /// Takes nothing.
    pub async fn writable(&self) -> Result<(), E> {
        Operation::write(self, |stream: &Self, cx, id| {
            stream.end.poll_writable(id, cx)
        })
        .await
        .map_err(E::of)
    }

    /// [`read`](Self::read) as a poll function.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, E>> {
        self.end
            .poll_read(WaiterId::ANONYMOUS, cx, buf)
            .map_err(E::of)
    }

    /// [`write`](Self::write) as a poll function.
    pub fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, E>> {
        self.end
            .poll_write(WaiterId::ANONYMOUS, cx, data)
            .map_err(E::of)
    }

    /// Ends one direction or both. A direction that was ended before stays so.
    ///
    /// After [`Shutdown::Read`] reads find the end of the stream, bytes that had arrived are
    /// gone, and what the peer still sends is thrown away. After [`Shutdown::Write`] the peer
    /// finds the end of the stream after the last byte.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::{Shutdown, TcpStream}};
    ///
    /// async fn last_words(stream: &TcpStream) -> Result<(), Error> {
    ///     stream.write_all(b"bye\r\n").await?;
    ///     stream.shutdown(Shutdown::Write) // the peer reads the end after them
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None in memory. On a simulated host [`Error::NotConnected`] once the connection has failed.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), E> {
        if self.end.has_failed() {
            return Err(E::of(Error::NotConnected));
        }
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.end.stop_reading();
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.end.finish();
        }
        Ok(())
    }

    /// Another handle of the same stream, for a half.
    #[cfg(feature = "sim")]
    fn with_options<T>(&self, f: impl FnOnce(&mut crate::sim::Options) -> T) -> Result<T, E> {
        match &self.end {
            End::Sim(end) => end.with_options(f).map_err(E::of),
            End::Memory(_) => Err(E::of(Error::Unsupported)),
        }
    }

    pub(crate) fn is_read_ready(&self) -> bool {
        self.end.is_ready(Direction::Read)
    }

    pub(crate) fn is_write_ready(&self) -> bool {
        self.end.is_ready(Direction::Write)
    }

    pub(super) fn share(&self) -> Self {
        Self::from_end(self.end.share())
    }

    /// Whether both are handles of the same stream.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.end.is(&other.end)
    }

    /// Lends a half that reads and one that writes.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
    ///
    /// async fn ask(stream: &TcpStream, question: &[u8], answer: &mut [u8]) -> Result<(), Error> {
    ///     let (reader, writer) = stream.split();
    ///     // A long question and a long answer do not wait for each other.
    ///     polliwog::try_join!(writer.write_all(question), reader.read_exact(answer))?;
    ///     Ok(())
    /// }
    /// ```
    pub fn split(&self) -> (ReadHalf<'_, E>, WriteHalf<'_, E>) {
        split::borrowed(self)
    }

    /// Turns the stream into a half that reads and one that writes, for two tasks.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpStream};
    ///
    /// async fn talk(stream: TcpStream) -> Result<(), Error> {
    ///     let (reader, writer) = stream.into_split();
    ///     let sender = async move { writer.write_all(b"quak").await };
    ///     let mut answer = [0; 4];
    ///     polliwog::try_join!(sender, reader.read_exact(&mut answer))?;
    ///     Ok(())
    /// }
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf<E>, OwnedWriteHalf<E>) {
        split::owned(self)
    }

    /// Returns this end's address.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::{TcpListener, TcpStream};
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     let client = TcpStream::connect("10.0.0.1:7").await?;
    ///     assert_eq!(listener.accept().await?.1, client.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn local_addr(&self) -> Result<SocketAddr, E> {
        self.end.local_addr().map_err(E::of)
    }

    /// Returns the other end's address.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::{TcpListener, TcpStream};
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     let client = TcpStream::connect("10.0.0.1:7").await?;
    ///     assert_eq!(client.peer_addr()?, listener.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None in memory. On a simulated host [`Error::NotConnected`] once the connection has failed.
    pub fn peer_addr(&self) -> Result<SocketAddr, E> {
        self.end.peer_addr().map_err(E::of)
    }

    /// Returns the error of the connection that no operation has told of. Each is told once: later reads find the stream's end,
    /// and writes fail with [`Error::BrokenPipe`]. In memory there is none, as the operation that meets it reports it.
    ///
    /// # Errors
    ///
    /// None.
    pub fn take_error(&self) -> Result<Option<E>, E> {
        Ok(self.end.take_error().map(E::of))
    }

    /// Sets whether small segments go out at once, which they do anyway: no byte is ever held back.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<(), E> {
        match &self.end {
            #[cfg(feature = "sim")]
            End::Sim(end) => end
                .with_options(|options| options.nodelay = nodelay)
                .map_err(E::of),
            End::Memory(_) => {
                let _ = nodelay;
                Ok(())
            }
        }
    }

    /// Returns in a simulation what was set, `false` at first, and otherwise `true`.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn nodelay(&self) -> Result<bool, E> {
        match &self.end {
            #[cfg(feature = "sim")]
            End::Sim(end) => end.with_options(|options| options.nodelay).map_err(E::of),
            End::Memory(_) => Ok(true),
        }
    }
}

#[cfg(feature = "sim")]
super::options::tcp_options!(TcpStream);
#[cfg(feature = "sim")]
super::options::ttl!(TcpStream);

impl<E: NetError> Waited for TcpStream<E> {
    fn forget(&self, direction: Direction, id: WaiterId) {
        self.end.forget(direction, id);
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.end.waits(direction, id)
    }
}

impl<E: NetError> fmt::Debug for TcpStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("TcpStream");
        if let (Ok(local), Ok(peer)) = (self.end.local_addr(), self.end.peer_addr()) {
            out.field("local", &local).field("peer", &peer);
        }
        out.finish()
    }
}

#[cfg(feature = "std")]
crate::io::vectored::vectored!(TcpStream);

split::embedded_io!(TcpStream<E>, TcpStream: Read Write);
split::embedded_io!(&TcpStream<E>, TcpStream: Read Write);
