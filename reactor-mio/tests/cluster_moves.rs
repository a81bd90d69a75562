//! Sockets that change their runtime, by themselves and from worker to worker.
#![cfg(unix)]

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use polliwog_core::time::timeout;
use polliwog_core::{SpawnError, SpawnErrorKind, yield_now};
use polliwog_mio::cluster::{Cluster, ClusterHandle, Worker};
use polliwog_mio::net::{
    Detached, Movable, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use polliwog_mio::{Runtime, block_on};

fn cluster(workers: usize) -> Cluster {
    Cluster::builder().workers(workers).build().unwrap()
}

fn here() -> usize {
    Worker::current().unwrap().index()
}

fn tcp_pair() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    (TcpStream::from_std(server).unwrap(), client)
}

/// Reads ten bytes, tells the peer where it is, and goes on to the other worker, `rounds` times.
async fn wander(cluster: ClusterHandle, stream: TcpStream, rounds: usize, sum: Vec<u8>) -> Vec<u8> {
    let mut stream = Some((stream, sum));
    for round in 0..rounds {
        let (stream_here, mut sum) = stream.take().unwrap();
        let task = cluster.hand_over_to(round % 2, stream_here, move |stream| async move {
            let mut buf = [0; 10];
            stream.read_exact(&mut buf).await.unwrap();
            stream.write_all(&[here() as u8]).await.unwrap();
            sum.extend(buf);
            (stream.detach().unwrap(), sum)
        });
        let (back, sum) = task.unwrap().await.unwrap();
        stream = Some((back.attach().unwrap(), sum));
    }
    stream.unwrap().1
}

#[test]
fn a_connection_goes_from_worker_to_worker_without_loss() {
    let cluster = cluster(2);
    let sent: Vec<u8> = (0..100).collect();
    let received = block_on(async {
        let (stream, mut client) = tcp_pair();
        // One half waits in the socket from the start, the other comes while some worker waits for it.
        client.write_all(&sent[..55]).unwrap();
        let later = sent[55..].to_vec();
        let client = std::thread::spawn(move || {
            let mut workers = [0; 10];
            client.read_exact(&mut workers[..5]).unwrap();
            client.write_all(&later).unwrap();
            client.read_exact(&mut workers[5..]).unwrap();
            workers
        });
        let received = wander(cluster.handle(), stream, 10, Vec::new()).await;
        assert_eq!(client.join().unwrap().to_vec(), [0, 1].repeat(5));
        received
    });
    assert_eq!(received, sent);
}

#[test]
fn what_comes_while_a_socket_moves_is_read_there() {
    let cluster = cluster(2);
    block_on(async {
        for _ in 0..50 {
            let (stream, mut client) = tcp_pair();
            // It waits here, registered and known to be empty, with a waker left behind.
            let mut byte = [0];
            poll_fn(|cx| {
                assert!(stream.poll_read(cx, &mut byte).is_pending());
                Poll::Ready(())
            })
            .await;
            let writer = std::thread::spawn(move || {
                client.write_all(b"!").unwrap();
                client
            });
            let there = cluster.hand_over(stream, |stream| async move {
                let mut buf = [0; 8];
                let mut all: Vec<u8> = Vec::new();
                loop {
                    match stream.read(&mut buf).await? {
                        0 => return io::Result::Ok(all),
                        n => all.extend(&buf[..n]),
                    }
                }
            });
            drop(writer.join().unwrap());
            assert_eq!(there.unwrap().await.unwrap().unwrap(), b"!");
        }
    });
}

#[test]
fn an_end_that_came_before_the_move_is_read_after_it() {
    let cluster = cluster(1);
    block_on(async {
        let (stream, mut client) = tcp_pair();
        client.write_all(b"last words").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        stream.readable().await.unwrap();
        let mut few = [0; 4];
        stream.read_exact(&mut few).await.unwrap();
        let there = cluster.hand_over(stream, |stream| async move {
            let mut rest = [0; 6];
            stream.read_exact(&mut rest).await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            stream.write_all(b"heard").await.unwrap();
            rest
        });
        assert_eq!(&there.unwrap().await.unwrap(), b" words");
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "heard");
    });
}

#[test]
fn a_full_peer_before_the_move_is_waited_for_after_it() {
    const ALL: usize = 8 << 20;
    let cluster = cluster(1);
    block_on(async {
        let (stream, mut client) = tcp_pair();
        let mut sent = 0;
        while let Ok(n) = stream.try_write(&[7; 4096]) {
            sent += n;
        }
        let there = cluster.hand_over(stream, move |stream| async move {
            stream.write_all(&vec![7; ALL - sent]).await
        });
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            all.len()
        });
        there.unwrap().await.unwrap().unwrap();
        assert_eq!(reader.join().unwrap(), ALL);
    });
}

#[test]
fn every_kind_of_socket_moves() {
    let cluster = cluster(1);
    let folder = std::env::temp_dir().join(format!("polliwog-moves-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    block_on(async {
        // Each has waited before, so that it is registered here.
        let brief = Duration::from_millis(1);

        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        let mut buf = [0; 8];
        assert!(timeout(brief, socket.recv_from(&mut buf)).await.is_err());
        let there = cluster.hand_over(socket, |socket| async move {
            let mut buf = [0; 8];
            let (n, peer) = socket.recv_from(&mut buf).await.unwrap();
            socket.send_to(&buf[..n], peer).await.unwrap();
        });
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        peer.send_to(b"udp", addr).await.unwrap();
        assert_eq!(peer.recv_from(&mut buf).await.unwrap(), (3, addr));
        there.unwrap().await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(timeout(brief, listener.accept()).await.is_err());
        let there = cluster.hand_over(listener, |listener| async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"tcp").await.unwrap();
        });
        let peer = TcpStream::connect(addr).await.unwrap();
        peer.read_exact(&mut buf[..3]).await.unwrap();
        there.unwrap().await.unwrap();

        let (one, other) = UnixStream::pair().unwrap();
        assert!(timeout(brief, one.read(&mut buf)).await.is_err());
        let there = cluster.hand_over(one, |one| async move {
            let mut buf = [0; 4];
            one.read_exact(&mut buf).await.unwrap();
            one.write_all(&buf).await.unwrap();
        });
        other.write_all(b"unix").await.unwrap();
        other.read_exact(&mut buf[..4]).await.unwrap();
        there.unwrap().await.unwrap();

        let listener = UnixListener::bind(&path).unwrap();
        assert!(timeout(brief, listener.accept()).await.is_err());
        let there = cluster.hand_over(listener, |listener| async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"unix").await.unwrap();
        });
        let peer = UnixStream::connect(&path).await.unwrap();
        peer.read_exact(&mut buf[..4]).await.unwrap();
        there.unwrap().await.unwrap();

        let (one, other) = UnixDatagram::pair().unwrap();
        one.shutdown(std::net::Shutdown::Read).unwrap();
        let there = cluster.hand_over(one, |one| async move {
            one.send(b"gram").await.unwrap();
            // On Linux this would never end, and that goes along.
            one.recv(&mut [0]).await.is_err() || !cfg!(target_os = "linux")
        });
        assert_eq!(other.recv(&mut buf).await.unwrap(), 4);
        assert!(there.unwrap().await.unwrap());
    });
    std::fs::remove_dir_all(folder).unwrap();
}

/// The socket, after it could not be moved, still works where it was.
async fn works(stream: &TcpStream, client: &mut std::net::TcpStream) {
    client.write_all(b"still here").unwrap();
    let mut buf = [0; 10];
    stream.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"still here");
}

#[test]
fn a_socket_that_is_refused_is_given_back() {
    let full = Cluster::builder().workers(1).queue_capacity(0).build();
    let full = full.unwrap();
    let closed = cluster(1);
    closed.shutdown();
    block_on(async {
        let (mut stream, mut client) = tcp_pair();
        let mut byte = [0];
        let wait = timeout(Duration::from_millis(1), stream.read(&mut byte));
        assert!(wait.await.is_err());
        for (cluster, kind) in [
            (&full, SpawnErrorKind::InboxFull { capacity: 0 }),
            (&closed, SpawnErrorKind::Closed),
        ] {
            let never = |_: TcpStream| pending::<()>();
            let refused = cluster.hand_over(stream, never).unwrap_err();
            let reason = refused.error().get_ref().unwrap();
            let reason = reason.downcast_ref::<SpawnError>().unwrap();
            assert_eq!(reason.kind(), kind);
            stream = refused.into_inner();
            works(&stream, &mut client).await;
            stream = cluster
                .hand_over_to(0, stream, never)
                .unwrap_err()
                .into_inner();
            works(&stream, &mut client).await;
        }
        // Passed on, it is an `io::Error`.
        let passed = (|| io::Result::Ok(closed.hand_over(stream, |_| async {})?))();
        assert!(passed.is_err());
        assert_eq!(client.read(&mut byte).unwrap(), 0, "and closed");
    });
}

#[test]
fn a_task_that_is_refused_is_given_back() {
    let cluster = Cluster::builder().workers(2).queue_capacity(0).build();
    let cluster = cluster.unwrap();
    let refused = cluster.try_spawn(async { 7 }).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::InboxFull { capacity: 0 });
    assert_eq!(block_on(refused.into_inner()), 7);
    let refused = cluster.try_spawn_on(1, async { 7 }).unwrap_err();
    assert_eq!(block_on(refused.into_inner()), 7);
    let refused = cluster.try_spawn_with(|| async { 7 }).unwrap_err();
    assert_eq!(block_on(refused.into_inner()()), 7);
    let refused = cluster.try_spawn_on_with(1, || async { 7 }).unwrap_err();
    assert_eq!(block_on(refused.into_inner()()), 7);
    // One that travels in a box.
    let large = [7_u8; 4096];
    let refused = cluster.try_spawn(async move {
        yield_now().await;
        large[4095]
    });
    assert_eq!(block_on(refused.unwrap_err().into_inner()), 7);
    let refused = cluster.try_spawn_on(0, async move {
        yield_now().await;
        large[4095]
    });
    assert_eq!(block_on(refused.unwrap_err().into_inner()), 7);
}

#[test]
fn a_socket_between_two_runtimes_waits_for_one() {
    let (detached, mut client) = block_on(async {
        let (stream, client) = tcp_pair();
        (stream.detach().unwrap(), client)
    });
    client.write_all(b"x").unwrap();
    let refused = detached.attach().unwrap_err();
    assert_eq!(refused.error().kind(), io::ErrorKind::NotConnected);
    let detached: Detached<TcpStream> = refused.into_inner();
    let stream = Runtime::new().unwrap().block_on(async {
        let stream = detached.attach().unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        stream
    });
    // Of a runtime that has ended it can still be taken.
    let detached = stream.detach().unwrap();
    drop(client);
    let end = block_on(async { detached.attach().unwrap().read(&mut [0]).await });
    assert_eq!(end.unwrap(), 0);
}

#[test]
fn a_socket_whose_task_never_begins_is_closed() {
    let cluster = cluster(1);
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let blocked = cluster.spawn(async move {
        begin.send(()).unwrap();
        let _ = released.recv();
    });
    begun.recv().unwrap();
    let mut client = block_on(async {
        let (stream, client) = tcp_pair();
        let waiting = cluster.hand_over(stream, |_| pending::<()>()).unwrap();
        waiting.abort();
        client
    });
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(release);
    blocked.unwrap().wait().unwrap();
}

#[test]
fn a_socket_moves_from_within_another_runtime() {
    thread_local! {
        static LEFT: Cell<Option<TcpStream>> = const { Cell::new(None) };
    }
    let cluster = cluster(1);
    let home = Runtime::new().unwrap();
    let mut client = home.block_on(async {
        let (stream, client) = tcp_pair();
        LEFT.set(Some(stream));
        client
    });
    // In none, and in one that is not the socket's: it goes back home if it is refused.
    let closed = self::cluster(1);
    closed.shutdown();
    let stream = closed
        .hand_over(LEFT.take().unwrap(), |_| async {})
        .unwrap_err()
        .into_inner();
    let stream = block_on(async {
        let refused = closed.hand_over(stream, |_| async {}).unwrap_err();
        refused.into_inner()
    });
    home.block_on(works(&stream, &mut client));
    let there = cluster.hand_over(stream, |stream| async move { stream.write_all(b"x").await });
    there.unwrap().wait().unwrap().unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 1);
}
