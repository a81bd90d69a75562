//! The protocol stack of chips, between two stacks in virtual time: what a program may rely on.

mod cable;
mod datagrams;
mod dhcp;
mod edge;
mod endings;
mod fire;
mod long;
mod nal;
mod names;
mod waiting;

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use polliwog_spin::stack::{
    Buffers, Settings, Shutdown, Sockets, Stack, TIMEOUT, TcpListener, TcpSettings, TcpStream,
    UdpBuffers, UdpSocket,
};
use polliwog_spin::time::{now, sleep, timeout};
use polliwog_spin::{Error, Limit, spawn, test, test_seeds};

use cable::{Cable, End};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// TCP sockets of a stack.
const TCP: usize = 4;
/// Bytes that a socket buffers each way.
const BYTES: usize = 2048;

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// A stack with room for one socket that is not for TCP.
fn stack(address: Ipv4Addr, mac: u8, end: End, seed: u64) -> &'static Stack {
    let (stack, runs) = mortal(address, mac, end, seed);
    runs.detach();
    stack
}

/// A stack whose task can be ended, as if its power were cut.
fn mortal(
    address: Ipv4Addr,
    mac: u8,
    mut end: End,
    seed: u64,
) -> (&'static Stack, polliwog_core::JoinHandle<()>) {
    let settings = Settings {
        mac: [2, 0, 0, 0, 0, mac],
        address,
        prefix: 24,
        gateway: None,
        seed,
    };
    let (sockets, buffers) = (leak(Sockets::<5, TCP>::new()), leak(Buffers::new()));
    let stack: &'static Stack = leak(Stack::new::<5, TCP, BYTES>(
        &settings, sockets, buffers, &mut end,
    ));
    let run = async move {
        stack.run(&mut end).await;
    };
    (stack, spawn(run).unwrap())
}

/// The cable, a server and a client.
fn pair(seed: u64) -> (Rc<Cable>, &'static Stack, &'static Stack) {
    let (cable, one, other) = Cable::new(seed);
    let server = stack(SERVER, 1, one, seed);
    let client = stack(CLIENT, 2, other, seed + 1);
    (cable, server, client)
}

/// A connection: its server's end and its client's.
async fn connect(server: &'static Stack, client: &'static Stack) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(server, "0.0.0.0:7", 1).await.unwrap();
    let accepted = spawn(async move { listener.accept().await.unwrap() }).unwrap();
    let near = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
    let (far, peer) = accepted.await.unwrap();
    assert_eq!(peer, near.local_addr().unwrap());
    assert_eq!(far.local_addr(), near.peer_addr());
    (far, near)
}

async fn echo(stream: TcpStream) -> Result<usize, Error> {
    let mut buf = [0; 300];
    let mut total = 0;
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(total),
            count => stream.write_all(&buf[..count]).await?,
        }
        total += 1;
    }
}

#[test]
fn every_byte_arrives_also_on_a_cable_that_loses_frames() {
    test_seeds(0..24, |seed| async move {
        let (cable, server, client) = pair(seed);
        // Many of a few packets in half a minute may be lost on such a cable.
        for stack in [server, client] {
            stack.set_tcp(TcpSettings {
                timeout: Some(TIMEOUT * 10),
                ..stack.tcp()
            });
        }
        let (far, near) = connect(server, client).await;
        cable.loss.set(seed % 4 * 5);
        let data: Vec<u8> = (0..40_000u32).map(|n| ((n * n) >> 7) as u8).collect();
        let server = spawn(echo(far)).unwrap();
        let near = Rc::new(near);
        let (writer, sent) = (near.clone(), data.clone());
        let writer = spawn(async move {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = vec![0; data.len()];
        near.read_exact(&mut received).await.unwrap();
        assert!(received == data);
        assert_eq!(
            near.read(&mut received).await,
            Ok(0),
            "the end follows the data"
        );
        writer.unwrap().await.unwrap();
        assert!(server.await.unwrap().unwrap() > 0);
    });
}

/// Frames that come twice and late, on a cable that loses none: nothing is missing, and nothing is more.
#[test]
fn every_byte_arrives_also_on_a_cable_in_disorder() {
    test_seeds(0..60, |seed| async move {
        let (cable, server, client) = pair(seed);
        let (far, near) = connect(server, client).await;
        cable.disorder.set(5 + seed % 4 * 5);
        // The server reads slower than it could, so that its window closes now and then.
        let server = spawn(async move {
            let (mut buf, mut got) = ([0; 333], Vec::new());
            loop {
                sleep(Duration::from_millis(seed % 3 * 7)).await;
                match far.read(&mut buf).await.unwrap() {
                    0 => break got,
                    count => {
                        got.extend_from_slice(&buf[..count]);
                        far.write_all(&buf[..count]).await.unwrap();
                    }
                }
            }
        })
        .unwrap();
        let near = Rc::new(near);
        let data: Vec<u8> = (0..9_000 + seed as u32 * 37)
            .map(|n| (n % 251) as u8 + 1)
            .collect();
        let (writer, sent) = (near.clone(), data.clone());
        let writer = spawn(async move {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let (mut buf, mut received) = ([0; 500], Vec::new());
        loop {
            match near.read(&mut buf).await.unwrap() {
                0 => break,
                count => received.extend_from_slice(&buf[..count]),
            }
        }
        assert_eq!(received.len(), data.len());
        assert!(received == data);
        writer.unwrap().await.unwrap();
        assert!(server.await.unwrap() == data);
    });
}

#[test]
fn promise_14_data_before_the_end_is_read_and_a_reset_is_an_error() {
    test(1, async {
        let (_, server, client) = pair(1);
        let (far, near) = connect(server, client).await;
        near.write_all(b"last words").await.unwrap();
        drop(near);
        sleep(Duration::from_secs(1)).await;
        let mut buf = [0; 32];
        assert_eq!(far.read(&mut buf).await, Ok(10));
        assert_eq!(far.read(&mut buf).await, Ok(0));
        drop(far);

        let (far, near) = connect(server, client).await;
        far.write_all(b"unread").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        // Nobody will read it: that is a reset.
        drop(near);
        assert_eq!(far.read(&mut buf).await, Err(Error::ConnectionReset));
        assert_eq!(far.write(b"x").await, Err(Error::BrokenPipe));
        assert_eq!(far.peer_addr(), Err(Error::NotConnected));
    });
}

#[test]
fn a_peer_that_vanishes_costs_its_connection_after_the_timeout() {
    test(2, async {
        let (cable, server, client) = pair(2);
        let (far, _near) = connect(server, client).await;
        // The keep-alives keep a silent connection.
        let waited = timeout(TIMEOUT * 4, far.read(&mut [0; 1])).await;
        assert!(waited.is_err());
        cable.loss.set(100);
        let start = now().unwrap();
        assert_eq!(far.read(&mut [0; 1]).await, Err(Error::ConnectionReset));
        assert!(now().unwrap() - start <= TIMEOUT * 2);
    });
}

#[test]
fn limits_are_errors_and_what_is_given_back_can_be_used_again() {
    test(3, async {
        let (_, server, client) = pair(3);
        let bind = |port: u16| TcpListener::bind(server, (SERVER, port), 0);
        let listener = bind(1).await.unwrap();
        assert_eq!(bind(1).await.unwrap_err(), Error::AddrInUse);
        let others = [
            bind(2).await.unwrap(),
            bind(3).await.unwrap(),
            bind(4).await.unwrap(),
        ];
        let full = Error::LimitReached(Limit::Listeners);
        assert_eq!(bind(5).await.unwrap_err(), full);
        drop(others);
        bind(5).await.unwrap();
        // Without a backlog nobody can connect.
        let refused = TcpStream::connect(client, (SERVER, 1)).await;
        assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
        drop(listener);

        // Each round needs all sockets of both sides.
        for round in 0..20 {
            let listener = TcpListener::bind(server, "0.0.0.0:7", TCP).await.unwrap();
            let mut streams = Vec::new();
            for _ in 0..TCP {
                let near = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
                streams.push((near, listener.accept().await.unwrap().0));
            }
            let full = TcpStream::connect(client, (SERVER, 7)).await;
            assert_eq!(full.unwrap_err(), Error::LimitReached(Limit::Connections));
            if round % 2 == 0 {
                drop(listener);
                for (near, far) in streams {
                    near.write_all(b"bye").await.unwrap();
                    drop(near);
                    let mut buf = [0; 3];
                    far.read_exact(&mut buf).await.unwrap();
                    assert_eq!(&buf, b"bye");
                }
            } else {
                drop((streams, listener));
            }
            sleep(Duration::from_secs(1)).await;
        }
    });
}

#[test]
fn listeners_share_the_sockets() {
    test(4, async {
        let (_, server, client) = pair(4);
        let one = TcpListener::bind(server, "0.0.0.0:1", 2).await.unwrap();
        let two = TcpListener::bind(server, "0.0.0.0:2", 2).await.unwrap();
        for _ in 0..5 {
            let to_two = TcpStream::connect(client, (SERVER, 2)).await.unwrap();
            let to_one = TcpStream::connect(client, (SERVER, 1)).await.unwrap();
            let (at_one, peer) = one.accept().await.unwrap();
            assert_eq!(peer, to_one.local_addr().unwrap());
            let (at_two, peer) = two.accept().await.unwrap();
            assert_eq!(peer, to_two.local_addr().unwrap());
            to_one.write_all(b"1").await.unwrap();
            to_two.write_all(b"2").await.unwrap();
            let mut buf = [0; 2];
            assert_eq!((at_one.read(&mut buf).await, buf[0]), (Ok(1), b'1'));
            assert_eq!((at_two.read(&mut buf).await, buf[0]), (Ok(1), b'2'));
            drop((to_one, to_two));
            assert_eq!(at_one.read(&mut buf).await, Ok(0));
            assert_eq!(at_two.read(&mut buf).await, Ok(0));
        }
    });
}

#[test]
fn a_port_that_nobody_chose_is_a_free_one() {
    test(6, async {
        let (_, server, client) = pair(6);
        let _listener = TcpListener::bind(server, "0.0.0.0:7", 2).await.unwrap();
        let connect = async || TcpStream::connect(client, (SERVER, 7)).await.unwrap();
        let one = connect().await;
        let first = one.local_addr().unwrap().port();
        let taken = TcpListener::bind(client, (CLIENT, first + 1), 1).await;
        let _also_taken = udp(client, first + 2).await.unwrap();
        let two = connect().await;
        assert_eq!(two.local_addr().unwrap().port(), first + 3);
        drop(taken);
        // The first is still in use when all the others have had their turn.
        for _ in 0..0x4000 - 4 {
            let bound = TcpListener::bind(client, (CLIENT, 0), 1).await.unwrap();
            assert!(bound.local_addr().unwrap().port() >= 49_152);
        }
        let next = TcpListener::bind(client, (CLIENT, 0), 1).await.unwrap();
        assert_eq!(next.local_addr().unwrap().port(), first + 1);
    });
}

pub(crate) async fn udp(stack: &'static Stack, port: u16) -> Result<UdpSocket, Error> {
    let memory = leak(UdpBuffers::<4, 1024>::new());
    UdpSocket::bind(stack, (Ipv4Addr::UNSPECIFIED, port), memory).await
}

#[test]
fn datagrams() {
    test(5, async {
        let (_, server, client) = pair(5);
        let far = udp(server, 53).await.unwrap();
        assert_eq!(udp(server, 53).await.unwrap_err(), Error::AddrInUse);
        let full = Error::LimitReached(Limit::Sockets);
        assert_eq!(udp(server, 54).await.unwrap_err(), full);
        assert_eq!(server.start_dhcp(), Err(full));
        let near = udp(client, 0).await.unwrap();
        let port = near.local_addr().unwrap().port();
        let to = SocketAddr::from((SERVER, 53));
        let too_long = near.send_to(&[0; 1025], to).await;
        assert_eq!(too_long, Err(Error::MessageTooLong));
        // More than the buffer holds at once: sending waits.
        for number in 0..20 {
            assert_eq!(near.send_to(&[number; 300], to).await, Ok(300));
        }
        let mut buf = [0; 400];
        let (count, from) = far.recv_from(&mut buf).await.unwrap();
        assert_eq!((count, from), (300, SocketAddr::from((CLIENT, port))));
        assert_eq!(far.send_to(b"answer", from).await, Ok(6));
        let (count, from) = near.recv_from(&mut buf[..4]).await.unwrap();
        assert_eq!((&buf[..count], from), (&b"answ"[..], to));
        drop(far);
        udp(server, 54).await.unwrap();
    });
}
