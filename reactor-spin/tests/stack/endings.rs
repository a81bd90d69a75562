//! How connections end: flush, drop, shutdown, abort; and what a stream can be told.

use embedded_io::{ReadReady, WriteReady};
use embedded_io_async::Write;
use polliwog_spin::stack::TcpSettings;

use super::*;

/// Reads slowly until the end; how many bytes that were, and whether it was an orderly end.
async fn read_slowly(stream: TcpStream, pause: Duration) -> (usize, Result<usize, Error>) {
    let mut total = 0;
    loop {
        sleep(pause).await;
        match stream.read(&mut [0; 64]).await {
            Ok(0) => return (total, Ok(0)),
            Ok(count) => total += count,
            Err(error) => return (total, Err(error)),
        }
    }
}

#[test]
fn flush_waits_until_the_peer_has_everything() {
    test(1, async {
        let (cable, server, client) = pair(1);
        let (far, mut near) = connect(server, client).await;
        // Nothing to wait for.
        near.flush().await.unwrap();
        cable.loss.set(100);
        near.write_all(b"last words").await.unwrap();
        let waited = timeout(Duration::from_secs(5), Write::flush(&mut near)).await;
        assert!(waited.is_err(), "nobody has acknowledged it");
        cable.loss.set(0);
        Write::flush(&mut near).await.unwrap();
        let mut buf = [0; 10];
        assert_eq!(far.try_read(&mut buf), Ok(10));
        // With a lost connection it is an error, and stays one.
        near.write_all(b"lost").await.unwrap();
        cable.loss.set(100);
        assert_eq!(near.flush().await, Err(Error::BrokenPipe));
        assert_eq!(near.flush().await, Err(Error::BrokenPipe));
    });
}

#[test]
fn a_dropped_stream_sends_what_it_was_given_however_slow_the_reader() {
    test_seeds(0..4, |seed| async move {
        let (_, server, client) = pair(seed);
        let (far, near) = connect(server, client).await;
        near.write_all(&[7; 4000]).await.unwrap();
        drop(near);
        // Up to two minutes for everything.
        let pause = Duration::from_millis(100 + 600 * seed);
        assert_eq!(read_slowly(far, pause).await, (4000, Ok(0)));
    });
}

#[test]
fn a_peer_that_takes_nothing_costs_a_socket_for_a_while_only() {
    test(3, async {
        let (_, server, client) = pair(3);
        let linger = Duration::from_secs(20);
        client.set_tcp(TcpSettings {
            linger,
            ..client.tcp()
        });
        let (far, near) = connect(server, client).await;
        near.write_all(&[7; 4000]).await.unwrap();
        drop(near);
        sleep(linger * 2).await;
        // The peer knows that this is not all.
        let (total, end) = read_slowly(far, Duration::ZERO).await;
        assert_eq!(end, Err(Error::ConnectionReset));
        assert!((1..4000).contains(&total));
        // And the socket is free.
        let mut streams = Vec::new();
        for _ in 0..TCP {
            streams.push(connect(server, client).await);
        }
    });
}

#[test]
fn a_stream_that_does_not_linger_resets_and_an_abort_ends_every_wait() {
    test(4, async {
        let (_, server, client) = pair(4);
        let (far, near) = connect(server, client).await;
        near.set_linger(Some(Duration::ZERO)).unwrap();
        assert_eq!(near.linger(), Ok(Some(Duration::ZERO)));
        drop(near);
        assert_eq!(far.read(&mut [0; 1]).await, Err(Error::ConnectionReset));
        drop(far);

        let (far, near) = connect(server, client).await;
        let near = Rc::new(near);
        let reader = near.clone();
        let reader = spawn(async move { reader.read(&mut [0; 1]).await }).unwrap();
        sleep(Duration::from_secs(1)).await;
        near.abort();
        let read = timeout(Duration::from_secs(1), reader).await.unwrap();
        assert_eq!(read.unwrap(), Err(Error::ConnectionReset));
        assert_eq!(near.write(b"x").await, Err(Error::BrokenPipe));
        let read = timeout(Duration::from_secs(1), far.read(&mut [0; 1])).await;
        assert_eq!(read.unwrap(), Err(Error::ConnectionReset));
    });
}

#[test]
fn directions_end_one_by_one() {
    test(5, async {
        let (_, server, client) = pair(5);
        let (far, near) = connect(server, client).await;
        far.write_all(b"unread").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        near.shutdown(Shutdown::Read).unwrap();
        assert_eq!(near.read(&mut [0; 9]).await, Ok(0));
        // What still comes is thrown away, and never fills anything.
        far.write_all(&[0; 20_000]).await.unwrap();
        far.flush().await.unwrap();
        near.write_all(b"last words").await.unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let mut buf = [0; 32];
        assert_eq!(far.read(&mut buf).await, Ok(10));
        assert_eq!(far.read(&mut buf).await, Ok(0));
        far.shutdown(Shutdown::Both).unwrap();
        assert_eq!(far.write(b"x").await, Err(Error::BrokenPipe));
        // However late it is asked, the end is the end.
        let (far, near) = connect(server, client).await;
        near.shutdown(Shutdown::Write).unwrap();
        drop(far);
        sleep(Duration::from_secs(100)).await;
        assert_eq!(near.read(&mut buf).await, Ok(0));
    });
}

#[test]
fn halves_are_one_stream() {
    test(6, async {
        let (_, server, client) = pair(6);
        let (far, near) = connect(server, client).await;
        let (reader, writer) = near.into_split();
        assert_eq!(reader.peer_addr(), writer.peer_addr());
        let echoes = spawn(echo(far)).unwrap();
        let writing = spawn(async move {
            writer.write_all(&[5; 9000]).await.unwrap();
            writer.flush().await.unwrap();
            writer
        });
        let mut received = vec![0; 9000];
        reader.read_exact(&mut received).await.unwrap();
        let writer = writing.unwrap().await.unwrap();
        let other = connect(server, client).await.1.into_split();
        let error = reader.reunite(other.1).unwrap_err();
        let near = writer.reunite(error.0).unwrap();
        let (reader, writer) = near.split();
        writer.write_all(b"x").await.unwrap();
        assert_eq!(reader.peek(&mut [0; 4]).await, Ok(1));
        reader.readable().await.unwrap();
        assert_eq!(reader.read(&mut [0; 4]).await, Ok(1));
        // Without its writing half the stream ends, as the peer sees it.
        let (reader, writer) = near.into_split();
        drop(writer);
        assert!(echoes.await.unwrap().unwrap() > 0);
        assert_eq!(reader.read(&mut [0; 4]).await, Ok(0));
    });
}

#[test]
fn what_a_stream_can_be_told() {
    test(7, async {
        let (cable, server, client) = pair(7);
        let (far, mut near) = connect(server, client).await;
        assert_eq!((near.nodelay(), near.ttl()), (Ok(true), Ok(64)));
        near.set_nodelay(false).unwrap();
        near.set_ttl(3).unwrap();
        assert_eq!((near.nodelay(), near.ttl()), (Ok(false), Ok(3)));
        assert_eq!(near.set_ttl(0), Err(Error::InvalidInput));
        assert_eq!(near.set_ttl(256), Err(Error::InvalidInput));
        assert_eq!(near.timeout(), Some(TIMEOUT));
        assert_eq!(
            (near.read_ready(), near.write_ready()),
            (Ok(false), Ok(true))
        );
        assert_eq!(near.try_read(&mut [0; 1]), Err(Error::WouldBlock));
        while near.try_write(&[0; 100]).is_ok() {}
        assert_eq!(near.try_write(b"x"), Err(Error::WouldBlock));
        assert_eq!(near.write_ready(), Ok(false));
        far.read(&mut [0; 2000]).await.unwrap();
        near.writable().await.unwrap();
        // A patience of its own.
        near.set_keep_alive(Some(Duration::from_millis(300)));
        near.set_timeout(Some(Duration::from_secs(1)));
        assert_eq!(near.keep_alive(), Some(Duration::from_millis(300)));
        cable.loss.set(100);
        let read = timeout(Duration::from_secs(3), near.read(&mut [0; 1])).await;
        assert_eq!(read.unwrap(), Err(Error::ConnectionReset));
    });
}

#[test]
fn listeners_without_sockets_say_so_or_get_one() {
    test(8, async {
        let (_, server, client) = pair(8);
        let bind = |port: u16| TcpListener::bind(server, (SERVER, port), TCP);
        let one = bind(80).await.unwrap();
        let two = bind(23).await.unwrap();
        let three = bind(24).await.unwrap();
        for port in [80, 23, 24] {
            TcpStream::connect(client, (SERVER, port)).await.unwrap();
        }
        for listener in [&one, &two, &three] {
            drop(listener.accept().await);
        }
        drop(three);
        // A stream of the server's own takes one that can be spared.
        let listener = TcpListener::bind(client, "0.0.0.0:9", 2).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let own = TcpStream::connect(server, (CLIENT, 9)).await.unwrap();
        listener.accept().await.unwrap();
        drop((one, two, own, listener));
        sleep(Duration::from_secs(20)).await;

        let mut streams = Vec::new();
        let listener = bind(80).await.unwrap();
        for _ in 0..TCP {
            let near = TcpStream::connect(client, (SERVER, 80)).await.unwrap();
            streams.push((near, listener.accept().await.unwrap()));
            assert_eq!(listener.try_accept().err(), Some(Error::WouldBlock));
        }
        let full = Error::LimitReached(Limit::Connections);
        assert_eq!(bind(23).await.unwrap_err(), full);
        streams.truncate(TCP - 2);
        sleep(Duration::from_secs(1)).await;
        bind(23).await.unwrap();
    });
}
