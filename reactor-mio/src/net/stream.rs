//! [`TcpStream`].

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};
use polliwog_core::task::consume_budget;
use polliwog_core::time::timeout;
use socket2::{SockRef, TcpKeepalive};

use super::addr::ToSocketAddrs;
use super::byte_stream::{self, byte_stream, socket_stream};
use super::connection::{self, connection};
use super::happy_eyeballs::race;
use super::moving::movable;
use super::no_sigpipe;
use super::options::tcp_options;
use super::split;
use crate::budget::{draw, poll_nothing};
use crate::reactor::MioReactor;
use crate::source::Attached;

/// A TCP connection.
///
/// All operations take `&self`, and any number of tasks can wait for each direction. For reading and
/// writing in two tasks at once, see [`split`](Self::split) (borrowed, free) and
/// [`into_split`](Self::into_split) (owned). For options that have to be set before connecting, see
/// [`TcpSocket`](super::TcpSocket).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::{TcpListener, TcpStream};
///
/// polliwog::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _peer) = listener.accept().await?;
///     client.write_all(b"ping").await?;
///     let mut buf = [0; 4];
///     server.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"ping");
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct TcpStream {
    io: Attached<mio::net::TcpStream>,
}

impl TcpStream {
    /// Connects to one of the addresses that `addr` stands for.
    ///
    /// Several of them race, as [RFC 8305] has it ("Happy Eyeballs"): they are tried in their order, but
    /// with IPv6 and IPv4 in turn, each as soon as the one before has failed or has taken 250 ms. The first
    /// connection that stands is taken, the other attempts are given up.
    ///
    /// [RFC 8305]: https://www.rfc-editor.org/rfc/rfc8305
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::{TcpListener, TcpStream};
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let stream = TcpStream::connect(listener.local_addr()?).await?;
    ///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the attempt that failed last; see also [`lookup_host`](super::lookup_host).
    /// [`io::ErrorKind::NotConnected`] outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up all attempts and closes their sockets.
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let reactor = MioReactor::current()?;
        let reactor = &reactor;
        race(addr, |addr| Self::connect_to(reactor, addr)).await
    }

    /// [`connect`](Self::connect), the looking up of a name included, that gives up after a time.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let addr = listener.local_addr()?;
    ///     TcpStream::connect_timeout(addr, Duration::from_secs(5)).await.map(drop)
    /// })
    /// # .unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] after that time; otherwise as [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_timeout(
        addr: impl ToSocketAddrs,
        patience: Duration,
    ) -> io::Result<TcpStream> {
        match timeout(patience, Self::connect(addr)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "no connection within the time that it was given",
            )),
        }
    }

    async fn connect_to(reactor: &MioReactor, addr: SocketAddr) -> io::Result<TcpStream> {
        // On the loopback device it may never have to wait.
        draw(connection::CONNECT).await;
        let socket = mio::net::TcpStream::connect(addr)?;
        let stream = Self::attach(reactor, socket, true).connected().await?;
        record!(debug, "connected to {addr}");
        Ok(stream)
    }

    /// Goes on with a socket whose connect is under way. `ours`: nobody has ever had it in hand.
    pub(super) async fn connecting(
        reactor: &MioReactor,
        socket: std::net::TcpStream,
        ours: bool,
    ) -> io::Result<TcpStream> {
        let socket = mio::net::TcpStream::from_std(socket);
        let stream = if ours {
            Self::attach(reactor, socket, true)
        } else {
            TcpStream {
                io: Attached::with_reactor(reactor, socket),
            }
        };
        stream.connected().await
    }

    /// Returns the time to live of outgoing packets (`IP_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::{TcpListener, TcpStream};
    ///
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let stream = TcpStream::connect(listener.local_addr()?).await?;
    ///     stream.set_ttl(32)?;
    ///     assert_eq!(stream.ttl()?, 32);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.with(mio::net::TcpStream::ttl)
    }

    /// Sets the time to live of outgoing packets (`IP_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::TcpStream;
    ///
    /// fn for_neighbours_only(stream: &TcpStream) -> std::io::Result<()> {
    ///     stream.set_ttl(1)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.with(|socket| socket.set_ttl(ttl))
    }

    fn with_socket<T>(&self, f: impl FnOnce(SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        self.io.with(|socket| f(SockRef::from(socket)))
    }
}

byte_stream! {
    TcpStream in "net": mio::net::TcpStream, write
}

socket_stream! {
    TcpStream: mio::net::TcpStream, mio::net::TcpStream::peek
}

connection! {
    TcpStream: mio::net::TcpStream, std::net::TcpStream, SocketAddr, split
}

#[inline]
fn write(mut socket: &mio::net::TcpStream, buf: &[u8]) -> io::Result<usize> {
    socket.write(buf)
}

tcp_options!(TcpStream);

sockets! {
    TcpStream: socket => socket.io;
}

movable! {
    TcpStream: mio::net::TcpStream, ();
    stream => stream.io, ();
    (io, ()) => TcpStream { io }
}

std_conversions! {
    TcpStream: std::net::TcpStream;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::TcpListener;
    use crate::sys::TRUE_EDGES;

    /// Whether a stream still counts on room after a write of more than it has room for.
    async fn fill(write: impl AsyncFn(&TcpStream, &[u8]) -> io::Result<usize>) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let near = near.await.unwrap();
        let _far = listener.accept().await.unwrap();
        let bytes = vec![1; 32 << 20];
        let written = write(&near, &bytes).await.unwrap();
        assert!(written < bytes.len(), "all of it went at once");
        near.io.is_ready(Direction::Write)
    }

    /// However it was written: the next write waits without asking the system.
    #[test]
    fn a_short_write_tells_that_the_socket_is_full() {
        crate::block_on(async {
            let plain = fill(async |stream, bytes| stream.write(bytes).await).await;
            let vectored = fill(async |stream, bytes| {
                let (head, body) = bytes.split_at(100);
                let bufs = [IoSlice::new(head), IoSlice::new(body)];
                stream.write_vectored(&bufs).await
            })
            .await;
            let tried = fill(async |stream, bytes| {
                let (head, body) = bytes.split_at(100);
                stream.try_write_vectored(&[IoSlice::new(head), IoSlice::new(body)])
            })
            .await;
            assert_eq!([plain, vectored, tried], [!TRUE_EDGES; 3]);
        });
    }
}
