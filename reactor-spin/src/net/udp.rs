//! [`UdpSocket`]: datagrams between the hosts of a simulation.

use core::fmt;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};
use polliwog_core::task::consume_budget;

use super::generic::NetError;
use super::{Network, ToSocketAddrs};
use crate::Error;
use crate::sim::{Datagrams, SimSocket};

/// A socket for datagrams of a simulated host, with the interface of a real one.
///
/// Datagrams can get lost, come twice and out of order: see [`Link`](crate::sim::Link). Those that find the
/// socket's buffer full, or nobody, are lost. Any number of tasks can wait; a datagram wakes the one that has
/// waited longest.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::UdpSocket;
/// use polliwog::sim::Simulation;
///
/// async fn echo() -> Result<(), polliwog::Error> {
///     let socket = UdpSocket::bind("0.0.0.0:7").await?;
///     let mut buf = [0; 1500];
///     loop {
///         let (count, from) = socket.recv_from(&mut buf).await?;
///         socket.send_to(&buf[..count], from).await?;
///     }
/// }
///
/// let mut simulation = Simulation::new(7);
/// simulation.host("echo", echo);
/// simulation.client("frog", async {
///     let socket = UdpSocket::bind("0.0.0.0:0").await?;
///     socket.connect("echo:7").await?;
///     socket.send(b"quak").await?;
///     let mut buf = [0; 1500];
///     let count = socket.recv(&mut buf).await?;
///     assert_eq!(&buf[..count], b"quak");
///     Ok::<(), polliwog::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
pub struct UdpSocket<E: NetError> {
    pub(super) socket: SimSocket,
    fails: PhantomData<fn() -> E>,
}

impl<E: NetError> UdpSocket<E> {
    /// Binds to an address of the host. Port 0 means a free one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// assert_eq!(socket.local_addr()?.port(), 7);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] outside of a simulation; [`Error::AddrInUse`]; [`Error::AddrNotAvailable`] for an
    /// address of another host, and if no port is free; [`Error::InvalidAddress`] and [`Error::NameNotFound`]
    /// for text.
    ///
    /// # Cancel safety
    ///
    /// It never waits.
    pub async fn bind(addr: impl ToSocketAddrs) -> Result<Self, E> {
        let addr = addr.to_socket_addr().map_err(E::of)?;
        match Network::current().sim() {
            Some(net) => Ok(Self {
                socket: net.bind_udp(addr).map_err(E::of)?,
                fails: PhantomData,
            }),
            None => Err(E::of(Error::Unsupported)),
        }
    }

    /// Sets the peer: [`send`](Self::send) goes there, and only its datagrams are received.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// socket.connect("frog:7").await?; // itself
    /// socket.send(b"quak").await?;
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As for text in [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// It never waits.
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> Result<(), E> {
        let addr = addr.to_socket_addr().map_err(E::of)?;
        self.socket.connect(addr).map_err(E::of)
    }

    /// Sends a datagram; returns how many bytes it has. That it was sent does not mean that it arrives.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// assert_eq!(socket.send_to(b"quak", "frog:7").await?, 4); // to itself
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLong`]; [`Error::InvalidInput`] for port 0 and the other family; [`Error::PermissionDenied`] for the
    /// broadcast address without [`set_broadcast`](Self::set_broadcast); as for text in [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// It never waits, but for the task's budget, before anything is sent.
    pub async fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> Result<usize, E> {
        let addr = addr.to_socket_addr().map_err(E::of)?;
        consume_budget().await;
        self.socket.send(buf, Some(addr)).map_err(E::of)
    }

    /// Sends a datagram to the peer.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// socket.connect("frog:7").await?; // itself
    /// assert_eq!(socket.send(b"quak").await?, 4);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] without one; as [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to`](Self::send_to).
    pub async fn send(&self, buf: &[u8]) -> Result<usize, E> {
        consume_budget().await;
        self.socket.send(buf, None).map_err(E::of)
    }

    /// [`send_to`](Self::send_to) without waiting.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// let there = "127.0.0.1:7".parse().unwrap();
    /// assert_eq!(socket.try_send_to(b"quak", there)?, 4);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], addr: SocketAddr) -> Result<usize, E> {
        self.socket.send(buf, Some(addr)).map_err(E::of)
    }

    /// [`send`](Self::send) without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> Result<usize, E> {
        self.socket.send(buf, None).map_err(E::of)
    }

    /// [`send_to`](Self::send_to) as a poll function; always ready.
    pub fn poll_send_to(
        &self,
        _: &mut Context<'_>,
        buf: &[u8],
        addr: SocketAddr,
    ) -> Poll<Result<usize, E>> {
        Poll::Ready(self.try_send_to(buf, addr))
    }

    /// [`send`](Self::send) as a poll function; always ready.
    pub fn poll_send(&self, _: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, E>> {
        Poll::Ready(self.try_send(buf))
    }

    /// Waits for a datagram; returns how much of it was copied into `buf`, and where it comes from. The rest is
    /// lost.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// socket.send_to(b"quak", "frog:7").await?; // to itself
    /// let mut buf = [0; 1500];
    /// let (count, from) = socket.recv_from(&mut buf).await?;
    /// assert_eq!((&buf[..count], from.port()), (&b"quak"[..], 7));
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has taken no datagram.
    pub async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), E> {
        Operation::read(self, |socket: &Self, cx, id| socket.poll_take(id, cx, buf)).await
    }

    /// [`recv_from`](Self::recv_from), without the address.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// socket.send_to(b"quak", "frog:7").await?; // to itself
    /// let mut buf = [0; 1500];
    /// assert_eq!(socket.recv(&mut buf).await?, 4);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.recv_from(buf).await.map(|(count, _)| count)
    }

    /// Like [`recv_from`](Self::recv_from), but the datagram stays.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// socket.send_to(b"quak", "frog:7").await?; // to itself
    /// let mut buf = [0; 1500];
    /// assert_eq!(socket.peek_from(&mut buf).await?.0, 4);
    /// assert_eq!(socket.recv_from(&mut buf).await?.0, 4); // it is still there
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn peek_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), E> {
        Operation::read(self, |socket: &Self, cx, id| socket.poll_look(id, cx, buf)).await
    }

    /// [`peek_from`](Self::peek_from), without the address.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.peek_from(buf).await.map(|(count, _)| count)
    }

    /// [`recv_from`](Self::recv_from) without waiting.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// let nothing = socket.try_recv_from(&mut [0; 1500]);
    /// assert_eq!(nothing.unwrap_err(), polliwog::Error::WouldBlock);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is no datagram.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), E> {
        self.with(|socket| socket.take(buf))
    }

    /// [`recv`](Self::recv) without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is no datagram.
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.try_recv_from(buf).map(|(count, _)| count)
    }

    /// [`peek_from`](Self::peek_from) without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is no datagram.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), E> {
        self.with(|socket| socket.peek(buf))
    }

    /// [`peek`](Self::peek) without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is no datagram.
    pub fn try_peek(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.try_peek_from(buf).map(|(count, _)| count)
    }

    /// [`recv_from`](Self::recv_from) as a poll function.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), E>> {
        self.poll_take(WaiterId::ANONYMOUS, cx, buf)
    }

    /// [`recv`](Self::recv) as a poll function.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, E>> {
        self.poll_recv_from(cx, buf).map_ok(|(count, _)| count)
    }

    /// [`peek_from`](Self::peek_from) as a poll function.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), E>> {
        self.poll_look(WaiterId::ANONYMOUS, cx, buf)
    }

    /// Waits until there is a datagram.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// socket.send_to(b"quak", "frog:7").await?; // to itself
    /// socket.readable().await?;
    /// assert_eq!(socket.try_recv(&mut [0; 1500])?, 4);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// It takes nothing.
    pub async fn readable(&self) -> Result<(), E> {
        Operation::read(self, |socket: &Self, cx, id| {
            let waiter = (id, Direction::Read);
            socket.poll(waiter, cx, |socket| socket.readable(), |()| 0)
        })
        .await
    }

    /// Waits until a datagram can be sent, which is always.
    ///
    /// # Errors
    ///
    /// None.
    ///
    /// # Cancel safety
    ///
    /// It never waits, but for the task's budget.
    pub async fn writable(&self) -> Result<(), E> {
        consume_budget().await;
        Ok(())
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    pub fn local_addr(&self) -> Result<SocketAddr, E> {
        self.with(|socket| Ok(socket.local()))
    }

    /// Returns the address of the peer.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// assert!(socket.peer_addr().is_err());
    /// socket.connect("frog:9").await?;
    /// assert_eq!(socket.peer_addr()?.port(), 9);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if there is none.
    pub fn peer_addr(&self) -> Result<SocketAddr, E> {
        self.with(|socket| socket.peer().ok_or(Error::NotConnected))
    }

    /// Returns whether datagrams may go to the broadcast address, which all hosts of the simulation have.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    pub fn broadcast(&self) -> Result<bool, E> {
        self.with(|socket| Ok(socket.broadcast))
    }

    /// Sets whether datagrams may go to the broadcast address; at first they may not.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:7").await?;
    /// socket.set_broadcast(true)?;
    /// socket.send_to(b"who is there?", "255.255.255.255:7").await?;
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    pub fn set_broadcast(&self, broadcast: bool) -> Result<(), E> {
        self.with(|socket| {
            socket.broadcast = broadcast;
            Ok(())
        })
    }

    /// Returns how many routers a datagram may pass; there are none here.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    pub fn ttl(&self) -> Result<u32, E> {
        self.with(|socket| Ok(socket.ttl))
    }

    /// Sets how many routers a datagram may pass; there are none here.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the host has crashed.
    pub fn set_ttl(&self, ttl: u32) -> Result<(), E> {
        self.with(|socket| {
            socket.ttl = ttl;
            Ok(())
        })
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    pub fn take_error(&self) -> Result<Option<E>, E> {
        Ok(None)
    }

    /// Works on the socket.
    pub(super) fn with<T>(
        &self,
        f: impl FnOnce(&mut Datagrams) -> Result<T, Error>,
    ) -> Result<T, E> {
        self.socket.with(f).map_err(E::of)
    }

    /// Makes an attempt, and leaves the task's waker for as long as it would block.
    pub(super) fn poll<T>(
        &self,
        waiter: (WaiterId, Direction),
        cx: &mut Context<'_>,
        attempt: impl FnMut(&mut Datagrams) -> Result<T, Error>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<Result<T, E>> {
        let polled = self.socket.poll(waiter, cx, attempt, bytes);
        polled.map_err(E::of)
    }

    fn poll_take(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), E>> {
        let waiter = (id, Direction::Read);
        self.poll(waiter, cx, |socket| socket.take(buf), |(n, _)| *n)
    }

    fn poll_look(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), E>> {
        let waiter = (id, Direction::Read);
        self.poll(waiter, cx, |socket| socket.peek(buf), |(n, _)| *n)
    }
}

impl<E: NetError> Waited for UdpSocket<E> {
    fn forget(&self, direction: Direction, id: WaiterId) {
        self.socket.forget(direction, id);
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.socket.waits(direction, id)
    }
}

impl<E: NetError> fmt::Debug for UdpSocket<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("UdpSocket");
        if let Ok(local) = self.local_addr() {
            out.field("local", &local);
        }
        if let Ok(peer) = self.peer_addr() {
            out.field("peer", &peer);
        }
        out.finish()
    }
}
