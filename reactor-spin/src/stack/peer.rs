//! [`Peer`]: what the segments of a connection's peer say, where the protocol stack does not tell or does not
//! answer.
//!
//! * A peer without room is asked for it less and less often, once a minute in the end, and answers each time.
//!   The protocol stack takes the time in between for silence. So the connection's timeout is longer meanwhile.
//! * A peer that has lost its memory begins a connection between the same two ports anew. It has to hear that
//!   there is one ([RFC 9293], section 3.10.7.4), whereupon it resets that; the protocol stack would say
//!   nothing.
//! * A peer may send more than there is room for, and with it the end of its data. The protocol stack (version 0.14)
//!   takes what fits, and the end at once after that: the reader would miss the rest and never know. So such a segment
//!   does not get to it. It comes again.
//! * A keep-alive is a byte that the peer has had already. The protocol stack takes the last one that it has sent, in
//!   the place of which is a zero, also if that one has not arrived, or is no byte but the end of the data: it would
//!   become a part of what the peer reads. So it gets the number of one that the peer has acknowledged.
//!
//! [RFC 9293]: https://www.rfc-editor.org/rfc/rfc9293

use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpEndpoint};

use super::table::forget;

/// The longest time between two questions for room.
const PROBES: Duration = Duration::from_secs(60);
/// A restarted peer is not told more often than this.
const ANSWERS: Duration = Duration::from_secs(1);

/// The head of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) mac: EthernetAddress,
    pub(super) from: IpEndpoint,
    pub(super) to: IpEndpoint,
    /// It is the first of a connection.
    pub(super) is_first: bool,
    /// What it acknowledges.
    pub(super) ack: Option<u32>,
    /// The number of the byte after it.
    pub(super) next: u32,
    pub(super) window: u16,
    /// It is the last, and has data in it.
    pub(super) ends_data: bool,
    /// It has a zero in it, and nothing else: a keep-alive perhaps.
    pub(super) is_zero: bool,
    /// How the windows of those to come are to be scaled: in a first one only.
    pub(super) scale: Option<u8>,
}

/// Whether a byte's number comes after another one's; they begin anew at zero.
fn is_after(number: u32, other: u32) -> bool {
    other.wrapping_sub(number) > u32::MAX / 2
}

/// What a restarted peer is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenge {
    pub(super) mac: EthernetAddress,
    pub(super) from: IpEndpoint,
    pub(super) to: IpEndpoint,
    pub(super) seq: u32,
    pub(super) ack: u32,
}

/// A connection's peer.
pub(super) struct Peer {
    /// Our end and its end of the connection.
    ends: Option<(IpEndpoint, IpEndpoint)>,
    /// What it has acknowledged, and the number of the byte that it will send next.
    numbers: Option<(u32, u32)>,
    /// How far it may send, as far as we have told it. `None`: nothing at all, or it is not known.
    edge: Option<u32>,
    /// How our windows are scaled.
    scale: u8,
    /// The number of the byte that we send next.
    sent: Option<u32>,
    /// It has room for no more than a byte, which is then sent as a question.
    is_nearly_full: bool,
    /// It has no room.
    is_full: bool,
    /// The connection's timeout, while the socket has a longer one.
    timeout: Option<Duration>,
    /// It wants to begin anew.
    restarted: Option<EthernetAddress>,
    /// When it may be told the next time.
    tell: Instant,
}

impl Peer {
    pub(super) const fn new() -> Self {
        Self {
            ends: None,
            numbers: None,
            edge: None,
            scale: 0,
            sent: None,
            is_nearly_full: false,
            is_full: false,
            timeout: None,
            restarted: None,
            tell: Instant::ZERO,
        }
    }

    /// Takes note of a segment, if it is of this connection. `true`: the protocol stack must not see it.
    pub(super) fn hear(&mut self, segment: &Segment) -> bool {
        if self.ends != Some((segment.to, segment.from)) {
            return false;
        }
        if self.is_beyond(segment) {
            return true;
        }
        if segment.is_first && segment.scale.is_none() {
            // Who does not scale has the other one not scale, either.
            self.scale = 0;
        }
        match segment.ack {
            Some(ack) if !segment.is_first => {
                self.is_full = segment.window == 0;
                self.is_nearly_full = segment.window <= 1;
                let next = match self.numbers {
                    // An older one that comes again.
                    Some((_, next)) if is_after(next, segment.next) => next,
                    _ => segment.next,
                };
                self.numbers = Some((ack, next));
            }
            None if segment.is_first => self.restarted = Some(segment.mac),
            _ => {}
        }
        false
    }

    /// Whether a segment has the end of the data in it, and more data than the peer was told that there is room for.
    /// One that comes without any room at all is answered and left alone by the protocol stack.
    fn is_beyond(&self, segment: &Segment) -> bool {
        // What is after the data is the end, which has a number, too.
        let end = segment.next.wrapping_sub(1);
        segment.ends_data && self.edge.is_some_and(|edge| is_after(end, edge))
    }

    /// Takes note of a segment that goes to the peer, if it is of this connection. Returns the number that it is to
    /// have instead of its own, if so.
    pub(super) fn note_sent(&mut self, segment: &Segment) -> Option<u32> {
        if self.ends != Some((segment.from, segment.to)) {
            return None;
        }
        let mut scale = self.scale;
        if segment.is_first {
            // The first one's own window is never scaled.
            scale = 0;
            self.scale = segment.scale.unwrap_or(0);
        }
        let window = u32::from(segment.window) << scale;
        let room = segment.ack.filter(|_| window > 0);
        self.edge = room.map(|ack| ack.wrapping_add(window));
        let is_keep_alive =
            segment.is_zero && !self.is_nearly_full && self.sent == Some(segment.next);
        match self.sent {
            Some(sent) if !is_after(segment.next, sent) => {}
            _ => self.sent = Some(segment.next),
        }
        let (acknowledged, _) = self.numbers.filter(|_| is_keep_alive)?;
        Some(acknowledged.wrapping_sub(1))
    }

    /// Looks what has become of the connection. `true` if there is something to do for the stack.
    pub(super) fn look(&mut self, socket: &mut Socket<'_>) -> bool {
        self.ends = match socket.state() {
            State::Closed | State::Listen => None,
            _ => socket.local_endpoint().zip(socket.remote_endpoint()),
        };
        if self.ends.is_none() {
            self.set_full(socket, false);
            *self = Self::new();
            return false;
        }
        if socket.state() == State::TimeWait && self.restarted.take().is_some() {
            // Nobody waits for that connection any more.
            forget(socket);
            return true;
        }
        self.set_full(socket, self.is_full && socket.send_queue() > 0);
        self.restarted.is_some()
    }

    /// Gives the socket a longer timeout, or its own one again.
    fn set_full(&mut self, socket: &mut Socket<'_>, is_full: bool) {
        match (is_full, self.timeout, socket.timeout()) {
            (true, None, Some(timeout)) => {
                self.timeout = Some(timeout);
                socket.set_timeout(Some(timeout + PROBES));
            }
            (false, Some(timeout), _) => {
                self.timeout = None;
                socket.set_timeout(Some(timeout));
            }
            _ => {}
        }
    }

    /// The connection's timeout.
    pub(super) fn timeout(&self, socket: &Socket<'_>) -> Option<Duration> {
        self.timeout.or(socket.timeout())
    }

    pub(super) fn set_timeout(&mut self, socket: &mut Socket<'_>, timeout: Option<Duration>) {
        let is_longer = self.timeout.take().is_some();
        socket.set_timeout(timeout);
        self.set_full(socket, is_longer);
    }

    /// What is to be told to a restarted peer now, once.
    pub(super) fn challenge(&mut self, now: Instant) -> Option<Challenge> {
        let mac = self.restarted.take()?;
        let ((from, to), (seq, ack)) = self.ends.zip(self.numbers)?;
        if now < self.tell {
            return None;
        }
        self.tell = now + ANSWERS;
        Some(Challenge {
            mac,
            from,
            to,
            seq,
            ack,
        })
    }

    /// The device is full: another time.
    pub(super) fn not_told(&mut self, challenge: &Challenge) {
        self.restarted = Some(challenge.mac);
        self.tell = Instant::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::IpAddress;

    fn end(last: u8) -> IpEndpoint {
        IpEndpoint::new(IpAddress::v4(10, 0, 0, last), 7)
    }

    fn segment(from: u8, to: u8, next: u32) -> Segment {
        Segment {
            mac: EthernetAddress([2, 0, 0, 0, 0, from]),
            from: end(from),
            to: end(to),
            is_first: false,
            ack: Some(0),
            next,
            window: 1000,
            ends_data: false,
            is_zero: false,
            scale: None,
        }
    }

    fn connected() -> Peer {
        Peer {
            ends: Some((end(1), end(2))),
            ..Peer::new()
        }
    }

    #[test]
    fn an_end_beyond_the_window_is_not_heard() {
        // Numbers begin anew in the middle of the window.
        let mut peer = connected();
        let ack = Some(u32::MAX - 99);
        let room = |window| Segment {
            ack,
            window,
            ..segment(1, 2, 0)
        };
        let last = |next| Segment {
            ends_data: true,
            ..segment(2, 1, next)
        };
        assert!(!peer.hear(&last(5_000)), "nobody knows yet");
        peer.note_sent(&room(700));
        // The end's own number needs no room.
        assert!(!peer.hear(&last(601)));
        assert!(peer.hear(&last(602)));
        assert!(!peer.hear(&segment(2, 1, 900)), "what is no end is cut");
        peer.note_sent(&room(0));
        assert!(!peer.hear(&last(602)), "a question for room is answered");
        // Windows are scaled after the first one, if both ends have said so.
        for (scale, window) in [(None, 700), (Some(3), 5_600)] {
            let mut peer = connected();
            peer.note_sent(&Segment {
                is_first: true,
                scale: Some(3),
                ..room(700)
            });
            peer.hear(&Segment {
                is_first: true,
                scale,
                ..segment(2, 1, 0)
            });
            peer.note_sent(&room(700));
            assert!(!peer.hear(&last(window - 99)), "{scale:?}");
            assert!(peer.hear(&last(window - 98)), "{scale:?}");
        }
    }

    #[test]
    fn a_keep_alive_is_a_byte_that_the_peer_has() {
        let mut peer = connected();
        let keep_alive = Segment {
            is_zero: true,
            ..segment(1, 2, 500)
        };
        let hear = |peer: &mut Peer, window| {
            peer.hear(&Segment {
                ack: Some(300),
                window,
                ..segment(2, 1, 0)
            })
        };
        assert_eq!(peer.note_sent(&keep_alive), None, "the first byte of all");
        peer.note_sent(&segment(1, 2, 400));
        assert_eq!(peer.note_sent(&keep_alive), None, "nothing is known yet");
        hear(&mut peer, 1000);
        assert_eq!(peer.note_sent(&keep_alive), Some(299));
        let older = Segment {
            next: 400,
            ..keep_alive
        };
        assert_eq!(peer.note_sent(&older), None, "a byte that is sent again");
        assert_eq!(peer.note_sent(&segment(1, 2, 500)), None, "a real one");
        hear(&mut peer, 1);
        assert_eq!(peer.note_sent(&keep_alive), None, "a question for room");
    }
}
