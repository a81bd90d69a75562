//! The datagrams of all sockets, and the memory of each.

use core::any::Any;
use core::fmt;
use core::task::Waker;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpEndpoint, Ipv4Address};

use super::Stack;
use super::datagrams::{Memory, Queue, Ring};
use super::neighbors::{Answer, Neighbors};
use super::table::keep;
use super::waits::{READ, WRITE};
use super::wire::{Datagram, Gateways, Identity};
use crate::{Error, Limit};

/// How long a datagram may wait for its way to be found.
const EXPIRES: Duration = Duration::from_secs(5);
/// How long it may, if others wait for its room.
const PATIENCE: Duration = Duration::from_millis(250);

const NOWHERE: IpEndpoint = IpEndpoint::new(IpAddress::Ipv4(Ipv4Address::UNSPECIFIED), 0);

/// Memory for a [`UdpSocket`](super::UdpSocket): up to `PACKETS` datagrams, `BYTES` in all, each way. It is all zero at
/// first and need not lie in flash.
pub struct UdpBuffers<const PACKETS: usize, const BYTES: usize> {
    state: State,
    incoming: Ring<PACKETS, BYTES>,
    outgoing: Ring<PACKETS, BYTES>,
}

impl<const PACKETS: usize, const BYTES: usize> UdpBuffers<PACKETS, BYTES> {
    /// Makes unused memory for datagrams.
    pub const fn new() -> Self {
        Self {
            state: State::CLOSED,
            incoming: Ring::new(),
            outgoing: Ring::new(),
        }
    }
}

impl<const PACKETS: usize, const BYTES: usize> Default for UdpBuffers<PACKETS, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const PACKETS: usize, const BYTES: usize> fmt::Debug for UdpBuffers<PACKETS, BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpBuffers").finish_non_exhaustive()
    }
}

/// [`UdpBuffers`] of any size.
pub(super) trait AnyBuffers: Any + Send {
    fn parts(&mut self) -> Parts<'_>;
    fn state(&self) -> &State;
}

/// What a socket has.
pub(super) struct Parts<'a> {
    pub(super) state: &'a mut State,
    pub(super) incoming: Queue<'a>,
    pub(super) outgoing: Queue<'a>,
}

impl<const PACKETS: usize, const BYTES: usize> AnyBuffers for UdpBuffers<PACKETS, BYTES> {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            state: &mut self.state,
            incoming: self.incoming.queue(),
            outgoing: self.outgoing.queue(),
        }
    }

    fn state(&self) -> &State {
        &self.state
    }
}

/// What is known of a socket. All zero while there is none, without any `Option` whose `None` might not
/// be.
pub(super) struct State {
    /// Zero while there is no socket.
    pub(super) port: u16,
    /// Unspecified: all that we have.
    pub(super) local: IpAddress,
    /// The one with whom the socket talks; port zero: all.
    pub(super) peer: IpEndpoint,
    /// Zero: as all others.
    pub(super) ttl: u8,
    /// Somebody waits for room.
    pub(super) crowded: bool,
    /// The socket was dropped; what it has sent is still on its way.
    closing: bool,
    /// Of the tasks that polled last to receive and to send.
    pub(super) wakers: [Option<Waker>; 2],
    /// Whom to wake: a bit for each queue of waiters.
    wakes: u8,
}

impl State {
    const CLOSED: Self = Self {
        port: 0,
        local: NOWHERE.addr,
        peer: NOWHERE,
        ttl: 0,
        crowded: false,
        closing: false,
        wakers: [None, None],
        wakes: 0,
    };

    /// Whether there is a socket.
    fn is_open(&self) -> bool {
        self.port != 0 && !self.closing
    }

    fn hears(&self, datagram: &Datagram<'_>) -> bool {
        let (to, from) = (datagram.to, datagram.from);
        self.is_open()
            && self.port == to.port
            && (datagram.to_group || self.local.is_unspecified() || self.local == to.addr)
            && (self.peer.port == 0 || self.peer == from)
    }
}

/// A datagram that can be sent.
pub(super) struct Outgoing {
    place: usize,
    index: usize,
    /// Where it is to go next.
    pub(super) mac: EthernetAddress,
    pub(super) to: IpEndpoint,
    pub(super) ttl: u8,
    /// Where it comes from.
    pub(super) port: u16,
    pub(super) source: Option<IpAddress>,
}

/// All sockets for datagrams.
#[derive(Default)]
pub(super) struct Udp {
    /// Also memory that a socket has left behind.
    places: &'static mut [Option<&'static mut dyn AnyBuffers>],
    /// Which is the first to send next, so that each has its turn.
    first: usize,
}

impl Udp {
    pub(super) fn new(places: &'static mut [Option<&'static mut dyn AnyBuffers>]) -> Self {
        Self { places, first: 0 }
    }

    fn sockets(&mut self) -> impl Iterator<Item = Parts<'_>> {
        let all = self.places.iter_mut().flatten().map(|place| place.parts());
        all.filter(|parts| parts.state.port != 0)
    }

    /// How many sockets there are.
    pub(super) fn count(&self) -> usize {
        let all = self.places.iter().flatten();
        all.filter(|place| place.state().is_open()).count()
    }

    pub(super) fn has_port(&self, port: u16) -> bool {
        let mut all = self.places.iter().flatten();
        all.any(|place| place.state().is_open() && place.state().port == port)
    }

    /// The first place of which `state` says so.
    fn place(&self, state: impl Fn(&State) -> bool) -> Option<usize> {
        let is_one = |place: &Option<&'static mut dyn AnyBuffers>| {
            place.as_ref().is_some_and(|place| state(place.state()))
        };
        self.places.iter().position(is_one)
    }

    /// Puts memory into a place of its own, for a new socket if there may be another one (`room`).
    pub(super) fn open(
        &mut self,
        memory: &'static mut dyn AnyBuffers,
        local: Result<IpEndpoint, Error>,
        room: Result<(), Error>,
    ) -> Result<usize, Error> {
        let local = local.and_then(|local| {
            let is_taken = self.has_port(local.port);
            if is_taken {
                Err(Error::AddrInUse)
            } else {
                room.and(Ok(local))
            }
        });
        // Memory that nobody has asked for since is as good as lost.
        let found = self.places.iter().position(Option::is_none);
        let found = found.or_else(|| self.place(|state| state.port == 0));
        let found = found.or_else(|| self.place(|state| state.closing));
        let index = found.ok_or(Error::LimitReached(Limit::Sockets))?;
        memory.parts().reset();
        if let Ok(local) = local {
            let state = memory.parts().state;
            (state.port, state.local) = (local.port, local.addr);
        }
        self.places[index] = Some(memory);
        local.map(|_| index)
    }

    /// Ends a socket. Its memory stays, and what it has sent still leaves.
    pub(super) fn close(&mut self, index: usize) {
        if let Some(mut parts) = self.parts(index) {
            parts.incoming.clear();
            parts.state.closing = true;
            parts.reset_if_done();
        }
    }

    /// Takes away memory that a socket has left behind.
    fn take<M: AnyBuffers>(&mut self) -> Option<&'static mut M> {
        let find = |and: fn(&State) -> bool| {
            self.places.iter().position(|place| {
                place.as_deref().is_some_and(|memory| {
                    let any: &dyn Any = memory;
                    any.is::<M>() && and(memory.state())
                })
            })
        };
        let index = find(|state| state.port == 0).or_else(|| find(|state| state.closing))?;
        let any: &'static mut dyn Any = self.places[index].take()?;
        any.downcast_mut()
    }

    /// A socket's parts.
    pub(super) fn parts(&mut self, index: usize) -> Option<Parts<'_>> {
        let place = self.places.get_mut(index)?.as_mut()?;
        Some(place.parts())
    }

    /// Has a socket's task woken when there is something to receive, or room.
    pub(super) fn register(&mut self, index: usize, queue: usize, waker: &Waker) {
        if let Some(parts) = self.parts(index) {
            keep(&mut parts.state.wakers[queue], waker);
        }
    }

    /// Gives a datagram to the socket that it is for; `true` if there is one.
    pub(super) fn receive(&mut self, datagram: &Datagram<'_>, now: Instant) -> bool {
        let mut sockets = self.sockets();
        let Some(mut parts) = sockets.find(|parts| parts.state.hears(datagram)) else {
            return false;
        };
        // If there is no room, it is lost.
        if parts.incoming.push(datagram.data, datagram.from, now) {
            parts.state.wakes |= 1 << READ;
        }
        true
    }

    /// The next datagram whose way is known. The others wait: a host that does not answer is in
    /// nobody's way.
    pub(super) fn next(
        &mut self,
        neighbors: &mut Neighbors,
        identity: &Identity,
        gateways: &Gateways,
        now: Instant,
    ) -> Option<Outgoing> {
        let (count, first) = (self.places.len(), self.first);
        for place in (0..count).map(|place| (first + place) % count) {
            let Some(mut parts) = self.parts(place) else {
                continue;
            };
            let mut index = 0;
            while let Some((packet, _)) = parts.outgoing.get(index) {
                let (to, since) = (packet.peer, packet.since);
                let lost = match way(to.addr, neighbors, identity, gateways, now) {
                    Ok(Some(mac)) => {
                        let state = parts.state;
                        return Some(Outgoing {
                            place,
                            index,
                            mac,
                            to,
                            ttl: if state.ttl == 0 { 64 } else { state.ttl },
                            port: state.port,
                            source: Some(state.local).filter(|local| !local.is_unspecified()),
                        });
                    }
                    Ok(None) => {
                        let time = if parts.state.crowded {
                            PATIENCE
                        } else {
                            EXPIRES
                        };
                        since + time <= now
                    }
                    Err(_) => true,
                };
                if lost {
                    parts.drop_outgoing(index);
                } else {
                    index += 1;
                }
            }
        }
        None
    }

    pub(super) fn data(&mut self, outgoing: &Outgoing) -> &[u8] {
        let Some(memory) = self.places[outgoing.place].as_mut() else {
            return &[];
        };
        let parts = memory.parts();
        parts.outgoing.into_data(outgoing.index)
    }

    /// Takes away a datagram that has been sent.
    pub(super) fn sent(&mut self, outgoing: &Outgoing) {
        self.first = outgoing.place + 1;
        if let Some(mut parts) = self.parts(outgoing.place) {
            parts.drop_outgoing(outgoing.index);
        }
    }

    /// Whom to wake for a socket: tasks that poll, and queues.
    pub(super) fn take_wakes(&mut self, index: usize) -> ([Option<Waker>; 2], u8) {
        let Some(parts) = self.parts(index) else {
            return ([None, None], 0);
        };
        let wakes = core::mem::take(&mut parts.state.wakes);
        let mut take =
            |queue: usize| parts.state.wakers[queue].take_if(|_| wakes & 1 << queue != 0);
        ([take(READ), take(WRITE)], wakes)
    }

    /// When a datagram has waited for long enough.
    pub(super) fn next_check(&mut self) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for parts in self.sockets() {
            let time = if parts.state.crowded {
                PATIENCE
            } else {
                EXPIRES
            };
            if let Some((packet, _)) = parts.outgoing.get(0) {
                let at = packet.since + time;
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        next
    }
}

/// The hardware address to which a datagram goes next; `None` while it is asked for.
fn way(
    to: IpAddress,
    neighbors: &mut Neighbors,
    identity: &Identity,
    gateways: &Gateways,
    now: Instant,
) -> Result<Option<EthernetAddress>, Error> {
    let hop = identity.hop(gateways, to)?;
    if let Some(mac) = identity.group(hop) {
        return Ok(Some(mac));
    }
    match neighbors.find(hop, now) {
        Answer::Known(mac) => Ok(Some(mac)),
        Answer::Asked => Ok(None),
        Answer::Gone => Err(Error::HostUnreachable),
    }
}

impl Parts<'_> {
    fn drop_outgoing(&mut self, index: usize) {
        self.outgoing.remove(index);
        self.state.crowded = false;
        self.state.wakes |= 1 << WRITE;
        self.reset_if_done();
    }

    /// The end of a socket that was dropped, once it has sent everything.
    fn reset_if_done(&mut self) {
        if self.state.closing && self.outgoing.len() == 0 {
            self.reset();
        }
    }

    fn reset(&mut self) {
        *self.state = State::CLOSED;
        self.incoming.clear();
        self.outgoing.clear();
    }
}

impl Stack {
    /// Returns the memory of a socket that was dropped, if there is any of this size: for another one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
    /// # use polliwog_spin::{Error, net::ToSocketAddrs};
    /// use polliwog::stack::{Stack, UdpBuffers, UdpSocket};
    ///
    /// /// Binds a socket in memory that is used again and again.
    /// async fn bind(
    ///     stack: &'static Stack,
    ///     first: &mut Option<&'static mut UdpBuffers<2, 512>>,
    /// ) -> Result<UdpSocket, Error> {
    ///     let memory = first.take().or_else(|| stack.take_buffers());
    ///     UdpSocket::bind(stack, "0.0.0.0:0", memory.ok_or(Error::AddrInUse)?).await
    /// }
    /// ```
    pub fn take_buffers<const PACKETS: usize, const BYTES: usize>(
        &self,
    ) -> Option<&'static mut UdpBuffers<PACKETS, BYTES>> {
        self.look(|inner| inner.udp.take())
    }
}
