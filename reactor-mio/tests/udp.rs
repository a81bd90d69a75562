//! Datagrams, and the smaller methods of a stream's halves.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join;
use polliwog_core::time::timeout;
use polliwog_mio::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_mio::{block_on, spawn};

async fn sockets() -> (UdpSocket, SocketAddr, UdpSocket, SocketAddr) {
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let two = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (at_one, at_two) = (one.local_addr().unwrap(), two.local_addr().unwrap());
    (one, at_one, two, at_two)
}

#[test]
fn datagrams_keep_their_borders_and_say_where_they_come_from() {
    block_on(async {
        let (one, at_one, two, at_two) = sockets().await;
        for length in [0, 1, 1000, 9000] {
            assert_eq!(one.send_to(&vec![7; length], at_two).await.unwrap(), length);
        }
        let mut buf = [0; 10_000];
        for length in [0, 1, 1000, 9000] {
            assert_eq!(two.recv_from(&mut buf).await.unwrap(), (length, at_one));
            assert!(buf[..length].iter().all(|byte| *byte == 7));
        }
        let name = format!("localhost:{}", at_two.port());
        assert_eq!(one.send_to(b"by name", name).await.unwrap(), 7);
        assert_eq!(two.recv_from(&mut buf).await.unwrap().0, 7);
    });
}

#[test]
fn a_connected_socket_hears_its_peer_only() {
    block_on(async {
        let (one, at_one, two, at_two) = sockets().await;
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(
            one.peer_addr().unwrap_err().kind(),
            io::ErrorKind::NotConnected
        );
        one.connect(at_two).await.unwrap();
        assert_eq!(one.peer_addr().unwrap(), at_two);
        stranger.send_to(b"psst", at_one).await.unwrap();
        let heard = spawn(async move {
            let mut buf = [0; 16];
            let count = one.recv(&mut buf).await.unwrap();
            one.send(&buf[..count]).await.unwrap();
            buf[..count].to_vec()
        });
        two.send_to(b"hello", at_one).await.unwrap();
        assert_eq!(heard.unwrap().await.unwrap(), b"hello");
        let mut buf = [0; 16];
        assert_eq!(two.recv_from(&mut buf).await.unwrap(), (5, at_one));
    });
}

#[test]
fn a_wait_for_a_datagram_can_be_given_up() {
    block_on(async {
        let (one, at_one, two, _) = sockets().await;
        let mut buf = [0; 16];
        for round in 0..20_u8 {
            let wait = timeout(Duration::from_micros(50), one.recv_from(&mut buf));
            assert!(wait.await.is_err());
            two.send_to(&[round], at_one).await.unwrap();
            assert_eq!(one.recv_from(&mut buf).await.unwrap().0, 1);
            assert_eq!(buf[0], round);
        }
    });
}

#[test]
fn addresses_that_cannot_be_used_are_errors() {
    block_on(async {
        let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let again = UdpSocket::bind(taken.local_addr().unwrap()).await;
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(UdpSocket::bind("no address").await.is_err());
        let everybody = ("255.255.255.255", 9);
        assert!(taken.send_to(b"x", everybody).await.is_err());
        taken.set_broadcast(true).unwrap();
        let plain = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = plain.local_addr().unwrap();
        let plain = UdpSocket::from_std(plain).unwrap();
        assert_eq!(plain.local_addr().unwrap(), address);
        assert!(format!("{plain:?}").contains("UdpSocket"));
    });
}

#[test]
fn halves_know_their_stream() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (client, server) = join(TcpStream::connect(addr), listener.accept()).await;
        let (client, (server, peer)) = (client.unwrap(), server.unwrap());
        let (reader, writer) = client.split();
        assert_eq!(reader.peer_addr().unwrap(), addr);
        assert_eq!(writer.peer_addr().unwrap(), addr);
        assert_eq!(writer.stream().local_addr().unwrap(), peer);
        assert_eq!(reader.stream().local_addr().unwrap(), peer);
        server.write_all(b"abcd").await.unwrap();
        let mut buf = [0; 4];
        assert!(reader.peek(&mut buf).await.unwrap() > 0);
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"abcd");
        writer.write_all(b"end").await.unwrap();
        writer.shutdown().unwrap();
        assert!(writer.write(b"more").await.is_err());
        let mut said = [0; 3];
        server.read_exact(&mut said).await.unwrap();
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);

        // A half that was forgotten leaves the other direction open.
        let (reader, writer) = server.into_split();
        writer.forget();
        let read = poll_fn(|cx| Poll::Ready(client.poll_read(cx, &mut buf))).await;
        assert!(read.is_pending(), "nothing was shut down");
        drop(reader);
        assert_eq!(client.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn what_does_not_wait_and_what_only_looks() {
    use std::io::ErrorKind;
    block_on(async {
        let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (a, b) = (here.local_addr().unwrap(), there.local_addr().unwrap());
        let mut buf = [0; 8];
        let nothing = here.try_recv_from(&mut buf).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let nothing = here.try_peek_from(&mut buf).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        there.writable().await.unwrap();
        assert_eq!(there.try_send_to(b"one", a).unwrap(), 3);
        here.readable().await.unwrap();
        assert_eq!(here.peek_from(&mut buf).await.unwrap(), (3, b));
        assert_eq!(here.try_peek_from(&mut buf).unwrap(), (3, b));
        assert_eq!(here.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(here.try_recv_from(&mut buf).unwrap(), (3, b));
        here.connect(b).await.unwrap();
        there.connect(a).await.unwrap();
        assert_eq!(here.peer_addr().unwrap(), b);
        assert_eq!(there.try_send(b"two").unwrap(), 3);
        assert_eq!(here.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(there.send(b"three").await.unwrap(), 5);
        // It is still taken for ready, as nothing has found it empty, and the datagram may be on its way.
        let received = loop {
            here.readable().await.unwrap();
            match here.try_recv(&mut buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                received => break received,
            }
        };
        assert_eq!(received.unwrap(), 5);
        // Connected: from others nothing comes.
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        other.send_to(b"x", a).await.unwrap();
        there.send(b"four").await.unwrap();
        assert_eq!(here.recv(&mut buf).await.unwrap(), 4);
        let here = UdpSocket::from_std(here.into_std().unwrap()).unwrap();
        there.send(b"5").await.unwrap();
        assert_eq!(here.recv(&mut buf).await.unwrap(), 1);
    });
}

/// What the system learns of an earlier datagram is an error once, and the socket lives on.
#[cfg(unix)]
#[test]
fn a_peer_that_is_not_there_is_an_error_once() {
    use std::io::ErrorKind;
    block_on(async {
        // It keeps its port from others, and listens to nobody but itself.
        let deaf = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = deaf.local_addr().unwrap();
        deaf.connect(addr).unwrap();
        let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        here.connect(addr).await.unwrap();
        here.send(b"x").await.unwrap();
        here.readable().await.unwrap();
        let error = here.take_error().unwrap().expect("nothing was refused");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        here.send(b"x").await.unwrap();
        let error = here.recv(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        deaf.connect(here.local_addr().unwrap()).unwrap();
        deaf.send(b"y").unwrap();
        assert_eq!(here.recv(&mut [0; 1]).await.unwrap(), 1);
    });
}

#[cfg(unix)]
#[test]
fn groups_and_options() {
    use std::net::{Ipv4Addr, Ipv6Addr};
    block_on(async {
        let here = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        let port = here.local_addr().unwrap().port();
        let (group, lo) = (Ipv4Addr::new(239, 255, 11, 7), Ipv4Addr::LOCALHOST);
        here.join_multicast_v4(group, lo).unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        there.set_multicast_if_v4(lo).unwrap();
        assert_eq!(there.multicast_if_v4().unwrap(), lo);
        there.set_multicast_ttl_v4(3).unwrap();
        assert_eq!(there.multicast_ttl_v4().unwrap(), 3);
        assert!(there.multicast_loop_v4().unwrap());
        there.send_to(b"all", (group, port)).await.unwrap();
        let mut buf = [0; 8];
        let (n, from) = here.recv_from(&mut buf).await.unwrap();
        assert_eq!(
            (&buf[..n], from),
            (&b"all"[..], there.local_addr().unwrap())
        );
        here.leave_multicast_v4(group, lo).unwrap();
        assert!(here.leave_multicast_v4(group, lo).is_err());
        there.set_multicast_loop_v4(false).unwrap();
        assert!(!there.multicast_loop_v4().unwrap());

        assert!(!there.broadcast().unwrap());
        there.set_broadcast(true).unwrap();
        assert!(there.broadcast().unwrap());
        there.set_ttl(5).unwrap();
        assert_eq!(there.ttl().unwrap(), 5);
        there.set_recv_buffer_size(1 << 15).unwrap();
        assert!(there.recv_buffer_size().unwrap() >= 1 << 15);
        there.set_send_buffer_size(1 << 15).unwrap();
        assert!(there.send_buffer_size().unwrap() >= 1 << 15);

        // Not everywhere is IPv6.
        let Ok(six) = UdpSocket::bind("[::]:0").await else {
            return;
        };
        six.set_multicast_loop_v6(false).unwrap();
        assert!(!six.multicast_loop_v6().unwrap());
        six.set_multicast_hops_v6(2).unwrap();
        assert_eq!(six.multicast_hops_v6().unwrap(), 2);
        assert_eq!(six.multicast_if_v6().unwrap(), 0);
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x0b, 0x07);
        assert!(six.leave_multicast_v6(&group, 0).is_err());
        if six.join_multicast_v6(&group, 0).is_ok() {
            six.leave_multicast_v6(&group, 0).unwrap();
        }
    });
}

/// All that are there, with their lengths and peers, nothing among them.
#[test]
fn many_datagrams_come_at_once() {
    use polliwog_mio::net::RecvBatch;
    block_on(async {
        let (one, at_one, two, at_two) = sockets().await;
        let mut batch = RecvBatch::new(16, 100);
        assert!(batch.is_empty());
        let soon = timeout(Duration::from_millis(2), one.recv_many(&mut batch)).await;
        assert!(soon.is_err());
        let error = one.try_recv_many(&mut batch).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        // Windows hands out nothing of what has no room.
        let long = if cfg!(windows) { 99 } else { 250 };
        let lengths = [3, 0, 100, long, 1];
        for length in lengths {
            two.send_to(&vec![length as u8; length], at_one)
                .await
                .unwrap();
        }
        one.send_to(b"own", at_one).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < lengths.len() + 1 {
            let count = one.recv_many(&mut batch).await.unwrap();
            assert!(count == batch.len() && count > 0);
            seen.extend(batch.iter().map(|(bytes, from)| (bytes.to_vec(), from)));
        }
        // What has no room is cut off.
        let cut: Vec<_> = lengths
            .iter()
            .map(|length| vec![*length as u8; (*length).min(100)])
            .collect();
        let (own, others) = seen.split_last().unwrap();
        assert_eq!(own, &(b"own".to_vec(), at_one));
        assert!(others.iter().all(|(_, from)| *from == at_two));
        assert!(others.iter().map(|(bytes, _)| bytes).eq(&cut));
        // No more than there is room for; and again into the same batch.
        let mut small = RecvBatch::new(2, 10);
        for at in 0..5 {
            two.send_to(&[at], at_one).await.unwrap();
        }
        let mut all = Vec::new();
        while all.len() < 5 {
            assert!(one.recv_many(&mut small).await.unwrap() <= 2);
            all.extend(small.iter().map(|(bytes, _)| bytes[0]));
        }
        assert_eq!(all, [0, 1, 2, 3, 4]);
        if cfg!(windows) {
            return;
        }
        // A batch without any room still takes one, and says that it was there.
        let mut none = RecvBatch::new(0, 0);
        two.send_to(b"x", at_one).await.unwrap();
        assert_eq!(
            poll_fn(|cx| one.poll_recv_many(cx, &mut none))
                .await
                .unwrap(),
            1
        );
        assert_eq!(none.iter().next().unwrap(), (&b""[..], at_two));
    });
}

/// By one call or by several: nobody can tell.
#[test]
fn segments_are_datagrams() {
    use polliwog_mio::net::RecvBatch;
    block_on(async {
        let (one, at_one, two, at_two) = sockets().await;
        let text: Vec<u8> = (0..100_000_u32).map(|at| (at / 7) as u8).collect();
        // One, some and very many; a last one that is shorter, and one that is not.
        for (segment, length) in [
            (1200, 100_000),
            (1000, 20_000),
            (9, 1000),
            (40_000, 100_000),
            (5, 3),
        ] {
            let text = &text[..length];
            let mut batch = RecvBatch::new(64, 65_535);
            let (mut sent, mut got) = (0, Vec::new());
            while sent < length {
                let more = two
                    .send_segments_to(&text[sent..], segment, at_one)
                    .await
                    .unwrap();
                sent += more;
                assert!(more > 0 && (sent == length || sent % segment == 0));
                while got.iter().map(Vec::len).sum::<usize>() < sent {
                    one.recv_many(&mut batch).await.unwrap();
                    got.extend(batch.iter().map(|(bytes, from)| {
                        assert_eq!(from, at_two);
                        bytes.to_vec()
                    }));
                }
            }
            assert!(got.iter().map(Vec::as_slice).eq(text.chunks(segment)));
        }
        let error = two.send_segments_to(b"x", 0, at_one).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        two.connect(at_one).await.unwrap();
        assert_eq!(two.send_segments(b"hophop", 3).await.unwrap(), 6);
        let mut buf = [0; 10];
        for _ in 0..2 {
            assert_eq!(one.recv(&mut buf).await.unwrap(), 3);
        }
    });
}

/// What the system has put together is taken apart.
#[cfg(target_os = "linux")]
#[test]
fn datagrams_that_the_system_has_joined_are_taken_apart() {
    use polliwog_mio::net::RecvBatch;
    block_on(async {
        let (one, at_one, two, at_two) = sockets().await;
        assert!(!one.gro().unwrap());
        one.set_gro(true).unwrap();
        assert!(one.gro().unwrap());
        let text: Vec<u8> = (0..10_300_u32).map(|at| (at / 7) as u8).collect();
        assert_eq!(
            two.send_segments_to(&text, 1000, at_one).await.unwrap(),
            text.len()
        );
        let mut batch = RecvBatch::new(16, 65_535);
        // Twice into the same batch.
        for round in 0..2 {
            if round == 1 {
                let sent = two.send_segments_to(&text, 1000, at_one).await.unwrap();
                assert_eq!(sent, text.len());
            }
            let mut got = Vec::new();
            while got.len() < 11 {
                one.recv_many(&mut batch).await.unwrap();
                got.extend(batch.iter().map(|(bytes, from)| (bytes.to_vec(), from)));
            }
            assert!(got.iter().all(|(_, from)| *from == at_two));
            let datagrams = got.iter().map(|(bytes, _)| bytes.as_slice());
            assert!(datagrams.eq(text.chunks(1000)));
        }
    });
}

#[test]
fn datagrams_are_polled_for_as_they_are_awaited() {
    block_on(async {
        let (one, at_one, two, at_two) = sockets().await;
        one.connect(at_two).await.unwrap();
        let mut buf = [0; 8];
        poll_fn(|cx| {
            assert!(two.poll_recv_from(cx, &mut buf).is_pending());
            assert!(two.poll_recv_ready(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        poll_fn(|cx| one.poll_send_ready(cx)).await.unwrap();
        assert_eq!(poll_fn(|cx| one.poll_send(cx, b"quak")).await.unwrap(), 4);
        poll_fn(|cx| two.poll_recv_ready(cx)).await.unwrap();
        let received = poll_fn(|cx| two.poll_recv_from(cx, &mut buf)).await;
        assert_eq!(received.unwrap(), (4, at_one));
        assert_eq!(&buf[..4], b"quak");
    });
}
