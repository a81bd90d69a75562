//! Who uses which TCP socket.

use core::task::Waker;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpListenEndpoint;

use crate::{Error, Limit};

/// How long the peer of a stream that was dropped has to end its side, too.
const LINGER: Duration = Duration::from_secs(10);
/// How long a client has to complete the handshake. The protocols themselves would wait for as long
/// as for a connection's peer, and a few clients that are not there would take every socket.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Listeners of a stack.
pub(super) const LISTENERS: usize = 4;

/// A TCP socket's use.
pub(super) struct Row {
    pub(super) handle: Option<SocketHandle>,
    owner: Owner,
    /// When a handshake that is under way is given up.
    handshake: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Nobody's.
    Free,
    /// It waits, on behalf of the listener with this number, for a client, or has one.
    Listener(usize),
    /// A stream's.
    Stream,
    /// Its stream was dropped; the connection ends by itself, or else it is ended at this time.
    Ending(Instant),
}

impl Row {
    pub(super) const fn new() -> Self {
        Self {
            handle: None,
            owner: Owner::Free,
            handshake: None,
        }
    }
}

/// All TCP sockets and listeners.
pub(super) struct Table {
    rows: &'static mut [Row],
    listeners: [Option<Listener>; LISTENERS],
}

struct Listener {
    endpoint: IpListenEndpoint,
    backlog: usize,
    waker: Option<Waker>,
}

impl Table {
    pub(super) fn new(rows: &'static mut [Row]) -> Self {
        Self {
            rows,
            listeners: [const { None }; LISTENERS],
        }
    }

    /// Takes a free socket for a stream.
    pub(super) fn claim(&mut self) -> Result<SocketHandle, Error> {
        let free = |row: &&mut Row| row.owner == Owner::Free;
        let row = self.rows.iter_mut().find(free);
        let row = row.ok_or(Error::LimitReached(Limit::Connections))?;
        row.owner = Owner::Stream;
        row.handle.ok_or(Error::LimitReached(Limit::Connections))
    }

    /// A stream is done with its socket, whose connection may still have to end.
    pub(super) fn release(&mut self, handle: SocketHandle, now: Instant) {
        if let Some(row) = self.row(handle) {
            row.owner = Owner::Ending(now + LINGER);
        }
    }

    fn row(&mut self, handle: SocketHandle) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.handle == Some(handle))
    }

    pub(super) fn listens_at(&self, port: u16) -> bool {
        let mut listeners = self.listeners.iter().flatten();
        listeners.any(|listener| listener.endpoint.port == port)
    }

    /// Adds a listener; its number.
    pub(super) fn listen(
        &mut self,
        endpoint: IpListenEndpoint,
        backlog: usize,
    ) -> Result<usize, Error> {
        if self.listens_at(endpoint.port) {
            return Err(Error::AddrInUse);
        }
        let free = self.listeners.iter().position(Option::is_none);
        let number = free.ok_or(Error::LimitReached(Limit::Listeners))?;
        self.listeners[number] = Some(Listener {
            endpoint,
            backlog,
            waker: None,
        });
        Ok(number)
    }

    /// Takes a listener away, and the clients that it has not accepted.
    pub(super) fn close(&mut self, number: usize, sockets: &mut SocketSet<'_>, now: Instant) {
        self.listeners[number] = None;
        for row in self.rows.iter_mut() {
            if row.owner == Owner::Listener(number) {
                if let Some(handle) = row.handle {
                    sockets.get_mut::<tcp::Socket<'_>>(handle).abort();
                }
                row.owner = Owner::Ending(now);
            }
        }
    }

    /// Takes a client that has connected to a listener.
    pub(super) fn accept(
        &mut self,
        number: usize,
        sockets: &SocketSet<'_>,
    ) -> Option<SocketHandle> {
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.is_client(number, sockets))?;
        row.owner = Owner::Stream;
        row.handle
    }

    /// Has the listener's task woken when a client has connected.
    pub(super) fn register(&mut self, number: usize, waker: &Waker) {
        if let Some(listener) = &mut self.listeners[number] {
            if !listener
                .waker
                .as_ref()
                .is_some_and(|old| old.will_wake(waker))
            {
                listener.waker = Some(waker.clone());
            }
        }
    }

    /// Frees sockets whose connection has ended, keeps the listeners' backlogs full and wakes
    /// them. `true` if a socket has changed in a way that the stack has to look at.
    pub(super) fn maintain(&mut self, sockets: &mut SocketSet<'_>, now: Instant) -> bool {
        let mut changed = false;
        for row in self.rows.iter_mut() {
            let Some(handle) = row.handle else { continue };
            let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
            if let Owner::Ending(until) = row.owner {
                if socket.is_open() && until <= now {
                    socket.abort();
                    changed = true;
                }
                // An abort has to be sent before the socket is used again.
                if !socket.is_open() && !changed {
                    row.owner = Owner::Free;
                }
            }
        }
        for (number, listener) in self.listeners.iter_mut().enumerate() {
            let Some(listener) = listener else { continue };
            let mut waiting = 0;
            for row in self.rows.iter_mut() {
                let Some(handle) = row.handle else { continue };
                let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
                let more = row.owner == Owner::Free && waiting < listener.backlog;
                if more || row.owner == Owner::Listener(number) {
                    row.owner = Owner::Listener(number);
                    waiting += 1;
                    if row.is_late(socket.state(), now) {
                        socket.abort();
                    }
                    // New, or a client that gave up before it was accepted.
                    if !socket.is_open() && socket.listen(listener.endpoint).is_ok() {
                        changed = true;
                    }
                }
            }
            let any = self.rows.iter().any(|row| row.is_client(number, sockets));
            if any {
                if let Some(waker) = listener.waker.take() {
                    waker.wake();
                }
            }
        }
        changed
    }

    /// When a socket has to be looked at again, for a reason that the stack knows nothing of.
    pub(super) fn next_check(&self) -> Option<Instant> {
        let ends = |row: &Row| match row.owner {
            Owner::Ending(until) => Some(until),
            Owner::Listener(_) => row.handshake,
            _ => None,
        };
        self.rows.iter().filter_map(ends).min()
    }
}

impl Row {
    /// Whether a handshake has taken too long. Takes note of its beginning and of its end.
    fn is_late(&mut self, state: State, now: Instant) -> bool {
        if state != State::SynReceived {
            self.handshake = None;
            return false;
        }
        let until = *self.handshake.get_or_insert(now + HANDSHAKE);
        if until <= now {
            self.handshake = None;
        }
        until <= now
    }

    /// Whether a client of this listener waits to be accepted.
    fn is_client(&self, number: usize, sockets: &SocketSet<'_>) -> bool {
        self.owner == Owner::Listener(number)
            && self.handle.is_some_and(|handle| {
                let state = sockets.get::<tcp::Socket<'_>>(handle).state();
                matches!(state, State::Established | State::CloseWait)
            })
    }
}
