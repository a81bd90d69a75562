//! Addresses from the network.

use std::cell::Cell;

use polliwog_spin::stack::smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr};

use super::*;

/// A server with one address to give, which it refuses to extend once it has another one to give.
async fn serve(stack: &'static Stack, gives: Rc<Cell<Ipv4Addr>>) {
    let socket = udp(stack, 67).await.unwrap();
    let mut buf = [0; 1024];
    loop {
        let (count, _) = socket.recv_from(&mut buf).await.unwrap();
        let packet = DhcpPacket::new_checked(&buf[..count]).unwrap();
        let question = DhcpRepr::parse(&packet).unwrap();
        let asked = question.requested_ip.unwrap_or(question.client_ip);
        let message_type = match question.message_type {
            DhcpMessageType::Discover => DhcpMessageType::Offer,
            DhcpMessageType::Request if asked == gives.get() => DhcpMessageType::Ack,
            DhcpMessageType::Request => DhcpMessageType::Nak,
            _ => continue,
        };
        let answer = DhcpRepr {
            message_type,
            your_ip: gives.get(),
            server_ip: SERVER,
            server_identifier: Some(SERVER),
            router: Some(SERVER),
            subnet_mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
            lease_duration: Some(120),
            requested_ip: None,
            client_identifier: None,
            parameter_request_list: None,
            max_size: None,
            ..question
        };
        let mut bytes = vec![0; answer.buffer_len()];
        answer
            .emit(&mut DhcpPacket::new_unchecked(&mut bytes[..]))
            .unwrap();
        let to = SocketAddr::from((Ipv4Addr::BROADCAST, 68));
        socket.send_to(&bytes, to).await.unwrap();
    }
}

#[test]
fn an_address_comes_and_goes() {
    test(6, async {
        let (cable, one, other) = Cable::new(6);
        let server = stack(SERVER, 1, one, 6);
        let client = stack(Ipv4Addr::UNSPECIFIED, 2, other, 7);
        assert_eq!(client.address(), None);
        client.start_dhcp().unwrap();
        client.start_dhcp().unwrap();
        let waited = timeout(Duration::from_secs(60), client.wait_address()).await;
        assert!(waited.is_err(), "there is no server yet");
        let gives = Rc::new(Cell::new(CLIENT));
        spawn(serve(server, gives)).unwrap().detach();
        assert_eq!(client.wait_address().await, CLIENT);
        connect(server, client).await;
        // The lease is renewed for as long as the server can be reached.
        sleep(Duration::from_secs(1000)).await;
        assert_eq!(client.address(), Some(CLIENT));
        cable.loss.set(100);
        sleep(Duration::from_secs(300)).await;
        assert_eq!(client.address(), None);
        cable.loss.set(0);
        assert_eq!(client.wait_address().await, CLIENT);
        // Behind a link that comes back there may be another network.
        cable.set_up(false);
        client.wait_link(false).await;
        cable.set_up(true);
        client.wait_link(true).await;
        sleep(Duration::from_secs(30)).await;
        assert_eq!(client.address(), Some(CLIENT));
        connect(server, client).await;
    });
}

#[test]
fn an_address_that_changes_ends_connections_and_nothing_else() {
    test(7, async {
        const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);
        let (_, one, other) = Cable::new(7);
        let server = stack(SERVER, 1, one, 7);
        let client = stack(Ipv4Addr::UNSPECIFIED, 2, other, 8);
        let gives = Rc::new(Cell::new(CLIENT));
        spawn(serve(server, gives.clone())).unwrap().detach();
        client.start_dhcp().unwrap();
        // Before there is an address.
        let listener = TcpListener::bind(client, "0.0.0.0:8", 2).await.unwrap();
        assert_eq!(client.wait_address().await, CLIENT);
        for (from, to) in [(CLIENT, OTHER), (OTHER, CLIENT)] {
            let (far, near) = connect(server, client).await;
            let at_client = TcpStream::connect(server, (from, 8)).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            gives.set(to);
            let readers = [far, near, at_client, accepted]
                .map(|stream| spawn(async move { stream.read(&mut [0; 1]).await }).unwrap());
            let until = now().unwrap() + Duration::from_secs(600);
            while client.address() != Some(to) {
                assert!(now().unwrap() < until, "it is renewed within a lease");
                sleep(Duration::from_secs(1)).await;
            }
            for reader in readers {
                let read = timeout(TIMEOUT * 2, reader).await.unwrap().unwrap();
                assert_eq!(read, Err(Error::ConnectionReset));
            }
            let stream = TcpStream::connect(server, (to, 8)).await.unwrap();
            stream.write_all(b"frog").await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            accepted.read_exact(&mut [0; 4]).await.unwrap();
            let near = TcpStream::connect(client, (SERVER, 8)).await;
            assert_eq!(near.unwrap_err(), Error::ConnectionRefused);
        }
    });
}

/// A lease of two minutes, on a cable that loses a tenth of all frames and brings another tenth late: it is asked for
/// often enough before it ends.
#[test]
fn an_address_is_kept_on_a_bad_cable() {
    test(8, async {
        let (cable, one, other) = Cable::new(8);
        let server = stack(SERVER, 1, one, 8);
        let client = stack(Ipv4Addr::UNSPECIFIED, 2, other, 9);
        client.start_dhcp().unwrap();
        let gives = Rc::new(Cell::new(CLIENT));
        spawn(serve(server, gives)).unwrap().detach();
        assert_eq!(client.wait_address().await, CLIENT);
        cable.loss.set(10);
        cable.disorder.set(10);
        for _ in 0..4_000 {
            sleep(Duration::from_secs(5)).await;
            assert_eq!(client.address(), Some(CLIENT), "{:?}", now());
        }
    });
}
