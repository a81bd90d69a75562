//! What every listener does beside listening: it wakes one acceptor for a connection, skips connections that
//! broke, and rests when the system has run out of something.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use polliwog_core::Instant;
use polliwog_core::sources::{Direction, Waited, WaiterId};
use polliwog_core::time::{Sleep, now, sleep_until};

use crate::source::Attached;
use crate::sys;

/// The first rest after the system ran out of something, and the longest.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// How many connections wait to be accepted at most, unless told otherwise: as many as Linux grants by
/// default. A queue takes memory only for those that wait in it.
pub(super) const BACKLOG: u32 = 4096;
/// So many connections in a row that broke with the same error before they were accepted are no accident:
/// more than a queue can hold.
const MOST_BROKEN: u32 = BACKLOG + 1;

/// One of mio's listening sockets.
pub(super) trait Listener: sys::Shareable + sys::Pollable {
    /// The socket of a connection and its peer's address.
    type Connection;

    fn accept(&self) -> io::Result<Self::Connection>;
}

impl Listener for mio::net::TcpListener {
    type Connection = (mio::net::TcpStream, std::net::SocketAddr);

    #[inline]
    fn accept(&self) -> io::Result<Self::Connection> {
        mio::net::TcpListener::accept(self)
    }
}

#[cfg(unix)]
impl Listener for mio::net::UnixListener {
    type Connection = (mio::net::UnixStream, std::os::unix::net::SocketAddr);

    #[inline]
    fn accept(&self) -> io::Result<Self::Connection> {
        mio::net::UnixListener::accept(self)
    }
}

/// A listener that is accepted from.
pub(super) struct Acceptor<L: Listener> {
    pub(super) io: Attached<L>,
    rest: Rest,
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

impl<L: Listener> Acceptor<L> {
    pub(super) fn new(io: Attached<L>) -> Self {
        io.set_one_reader();
        Self {
            io,
            rest: Rest {
                until: Cell::new(None),
                next: Cell::new(REST.0),
                resting: Cell::default(),
            },
            broken: Cell::new((0, 0)),
        }
    }

    pub(super) fn poll_accept(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<L::Connection>> {
        let accepted = ready!(self.poll_accept_only(id, cx));
        // It has not waited for this one if it was polled for another reason.
        self.io.forget(Direction::Read, id);
        self.wake_next();
        Poll::Ready(accepted)
    }

    fn poll_accept_only(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<L::Connection>> {
        loop {
            ready!(self.rest.poll(cx));
            let accept = L::accept;
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

    /// Accepts if that does not have to wait. A lack of resources is an error here, as nobody waits for its end.
    pub(super) fn try_accept(&self) -> io::Result<L::Connection> {
        loop {
            match self.io.try_with(Direction::Read, L::accept) {
                Ok(accepted) => {
                    self.rest.next.set(REST.0);
                    self.broken.set((0, 0));
                    self.wake_next();
                    return Ok(accepted);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(error) => match Trouble::of(&error) {
                    Trouble::Connection if self.is_accident(&error) => {
                        record!(debug, "a connection broke before it was accepted: {error}");
                    }
                    _ => return Err(error),
                },
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
        let more = |listener: &L| Ok(sys::may_be_read(listener));
        if !self.io.is_ready(Direction::Read) {
            return;
        }
        if self.io.with(more).unwrap_or(true) || !self.io.expect_next_read() {
            self.io.wake_next_reader();
        }
    }
}

impl<L: Listener> Waited for Acceptor<L> {
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
