//! [`TcpListener`].

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;
use polliwog_core::Instant;
use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};
use polliwog_core::time::{Sleep, now, sleep_until};
use socket2::{Domain, Protocol, Socket, Type};

use super::TcpStream;
use super::addr::{ToSocketAddrs, first_that_works};
use crate::reactor::MioReactor;
use crate::source::Registered;
use crate::sys;

/// The first rest after the system ran out of something, and the longest.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// How many connections wait to be accepted at most, unless told otherwise: as many as Linux grants by
/// default. A queue takes memory only for those that wait in it.
const BACKLOG: u32 = 4096;
/// So many connections in a row that broke with the same error before they were accepted are no accident:
/// more than a queue can hold.
const MOST_BROKEN: u32 = BACKLOG + 1;

/// A listening TCP socket.
///
/// Any number of tasks can [`accept`](Self::accept) at the same time. A connection wakes one of them, that
/// which has waited longest; should it give up before it is polled, the next one is woken.
///
/// # When the system runs out
///
/// If a connection cannot be accepted because the process or the system has no file descriptor
/// or no memory left, the listener rests for 10 ms and tries again, then for twice as long, up
/// to 100 ms. It does not spin, it does not fail, and the connection waits in the backlog.
/// Connections that broke before they were accepted are skipped; but the same error again and again, more
/// often than there can be connections in the backlog, is an error of the listener.
pub struct TcpListener {
    io: Registered<mio::net::TcpListener>,
    rest: Rest,
    /// Its connections are plain TCP, see [`Registered::set_tells`].
    plain: bool,
    /// The last error by which a connection broke, and how often in a row.
    broken: Cell<(i32, u32)>,
}

/// When there may be another try to accept.
struct Rest {
    until: Cell<Option<Instant>>,
    next: Cell<Duration>,
    /// Those who wait for that.
    resting: Cell<Vec<(Waker, Pin<Box<Sleep>>)>>,
}

impl TcpListener {
    /// Listens on the first address of `addr` that works, with a backlog of 4096 connections, or as many
    /// as the system grants. On Unix with `SO_REUSEADDR`, so that a server can be started again at once.
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
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
            #[cfg(not(windows))]
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&addr.into())?;
            socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
            record!(debug, "listening on {addr}");
            let listener = mio::net::TcpListener::from_std(socket.into());
            Ok(Self::attach(Registered::owning(reactor, listener), true))
        })
        .await
    }

    fn attach(io: Registered<mio::net::TcpListener>, plain: bool) -> TcpListener {
        io.set_one_reader();
        TcpListener {
            io,
            rest: Rest {
                until: Cell::new(None),
                next: Cell::new(REST.0),
                resting: Cell::default(),
            },
            plain,
            broken: Cell::new((0, 0)),
        }
    }

    /// Takes over a listening socket of the standard library and makes it non-blocking.
    ///
    /// This is the way to socket options that have to be set before binding.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made non-blocking; [`io::ErrorKind::NotConnected`] outside of
    /// a runtime.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        let reactor = MioReactor::current()?;
        listener.set_nonblocking(true)?;
        let plain = sys::is_plain_tcp(&listener);
        let listener = mio::net::TcpListener::from_std(listener);
        // Somebody else may have a duplicate.
        let io = Registered::with_reactor(&reactor, listener);
        Ok(Self::attach(io, plain))
    }

    /// Gives the socket to the standard library. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// When it cannot be taken out of the selector.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.io.into_inner()?.into())
    }

    /// Waits for the next connection. Of several that wait, a connection wakes the one that has waited
    /// longest.
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
        Operation::read(self, |listener, cx, id| listener.poll_accept_as(id, cx))
    }

    /// [`accept`](Self::accept) as a poll function. Any number of tasks can wait; a connection wakes those
    /// of them that have waited longer than any [`accept`](Self::accept), for it is not known which of them
    /// have given up.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.poll_accept_as(WaiterId::ANONYMOUS, cx)
    }

    fn poll_accept_as(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = ready!(self.poll_accept_only(id, cx));
        // It has not waited for this one if it was polled for another reason.
        self.io.forget(Direction::Read, id);
        self.wake_next();
        let accepted = accepted.map(|(socket, peer)| {
            record!(debug, "accepted a connection from {peer}");
            let stream = TcpStream::attach(self.io.reactor(), socket, self.plain);
            (stream, peer)
        });
        Poll::Ready(accepted)
    }

    fn poll_accept_only(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(mio::net::TcpStream, SocketAddr)>> {
        loop {
            ready!(self.rest.poll(cx));
            let accept = mio::net::TcpListener::accept;
            let accepted = self.io.poll_op(id, Direction::Read, cx, accept, |_| 0);
            let Poll::Ready(accepted) = accepted else {
                if !self.io.is_ready(Direction::Read) {
                    // The queue is empty: all that had broken have been skipped.
                    self.broken.set((0, 0));
                }
                return Poll::Pending;
            };
            let error = match accepted {
                Ok(accepted) => {
                    self.rest.next.set(REST.0);
                    self.broken.set((0, 0));
                    return Poll::Ready(Ok(accepted));
                }
                Err(error) => error,
            };
            match Trouble::of(&error) {
                Trouble::Connection if self.is_accident(&error) => {
                    record!(debug, "a connection broke before it was accepted: {error}");
                }
                Trouble::Resources => {
                    let Some(_rest) = self.rest.begin() else {
                        // No executor of ours, so no timers.
                        return Poll::Ready(Err(error));
                    };
                    record!(warn, "cannot accept, trying again in {_rest:?}: {error}");
                }
                Trouble::Connection | Trouble::Listener => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Whether the error may be that of one connection, or has come too often for that.
    fn is_accident(&self, error: &io::Error) -> bool {
        let code = error.raw_os_error().unwrap_or_default();
        let (last, before) = self.broken.get();
        let times = if last == code { before } else { 0 };
        self.broken.set((code, (times + 1).min(MOST_BROKEN)));
        times < MOST_BROKEN
    }

    /// Wakes the next one that waits, if there is another connection.
    #[inline]
    fn wake_next(&self) {
        if self.io.is_waited_for(Direction::Read) {
            self.wake_next_of_several();
        }
    }

    #[cold]
    fn wake_next_of_several(&self) {
        // Each arrival wakes one, but several that come together are one event.
        let more = |listener: &mio::net::TcpListener| Ok(sys::may_be_read(listener));
        if !self.io.is_ready(Direction::Read) {
            return;
        }
        if self.io.with(more).unwrap_or(true) || !self.io.expect_next_read() {
            self.io.wake_next_reader();
        }
    }

    /// The connections as a stream that never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.with(mio::net::TcpListener::local_addr)
    }

    /// The time to live of outgoing packets (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.with(mio::net::TcpListener::ttl)
    }

    /// Sets the time to live of outgoing packets (`IP_TTL`), also of connections accepted later.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.with(|listener| listener.set_ttl(ttl))
    }
}

impl Waited for TcpListener {
    fn forget(&self, direction: Direction, id: WaiterId) {
        if !self.io.forget_waiter(direction, id) {
            // It may have been woken for a connection that it has not taken.
            self.wake_next();
        }
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.io.waits(direction, id)
    }
}

impl Rest {
    /// Begins a rest and returns how long it is. `None` where there is no clock.
    fn begin(&self) -> Option<Duration> {
        let rest = self.next.get();
        self.until.set(Some(now()?.saturating_add(rest)));
        self.next.set((rest * 2).min(REST.1));
        Some(rest)
    }

    /// Ready unless there is a rest to be taken.
    #[inline]
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.until.get() {
            Some(until) => self.poll_until(until, cx),
            None => Poll::Ready(()),
        }
    }

    /// Everybody who waits has a timer of its own, so that one that gives up costs the others nothing.
    #[cold]
    fn poll_until(&self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut resting = self.resting.take();
        let known = resting
            .iter()
            .position(|(waker, _)| waker.will_wake(cx.waker()));
        let mine = known.unwrap_or_else(|| {
            resting.push((cx.waker().clone(), Box::pin(sleep_until(until))));
            resting.len() - 1
        });
        if resting[mine].1.as_mut().poll(cx).is_pending() {
            self.resting.set(resting);
            return Poll::Pending;
        }
        self.until.set(None);
        drop(resting.swap_remove(mine));
        // The rest is over for all, also for those whose timer would come a little later.
        for (waker, _sleep) in resting {
            waker.wake();
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for TcpListener {
    /// The descriptor, or -1 if it has been taken away.
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.io.expose();
        let fd = self.io.with(|listener| Ok(listener.as_raw_fd()));
        fd.unwrap_or(-1)
    }
}

/// The connections that a [`TcpListener`] accepts, made by [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.listener.poll_accept(cx));
        Poll::Ready(Some(accepted.map(|(stream, _peer)| stream)))
    }
}

/// Whom an error of `accept` concerns.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// The connection that was about to be accepted: go on with the next one.
    Connection,
    /// The process or the system is out of something: it may pass.
    Resources,
    /// This listener: the caller has to know.
    Listener,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        use io::ErrorKind::{
            ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkDown,
            NetworkUnreachable,
        };
        // Our own table of sources is full, which would look like the system's lack of memory.
        if error.raw_os_error().is_none() {
            return Trouble::Listener;
        }
        match error.kind() {
            // Linux passes on what happened to the new connection.
            ConnectionAborted | ConnectionRefused | ConnectionReset | HostUnreachable
            | NetworkDown | NetworkUnreachable => Trouble::Connection,
            _ => Self::of_system(error),
        }
    }

    #[cfg(unix)]
    fn of_system(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::PROTO | Errno::HOSTDOWN | Errno::PERM) => Trouble::Connection,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Trouble::Resources,
            _ => Trouble::Listener,
        }
    }

    #[cfg(not(unix))]
    fn of_system(error: &io::Error) -> Self {
        match error.raw_os_error() {
            // WSAEMFILE, WSAENOBUFS
            Some(10024 | 10055) => Trouble::Resources,
            _ => Trouble::Listener,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn errors_of_accept_are_told_apart() {
        let of = |errno: Errno| Trouble::of(&errno.into());
        assert_eq!(of(Errno::CONNABORTED), Trouble::Connection);
        assert_eq!(of(Errno::HOSTUNREACH), Trouble::Connection);
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert_eq!(of(errno), Trouble::Resources);
        }
        assert_eq!(of(Errno::INVAL), Trouble::Listener);
        let full = io::Error::new(io::ErrorKind::OutOfMemory, "table");
        assert_eq!(Trouble::of(&full), Trouble::Listener);
    }
}
