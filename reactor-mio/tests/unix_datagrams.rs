//! Datagrams by Unix sockets, and descriptors that go along.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::Duration;

use futures_util::future::join;
use polliwog_core::time::{sleep, timeout};
use polliwog_mio::block_on;
use polliwog_mio::net::{UnixDatagram, UnixStream};
use support::Folder;

/// Longer than anything here takes; only a wait without end comes to it.
const LONG: Duration = Duration::from_secs(30);

/// Of a receiver that the socket is not connected to Linux does not report when there is room.
#[cfg(target_os = "linux")]
#[test]
fn a_datagram_waits_while_the_queue_of_its_receiver_is_full() {
    let folder = Folder::new("queue");
    let path = folder.join("socket");
    block_on(async {
        let receiver = UnixDatagram::bind(&path).unwrap();
        let filler = UnixDatagram::unbound().unwrap();
        let mut filled = 0;
        while filler.try_send_to(b"f", &path).is_ok() {
            filled += 1;
        }
        let sender = UnixDatagram::unbound().unwrap();
        let drain = async {
            sleep(Duration::from_millis(1)).await;
            let mut buf = [0; 1];
            while &buf != b"s" {
                receiver.recv(&mut buf).await.unwrap();
                filled -= i32::from(&buf == b"f");
            }
        };
        let both = join(sender.send_to(b"s", &path), drain);
        let (sent, ()) = timeout(LONG, both).await.expect("waits for ever");
        assert_eq!((sent.unwrap(), filled), (1, 0));

        // The same of a peer, which the system does report.
        sender.connect(&path).unwrap();
        while filler.try_send_to(b"f", &path).is_ok() {}
        let drain = async {
            let mut buf = [0; 1];
            while &buf != b"t" {
                receiver.recv(&mut buf).await.unwrap();
            }
        };
        let both = join(sender.send(b"t"), drain);
        timeout(LONG, both)
            .await
            .expect("waits for ever")
            .0
            .unwrap();
    });
}

#[test]
fn datagrams_keep_their_borders_and_tell_where_they_came_from() {
    let folder = Folder::new("datagrams");
    let (a, b) = (folder.join("a"), folder.join("b"));
    block_on(async {
        let here = UnixDatagram::bind(&a).unwrap();
        let there = UnixDatagram::bind(&b).unwrap();
        assert_eq!(
            here.try_recv(&mut [0; 1]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert_eq!(there.try_send_to(b"one", &a).unwrap(), 3);
        there.connect(&a).unwrap();
        assert_eq!(there.peer_addr().unwrap().as_pathname(), Some(&*a));
        assert_eq!(there.try_send(b"two").unwrap(), 3);
        here.readable().await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(here.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(here.try_peek(&mut buf).unwrap(), 3);
        let (n, from) = here.recv_from(&mut buf).await.unwrap();
        assert_eq!((&buf[..n], from.as_pathname()), (&b"one"[..], Some(&*b)));
        // What does not fit is lost.
        assert_eq!(here.try_recv_from(&mut buf[..2]).unwrap().0, 2);
        assert_eq!(
            here.try_recv_from(&mut buf).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let nobody = here.send_to(b"x", folder.join("c")).await.unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::NotFound);
        let unnamed = UnixDatagram::unbound().unwrap().local_addr().unwrap();
        let error = here.send_to_addr(b"x", &unnamed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // Who waits as it is shut down, and who comes afterwards.
        let shut = async {
            polliwog_core::yield_now().await;
            there.shutdown(Shutdown::Both).unwrap();
        };
        let (waited, ()) = timeout(LONG, join(there.recv(&mut [0; 1]), shut))
            .await
            .unwrap();
        let came = timeout(LONG, there.recv_from(&mut buf)).await.unwrap();
        for error in [waited.map(drop).unwrap_err(), came.map(drop).unwrap_err()] {
            assert!(error.to_string().contains("shut down"), "{error}");
        }
    });
}

#[test]
fn descriptors_go_along() {
    use std::io::{Read, Seek, Write};
    use std::os::fd::{AsFd, OwnedFd};
    let folder = Folder::new("fds");
    let mut file = fs::File::create_new(folder.join("file")).unwrap();
    file.write_all(b"quak").unwrap();
    let check = |fds: Vec<OwnedFd>, count: usize| {
        assert_eq!(fds.len(), count);
        for fd in fds {
            let flags = rustix::io::fcntl_getfd(&fd).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
            let mut file = fs::File::from(fd);
            file.rewind().unwrap();
            assert_eq!(file.metadata().unwrap().len(), 4);
        }
    };
    block_on(async {
        let reader = fs::File::open(folder.join("file")).unwrap();
        let fds = [file.as_fd(), reader.as_fd()];
        let mut buf = [0; 8];

        let (one, other) = UnixStream::pair().unwrap();
        // Somebody waits already, and what comes later without descriptors stays apart.
        let send = async {
            polliwog_core::yield_now().await;
            one.send_fds(b"ab", &fds).await.unwrap();
            one.write_all(b"cd").await.unwrap();
        };
        let (received, ()) = timeout(LONG, join(other.recv_fds(&mut buf), send))
            .await
            .unwrap();
        let (n, came) = received.unwrap();
        assert!(n >= 2 && buf.starts_with(b"ab"));
        check(came, 2);
        if n == 2 {
            assert_eq!(other.recv_fds(&mut buf).await.unwrap().0, 2);
        }
        // Whoever merely reads gets no descriptors, and they are closed.
        let (end, kept) = rustix::pipe::pipe().unwrap();
        one.send_fds(b"x", &[kept.as_fd()]).await.unwrap();
        drop(kept);
        assert_eq!(other.read(&mut buf).await.unwrap(), 1);
        assert_eq!(fs::File::from(end).read(&mut buf).unwrap(), 0);
        let nothing = one.send_fds(b"", &fds).await.unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::InvalidInput);
        let many = vec![file.as_fd(); 254];
        let error = one.send_fds(b"x", &many).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        one.send_fds(b"y", &many[..100]).await.unwrap();
        let (n, came) = other.recv_fds(&mut buf).await.unwrap();
        assert_eq!(n, 1);
        check(came, 100);
        drop(one);
        let (n, came) = other.recv_fds(&mut buf).await.unwrap();
        assert!(n == 0 && came.is_empty());
        let gone = other.send_fds(b"x", &fds).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::BrokenPipe);

        let (one, other) = UnixDatagram::pair().unwrap();
        one.send_fds(b"", &fds[..1]).await.unwrap();
        one.send_fds(b"cd", &[]).await.unwrap();
        let (n, came) = other.recv_fds(&mut buf).await.unwrap();
        assert_eq!(n, 0);
        check(came, 1);
        let (n, came) = other.recv_fds(&mut buf).await.unwrap();
        assert!(n == 2 && came.is_empty());
    });
}
