//! [`TcpSocket`].

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::connection::CONNECT;
use super::options::tcp_options;
use super::{TcpListener, TcpStream};
use crate::budget::draw;
use crate::reactor::MioReactor;

/// A TCP socket that is neither connected nor listening yet, for options that have to be set before.
///
/// [`TcpStream::connect`] and [`TcpListener::bind`] are shorter where nothing has to be set. Unlike
/// `TcpListener::bind`, this leaves `SO_REUSEADDR` to you.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::{TcpSocket, TcpStream};
///
/// polliwog::block_on(async {
///     let socket = TcpSocket::new_v4()?;
///     # #[cfg(not(windows))]
///     socket.set_reuseaddr(true)?;
///     socket.set_recv_buffer_size(1 << 16)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(1024)?;
///
///     let socket = TcpSocket::new_v4()?;
///     socket.set_nodelay(true)?;
///     let stream: TcpStream = socket.connect(listener.local_addr()?).await?;
///     assert!(stream.nodelay()?);
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct TcpSocket {
    socket: Socket,
    /// Nobody else has had the descriptor in hand.
    ours: Cell<bool>,
}

impl TcpSocket {
    /// Makes a socket for IPv4.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("127.0.0.1:0".parse().unwrap())?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, if there are no descriptors left for example.
    pub fn new_v4() -> io::Result<TcpSocket> {
        Self::new(Domain::IPV4)
    }

    /// Makes a socket for IPv6.
    ///
    /// # Errors
    ///
    /// As [`new_v4`](Self::new_v4).
    pub fn new_v6() -> io::Result<TcpSocket> {
        Self::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        Ok(TcpSocket {
            socket,
            ours: Cell::new(true),
        })
    }

    /// Takes over a socket that is neither connected nor listening, in spite of its type, and makes it
    /// non-blocking: the way from other crates that make sockets.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::TcpSocket;
    /// use std::net::TcpStream;
    ///
    /// /// `socket` came from a crate that makes sockets.
    /// fn take_over(socket: TcpStream) -> std::io::Result<TcpSocket> {
    ///     TcpSocket::from_std_stream(socket)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When it cannot be made non-blocking.
    pub fn from_std_stream(stream: std::net::TcpStream) -> io::Result<TcpSocket> {
        stream.set_nonblocking(true)?;
        Ok(TcpSocket {
            socket: stream.into(),
            ours: Cell::new(false),
        })
    }

    /// Returns whether the address may be bound although connections of an earlier socket linger
    /// (`SO_REUSEADDR`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpSocket;
    ///
    /// polliwog::block_on(async {
    ///     assert!(!TcpSocket::new_v4()?.reuseaddr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.socket.reuse_address()
    }

    /// Sets whether the address may be bound although connections of an earlier socket linger
    /// (`SO_REUSEADDR`). On Windows it allows others to take the address away.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.set_reuseaddr(true)?;
    ///     assert!(socket.reuseaddr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuseaddr)
    }

    /// Returns whether several sockets may listen at the same address (`SO_REUSEPORT`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    pub fn reuseport(&self) -> io::Result<bool> {
        self.socket.reuse_port()
    }

    /// Sets whether several sockets may listen at the same address (`SO_REUSEPORT`); on Linux the system
    /// spreads the connections over them.
    ///
    /// # Errors
    ///
    /// What the system reports.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuseport)
    }

    /// Returns the address that the socket is bound to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("127.0.0.1:0".parse().unwrap())?;
    ///     assert!(socket.local_addr()?.ip().is_loopback());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports; on Windows that it has not been bound.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.socket.local_addr()?.as_socket();
        addr.ok_or_else(|| io::Error::other("the socket is not one of IP"))
    }

    /// Takes the error that is pending on the socket, if any (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// What the system reports about the query itself.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Binds the socket to an address: where it will listen, or what it will connect from.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("127.0.0.1:0".parse().unwrap())?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, that the address is in use for example.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.socket.bind(&addr.into())
    }

    /// Connects.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::{TcpListener, TcpSocket};
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("127.0.0.1:0".parse().unwrap())?; // what it connects from
    ///     let stream = socket.connect(listener.local_addr()?).await?;
    /// #     drop(stream);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports of the attempt; [`io::ErrorKind::NotConnected`] outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the attempt and closes the socket.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let reactor = MioReactor::current()?;
        draw(CONNECT).await;
        match self.socket.connect(&addr.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        TcpStream::connecting(&reactor, self.socket.into(), self.ours.get()).await
    }

    /// Listens. At most `backlog` connections, or as many as the system grants, wait to be accepted.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::TcpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("127.0.0.1:0".parse().unwrap())?;
    ///     let listener = socket.listen(128)?;
    /// #     drop(listener);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports; [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let reactor = MioReactor::current()?;
        self.socket
            .listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        let ours = self.ours.get();
        Ok(TcpListener::listening(&reactor, self.socket.into(), ours))
    }

    fn with_socket<T>(&self, f: impl FnOnce(SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        f(SockRef::from(&self.socket))
    }

    /// The socket, of which somebody may have a duplicate from now on.
    #[cfg(any(unix, windows))]
    fn lent(&self) -> &socket2::Socket {
        self.ours.set(false);
        &self.socket
    }
}

tcp_options!(TcpSocket);

/// Whether a connect that does not block has begun.
#[cfg(unix)]
fn is_under_way(error: &io::Error) -> bool {
    use rustix::io::Errno;
    Errno::from_io_error(error) == Some(Errno::INPROGRESS)
}

/// Whether a connect that does not block has begun.
#[cfg(not(unix))]
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

sockets! {
    TcpSocket: socket => socket.lent();
}
