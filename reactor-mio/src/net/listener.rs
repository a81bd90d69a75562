//! [`TcpListener`].

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use polliwog_core::sources::{Operation, WaiterId};
use socket2::{Domain, Protocol, Socket, Type};

use super::TcpStream;
use super::acceptor::{Acceptor, BACKLOG};
use super::addr::{ToSocketAddrs, first_that_works};
use super::connection::BIND;
use super::moving::movable;
use crate::budget::draw;
use crate::reactor::MioReactor;
use crate::source::Attached;
use crate::sys;

/// A listening TCP socket.
///
/// Any number of tasks can [`accept`](Self::accept) at the same time. A connection wakes one of them, that
/// which has waited longest; should it give up before it is polled, the next one is woken.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::net::{TcpListener, TcpStream};
///
/// polliwog::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let _client = TcpStream::connect(listener.local_addr()?).await?;
///     let (stream, peer) = listener.accept().await?;
///     assert_eq!(stream.peer_addr()?, peer);
///     Ok(())
/// })
/// # }
/// ```
///
/// # When the system runs out
///
/// If a connection cannot be accepted because the process or the system has no file descriptor
/// or no memory left, the listener rests for 10 ms and tries again, then for twice as long, up
/// to 100 ms. It does not spin, it does not fail, and the connection waits in the backlog. With feature `log` each rest
/// is a warning, with the system's error.
/// Connections that broke before they were accepted are skipped; but the same error again and again, more
/// often than there can be connections in the backlog, is an error of the listener.
pub struct TcpListener {
    acceptor: Acceptor<mio::net::TcpListener>,
    /// Its connections are plain TCP, see [`Watched::set_tells`](crate::source::Attached).
    plain: bool,
}

impl TcpListener {
    /// Listens on the first address of `addr` that works, with a backlog of 4096 connections, or as many
    /// as the system grants. On Unix with `SO_REUSEADDR`, so that a server can be started again at once.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     assert_ne!(listener.local_addr()?.port(), 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the last address tried; see also [`lookup_host`](super::lookup_host).
    /// [`io::ErrorKind::NotConnected`] outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// Nothing is bound if the future is dropped before it is done.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        Self::bind_with_backlog(addr, BACKLOG).await
    }

    /// As [`bind`](Self::bind). At most `backlog` connections, or as many as the system grants
    /// (`net.core.somaxconn` on Linux), wait to be accepted; beyond that a client has to repeat its request,
    /// after a second as a rule.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind_with_backlog("127.0.0.1:0", 16).await?;
    /// #     drop(listener);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// Nothing is bound if the future is dropped before it is done.
    pub async fn bind_with_backlog(
        addr: impl ToSocketAddrs,
        backlog: u32,
    ) -> io::Result<TcpListener> {
        let reactor = &MioReactor::current()?;
        first_that_works(addr, |addr| async move {
            draw(BIND).await;
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
            #[cfg(not(windows))]
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&addr.into())?;
            socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
            record!(debug, "listening on {addr}");
            Ok(Self::listening(reactor, socket.into(), true))
        })
        .await
    }

    fn attach(io: Attached<mio::net::TcpListener>, plain: bool) -> TcpListener {
        TcpListener {
            acceptor: Acceptor::new(io),
            plain,
        }
    }

    /// Goes on with a socket that listens. `ours`: nobody has ever had it in hand.
    pub(super) fn listening(
        reactor: &MioReactor,
        socket: std::net::TcpListener,
        ours: bool,
    ) -> TcpListener {
        let plain = ours || sys::is_plain_tcp(&socket);
        let listener = mio::net::TcpListener::from_std(socket);
        let io = if ours {
            Attached::owning(reactor, listener)
        } else {
            Attached::with_reactor(reactor, listener)
        };
        Self::attach(io, plain)
    }

    /// Takes over a listening socket of the standard library and makes it non-blocking.
    ///
    /// For socket options that have to be set before binding, see also [`TcpSocket`](super::TcpSocket).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let inherited = std::net::TcpListener::bind("127.0.0.1:0")?;
    ///     let listener = TcpListener::from_std(inherited)?;
    /// #     drop(listener);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the socket cannot be made non-blocking; [`io::ErrorKind::NotConnected`] outside of
    /// a runtime.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        let reactor = MioReactor::current()?;
        listener.set_nonblocking(true)?;
        // Somebody else may have a duplicate.
        Ok(Self::listening(&reactor, listener, false))
    }

    /// Gives the socket to the standard library. It stays non-blocking.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let socket: std::net::TcpListener = listener.into_std()?;
    /// #     drop(socket);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When it cannot be taken out of the selector.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.acceptor.io.into_inner()?.into())
    }

    /// Waits for the next connection. Of several that wait, a connection wakes the one that has waited
    /// longest.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::{TcpListener, TcpStream};
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (_stream, peer) = listener.accept().await?;
    ///     assert_eq!(client.local_addr()?, peer);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, if it is neither about the one connection nor a lack of
    /// resources that may pass. Those are dealt with, see [above](Self).
    ///
    /// # Cancel safety
    ///
    /// No connection is lost if the future is dropped before it is done: another task that waits is woken
    /// for it.
    #[inline]
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> {
        Operation::read(&self.acceptor, |acceptor, cx, id| {
            Poll::Ready(ready!(acceptor.poll_accept(id, cx)).map(|new| self.stream(new)))
        })
    }

    /// [`accept`](Self::accept) as a poll function. Any number of tasks can wait; a connection wakes those
    /// of them that have waited longer than any [`accept`](Self::accept), for it is not known which of them
    /// have given up.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        Poll::Ready(
            ready!(self.acceptor.poll_accept(WaiterId::ANONYMOUS, cx)).map(|new| self.stream(new)),
        )
    }

    /// Takes a connection if one waits.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     assert!(listener.try_accept().is_err()); // nobody yet
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if no connection waits; otherwise as [`accept`](Self::accept), a lack of
    /// resources included.
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        Ok(self.stream(self.acceptor.try_accept()?))
    }

    #[inline]
    fn stream(&self, (socket, peer): (mio::net::TcpStream, SocketAddr)) -> (TcpStream, SocketAddr) {
        record!(debug, "accepted a connection from {peer}");
        let reactor = self.acceptor.io.reactor();
        (TcpStream::attach(reactor, socket, self.plain), peer)
    }

    /// Returns the connections as a stream that never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Returns the address that the socket is bound to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     println!("listening on {}", listener.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.io.with(mio::net::TcpListener::local_addr)
    }

    /// Takes the error that is pending on the socket, if any (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// What the system reports about the query itself.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.acceptor.io.with(mio::net::TcpListener::take_error)
    }

    /// Returns the time to live of outgoing packets (`IP_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     listener.set_ttl(32)?;
    ///     assert_eq!(listener.ttl()?, 32);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn ttl(&self) -> io::Result<u32> {
        self.acceptor.io.with(mio::net::TcpListener::ttl)
    }

    /// Sets the time to live of outgoing packets (`IP_TTL`), also of connections accepted later.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpListener;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     listener.set_ttl(1)?; // for neighbours only
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.acceptor.io.with(|listener| listener.set_ttl(ttl))
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.acceptor.io.fmt(f)
    }
}

/// The connections that a [`TcpListener`] accepts, made by [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Incoming<'_> {
    /// Waits for the next connection and returns it; never `None`, as a listener does not end by itself.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost if the future is dropped before it is done.
    pub async fn next(&mut self) -> Option<io::Result<TcpStream>> {
        let accepted = self.listener.accept().await;
        Some(accepted.map(|(stream, _peer)| stream))
    }
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.listener.poll_accept(cx));
        Poll::Ready(Some(accepted.map(|(stream, _peer)| stream)))
    }
}

sockets! {
    TcpListener: socket => socket.acceptor.io;
}

movable! {
    TcpListener: mio::net::TcpListener, bool;
    listener => listener.acceptor.io, listener.plain;
    (io, plain) => TcpListener::attach(io, plain)
}

std_conversions! {
    TcpListener: std::net::TcpListener;
}
