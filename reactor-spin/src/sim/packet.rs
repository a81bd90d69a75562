//! [`Packet`]: messages on their way from host to host, and what becomes of them.

use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use polliwog_core::sources::Wakeups;

use super::rng::nanos;
use super::slab::Key;
use super::trace::What;
use super::world::{Happening, HostId, State};
use super::{tcp, udp};

/// A message to an address of the host itself takes this long.
const LOOPBACK: u64 = 10_000;

/// How long a segment waits for its acknowledgement before it is sent again, at first and at most.
const FIRST_RETRY: u64 = 200_000_000;
const LAST_RETRY: u64 = 60_000_000_000;

/// Bytes of a packet beside those of the program.
const HEADERS: u64 = 40;

/// A message on its way.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) number: u64,
    /// When it was sent first.
    pub(crate) sent: u64,
    /// How often it has been sent again.
    pub(crate) retries: u32,
    pub(crate) from: HostId,
    pub(crate) to: HostId,
    pub(crate) from_addr: SocketAddr,
    pub(crate) to_addr: SocketAddr,
    pub(crate) body: Body,
}

/// What a message says.
#[derive(Clone)]
pub(crate) enum Body {
    Datagram(Rc<[u8]>),
    /// Asks for a connection; the key is the asking end's.
    Syn(Key),
    /// Accepts a connection: the end that asked, and the new one.
    SynAck {
        to: Key,
        from: Key,
    },
    /// Refuses one, to the end that asked.
    Refused(Key),
    /// Part of a stream, at this place in the order of segments; and where the answer goes if there is
    /// nobody.
    Data {
        to: Key,
        from: Key,
        order: u64,
        bytes: Vec<u8>,
    },
    /// The stream's end.
    Fin {
        to: Key,
        from: Key,
        order: u64,
    },
    /// The connection's end without ceremony.
    Reset(Key),
    /// So many bytes were read: there is room for more.
    Window {
        to: Key,
        bytes: usize,
    },
}

impl Body {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Body::Datagram(_) => "udp",
            Body::Syn(_) => "syn",
            Body::SynAck { .. } => "syn-ack",
            Body::Refused(_) => "refused",
            Body::Data { .. } => "data",
            Body::Fin { .. } => "fin",
            Body::Reset(_) => "reset",
            Body::Window { .. } => "window",
        }
    }

    /// The program's bytes in it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Body::Datagram(bytes) => bytes.len(),
            Body::Data { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Whether TCP sends it again if it gets lost. A reset is sent once.
    fn is_repeated(&self) -> bool {
        !matches!(self, Body::Datagram(_) | Body::Reset(_) | Body::Refused(_))
    }

    /// The sending end, which is told if it is in vain, and how long that takes.
    fn sender(&self) -> Option<Key> {
        match self {
            Body::Data { from, .. } | Body::Fin { from, .. } | Body::SynAck { from, .. } => {
                Some(*from)
            }
            _ => None,
        }
    }
}

impl State {
    /// Sends a message.
    pub(crate) fn send(
        &mut self,
        (from, from_addr): (HostId, SocketAddr),
        (to, to_addr): (HostId, SocketAddr),
        body: Body,
    ) {
        self.messages += 1;
        let number = self.messages;
        let (kind, bytes) = (body.kind(), body.len());
        self.record(
            Some(from),
            &[number, u64::from(to), bytes as u64],
            |state| What::Sent {
                message: number,
                to: Some(state.hosts[to as usize].name.clone()),
                from_addr,
                to_addr,
                kind,
                bytes,
            },
        );
        let ahead = self.hosts[from as usize].clock.ahead.get();
        let packet = Packet {
            number,
            sent: self.now + ahead,
            retries: 0,
            from,
            to,
            from_addr,
            to_addr,
            body,
        };
        match ahead {
            0 => self.start(packet),
            // The program has waited by blocking before it sent this.
            _ => self.schedule(self.now + ahead, Happening::Resend(packet)),
        }
    }

    /// Sets a message on its way, for the first time or once more.
    pub(crate) fn start(&mut self, packet: Packet) {
        let (from, to) = (packet.from, packet.to);
        if let (Some(capture), false) =
            (&mut self.capture, self.links.held.contains_key(&(from, to)))
        {
            capture.sent(self.now, &packet);
        }
        if from == to {
            return self.schedule(self.now + LOOPBACK, Happening::Arrival(packet));
        }
        if let Some(held) = self.links.held.get_mut(&(from, to)) {
            return held.push(packet);
        }
        if self.is_cut(from, to) {
            return self.lose(packet, "partition");
        }
        let link = self.weather.on(self.link(from, to));
        let slow = self.slowness.get(to as usize).copied().unwrap_or(1);
        let slow = slow.saturating_mul(self.weather.slowness());
        if self.chance.chance(link.loss) {
            return self.lose(packet, "lost on the way");
        }
        let mut start = self.now;
        if let Some(bandwidth) = link.bandwidth {
            let bits = HEADERS + packet.body.len() as u64;
            let takes = u128::from(bits) * 1_000_000_000 / u128::from(bandwidth);
            let busy = self.links.busy.entry((from, to)).or_insert(0);
            start = start.max(*busy).saturating_add(takes as u64);
            *busy = start;
        }
        let twin = matches!(packet.body, Body::Datagram(_)) && self.chance.chance(link.duplicate);
        if twin {
            let at = start.saturating_add(link.delay(&mut self.chance).saturating_mul(slow));
            self.schedule(at, Happening::Arrival(packet.clone()));
        }
        let at = start.saturating_add(link.delay(&mut self.chance).saturating_mul(slow));
        self.schedule(at, Happening::Arrival(packet));
    }

    fn is_cut(&self, from: HostId, to: HostId) -> bool {
        self.links.cut.contains(&(from, to)) || self.weather.cut.contains(&(from, to))
    }

    /// A message does not arrive. A segment of TCP is sent again after a while, unless that has been in vain
    /// for too long.
    fn lose(&mut self, mut packet: Packet, why: &'static str) {
        let number = packet.number;
        self.record(Some(packet.to), &[number, 1], |_| What::Lost {
            message: number,
            why,
        });
        if !packet.body.is_repeated() {
            return;
        }
        let limit = match packet.body {
            Body::Syn(_) => self.settings.connect_timeout,
            _ => self.settings.tcp_timeout,
        };
        let again = (FIRST_RETRY << packet.retries.min(10)).min(LAST_RETRY);
        if self.now + again - packet.sent > nanos(limit) {
            if let Some(sender) = packet.body.sender() {
                self.schedule(packet.sent + nanos(limit), Happening::TimedOut(sender));
            }
            return;
        }
        packet.retries += 1;
        self.schedule(self.now + again, Happening::Resend(packet));
    }

    /// A message is at its destination. Returns whom to wake.
    pub(crate) fn arrive(&mut self, packet: Packet) -> Wakeups {
        let (from, to) = (packet.from, packet.to);
        if from != to && self.is_cut(from, to) {
            self.lose(packet, "partition");
            return Wakeups::default();
        }
        if !self.hosts[to as usize].up {
            self.lose(packet, "host is down");
            return Wakeups::default();
        }
        if let Body::Syn(_) = packet.body {
            if !tcp::has_room(self, &packet) {
                self.lose(packet, "backlog is full");
                return Wakeups::default();
            }
        }
        let number = packet.number;
        self.record(Some(to), &[number, 2], |_| What::Arrived {
            message: number,
        });
        if let Some(capture) = &mut self.capture {
            capture.arrived(&packet);
        }
        match packet.body {
            Body::Datagram(_) => udp::arrive(self, packet),
            _ => tcp::arrive(self, packet),
        }
    }
}

/// A message that is on its way: see [`Control::in_flight`](super::Control::in_flight).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InFlight {
    /// Counts messages; the number in the trace.
    pub message: u64,
    /// The name of the host that sent it.
    pub from: Arc<str>,
    /// The name of the host that it goes to.
    pub to: Arc<str>,
    /// Where it comes from.
    pub from_addr: SocketAddr,
    /// Where it goes to.
    pub to_addr: SocketAddr,
    /// What it is: `udp`, or a kind of TCP segment.
    pub kind: &'static str,
    /// The bytes of the program in it.
    pub bytes: usize,
    /// When it arrives, in virtual time; none while it is held.
    pub arrives: Option<Duration>,
}

impl InFlight {
    pub(crate) fn of(state: &State, packet: &Packet, arrives: Option<u64>) -> Self {
        let name = |host: HostId| state.hosts[host as usize].name.clone();
        Self {
            message: packet.number,
            from: name(packet.from),
            to: name(packet.to),
            from_addr: packet.from_addr,
            to_addr: packet.to_addr,
            kind: packet.body.kind(),
            bytes: packet.body.len(),
            arrives: arrives.map(Duration::from_nanos),
        }
    }
}
