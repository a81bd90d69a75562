//! [`UnixDatagram`].

use alloc::rc::{Rc, Weak};
use core::cell::{Cell, RefCell};
use core::fmt;
use core::marker::PhantomData;
use core::task::{Context, Poll};
use std::path::Path;

use polliwog_core::sources::{Direction, Operation, WaiterId};

use super::inbox::Inbox;
use super::{SocketAddr, host};
use crate::Error;
use crate::net::Shutdown;
use crate::net::generic::NetError;
use crate::net::generic::sealed::Addr;
use crate::sim::{Net, UnixSocket};

/// A Unix socket for datagrams on a simulated host, of which none is lost and none overtakes another: a send waits while
/// 512 of them wait to be received.
///
/// The file of its name stays when it is dropped: see [`net::unix`](crate::net::unix).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::UnixDatagram;
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("frog", async {
///     let log = UnixDatagram::bind("/log.sock")?;
///     let client = UnixDatagram::unbound()?;
///     client.send_to(b"quak", "/log.sock").await?;
///     let mut buf = [0; 16];
///     let (count, from) = log.recv_from(&mut buf).await?;
///     assert_eq!((&buf[..count], from.is_unnamed()), (&b"quak"[..], true));
///     Ok::<(), polliwog::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
pub struct UnixDatagram<E: NetError> {
    fails: PhantomData<fn() -> E>,
    inbox: Rc<Inbox>,
    local: SocketAddr,
    peer: RefCell<Option<(SocketAddr, Weak<Inbox>)>>,
    /// It sends nothing any more.
    mute: Cell<bool>,
    net: Net,
}

impl<E: NetError> UnixDatagram<E> {
    /// Binds to a path. One that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`](crate::net::UnixListener::bind).
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, E> {
        let addr = SocketAddr::from_pathname(path);
        addr.and_then(Self::bind_to).map_err(E::of_path)
    }

    /// Binds to an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(addr: &E::UnixAddr) -> Result<Self, E> {
        addr.to_own().and_then(Self::bind_to).map_err(E::of_path)
    }

    fn bind_to(addr: SocketAddr) -> Result<Self, Error> {
        let mut socket = Self::new(host()?);
        let bound = UnixSocket::Datagram(Rc::downgrade(&socket.inbox));
        socket.net.bind_unix(addr.name()?, bound)?;
        socket.local = addr;
        Ok(socket)
    }

    /// Makes a socket without a name, to which nobody can send.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] outside of a simulation.
    pub fn unbound() -> Result<Self, E> {
        host().map(Self::new).map_err(E::of)
    }

    fn new(net: Net) -> Self {
        Self {
            fails: PhantomData,
            inbox: Rc::new(Inbox::new()),
            local: SocketAddr::UNNAMED,
            peer: RefCell::new(None),
            mute: Cell::new(false),
            net,
        }
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UnixDatagram;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let (one, other) = UnixDatagram::pair()?;
    /// one.send(b"hop").await?;
    /// assert_eq!(other.recv(&mut [0; 16]).await?, 3);
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`unbound`](Self::unbound).
    pub fn pair() -> Result<(Self, Self), E> {
        let (one, other) = (Self::unbound()?, Self::unbound()?);
        for (this, that) in [(&one, &other), (&other, &one)] {
            let peer = (SocketAddr::UNNAMED, Rc::downgrade(&that.inbox));
            *this.peer.borrow_mut() = Some(peer);
        }
        Ok((one, other))
    }

    /// Sets the peer that [`send`](Self::send) sends to.
    ///
    /// # Errors
    ///
    /// [`Error::NameNotFound`] if there is no such file; [`Error::ConnectionRefused`] if nobody is bound to it (any more).
    pub fn connect(&self, path: impl AsRef<Path>) -> Result<(), E> {
        let addr = SocketAddr::from_pathname(path);
        addr.and_then(|addr| self.connect_to(addr))
            .map_err(E::of_path)
    }

    /// [`connect`](Self::connect) by address.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, addr: &E::UnixAddr) -> Result<(), E> {
        let addr = addr.to_own();
        addr.and_then(|addr| self.connect_to(addr))
            .map_err(E::of_path)
    }

    fn connect_to(&self, addr: SocketAddr) -> Result<(), Error> {
        let there = Rc::downgrade(&self.find(&addr)?);
        *self.peer.borrow_mut() = Some((addr, there));
        Ok(())
    }

    fn find(&self, addr: &SocketAddr) -> Result<Rc<Inbox>, Error> {
        match self.net.find_unix(addr.name()?)? {
            UnixSocket::Datagram(inbox) => inbox.upgrade().ok_or(Error::ConnectionRefused),
            UnixSocket::Stream(..) => Err(Error::ConnectionRefused),
        }
    }

    fn peer(&self) -> Result<Rc<Inbox>, Error> {
        let peer = self.peer.borrow();
        let (_, inbox) = peer.as_ref().ok_or(Error::NotConnected)?;
        inbox.upgrade().ok_or(Error::ConnectionRefused)
    }

    fn send_now(&self, inbox: &Inbox, buf: &[u8]) -> Result<usize, Error> {
        match self.mute.get() {
            true => Err(Error::BrokenPipe),
            false => inbox.try_send(&self.local, buf),
        }
    }

    async fn send_into(&self, inbox: Rc<Inbox>, buf: &[u8]) -> Result<usize, Error> {
        Operation::write(&*inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Write), cx, |inbox| {
                self.send_now(inbox, buf)
            })
        })
        .await
    }

    /// Sends a datagram to whoever is bound to a path; waits while too many wait there.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); [`Error::MessageTooLong`] for more than 212 960 bytes.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has sent nothing.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> Result<usize, E> {
        let there = SocketAddr::from_pathname(path).and_then(|addr| self.find(&addr));
        let there = there.map_err(E::of_path)?;
        self.send_into(there, buf).await.map_err(E::of)
    }

    /// [`send_to`](Self::send_to) by address.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to`](Self::send_to).
    pub async fn send_to_addr(&self, buf: &[u8], addr: &E::UnixAddr) -> Result<usize, E> {
        let there = addr.to_own().and_then(|addr| self.find(&addr));
        let there = there.map_err(E::of_path)?;
        self.send_into(there, buf).await.map_err(E::of)
    }

    /// Sends a datagram to the peer; waits while too many wait there.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] without one; [`Error::ConnectionRefused`] if it is gone; [`Error::MessageTooLong`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has sent nothing.
    pub async fn send(&self, buf: &[u8]) -> Result<usize, E> {
        let peer = self.peer().map_err(E::of)?;
        self.send_into(peer, buf).await.map_err(E::of)
    }

    /// Sends a datagram to whoever is bound to a path, if there is room.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; else as [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> Result<usize, E> {
        let there = SocketAddr::from_pathname(path).and_then(|addr| self.find(&addr));
        let sent = there.and_then(|there| self.send_now(&there, buf));
        sent.map_err(E::of_path)
    }

    /// Sends a datagram to the peer, if there is room.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; else as [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> Result<usize, E> {
        let sent = self.peer().and_then(|peer| self.send_now(&peer, buf));
        sent.map_err(E::of)
    }

    /// [`send`](Self::send) as a poll function.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, E>> {
        let inbox = self.peer().map_err(E::of)?;
        let waiter = (WaiterId::ANONYMOUS, Direction::Write);
        let sent = inbox.poll(waiter, cx, |inbox| self.send_now(inbox, buf));
        sent.map_err(E::of)
    }

    /// Waits for a datagram; returns how many of its bytes are in `buf`, the others being lost, and whose it is.
    ///
    /// # Errors
    ///
    /// None; the system's socket has some.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has taken no datagram.
    pub async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, E::UnixAddr), E> {
        let received = Operation::read(&*self.inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Read), cx, |inbox| inbox.try_recv(buf))
        });
        from(received.await)
    }

    /// As [`recv_from`](Self::recv_from), without the sender.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize, E> {
        Ok(self.recv_from(buf).await?.0)
    }

    /// Takes a datagram if one is there.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if none is.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, E::UnixAddr), E> {
        from(self.inbox.try_recv(buf))
    }

    /// As [`try_recv_from`](Self::try_recv_from), without the sender.
    ///
    /// # Errors
    ///
    /// As [`try_recv_from`](Self::try_recv_from).
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize, E> {
        self.try_recv_from(buf).map(|(count, _)| count)
    }

    /// [`recv`](Self::recv) as a poll function.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, E>> {
        self.poll_recv_from(cx, buf).map_ok(|(count, _)| count)
    }

    /// [`recv`](Self::recv) that leaves the datagram where it is.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::UnixDatagram};
    ///
    /// async fn kind(socket: &UnixDatagram) -> Result<u8, Error> {
    ///     let mut first = [0];
    ///     socket.peek(&mut first).await?;
    ///     Ok(first[0])
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Takes nothing in any case.
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, E> {
        Operation::read(&*self.inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Read), cx, |inbox| inbox.peek(buf))
        })
        .await
        .map(|(count, _)| count)
        .map_err(E::of)
    }

    /// [`peek`](Self::peek) if that does not have to wait.
    ///
    /// # Errors
    ///
    /// As [`try_recv_from`](Self::try_recv_from).
    pub fn try_peek(&self, buf: &mut [u8]) -> Result<usize, E> {
        let first = self.inbox.peek(buf);
        first.map(|(count, _)| count).map_err(E::of)
    }

    /// [`recv_from`](Self::recv_from) as a poll function.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, E::UnixAddr), E>> {
        let waiter = (WaiterId::ANONYMOUS, Direction::Read);
        let received = self.inbox.poll(waiter, cx, |inbox| inbox.try_recv(buf));
        received.map(from)
    }

    /// Waits until a datagram is there.
    ///
    /// # Errors
    ///
    /// None; the system's socket has some.
    ///
    /// # Cancel safety
    ///
    /// Takes nothing.
    pub async fn readable(&self) -> Result<(), E> {
        Operation::read(&*self.inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Read), cx, Inbox::readable)
        })
        .await
        .map_err(E::of)
    }

    /// [`readable`](Self::readable) as a poll function.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let waiter = (WaiterId::ANONYMOUS, Direction::Read);
        let ready = self.inbox.poll(waiter, cx, Inbox::readable);
        ready.map_err(E::of)
    }

    /// Waits until the peer's queue has room, or says what is wrong; without a peer not at all.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::UnixDatagram};
    ///
    /// async fn send_when_possible(socket: &UnixDatagram, bytes: &[u8]) -> Result<usize, Error> {
    ///     socket.writable().await?;
    ///     socket.try_send(bytes)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; the system's socket has some.
    ///
    /// # Cancel safety
    ///
    /// Sends nothing.
    pub async fn writable(&self) -> Result<(), E> {
        let Ok(inbox) = self.peer() else {
            return Ok(());
        };
        Operation::write(&*inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Write), cx, Inbox::writable)
        })
        .await
        .map_err(E::of)
    }

    /// [`writable`](Self::writable) as a poll function.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        match self.peer() {
            Ok(inbox) => {
                let waiter = (WaiterId::ANONYMOUS, Direction::Write);
                inbox.poll(waiter, cx, Inbox::writable).map_err(E::of)
            }
            Err(_) => Poll::Ready(Ok(())),
        }
    }

    /// Closes one or both directions. Nothing is sent any more then, or nothing more comes: whoever sends has an error,
    /// and what has come before can be received.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::{Shutdown, UnixDatagram};
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("frog", async {
    ///     let (one, _two) = UnixDatagram::pair()?;
    ///     one.shutdown(Shutdown::Write)?;
    ///     assert!(one.try_send(b"hop").is_err());
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// None; the system's socket has some.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), E> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.inbox.stop();
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.mute.set(true);
        }
        Ok(())
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None; it has the signature of the system's socket.
    pub fn take_error(&self) -> Result<Option<E>, E> {
        Ok(None)
    }

    /// Returns this socket's address.
    ///
    /// # Errors
    ///
    /// None; the system's socket has some.
    pub fn local_addr(&self) -> Result<E::UnixAddr, E> {
        E::UnixAddr::of(&self.local).map_err(E::of)
    }

    /// Returns the peer's address.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if there is none.
    pub fn peer_addr(&self) -> Result<E::UnixAddr, E> {
        let peer = self.peer.borrow();
        let addr = match peer.as_ref() {
            Some((addr, _)) => E::UnixAddr::of(addr),
            None => Err(Error::NotConnected),
        };
        addr.map_err(E::of)
    }
}

/// What was received, for whoever receives it.
fn from<E: NetError>(
    received: Result<(usize, SocketAddr), Error>,
) -> Result<(usize, E::UnixAddr), E> {
    received
        .and_then(|(count, from)| Ok((count, E::UnixAddr::of(&from)?)))
        .map_err(E::of)
}

impl<E: NetError> Drop for UnixDatagram<E> {
    fn drop(&mut self) {
        if let Ok(name) = self.local.name() {
            self.net
                .unbind_unix(name, |bound| bound.is_datagram(&self.inbox));
        }
        self.inbox.close();
    }
}

impl<E: NetError> fmt::Debug for UnixDatagram<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixDatagram")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
