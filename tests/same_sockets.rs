//! What sockets do when connections end, as a program sees it: the same on the system and on a simulated host.
//!
//! `cargo test --test same_sockets` has it from Linux, `cargo test --no-default-features --features sim --test
//! same_sockets` from a simulation.
#![cfg(all(target_os = "linux", any(feature = "mio", feature = "sim")))]

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use polliwog::join;
use polliwog::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixStream};
use polliwog::time::{sleep, timeout};

#[cfg(feature = "mio")]
fn run(program: impl Future<Output = io::Result<()>> + 'static) {
    polliwog::block_on(program).unwrap();
}

#[cfg(not(feature = "mio"))]
fn run(program: impl Future<Output = io::Result<()>> + 'static) {
    let mut simulation = polliwog::sim::Simulation::new(1);
    simulation.client("client", program);
    simulation.run().unwrap();
}

fn kind<T>(result: io::Result<T>) -> Result<T, ErrorKind> {
    result.map_err(|error| error.kind())
}

/// Waits until `done` says so: what is on its way takes a while.
async fn until(mut done: impl AsyncFnMut() -> bool) {
    let waits = async {
        while !done().await {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), waits).await.unwrap();
}

async fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let one = TcpStream::connect(listener.local_addr()?).await?;
    let (other, _) = listener.accept().await?;
    Ok((one, other))
}

/// Whether there is IPv6: some containers have none.
async fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").await.is_ok()
}

/// Waits for what comes without a read, which would be told of it.
async fn readable(stream: &TcpStream) -> io::Result<()> {
    timeout(Duration::from_secs(20), stream.readable())
        .await
        .unwrap()
}

#[test]
fn a_reset_is_told_once() {
    run(async {
        let reset = async || {
            let (one, other) = connected().await?;
            other.set_zero_linger()?;
            drop(other);
            readable(&one).await?;
            io::Result::Ok(one)
        };
        let buf = &mut [0; 8];
        // By a read, ...
        let one = reset().await?;
        assert_eq!(kind(one.peer_addr()), Err(ErrorKind::NotConnected));
        assert_eq!(kind(one.read(buf).await), Err(ErrorKind::ConnectionReset));
        for _ in 0..2 {
            assert_eq!(kind(one.read(buf).await), Ok(0));
            assert_eq!(kind(one.write(b"x").await), Err(ErrorKind::BrokenPipe));
        }
        assert!(one.take_error()?.is_none());
        let shut = one.shutdown(Shutdown::Both);
        assert_eq!(kind(shut), Err(ErrorKind::NotConnected));
        // ... by a write, ...
        let one = reset().await?;
        assert_eq!(kind(one.write(b"x").await), Err(ErrorKind::ConnectionReset));
        assert_eq!(kind(one.write(b"x").await), Err(ErrorKind::BrokenPipe));
        assert_eq!(kind(one.read(buf).await), Ok(0));
        // ... or to who asks for it.
        let one = reset().await?;
        let error = one.take_error()?.map(|error| kind(Err::<(), _>(error)));
        assert_eq!(error, Some(Err(ErrorKind::ConnectionReset)));
        assert!(one.take_error()?.is_none());
        assert_eq!(kind(one.read(buf).await), Ok(0));
        Ok(())
    });
}

/// What had come before is read first.
#[test]
fn a_reset_after_bytes_or_the_end() {
    run(async {
        let buf = &mut [0; 8];
        let (one, other) = connected().await?;
        other.write_all(b"bye").await?;
        readable(&one).await?;
        other.set_zero_linger()?;
        drop(other);
        until(async || one.peer_addr().is_err()).await;
        assert_eq!(kind(one.read(buf).await), Ok(3));
        assert_eq!(kind(one.read(buf).await), Err(ErrorKind::ConnectionReset));
        // The peer has said its last, is gone, and gets something nevertheless.
        let (one, other) = connected().await?;
        drop(other);
        readable(&one).await?;
        assert_eq!(kind(one.write(b"x").await), Ok(1));
        until(async || one.peer_addr().is_err()).await;
        assert_eq!(kind(one.read(buf).await), Ok(0));
        assert_eq!(kind(one.write(b"x").await), Err(ErrorKind::BrokenPipe));
        Ok(())
    });
}

#[test]
fn who_has_shut_down_both_directions_resets_what_comes() {
    run(async {
        let (one, other) = connected().await?;
        other.shutdown(Shutdown::Both)?;
        readable(&one).await?;
        assert_eq!(kind(one.read(&mut [0; 8]).await), Ok(0));
        assert_eq!(kind(one.write(b"x").await), Ok(1));
        until(async || one.peer_addr().is_err()).await;
        assert_eq!(kind(one.write(b"x").await), Err(ErrorKind::BrokenPipe));
        Ok(())
    });
}

#[test]
fn a_unix_stream_whose_peer_reads_no_more() {
    run(async {
        for how in [Shutdown::Read, Shutdown::Both] {
            let (one, other) = UnixStream::pair()?;
            other.shutdown(how)?;
            assert_eq!(kind(one.write(b"x").await), Err(ErrorKind::BrokenPipe));
            assert_eq!(kind(other.read(&mut [0; 8]).await), Ok(0));
        }
        Ok(())
    });
}

#[test]
fn the_address_that_is_nobodys_is_the_host_itself() {
    run(async {
        let one = UdpSocket::bind("0.0.0.0:0").await?;
        let port = one.local_addr()?.port();
        let other = UdpSocket::bind("0.0.0.0:0").await?;
        let buf = &mut [0; 8];
        other.send_to(b"one", ("0.0.0.0", port)).await?;
        let (count, from) = one.recv_from(buf).await?;
        assert_eq!((count, from.ip().to_string()), (3, "127.0.0.1".into()));
        // Who is connected is at the address that it sends from.
        other.connect(("0.0.0.0", port)).await?;
        assert_eq!(other.local_addr()?, from);
        assert_eq!(other.peer_addr()?.to_string(), format!("127.0.0.1:{port}"));
        other.send(b"two").await?;
        assert_eq!(one.recv_from(buf).await?, (3, from));
        Ok(())
    });
}

#[test]
fn a_socket_by_ipv6_has_peers_by_ipv4() {
    run(async {
        if !has_ipv6().await {
            return Ok(());
        }
        let buf = &mut [0; 8];
        let mapped = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port));
        let one = UdpSocket::bind("[::]:0").await?;
        let port = one.local_addr()?.port();
        let other = UdpSocket::bind("127.0.0.1:0").await?;
        let there = mapped(other.local_addr()?.port());
        other.send_to(b"one", ("127.0.0.1", port)).await?;
        assert_eq!(one.recv_from(buf).await?, (3, there));
        one.send_to(b"back", there).await?;
        let (count, from) = other.recv_from(buf).await?;
        assert_eq!((count, from), (4, (Ipv4Addr::LOCALHOST, port).into()));
        one.connect(there).await?;
        assert_eq!((one.local_addr()?, one.peer_addr()?), (mapped(port), there));
        one.send(b"again").await?;
        assert_eq!(other.recv_from(buf).await?, (5, from));

        let listener = TcpListener::bind("[::]:0").await?;
        let port = listener.local_addr()?.port();
        let one = TcpStream::connect(("127.0.0.1", port)).await?;
        let (other, peer) = listener.accept().await?;
        assert_eq!(peer, mapped(one.local_addr()?.port()));
        assert_eq!(
            (other.peer_addr()?, other.local_addr()?),
            (peer, mapped(port))
        );
        let one = TcpStream::connect(mapped(port)).await?;
        let (other, peer) = listener.accept().await?;
        assert_eq!((one.local_addr()?, one.peer_addr()?), (peer, mapped(port)));
        assert_eq!(other.peer_addr()?, peer);
        Ok(())
    });
}

#[test]
fn options_that_linux_refuses_are_refused() {
    run(async {
        let (one, _other) = connected().await?;
        let seconds = |count| Duration::from_secs(count);
        let before = one.keepalive_time()?;
        let refused = [
            Duration::ZERO,
            Duration::from_millis(999),
            seconds(32_768),
            Duration::MAX,
        ];
        for time in refused {
            assert_eq!(
                kind(one.set_keepalive_time(time)),
                Err(ErrorKind::InvalidInput)
            );
            assert_eq!(
                kind(one.set_keepalive_interval(time)),
                Err(ErrorKind::InvalidInput)
            );
        }
        for retries in [0, 128, u32::MAX] {
            assert_eq!(
                kind(one.set_keepalive_retries(retries)),
                Err(ErrorKind::InvalidInput)
            );
        }
        // As far as that was asked for it is on.
        assert!(one.keepalive()?);
        assert_eq!(one.keepalive_time()?, before);
        for (time, retries) in [(1, 1), (32_767, 127)] {
            one.set_keepalive_time(seconds(time))?;
            one.set_keepalive_interval(seconds(time))?;
            one.set_keepalive_retries(retries)?;
            assert_eq!(one.keepalive_time()?, seconds(time));
        }
        for ttl in [0, 256] {
            assert_eq!(kind(one.set_ttl(ttl)), Err(ErrorKind::InvalidInput));
        }
        Ok(())
    });
}

#[test]
fn datagrams_to_the_own_host_keep_their_order() {
    run(async {
        let receiver = UdpSocket::bind("127.0.0.1:0").await?;
        let to = receiver.local_addr()?;
        let senders = [
            UdpSocket::bind("127.0.0.1:0").await?,
            UdpSocket::bind("127.0.0.1:0").await?,
        ];
        for number in 0..100_u8 {
            senders[usize::from(number % 2)]
                .send_to(&[number], to)
                .await?;
        }
        for number in 0..100 {
            let mut buf = [0; 1];
            receiver.recv_from(&mut buf).await?;
            assert_eq!(buf, [number]);
        }
        Ok(())
    });
}

#[test]
fn nobody_connects_to_many() {
    run(async {
        for addr in ["255.255.255.255:9", "224.0.0.1:9", "[ff02::1]:9"] {
            if addr.starts_with('[') && !has_ipv6().await {
                continue;
            }
            let connect = timeout(Duration::from_secs(20), TcpStream::connect(addr)).await;
            assert_eq!(
                kind(connect.unwrap().map(drop)),
                Err(ErrorKind::NetworkUnreachable),
                "{addr}"
            );
        }
        Ok(())
    });
}

#[test]
fn a_socket_that_connects_to_itself_hears_itself() {
    run(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse().unwrap())?;
        let own = socket.local_addr()?;
        let stream = socket.connect(own).await?;
        assert_eq!((stream.local_addr()?, stream.peer_addr()?), (own, own));
        let text = vec![7; 1_000_000];
        let mut read = vec![0; text.len()];
        let (written, _) = join!(stream.write_all(&text), stream.read_exact(&mut read));
        written?;
        assert!(read == text);
        stream.shutdown(Shutdown::Write)?;
        assert_eq!(stream.read(&mut [0]).await?, 0);
        Ok(())
    });
}

#[test]
fn a_backlog_has_room_for_one_more() {
    run(async {
        for backlog in 0..3 {
            let listener = TcpListener::bind_with_backlog("127.0.0.1:0", backlog).await?;
            let addr = listener.local_addr()?;
            let mut streams = Vec::new();
            // Whoever finds no room tries it again after a second.
            while let Ok(stream) =
                timeout(Duration::from_millis(500), TcpStream::connect(addr)).await
            {
                streams.push(stream?);
            }
            assert_eq!(streams.len(), backlog as usize + 1);
        }
        Ok(())
    });
}

#[test]
fn a_datagram_socket_reaches_its_own_family() {
    run(async {
        if !has_ipv6().await {
            return Ok(());
        }
        let v4 = UdpSocket::bind("127.0.0.1:0").await?;
        let port = v4.local_addr()?.port();
        for there in ["[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert!(v4.connect(there).await.is_err(), "{there}");
            assert!(v4.send_to(b"x", there).await.is_err(), "{there}");
        }
        let v6 = UdpSocket::bind("[::1]:0").await?;
        let sent = v6.send_to(b"x", ("::ffff:127.0.0.1", port)).await;
        assert_eq!(kind(sent), Err(ErrorKind::NetworkUnreachable));
        let all = UdpSocket::bind("0.0.0.0:0").await?;
        let connected = all.connect("255.255.255.255:9").await;
        assert_eq!(kind(connected), Err(ErrorKind::PermissionDenied));
        let mapped = UdpSocket::bind("[::ffff:127.0.0.1]:0").await?;
        mapped.send_to(b"x", ("::", port)).await?;
        assert_eq!(v4.recv(&mut [0; 8]).await?, 1);
        Ok(())
    });
}
