//! How a connection begins: who asks, and what the other side says.

use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use polliwog_core::sources::Wakeups;

use super::{Phase, end, fail, new_end};
use crate::Error;
use crate::sim::addr::{localhost, meant};
use crate::sim::keepalive;
use crate::sim::listener::{enqueue, listener_at};
use crate::sim::options::Options;
use crate::sim::outbox::Effect;
use crate::sim::packet::Segment;
use crate::sim::rng::nanos;
use crate::sim::slab::Key;
use crate::sim::world::{Happening, HostId, State, World};

/// The first of the ports that are given away when none is asked for.
pub(crate) const FIRST_EPHEMERAL: u16 = 32_768;

/// How long it takes to find out that an address is nobody's.
const NOBODY: u64 = 3_000_000_000;

pub(crate) fn next_port(state: &mut State, host: HostId) -> u16 {
    let count = state.settings.ephemeral;
    let host = &mut state.hosts[host as usize];
    let port = FIRST_EPHEMERAL + host.next_port;
    host.next_port = (host.next_port + 1) % count;
    port
}

/// Begins a connection, whose end belongs to the caller; from an address that it has taken, if it has taken one.
pub(crate) fn connect(
    state: &mut State,
    host: HostId,
    from: Option<SocketAddr>,
    mut to: SocketAddr,
    options: Options,
) -> Result<Key, Error> {
    state.needs_process(host)?;
    let is_v6 = to.is_ipv6();
    to = meant(to);
    if to.port() == 0 {
        return Err(Error::ConnectionRefused);
    }
    if to.ip().is_unspecified() {
        to.set_ip(localhost(to.is_ipv4()));
    }
    if to.ip().is_multicast() || to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(Error::NetworkUnreachable);
    }
    // Hosts have no scopes, of which their addresses could be.
    to = SocketAddr::new(to.ip(), to.port());
    let is_free = |state: &State, port| !state.hosts[host as usize].ports.contains(&(port, to));
    let port = match from {
        Some(from) => Some(from.port()).filter(|port| is_free(state, *port)),
        None => (0..state.settings.ephemeral).find_map(|_| {
            let port = next_port(state, host);
            is_free(state, port).then_some(port)
        }),
    };
    let port = port.ok_or(Error::AddrNotAvailable)?;
    let own = from
        .map(|from| meant(from).ip())
        .filter(|ip| !ip.is_unspecified());
    let local = SocketAddr::new(own.unwrap_or_else(|| state.addr_of(host, to.ip())), port);
    let remote_host = state.host_of(host, to.ip());
    let now = state.hosts[host as usize].clock.instant();
    let key = new_end(
        state,
        (host, local),
        (remote_host.unwrap_or(host), to),
        is_v6,
        options,
    );
    let timeout = nanos(state.settings.connect_timeout);
    let (after, error) = match remote_host {
        Some(_) => {
            ask(state, key);
            (timeout, Error::TimedOut)
        }
        None if state.services.at(to.ip()).is_some() => {
            match state.ahead(host) {
                Some(at) => {
                    // Its turn comes when the others have come as far.
                    let act = move |world: &World| {
                        world.with(|state| ask_next_server(state, key));
                        Ok(())
                    };
                    state.later(host, at, Effect::Act(Box::new(act)));
                }
                None => ask_next_server(state, key),
            }
            (timeout, Error::TimedOut)
        }
        None => (NOBODY, Error::HostUnreachable),
    };
    let fails = Happening::ConnectFails(key, error);
    state.schedule(now.saturating_add(after), fails);
    Ok(key)
}

/// Asks the host that an end is to lead to.
fn ask(state: &mut State, key: Key) {
    let Ok(end) = end(state, key) else { return };
    let (here, there) = (end.here(), end.there());
    let window = end.options.receives as usize;
    state.send_segment(here, there, Segment::Syn { from: key, window });
}

/// Asks the server of a service whose turn it is. Where there is none the system that has the address refuses.
fn ask_next_server(state: &mut State, key: Key) {
    let Ok(to) = end(state, key).map(|end| end.remote) else {
        return;
    };
    if let Some(server) = state.next_server(to, Some(key)) {
        if let Ok(end) = end(state, key) {
            end.remote_host = server;
        }
        return ask(state, key);
    }
    let link = state.weather.on(&state.links.default);
    let there = link.delay(&mut state.chance);
    let back = link.delay(&mut state.chance);
    let at = state.now.saturating_add(there).saturating_add(back);
    let refused = Happening::ConnectFails(key, Error::ConnectionRefused);
    state.schedule(at, refused);
}

/// Lets a connect fail that is still going on.
pub(crate) fn fail_connect(state: &mut State, key: Key, error: Error) -> Wakeups {
    match end(state, key) {
        Ok(end) if end.phase == Phase::Connecting => fail(state, key, error),
        _ => Wakeups::default(),
    }
}

/// Both sides of a segment that is there: the one that it has come to, and the other one.
type Sides = ((HostId, SocketAddr), (HostId, SocketAddr));

/// Somebody asks for a connection.
pub(super) fn asked(
    state: &mut State,
    (here, there): Sides,
    client: Key,
    window: usize,
) -> Wakeups {
    let listener = listener_at(state, here.0, here.1, there.1);
    let listener = listener.and_then(|key| Some((key, state.listeners.get(key)?)));
    let Some((key, is_v6, options)) =
        listener.map(|(key, row)| (key, row.addr.is_ipv6(), row.options))
    else {
        if here == there {
            // Who asks itself is answered: RFC 9293, 3.5, of both sides that ask at once.
            return accepted(state, (here, there), (client, client), window);
        }
        state.send_segment(here, there, Segment::Refused(client));
        return Wakeups::default();
    };
    let server = new_end(state, here, there, is_v6, options);
    if let Ok(end) = end(state, server) {
        end.phase = Phase::Open;
        end.peer = Some(client);
        end.window = window;
    }
    keepalive::start(state, server);
    state.send_segment(
        here,
        there,
        Segment::SynAck {
            to: client,
            from: server,
            window: options.receives as usize,
        },
    );
    enqueue(state, key, server)
}

/// The other side has accepted a connection.
pub(super) fn accepted(
    state: &mut State,
    (here, there): Sides,
    (to, from): (Key, Key),
    window: usize,
) -> Wakeups {
    match end(state, to) {
        Ok(end) if end.phase == Phase::Connecting => {
            end.phase = Phase::Open;
            end.peer = Some(from);
            if end.heard_of == 0 {
                end.window = window;
            }
            let woken = end.wake_all();
            keepalive::start(state, to);
            woken
        }
        Ok(_) => Wakeups::default(),
        Err(_) => {
            state.send_segment(here, there, Segment::Reset(from));
            Wakeups::default()
        }
    }
}
