//! TCP and UDP between hosts.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use polliwog_core::spawn;
use polliwog_core::time::{Instant, sleep, timeout};
use polliwog_spin::Error;
use polliwog_spin::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{self, Latency, Link, Simulation};

use crate::{Done, ask, echo, millis, run, secs};

fn fixed(latency: Duration) -> Link {
    Link::new(Latency::fixed(latency))
}

#[test]
fn latency_is_paid_each_way() {
    let mut simulation = Simulation::builder(1).link(fixed(millis(10))).build();
    simulation.host("echo", echo);
    simulation.client("client", async {
        let start = Instant::now();
        let stream = TcpStream::connect("echo:7").await?;
        assert_eq!(start.elapsed(), millis(20));
        assert_eq!(ask(&stream, b"frog").await?, b"frog");
        assert_eq!(start.elapsed(), millis(40));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn bandwidth_is_shared_by_what_is_sent() {
    let link = fixed(millis(10)).bandwidth(100_000);
    let mut simulation = Simulation::builder(1)
        .link(link)
        .tcp_window(1 << 20)
        .build();
    simulation.host("sink", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _) = listener.accept().await?;
        let mut buf = vec![0; 500_000];
        stream.read_exact(&mut buf).await?;
        assert!(
            buf.iter()
                .enumerate()
                .all(|(at, byte)| *byte == (at / 1000) as u8)
        );
        stream.write_all(b".").await
    });
    simulation.client("client", async {
        let stream = TcpStream::connect("sink:7").await?;
        let start = Instant::now();
        for part in 0..500_u32 {
            stream.write_all(&[part as u8; 1000]).await?;
        }
        stream.read_exact(&mut [0]).await?;
        let took = start.elapsed();
        assert!(took > secs(5) && took < secs(6), "{took:?}");
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_stream_stays_a_stream_whatever_the_link_does() {
    for seed in 0..20 {
        let link = Link::new(Latency::exponential(millis(1), millis(5)))
            .jitter(millis(3))
            .loss(0.2)
            .reorder(0.3)
            .duplicate(0.5);
        let mut simulation = Simulation::builder(seed)
            .link(link)
            .tcp_window(3000)
            .build();
        simulation.host("echo", echo);
        simulation.client("client", async {
            let stream = TcpStream::connect("echo:7").await?;
            let (reader, writer) = stream.into_split();
            let task = spawn(async move {
                for part in 0..200_u32 {
                    writer.write_all(&part.to_be_bytes().repeat(50)).await?;
                }
                writer.shutdown()
            });
            let mut buf = [0; 200];
            for part in 0..200_u32 {
                reader.read_exact(&mut buf).await?;
                assert_eq!(buf.to_vec(), part.to_be_bytes().repeat(50));
            }
            assert_eq!(reader.read(&mut buf).await?, 0);
            task.unwrap().await.unwrap()
        });
        run(simulation);
    }
}

#[test]
fn a_writer_waits_while_nobody_reads() {
    let mut simulation = Simulation::builder(1).tcp_window(1000).build();
    simulation.host("lazy", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _) = listener.accept().await?;
        sleep(secs(100)).await;
        let mut all = 0;
        let mut buf = [0; 700];
        while let count @ 1.. = stream.read(&mut buf).await? {
            all += count;
        }
        assert_eq!(all, 10_000);
        Done::Ok(())
    });
    simulation.client("client", async {
        let stream = TcpStream::connect("lazy:7").await?;
        let start = Instant::now();
        assert_eq!(stream.write(&[1; 2000]).await?, 1000);
        assert_eq!(stream.try_write(&[1]), Err(Error::WouldBlock));
        assert!(timeout(secs(50), stream.writable()).await.is_err());
        stream.write_all(&[1; 9000]).await?;
        assert!(start.elapsed() >= secs(100));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn names_and_both_families() {
    let mut simulation = Simulation::new(1);
    simulation.host("echo", || async {
        let v6 = async {
            let listener = TcpListener::bind("[::]:8").await?;
            let (stream, peer) = listener.accept().await?;
            assert!(peer.is_ipv6());
            stream.write_all(b"6").await
        };
        let v6 = spawn(v6).unwrap();
        let result = echo().await;
        v6.await.unwrap()?;
        result
    });
    simulation.client("client", async {
        let control = sim::control();
        assert_eq!(
            control.addr("echo"),
            Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)))
        );
        assert_eq!(
            control.addr("client"),
            Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)))
        );
        let stream = TcpStream::connect("echo:7").await?;
        assert_eq!(stream.peer_addr()?.to_string(), "10.0.0.1:7");
        assert_eq!(stream.local_addr()?.ip().to_string(), "10.0.0.2");
        let stream = TcpStream::connect(("echo", 7)).await?;
        assert_eq!(ask(&stream, b"x").await?, b"x");
        let stream = TcpStream::connect("[fd00::1]:8").await?;
        assert_eq!(
            stream.local_addr()?.ip(),
            "fd00::2".parse::<Ipv6Addr>().unwrap()
        );
        stream.read_exact(&mut [0]).await?;
        let nobody = TcpStream::connect("toad:7").await.unwrap_err();
        assert_eq!(nobody, Error::NameNotFound);
        let unreachable = TcpStream::connect("10.9.9.9:7").await.unwrap_err();
        assert_eq!(unreachable, Error::HostUnreachable);
        let foreign = TcpListener::bind("10.0.0.1:7").await.unwrap_err();
        assert_eq!(foreign, Error::AddrNotAvailable);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_host_has_a_localhost_of_its_own() {
    let mut simulation = Simulation::new(1);
    for name in ["one", "two"] {
        simulation.client(name, async {
            let listener = TcpListener::bind("127.0.0.1:80").await?;
            assert_eq!(
                TcpListener::bind("0.0.0.0:80").await.unwrap_err(),
                Error::AddrInUse
            );
            let client = TcpStream::connect("localhost:80").await?;
            let (server, peer) = listener.accept().await?;
            assert_eq!(peer, client.local_addr()?);
            server.write_all(b"hi").await?;
            client.read_exact(&mut [0; 2]).await?;
            // From outside it cannot be reached.
            let other = if sim::host_name().as_deref() == Some("one") {
                "two:80"
            } else {
                "one:80"
            };
            assert_eq!(
                TcpStream::connect(other).await.unwrap_err(),
                Error::ConnectionRefused
            );
            sleep(secs(1)).await;
            Done::Ok(())
        });
    }
    run(simulation);
}

#[test]
fn ends_of_connections() {
    let mut simulation = Simulation::new(1);
    simulation.host("server", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        // Sends and closes; the client has written nothing.
        let (stream, _) = listener.accept().await?;
        stream.write_all(b"all").await?;
        drop(stream);
        // Closes with something unread.
        let (stream, _) = listener.accept().await?;
        stream.readable().await?;
        drop(stream);
        // Half-closed.
        let (stream, _) = listener.accept().await?;
        let mut buf = [0; 10];
        assert_eq!(stream.read(&mut buf).await?, 3);
        assert_eq!(stream.read(&mut buf).await?, 0);
        stream.write_all(b"late").await?;
        drop(listener);
        sleep(secs(10)).await;
        Done::Ok(())
    });
    simulation.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        stream.read_exact(&mut [0; 3]).await?;
        assert_eq!(stream.read(&mut [0]).await?, 0);
        // As on a real network: the first write goes out, and is answered by a reset.
        assert_eq!(stream.write(b"x").await?, 1);
        sleep(secs(1)).await;
        assert_eq!(stream.write(b"x").await.unwrap_err(), Error::BrokenPipe);

        let stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"unread").await?;
        assert_eq!(
            stream.read(&mut [0]).await.unwrap_err(),
            Error::ConnectionReset
        );

        let stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"all").await?;
        stream.shutdown(Shutdown::Write)?;
        assert_eq!(stream.write(b"x").await.unwrap_err(), Error::BrokenPipe);
        let mut buf = [0; 4];
        stream.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"late");
        sleep(secs(1)).await;
        assert_eq!(
            TcpStream::connect("server:7").await.unwrap_err(),
            Error::ConnectionRefused
        );
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn connections_that_nobody_accepts() {
    let mut simulation = Simulation::new(1);
    simulation.host("busy", || async {
        let listener = TcpListener::bind_with_backlog("0.0.0.0:7", 1).await?;
        sleep(secs(10)).await;
        assert!(listener.try_accept().is_ok());
        sleep(secs(10)).await;
        drop(listener);
        sleep(secs(10)).await;
        Done::Ok(())
    });
    simulation.client("client", async {
        let first = TcpStream::connect("busy:7").await?;
        let second = TcpStream::connect("busy:7").await?;
        // The backlog is full: one more than its number, as on Linux.
        let start = Instant::now();
        let third = TcpStream::connect("busy:7").await?;
        assert!(start.elapsed() > secs(9) && start.elapsed() < secs(20));
        assert!(
            timeout(secs(1), TcpStream::connect("busy:7"))
                .await
                .is_err()
        );
        sleep(secs(21) - start.elapsed()).await;
        // The first was accepted and dropped, the others never.
        assert_eq!(first.read(&mut [0]).await, Ok(0));
        assert_eq!(second.read(&mut [0]).await, Err(Error::ConnectionReset));
        assert_eq!(third.read(&mut [0]).await, Err(Error::ConnectionReset));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn ports_are_exhausted_and_come_back() {
    let mut simulation = Simulation::builder(1)
        .ephemeral_ports(100)
        .time_wait(secs(30))
        .build();
    simulation.host("echo", echo);
    simulation.host("other", echo);
    simulation.client("client", async {
        let mut count = 0;
        let refused = loop {
            // It closes first, so its port stays taken.
            match TcpStream::connect("echo:7").await {
                Ok(stream) => drop(stream),
                Err(error) => break error,
            }
            count += 1;
        };
        assert_eq!((refused, count), (Error::AddrNotAvailable, 100));
        // Another destination has ports of its own.
        drop(TcpStream::connect("other:7").await?);
        sleep(secs(31)).await;
        drop(TcpStream::connect("echo:7").await?);
        let mut listeners = Vec::new();
        let refused = loop {
            match TcpListener::bind("0.0.0.0:0").await {
                Ok(listener) => listeners.push(listener),
                Err(error) => break error,
            }
        };
        assert_eq!((refused, listeners.len()), (Error::AddrNotAvailable, 100));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn datagrams_are_lost_doubled_and_out_of_order() {
    let link = Link::new(Latency::uniform(millis(1), millis(10)))
        .loss(0.1)
        .duplicate(0.1);
    let mut simulation = Simulation::builder(1).link(link).build();
    simulation.host("sink", || async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let mut buf = [0; 100];
        let mut all = Vec::new();
        while let Ok(received) = timeout(secs(1), socket.recv_from(&mut buf)).await {
            let (count, from) = received?;
            assert_eq!(from.ip().to_string(), "10.0.0.2");
            all.push(u32::from_be_bytes(buf[..count].try_into().unwrap()));
        }
        let different: BTreeSet<u32> = all.iter().copied().collect();
        assert!((850..950).contains(&different.len()), "{}", different.len());
        assert!(
            (50..150).contains(&(all.len() - different.len())),
            "{}",
            all.len()
        );
        assert!(!all.is_sorted());
        Done::Ok(())
    });
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect("sink:7").await?;
        for number in 0..1000_u32 {
            assert_eq!(socket.send(&number.to_be_bytes()).await?, 4);
            sleep(Duration::from_micros(100)).await;
        }
        sleep(secs(3)).await;
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn limits_of_datagrams() {
    let mut simulation = Simulation::builder(1)
        .max_datagram(1000)
        .datagram_buffer(2500)
        .build();
    simulation.host("sink", || async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        sleep(secs(1)).await;
        let mut buf = [0; 10];
        // The third one found no room; of each there was room for so much.
        for _ in 0..2 {
            assert_eq!(socket.peek(&mut buf).await?, 10);
            assert_eq!(socket.try_recv_from(&mut buf)?.0, 10);
        }
        assert_eq!(socket.try_recv(&mut buf), Err(Error::WouldBlock));
        Done::Ok(())
    });
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        assert_eq!(socket.send(b"x").await, Err(Error::NotConnected));
        assert_eq!(
            socket.send_to(&[0; 1001], "sink:7").await,
            Err(Error::MessageTooLong)
        );
        assert_eq!(
            socket.send_to(b"x", "255.255.255.255:7").await,
            Err(Error::PermissionDenied)
        );
        for _ in 0..3 {
            socket.send_to(&[0; 1000], "sink:7").await?;
        }
        // Nobody listens there; nobody tells.
        socket.send_to(b"x", "sink:8").await?;
        let same = UdpSocket::bind(("0.0.0.0", socket.local_addr()?.port())).await;
        assert_eq!(same.unwrap_err(), Error::AddrInUse);
        sleep(secs(2)).await;
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn outside_of_a_simulation_there_are_no_datagrams() {
    let refused = polliwog_spin::block_on(UdpSocket::bind("127.0.0.1:0")).unwrap_err();
    assert_eq!(refused, Error::Unsupported);
}

#[test]
fn empty_datagrams_fill_a_buffer_too() {
    let mut simulation = Simulation::builder(1).datagram_buffer(100).build();
    simulation.client("frog", async {
        let socket = UdpSocket::bind("127.0.0.1:7").await.unwrap();
        for _ in 0..1000 {
            socket.send_to(b"", "127.0.0.1:7").await.unwrap();
        }
        sleep(millis(1)).await;
        let mut count = 0;
        while socket.try_recv_from(&mut [0; 1]).is_ok() {
            count += 1;
        }
        assert_eq!(count, 100);
        socket.send_to(b"", "127.0.0.1:7").await.unwrap();
        assert_eq!(socket.recv(&mut [0; 1]).await, Ok(0));
    });
    run(simulation);
}

#[test]
fn a_peer_is_the_same_by_any_scope() {
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async {
        let pond = UdpSocket::bind("[::]:7").await.unwrap();
        let socket = UdpSocket::bind("[::]:8").await.unwrap();
        let peer = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 5, 3);
        socket.connect(SocketAddr::from(peer)).await.unwrap();
        socket.send(b"frog").await.unwrap();
        let (count, from) = pond.recv_from(&mut [0; 4]).await.unwrap();
        pond.send_to(&vec![0; count], from).await.unwrap();
        assert_eq!(socket.recv(&mut [0; 9]).await, Ok(4));
    });
    run(simulation);
}

#[test]
fn no_datagram_is_larger_than_udp_has_them() {
    let mut simulation = Simulation::builder(1)
        .max_datagram(1 << 20)
        .capture()
        .build();
    simulation.client("frog", async {
        let socket = UdpSocket::bind("127.0.0.1:7").await.unwrap();
        let sent = socket.send_to(&[0; 65_530], "127.0.0.1:7").await;
        assert_eq!(sent, Err(Error::MessageTooLong));
        let sent = socket.send_to(&[0; 65_507], "127.0.0.1:7").await;
        assert_eq!(sent, Ok(65_507));
    });
    run(simulation);
}
