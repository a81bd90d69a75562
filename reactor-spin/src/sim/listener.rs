//! Sockets of simulated hosts that wait for connections, or have an address so that they may.

use alloc::collections::VecDeque;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use polliwog_core::sources::{Direction, Readiness, Waiters, Wakeups};

use super::addr::{covers, meant, overlap};
use super::options::Options;
use super::packet::Packet;
use super::slab::Key;
use super::tcp::{next_port, reset};
use super::world::{HostId, State};
use crate::Error;

/// A listener, or a socket with an address that may become one.
pub(crate) struct Listener {
    pub(crate) host: HostId,
    pub(crate) addr: SocketAddr,
    /// None as long as it does not listen.
    backlog: Option<usize>,
    /// What others may have its address, too.
    shares: Sharing,
    /// Those of the connections that it accepts.
    pub(crate) options: Options,
    queue: VecDeque<Key>,
    pub(crate) acceptors: Waiters,
}

/// With what a socket shares its address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sharing {
    /// With connections of an earlier socket (`SO_REUSEADDR`).
    pub(crate) addr: bool,
    /// With other sockets that do so, too (`SO_REUSEPORT`).
    pub(crate) port: bool,
}

/// Takes an address.
pub(crate) fn bind(
    state: &mut State,
    host: HostId,
    mut addr: SocketAddr,
    shares: Sharing,
) -> Result<Key, Error> {
    state.needs_process(host)?;
    addr = meant(addr);
    if !state.is_own(host, addr.ip()) {
        return Err(Error::AddrNotAvailable);
    }
    let taken = |state: &State, addr: SocketAddr| {
        let row = &state.hosts[host as usize];
        let there = row.listeners.get(&addr.port());
        let by_a_socket = there.into_iter().flatten().any(|key| {
            state.listeners.get(*key).is_some_and(|other| {
                !(shares.port && other.shares.port) && overlap(other.addr.ip(), addr.ip())
            })
        });
        // The least of all addresses that a connection could lead to.
        let first = (addr.port(), (Ipv4Addr::UNSPECIFIED, 0).into());
        let connection = row.ports.range(first..).next();
        by_a_socket || !shares.addr && connection.is_some_and(|(port, _)| *port == addr.port())
    };
    if addr.port() == 0 {
        let free = (0..state.settings.ephemeral).find_map(|_| {
            addr.set_port(next_port(state, host));
            (!taken(state, addr)).then_some(addr)
        });
        addr = free.ok_or(Error::AddrNotAvailable)?;
    } else if taken(state, addr) {
        return Err(Error::AddrInUse);
    }
    let options = Options::new(&state.settings);
    let key = state.listeners.insert(Listener {
        host,
        addr,
        backlog: None,
        shares,
        options,
        queue: VecDeque::new(),
        acceptors: Waiters::new(),
    });
    let listeners = &mut state.hosts[host as usize].listeners;
    listeners.entry(addr.port()).or_default().push(key);
    Ok(key)
}

/// Begins to listen.
pub(crate) fn listen(state: &mut State, key: Key, backlog: u32) {
    if let Some(listener) = state.listeners.get_mut(key) {
        listener.backlog = Some(backlog as usize);
    }
}

/// Ends a listener; the connections that nobody has accepted are reset.
pub(crate) fn unlisten(state: &mut State, key: Key) -> Wakeups {
    let Some(listener) = state.listeners.remove(key) else {
        return Wakeups::default();
    };
    let listeners = &mut state.hosts[listener.host as usize].listeners;
    if let Some(at_port) = listeners.get_mut(&listener.addr.port()) {
        at_port.retain(|other| *other != key);
        if at_port.is_empty() {
            listeners.remove(&listener.addr.port());
        }
    }
    for end in listener.queue {
        // Nobody waits at what nobody has.
        let _ = reset(state, end);
    }
    listener.acceptors.take(Readiness::READABLE)
}

/// A connection is there that somebody may accept.
pub(crate) fn enqueue(state: &mut State, key: Key, end: Key) -> Wakeups {
    match state.listeners.get_mut(key) {
        Some(listener) => {
            listener.queue.push_back(end);
            listener.acceptors.take_one(Direction::Read)
        }
        None => Wakeups::default(),
    }
}

/// Takes a connection out of a listener's queue.
pub(crate) fn accept(state: &mut State, key: Key) -> Option<Key> {
    let listener = state.listeners.get_mut(key)?;
    listener.queue.pop_front()
}

/// Whoever is to look for the next connection, if there is one.
pub(crate) fn next_acceptor(state: &State, key: Key) -> Wakeups {
    match state.listeners.get(key) {
        Some(listener) if !listener.queue.is_empty() => {
            listener.acceptors.take_one(Direction::Read)
        }
        _ => Wakeups::default(),
    }
}

/// The listener that a connection from `from` to an address of a host is for. Of several at one address it is always
/// the same for one address of the other side.
pub(crate) fn listener_at(
    state: &State,
    host: HostId,
    addr: SocketAddr,
    from: SocketAddr,
) -> Option<Key> {
    let all = state.hosts[host as usize].listeners.get(&addr.port())?;
    let at = |is_it: &dyn Fn(IpAddr) -> bool| {
        let here = || {
            all.iter().copied().filter(|key| {
                state
                    .listeners
                    .get(*key)
                    .is_some_and(|listener| listener.backlog.is_some() && is_it(listener.addr.ip()))
            })
        };
        match here().count() {
            0 => None,
            count => here().nth(usize::from(from.port()) % count),
        }
    };
    at(&|ip| ip == addr.ip()).or_else(|| at(&|ip| covers(ip, addr.ip())))
}

/// Whether whoever asks for a connection gets an answer now.
pub(crate) fn has_room(state: &State, packet: &Packet) -> bool {
    let listener = listener_at(state, packet.to, packet.destination(), packet.source())
        .and_then(|key| state.listeners.get(key));
    listener.is_none_or(|listener| {
        // One more than that, as on Linux.
        listener.queue.len() <= listener.backlog.unwrap_or(0)
    })
}
