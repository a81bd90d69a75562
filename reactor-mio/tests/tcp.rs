//! TCP between tasks of one runtime, and against plain sockets of the standard library.

use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join, join_all};
use polliwog_core::sources::SourcesFull;
use polliwog_mio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use polliwog_mio::{Runtime, block_on, spawn, spawn_blocking};

/// A listener and a connection through it.
async fn connection() -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, server) = join(TcpStream::connect(addr), listener.accept()).await;
    (listener, client.unwrap(), server.unwrap().0)
}

async fn echo(stream: TcpStream) -> io::Result<usize> {
    let mut buf = [0; 4096];
    let mut total = 0;
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(total),
            n => {
                stream.write_all(&buf[..n]).await?;
                total += n;
            }
        }
    }
}

/// Polls a future once.
async fn once<T>(future: impl Future<Output = T>) -> Poll<T> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[test]
fn echo_with_many_clients() {
    const CLIENTS: u32 = 100;
    const ROUNDS: u32 = 20;
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = spawn(async move {
            let mut connections = Vec::new();
            for _ in 0..CLIENTS {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.push(spawn(echo(stream)).unwrap());
            }
            let mut total = 0;
            for connection in connections {
                total += connection.await.unwrap().unwrap();
            }
            total
        })
        .unwrap();
        let clients = (0..CLIENTS).map(|client| async move {
            let stream = TcpStream::connect(addr).await.unwrap();
            let mut buf = [0; 8];
            for round in 0..ROUNDS {
                let sent = (u64::from(client) << 32 | u64::from(round)).to_be_bytes();
                stream.write_all(&sent).await.unwrap();
                stream.read_exact(&mut buf).await.unwrap();
                assert_eq!(buf, sent);
            }
        });
        join_all(clients).await;
        assert_eq!(server.await.unwrap(), (CLIENTS * ROUNDS * 8) as usize);
    });
}

#[test]
fn large_transfer_in_both_directions_at_once() {
    const SIZE: usize = 8 << 20;
    async fn send(stream: &TcpStream, seed: u8) {
        let data: Vec<u8> = (0..SIZE).map(|n| (n / 251) as u8 ^ seed).collect();
        stream.write_all(&data).await.unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    }
    async fn receive(stream: &TcpStream, seed: u8) {
        let mut buf = vec![0; 65_537];
        let mut total = 0;
        loop {
            let n = stream.read(&mut buf).await.unwrap();
            if n == 0 {
                break;
            }
            let right = |(at, byte): (usize, &u8)| *byte == ((total + at) / 251) as u8 ^ seed;
            assert!(buf[..n].iter().enumerate().all(right));
            total += n;
        }
        assert_eq!(total, SIZE);
    }
    block_on(async {
        let (_listener, client, server) = connection().await;
        let there = join(send(&client, 1), receive(&server, 1));
        let back = join(send(&server, 2), receive(&client, 2));
        join(there, back).await;
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    block_on(async {
        // Bound, so that nobody else gets this port meanwhile, but it does not listen.
        let bound = TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = bound.local_addr().unwrap();
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn every_address_is_tried() {
    block_on(async {
        // Bound, so that nobody else gets this port meanwhile, but it does not listen.
        let bound = TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let closed = bound.local_addr().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = TcpListener::bind(&[closed, any][..]).await.unwrap();
        let open = listener.local_addr().unwrap();
        assert_ne!(open, closed);
        let stream = TcpStream::connect(&[closed, open][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        let none: &[std::net::SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn names_are_looked_up() {
    block_on(async {
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = TcpStream::connect(format!("localhost:{port}")).await;
        assert_eq!(stream.unwrap().peer_addr().unwrap().port(), port);
    });
}

#[test]
fn promise_14_a_reset_is_an_error_on_that_connection_alone() {
    block_on(async {
        let (listener, good, good_server) = connection().await;
        let addr = listener.local_addr().unwrap();
        let (bad, bad_server) = join(TcpStream::connect(addr), listener.accept()).await;
        let (bad, bad_server) = (bad.unwrap(), bad_server.unwrap().0);
        let good_server = spawn(echo(good_server)).unwrap();
        let bad_server = spawn(echo(bad_server)).unwrap();
        bad.write_all(b"x").await.unwrap();
        // Both servers wait; now one connection goes away the hard way.
        bad.read_exact(&mut [0; 1]).await.unwrap();
        bad.set_linger(Some(Duration::ZERO)).unwrap();
        drop(bad);
        match bad_server.await.unwrap() {
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            // In Wine a read that follows an event finds the end of the stream; a blocking read
            // finds the reset.
            Ok(_) if cfg!(windows) => {}
            Ok(_) => panic!("a reset is no end of the stream"),
        }
        let mut buf = [0; 4];
        good.write_all(b"well").await.unwrap();
        good.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"well");
        // The listener is fine, too.
        let (stream, accepted) = join(TcpStream::connect(addr), listener.accept()).await;
        drop((stream.unwrap(), accepted.unwrap(), good));
        assert_eq!(good_server.await.unwrap().unwrap(), 4);
    });
}

#[test]
fn promise_14_fin_together_with_data_is_read_to_the_end() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for waiting in [false, true] {
            let mut client = std::net::TcpStream::connect(addr).unwrap();
            let (server, _) = listener.accept().await.unwrap();
            let mut buf = [0; 64];
            if waiting {
                // Registered before the data arrives.
                assert!(once(server.read(&mut buf)).await.is_pending());
            }
            client.write_all(b"the last words").unwrap();
            client.shutdown(Shutdown::Both).unwrap();
            drop(client);
            // Shorter than the buffer, so that a read which trusts it waits for ever.
            let n = server.read(&mut buf).await.unwrap();
            assert_eq!(&buf[..n], b"the last words");
            for _ in 0..3 {
                assert_eq!(server.read(&mut buf).await.unwrap(), 0);
            }
        }
    });
}

#[test]
fn halves_work_in_different_tasks_and_reunite() {
    block_on(async {
        let (_listener, client, server) = connection().await;
        let (_other_listener, other, _other_server) = connection().await;
        let server = spawn(echo(server)).unwrap();
        let (reader, writer) = client.into_split();
        let (other_reader, other_writer) = other.into_split();
        let wrong = reader.reunite(other_writer).unwrap_err();
        let (reader, other_writer) = (wrong.0, wrong.1);
        other_reader.reunite(other_writer).unwrap();

        let writing = spawn(async move {
            for n in 0..100_u8 {
                writer.write_all(&[n; 100]).await.unwrap();
            }
            writer
        })
        .unwrap();
        let reading = spawn(async move {
            let mut buf = [0; 100];
            for n in 0..100_u8 {
                reader.read_exact(&mut buf).await.unwrap();
                assert_eq!(buf, [n; 100]);
            }
            reader
        })
        .unwrap();
        let (reader, writer) = (reading.await.unwrap(), writing.await.unwrap());
        let client = writer.reunite(reader).unwrap();
        client.write_all(b"!").await.unwrap();
        // Dropping the writing half ends the stream for the other side, not for this one.
        let (reader, writer) = client.into_split();
        drop(writer);
        assert_eq!(server.await.unwrap().unwrap(), 10_001);
        let mut buf = [0; 8];
        assert_eq!(reader.read(&mut buf).await.unwrap(), 1);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn the_traits_of_both_families_work() {
    async fn through_embedded_io(
        mut reader: impl embedded_io_async::Read,
        mut writer: impl embedded_io_async::Write,
    ) {
        let mut buf = [0; 5];
        writer.write_all(b"hello").await.unwrap();
        writer.flush().await.unwrap();
        assert!(reader.read_exact(&mut buf).await.is_ok());
        assert_eq!(&buf, b"hello");
    }
    block_on(async {
        use futures_util::io::{AsyncReadExt, AsyncWriteExt};
        let (_listener, client, server) = connection().await;
        let server =
            spawn(async move { futures_util::io::copy(&server, &mut &server).await.unwrap() })
                .unwrap();
        through_embedded_io(&client, &client).await;
        let (reader, writer) = TcpStream::split(&client);
        through_embedded_io(reader, writer).await;
        let (mut reader, mut writer) = client.into_split();
        AsyncWriteExt::write_all(&mut writer, b"bye").await.unwrap();
        AsyncWriteExt::close(&mut writer).await.unwrap();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"bye");
        assert_eq!(server.await.unwrap(), 13);
    });
}

#[test]
fn an_operation_that_was_dropped_lost_nothing() {
    block_on(async {
        let (listener, client, server) = connection().await;
        let mut buf = [0; 8];
        assert!(once(server.read(&mut buf)).await.is_pending());
        assert!(once(listener.accept()).await.is_pending());
        let mut plain = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"data").await.unwrap();
        server.readable().await.unwrap();
        assert_eq!(server.peek(&mut buf).await.unwrap(), 4);
        assert_eq!(server.try_read(&mut buf).unwrap(), 4);
        assert_eq!(
            server.try_read(&mut buf).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        server.writable().await.unwrap();
        assert_eq!(server.try_write(b"back").unwrap(), 4);
        client.read_exact(&mut buf[..4]).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        accepted.write_all(b"hi").await.unwrap();
        plain.read_exact(&mut buf[..2]).unwrap();
    });
}

#[test]
fn sockets_come_from_and_go_to_the_standard_library() {
    block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let client = TcpStream::from_std(std::net::TcpStream::connect(addr).unwrap()).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut buf = [0; 4];
        assert!(once(client.read(&mut buf)).await.is_pending());
        let mut client = client.into_std().unwrap();
        client.set_nonblocking(false).unwrap();
        let reading = spawn_blocking(move || client.read(&mut [0; 4]));
        server.write_all(b"std").await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 3);
    });
}

#[test]
fn incoming_is_a_stream() {
    use futures_util::StreamExt;
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..3)
            .map(|_| std::net::TcpStream::connect(addr).unwrap())
            .collect();
        let accepted: Vec<_> = listener.incoming().take(3).collect().await;
        let mut peers: Vec<_> = accepted
            .iter()
            .map(|stream| stream.as_ref().unwrap().peer_addr().unwrap())
            .collect();
        let mut addrs: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
        peers.sort();
        addrs.sort();
        assert_eq!(peers, addrs);
    });
}

#[test]
fn the_limit_of_sources_is_an_error_of_the_socket_that_has_to_wait() {
    let runtime = Runtime::builder().max_sources(1).build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(once(listener.accept()).await.is_pending());
        let mut buf = [0; 4];
        let error = server.read(&mut buf).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let full = error.get_ref().unwrap().downcast_ref::<SourcesFull>();
        assert_eq!(full, Some(&SourcesFull { capacity: 1 }));
        // What does not have to wait works, and room that is given back is used.
        client.write_all(b"data").unwrap();
        server.write_all(b"data").await.unwrap();
        drop(listener);
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"data");
    });
}

#[test]
fn without_a_runtime_sockets_are_an_error() {
    let mut bind = pin!(TcpListener::bind("127.0.0.1:0"));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(error)) = bind.as_mut().poll(&mut cx) else {
        panic!("there is no runtime here");
    };
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    assert!(error.to_string().contains("no mio reactor"), "{error}");
}

#[test]
fn datagrams_go_on_after_an_error() {
    block_on(async {
        let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // It keeps its port from others, and listens to nobody but itself.
        let deaf = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = deaf.local_addr().unwrap();
        deaf.connect(addr).unwrap();
        here.connect(addr).await.unwrap();
        let mut buf = [0; 8];
        assert!(once(here.recv(&mut buf)).await.is_pending());
        here.send(b"anyone?").await.unwrap();
        // Whether the system tells is up to it; Linux does.
        if cfg!(target_os = "linux") {
            let error = here.recv(&mut buf).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
        assert!(once(here.recv(&mut buf)).await.is_pending());
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        here.connect(there.local_addr().unwrap()).await.unwrap();
        there
            .send_to(b"me", here.local_addr().unwrap())
            .await
            .unwrap();
        assert_eq!(here.recv(&mut buf).await.unwrap(), 2);
    });
}
