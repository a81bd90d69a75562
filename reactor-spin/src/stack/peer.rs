//! [`Peer`]: what the segments of a connection's peer say, where the protocol stack does not tell or does not
//! answer.
//!
//! * A peer without room is asked for it less and less often, once a minute in the end, and answers each time.
//!   The protocol stack takes the time in between for silence. So the connection's timeout is longer meanwhile.
//! * A peer that has lost its memory begins a connection between the same two ports anew. It has to hear that
//!   there is one ([RFC 9293], section 3.10.7.4), whereupon it resets that; the protocol stack would say
//!   nothing.
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
            is_full: false,
            timeout: None,
            restarted: None,
            tell: Instant::ZERO,
        }
    }

    /// Takes note of a segment, if it is of this connection.
    pub(super) fn hear(&mut self, segment: &Segment) {
        if self.ends != Some((segment.to, segment.from)) {
            return;
        }
        match segment.ack {
            Some(ack) if !segment.is_first => {
                self.is_full = segment.window == 0;
                let next = match self.numbers {
                    // An older one that comes again.
                    Some((_, next)) if segment.next.wrapping_sub(next) > u32::MAX / 2 => next,
                    _ => segment.next,
                };
                self.numbers = Some((ack, next));
            }
            None if segment.is_first => self.restarted = Some(segment.mac),
            _ => {}
        }
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
