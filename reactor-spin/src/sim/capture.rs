//! [`Capture`]: what was sent, as a file that Wireshark and tcpdump read.
//!
//! The simulation has no frames: a segment is up to a whole window, and what has arrived the sender knows. Here each
//! becomes frames of Ethernet, IP and TCP or UDP, as a real stack would have sent them: numbers of bytes start
//! at zero, segments are cut into [`MSS`] bytes, and what is sent again has the number that it had before.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::packet::{Body, Packet, Segment};

/// After so many bytes nothing more is kept.
const MOST: usize = 256 << 20;

/// Bytes of a stream in one frame.
const MSS: usize = 1460;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// One direction of a connection.
#[derive(Default)]
struct Flow {
    /// The number of the next byte to be sent.
    next: u32,
    /// Up to which number everything has arrived, and what has come too early.
    arrived: u32,
    early: BTreeMap<u32, u32>,
}

pub(crate) struct Capture {
    file: Vec<u8>,
    flows: BTreeMap<(SocketAddr, SocketAddr), Flow>,
    /// Messages on their way: where each begins, and how many numbers it takes.
    flying: BTreeMap<u64, (u32, u32)>,
    frames: u16,
}

impl Capture {
    pub(crate) fn new() -> Self {
        let mut file = Vec::new();
        // Little-endian, version 2.4, times in nanoseconds; then zone, accuracy, the longest frame, Ethernet.
        file.extend(0xA1B2_3C4D_u32.to_le_bytes());
        file.extend([2, 0, 4, 0]);
        for word in [0, 0, 1 << 18, 1_u32] {
            file.extend(word.to_le_bytes());
        }
        Self {
            file,
            flows: BTreeMap::new(),
            flying: BTreeMap::new(),
            frames: 0,
        }
    }

    pub(crate) fn into_file(self) -> Vec<u8> {
        self.file
    }

    /// A message goes onto the wire, for the first time or once more.
    pub(crate) fn sent(&mut self, now: u64, packet: &Packet) {
        let (from, to) = (packet.source(), packet.destination());
        let sent = match &packet.body {
            Body::Datagram(bytes) => {
                return self.frame(now, packet, UDP, &udp(from.port(), to.port(), bytes));
            }
            Body::Value(_) => {
                return self.frame(now, packet, UDP, &udp(from.port(), to.port(), &[]));
            }
            Body::Tcp(sent) => sent,
        };
        let (flags, bytes): (u8, &[u8]) = match &sent.segment {
            Segment::Syn { .. } => (SYN, &[]),
            Segment::SynAck { .. } => (SYN | ACK, &[]),
            Segment::Refused(_) => (RST | ACK, &[]),
            Segment::Reset(_) => (RST | ACK, &[]),
            Segment::Window { .. } | Segment::Probe { .. } | Segment::Alive { .. } => (ACK, &[]),
            Segment::Data { bytes, .. } => (PSH | ACK, bytes),
            Segment::Fin { .. } => (FIN | ACK, &[]),
        };
        if flags & SYN != 0 && sent.retries == 0 {
            // The same addresses may have had a connection before.
            self.flows.insert((from, to), Flow::default());
        }
        let takes = bytes.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        let flow = self.flows.entry((from, to)).or_default();
        let start = match self.flying.get(&packet.number) {
            Some((start, _)) => *start,
            None => {
                let start = flow.next;
                flow.next = start.wrapping_add(takes);
                if takes > 0 {
                    self.flying.insert(packet.number, (start, takes));
                }
                start
            }
        };
        let ack = match flags & ACK {
            0 => 0,
            _ => self.flows.get(&(to, from)).map_or(0, |flow| flow.arrived),
        };
        let mut at = start;
        let mut rest = bytes;
        loop {
            let (part, others) = rest.split_at(rest.len().min(MSS));
            let flags = if others.is_empty() {
                flags
            } else {
                flags & !PSH
            };
            self.frame(
                now,
                packet,
                TCP,
                &tcp(from.port(), to.port(), at, ack, flags, part),
            );
            at = at.wrapping_add(part.len() as u32);
            rest = others;
            if rest.is_empty() {
                break;
            }
        }
    }

    /// A message has arrived.
    pub(crate) fn arrived(&mut self, packet: &Packet) {
        let Some((start, takes)) = self.flying.remove(&packet.number) else {
            return;
        };
        let flow = self
            .flows
            .entry((packet.source(), packet.destination()))
            .or_default();
        flow.early.insert(start, takes);
        while let Some(takes) = flow.early.remove(&flow.arrived) {
            flow.arrived = flow.arrived.wrapping_add(takes);
        }
    }

    fn frame(&mut self, now: u64, packet: &Packet, protocol: u8, segment: &[u8]) {
        if self.file.len() > MOST {
            return;
        }
        let mut frame = Vec::with_capacity(54 + segment.len());
        for host in [packet.to, packet.from] {
            frame.extend([2, 0]);
            frame.extend(host.to_be_bytes());
        }
        let mut segment = segment.to_vec();
        let place = if protocol == TCP { 16 } else { 6 };
        let length = segment.len() as u32;
        match (packet.source().ip(), packet.destination().ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let (from, to) = (from.octets(), to.octets());
                let pseudo = [
                    &from[..],
                    &to,
                    &[0, protocol],
                    &(length as u16).to_be_bytes(),
                ];
                fill_checksum(&mut segment, place, &pseudo.concat(), protocol);
                frame.extend([8, 0]);
                let mut header = [0x45, 0].to_vec();
                header.extend((20 + length as u16).to_be_bytes());
                header.extend(self.frames.to_be_bytes());
                header.extend([0x40, 0, 64, protocol, 0, 0]);
                header.extend(from);
                header.extend(to);
                let sum = checksum(&[&header]);
                header[10..12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(header);
            }
            (from, to) => {
                let (from, to) = (v6(from), v6(to));
                let pseudo = [&from[..], &to, &length.to_be_bytes(), &[0, 0, 0, protocol]];
                fill_checksum(&mut segment, place, &pseudo.concat(), protocol);
                frame.extend([0x86, 0xDD, 0x60, 0, 0, 0]);
                frame.extend((length as u16).to_be_bytes());
                frame.extend([protocol, 64]);
                frame.extend(from);
                frame.extend(to);
            }
        }
        frame.extend(segment);
        self.frames = self.frames.wrapping_add(1);
        let (seconds, nanos) = (now / 1_000_000_000, now % 1_000_000_000);
        let length = frame.len() as u32;
        for word in [seconds as u32, nanos as u32, length, length] {
            self.file.extend(word.to_le_bytes());
        }
        self.file.extend(frame);
    }
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn udp(from: u16, to: u16, bytes: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(8 + bytes.len());
    for word in [from, to, 8 + bytes.len() as u16, 0] {
        segment.extend(word.to_be_bytes());
    }
    segment.extend(bytes);
    segment
}

fn tcp(from: u16, to: u16, at: u32, ack: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + bytes.len());
    for word in [from, to] {
        segment.extend(word.to_be_bytes());
    }
    for word in [at, ack] {
        segment.extend(word.to_be_bytes());
    }
    segment.extend([5 << 4, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
    segment.extend(bytes);
    segment
}

fn fill_checksum(segment: &mut [u8], place: usize, pseudo: &[u8], protocol: u8) {
    let sum = match checksum(&[pseudo, segment]) {
        // With UDP zero says that there is none.
        0 if protocol == UDP => 0xFFFF,
        sum => sum,
    };
    segment[place..place + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The internet's checksum. All parts but the last are of an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        }
    }
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !(sum as u16)
}
