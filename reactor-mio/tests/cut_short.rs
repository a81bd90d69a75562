//! Operations that end before they should, on either side: waits that are given up in the middle of a message, ends that
//! come in any order, descriptors whose numbers are used again.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::{ErrorKind, IoSlice, Read as _};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join, select};
use futures_util::io::AsyncReadExt;
use polliwog_core::time::{sleep, timeout};
use polliwog_core::yield_now;
use polliwog_mio::io::read_buf;
use polliwog_mio::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use polliwog_mio::{Runtime, block_on, spawn};
use support::{Folder, connection, once, soon};

#[test]
fn a_message_that_comes_in_pieces_survives_any_number_of_timeouts() {
    block_on(async {
        let (mut client, server) = connection().await;
        let sent: Vec<u8> = (0..5000_u32).map(|n| (n / 3) as u8).collect();
        let expected = sent.clone();
        let sender = spawn(async move {
            for piece in sent.chunks(37) {
                server.write_all(piece).await.unwrap();
                yield_now().await;
            }
        });
        let mut buf = Vec::new();
        let mut given_up = 0;
        soon(async {
            loop {
                match select(pin!(read_buf(&mut client, &mut buf)), pin!(yield_now())).await {
                    futures_util::future::Either::Left((read, _)) => {
                        if read.unwrap() == 0 {
                            break;
                        }
                    }
                    futures_util::future::Either::Right(_) => given_up += 1,
                }
            }
        })
        .await;
        assert!(buf == expected, "{} bytes, {given_up} given up", buf.len());
        sender.unwrap().await.unwrap();

        // Room that is there is used, none is made beyond it; and an error leaves the buffer as it was.
        let (mut client, server) = connection().await;
        server.write_all(&[7; 100]).await.unwrap();
        let mut buf = Vec::with_capacity(10);
        buf.extend_from_slice(b"egg");
        let room = buf.capacity();
        assert_eq!(read_buf(&mut client, &mut buf).await.unwrap(), room - 3);
        assert!(buf.capacity() == room && buf.starts_with(b"egg\x07"));
        assert!(once(read_buf(&mut client, &mut buf)).await.is_ready());
        let before = buf.clone();
        server.set_linger(Some(Duration::ZERO)).unwrap();
        drop(server);
        let error = loop {
            if let Err(error) = soon(read_buf(&mut client, &mut buf)).await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(buf.starts_with(&before));
    });
}

/// A stream that panics in the middle of a read leaves no bytes behind that nobody has sent.
#[test]
fn a_buffer_is_as_it_was_after_a_panic() {
    struct Bad;
    impl futures_io::AsyncRead for Bad {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut [u8],
        ) -> Poll<std::io::Result<usize>> {
            panic!("quak")
        }
    }
    let mut buf = b"egg".to_vec();
    let read = std::panic::AssertUnwindSafe(|| block_on(read_buf(&mut Bad, &mut buf)));
    assert!(std::panic::catch_unwind(read).is_err());
    assert_eq!(buf, b"egg");
}

#[test]
fn each_side_may_close_its_half_first_or_both_at_once() {
    block_on(async {
        for order in 0..4 {
            let (client, server) = connection().await;
            let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
            match order {
                0 => client.shutdown(Shutdown::Write).unwrap(),
                1 => server.shutdown(Shutdown::Write).unwrap(),
                2 => {
                    client.shutdown(Shutdown::Write).unwrap();
                    server.shutdown(Shutdown::Write).unwrap();
                }
                _ => {}
            }
            // What each still may say arrives.
            if order == 1 || order == 3 {
                client.write_all(b"from the client").await.unwrap();
            }
            if order == 0 || order == 3 {
                server.write_all(b"from the server").await.unwrap();
            }
            // To close what is closed changes nothing; of a connection that has ended the system says so.
            for stream in [&client, &server] {
                for _ in 0..2 {
                    if let Err(error) = stream.shutdown(Shutdown::Write) {
                        assert_eq!(error.kind(), ErrorKind::NotConnected);
                    }
                }
                assert_eq!(
                    stream.write(b"x").await.unwrap_err().kind(),
                    ErrorKind::BrokenPipe
                );
            }
            let (mut a, mut b) = (&client, &server);
            soon(a.read_to_end(&mut at_client)).await.unwrap();
            soon(b.read_to_end(&mut at_server)).await.unwrap();
            let expect = |said: bool, text: &'static [u8]| if said { text } else { b"" };
            assert_eq!(
                at_client,
                expect(order == 0 || order == 3, b"from the server")
            );
            assert_eq!(
                at_server,
                expect(order == 1 || order == 3, b"from the client")
            );
        }
    });
}

/// By the same task's other half, or by another task.
#[test]
fn who_waits_when_the_stream_is_shut_down_is_told() {
    block_on(async {
        let (client, server) = connection().await;
        // Linux ends the read.
        if cfg!(target_os = "linux") {
            let shut = async {
                yield_now().await;
                client.shutdown(Shutdown::Read).unwrap();
            };
            let mut buf = [0; 8];
            let (read, ()) = soon(join(client.read(&mut buf), shut)).await;
            assert_eq!(read.unwrap(), 0);
        }
        // Until the system takes no more.
        let more = || timeout(Duration::from_millis(1), server.write(&[0; 1 << 16]));
        while more().await.is_ok() {}
        let shut = async {
            yield_now().await;
            server.shutdown(Shutdown::Write).unwrap();
        };
        let (written, ()) = soon(join(server.write_all(&[0; 1 << 20]), shut)).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn partial_vectored_writes_leave_nothing_out() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let total: usize = 3 << 20;
        let byte = |at: usize| (at / 7) as u8;
        let data: Vec<u8> = (0..total).map(byte).collect();
        let writer = async {
            let mut done = 0;
            while done < total {
                // Uneven, with empty ones among them.
                let mut bufs = Vec::new();
                for (index, piece) in data[done..].chunks(9001).take(40).enumerate() {
                    let (a, b) = piece.split_at(piece.len() / (1 + index % 5));
                    bufs.extend([IoSlice::new(a), IoSlice::new(b), IoSlice::new(&[])]);
                }
                done += client.write_vectored(&bufs).await.unwrap();
            }
            client.shutdown(Shutdown::Write).unwrap();
        };
        let reader = async {
            let (mut at, mut buf) = (0, vec![0; 12_345]);
            loop {
                let n = server.read(&mut buf).await.unwrap();
                if n == 0 {
                    return at;
                }
                assert!((0..n).all(|index| buf[index] == byte(at + index)), "{at}");
                at += n;
                yield_now().await;
            }
        };
        assert_eq!(soon(join(writer, reader)).await.1, total);
    });
}

/// Connects that are dropped at each stage leave no descriptor open and no place in the table taken.
#[test]
fn connects_and_accepts_that_are_given_up_leave_nothing_behind() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // So that it is registered.
        assert!(once(listener.accept()).await.is_pending());
        let sources = runtime.reactor().sources();
        let mut accepted = 0;
        for round in 0..200 {
            let mut connect = Box::pin(TcpStream::connect(addr));
            for _ in 0..round % 3 {
                if once(connect.as_mut()).await.is_ready() {
                    break;
                }
                yield_now().await;
            }
            drop(connect);
            let mut accept = Box::pin(listener.accept());
            if let Poll::Ready(stream) = once(accept.as_mut()).await {
                accepted += usize::from(stream.is_ok());
            }
        }
        assert!(accepted <= 200);
        assert_eq!(runtime.reactor().sources(), sources);
        // The listener goes on: of those that were dropped some may be in its queue.
        let good = soon(TcpStream::connect(addr)).await.unwrap();
        let here = good.local_addr().unwrap();
        while soon(listener.accept()).await.unwrap().1 != here {}
    });
}

#[test]
fn a_connection_that_is_reset_in_the_queue_harms_nobody() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for _ in 0..20 {
            let hasty = TcpStream::connect(addr).await.unwrap();
            hasty.set_linger(Some(Duration::ZERO)).unwrap();
            drop(hasty);
        }
        let good = TcpStream::connect(addr).await.unwrap();
        let here = good.local_addr().unwrap();
        loop {
            let (stream, peer) = soon(listener.accept()).await.unwrap();
            if peer == here {
                stream.write_all(b"x").await.unwrap();
                break;
            }
            // An error or an end, and at once.
            assert!(matches!(
                soon(stream.read(&mut [0; 1])).await,
                Ok(0) | Err(_)
            ));
        }
        assert_eq!(good.read(&mut [0; 1]).await.unwrap(), 1);
    });
}

#[test]
fn a_listener_that_is_closed_lets_its_queue_go() {
    let folder = Folder::new("queue-goes");
    let path = folder.join("socket");
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let queued = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let local = UnixListener::bind(&path).unwrap();
        let local_queued = UnixStream::connect(&path).await.unwrap();
        let close = async {
            yield_now().await;
            drop((listener, local));
        };
        let mut buf = [0; 1];
        let mut other = [0; 1];
        let reads = join(queued.read(&mut buf), local_queued.read(&mut other));
        let ((tcp, unix), ()) = soon(join(reads, close)).await;
        assert!(matches!(tcp, Ok(0) | Err(_)) && matches!(unix, Ok(0) | Err(_)));
    });
}

/// The number of a descriptor is used again at once; what was said of the one before is not said of the next.
#[test]
fn a_number_that_is_used_again_has_no_readiness_of_its_predecessor() {
    block_on(async {
        let mut numbers = Vec::new();
        for round in 0..100 {
            let (ours, theirs) = UnixStream::pair().unwrap();
            // Registered for reading, and in some rounds for writing, too.
            assert!(once(ours.read(&mut [0; 1])).await.is_pending());
            if round % 2 == 0 {
                while ours.try_write(&[0; 1 << 14]).is_ok() {}
                assert!(once(ours.write(b"x")).await.is_pending());
            }
            // An event that nobody has looked at yet, or an end.
            match round % 3 {
                0 => drop(theirs.try_write(b"stale")),
                1 => drop(theirs),
                _ => {}
            }
            numbers.push(ours.as_raw_fd());
            drop(ours);
            let (next, peer) = UnixStream::pair().unwrap();
            let mut buf = [0; 8];
            assert!(once(next.read(&mut buf)).await.is_pending());
            yield_now().await;
            assert!(once(next.read(&mut buf)).await.is_pending());
            let write = async {
                yield_now().await;
                peer.write_all(b"fresh").await.unwrap();
            };
            let (read, ()) = soon(join(next.read(&mut buf), write)).await;
            assert_eq!((read.unwrap(), &buf[..5]), (5, &b"fresh"[..]));
        }
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() < 100, "numbers were used again");
    });
}

#[test]
fn one_of_several_readers_is_aborted_and_another_goes_on() {
    block_on(async {
        let (client, server) = connection().await;
        let client = Rc::new(client);
        let tasks = [(); 3].map(|()| {
            let client = client.clone();
            spawn(async move { client.read(&mut [0; 1]).await.unwrap() }).unwrap()
        });
        yield_now().await;
        let [first, second, third] = tasks;
        first.abort();
        assert!(first.await.is_err());
        server.write_all(b"ab").await.unwrap();
        assert_eq!(soon(second).await.unwrap() + soon(third).await.unwrap(), 2);
    });
}

#[test]
fn a_peer_that_leaves_something_unread_is_an_error_or_an_end() {
    block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        here.write_all(b"unread").await.unwrap();
        there.write_all(b"last").await.unwrap();
        drop(there);
        let mut all = Vec::new();
        let mut end = Ok(1);
        while matches!(end, Ok(1..)) {
            let mut buf = [0; 3];
            end = soon(here.read(&mut buf)).await;
            all.extend_from_slice(&buf[..*end.as_ref().unwrap_or(&0)]);
        }
        // Linux says so before or after what is still there.
        while let Ok(n @ 1..) = soon(here.read(&mut [0; 3])).await {
            all.extend(std::iter::repeat_n(b'?', n));
        }
        assert!(all.len() <= 4);
    });
}

#[test]
fn datagrams_that_do_not_fit_are_cut_and_the_next_is_whole() {
    block_on(async {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        sender
            .connect(receiver.local_addr().unwrap())
            .await
            .unwrap();
        for _ in 0..3 {
            sender.send(b"a long datagram").await.unwrap();
            assert_eq!(soon(receiver.peek_from(&mut [0; 2])).await.unwrap().0, 2);
            let mut buf = [0; 6];
            assert_eq!(soon(receiver.recv_from(&mut buf)).await.unwrap().0, 6);
            assert_eq!(&buf, b"a long");
            sender.send(b"short").await.unwrap();
            assert_eq!(soon(receiver.recv_from(&mut buf)).await.unwrap().0, 5);
            assert_eq!(&buf[..5], b"short");
        }
        let error = sender.send(&[0; 70_000]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        sender.send(b"after").await.unwrap();
        assert_eq!(soon(receiver.recv_from(&mut [0; 9])).await.unwrap().0, 5);
    });
}

#[test]
fn a_name_that_is_gone_does_not_part_those_who_know_each_other() {
    let folder = Folder::new("unlinked");
    let path = folder.join("socket");
    block_on(async {
        let receiver = UnixDatagram::bind(&path).unwrap();
        let friend = UnixDatagram::unbound().unwrap();
        friend.connect(&path).unwrap();
        fs::remove_file(&path).unwrap();
        friend.send(b"still").await.unwrap();
        assert_eq!(soon(receiver.recv(&mut [0; 9])).await.unwrap(), 5);
        let stranger = UnixDatagram::unbound().unwrap();
        let error = stranger.send_to(b"who", &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        // Another may take the name; the old one hears nothing of it.
        let other = UnixDatagram::bind(&path).unwrap();
        stranger.send_to(b"new", &path).await.unwrap();
        assert_eq!(soon(other.recv(&mut [0; 9])).await.unwrap(), 3);
        assert!(once(receiver.recv(&mut [0; 9])).await.is_pending());
        drop(receiver);
        let error = friend.send(b"gone").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// Readiness that was used up is waited for again, however often it is asked for.
#[test]
fn readiness_that_was_used_up_is_no_spin() {
    block_on(async {
        let (client, server) = connection().await;
        server.write_all(b"x").await.unwrap();
        soon(client.readable()).await.unwrap();
        soon(client.readable()).await.unwrap();
        while client.try_read(&mut [0; 8]).is_ok() {}
        for _ in 0..3 {
            assert!(once(client.readable()).await.is_pending());
        }
        let write = async {
            sleep(Duration::from_millis(1)).await;
            server.write_all(b"y").await.unwrap();
        };
        soon(join(client.readable(), write)).await.0.unwrap();
        assert_eq!(client.try_read(&mut [0; 8]).unwrap(), 1);
    });
}

/// Into the standard library and back in the middle of a conversation.
#[test]
fn a_stream_that_changes_hands_keeps_every_byte() {
    block_on(async {
        let (mut client, server) = connection().await;
        for round in 0..10_u8 {
            assert!(once(client.read(&mut [0; 1])).await.is_pending());
            server.write_all(&[round; 3]).await.unwrap();
            let mut std = client.into_std().unwrap();
            std.set_nonblocking(false).unwrap();
            let mut byte = [0; 1];
            std.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [round]);
            client = TcpStream::from_std(std).unwrap();
            let mut rest = [0; 2];
            soon(client.read_exact(&mut rest)).await.unwrap();
            assert_eq!(rest, [round; 2]);
        }
    });
}
