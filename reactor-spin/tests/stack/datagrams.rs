//! Sockets for datagrams.

use super::*;

#[test]
fn a_datagram_fits_into_a_packet_or_is_an_error() {
    test(1, async {
        let (_, server, client) = pair(1);
        let memory = || leak(UdpBuffers::<4, 4096>::new());
        let far = UdpSocket::bind(server, "0.0.0.0:53", memory())
            .await
            .unwrap();
        let near = UdpSocket::bind(client, "0.0.0.0:0", memory())
            .await
            .unwrap();
        let mut buf = [0; 4096];
        for len in [0, 1, 1472] {
            assert_eq!(near.send_to(&[7; 4096][..len], (SERVER, 53)).await, Ok(len));
            assert_eq!(far.recv_from(&mut buf).await.unwrap().0, len);
        }
        for len in [1473, 3000, 4096] {
            let sent = near.send_to(&[7; 4096][..len], (SERVER, 53)).await;
            assert_eq!(sent, Err(Error::MessageTooLong), "{len}");
        }
        // Nobody waits for what cannot come.
        let received = timeout(Duration::from_secs(60), far.recv_from(&mut buf)).await;
        assert!(received.is_err());
    });
}

#[test]
fn a_dropped_socket_sends_what_it_was_given_and_leaves_its_memory() {
    test(2, async {
        let (_, server, client) = pair(2);
        let far = udp(server, 53).await.unwrap();
        let mut memory = Some(leak(UdpBuffers::<4, 1024>::new()));
        for round in 0..50u8 {
            let memory = memory.take().or_else(|| client.take_buffers()).unwrap();
            let near = UdpSocket::bind(client, "0.0.0.0:54", memory).await.unwrap();
            near.send_to(&[round], (SERVER, 53)).await.unwrap();
            drop(near);
            let mut buf = [0; 4];
            assert_eq!(far.recv_from(&mut buf).await.unwrap().0, 1);
            assert_eq!(buf[0], round);
        }
        assert!(
            client.take_buffers::<4, 512>().is_none(),
            "there was none of this size"
        );
        assert!(client.take_buffers::<4, 1024>().is_some());
        assert!(client.take_buffers::<4, 1024>().is_none());
        // Neither is it lost by an error.
        let _far = udp(client, 54).await.unwrap();
        let taken = udp(client, 54).await.unwrap_err();
        assert_eq!(taken, Error::AddrInUse);
        assert!(client.take_buffers::<4, 1024>().is_some());
    });
}

#[test]
fn a_connected_socket_hears_its_peer_only() {
    test(3, async {
        let (cable, server, client) = pair(3);
        let far = udp(server, 53).await.unwrap();
        let near = udp(client, 54).await.unwrap();
        assert_eq!(far.send(b"x").await, Err(Error::NotConnected));
        assert_eq!(far.peer_addr(), Err(Error::NotConnected));
        near.connect((SERVER, 53)).await.unwrap();
        far.connect((CLIENT, 99)).await.unwrap();
        assert_eq!(near.send(b"to nobody").await, Ok(9));
        let mut buf = [0; 16];
        let unheard = timeout(Duration::from_secs(1), far.recv(&mut buf)).await;
        assert!(unheard.is_err());
        far.connect((CLIENT, 54)).await.unwrap();
        assert_eq!(near.try_send(b"hello"), Ok(5));
        timeout(Duration::from_secs(1), far.readable())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(far.peek_from(&mut buf).await.unwrap().0, 5);
        assert_eq!(far.try_recv(&mut buf), Ok(5));
        assert_eq!(far.try_recv(&mut buf), Err(Error::WouldBlock));
        near.set_ttl(1).unwrap();
        assert_eq!(near.ttl(), Ok(1));
        cable.loss.set(100);
        near.writable().await.unwrap();
    });
}

#[test]
fn one_datagram_for_all_reaches_all() {
    test(4, async {
        let (_, server, client) = pair(4);
        let far = udp(server, 53).await.unwrap();
        let near = udp(client, 54).await.unwrap();
        let mut buf = [0; 8];
        for addr in [
            Ipv4Addr::BROADCAST,
            Ipv4Addr::new(10, 0, 0, 255),
            Ipv4Addr::new(224, 0, 0, 1),
        ] {
            near.send_to(b"all", (addr, 53)).await.unwrap();
            let received = timeout(Duration::from_secs(1), far.recv_from(&mut buf)).await;
            assert_eq!(received.unwrap().unwrap().0, 3, "{addr}");
        }
    });
}
