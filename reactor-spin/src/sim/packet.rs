//! [`Packet`]: messages on their way from host to host, and what becomes of them.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::ops::Deref;
use core::time::Duration;

use polliwog_core::sources::Wakeups;

use super::addr::Addr;
use super::letter::Letter;
use super::outbox::Effect;
use super::rng::nanos;
use super::slab::Key;
use super::trace::What;
use super::world::{Happening, HostId, State};
use super::{endpoint, listener, tcp, udp};

/// A message to an address of the host itself takes this long.
const LOOPBACK: u64 = 10_000;

/// How long a segment waits for its acknowledgement before it is sent again, at first and at most.
pub(crate) const FIRST_RETRY: u64 = 200_000_000;
pub(crate) const LAST_RETRY: u64 = 60_000_000_000;

/// Bytes of a packet beside those of the program.
const HEADERS: u64 = 40;

/// A message on its way. There are many at once: what only some need lies elsewhere.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) number: u64,
    pub(crate) from: HostId,
    pub(crate) to: HostId,
    from_addr: Addr,
    to_addr: Addr,
    pub(crate) body: Body,
}

/// What a message says.
#[derive(Clone)]
pub(crate) enum Body {
    Datagram(Bytes),
    Value(Letter),
    Tcp(Box<Tcp>),
}

/// So many bytes of a datagram lie in the packet itself: most messages of a protocol that keeps its members together are
/// no longer, and an allocation takes more.
const FEW: usize = 22;

/// What is in a datagram.
#[derive(Clone)]
pub(crate) enum Bytes {
    Few(u8, [u8; FEW]),
    Many(Rc<[u8]>),
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() > FEW {
            return Self::Many(bytes.into());
        }
        let mut few = [0; FEW];
        few[..bytes.len()].copy_from_slice(bytes);
        Self::Few(bytes.len() as u8, few)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Few(len, few) => &few[..usize::from(*len)],
            Self::Many(bytes) => bytes,
        }
    }
}

// There are as many as messages are on their way at once.
const _: () = assert!(size_of::<Happening>() <= 56);

/// A segment that is on its way until it arrives.
#[derive(Clone)]
pub(crate) struct Tcp {
    /// When it was sent first, and how often its host had lost its power then.
    sent: u64,
    boots: u32,
    /// How often it has been sent again.
    pub(crate) retries: u32,
    pub(crate) segment: Segment,
}

/// What a reader tells of its room.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// Counts what it tells, of which the last is true.
    pub(crate) number: u64,
    /// Bytes read since the beginning.
    pub(crate) read: u64,
    /// How many may be there before they are read.
    pub(crate) window: usize,
}

/// What a segment of TCP says.
#[derive(Clone)]
pub(crate) enum Segment {
    /// Asks for a connection, in which so many bytes may come before they are read; the key is the asking end's.
    Syn { from: Key, window: usize },
    /// Accepts a connection: the end that asked, and the new one; and what may come.
    SynAck { to: Key, from: Key, window: usize },
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
    Fin { to: Key, from: Key, order: u64 },
    /// The connection's end without ceremony.
    Reset(Key),
    /// What was read, and what there is room for.
    Window { to: Key, room: Room },
    /// Asks whether the end `to` is there.
    Probe { to: Key, from: Key },
    /// Says that it is, to the end that asked, and as above.
    Alive { to: Key, room: Room },
}

impl Body {
    pub(crate) fn kind(&self) -> &'static str {
        let tcp = match self {
            Body::Datagram(_) => return "udp",
            Body::Value(letter) => return letter.kind(),
            Body::Tcp(tcp) => tcp,
        };
        match tcp.segment {
            Segment::Syn { .. } => "syn",
            Segment::SynAck { .. } => "syn-ack",
            Segment::Refused(_) => "refused",
            Segment::Data { .. } => "data",
            Segment::Fin { .. } => "fin",
            Segment::Reset(_) => "reset",
            Segment::Window { .. } => "window",
            Segment::Probe { .. } => "probe",
            Segment::Alive { .. } => "alive",
        }
    }

    /// What of it is sent although its program was killed before it was: nothing of what the program said, but what closes a
    /// connection, and the places of its segments.
    pub(crate) fn at_a_kill(mut self) -> Option<Self> {
        let Body::Tcp(tcp) = &mut self else {
            return None;
        };
        match &mut tcp.segment {
            Segment::Data { bytes, .. } => bytes.clear(),
            Segment::Fin { .. } | Segment::Reset(_) => {}
            _ => return None,
        }
        Some(self)
    }

    /// The program's bytes in it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Body::Datagram(bytes) => bytes.len(),
            Body::Value(_) => 0,
            Body::Tcp(tcp) => match &tcp.segment {
                Segment::Data { bytes, .. } => bytes.len(),
                _ => 0,
            },
        }
    }
}

impl Segment {
    /// Whether it is sent again if it gets lost. A reset is sent once, and who asks whether somebody is there asks again.
    fn is_repeated(&self) -> bool {
        !matches!(
            self,
            Segment::Reset(_) | Segment::Probe { .. } | Segment::Alive { .. }
        )
    }

    /// The end of an open connection that hears of the other side by it.
    pub(crate) fn receiver(&self) -> Option<Key> {
        match self {
            Segment::SynAck { to, .. }
            | Segment::Data { to, .. }
            | Segment::Fin { to, .. }
            | Segment::Window { to, .. }
            | Segment::Probe { to, .. }
            | Segment::Alive { to, .. } => Some(*to),
            Segment::Syn { .. } | Segment::Refused(_) | Segment::Reset(_) => None,
        }
    }

    /// The end that waits for an acknowledgement of it: those of a stream's parts travel no way of their own.
    pub(crate) fn acknowledges(&self) -> Option<Key> {
        match self {
            Segment::Data { from, .. } | Segment::Fin { from, .. } => Some(*from),
            _ => None,
        }
    }

    /// The sending end, which is told if it is in vain, and how long that takes.
    fn sender(&self) -> Option<Key> {
        match self {
            Segment::Data { from, .. }
            | Segment::Fin { from, .. }
            | Segment::SynAck { from, .. } => Some(*from),
            _ => None,
        }
    }
}

impl Packet {
    pub(crate) fn source(&self) -> SocketAddr {
        self.from_addr.into()
    }

    pub(crate) fn destination(&self) -> SocketAddr {
        self.to_addr.into()
    }
}

impl State {
    /// Sends a segment of TCP.
    pub(crate) fn send_segment(
        &mut self,
        from: (HostId, SocketAddr),
        to: (HostId, SocketAddr),
        segment: Segment,
    ) {
        let tcp = Tcp {
            sent: self.hosts[from.0 as usize].clock.instant(),
            boots: self.hosts[from.0 as usize].boots,
            retries: 0,
            segment,
        };
        self.send(from, to, Body::Tcp(Box::new(tcp)));
    }

    /// Sends a message.
    pub(crate) fn send(
        &mut self,
        (from, from_addr): (HostId, SocketAddr),
        (to, to_addr): (HostId, SocketAddr),
        body: Body,
    ) {
        if let Some(at) = self.ahead(from) {
            // The program has waited by blocking before it sends this.
            return self.later(from, at, Effect::Send(from_addr, (to, to_addr), body));
        }
        let packet = self.sent((from, from_addr), (to, to_addr), body);
        self.start(packet);
    }

    /// Sends a message that does not come far.
    pub(crate) fn send_in_vain(
        &mut self,
        from: (HostId, SocketAddr),
        to: (HostId, SocketAddr),
        body: Body,
        why: &'static str,
    ) {
        let packet = self.sent(from, to, body);
        if let Some(capture) = &mut self.capture {
            capture.sent(self.now, &packet);
        }
        self.lose(packet, why);
    }

    /// Takes down that a message is sent.
    fn sent(
        &mut self,
        (from, from_addr): (HostId, SocketAddr),
        (to, to_addr): (HostId, SocketAddr),
        body: Body,
    ) -> Packet {
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
        Packet {
            number,
            from,
            to,
            from_addr: from_addr.into(),
            to_addr: to_addr.into(),
            body,
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
            let mut at = self.now.saturating_add(LOOPBACK);
            if !matches!(packet.body, Body::Tcp(_)) {
                // They arrive in the order in which they were sent.
                let last = self.links.busy.entry((from, to)).or_insert(0);
                at = at.max(last.saturating_add(1));
                *last = at;
            }
            return self.schedule(at, Happening::Arrival(packet));
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
        let twin = !matches!(packet.body, Body::Tcp(_)) && self.chance.chance(link.duplicate);
        if twin {
            let at = start.saturating_add(link.delay(&mut self.chance).saturating_mul(slow));
            self.schedule(at, Happening::Arrival(packet.clone()));
        }
        let at = start.saturating_add(link.delay(&mut self.chance).saturating_mul(slow));
        self.schedule(at, Happening::Arrival(packet));
    }

    pub(crate) fn is_cut(&self, from: HostId, to: HostId) -> bool {
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
        let tcp = match &mut packet.body {
            Body::Tcp(tcp)
                if tcp.segment.is_repeated()
                    && tcp.boots == self.hosts[packet.from as usize].boots =>
            {
                tcp
            }
            Body::Tcp(tcp) => return self.lost_for_good(&tcp.segment),
            _ => return,
        };
        let limit = match tcp.segment {
            Segment::Syn { .. } => self.settings.connect_timeout,
            _ => self.settings.tcp_timeout,
        };
        let again = (FIRST_RETRY << tcp.retries.min(10)).min(LAST_RETRY);
        let waited = self.now.saturating_add(again).saturating_sub(tcp.sent);
        if waited > nanos(limit) {
            if let Some(sender) = tcp.segment.sender() {
                let at = tcp.sent.saturating_add(nanos(limit));
                self.schedule(at, Happening::TimedOut(sender));
            }
            return self.lost_for_good(&tcp.segment);
        }
        tcp.retries += 1;
        let boots = tcp.boots;
        let at = self.now.saturating_add(again);
        self.schedule(at, Happening::Resend(boots, Box::new(packet)));
    }

    /// A segment is not sent again, so that the other side may wait for what it says.
    fn lost_for_good(&mut self, segment: &Segment) {
        if let Segment::Window { to, .. } | Segment::Reset(to) = *segment {
            tcp::persist::doubt(self, to);
        }
    }

    /// Lets nothing pass from the first to the second of each pair.
    pub(crate) fn cut(&mut self, pairs: impl IntoIterator<Item = (HostId, HostId)>) {
        self.links.cut.extend(pairs);
        tcp::persist::look_at_all(self);
    }

    /// A message is at its destination. Returns whom to wake there, and where it is from.
    pub(crate) fn arrive(&mut self, packet: Packet) -> [Wakeups; 2] {
        let (from, to) = (packet.from, packet.to);
        if from != to && self.is_cut(from, to) {
            self.lose(packet, "partition");
            return Default::default();
        }
        if !self.hosts[to as usize].up {
            self.lose(packet, "host is down");
            return Default::default();
        }
        if let Body::Tcp(tcp) = &packet.body {
            if matches!(tcp.segment, Segment::Syn { .. }) && !listener::has_room(self, &packet) {
                self.lose(packet, "backlog is full");
                return Default::default();
            }
        }
        let number = packet.number;
        self.record(Some(to), &[number, 2], |_| What::Arrived {
            message: number,
        });
        if let Some(capture) = &mut self.capture {
            capture.arrived(&packet);
        }
        let here = (to, packet.destination());
        let there = (from, packet.source());
        if !self.services.is_empty() && !matches!(packet.body, Body::Tcp(_)) {
            self.services.note(here, there.1);
        }
        let woken = match packet.body {
            Body::Datagram(bytes) => udp::arrive(self, number, here, there.1, bytes),
            Body::Value(letter) => endpoint::arrive(self, number, here, there.1, letter),
            Body::Tcp(tcp) => {
                let freed = tcp::acknowledge(self, &tcp.segment);
                return [tcp::arrive(self, here, there, tcp.segment), freed];
            }
        };
        [woken, Wakeups::default()]
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
    /// What it is: `udp`, a kind of TCP segment, or of an [`Endpoint`](super::Endpoint) `value`, `call` or `answer`.
    pub kind: &'static str,
    /// The bytes of the program in it; those of an endpoint's messages are not counted.
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
            from_addr: packet.source(),
            to_addr: packet.destination(),
            kind: packet.body.kind(),
            bytes: packet.body.len(),
            arrives: arrives.map(Duration::from_nanos),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_wherever_they_lie() {
        for len in [0, 1, FEW - 1, FEW, FEW + 1, 1000] {
            let bytes: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            let kept = Bytes::from(&bytes[..]);
            assert_eq!(*kept, bytes);
            assert_eq!(matches!(kept, Bytes::Few(..)), len <= FEW);
        }
    }
}
