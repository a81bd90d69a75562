//! The life of a connection: what the calls of listeners and streams do to the tables.
//!
//! ```text
//!             connect                accept               both ends dropped
//!   Free ───────────────► Queued ─────────────► Open ─────────────────────► Free
//!     │                   ▲    │                 ▲
//!     │ connect, the      │    │ listener drops  │ client sees a reset
//!     │ backlog is full   │    └─────────────────┘
//!     └───────────► Waiting ───────────► Refused ──► Free (the client drops)
//!                  an accept        listener drops
//!                  makes room
//! ```
//!
//! The connections of a listener that are `Queued` or `Waiting` form one list in the order in
//! which they came; the `Queued` ones are its front.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use polliwog_core::sources::{Direction, Readiness, Waiters, Wakeups};

use super::storage::{NO_ADDR, Tables, Wakers};
use crate::error::{Error, Limit};
use crate::io::flow::Flow;

/// The end of a connection that connected.
pub(crate) const CLIENT: usize = 0;
/// The end of a connection that was accepted.
pub(crate) const SERVER: usize = 1;

/// The first of the ports that are given away when none is asked for.
const FIRST_EPHEMERAL: u16 = 49_152;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Free,
    /// In the listener's list, beyond its backlog: the connect goes on.
    Waiting(u32),
    /// In the listener's list, to be accepted; the client is connected.
    Queued(u32),
    /// Both ends have (or had) an owner.
    Open,
    /// The listener went away before there was room in its backlog.
    Refused,
}

/// A connection.
pub(crate) struct Conn {
    phase: Phase,
    /// The next one in the listener's list or in the list of free ones, plus one; or zero.
    next: u32,
    /// How many handles each end has. A queued connection's server end counts as held.
    handles: [u8; 2],
    /// What each end writes.
    pub(crate) flows: [Flow; 2],
    /// Where each end is.
    addr: [SocketAddr; 2],
}

impl Conn {
    pub(crate) const fn free() -> Self {
        Self {
            phase: Phase::Free,
            next: 0,
            handles: [0; 2],
            flows: [Flow::new(), Flow::new()],
            addr: [NO_ADDR; 2],
        }
    }

    pub(crate) fn addr(&self, end: usize) -> SocketAddr {
        self.addr[end]
    }

    pub(crate) fn add_handle(&mut self, end: usize) {
        self.handles[end] += 1;
    }

    /// Closes `end` for good, as its owner's drop does.
    fn close(&mut self, end: usize) -> Wakers {
        let (unread, peer_writer) = self.flows[1 - end].abandon();
        if unread {
            self.flows[end].reset();
        }
        Wakers([peer_writer, self.flows[end].finish()])
    }
}

/// A listener.
pub(crate) struct Listener {
    bound: bool,
    addr: SocketAddr,
    backlog: u32,
    /// First connection of the list plus one, or zero.
    head: u32,
    /// Last connection of the list plus one, or zero.
    tail: u32,
    /// How many of the list are `Queued`.
    queued: u32,
    acceptors: Waiters,
}

impl Listener {
    pub(crate) const fn free() -> Self {
        Self {
            bound: false,
            addr: NO_ADDR,
            backlog: 0,
            head: 0,
            tail: 0,
            queued: 0,
            acceptors: Waiters::new(),
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Who waits to accept.
    pub(crate) fn acceptors(&self) -> &Waiters {
        &self.acceptors
    }

    /// Whoever has waited longest, if there is a connection for it.
    pub(crate) fn next_acceptor(&self) -> Wakeups {
        match self.queued {
            0 => Wakeups::default(),
            _ => self.acceptors.take_one(Direction::Read),
        }
    }

    fn answers(&self, addr: SocketAddr) -> bool {
        self.bound
            && self.addr.port() == addr.port()
            && (self.addr.ip() == addr.ip() || self.addr.ip().is_unspecified())
    }
}

/// Takes an address for a listener; the row is valid until [`unbind`].
pub(crate) fn bind(
    tables: &mut dyn Tables,
    mut addr: SocketAddr,
    backlog: u32,
) -> Result<usize, Error> {
    if addr.port() == 0 {
        addr.set_port(free_port(tables, None)?);
    }
    let clash = |other: &Listener| {
        let same = other.addr.ip() == addr.ip();
        let any = other.addr.ip().is_unspecified() || addr.ip().is_unspecified();
        other.bound && other.addr.port() == addr.port() && (same || any)
    };
    if tables.listeners().iter().any(clash) {
        return Err(Error::AddrInUse);
    }
    let free = tables
        .listeners()
        .iter()
        .position(|listener| !listener.bound);
    let index = match free {
        Some(index) => index,
        None => {
            let index = tables.listeners().len();
            if !tables.grow_listeners() {
                return Err(Error::LimitReached(Limit::Listeners));
            }
            index
        }
    };
    tables.listeners()[index] = Listener {
        bound: true,
        addr,
        backlog: backlog.max(1),
        ..Listener::free()
    };
    Ok(index)
}

/// Takes a listener's address away; connects are refused from now on.
///
/// The connections in its list remain, for [`refuse_next`] to end one by one. The row is free
/// once that has returned `None`.
pub(crate) fn stop_listening(tables: &mut dyn Tables, listener: usize) -> Wakeups {
    let row = &mut tables.listeners()[listener];
    row.addr = NO_ADDR;
    row.acceptors.take(Readiness::READABLE)
}

/// Ends the first connection in the list of a listener that stopped; `None` if there is none.
pub(crate) fn refuse_next(tables: &mut dyn Tables, listener: usize) -> Option<Wakers> {
    let Some(index) = pop(tables, listener) else {
        tables.listeners()[listener].bound = false;
        return None;
    };
    let (conn, _) = tables.conn(index);
    let was = conn.phase;
    // Whatever the client has sent, nobody will ever read it.
    conn.flows[SERVER].reset();
    let wakers = conn.close(SERVER);
    conn.phase = if matches!(was, Phase::Waiting(_)) {
        Phase::Refused
    } else {
        Phase::Open
    };
    conn.handles[SERVER] = 0;
    free_if_unowned(tables, index);
    Some(wakers)
}

/// Starts a connection, whose client end belongs to the caller from now on.
///
/// Returns it with the waker of a task that accepts.
pub(crate) fn connect(
    tables: &mut dyn Tables,
    mut to: SocketAddr,
) -> Result<(usize, Wakeups), Error> {
    if to.port() == 0 {
        return Err(Error::ConnectionRefused);
    }
    if to.ip().is_unspecified() {
        // As with a real stack, "any address" means this very machine.
        to.set_ip(match to {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    let listeners = tables.listeners();
    let exact = listeners
        .iter()
        .position(|listener| listener.bound && listener.addr == to);
    let any = || listeners.iter().position(|listener| listener.answers(to));
    let listener = exact.or_else(any).ok_or(Error::ConnectionRefused)?;

    let port = free_port(tables, Some(to))?;
    let index = take_conn(tables)?;
    let row = &mut tables.listeners()[listener];
    let room = row.queued < row.backlog;
    let last = core::mem::replace(&mut row.tail, index as u32 + 1);
    if last == 0 {
        row.head = index as u32 + 1;
    }
    let mut acceptor = Wakeups::default();
    if room {
        row.queued += 1;
        acceptor = row.acceptors.take_one(Direction::Read);
    }
    if last != 0 {
        tables.conn(last as usize - 1).0.next = index as u32 + 1;
    }
    let (conn, _) = tables.conn(index);
    *conn = Conn {
        phase: if room {
            Phase::Queued(listener as u32)
        } else {
            Phase::Waiting(listener as u32)
        },
        handles: [1, 1],
        addr: [SocketAddr::new(to.ip(), port), to],
        ..Conn::free()
    };
    Ok((index, acceptor))
}

/// Whether the connect has come to an end: `Ok(false)` means not yet.
pub(crate) fn connected(tables: &mut dyn Tables, conn: usize) -> Result<bool, Error> {
    match tables.conn(conn).0.phase {
        Phase::Waiting(_) => Ok(false),
        Phase::Refused => Err(Error::ConnectionRefused),
        Phase::Free => Err(Error::NotConnected),
        Phase::Queued(_) | Phase::Open => Ok(true),
    }
}

/// Takes the first connection out of a listener's list; its server end belongs to the caller.
///
/// Returns it with the wakers of the client that moves up into the backlog and of whoever accepts it.
pub(crate) fn accept(tables: &mut dyn Tables, listener: usize) -> Option<(usize, Wakers)> {
    let index = pop(tables, listener)?;
    tables.conn(index).0.phase = Phase::Open;
    let row = &mut tables.listeners()[listener];
    row.queued -= 1;

    // The first that waits comes right after those that are queued.
    let (queued, mut at) = (row.queued, row.head);
    for _ in 0..queued {
        at = tables.conn(at as usize - 1).0.next;
    }
    let mut woken = Wakers::default();
    if at != 0 {
        let (conn, _) = tables.conn(at as usize - 1);
        conn.phase = Phase::Queued(listener as u32);
        let client = conn.flows[CLIENT].wake_writer();
        let row = &mut tables.listeners()[listener];
        row.queued += 1;
        woken = Wakers([client, row.acceptors.take_one(Direction::Read)]);
    }
    Some((index, woken))
}

/// Gives up one handle of an end. The last one closes it; a connect that still waits is undone.
pub(crate) fn release(tables: &mut dyn Tables, index: usize, end: usize) -> Wakers {
    let (conn, _) = tables.conn(index);
    conn.handles[end] -= 1;
    if conn.handles[end] > 0 {
        return Wakers::default();
    }
    let wakers = conn.close(end);
    if let Phase::Waiting(listener) = conn.phase {
        conn.handles[SERVER] = 0;
        unlink(tables, listener as usize, index);
    }
    free_if_unowned(tables, index);
    wakers
}

/// Takes the head out of a listener's list.
fn pop(tables: &mut dyn Tables, listener: usize) -> Option<usize> {
    let head = tables.listeners()[listener].head;
    let index = (head as usize).checked_sub(1)?;
    let next = core::mem::take(&mut tables.conn(index).0.next);
    let row = &mut tables.listeners()[listener];
    row.head = next;
    if next == 0 {
        row.tail = 0;
    }
    Some(index)
}

/// Takes a waiting connection out of the middle of a listener's list.
fn unlink(tables: &mut dyn Tables, listener: usize, index: usize) {
    let next = core::mem::take(&mut tables.conn(index).0.next);
    let mut before = 0;
    let mut at = tables.listeners()[listener].head;
    while at != 0 && at as usize - 1 != index {
        before = at;
        at = tables.conn(at as usize - 1).0.next;
    }
    match before {
        0 => tables.listeners()[listener].head = next,
        before => tables.conn(before as usize - 1).0.next = next,
    }
    if next == 0 {
        tables.listeners()[listener].tail = before;
    }
}

fn take_conn(tables: &mut dyn Tables) -> Result<usize, Error> {
    let free = tables.common().free_conn;
    if free != 0 {
        let index = free as usize - 1;
        tables.common().free_conn = tables.conn(index).0.next;
        return Ok(index);
    }
    let index = tables.common().fresh_conn as usize;
    if index == tables.conn_count() {
        tables.grow_conns().map_err(Error::LimitReached)?;
    }
    tables.common().fresh_conn += 1;
    Ok(index)
}

fn free_if_unowned(tables: &mut dyn Tables, index: usize) {
    if tables.conn(index).0.handles == [0, 0] {
        give_back(tables, index);
    }
}

/// Puts a row into the list of free ones. Nobody waits at it: closing an end takes its wakers.
fn give_back(tables: &mut dyn Tables, index: usize) {
    let next = tables.common().free_conn;
    *tables.conn(index).0 = Conn {
        next,
        ..Conn::free()
    };
    tables.common().free_conn = index as u32 + 1;
}

/// A port that no listener has and, for a connect, no client of the same destination.
fn free_port(tables: &mut dyn Tables, to: Option<SocketAddr>) -> Result<u16, Error> {
    let count = u16::MAX - FIRST_EPHEMERAL + 1;
    for _ in 0..count {
        let common = tables.common();
        let port = FIRST_EPHEMERAL + common.next_port;
        common.next_port = (common.next_port + 1) % count;
        let wrapped = common.ports_wrapped;
        common.ports_wrapped |= common.next_port == 0;
        // Before the first round is over no client can have a port that is still to come.
        let seen = if wrapped {
            common.fresh_conn as usize
        } else {
            0
        };
        let client = (0..seen).any(|index| {
            let (conn, _) = tables.conn(index);
            conn.addr[CLIENT].port() == port && Some(conn.addr[SERVER]) == to
        });
        let listener = |row: &Listener| row.bound && row.addr.port() == port;
        if !client && !tables.listeners().iter().any(listener) {
            return Ok(port);
        }
    }
    Err(Error::AddrNotAvailable)
}
