//! [`UdpSocket`].

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, WaiterId};

use super::addr::{ToSocketAddrs, first_that_works};
use super::connection::BIND;
use super::datagrams::datagrams;
use super::moving::movable;
use crate::budget::draw;
use crate::reactor::MioReactor;
use crate::source::Attached;
use polliwog_core::task::consume_budget;

mod batch;
mod options;

pub use batch::RecvBatch;

/// A UDP socket.
///
/// All operations take `&self`, and any number of tasks can wait to send and to receive: a datagram goes to
/// one of them.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::UdpSocket;
///
/// polliwog::block_on(async {
///     let here = UdpSocket::bind("127.0.0.1:0").await?;
///     let there = UdpSocket::bind("127.0.0.1:0").await?;
///     here.send_to(b"hop", there.local_addr()?).await?;
///     let mut buf = [0; 16];
///     let (n, from) = there.recv_from(&mut buf).await?;
///     assert_eq!((&buf[..n], from), (&b"hop"[..], here.local_addr()?));
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct UdpSocket {
    io: Attached<mio::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds to the first address of `addr` that works.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     println!("at {}", socket.local_addr()?);
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
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        let reactor = &MioReactor::current()?;
        first_that_works(addr, |addr| async move {
            draw(BIND).await;
            let socket = mio::net::UdpSocket::bind(addr)?;
            Ok(Self::attach(reactor, socket))
        })
        .await
    }

    fn of(io: Attached<mio::net::UdpSocket>) -> UdpSocket {
        UdpSocket { io }
    }

    /// No direction can be shut down.
    #[inline]
    fn unless_shut<T>(&self, received: io::Result<T>) -> io::Result<T> {
        received
    }

    /// Sets the peer that [`send`](Self::send) and [`recv`](Self::recv) talk to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let server = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let client = UdpSocket::bind("127.0.0.1:0").await?;
    ///     client.connect(server.local_addr()?).await?;
    ///     client.send(b"hop").await?;
    ///     let mut buf = [0; 16];
    ///     assert_eq!(server.recv(&mut buf).await?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the last address tried.
    ///
    /// # Cancel safety
    ///
    /// The socket has been connected or not.
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        first_that_works(addr, |addr| async move {
            consume_budget().await;
            self.io.with(|socket| socket.connect(addr))
        })
        .await
    }

    /// Sends a datagram to the first address of `addr`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let server = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let client = UdpSocket::bind("127.0.0.1:0").await?;
    ///     assert_eq!(client.send_to(b"hop", server.local_addr()?).await?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, also of an earlier datagram.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped before it is done.
    pub async fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> io::Result<usize> {
        first_that_works(addr, |addr| {
            Operation::write(&self.io, move |io, cx, id| {
                poll_send_to(io, id, cx, buf, addr)
            })
        })
        .await
    }

    /// [`send_to`](Self::send_to) as a poll function.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        addr: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        poll_send_to(&self.io, WaiterId::ANONYMOUS, cx, buf, addr)
    }

    /// Sends a datagram to an address, if that does not have to wait.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let server = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let client = UdpSocket::bind("127.0.0.1:0").await?;
    ///     assert_eq!(client.try_send_to(b"hop", server.local_addr()?)?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if it has to; see [`writable`](Self::writable).
    pub fn try_send_to(&self, buf: &[u8], addr: SocketAddr) -> io::Result<usize> {
        self.io
            .try_with(Direction::Write, |socket| socket.send_to(buf, addr))
    }

    /// Reads a datagram, says where it came from, and leaves it there for whoever receives it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let server = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let client = UdpSocket::bind("127.0.0.1:0").await?;
    ///     client.send_to(b"hop", server.local_addr()?).await?;
    ///     let mut buf = [0; 16];
    ///     let (_, from) = server.peek_from(&mut buf).await?;
    ///     assert_eq!(server.recv_from(&mut buf).await?.1, from); // it was still there
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Operation::read(&self.io, |io, cx, id| {
            let peek = |socket: &mio::net::UdpSocket| socket.peek_from(buf);
            io.poll_op(id, Direction::Read, cx, peek, |(n, _)| *n)
        })
        .await
    }

    /// [`peek_from`](Self::peek_from) as a poll function. Any number of tasks can wait.
    ///
    /// # Errors
    ///
    /// As [`peek_from`](Self::peek_from).
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let id = WaiterId::ANONYMOUS;
        let peek = |socket: &mio::net::UdpSocket| socket.peek_from(buf);
        self.io.poll_op(id, Direction::Read, cx, peek, |(n, _)| *n)
    }

    /// Reads a datagram if there is one, says where it came from, and leaves it there.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if it has to wait; see [`readable`](Self::readable).
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io
            .try_with(Direction::Read, |socket| socket.peek_from(buf))
    }
}

datagrams! {
    UdpSocket: mio::net::UdpSocket, std::net::UdpSocket, SocketAddr, mio::net::UdpSocket::peek
}

fn poll_send_to(
    io: &Attached<mio::net::UdpSocket>,
    id: WaiterId,
    cx: &mut Context<'_>,
    buf: &[u8],
    addr: SocketAddr,
) -> Poll<io::Result<usize>> {
    let send = |socket: &mio::net::UdpSocket| socket.send_to(buf, addr);
    io.poll_op(id, Direction::Write, cx, send, |n| *n)
}

sockets! {
    UdpSocket: socket => socket.io;
}

movable! {
    UdpSocket: mio::net::UdpSocket, ();
    socket => socket.io, ();
    (io, ()) => UdpSocket { io }
}

std_conversions! {
    UdpSocket: std::net::UdpSocket;
}
