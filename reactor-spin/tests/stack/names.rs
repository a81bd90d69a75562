//! Names, and IPv6.

use std::net::{IpAddr, Ipv6Addr};

use polliwog_spin::stack::{DnsBuffers, lookup_host};

use super::*;

/// Answers questions for addresses of the name `frog.example`, and of no other.
async fn serve(stack: &'static Stack) {
    let socket = udp(stack, 53).await.unwrap();
    let mut buf = [0; 512];
    loop {
        let (count, from) = socket.recv_from(&mut buf).await.unwrap();
        let mut answer = buf[..count].to_vec();
        // It is an answer, and recursion is available.
        answer[2] |= 0x80;
        answer[3] |= 0x80;
        let is_known = answer[12..].starts_with(b"\x04frog\x07example\0\0\x01");
        if is_known {
            answer[7] = 2;
            for last in [1, 2] {
                // The name is that of the question, for a minute.
                answer.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04");
                answer.extend([10, 0, 0, last]);
            }
        } else {
            // No such name.
            answer[3] |= 3;
        }
        sleep(Duration::from_millis(5)).await;
        socket.send_to(&answer, from).await.unwrap();
    }
}

#[test]
fn names_are_looked_up() {
    test(1, async {
        let (cable, server, client) = pair(1);
        let early = client.resolve("frog.example").await;
        assert_eq!(early.err(), Some(Error::NotConnected));
        client
            .start_dns(leak(DnsBuffers::<1>::new()), &[SERVER.into()])
            .unwrap();
        spawn(serve(server)).unwrap().detach();
        let all =
            async |name| -> Result<Vec<_>, Error> { Ok(client.resolve(name).await?.collect()) };
        let frog: [IpAddr; 2] = [SERVER.into(), CLIENT.into()];
        assert_eq!(all("frog.example").await.unwrap(), frog);
        assert_eq!(
            all("10.1.2.3").await.unwrap(),
            [IpAddr::from([10, 1, 2, 3])]
        );
        assert_eq!(all("toad.example").await, Err(Error::NameNotFound));
        for wrong in ["", "..", "frog..example"] {
            assert_eq!(all(wrong).await, Err(Error::InvalidAddress), "{wrong:?}");
        }
        // There is memory for one question at a time: the others wait, and one gives up.
        let given_up = timeout(Duration::from_millis(1), client.resolve("frog.example")).await;
        assert!(given_up.is_err());
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let found = async { client.resolve("frog.example").await.unwrap().count() };
                spawn(found).unwrap()
            })
            .collect();
        for task in tasks {
            let count = timeout(Duration::from_secs(1), task).await.unwrap();
            assert_eq!(count.unwrap(), 2);
        }
        let mut found = lookup_host(client, "frog.example:80").await.unwrap();
        assert_eq!(found.next(), Some(SocketAddr::from((SERVER, 80))));
        let missing = lookup_host(client, "frog.example").await.err();
        assert_eq!(missing, Some(Error::InvalidAddress));
        cable.loss.set(100);
        assert_eq!(all("frog.example").await, Err(Error::NameNotFound));
    });
}

#[test]
fn a_server_that_is_there_is_found_beside_hosts_that_are_not() {
    test(2, async {
        let (_, server, client) = pair(2);
        client
            .start_dns(leak(DnsBuffers::<2>::new()), &[SERVER.into()])
            .unwrap();
        spawn(serve(server)).unwrap().detach();
        let absent = spawn(TcpStream::connect(client, (fire::nobody(0), 7)));
        sleep(Duration::from_millis(1)).await;
        let found = timeout(Duration::from_millis(100), client.resolve("frog.example")).await;
        assert_eq!(found.unwrap().unwrap().count(), 2);
        assert!(absent.unwrap().await.unwrap().is_err());
    });
}

#[test]
fn ipv6() {
    test(3, async {
        let (cable, server, client) = pair(3);
        let link_local = |stack: &Stack| {
            let mut all = (0..4).filter_map(|number| stack.nth_address(number));
            let found = all.find(IpAddr::is_ipv6);
            found.expect("every host has one")
        };
        let own = |last| Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, last);
        server.add_address(own(1).into(), 64).unwrap();
        client.add_address(own(2).into(), 64).unwrap();
        let listener = TcpListener::bind(server, "[::]:7", 2).await.unwrap();
        let far_socket = udp(server, 53).await.unwrap();
        let near_socket = udp(client, 54).await.unwrap();
        for addr in [link_local(server), own(1).into()] {
            let near = TcpStream::connect(client, (addr, 7)).await.unwrap();
            let (far, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, near.local_addr().unwrap());
            near.write_all(b"six").await.unwrap();
            let mut buf = [0; 3];
            far.read_exact(&mut buf).await.unwrap();
            near_socket.send_to(b"six", (addr, 53)).await.unwrap();
            let (_, from) = far_socket.recv_from(&mut buf).await.unwrap();
            far_socket.send_to(b"yes", from).await.unwrap();
            let (_, from) = near_socket.recv_from(&mut buf).await.unwrap();
            assert_eq!((&buf, from), (b"yes", SocketAddr::new(addr, 53)));
        }
        let absent = TcpStream::connect(client, (own(9), 7)).await.err();
        assert_eq!(absent, Some(Error::HostUnreachable));
        let away = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1);
        let no_way = TcpStream::connect(client, (away, 7)).await.err();
        assert_eq!(no_way, Some(Error::NetworkUnreachable));
        let too_long = near_socket.send_to(&[0; 1453], (own(1), 53)).await;
        assert_eq!(too_long, Err(Error::MessageTooLong));
        cable.loss.set(20);
        let (far, near) = {
            let near = TcpStream::connect(client, (own(1), 7)).await.unwrap();
            (listener.accept().await.unwrap().0, near)
        };
        near.write_all(&[6; 2000]).await.unwrap();
        far.read_exact(&mut [0; 2000]).await.unwrap();
    });
}
