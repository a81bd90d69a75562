//! [`TcpListener`].

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use polliwog_core::time::{Sleep, sleep};

use super::TcpStream;
use super::addr::{ToSocketAddrs, first_that_works};
use crate::reactor::MioReactor;
use crate::source::Registered;

/// The first rest after the system ran out of something, and the longest.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// A listening TCP socket.
///
/// # When the system runs out
///
/// If a connection cannot be accepted because the process or the system has no file descriptor
/// or no memory left, the listener rests for 10 ms and tries again, then for twice as long, up
/// to 100 ms. It does not spin, it does not fail, and the connection waits in the backlog.
/// Connections that broke before they were accepted are skipped.
pub struct TcpListener {
    io: Registered<mio::net::TcpListener>,
    rest: RefCell<Option<Pin<Box<Sleep>>>>,
    next_rest: Cell<Duration>,
}

impl TcpListener {
    /// Listens on the first address of `addr` that works. On Unix with `SO_REUSEADDR`, so that
    /// a server can be started again at once.
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
        let reactor = &MioReactor::current()?;
        first_that_works(addr, |addr| async move {
            let listener = mio::net::TcpListener::bind(addr)?;
            record!(debug, "listening on {addr}");
            Ok(Self::attach(reactor, listener))
        })
        .await
    }

    fn attach(reactor: &MioReactor, listener: mio::net::TcpListener) -> TcpListener {
        TcpListener {
            io: Registered::owning(reactor, listener),
            rest: RefCell::new(None),
            next_rest: Cell::new(REST.0),
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
        let listener = mio::net::TcpListener::from_std(listener);
        Ok(Self::attach(&reactor, listener))
    }

    /// Gives the socket to the standard library. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// When it cannot be taken out of the selector.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.io.into_inner()?.into())
    }

    /// Waits for the next connection.
    ///
    /// One task at a time: of two that wait, the last one is woken.
    ///
    /// # Errors
    ///
    /// What the system reports, if it is neither about the one connection nor a lack of
    /// resources that may pass. Those are dealt with, see [above](Self).
    ///
    /// # Cancel safety
    ///
    /// No connection is lost if the future is dropped before it is done.
    #[inline]
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|cx| self.poll_accept(cx))
    }

    /// [`accept`](Self::accept) as a poll function.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        ready!(self.poll_rested(cx));
        loop {
            match ready!(self.io.poll_read_with(cx, mio::net::TcpListener::accept)) {
                Ok((socket, peer)) => {
                    self.next_rest.set(REST.0);
                    record!(debug, "accepted a connection from {peer}");
                    let stream = TcpStream::attach(self.io.reactor(), socket);
                    return Poll::Ready(Ok((stream, peer)));
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::Connection => {
                        record!(debug, "a connection broke before it was accepted: {error}");
                    }
                    Trouble::Resources => {
                        let rest = self.next_rest.get();
                        record!(warn, "cannot accept, trying again in {rest:?}: {error}");
                        self.next_rest.set((rest * 2).min(REST.1));
                        *self.rest.borrow_mut() = Some(Box::pin(sleep(rest)));
                        ready!(self.poll_rested(cx));
                    }
                    Trouble::Listener => return Poll::Ready(Err(error)),
                },
            }
        }
    }

    /// Ready unless there is a rest to be taken.
    #[inline]
    fn poll_rested(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut rest = self.rest.borrow_mut();
        if let Some(sleep) = &mut *rest {
            ready!(sleep.as_mut().poll(cx));
            *rest = None;
        }
        Poll::Ready(())
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

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for TcpListener {
    /// The descriptor, or -1 if it has been taken away.
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
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
