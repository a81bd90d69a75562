//! Frames that the stack reads and writes by itself: datagrams, and questions for neighbors.

use smoltcp::phy::{ChecksumCapabilities, TxToken};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress,
    IpCidr, IpEndpoint, IpProtocol, IpRepr, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr,
    TcpSeqNumber, UdpPacket, UdpRepr,
};

use super::peer::{Challenge, Segment};
use super::udp::Outgoing;
use crate::Error;

/// Addresses that the protocol stack has room for at most.
const ADDRESSES: usize = 8;
/// Bytes of the longest frame that says where a neighbor is.
const ANNOUNCEMENT: usize = 14 + 40 + 32;

/// Who we are.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) mac: EthernetAddress,
    addresses: [Option<IpCidr>; ADDRESSES],
    pub(super) checksums: ChecksumCapabilities,
}

impl Identity {
    pub(super) fn new(mac: [u8; 6], checksums: ChecksumCapabilities) -> Self {
        Self {
            mac: EthernetAddress(mac),
            addresses: [None; ADDRESSES],
            checksums,
        }
    }

    /// Takes note of our addresses; `true` if they have changed.
    pub(super) fn set_addresses(&mut self, now: &[IpCidr]) -> bool {
        let mut addresses = [None; ADDRESSES];
        for (place, address) in addresses.iter_mut().zip(now) {
            *place = Some(*address);
        }
        core::mem::replace(&mut self.addresses, addresses) != addresses
    }

    fn all(&self) -> impl Iterator<Item = &IpCidr> {
        self.addresses.iter().flatten()
    }

    pub(super) fn is(&self, addr: IpAddress) -> bool {
        self.all().any(|own| own.address() == addr)
    }

    /// Whether an address is in the local network.
    pub(super) fn reaches(&self, addr: IpAddress) -> bool {
        self.all().any(|own| own.contains_addr(&addr))
    }

    /// Whether an address means all in the local network.
    pub(super) fn is_broadcast(&self, addr: IpAddress) -> bool {
        addr.is_broadcast()
            || self.all().any(|own| match own {
                IpCidr::Ipv4(own) => own.broadcast().is_some_and(|all| addr == all.into()),
                #[cfg(feature = "ipv6")]
                IpCidr::Ipv6(_) => false,
            })
    }

    /// The hardware address of several hosts at once.
    pub(super) fn group(&self, addr: IpAddress) -> Option<EthernetAddress> {
        if self.is_broadcast(addr) {
            return Some(EthernetAddress::BROADCAST);
        }
        if !addr.is_multicast() {
            return None;
        }
        Some(match addr {
            IpAddress::Ipv4(addr) => {
                let [_, b, c, d] = addr.octets();
                EthernetAddress([0x01, 0x00, 0x5E, b & 0x7F, c, d])
            }
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(addr) => {
                let [.., a, b, c, d] = addr.octets();
                EthernetAddress([0x33, 0x33, a, b, c, d])
            }
        })
    }

    /// The head of the segment in a frame for us. Its checksum is not looked at.
    pub(super) fn segment(&self, frame: &[u8]) -> Option<Segment> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let is_ours = frame.dst_addr() == self.mac;
        is_ours.then(|| head(&frame, &self.checksums)).flatten()
    }

    /// The head of the segment in a frame of ours, in which the device may still have to fill in checksums.
    pub(super) fn own_segment(&self, frame: &[u8]) -> Option<Segment> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        head(&frame, &ChecksumCapabilities::ignored())
    }

    /// Gives a segment of ours, in a frame of which [`own_segment`](Self::own_segment) knows that it has one in it,
    /// another number.
    pub(super) fn renumber(&self, frame: &mut [u8], number: u32) {
        let mut frame = EthernetFrame::new_unchecked(frame);
        let ignored = ChecksumCapabilities::ignored();
        let ends = packet(
            &EthernetFrame::new_unchecked(frame.as_ref()),
            IpProtocol::Tcp,
            &ignored,
        );
        let Some((ip, len)) = ends.map(|(ip, payload)| (ip, payload.len())) else {
            return;
        };
        let start = ip.header_len();
        let mut tcp = TcpPacket::new_unchecked(&mut frame.payload_mut()[start..start + len]);
        tcp.set_seq_number(TcpSeqNumber(number as i32));
        if self.checksums.tcp.tx() {
            tcp.fill_checksum(&ip.src_addr(), &ip.dst_addr());
        }
    }

    /// Tells a restarted peer that there is a connection.
    pub(super) fn tell(&self, token: impl TxToken, challenge: &Challenge) {
        let Challenge { mac, from, to, .. } = *challenge;
        let tcp = TcpRepr {
            src_port: from.port,
            dst_port: to.port,
            control: TcpControl::None,
            seq_number: TcpSeqNumber(challenge.seq as i32),
            ack_number: Some(TcpSeqNumber(challenge.ack as i32)),
            window_len: 0,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        let ip = IpRepr::new(from.addr, to.addr, IpProtocol::Tcp, tcp.buffer_len(), 64);
        token.consume(14 + ip.buffer_len(), |buffer| {
            let mut packet = TcpPacket::new_unchecked(self.address(buffer, mac, &ip));
            tcp.emit(&mut packet, &from.addr, &to.addr, &self.checksums);
        });
    }

    /// The datagram in a frame for us.
    pub(super) fn datagram<'a>(&self, frame: &'a [u8]) -> Option<Datagram<'a>> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let to = frame.dst_addr();
        if to != self.mac && !to.is_broadcast() && !to.is_multicast() {
            return None;
        }
        let (ip, payload) = packet(&frame, IpProtocol::Udp, &self.checksums)?;
        let (source, target) = (ip.src_addr(), ip.dst_addr());
        let to_group = self.is_broadcast(target) || target.is_multicast();
        if !(to_group || self.is(target)) || source.is_multicast() || self.is_broadcast(source) {
            return None;
        }
        let packet = UdpPacket::new_checked(payload).ok()?;
        let udp = UdpRepr::parse(&packet, &source, &target, &self.checksums).ok()?;
        Some(Datagram {
            from: IpEndpoint::new(source, udp.src_port),
            to: IpEndpoint::new(target, udp.dst_port),
            to_group,
            data: packet.payload(),
        })
    }

    /// Who says where it is, in a frame for us.
    pub(super) fn neighbor(&self, frame: &[u8]) -> Option<(IpAddress, EthernetAddress)> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        match frame.ethertype() {
            EthernetProtocol::Arp => {
                let packet = ArpPacket::new_checked(frame.payload()).ok()?;
                let ArpRepr::EthernetIpv4 {
                    operation,
                    source_hardware_addr: mac,
                    source_protocol_addr: addr,
                    target_protocol_addr,
                    ..
                } = ArpRepr::parse(&packet).ok()?
                else {
                    return None;
                };
                let addr = IpAddress::Ipv4(addr);
                // Only what the protocol stack believes, too.
                let is_right = self.is(target_protocol_addr.into())
                    && matches!(operation, ArpOperation::Request | ArpOperation::Reply)
                    && addr.is_unicast()
                    && mac.is_unicast()
                    && self.reaches(addr);
                is_right.then_some((addr, mac))
            }
            #[cfg(feature = "ipv6")]
            EthernetProtocol::Ipv6 => self.neighbor_v6(frame.payload()),
            _ => None,
        }
    }

    #[cfg(feature = "ipv6")]
    fn neighbor_v6(&self, packet: &[u8]) -> Option<(IpAddress, EthernetAddress)> {
        use smoltcp::phy::Medium;
        use smoltcp::wire::{
            HardwareAddress, Icmpv6Packet, Icmpv6Repr, Ipv6Packet, Ipv6Repr, NdiscRepr,
        };
        let packet = Ipv6Packet::new_checked(packet).ok()?;
        let ip = Ipv6Repr::parse(&packet).ok()?;
        if ip.next_header != IpProtocol::Icmpv6 || ip.hop_limit != 255 {
            return None;
        }
        let icmp = Icmpv6Packet::new_checked(packet.payload()).ok()?;
        if !icmp.msg_type().is_ndisc() {
            return None;
        }
        let repr = Icmpv6Repr::parse(&ip.src_addr, &ip.dst_addr, &icmp, &self.checksums).ok()?;
        let Icmpv6Repr::Ndisc(
            NdiscRepr::NeighborAdvert { lladdr, .. } | NdiscRepr::NeighborSolicit { lladdr, .. },
        ) = repr
        else {
            return None;
        };
        let addr = IpAddress::Ipv6(ip.src_addr);
        match lladdr?.parse(Medium::Ethernet).ok()? {
            HardwareAddress::Ethernet(mac) if mac.is_unicast() && addr.is_unicast() => {
                Some((addr, mac))
            }
            #[allow(
                unreachable_patterns,
                reason = "other kinds of networks can be built in"
            )]
            _ => None,
        }
    }

    /// The neighbor that leads to an address.
    pub(super) fn hop(&self, gateways: &Gateways, addr: IpAddress) -> Result<IpAddress, Error> {
        if addr.is_unspecified() {
            return Err(Error::InvalidAddress);
        }
        let same_kind = |own: &&IpCidr| own.address().version() == addr.version();
        if self.all().find(same_kind).is_none() {
            return Err(Error::NoAddress);
        }
        if self.is(addr) {
            // There is no way back from the network.
            return Err(Error::HostUnreachable);
        }
        if self.is_broadcast(addr) || addr.is_multicast() || self.reaches(addr) {
            return Ok(addr);
        }
        gateways.to(addr).ok_or(Error::NetworkUnreachable)
    }

    /// Sends a datagram.
    pub(super) fn send(
        &self,
        token: impl TxToken,
        from: IpEndpoint,
        outgoing: &Outgoing,
        data: &[u8],
    ) {
        let to = outgoing.to;
        let udp = UdpRepr {
            src_port: from.port,
            dst_port: to.port,
        };
        let len = udp.header_len() + data.len();
        let ip = IpRepr::new(from.addr, to.addr, IpProtocol::Udp, len, outgoing.ttl);
        token.consume(14 + ip.buffer_len(), |buffer| {
            let packet = self.address(buffer, outgoing.mac, &ip);
            udp.emit(
                &mut UdpPacket::new_unchecked(packet),
                &from.addr,
                &to.addr,
                data.len(),
                |payload| payload.copy_from_slice(data),
                &self.checksums,
            );
        });
    }

    /// Writes the headers of a frame; what is to follow them.
    fn address<'a>(&self, buffer: &'a mut [u8], mac: EthernetAddress, ip: &IpRepr) -> &'a mut [u8] {
        let (head, rest) = buffer.split_at_mut(14);
        let mut frame = EthernetFrame::new_unchecked(head);
        frame.set_src_addr(self.mac);
        frame.set_dst_addr(mac);
        frame.set_ethertype(match ip {
            IpRepr::Ipv4(_) => EthernetProtocol::Ipv4,
            #[cfg(feature = "ipv6")]
            IpRepr::Ipv6(_) => EthernetProtocol::Ipv6,
        });
        ip.emit(&mut *rest, &self.checksums);
        &mut rest[ip.header_len()..]
    }

    /// Asks for a neighbor.
    pub(super) fn ask(&self, token: impl TxToken, addr: IpAddress, source: IpAddress) {
        match (addr, source) {
            (IpAddress::Ipv4(addr), IpAddress::Ipv4(source)) => {
                let question = ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Request,
                    source_hardware_addr: self.mac,
                    source_protocol_addr: source,
                    target_hardware_addr: EthernetAddress::BROADCAST,
                    target_protocol_addr: addr,
                };
                token.consume(14 + question.buffer_len(), |buffer| {
                    emit_arp(&question, EthernetAddress::BROADCAST, buffer);
                });
            }
            #[cfg(feature = "ipv6")]
            (IpAddress::Ipv6(addr), IpAddress::Ipv6(source)) => {
                use smoltcp::wire::{Ipv6Address, NdiscRepr};
                let question = NdiscRepr::NeighborSolicit {
                    target_addr: addr,
                    lladdr: Some(self.mac.into()),
                };
                // The group of all whose address ends in the same way (RFC 4291, section 2.7.1).
                let [.., a, b, c] = addr.octets();
                let end = [u16::from_be_bytes([0xFF, a]), u16::from_be_bytes([b, c])];
                let to = Ipv6Address::new(0xFF02, 0, 0, 0, 0, 1, end[0], end[1]);
                let mac = self.group(to.into()).unwrap_or(EthernetAddress::BROADCAST);
                let (ip, message) = ndisc(question, source, to);
                token.consume(14 + IpRepr::Ipv6(ip).buffer_len(), |buffer| {
                    self.emit_ndisc(&ip, &message, mac, buffer);
                });
            }
            #[cfg(feature = "ipv6")]
            _ => {}
        }
    }

    #[cfg(feature = "ipv6")]
    fn emit_ndisc(
        &self,
        ip: &smoltcp::wire::Ipv6Repr,
        message: &smoltcp::wire::Icmpv6Repr<'_>,
        mac: EthernetAddress,
        buffer: &mut [u8],
    ) {
        let packet = self.address(buffer, mac, &IpRepr::Ipv6(*ip));
        let mut packet = smoltcp::wire::Icmpv6Packet::new_unchecked(packet);
        message.emit(&ip.src_addr, &ip.dst_addr, &mut packet, &self.checksums);
    }

    /// The frame from which the protocol stack learns where a neighbor is, as if that had said so.
    pub(super) fn announcement(&self, addr: IpAddress, mac: EthernetAddress) -> Announcement {
        let mut bytes = [0; ANNOUNCEMENT];
        let mut len = 0;
        match addr {
            IpAddress::Ipv4(addr) => {
                let own = self.all().find(|own| own.contains_addr(&addr.into()));
                if let Some(IpAddress::Ipv4(own)) = own.map(IpCidr::address) {
                    let answer = ArpRepr::EthernetIpv4 {
                        operation: ArpOperation::Reply,
                        source_hardware_addr: mac,
                        source_protocol_addr: addr,
                        target_hardware_addr: self.mac,
                        target_protocol_addr: own,
                    };
                    len = 14 + answer.buffer_len();
                    emit_arp(&answer, self.mac, &mut bytes[..len]);
                    EthernetFrame::new_unchecked(&mut bytes[..len]).set_src_addr(mac);
                }
            }
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(addr) => {
                use smoltcp::wire::{NdiscNeighborFlags, NdiscRepr};
                let answer = NdiscRepr::NeighborAdvert {
                    flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
                    target_addr: addr,
                    lladdr: Some(mac.into()),
                };
                let own = self.all().find_map(|own| match own.address() {
                    IpAddress::Ipv6(own) => Some(own),
                    IpAddress::Ipv4(_) => None,
                });
                if let Some(own) = own {
                    let (ip, message) = ndisc(answer, addr, own);
                    len = 14 + IpRepr::Ipv6(ip).buffer_len();
                    self.emit_ndisc(&ip, &message, self.mac, &mut bytes[..len]);
                }
            }
        }
        Announcement { bytes, len }
    }
}

/// What leads beyond the local network.
#[derive(Clone, Copy, Default)]
pub(super) struct Gateways {
    pub(super) v4: Option<IpAddress>,
    #[cfg(feature = "ipv6")]
    pub(super) v6: Option<IpAddress>,
}

impl Gateways {
    fn to(&self, addr: IpAddress) -> Option<IpAddress> {
        match addr {
            IpAddress::Ipv4(_) => self.v4,
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(_) => self.v6,
        }
    }
}

/// A datagram that has come in.
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    pub(super) from: IpEndpoint,
    pub(super) to: IpEndpoint,
    /// It is for all who want to hear it.
    pub(super) to_group: bool,
    pub(super) data: &'a [u8],
}

/// The packet in a frame, if it has that in it, and what that is.
fn packet<'a>(
    frame: &EthernetFrame<&'a [u8]>,
    protocol: IpProtocol,
    checksums: &ChecksumCapabilities,
) -> Option<(IpRepr, &'a [u8])> {
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            // Fragments are for those who can put them together.
            if packet.next_header() != protocol || packet.more_frags() || packet.frag_offset() != 0
            {
                return None;
            }
            let repr = Ipv4Repr::parse(&packet, checksums).ok()?;
            Some((IpRepr::Ipv4(repr), packet.payload()))
        }
        #[cfg(feature = "ipv6")]
        EthernetProtocol::Ipv6 => {
            let packet = smoltcp::wire::Ipv6Packet::new_checked(frame.payload()).ok()?;
            if packet.next_header() != protocol {
                return None;
            }
            let repr = smoltcp::wire::Ipv6Repr::parse(&packet).ok()?;
            Some((IpRepr::Ipv6(repr), packet.payload()))
        }
        _ => None,
    }
}

/// The head of the segment in a frame.
fn head(frame: &EthernetFrame<&[u8]>, checksums: &ChecksumCapabilities) -> Option<Segment> {
    let (ip, payload) = packet(frame, IpProtocol::Tcp, checksums)?;
    let tcp = TcpPacket::new_checked(payload).ok()?;
    let next = tcp.seq_number() + tcp.segment_len();
    let scale = || {
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        let ignored = ChecksumCapabilities::ignored();
        TcpRepr::parse(&tcp, &from, &to, &ignored)
            .ok()?
            .window_scale
    };
    Some(Segment {
        mac: frame.src_addr(),
        from: IpEndpoint::new(ip.src_addr(), tcp.src_port()),
        to: IpEndpoint::new(ip.dst_addr(), tcp.dst_port()),
        is_first: tcp.syn(),
        ack: tcp.ack().then(|| tcp.ack_number().0 as u32),
        next: next.0 as u32,
        window: tcp.window_len(),
        ends_data: tcp.fin() && !tcp.payload().is_empty(),
        // What is the last that there is to send is pushed.
        is_zero: tcp.payload() == [0] && !(tcp.psh() || tcp.fin() || tcp.syn() || tcp.rst()),
        scale: if tcp.syn() { scale() } else { None },
    })
}

fn emit_arp(repr: &ArpRepr, mac: EthernetAddress, buffer: &mut [u8]) {
    let mut frame = EthernetFrame::new_unchecked(buffer);
    if let ArpRepr::EthernetIpv4 {
        source_hardware_addr,
        ..
    } = *repr
    {
        frame.set_src_addr(source_hardware_addr);
    }
    frame.set_dst_addr(mac);
    frame.set_ethertype(EthernetProtocol::Arp);
    repr.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
}

#[cfg(feature = "ipv6")]
fn ndisc(
    repr: smoltcp::wire::NdiscRepr<'_>,
    from: smoltcp::wire::Ipv6Address,
    to: smoltcp::wire::Ipv6Address,
) -> (smoltcp::wire::Ipv6Repr, smoltcp::wire::Icmpv6Repr<'_>) {
    let message = smoltcp::wire::Icmpv6Repr::Ndisc(repr);
    let ip = smoltcp::wire::Ipv6Repr {
        src_addr: from,
        dst_addr: to,
        next_header: IpProtocol::Icmpv6,
        payload_len: message.buffer_len(),
        hop_limit: 255,
    };
    (ip, message)
}

/// A single frame to be received.
pub(super) struct Announcement {
    bytes: [u8; ANNOUNCEMENT],
    len: usize,
}

impl Announcement {
    pub(super) fn frame(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
