//! [`UnixListener`].

use std::fmt;
use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use polliwog_core::sources::{Operation, WaiterId};

use super::{UnixStream, address};
use crate::net::acceptor::Acceptor;
use crate::net::moving::movable;
use crate::reactor::MioReactor;
use crate::source::Attached;

/// A listening Unix socket.
///
/// Any number of tasks can [`accept`](Self::accept) at the same time. A connection wakes one of them, that
/// which has waited longest; should it give up before it is polled, the next one is woken. Where the system
/// runs out of descriptors or memory it rests, as [`TcpListener`](crate::net::TcpListener) does.
///
/// The file of its name stays when it is dropped: see [`net::unix`](crate::net::unix).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::{UnixListener, UnixStream};
///
/// # let path = std::env::temp_dir().join(format!("polliwog-doc-listener-{}", std::process::id()));
/// polliwog::block_on(async {
///     let listener = UnixListener::bind(&path)?;
///     let client = UnixStream::connect(&path).await?;
///     let (server, _peer) = listener.accept().await?;
///     server.write_all(b"quak").await?;
///     let mut buf = [0; 4];
///     client.read_exact(&mut buf).await?;
///     std::fs::remove_file(&path)
/// })
/// # .unwrap();
/// ```
pub struct UnixListener {
    acceptor: Acceptor<mio::net::UnixListener>,
}

impl UnixListener {
    /// Listens at a path. One that begins with a zero byte is an abstract name on Linux.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixListener;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-listen-{}", std::process::id()));
    ///     let listener = UnixListener::bind(&path)?;
    ///     assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_path()));
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, [`io::ErrorKind::AddrInUse`] if there is a file of that name already;
    /// [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        Self::bind_addr(&address(path.as_ref())?)
    }

    /// Listens at an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        let reactor = MioReactor::current()?;
        let listener = mio::net::UnixListener::bind_addr(addr)?;
        record!(debug, "listening on {addr:?}");
        Ok(Self::attach(Attached::owning(&reactor, listener)))
    }

    fn attach(io: Attached<mio::net::UnixListener>) -> UnixListener {
        UnixListener {
            acceptor: Acceptor::new(io),
        }
    }

    /// Takes over a listening socket of the standard library and makes it non-blocking.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::UnixListener;
    ///
    /// /// `socket` was inherited, from systemd for example.
    /// fn take_over(socket: std::os::unix::net::UnixListener) -> std::io::Result<UnixListener> {
    ///     UnixListener::from_std(socket)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the socket cannot be made non-blocking; [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        let reactor = MioReactor::current()?;
        listener.set_nonblocking(true)?;
        let listener = mio::net::UnixListener::from_std(listener);
        // Somebody else may have a duplicate.
        Ok(Self::attach(Attached::with_reactor(&reactor, listener)))
    }

    /// Gives the socket to the standard library. It stays non-blocking.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::UnixListener;
    ///
    /// fn hand_over(listener: UnixListener) -> std::io::Result<std::os::unix::net::UnixListener> {
    ///     listener.into_std()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When it cannot be taken out of the selector.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        Ok(self.acceptor.io.into_inner()?.into())
    }

    /// Waits for the next connection, and says where it comes from: from an unnamed address as a rule.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::{UnixListener, UnixStream};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-accept-{}", std::process::id()));
    ///     let listener = UnixListener::bind(&path)?;
    ///     let client = UnixStream::connect(&path).await?;
    ///     let (stream, _peer) = listener.accept().await?;
    ///     stream.write_all(b"hop").await?;
    ///     assert_eq!(client.read(&mut [0; 16]).await?, 3);
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, if it is neither about the one connection nor a lack of resources that may
    /// pass.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost if the future is dropped before it is done: another task that waits is woken
    /// for it.
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> {
        Operation::read(&self.acceptor, |acceptor, cx, id| {
            Poll::Ready(ready!(acceptor.poll_accept(id, cx)).map(|new| self.stream(new)))
        })
    }

    /// [`accept`](Self::accept) as a poll function. Any number of tasks can wait; a connection wakes those of
    /// them that have waited longer than any [`accept`](Self::accept), for it is not known which of them have
    /// given up.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        Poll::Ready(
            ready!(self.acceptor.poll_accept(WaiterId::ANONYMOUS, cx)).map(|new| self.stream(new)),
        )
    }

    /// Takes a connection if one waits.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::UnixListener;
    ///
    /// fn is_busy(listener: &UnixListener) -> bool {
    ///     listener.try_accept().is_ok()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if no connection waits; otherwise as [`accept`](Self::accept), a lack of
    /// resources included.
    pub fn try_accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        Ok(self.stream(self.acceptor.try_accept()?))
    }

    fn stream(
        &self,
        (socket, peer): (mio::net::UnixStream, SocketAddr),
    ) -> (UnixStream, SocketAddr) {
        record!(debug, "accepted a connection from {peer:?}");
        (UnixStream::ours(self.acceptor.io.reactor(), socket), peer)
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
    /// use polliwog::net::UnixListener;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-addr-{}", std::process::id()));
    ///     let listener = UnixListener::bind(&path)?;
    ///     println!("listening at {:?}", listener.local_addr()?);
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.io.with(mio::net::UnixListener::local_addr)
    }

    /// Takes the error that is pending on the socket, if any (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// What the system reports about the query itself.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.acceptor.io.with(mio::net::UnixListener::take_error)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.acceptor.io.fmt(f)
    }
}

/// The connections that a [`UnixListener`] accepts, made by [`UnixListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Incoming<'_> {
    /// Waits for the next connection and returns it; never `None`, as a listener does not end by itself.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost if the future is dropped before it is done.
    pub async fn next(&mut self) -> Option<io::Result<UnixStream>> {
        let accepted = self.listener.accept().await;
        Some(accepted.map(|(stream, _peer)| stream))
    }
}

impl Stream for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.listener.poll_accept(cx));
        Poll::Ready(Some(accepted.map(|(stream, _peer)| stream)))
    }
}

sockets! {
    UnixListener: socket => socket.acceptor.io;
}

movable! {
    UnixListener: mio::net::UnixListener, ();
    listener => listener.acceptor.io, ();
    (io, ()) => UnixListener::attach(io)
}

std_conversions! {
    UnixListener: std::os::unix::net::UnixListener;
}
