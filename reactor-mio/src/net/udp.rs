//! [`UdpSocket`].

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, WaiterId};

use super::addr::{ToSocketAddrs, first_that_works};
use crate::reactor::MioReactor;
use crate::source::Registered;

/// A UDP socket.
///
/// All operations take `&self`, and any number of tasks can wait to send and to receive: a datagram goes to
/// one of them.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::*; }
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
    io: Registered<mio::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds to the first address of `addr` that works.
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
            let socket = mio::net::UdpSocket::bind(addr)?;
            Ok(Self::attach(reactor, socket))
        })
        .await
    }

    fn attach(reactor: &MioReactor, socket: mio::net::UdpSocket) -> UdpSocket {
        UdpSocket {
            io: Registered::owning(reactor, socket),
        }
    }

    /// Takes over a socket of the standard library and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made non-blocking; [`io::ErrorKind::NotConnected`] outside of
    /// a runtime.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        let reactor = MioReactor::current()?;
        socket.set_nonblocking(true)?;
        let socket = mio::net::UdpSocket::from_std(socket);
        // Somebody else may have a duplicate.
        Ok(UdpSocket {
            io: Registered::with_reactor(&reactor, socket),
        })
    }

    /// Sets the peer that [`send`](Self::send) and [`recv`](Self::recv) talk to.
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
            self.io.with(|socket| socket.connect(addr))
        })
        .await
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// What the system reports, also of an earlier datagram.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped before it is done.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        Operation::write(&self.io, |io, cx, id| {
            let send = |socket: &mio::net::UdpSocket| socket.send(buf);
            io.poll_op(id, Direction::Write, cx, send, |n| *n)
        })
        .await
    }

    /// Receives a datagram from the peer that the socket is connected to. What does not fit
    /// into `buf` is lost.
    ///
    /// # Errors
    ///
    /// What the system reports, also of an earlier datagram.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been received if the future is dropped before it is done.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        Operation::read(&self.io, |io, cx, id| {
            let receive = |socket: &mio::net::UdpSocket| socket.recv(buf);
            io.poll_op(id, Direction::Read, cx, receive, |n| *n)
        })
        .await
    }

    /// Sends a datagram to the first address of `addr`.
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

    /// Receives a datagram and says where it came from. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// What the system reports.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been received if the future is dropped before it is done.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Operation::read(&self.io, |io, cx, id| poll_recv_from(io, id, cx, buf)).await
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

    /// [`recv_from`](Self::recv_from) as a poll function.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        poll_recv_from(&self.io, WaiterId::ANONYMOUS, cx, buf)
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.with(mio::net::UdpSocket::local_addr)
    }

    /// The address that the socket is connected to.
    ///
    /// # Errors
    ///
    /// What the system reports, if there is none for example.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.with(mio::net::UdpSocket::peer_addr)
    }

    /// Sets whether datagrams may go to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.io.with(|socket| socket.set_broadcast(broadcast))
    }
}

fn poll_send_to(
    io: &Registered<mio::net::UdpSocket>,
    id: WaiterId,
    cx: &mut Context<'_>,
    buf: &[u8],
    addr: SocketAddr,
) -> Poll<io::Result<usize>> {
    let send = |socket: &mio::net::UdpSocket| socket.send_to(buf, addr);
    io.poll_op(id, Direction::Write, cx, send, |n| *n)
}

fn poll_recv_from(
    io: &Registered<mio::net::UdpSocket>,
    id: WaiterId,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<(usize, SocketAddr)>> {
    let receive = |socket: &mio::net::UdpSocket| socket.recv_from(buf);
    io.poll_op(id, Direction::Read, cx, receive, |(n, _)| *n)
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
