//! [`Neighbors`]: the hardware addresses of those we talk to.
//!
//! The protocol stack has a table of its own, but it asks for one address a second in all, so that one
//! host that is not there keeps it from finding those that are; and whoever asks for our address gets a
//! place in it, in the place of somebody else. This table has a place for whom *we* want to talk to
//! only. It asks for each of them by itself, and tells the protocol stack what it knows if that may
//! have forgotten it.

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, Ipv4Address};

/// How long an answer is good for. The protocol stack believes it for as long at least.
const LIFETIME: Duration = Duration::from_secs(60);
/// Between two questions.
const INTERVAL: Duration = Duration::from_secs(1);
/// So many questions without an answer, and the neighbor is not there.
const QUESTIONS: u8 = 3;
/// How long one that is asked for keeps its place at least, so that many that are not there do not have
/// us ask without end.
const PATIENCE: Duration = Duration::from_millis(250);
/// Neighbors of those whose packets need no connection, beside one for each socket.
const MORE: usize = 4;

/// What is known of a neighbor.
#[derive(Clone, Copy)]
pub(super) struct Neighbor {
    addr: IpAddress,
    state: State,
    /// When somebody last wanted to talk to it.
    wanted: Instant,
    /// The protocol stack has connections over it.
    has_connections: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Nobody,
    /// So often, and when it will be next.
    Asked(u8, Instant),
    /// Until then. `told`: how many strangers had been heard of when the protocol stack was told.
    Known {
        mac: EthernetAddress,
        until: Instant,
        told: u32,
    },
}

impl Neighbor {
    pub(super) const NOBODY: Self = Self {
        addr: IpAddress::Ipv4(Ipv4Address::UNSPECIFIED),
        state: State::Nobody,
        wanted: Instant::ZERO,
        has_connections: false,
    };

    fn is(&self, addr: IpAddress) -> bool {
        self.state != State::Nobody && self.addr == addr
    }
}

/// Where a neighbor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Known(EthernetAddress),
    /// It is being asked for.
    Asked,
    /// Nobody answers.
    Gone,
}

pub(super) struct Neighbors {
    own: [Neighbor; MORE],
    more: &'static mut [Neighbor],
    /// How often somebody that nobody had asked for was heard of.
    strangers: u32,
}

impl Neighbors {
    pub(super) fn new(more: &'static mut [Neighbor]) -> Self {
        Self {
            own: [Neighbor::NOBODY; MORE],
            more,
            strangers: 0,
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Neighbor> {
        self.own.iter_mut().chain(self.more.iter_mut())
    }

    /// Says where a neighbor is; asks for it if need be.
    pub(super) fn find(&mut self, addr: IpAddress, now: Instant) -> Answer {
        if let Some(neighbor) = self.all().find(|neighbor| neighbor.is(addr)) {
            neighbor.wanted = now;
            match neighbor.state {
                State::Known { mac, until, .. } if now < until => return Answer::Known(mac),
                // Nobody has answered the last question, either.
                State::Asked(QUESTIONS, until) if until <= now => return Answer::Gone,
                State::Asked(..) => return Answer::Asked,
                _ => {}
            }
            neighbor.state = State::Asked(0, now);
            return Answer::Asked;
        }
        if let Some(place) = self.place(now) {
            *place = Neighbor {
                addr,
                state: State::Asked(0, now),
                wanted: now,
                has_connections: false,
            };
        }
        Answer::Asked
    }

    /// A free place, or that of whom nobody has talked to for the longest time. Those who do not answer
    /// may have half of the places, and do not take those of the others.
    fn place(&mut self, now: Instant) -> Option<&mut Neighbor> {
        let is_asked = |neighbor: &Neighbor| matches!(neighbor.state, State::Asked(..));
        let (mut places, mut asked, mut free) = (0, 0, false);
        for neighbor in self.all() {
            places += 1;
            asked += usize::from(is_asked(neighbor));
            free |= neighbor.state == State::Nobody;
        }
        let only_asked = asked >= places / 2;
        let gives_way = |neighbor: &&mut Neighbor| match neighbor.state {
            State::Nobody => !only_asked,
            State::Asked(count, at) => only_asked && at + PATIENCE <= now + INTERVAL * count.into(),
            State::Known { .. } => !only_asked && !free,
        };
        self.all()
            .filter(gives_way)
            .min_by_key(|neighbor| neighbor.wanted)
    }

    /// Somebody has said where it is.
    pub(super) fn heard(&mut self, addr: IpAddress, mac: EthernetAddress, now: Instant) {
        let told = self.strangers;
        if let Some(neighbor) = self.all().find(|neighbor| neighbor.is(addr)) {
            neighbor.state = State::Known {
                mac,
                until: now + LIFETIME,
                told,
            };
        } else {
            self.strangers = self.strangers.wrapping_add(1);
            let free = |neighbor: &&mut Neighbor| neighbor.state == State::Nobody;
            // Whoever asks for us probably wants to be answered; but nobody's place is taken for that.
            let mut free = self.all().filter(free);
            if let (Some(place), Some(_)) = (free.next(), free.next()) {
                *place = Neighbor {
                    addr,
                    state: State::Known {
                        mac,
                        until: now + LIFETIME,
                        told,
                    },
                    // Its place is the first to be taken.
                    wanted: Instant::ZERO,
                    has_connections: false,
                };
            }
        }
    }

    /// As [`find`](Self::find), for a connection.
    pub(super) fn find_for_connection(&mut self, addr: IpAddress, now: Instant) -> Answer {
        let answer = self.find(addr, now);
        if let Some(neighbor) = self.all().find(|neighbor| neighbor.is(addr)) {
            neighbor.has_connections = true;
        }
        answer
    }

    /// A neighbor with connections, and where it is, of whom the protocol stack may have to be told
    /// again.
    pub(super) fn tells(&mut self, now: Instant) -> Option<(IpAddress, EthernetAddress)> {
        let strangers = self.strangers;
        self.all().find_map(|neighbor| match &mut neighbor.state {
            State::Known { mac, until, told }
                if now < *until && *told != strangers && neighbor.has_connections =>
            {
                *told = strangers;
                neighbor.has_connections = false;
                Some((neighbor.addr, *mac))
            }
            _ => None,
        })
    }

    /// Whom to ask for now.
    pub(super) fn asks_for(&mut self, now: Instant) -> Option<IpAddress> {
        let due = |neighbor: &&mut Neighbor| match neighbor.state {
            State::Asked(count, at) => count < QUESTIONS && at <= now,
            _ => false,
        };
        self.all().find(due).map(|neighbor| neighbor.addr)
    }

    /// The question has been sent.
    pub(super) fn asked(&mut self, addr: IpAddress, now: Instant) {
        if let Some(neighbor) = self.all().find(|neighbor| neighbor.is(addr)) {
            if let State::Asked(count, at) = &mut neighbor.state {
                *count += 1;
                *at = now + INTERVAL;
            }
        }
    }

    /// Forgets those who did not answer, when all who wanted them know; the next to want them begins
    /// anew.
    pub(super) fn forget_the_gone(&mut self, now: Instant) {
        for neighbor in self.all() {
            if matches!(neighbor.state, State::Asked(QUESTIONS, until) if until <= now) {
                neighbor.state = State::Nobody;
            }
        }
    }

    /// When somebody has to be asked for, or is known not to be there.
    pub(super) fn next_check(&mut self) -> Option<Instant> {
        let at = |neighbor: &mut Neighbor| match neighbor.state {
            State::Asked(_, at) => Some(at),
            _ => None,
        };
        self.all().filter_map(at).min()
    }

    /// Forgets everybody: our own address has changed, or the network is another one.
    pub(super) fn clear(&mut self) {
        self.all().for_each(|neighbor| *neighbor = Neighbor::NOBODY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 9]);

    fn host(last: u8) -> IpAddress {
        IpAddress::v4(10, 0, 0, last)
    }

    fn neighbors() -> Neighbors {
        Neighbors::new(std::boxed::Box::leak(std::boxed::Box::new(
            [Neighbor::NOBODY; 4],
        )))
    }

    fn ask(neighbors: &mut Neighbors, now: Instant) -> std::vec::Vec<IpAddress> {
        let mut asked = std::vec::Vec::new();
        while let Some(addr) = neighbors.asks_for(now) {
            neighbors.asked(addr, now);
            asked.push(addr);
        }
        asked
    }

    #[test]
    fn each_is_asked_for_by_itself_until_it_answers_or_is_gone() {
        let mut neighbors = neighbors();
        let second = Instant::from_secs;
        assert_eq!(neighbors.find(host(1), second(0)), Answer::Asked);
        assert_eq!(ask(&mut neighbors, second(0)), [host(1)]);
        assert_eq!(neighbors.find(host(2), second(0)), Answer::Asked);
        assert_eq!(ask(&mut neighbors, second(0)), [host(2)]);
        assert_eq!(neighbors.next_check(), Some(second(1)));
        neighbors.heard(host(2), MAC, second(0));
        assert_eq!(neighbors.find(host(2), second(0)), Answer::Known(MAC));
        for now in 1..3 {
            assert_eq!(ask(&mut neighbors, second(now)), [host(1)]);
            assert_eq!(neighbors.find(host(1), second(now)), Answer::Asked);
        }
        assert_eq!(neighbors.next_check(), Some(second(3)));
        assert_eq!(ask(&mut neighbors, second(3)), []);
        assert_eq!(neighbors.find(host(1), second(3)), Answer::Gone);
        neighbors.forget_the_gone(second(3));
        assert_eq!(neighbors.next_check(), None);
        assert_eq!(neighbors.find(host(2), second(59)), Answer::Known(MAC));
        assert_eq!(neighbors.find(host(2), second(60)), Answer::Asked);
    }

    #[test]
    fn strangers_and_those_who_are_not_there_take_no_place_of_others() {
        let mut neighbors = neighbors();
        let now = Instant::from_secs(1);
        for last in 1..=4 {
            neighbors.find(host(last), now);
            neighbors.heard(host(last), MAC, now);
        }
        for last in 10..100 {
            neighbors.find(host(last), now);
            neighbors.heard(host(100 + last), MAC, now);
        }
        let known = (1..=4).filter(|&last| neighbors.find(host(last), now) == Answer::Known(MAC));
        assert_eq!(known.count(), 4);
        assert_eq!(neighbors.tells(now), None);
        neighbors.find_for_connection(host(1), now);
        assert_eq!(neighbors.tells(now), Some((host(1), MAC)));
        assert_eq!(neighbors.tells(now), None);
        neighbors.clear();
        assert_eq!(neighbors.find(host(1), now), Answer::Asked);
    }

    #[test]
    fn who_asks_for_us_is_known() {
        let mut neighbors = neighbors();
        let now = Instant::from_secs(0);
        neighbors.heard(host(1), MAC, now);
        assert_eq!(neighbors.find(host(1), now), Answer::Known(MAC));
    }
}
