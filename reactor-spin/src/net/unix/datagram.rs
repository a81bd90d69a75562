//! [`UnixDatagram`].

use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::task::{Context, Poll, ready};
use std::path::Path;

use polliwog_core::sources::{Direction, Operation, Readiness, Waited, WaiterId, Waiters};
use polliwog_core::task::budget::poll_proceed;

use super::{SocketAddr, host};
use crate::Error;
use crate::io::flow::{Step, leave};
use crate::net::Shutdown;
use crate::sim::{Net, UnixSocket};

/// How many datagrams wait at a socket, and the bytes of the largest one: what Linux has, unless told otherwise.
const QUEUE: usize = 512;
const LARGEST: usize = 212_960;

/// What has come to a socket. Whoever sends to it has it in hand only for as long as that takes.
pub(crate) struct Inbox {
    queue: RefCell<VecDeque<(SocketAddr, Vec<u8>)>>,
    /// The socket is there no more.
    gone: Cell<bool>,
    /// Nothing more is to come.
    deaf: Cell<bool>,
    waiters: Waiters,
}

impl Inbox {
    fn push(&self, from: &SocketAddr, data: &[u8]) -> Result<usize, Error> {
        if self.gone.get() {
            return Err(Error::ConnectionRefused);
        }
        if self.deaf.get() {
            return Err(Error::BrokenPipe);
        }
        if data.len() > LARGEST {
            return Err(Error::MessageTooLong);
        }
        let mut queue = self.queue.borrow_mut();
        if queue.len() >= QUEUE {
            return Err(Error::WouldBlock);
        }
        queue.push_back((from.clone(), data.into()));
        Ok(data.len())
    }

    /// Copies the first datagram, as much of it as there is room for.
    fn peek(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let queue = self.queue.borrow();
        let (from, bytes) = queue.front().ok_or(Error::WouldBlock)?;
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        Ok((count, from.clone()))
    }

    /// Takes the first datagram; what there is no room for is lost.
    fn pop(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let first = self.peek(buf);
        self.queue.borrow_mut().pop_front();
        first
    }

    fn readable(&self) -> Result<(), Error> {
        self.peek(&mut []).map(drop)
    }

    /// Whether a datagram for it has an answer.
    fn writable(&self) -> Result<(), Error> {
        let is_full = self.queue.borrow().len() >= QUEUE;
        match is_full && !self.gone.get() && !self.deaf.get() {
            true => Err(Error::WouldBlock),
            false => Ok(()),
        }
    }

    fn try_send(&self, from: &SocketAddr, data: &[u8]) -> Result<usize, Error> {
        let sent = self.push(from, data);
        if sent.is_ok() {
            self.waiters.take_one(Direction::Read).wake();
        }
        sent
    }

    fn try_recv(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let received = self.pop(buf);
        if received.is_ok() {
            self.waiters.take(Readiness::WRITABLE).wake();
        }
        received
    }

    /// Makes an attempt within the task's budget, and leaves the task's waker for as long as it would block.
    fn poll<T>(
        &self,
        waiter: (WaiterId, Direction),
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Self) -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        let permit = ready!(poll_proceed(cx));
        let mut spare = None;
        loop {
            let step = match attempt(self) {
                Err(Error::WouldBlock) => leave(&self.waiters, waiter, cx, &mut spare),
                done => Step::Done(done),
            };
            if let Some(poll) = step.settle(cx, &mut spare) {
                if poll.is_ready() {
                    permit.charge(0);
                }
                return poll;
            }
        }
    }
}

impl Waited for Inbox {
    fn forget(&self, direction: Direction, id: WaiterId) {
        let mine = self.waiters.forget(direction, id);
        // If it does not wait any more, it may have been woken for a datagram.
        if mine.is_none() && direction == Direction::Read && !self.queue.borrow().is_empty() {
            self.waiters.take_one(Direction::Read).wake();
        }
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.waiters.waits(direction, id)
    }
}

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
pub struct UnixDatagram {
    inbox: Rc<Inbox>,
    local: SocketAddr,
    peer: RefCell<Option<(SocketAddr, Weak<Inbox>)>>,
    /// It sends nothing any more.
    mute: Cell<bool>,
    net: Net,
}

impl UnixDatagram {
    /// Binds to a path. One that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`](crate::net::UnixListener::bind).
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Binds to an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(addr: &SocketAddr) -> Result<Self, Error> {
        let mut socket = Self::unbound()?;
        let bound = UnixSocket::Datagram(Rc::downgrade(&socket.inbox));
        socket.net.bind_unix(addr.name()?, bound)?;
        socket.local = addr.clone();
        Ok(socket)
    }

    /// Makes a socket without a name, to which nobody can send.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] outside of a simulation.
    pub fn unbound() -> Result<Self, Error> {
        Ok(Self {
            inbox: Rc::new(Inbox {
                queue: RefCell::default(),
                gone: Cell::new(false),
                deaf: Cell::new(false),
                waiters: Waiters::new(),
            }),
            local: SocketAddr::UNNAMED,
            peer: RefCell::new(None),
            mute: Cell::new(false),
            net: host()?,
        })
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
    pub fn pair() -> Result<(Self, Self), Error> {
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
    pub fn connect(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// [`connect`](Self::connect) by address.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, addr: &SocketAddr) -> Result<(), Error> {
        let there = Rc::downgrade(&self.find(addr)?);
        *self.peer.borrow_mut() = Some((addr.clone(), there));
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
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> Result<usize, Error> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
            .await
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
    pub async fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> Result<usize, Error> {
        self.send_into(self.find(addr)?, buf).await
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
    pub async fn send(&self, buf: &[u8]) -> Result<usize, Error> {
        self.send_into(self.peer()?, buf).await
    }

    /// Sends a datagram to whoever is bound to a path, if there is room.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; else as [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> Result<usize, Error> {
        let there = self.find(&SocketAddr::from_pathname(path)?)?;
        self.send_now(&there, buf)
    }

    /// Sends a datagram to the peer, if there is room.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; else as [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> Result<usize, Error> {
        self.send_now(&*self.peer()?, buf)
    }

    /// [`send`](Self::send) as a poll function.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Error>> {
        let inbox = self.peer()?;
        let waiter = (WaiterId::ANONYMOUS, Direction::Write);
        inbox.poll(waiter, cx, |inbox| self.send_now(inbox, buf))
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
    pub async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        Operation::read(&*self.inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Read), cx, |inbox| inbox.try_recv(buf))
        })
        .await
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
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize, Error> {
        Ok(self.recv_from(buf).await?.0)
    }

    /// Takes a datagram if one is there.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if none is.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        self.inbox.try_recv(buf)
    }

    /// As [`try_recv_from`](Self::try_recv_from), without the sender.
    ///
    /// # Errors
    ///
    /// As [`try_recv_from`](Self::try_recv_from).
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize, Error> {
        Ok(self.inbox.try_recv(buf)?.0)
    }

    /// [`recv`](Self::recv) as a poll function.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
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
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, Error> {
        Operation::read(&*self.inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Read), cx, |inbox| inbox.peek(buf))
        })
        .await
        .map(|(count, _)| count)
    }

    /// [`peek`](Self::peek) if that does not have to wait.
    ///
    /// # Errors
    ///
    /// As [`try_recv_from`](Self::try_recv_from).
    pub fn try_peek(&self, buf: &mut [u8]) -> Result<usize, Error> {
        Ok(self.inbox.peek(buf)?.0)
    }

    /// [`recv_from`](Self::recv_from) as a poll function.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), Error>> {
        let waiter = (WaiterId::ANONYMOUS, Direction::Read);
        self.inbox.poll(waiter, cx, |inbox| inbox.try_recv(buf))
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
    pub async fn readable(&self) -> Result<(), Error> {
        Operation::read(&*self.inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Read), cx, Inbox::readable)
        })
        .await
    }

    /// [`readable`](Self::readable) as a poll function.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let waiter = (WaiterId::ANONYMOUS, Direction::Read);
        self.inbox.poll(waiter, cx, Inbox::readable)
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
    pub async fn writable(&self) -> Result<(), Error> {
        let Ok(inbox) = self.peer() else {
            return Ok(());
        };
        Operation::write(&*inbox, |inbox: &Inbox, cx, id| {
            inbox.poll((id, Direction::Write), cx, Inbox::writable)
        })
        .await
    }

    /// [`writable`](Self::writable) as a poll function.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.peer() {
            Ok(inbox) => {
                let waiter = (WaiterId::ANONYMOUS, Direction::Write);
                inbox.poll(waiter, cx, Inbox::writable)
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
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.inbox.deaf.set(true);
            // Whoever waits to send finds that nobody will read it.
            self.inbox.waiters.take(Readiness::WRITABLE).wake();
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
    pub fn take_error(&self) -> Result<Option<Error>, Error> {
        Ok(None)
    }

    /// Returns this socket's address.
    ///
    /// # Errors
    ///
    /// None; the system's socket has some.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.local.clone())
    }

    /// Returns the peer's address.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if there is none.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        let peer = self.peer.borrow();
        let (addr, _) = peer.as_ref().ok_or(Error::NotConnected)?;
        Ok(addr.clone())
    }
}

impl Drop for UnixDatagram {
    fn drop(&mut self) {
        if let Ok(name) = self.local.name() {
            self.net
                .unbind_unix(name, |bound| bound.is_datagram(&self.inbox));
        }
        self.inbox.gone.set(true);
        // Whoever waits to send finds that there is nobody.
        self.inbox.waiters.take(Readiness::WRITABLE).wake();
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixDatagram")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
