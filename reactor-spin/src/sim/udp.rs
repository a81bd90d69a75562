//! Datagrams between simulated hosts: sockets, and what arrives at them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use polliwog_core::sources::{Direction, Readiness, Waiters, Wakeups};

use super::addr::{covers, localhost, meant, overlap, shown};
use super::endpoint::Mail;
use super::packet::Bytes;
use super::slab::Key;
use super::tcp::next_port;
use super::trace::What;
use super::world::{HostId, State};
use crate::Error;

/// A socket for datagrams.
pub(crate) struct Socket {
    host: HostId,
    /// Whether it shows addresses as IPv6 does.
    is_v6: bool,
    pub(crate) local: SocketAddr,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) broadcast: bool,
    pub(crate) ttl: u32,
    pub(crate) multicast: Multicast,
    pub(crate) gro: bool,
    /// Bytes of datagrams that may wait to be received.
    pub(crate) receives: usize,
    pub(crate) sends: usize,
    queue: VecDeque<(SocketAddr, Bytes)>,
    /// What the queue takes, by [`room`].
    bytes: usize,
    /// What an endpoint has in place of the queue.
    pub(crate) mail: Option<Box<Mail>>,
    pub(crate) waiters: Waiters,
}

/// What a socket has to do with groups.
pub(crate) struct Multicast {
    /// Those that it has joined.
    groups: Vec<IpAddr>,
    /// Whether what it sends to a group comes back to its own host.
    pub(crate) comes_back: bool,
    pub(crate) hops: u32,
}

impl Socket {
    /// Whether what is sent to this address of its host, at its port, is for it.
    fn is_for(&self, to: IpAddr) -> bool {
        let local = self.local.ip();
        if to.is_multicast() {
            return covers(local, to) && self.multicast.groups.contains(&to);
        }
        covers(local, to)
    }

    /// The address that is meant by one to send to, if the socket can send there; the errors are Linux'. The one that is
    /// nobody's is the host itself.
    fn destination(&self, to: SocketAddr) -> Result<SocketAddr, Error> {
        if to.is_ipv6() && !self.is_v6 {
            return Err(Error::InvalidInput);
        }
        let (local, mut to) = (self.local.ip(), meant(to));
        if to.ip().is_unspecified() {
            to.set_ip(localhost(to.is_ipv4() || local.is_ipv4()));
        }
        // By IPv6 all addresses are those by IPv4, too.
        let is_dual = local.is_ipv6() && local.is_unspecified();
        if to.is_ipv4() != local.is_ipv4() && !is_dual {
            return Err(Error::NetworkUnreachable);
        }
        if to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) && !self.broadcast {
            return Err(Error::PermissionDenied);
        }
        Ok(to)
    }

    /// The address that it is bound to, as it shows it.
    pub(crate) fn local(&self) -> SocketAddr {
        shown(self.local, self.is_v6)
    }

    /// Whom it is connected to, as it shows it.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer.map(|peer| shown(peer, self.is_v6))
    }

    /// Whether a datagram is there.
    pub(crate) fn readable(&self) -> Result<(), Error> {
        if self.queue.is_empty() {
            Err(Error::WouldBlock)
        } else {
            Ok(())
        }
    }

    /// Copies the first datagram, as much of it as there is room for.
    pub(crate) fn peek(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let (from, bytes) = self.queue.front().ok_or(Error::WouldBlock)?;
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        Ok((count, shown(*from, self.is_v6)))
    }

    /// Takes the first datagram; what there is no room for is lost.
    pub(crate) fn take(&mut self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let taken = self.peek(buf)?;
        if let Some((_, bytes)) = self.queue.pop_front() {
            self.bytes -= room(&bytes);
        }
        Ok(taken)
    }
}

/// How much of a socket's buffer a datagram takes: one without bytes something, too, or there is no end to them.
fn room(bytes: &Bytes) -> usize {
    bytes.len().max(1)
}

fn is_taken(state: &State, host: HostId, addr: SocketAddr) -> bool {
    let there = state.hosts[host as usize].sockets.get(&addr.port());
    there.into_iter().flatten().any(|key| {
        let other = state.sockets.get(*key);
        other.is_some_and(|other| overlap(other.local.ip(), addr.ip()))
    })
}

/// Takes an address for a socket.
pub(crate) fn bind(state: &mut State, host: HostId, mut addr: SocketAddr) -> Result<Key, Error> {
    state.needs_process(host)?;
    let is_v6 = addr.is_ipv6();
    addr = meant(addr);
    // At the address of a group a socket receives that group's datagrams only.
    if !state.is_own(host, addr.ip()) && !addr.ip().is_multicast() {
        return Err(Error::AddrNotAvailable);
    }
    if addr.port() == 0 {
        let free = (0..state.settings.ephemeral).find_map(|_| {
            addr.set_port(next_port(state, host));
            (!is_taken(state, host, addr)).then_some(addr)
        });
        addr = free.ok_or(Error::AddrNotAvailable)?;
    } else if is_taken(state, host, addr) {
        return Err(Error::AddrInUse);
    }
    let key = state.sockets.insert(Socket {
        host,
        is_v6,
        local: addr,
        peer: None,
        broadcast: false,
        ttl: 64,
        multicast: Multicast {
            groups: Vec::new(),
            comes_back: true,
            hops: 1,
        },
        gro: false,
        receives: state.settings.datagram_buffer,
        sends: state.settings.datagram_buffer,
        queue: VecDeque::new(),
        bytes: 0,
        mail: None,
        waiters: Waiters::new(),
    });
    state.hosts[host as usize]
        .sockets
        .entry(addr.port())
        .or_default()
        .push(key);
    Ok(key)
}

/// Ends a socket.
pub(crate) fn close(state: &mut State, key: Key) -> Wakeups {
    let Some(socket) = state.sockets.remove(key) else {
        return Wakeups::default();
    };
    let sockets = &mut state.hosts[socket.host as usize].sockets;
    if let Some(at_port) = sockets.get_mut(&socket.local.port()) {
        at_port.retain(|other| *other != key);
        if at_port.is_empty() {
            sockets.remove(&socket.local.port());
        }
    }
    socket
        .waiters
        .take(Readiness::READABLE | Readiness::WRITABLE)
}

/// Enters a socket into a group, by an interface of its host, which has one.
pub(crate) fn join(
    state: &mut State,
    key: Key,
    group: IpAddr,
    interface: IpAddr,
) -> Result<(), Error> {
    let groups = groups(state, key, group, interface)?;
    // The errors are Linux's: ip(7), ipv6(7).
    if groups.contains(&group) {
        return Err(Error::AddrInUse);
    }
    groups.push(group);
    Ok(())
}

/// Takes a socket out of a group.
pub(crate) fn leave(
    state: &mut State,
    key: Key,
    group: IpAddr,
    interface: IpAddr,
) -> Result<(), Error> {
    let groups = groups(state, key, group, interface)?;
    let joined = groups.iter().position(|joined| *joined == group);
    groups.swap_remove(joined.ok_or(Error::AddrNotAvailable)?);
    Ok(())
}

/// The groups that a socket is in, if it can be in this one.
fn groups(
    state: &mut State,
    key: Key,
    group: IpAddr,
    interface: IpAddr,
) -> Result<&mut Vec<IpAddr>, Error> {
    let socket = state.sockets.get(key).ok_or(Error::NotConnected)?;
    if !group.is_multicast() || group.is_ipv4() != socket.local.is_ipv4() {
        return Err(Error::InvalidInput);
    }
    if !state.is_own(socket.host, interface) {
        return Err(Error::AddrNotAvailable);
    }
    let socket = state.sockets.get_mut(key).ok_or(Error::NotConnected)?;
    Ok(&mut socket.multicast.groups)
}

/// The hosts that have a socket in a group.
fn members(state: &State, to: SocketAddr) -> Vec<HostId> {
    let is_member = |key: &Key| {
        let socket = state.sockets.get(*key);
        socket.is_some_and(|socket| socket.is_for(to.ip()))
    };
    let members = (0..).zip(&state.hosts).filter(|(_, host)| {
        let there = host.sockets.get(&to.port());
        there.into_iter().flatten().any(is_member)
    });
    members.map(|(id, _)| id).collect()
}

/// The address from which a port of a host sends, if it is bound to all: its own, or the service's by which the other side has
/// asked.
fn source(state: &State, (host, port): (HostId, u16), to: SocketAddr) -> IpAddr {
    let asked = state.services.asked(host, port, to);
    asked.unwrap_or_else(|| state.addr_of(host, to.ip()))
}

/// Sets whom a socket sends to and receives from. One that is at every address of its host is then at the one that it sends
/// from.
pub(crate) fn connect(state: &mut State, key: Key, to: SocketAddr) -> Result<(), Error> {
    let socket = state.sockets.get(key).ok_or(Error::NotConnected)?;
    let to = socket.destination(to)?;
    let from = source(state, (socket.host, socket.local.port()), to);
    let socket = state.sockets.get_mut(key).ok_or(Error::NotConnected)?;
    if socket.local.ip().is_unspecified() {
        socket.local.set_ip(from);
    }
    socket.peer = Some(to);
    Ok(())
}

/// Where what a socket sends goes.
pub(crate) struct Route {
    pub(crate) from: (HostId, SocketAddr),
    pub(crate) to: SocketAddr,
    pub(crate) hosts: Hosts,
}

/// Whom a datagram goes to.
pub(crate) enum Hosts {
    /// What goes to nobody is lost, as it is in reality.
    One(Option<HostId>),
    Some(Vec<HostId>),
    /// The server of a service whose turn it is when it is sent.
    Server,
}

/// Finds where a datagram of `len` bytes goes, from a socket to `to` or to its peer.
pub(crate) fn route(
    state: &State,
    key: Key,
    len: usize,
    to: Option<SocketAddr>,
) -> Result<Route, Error> {
    let socket = state.sockets.get(key).ok_or(Error::NotConnected)?;
    let (host, mut local) = (socket.host, socket.local);
    let comes_back = socket.multicast.comes_back;
    if len > state.settings.max_datagram {
        return Err(Error::MessageTooLong);
    }
    let to = match to {
        Some(to) => socket.destination(to)?,
        None => socket.peer.ok_or(Error::NotConnected)?,
    };
    if to.port() == 0 {
        return Err(Error::InvalidInput);
    }
    if local.ip().is_unspecified() || local.ip().is_multicast() {
        local.set_ip(source(state, (host, local.port()), to));
    }
    let hosts = if to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) {
        // The sender's own, too.
        Hosts::Some((0..state.hosts.len() as HostId).collect())
    } else if to.ip().is_multicast() {
        let mut members = members(state, to);
        members.retain(|member| *member != host || comes_back);
        Hosts::Some(members)
    } else {
        match state.host_of(host, to.ip()) {
            None if state.services.at(to.ip()).is_some() => Hosts::Server,
            host => Hosts::One(host),
        }
    };
    Ok(Route {
        from: (host, local),
        to,
        hosts,
    })
}

/// The socket for what has come to an address; `is_endpoint` says of which sort.
pub(crate) fn receiver(
    state: &mut State,
    (host, to): (HostId, SocketAddr),
    from: SocketAddr,
    is_endpoint: bool,
) -> Option<&mut Socket> {
    let here = state.hosts[host as usize].sockets.get(&to.port());
    let key = here.into_iter().flatten().copied().find(|key| {
        state.sockets.get(*key).is_some_and(|socket| {
            // Hosts have no scopes, which the peer may have been given with.
            socket.is_for(to.ip())
                && socket.mail.is_some() == is_endpoint
                && socket
                    .peer
                    .is_none_or(|peer| (peer.ip(), peer.port()) == (from.ip(), from.port()))
        })
    });
    state.sockets.get_mut(key?)
}

/// A datagram is there.
pub(crate) fn arrive(
    state: &mut State,
    message: u64,
    (host, to): (HostId, SocketAddr),
    from: SocketAddr,
    bytes: Bytes,
) -> Wakeups {
    let why = match receiver(state, (host, to), from, false) {
        Some(socket) if socket.bytes + room(&bytes) <= socket.receives => {
            socket.bytes += room(&bytes);
            socket.queue.push_back((from, bytes));
            return socket.waiters.take_one(Direction::Read);
        }
        Some(_) => "the socket's buffer is full",
        None => "nobody listens there",
    };
    state.record(Some(host), &[message, 3], |_| What::Lost { message, why });
    Wakeups::default()
}
