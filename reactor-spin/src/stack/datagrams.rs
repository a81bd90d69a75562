//! [`Queue`]: datagrams in a fixed piece of memory, in their order, taken out anywhere.

use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint, Ipv4Address};

/// What is known of a datagram. All zero at first, so that a queue need not lie in flash.
#[derive(Clone, Copy)]
pub(super) struct Packet {
    /// Whom it came from or goes to.
    pub(super) peer: IpEndpoint,
    /// When it was put here.
    pub(super) since: Instant,
    at: usize,
    len: usize,
}

impl Packet {
    const EMPTY: Self = Self {
        peer: IpEndpoint::new(IpAddress::Ipv4(Ipv4Address::UNSPECIFIED), 0),
        since: Instant::ZERO,
        at: 0,
        len: 0,
    };
}

/// The memory of a queue.
pub(super) struct Ring<const PACKETS: usize, const BYTES: usize> {
    packets: [Packet; PACKETS],
    bytes: [u8; BYTES],
    count: usize,
}

impl<const PACKETS: usize, const BYTES: usize> Ring<PACKETS, BYTES> {
    pub(super) const fn new() -> Self {
        Self {
            packets: [Packet::EMPTY; PACKETS],
            bytes: [0; BYTES],
            count: 0,
        }
    }
}

/// A [`Ring`] of any size.
pub(super) trait Memory {
    /// The queue in it.
    fn queue(&mut self) -> Queue<'_>;
}

impl<const PACKETS: usize, const BYTES: usize> Memory for Ring<PACKETS, BYTES> {
    fn queue(&mut self) -> Queue<'_> {
        Queue {
            packets: &mut self.packets,
            bytes: &mut self.bytes,
            count: &mut self.count,
        }
    }
}

/// Datagrams in the order in which they came. Their bytes follow one another in the same order, with
/// gaps where one was taken out; these are closed when there is no room behind the last one.
pub(super) struct Queue<'a> {
    packets: &'a mut [Packet],
    bytes: &'a mut [u8],
    count: &'a mut usize,
}

impl<'a> Queue<'a> {
    /// How many datagrams there are.
    pub(super) fn len(&self) -> usize {
        *self.count
    }

    /// The most bytes that a datagram can have.
    pub(super) fn capacity(&self) -> usize {
        if self.packets.is_empty() {
            0
        } else {
            self.bytes.len()
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<(&Packet, &[u8])> {
        let packet = self.packets[..*self.count].get(index)?;
        Some((packet, &self.bytes[packet.at..packet.at + packet.len]))
    }

    /// The bytes of a datagram; none, if there is no such one.
    pub(super) fn into_data(self, index: usize) -> &'a [u8] {
        match self.packets[..*self.count].get(index) {
            Some(packet) => &self.bytes[packet.at..packet.at + packet.len],
            None => &[],
        }
    }

    /// Whether there is room for one more of this many bytes.
    pub(super) fn has_room(&self, len: usize) -> bool {
        let used: usize = self.packets[..*self.count].iter().map(|p| p.len).sum();
        *self.count < self.packets.len() && len <= self.bytes.len() - used
    }

    /// Adds a datagram, if there is room.
    pub(super) fn push(&mut self, data: &[u8], peer: IpEndpoint, since: Instant) -> bool {
        if !self.has_room(data.len()) {
            return false;
        }
        let mut at = self.end();
        if self.bytes.len() - at < data.len() {
            self.close_gaps();
            at = self.end();
        }
        self.bytes[at..at + data.len()].copy_from_slice(data);
        self.packets[*self.count] = Packet {
            peer,
            since,
            at,
            len: data.len(),
        };
        *self.count += 1;
        true
    }

    /// Where the bytes of the last datagram end.
    fn end(&self) -> usize {
        let last = self.packets[..*self.count].last();
        last.map_or(0, |packet| packet.at + packet.len)
    }

    fn close_gaps(&mut self) {
        let mut to = 0;
        for packet in &mut self.packets[..*self.count] {
            self.bytes
                .copy_within(packet.at..packet.at + packet.len, to);
            packet.at = to;
            to += packet.len;
        }
    }

    /// Takes a datagram away.
    pub(super) fn remove(&mut self, index: usize) {
        if index < *self.count {
            self.packets.copy_within(index + 1..*self.count, index);
            *self.count -= 1;
        }
    }

    /// Takes away all that `keep` says no to.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Packet) -> bool) {
        let mut index = 0;
        while index < *self.count {
            if keep(&self.packets[index]) {
                index += 1;
            } else {
                self.remove(index);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn peer(port: u16) -> IpEndpoint {
        IpEndpoint::new(IpAddress::Ipv4(Ipv4Address::LOCALHOST), port)
    }

    #[test]
    fn what_is_put_in_comes_out_whatever_is_taken_from_the_middle() {
        let mut ring = Ring::<4, 10>::new();
        let mut model: Vec<(u16, Vec<u8>)> = Vec::new();
        let mut random = 7u32;
        let mut draw = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        for round in 0..5000u16 {
            let mut queue = ring.queue();
            if draw(2) == 0 {
                let data = vec![round as u8; draw(7) as usize];
                let used: usize = model.iter().map(|(_, data)| data.len()).sum();
                let fits = model.len() < 4 && used + data.len() <= 10;
                assert_eq!(queue.has_room(data.len()), fits);
                assert_eq!(queue.push(&data, peer(round), Instant::ZERO), fits);
                if fits {
                    model.push((round, data));
                }
            } else if !model.is_empty() {
                let index = draw(model.len() as u32) as usize;
                model.remove(index);
                queue.remove(index);
            }
            assert_eq!(queue.len(), model.len());
            for (index, (port, data)) in model.iter().enumerate() {
                let (packet, bytes) = queue.get(index).unwrap();
                assert_eq!((packet.peer.port, bytes), (*port, &data[..]));
            }
        }
    }

    #[test]
    fn retain_and_clear() {
        let mut ring = Ring::<4, 4>::new();
        let mut queue = ring.queue();
        for port in 1..=4 {
            assert!(queue.push(b"x", peer(port), Instant::ZERO));
        }
        queue.retain(|packet| packet.peer.port % 2 == 0);
        let ports = [0, 1].map(|index| queue.get(index).unwrap().0.peer.port);
        assert_eq!((ports, queue.len()), ([2, 4], 2));
        queue.clear();
        assert!(queue.get(0).is_none());
        assert_eq!(
            (queue.capacity(), Ring::<0, 9>::new().queue().capacity()),
            (4, 0)
        );
    }
}
