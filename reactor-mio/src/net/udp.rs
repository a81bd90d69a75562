//! [`UdpSocket`].

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, WaiterId};

use socket2::SockRef;

use super::addr::{ToSocketAddrs, first_that_works};
use super::byte_stream::BIND;
use super::datagrams::datagrams;
use crate::draw::draw;
use crate::reactor::MioReactor;
use crate::source::Attached;
use polliwog_core::task::consume_budget;

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

    /// Returns whether datagrams may go to broadcast addresses (`SO_BROADCAST`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     assert!(!socket.broadcast()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.with(mio::net::UdpSocket::broadcast)
    }

    /// Sets whether datagrams may go to broadcast addresses (`SO_BROADCAST`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_broadcast(true)?;
    ///     assert!(socket.broadcast()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.io.with(|socket| socket.set_broadcast(broadcast))
    }

    /// Returns the time to live of outgoing packets (`IP_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_ttl(32)?;
    ///     assert_eq!(socket.ttl()?, 32);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.with(mio::net::UdpSocket::ttl)
    }

    /// Sets the time to live of outgoing packets (`IP_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_ttl(1)?; // for neighbours only
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.with(|socket| socket.set_ttl(ttl))
    }

    /// Joins a group of IPv4, on the interface that has the given address; on one of the system's choice if
    /// it is [`UNSPECIFIED`](Ipv4Addr::UNSPECIFIED).
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("0.0.0.0:5353").await?;
    ///     socket.join_multicast_v4(Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::UNSPECIFIED)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io
            .with(|socket| socket.join_multicast_v4(&group, &interface))
    }

    /// Leaves a group of IPv4 that was joined by [`join_multicast_v4`](Self::join_multicast_v4).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io
            .with(|socket| socket.leave_multicast_v4(&group, &interface))
    }

    /// Joins a group of IPv6, on the interface of the given index, or on one of the system's choice if it is
    /// zero.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("[::]:5353").await?;
    ///     socket.join_multicast_v6(&"ff02::fb".parse().unwrap(), 0)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io
            .with(|socket| socket.join_multicast_v6(group, interface))
    }

    /// Leaves a group of IPv6 that was joined by [`join_multicast_v6`](Self::join_multicast_v6).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io
            .with(|socket| socket.leave_multicast_v6(group, interface))
    }

    /// Returns whether what goes to a group of IPv4 also comes back to this host (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.with(mio::net::UdpSocket::multicast_loop_v4)
    }

    /// Sets whether what goes to a group of IPv4 also comes back to this host (`IP_MULTICAST_LOOP`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_multicast_loop_v4(false)?;
    ///     assert!(!socket.multicast_loop_v4()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.io.with(|socket| socket.set_multicast_loop_v4(on))
    }

    /// Returns whether what goes to a group of IPv6 also comes back to this host (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.with(mio::net::UdpSocket::multicast_loop_v6)
    }

    /// Sets whether what goes to a group of IPv6 also comes back to this host (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.io.with(|socket| socket.set_multicast_loop_v6(on))
    }

    /// Returns the time to live of packets to groups of IPv4 (`IP_MULTICAST_TTL`): 1, the local network,
    /// unless set.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.with(mio::net::UdpSocket::multicast_ttl_v4)
    }

    /// Sets the time to live of packets to groups of IPv4 (`IP_MULTICAST_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_multicast_ttl_v4(4)?;
    ///     assert_eq!(socket.multicast_ttl_v4()?, 4);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.io.with(|socket| socket.set_multicast_ttl_v4(ttl))
    }

    /// Returns the interface from which packets go to groups of IPv4, by its address (`IP_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_if_v4(&self) -> io::Result<Ipv4Addr> {
        self.io
            .with(|socket| SockRef::from(socket).multicast_if_v4())
    }

    /// Sets the interface from which packets go to groups of IPv4, by its address (`IP_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_if_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_multicast_if_v4(&interface))
    }

    /// Returns how many routers a packet to a group of IPv6 may pass (`IPV6_MULTICAST_HOPS`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        self.io
            .with(|socket| SockRef::from(socket).multicast_hops_v6())
    }

    /// Sets how many routers a packet to a group of IPv6 may pass (`IPV6_MULTICAST_HOPS`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_multicast_hops_v6(hops))
    }

    /// Returns the interface from which packets go to groups of IPv6, by its index (`IPV6_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_if_v6(&self) -> io::Result<u32> {
        self.io
            .with(|socket| SockRef::from(socket).multicast_if_v6())
    }

    /// Sets the interface from which packets go to groups of IPv6, by its index (`IPV6_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_multicast_if_v6(interface))
    }

    /// Returns the size of the buffer for datagrams to be sent (`SO_SNDBUF`), in bytes, as the system counts
    /// them: Linux reports twice what was asked for.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     println!("room for {} bytes", socket.send_buffer_size()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.io
            .with(|socket| SockRef::from(socket).send_buffer_size())
    }

    /// Asks for a size of the buffer for datagrams to be sent (`SO_SNDBUF`), in bytes.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_send_buffer_size(1 << 17)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_send_buffer_size(size))
    }

    /// Returns the size of the buffer for datagrams that have come (`SO_RCVBUF`), in bytes, as the system
    /// counts them: Linux reports twice what was asked for. What does not fit is lost.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     println!("room for {} bytes", socket.recv_buffer_size()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.io
            .with(|socket| SockRef::from(socket).recv_buffer_size())
    }

    /// Asks for a size of the buffer for datagrams that have come (`SO_RCVBUF`), in bytes.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_recv_buffer_size(1 << 17)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_recv_buffer_size(size))
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

descriptors! {
    UdpSocket: socket => socket.io;
}

raw_sockets! {
    UdpSocket: socket => socket.io;
}

std_conversions! {
    UdpSocket: std::net::UdpSocket;
}
