//! Streams and listeners by Unix sockets.
#![cfg(unix)]

mod support;

use std::cell::Cell;
use std::fs;
use std::future::Future;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use polliwog_core::Reactor;
use polliwog_core::reactor::Deadline;
use polliwog_core::time::{sleep, timeout};
use polliwog_mio::net::unix::SocketAddr;
use polliwog_mio::net::{UnixDatagram, UnixListener, UnixStream};
use polliwog_mio::{MioReactor, Runtime, block_on, spawn};
use support::Folder;

/// Longer than anything here takes; only a wait without end comes to it.
const LONG: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(count.clone())))
}

async fn connection(path: &Path) -> (UnixStream, UnixStream) {
    let listener = UnixListener::bind(path).unwrap();
    let (client, server) = join(UnixStream::connect(path), listener.accept()).await;
    (client.unwrap(), server.unwrap().0)
}

#[test]
fn bytes_go_both_ways_until_the_end_by_every_way_to_read_and_write() {
    let folder = Folder::new("bytes");
    let path = folder.join("socket");
    block_on(async {
        let (client, server) = connection(&path).await;
        assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*path));
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
        assert!(server.peer_addr().unwrap().is_unnamed());

        assert_eq!(
            server.try_read(&mut [0; 1]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let two = [IoSlice::new(b""), IoSlice::new(b"ab"), IoSlice::new(b"cd")];
        assert_eq!(client.write_vectored(&two).await.unwrap(), 4);
        assert_eq!(client.try_write(b"ef").unwrap(), 2);
        assert_eq!(client.try_write_vectored(&two[2..]).unwrap(), 2);
        server.readable().await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(server.peek(&mut buf).await.unwrap(), 8);
        let (mut a, mut b) = ([0; 1], [0; 3]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.read_vectored(&mut bufs).await.unwrap(), 4);
        assert_eq!((&a, &b), (b"a", b"bcd"));
        assert_eq!(server.try_read(&mut buf[..2]).unwrap(), 2);
        let mut bufs = [IoSliceMut::new(&mut buf[2..])];
        assert_eq!(server.try_read_vectored(&mut bufs).unwrap(), 2);
        assert_eq!(&buf[..4], b"efcd");
        server.writable().await.unwrap();

        // By the traits, and in two tasks.
        let (mut reader, mut writer) = server.into_split();
        let echo = spawn(async move {
            let copied = futures_util::io::copy(&mut reader, &mut writer).await;
            (copied, reader, writer)
        });
        let sent = vec![7; 1 << 20];
        let mut got = Vec::new();
        let (mut from, to) = UnixStream::split(&client);
        let send = async {
            to.write_all(&sent).await.unwrap();
            to.shutdown().unwrap();
        };
        let receive = async {
            while got.len() < sent.len() {
                let mut buf = vec![0; 1 << 16];
                let n = AsyncReadExt::read(&mut from, &mut buf).await.unwrap();
                got.extend_from_slice(&buf[..n]);
            }
        };
        timeout(LONG, join(send, receive)).await.unwrap();
        assert!(got == sent);
        let (copied, reader, writer) = echo.ok().unwrap().await.unwrap();
        assert_eq!(copied.unwrap(), sent.len() as u64);
        let mut server = reader.reunite(writer).unwrap();
        AsyncWriteExt::close(&mut server).await.unwrap();
        assert_eq!(client.read(&mut buf).await.unwrap(), 0);
        assert_eq!(
            client.read_exact(&mut buf).await.unwrap_err().kind(),
            ErrorKind::UnexpectedEof
        );
        drop(server);
        let error = client.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert!(client.take_error().unwrap().is_none());
        client.shutdown(Shutdown::Both).unwrap();
    });
}

#[test]
fn halves_of_different_streams_are_given_back_and_a_dropped_writer_is_the_end() {
    block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let (one_reader, one_writer) = one.into_split();
        let (other_reader, other_writer) = other.into_split();
        let error = one_reader.reunite(other_writer).unwrap_err();
        let (one_reader, other_writer) = (error.0, error.1);
        drop(one_writer);
        let mut end = [0; 1];
        assert_eq!(other_reader.read(&mut end).await.unwrap(), 0);
        other_writer.write_all(b"x").await.unwrap();
        assert_eq!(one_reader.read(&mut end).await.unwrap(), 1);
        other_writer.forget();
        let more = timeout(Duration::from_millis(1), one_reader.read(&mut end));
        assert!(more.await.is_err(), "forgotten, not closed");
    });
}

#[test]
fn a_name_stays_until_somebody_removes_it() {
    let folder = Folder::new("unlink");
    let path = folder.join("socket");
    block_on(async {
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let refused = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let taken = UnixListener::bind(&path).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        let taken = UnixDatagram::bind(&path).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        fs::remove_file(&path).unwrap();
        let missing = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let _listener = UnixListener::bind(&path).unwrap();
        let too_long = UnixListener::bind("x".repeat(500)).unwrap_err();
        assert_eq!(too_long.kind(), ErrorKind::InvalidInput);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_are_not_in_the_file_system() {
    use std::os::linux::net::SocketAddrExt;
    block_on(async {
        let name = format!("polliwog-{}", std::process::id());
        let addr = SocketAddr::from_abstract_name(&name).unwrap();
        let path = format!("\0{name}");
        let listener = UnixListener::bind_addr(&addr).unwrap();
        assert!(UnixListener::bind(&path).is_err());
        let bound = listener.local_addr().unwrap();
        assert_eq!(bound.as_abstract_name(), Some(name.as_bytes()));
        for by_path in [true, false] {
            let client = async {
                match by_path {
                    true => UnixStream::connect(&path).await,
                    false => UnixStream::connect_addr(&addr).await,
                }
            };
            let (client, server) = join(client, listener.accept()).await;
            client.unwrap().write_all(b"x").await.unwrap();
            assert_eq!(server.unwrap().0.read(&mut [0; 1]).await.unwrap(), 1);
        }
        // The name ends with the socket.
        drop(listener);
        let refused = UnixStream::connect_addr(&addr).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

        let here = UnixDatagram::bind(&path).unwrap();
        let there = UnixDatagram::unbound().unwrap();
        assert_eq!(there.send_to(b"a", &path).await.unwrap(), 1);
        assert_eq!(there.send_to_addr(b"b", &addr).await.unwrap(), 1);
        there.connect_addr(&addr).unwrap();
        assert_eq!(there.send(b"c").await.unwrap(), 1);
        for expected in [b"a", b"b", b"c"] {
            let mut buf = [0; 1];
            let (n, from) = here.recv_from(&mut buf).await.unwrap();
            assert!(n == 1 && from.is_unnamed() && &buf == expected);
        }
    });
}

#[test]
fn a_peer_has_credentials() {
    let me = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let folder = Folder::new("cred");
    block_on(async {
        let (client, server) = connection(&folder.join("socket")).await;
        let pair = UnixStream::pair().unwrap();
        for stream in [&client, &server, &pair.0, &pair.1] {
            let cred = stream.peer_cred().unwrap();
            assert_eq!((cred.uid(), cred.gid()), me);
            if cfg!(any(target_os = "linux", target_os = "android")) {
                assert_eq!(cred.pid(), Some(std::process::id() as i32));
            }
        }
    });
}

#[test]
fn sockets_go_to_the_standard_library_and_come_back() {
    let folder = Folder::new("std");
    let path = folder.join("socket");
    block_on(async {
        let listener = UnixListener::bind(&path).unwrap().into_std().unwrap();
        let listener = UnixListener::from_std(listener).unwrap();
        let accept = spawn(async move { listener.accept().await.unwrap().0 });
        let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let client = UnixStream::from_std(client).unwrap();
        let server = accept.ok().unwrap().await.unwrap();
        // It has been waited with before.
        assert!(
            timeout(Duration::from_millis(1), server.read(&mut [0; 1]))
                .await
                .is_err()
        );
        let server = UnixStream::from_std(server.into_std().unwrap()).unwrap();
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 1);

        let (one, other) = UnixDatagram::pair().unwrap();
        let one = UnixDatagram::from_std(one.into_std().unwrap()).unwrap();
        one.send(b"y").await.unwrap();
        assert_eq!(other.recv(&mut [0; 1]).await.unwrap(), 1);
    });
    let outside = UnixStream::pair().unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::NotConnected);
    let outside = UnixListener::bind(folder.join("other")).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::NotConnected);
    assert!(!folder.join("other").exists());
    let outside = UnixDatagram::unbound().unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::NotConnected);
}

#[test]
fn a_connection_wakes_the_one_that_has_waited_longest() {
    let folder = Folder::new("longest");
    let path = folder.join("socket");
    let reactor = MioReactor::new().unwrap();
    reactor.enter(|| {
        let listener = UnixListener::bind(&path).unwrap();
        let counts: Vec<_> = (0..3).map(|_| Arc::new(Count::default())).collect();
        let woken = |at: usize| counts[at].0.load(Ordering::Relaxed);
        let mut accepts: Vec<_> = (0..3).map(|_| Some(Box::pin(listener.accept()))).collect();
        for (accept, count) in accepts.iter_mut().flatten().zip(&counts) {
            assert!(poll(accept.as_mut(), count).is_pending());
        }
        let _client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        reactor.park(Deadline::Never).unwrap();
        assert_eq!(woken(0), 1);
        accepts[0] = None;
        assert_eq!(woken(1), 1);
        assert!(poll(accepts[1].as_mut().unwrap().as_mut(), &counts[1]).is_ready());
        assert_eq!(woken(2), 0);
        drop(accepts);
        assert!(counts.iter().all(|count| Arc::strong_count(count) == 1));
    });
}

#[test]
fn any_number_of_tasks_wait_and_one_that_gives_up_costs_the_others_nothing() {
    let folder = Folder::new("waiters");
    let path = folder.join("socket");
    block_on(async {
        let listener = Rc::new(UnixListener::bind(&path).unwrap());
        let accepted = Rc::new(Cell::new(0));
        let mut tasks = Vec::new();
        for kind in 0..6 {
            let (listener, accepted) = (listener.clone(), accepted.clone());
            let accept = async move {
                let stream = match kind % 2 {
                    0 => listener.accept().await.unwrap().0,
                    _ => listener.incoming().next().await.unwrap().unwrap(),
                };
                accepted.set(accepted.get() + 1);
                assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
            };
            tasks.push(spawn(accept).ok().unwrap());
        }
        let patience = Duration::from_millis(1);
        assert!(timeout(patience, listener.accept()).await.is_err());
        let mut clients = Vec::new();
        for _ in 0..6 {
            clients.push(UnixStream::connect(&path).await.unwrap());
        }
        let all = async {
            while accepted.get() < 6 {
                polliwog_core::yield_now().await;
            }
        };
        timeout(LONG, all).await.expect("some wait for ever");
        drop(clients);
        join_all(tasks).await.into_iter().for_each(Result::unwrap);

        let (sender, receiver) = UnixDatagram::pair().unwrap();
        let receiver = Rc::new(receiver);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let receiver = receiver.clone();
                let receive = async move {
                    let mut buf = [0; 1];
                    receiver.recv(&mut buf).await.unwrap();
                    buf[0]
                };
                spawn(receive).ok().unwrap()
            })
            .collect();
        for _ in 0..3 {
            let given_up = timeout(patience, receiver.recv(&mut [0; 1])).await;
            assert!(given_up.is_err());
        }
        for number in 0..4 {
            sender.send(&[number]).await.unwrap();
        }
        let got = timeout(LONG, join_all(tasks)).await.expect("a lost wake");
        let mut got: Vec<_> = got.into_iter().map(Result::unwrap).collect();
        got.sort();
        assert_eq!(got, [0, 1, 2, 3]);
    });
}

#[test]
fn what_is_always_ready_leaves_others_their_turn() {
    block_on(async {
        let turns = Rc::new(Cell::new(0));
        let others = turns.clone();
        let other = spawn(async move {
            loop {
                others.set(others.get() + 1);
                polliwog_core::yield_now().await;
            }
        });
        let other = other.ok().unwrap();
        let rounds = async {
            let (one, another) = UnixStream::pair().unwrap();
            let (here, there) = UnixDatagram::pair().unwrap();
            let mut buf = [0; 1];
            for round in 0..2000 {
                match round % 2 {
                    0 => {
                        one.write_all(b"x").await.unwrap();
                        another.read_exact(&mut buf).await.unwrap();
                    }
                    _ => {
                        here.send(b"x").await.unwrap();
                        there.recv(&mut buf).await.unwrap();
                    }
                }
            }
        };
        rounds.await;
        assert!(turns.get() >= 10, "only {} turns", turns.get());
        other.abort();
    });
}

#[test]
fn what_nobody_would_wake_is_an_error() {
    let folder = Folder::new("gone");
    let path = folder.join("socket");
    let runtime = Runtime::new().unwrap();
    let (stream, _peer, listener, datagram) = runtime.block_on(async {
        let (stream, peer) = UnixStream::pair().unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        (stream, peer, listener, UnixDatagram::unbound().unwrap())
    });
    let check = |why: &str| {
        block_on(async {
            let mut buf = [0; 1];
            let errors = [
                stream.read(&mut buf).await.unwrap_err(),
                stream.readable().await.unwrap_err(),
                stream.peek(&mut buf).await.unwrap_err(),
                listener.accept().await.unwrap_err(),
                datagram.recv_from(&mut buf).await.unwrap_err(),
                datagram.readable().await.unwrap_err(),
                datagram.peek(&mut buf).await.unwrap_err(),
            ];
            for error in errors {
                assert!(error.to_string().contains(why), "{error}");
            }
        });
    };
    check("another runtime");
    drop(runtime);
    check("has ended");
}

/// Linux gives back "try again" at once and reports no better time.
#[cfg(target_os = "linux")]
#[test]
fn a_connect_waits_while_the_queue_is_full() {
    use socket2::{Domain, SockAddr, Socket, Type};
    let folder = Folder::new("full");
    let path = folder.join("socket");
    block_on(async {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        socket.listen(0).unwrap();
        let listener = UnixListener::from_std(socket.into()).unwrap();
        let clients = join_all((0..5).map(|_| UnixStream::connect(&path)));
        let accept = async {
            let mut servers = Vec::new();
            for _ in 0..5 {
                // Until then the others find a full queue.
                sleep(Duration::from_millis(1)).await;
                servers.push(listener.accept().await.unwrap());
            }
        };
        let (clients, ()) = timeout(LONG, join(clients, accept)).await.unwrap();
        assert!(clients.iter().all(Result::is_ok));
    });
}

/// A read ends at data that came with descriptors, however much is behind it.
#[test]
fn a_read_that_is_cut_short_by_descriptors_is_not_the_last() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::mem::MaybeUninit;
    use std::os::fd::AsFd;
    block_on(async {
        let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
        let folder = fs::File::open(std::env::temp_dir()).unwrap();
        let server = UnixStream::from_std(server).unwrap();
        let (there, here) = UnixStream::pair().unwrap();
        // One that nobody else has had in hand, and one that somebody has.
        for (client, server) in [(there.into_std().unwrap(), here), (client, server)] {
            let mut waits = Box::pin(server.readable());
            let count = Arc::new(Count::default());
            assert!(poll(waits.as_mut(), &count).is_pending());
            let fds = [folder.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            for part in [b"ab", b"cd"] {
                let mut control = SendAncillaryBuffer::new(&mut space);
                assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
                let flags = SendFlags::empty();
                sendmsg(&client, &[IoSlice::new(part)], &mut control, flags).unwrap();
            }
            waits.await.unwrap();
            let mut buf = [0; 16];
            let mut read = 0;
            while read < 4 {
                let more = timeout(LONG, server.read(&mut buf[read..])).await;
                read += more.expect("waits although there is more").unwrap();
            }
            assert_eq!(&buf[..4], b"abcd");
        }
    });
}
