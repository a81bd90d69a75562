//! The files of packets, read again from their formats' definitions (pcap, Ethernet, RFC 791, 8200, 9293, 768).

use std::collections::BTreeMap;
use std::time::Duration;

use polliwog_core::time::sleep;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{Latency, Link, Simulation};

use crate::{Done, ask, echo, millis, run};

/// A frame, taken apart.
#[derive(Debug)]
struct Frame<'a> {
    at: Duration,
    is_v6: bool,
    from: (&'a [u8], u16),
    to: (&'a [u8], u16),
    /// Flags, number, acknowledgement; of a datagram none.
    tcp: Option<(u8, u32, u32)>,
    data: &'a [u8],
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().unwrap())
}

fn half(bytes: &[u8]) -> u16 {
    u16::from_be_bytes(bytes[..2].try_into().unwrap())
}

fn big(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// The sum of all half words, which is all ones where the checksum is right.
fn sum(parts: &[&[u8]]) -> u32 {
    let mut sum = 0;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        }
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum
}

fn frames(mut file: &[u8]) -> Vec<Frame<'_>> {
    assert_eq!(word(file), 0xA1B2_3C4D, "nanoseconds");
    assert_eq!(file[4..8], [2, 0, 4, 0], "version");
    let longest = word(&file[16..]) as usize;
    assert_eq!(word(&file[20..]), 1, "Ethernet");
    file = &file[24..];
    let mut frames = Vec::new();
    while !file.is_empty() {
        let at = Duration::new(word(file).into(), word(&file[4..]));
        let length = word(&file[8..]) as usize;
        assert_eq!(length, word(&file[12..]) as usize);
        assert!(length <= longest);
        let (frame, rest) = file[16..].split_at(length);
        file = rest;
        let is_v6 = half(&frame[12..]) == 0x86DD;
        let packet = &frame[14..];
        let (protocol, from, to, segment, pseudo) = if is_v6 {
            assert_eq!(packet[0] >> 4, 6);
            let length = half(&packet[4..]);
            assert_eq!(usize::from(length), packet.len() - 40);
            let pseudo = [
                &packet[8..40],
                &u32::from(length).to_be_bytes(),
                &[0, 0, 0, packet[6]],
            ]
            .concat();
            (
                packet[6],
                &packet[8..24],
                &packet[24..40],
                &packet[40..],
                pseudo,
            )
        } else {
            assert_eq!(half(&frame[12..]), 0x0800);
            assert_eq!(packet[0], 0x45);
            assert_eq!(usize::from(half(&packet[2..])), packet.len());
            assert_eq!(sum(&[&packet[..20]]), 0xFFFF, "the checksum of the header");
            let length = (packet.len() - 20) as u16;
            let pseudo = [&packet[12..20], &[0, packet[9]], &length.to_be_bytes()].concat();
            (
                packet[9],
                &packet[12..16],
                &packet[16..20],
                &packet[20..],
                pseudo,
            )
        };
        assert_eq!(
            sum(&[&pseudo, segment]),
            0xFFFF,
            "the checksum of the segment"
        );
        let (tcp, data) = match protocol {
            6 => {
                let header = usize::from(segment[12] >> 4) * 4;
                let tcp = (segment[13], big(&segment[4..]), big(&segment[8..]));
                (Some(tcp), &segment[header..])
            }
            17 => {
                assert_eq!(usize::from(half(&segment[4..])), segment.len());
                (None, &segment[8..])
            }
            other => panic!("protocol {other}"),
        };
        frames.push(Frame {
            at,
            is_v6,
            from: (from, half(segment)),
            to: (to, half(&segment[2..])),
            tcp,
            data,
        });
    }
    frames
}

#[test]
fn a_stream_can_be_put_together_from_its_packets() {
    let link = Link::new(Latency::uniform(millis(1), millis(20)))
        .loss(0.2)
        .reorder(0.2);
    let mut simulation = Simulation::builder(5).link(link).capture().build();
    simulation.host("echo", echo);
    let sent: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let sends = sent.clone();
    simulation.client("client", async move {
        let stream = TcpStream::connect("echo:7").await?;
        for part in sends.chunks(5000) {
            ask(&stream, part).await?;
        }
        Done::Ok(())
    });
    let report = run(simulation);
    let frames = frames(&report.capture);
    assert!(frames.is_sorted_by_key(|frame| frame.at));
    let to_echo = |frame: &&Frame<'_>| frame.to.1 == 7;
    // Connecting takes three.
    let syn = frames.iter().find(to_echo).unwrap();
    assert_eq!(syn.tcp, Some((2, 0, 0)));
    let syn_ack = frames.iter().find(|frame| frame.from.1 == 7).unwrap();
    assert_eq!(syn_ack.tcp, Some((18, 0, 1)));
    for direction in [true, false] {
        let mut bytes = BTreeMap::new();
        let mut again = 0;
        let frames = frames.iter().filter(|frame| to_echo(frame) == direction);
        for frame in frames {
            assert!(frame.data.len() <= 1460);
            let (_, number, _) = frame.tcp.unwrap();
            for (at, byte) in (number..).zip(frame.data) {
                // What is sent again is the same.
                again += u32::from(
                    bytes
                        .insert(at, *byte)
                        .is_some_and(|former| former == *byte),
                );
            }
        }
        let bytes: Vec<u8> = bytes.into_values().collect();
        assert!(bytes == sent && again > 0);
    }
    // What is acknowledged had arrived: it was sent before.
    let mut next = 0;
    for frame in &frames {
        let (flags, number, ack) = frame.tcp.unwrap();
        match to_echo(&frame) {
            true => next = next.max(number + frame.data.len() as u32 + u32::from(flags & 3 != 0)),
            false => assert!(ack <= next),
        }
    }
    let last_ack = frames
        .iter()
        .filter(|frame| !to_echo(frame))
        .map(|frame| frame.tcp.unwrap().2);
    assert_eq!(last_ack.max(), Some(100_001));
}

#[test]
fn datagrams_and_both_families_are_there() {
    let mut simulation = Simulation::builder(5).capture().build();
    simulation.host("server", || async {
        let socket = UdpSocket::bind("[::]:9").await?;
        let listener = TcpListener::bind("[::]:7").await?;
        loop {
            let (_, from) = socket.recv_from(&mut [0; 16]).await?;
            socket.send_to(b"odd", from).await?;
            drop(listener.accept().await?);
        }
        #[expect(unreachable_code, reason = "it says what the future's type is")]
        Done::Ok(())
    });
    simulation.client("client", async {
        let socket = UdpSocket::bind("[::]:9").await?;
        socket.send_to(b"frog", "[fd00::1]:9").await?;
        socket.recv(&mut [0; 16]).await?;
        let stream = TcpStream::connect("[fd00::1]:7").await?;
        assert_eq!(stream.read(&mut [0]).await?, 0);
        let local = UdpSocket::bind("127.0.0.1:10").await?;
        local.send_to(&[7; 65_507], "127.0.0.1:10").await?;
        sleep(millis(100)).await;
        assert!(TcpStream::connect("server:1").await.is_err());
        Done::Ok(())
    });
    let report = run(simulation);
    let frames = frames(&report.capture);
    let data: Vec<(bool, usize)> = frames
        .iter()
        .filter(|frame| frame.tcp.is_none())
        .map(|frame| (frame.is_v6, frame.data.len()))
        .collect();
    assert_eq!(data, [(true, 4), (true, 3), (false, 65_507)]);
    let flags = |v6| {
        let tcp = frames.iter().filter(move |frame| frame.is_v6 == v6);
        tcp.filter_map(|frame| Some(frame.tcp?.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(flags(true)[..3], [2, 18, 17], "syn, syn-ack, fin");
    assert_eq!(flags(false), [2, 20], "refused");
    assert_eq!(frames[0].from.0[..2], [0xFD, 0]);
}

#[test]
fn nothing_is_kept_unless_somebody_asks() {
    let mut simulation = Simulation::new(5);
    simulation.host("echo", echo);
    simulation.client("client", async {
        let stream = TcpStream::connect("echo:7").await?;
        ask(&stream, b"frog").await.map(drop)
    });
    assert!(run(simulation).capture.is_empty());
}
