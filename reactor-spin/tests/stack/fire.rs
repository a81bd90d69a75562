//! What frames, peers and hosts that are not there can do to others: nothing.

use std::cell::Cell;

use polliwog_spin::stack::smoltcp::phy::ChecksumCapabilities;
use polliwog_spin::stack::smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol,
    Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

use super::*;

/// A host that is not there.
pub(crate) fn nobody(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 100 + number)
}

fn frame(to: u8, kind: EthernetProtocol, len: usize, emit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = vec![0; 14 + len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    frame.set_src_addr(EthernetAddress([2, 0, 0, 0, 1, 1]));
    frame.set_dst_addr(EthernetAddress([2, 0, 0, 0, 0, to]));
    frame.set_ethertype(kind);
    emit(frame.payload_mut());
    bytes
}

fn packet(
    from: Ipv4Addr,
    next_header: IpProtocol,
    len: usize,
    emit: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let repr = Ipv4Repr {
        src_addr: from,
        dst_addr: SERVER,
        next_header,
        payload_len: len,
        hop_limit: 64,
    };
    frame(1, EthernetProtocol::Ipv4, 20 + len, |bytes| {
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        repr.emit(&mut packet, &ChecksumCapabilities::default());
        emit(packet.payload_mut());
    })
}

/// A datagram to the server that says to be from another host.
fn datagram(from: Ipv4Addr, to: u16) -> Vec<u8> {
    let (src, dst) = (from.into(), SERVER.into());
    packet(from, IpProtocol::Udp, 8 + 2, |bytes| {
        let repr = UdpRepr {
            src_port: 9,
            dst_port: to,
        };
        let caps = ChecksumCapabilities::default();
        let mut packet = UdpPacket::new_unchecked(bytes);
        repr.emit(&mut packet, &src, &dst, 2, |data| data.fill(7), &caps);
    })
}

/// A wish to connect to the server that says to be from another host.
fn wish(from: Ipv4Addr, to: u16) -> Vec<u8> {
    let repr = TcpRepr {
        src_port: 9,
        dst_port: to,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(5),
        ack_number: None,
        window_len: 1000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    packet(from, IpProtocol::Tcp, repr.buffer_len(), |bytes| {
        let caps = ChecksumCapabilities::default();
        let mut packet = TcpPacket::new_unchecked(bytes);
        repr.emit(&mut packet, &from.into(), &SERVER.into(), &caps);
    })
}

/// A host that asks for the server, or for another one.
fn question(from: Ipv4Addr, number: u8) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: EthernetAddress([2, 0, 0, 0, 1, number]),
        source_protocol_addr: from,
        target_hardware_addr: EthernetAddress::BROADCAST,
        target_protocol_addr: SERVER,
    };
    frame(1, EthernetProtocol::Arp, repr.buffer_len(), |bytes| {
        repr.emit(&mut ArpPacket::new_unchecked(bytes));
    })
}

/// That a datagram gets through from the client to the server and back, at once.
async fn talk(server: &UdpSocket, client: &UdpSocket) {
    let limit = Duration::from_millis(300);
    let mut buf = [0; 32];
    timeout(limit, client.send_to(b"are you there?", (SERVER, 53)))
        .await
        .expect("there is room")
        .unwrap();
    loop {
        let received = timeout(limit, server.recv_from(&mut buf)).await;
        let (count, from) = received.expect("it arrives").unwrap();
        let answered = timeout(limit, server.send_to(&buf[..count], from)).await;
        let answered = answered.expect("there is room for an answer");
        if &buf[..count] == b"are you there?" {
            answered.unwrap();
            break;
        }
    }
    let received = timeout(limit, client.recv_from(&mut buf)).await;
    assert_eq!(received.expect("the answer arrives").unwrap().0, 14);
}

#[test]
fn promise_24_one_datagram_to_nobody_silences_no_socket() {
    test(1, async {
        let (_, server, client) = pair(1);
        let (far, near) = (
            udp(server, 53).await.unwrap(),
            udp(client, 54).await.unwrap(),
        );
        talk(&far, &near).await;
        near.send_to(b"nobody", (nobody(0), 53)).await.unwrap();
        for _ in 0..8 {
            talk(&far, &near).await;
        }
        // More than there is room for, to as many hosts that are not there; they leave at last.
        for number in 0..20 {
            near.send_to(b"nobody", (nobody(number), 53)).await.unwrap();
        }
        talk(&far, &near).await;
        sleep(Duration::from_secs(10)).await;
        talk(&far, &near).await;
    });
}

#[test]
fn promise_24_a_stranger_whom_the_server_answers_silences_no_socket() {
    test(2, async {
        let (cable, server, client) = pair(2);
        let (far, near) = (
            udp(server, 53).await.unwrap(),
            udp(client, 54).await.unwrap(),
        );
        talk(&far, &near).await;
        for number in 0..60 {
            cable.inject(0, datagram(nobody(number % 30), 53));
            talk(&far, &near).await;
        }
    });
}

#[test]
fn promise_24_a_host_that_is_not_there_keeps_nobody_from_connecting() {
    test(3, async {
        let (cable, server, client) = pair(3);
        let listener = TcpListener::bind(server, "0.0.0.0:7", 2).await.unwrap();
        let connect = async |addr| {
            let start = now().unwrap();
            let result = TcpStream::connect(client, (addr, 7)).await;
            (result.map(drop), now().unwrap() - start)
        };
        let absent = spawn(async move {
            let start = now().unwrap();
            let result = TcpStream::connect(client, (nobody(0), 7)).await;
            (result.map(drop), now().unwrap() - start)
        });
        sleep(Duration::from_millis(1)).await;
        let limit = Duration::from_millis(100);
        let (result, took) = connect(SERVER).await;
        assert_eq!(result, Ok(()));
        assert!(took < limit, "{took:?}");
        let (result, took) = absent.unwrap().await.unwrap();
        assert_eq!(result, Err(Error::HostUnreachable));
        assert!(took <= Duration::from_secs(4), "{took:?}");
        drop(listener.accept().await);

        // The other way round: those who only say that they are there take the backlog for a while.
        for number in 0..6 {
            cable.inject(0, wish(nobody(number), 7));
        }
        sleep(Duration::from_secs(6)).await;
        let (result, took) = connect(SERVER).await;
        assert_eq!(result, Ok(()));
        assert!(took < limit, "{took:?}");
    });
}

#[test]
fn promise_24_whoever_asks_for_us_takes_no_neighbors_place() {
    test(4, async {
        let (cable, server, client) = pair(4);
        let (far, near) = connect(server, client).await;
        let sockets = (
            udp(server, 53).await.unwrap(),
            udp(client, 54).await.unwrap(),
        );
        talk(&sockets.0, &sockets.1).await;
        let mut buf = [0; 5];
        for round in 0..20u8 {
            for number in 0..40 {
                cable.inject(0, question(nobody(number), number));
            }
            far.write_all(&[round; 5]).await.unwrap();
            let read = timeout(Duration::from_millis(100), near.read_exact(&mut buf)).await;
            read.expect("the connection goes on").unwrap();
            assert_eq!(buf, [round; 5]);
            talk(&sockets.0, &sockets.1).await;
        }
    });
}

#[test]
fn a_full_device_is_asked_again_when_it_has_room() {
    test(5, async {
        let (cable, server, client) = pair(5);
        let (far, near) = connect(server, client).await;
        let socket = udp(client, 54).await.unwrap();
        let far_socket = udp(server, 53).await.unwrap();
        talk(&far_socket, &socket).await;
        // From now on there is room for one frame, which takes five milliseconds.
        cable.room.set(1);
        let drain = cable.clone();
        let draining = spawn(async move {
            loop {
                sleep(Duration::from_millis(5)).await;
                (0..2).for_each(|side| drain.drain(side, true));
            }
        });
        let before = cable.asked[1].get();
        let start = now().unwrap();
        let data: Vec<u8> = (0..20_000u32).map(|n| (n >> 5) as u8).collect();
        let sent = data.clone();
        let writer = spawn(async move {
            near.write_all(&sent).await.unwrap();
            near.flush().await.unwrap();
            near
        });
        // A datagram in between has its turn.
        socket.send_to(b"me too", (SERVER, 53)).await.unwrap();
        let mut buf = [0; 8];
        let limit = Duration::from_millis(100);
        let received = timeout(limit, far_socket.recv_from(&mut buf)).await;
        assert_eq!(received.expect("it arrives").unwrap().0, 6);
        let mut received = vec![0; data.len()];
        far.read_exact(&mut received).await.unwrap();
        assert!(received == data);
        writer.unwrap().await.unwrap();
        let (took, asked) = (now().unwrap() - start, cable.asked[1].get() - before);
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(asked < 2000, "asked {asked} times");

        // A driver that does not say when there is room is asked from time to time.
        draining.unwrap().abort();
        cable.room.set(0);
        socket.send_to(b"patience", (SERVER, 53)).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        let before = cable.asked[1].get();
        sleep(Duration::from_secs(10)).await;
        let asked = cable.asked[1].get() - before;
        assert!((50..500).contains(&asked), "asked {asked} times");
        cable.room.set(usize::MAX);
        let received = timeout(Duration::from_secs(1), far_socket.recv_from(&mut buf)).await;
        assert_eq!(received.expect("it arrives").unwrap().0, 8);
    });
}

#[test]
fn a_flood_of_frames_leaves_others_their_turn() {
    test(6, async {
        let (cable, server, _) = pair(6);
        let listener = TcpListener::bind(server, "0.0.0.0:7", 1).await.unwrap();
        cable.flood[0].set(100_000);
        let most = Rc::new(Cell::new(0));
        let (seen, flood) = (most.clone(), cable.clone());
        spawn(async move {
            let mut before = flood.flood[0].get();
            while before > 0 {
                polliwog_core::yield_now().await;
                let left = flood.flood[0].get();
                seen.set(seen.get().max(before - left));
                before = left;
            }
        })
        .unwrap()
        .await
        .unwrap();
        assert!(
            (1..=64).contains(&most.get()),
            "{} frames in a row",
            most.get()
        );
        drop(listener);
    });
}

/// Somebody who asks whether anybody has an IPv6 address already, with no address of its own.
fn question_v6(target: [u8; 16], tell: bool) -> Vec<u8> {
    use polliwog_spin::stack::smoltcp::wire::{
        Icmpv6Packet, Icmpv6Repr, Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscRepr,
    };
    let target = Ipv6Address::from(target);
    let message = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: target,
        lladdr: tell.then(|| EthernetAddress([2, 0, 0, 0, 1, 1]).into()),
    });
    let [.., a, b, c] = target.octets();
    let group = [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, a, b, c];
    let ip = Ipv6Repr {
        src_addr: Ipv6Address::UNSPECIFIED,
        dst_addr: Ipv6Address::from(group),
        next_header: IpProtocol::Icmpv6,
        payload_len: message.buffer_len(),
        hop_limit: 255,
    };
    frame(1, EthernetProtocol::Ipv6, 40 + ip.payload_len, |bytes| {
        let mut packet = Ipv6Packet::new_unchecked(&mut bytes[..]);
        ip.emit(&mut packet);
        let mut icmp = Icmpv6Packet::new_unchecked(packet.payload_mut());
        let caps = ChecksumCapabilities::default();
        message.emit(&ip.src_addr, &ip.dst_addr, &mut icmp, &caps);
    })
}

#[test]
fn promise_24_no_frame_does_any_harm() {
    test_seeds(0..8, |seed| async move {
        let (cable, server, client) = pair(seed);
        let listener = TcpListener::bind(server, "0.0.0.0:7", 2).await.unwrap();
        let sockets = (
            udp(server, 53).await.unwrap(),
            udp(client, 54).await.unwrap(),
        );
        let own = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFE, 0, 0, 1];
        let kinds = [
            datagram(nobody(1), 53),
            datagram(Ipv4Addr::UNSPECIFIED, 53),
            datagram(Ipv4Addr::BROADCAST, 54),
            datagram(SERVER, 99),
            datagram(nobody(1), 99),
            wish(nobody(2), 7),
            wish(SERVER, 7),
            wish(Ipv4Addr::UNSPECIFIED, 9),
            question(nobody(3), 3),
            question(SERVER, 1),
            question(Ipv4Addr::UNSPECIFIED, 1),
            question_v6(own, false),
            question_v6(own, true),
        ];
        for kind in &kinds {
            cable.inject(0, kind.clone());
            sleep(Duration::from_millis(1)).await;
        }
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut draw = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 16) as usize % below
        };
        for _ in 0..2000 {
            let mut frame = kinds[draw(kinds.len())].clone();
            for _ in 0..draw(4) {
                let place = draw(frame.len());
                frame[place] = draw(256) as u8;
            }
            frame.truncate(frame.len() - if draw(4) == 0 { draw(frame.len()) } else { 0 });
            cable.inject(0, frame);
            if draw(10) == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        // Longer than what somebody may have said about another's address is believed.
        sleep(Duration::from_secs(70)).await;
        talk(&sockets.0, &sockets.1).await;
        let near = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
        let far = loop {
            let (far, peer) = listener.accept().await.unwrap();
            if peer == near.local_addr().unwrap() {
                break far;
            }
        };
        near.write_all(b"still here").await.unwrap();
        far.read_exact(&mut [0; 10]).await.unwrap();
    });
}

#[test]
fn the_link_is_known_and_waited_for() {
    test(7, async {
        let (cable, server, client) = pair(7);
        let waiter = spawn(async move {
            server.wait_link(false).await;
            server.wait_link(true).await;
        });
        sleep(Duration::from_secs(1)).await;
        assert!(server.link_is_up());
        cable.set_up(false);
        client.wait_link(false).await;
        sleep(Duration::from_secs(1)).await;
        assert!(!server.link_is_up());
        cable.set_up(true);
        waiter.unwrap().await.unwrap();
        connect(server, client).await;
    });
}

#[test]
fn what_cannot_be_sent_to_is_an_error_that_says_why() {
    test(8, async {
        let (cable, one, other) = Cable::new(8);
        let server = stack(SERVER, 1, one, 8);
        let client = stack(Ipv4Addr::UNSPECIFIED, 2, other, 9);
        let _listener = TcpListener::bind(server, "0.0.0.0:7", 2).await.unwrap();
        let socket = udp(client, 0).await.unwrap();
        let both = async |addr: SocketAddr| {
            let connected = TcpStream::connect(client, addr).await.map(drop);
            let sent = socket.send_to(b"x", addr).await;
            assert_eq!(connected.err(), sent.err());
            sent
        };
        let there = SocketAddr::from((SERVER, 7));
        let away = SocketAddr::from(([192, 0, 2, 1], 7));
        assert_eq!(both(there).await, Err(Error::NoAddress));
        client.add_address(CLIENT.into(), 24).unwrap();
        assert_eq!(both(there).await, Ok(1));
        assert_eq!(both(away).await, Err(Error::NetworkUnreachable));
        let own = SocketAddr::from((CLIENT, 7));
        assert_eq!(both(own).await, Err(Error::HostUnreachable));
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7));
        assert_eq!(both(nowhere).await, Err(Error::InvalidAddress));
        assert_eq!(both((SERVER, 0).into()).await, Err(Error::InvalidAddress));
        // A gateway that is not there, and one that throws away what it gets.
        client.set_gateway(nobody(0).into()).unwrap();
        let connect = async |addr: SocketAddr| TcpStream::connect(client, addr).await.map(drop);
        assert_eq!(connect(away).await, Err(Error::HostUnreachable));
        client.set_gateway(SERVER.into()).unwrap();
        let start = now().unwrap();
        assert_eq!(connect(away).await, Err(Error::TimedOut));
        assert_eq!(now().unwrap() - start, client.tcp().connect_timeout);
        cable.loss.set(100);
        assert!(connect(there).await.is_err());
    });
}
