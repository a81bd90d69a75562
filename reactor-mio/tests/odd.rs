//! Sockets in unusual hands: duplicates that others keep, urgent data, a runtime that is gone or not the
//! one that runs, bursts, and floods.

mod support;

use std::cell::Cell;
use std::io::{self, Write};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::future::join;
use polliwog_core::time::timeout;
use polliwog_mio::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_mio::{Runtime, block_on, spawn};
use support::{LONG, connection, once};

#[test]
fn a_duplicate_that_somebody_keeps_is_of_no_consequence() {
    block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let mut peer = std::net::TcpStream::connect(addr).unwrap();
        let kept = listener.accept().unwrap().0;
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..3 {
            // Each has the number of the one before, which has been waited on.
            let copy = TcpStream::from_std(kept.try_clone().unwrap()).unwrap();
            let mut buf = [0; 8];
            assert!(once(copy.read(&mut buf)).await.is_pending());
            peer.write_all(b"x").unwrap();
            assert_eq!(
                timeout(LONG, copy.read(&mut buf)).await.unwrap().unwrap(),
                1
            );
            drop(copy);

            let copy = TcpListener::from_std(listener.try_clone().unwrap()).unwrap();
            assert!(once(copy.accept()).await.is_pending());
            let _client = std::net::TcpStream::connect(addr).unwrap();
            timeout(LONG, copy.accept()).await.unwrap().unwrap();
            drop(copy);

            let copy = UdpSocket::from_std(udp.try_clone().unwrap()).unwrap();
            assert!(once(copy.recv_from(&mut buf)).await.is_pending());
            udp.send_to(b"u", udp.local_addr().unwrap()).unwrap();
            timeout(LONG, copy.recv_from(&mut buf))
                .await
                .unwrap()
                .unwrap();
        }
    });
}

#[cfg(unix)]
#[test]
fn what_stands_behind_an_urgent_byte_is_read() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = listener.accept().await.unwrap().0;
        let mut buf = vec![0; 1 << 16];
        for round in 0..3_u8 {
            // One wait, so that the socket is watched.
            assert!(once(stream.read(&mut buf)).await.is_pending());
            (&peer).write_all(&[round; 4096]).unwrap();
            socket2::SockRef::from(&peer)
                .send_out_of_band(b"!")
                .unwrap();
            (&peer).write_all(&[round; 4096]).unwrap();
            let mut got = 0;
            while got < 8192 {
                let read = timeout(LONG, stream.read(&mut buf)).await;
                let read = read
                    .expect("a read that stopped at the mark is no end")
                    .unwrap();
                got += buf[..read].iter().filter(|byte| **byte == round).count();
            }
        }
        // Without one a short read tells that nothing is left.
        (&peer).write_all(b"plain").unwrap();
        while stream.read(&mut buf).await.unwrap() != 5 {}
        assert!(once(stream.read(&mut buf)).await.is_pending());
    });
}

/// Sockets of a runtime, of which one is watched already.
struct Sockets {
    client: TcpStream,
    server: TcpStream,
    udp: UdpSocket,
    listener: TcpListener,
}

impl Sockets {
    async fn new() -> Self {
        let (client, server) = connection().await;
        assert!(once(server.read(&mut [0; 1])).await.is_pending());
        Self {
            client,
            server,
            udp: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    /// Whatever would have to wait is an error that says this; what need not wait works.
    async fn check(&self, says: &str) {
        let expect = |result: io::Result<()>| {
            let error = result.expect_err("nobody would ever end this wait");
            assert!(error.to_string().contains(says), "{error}");
        };
        let mut buf = [0; 8];
        expect(self.server.read(&mut buf).await.map(drop));
        expect(self.client.read(&mut buf).await.map(drop));
        expect(self.server.readable().await);
        expect(self.udp.recv_from(&mut buf).await.map(drop));
        expect(self.listener.accept().await.map(drop));
        assert_eq!(self.client.write(b"x").await.unwrap(), 1);
        let mut read = self.server.try_read(&mut buf);
        while read.is_err() {
            read = self.server.try_read(&mut buf);
        }
        assert_eq!(read.unwrap(), 1);
    }
}

#[test]
fn promise_19_a_socket_that_nobody_would_wake_says_so() {
    let home = Runtime::new().unwrap();
    let sockets = home.block_on(Sockets::new());
    let other = Runtime::new().unwrap();
    other.block_on(sockets.check("another runtime"));
    // Also inside of its own, which does not go on meanwhile.
    home.block_on(async { other.block_on(sockets.check("another runtime")) });
    // Where no executor runs at all.
    let mut cx = Context::from_waker(Waker::noop());
    let mut buf = [0; 1];
    let Poll::Ready(Err(error)) = pin!(sockets.server.read(&mut buf)).poll(&mut cx) else {
        panic!("waits for nobody");
    };
    assert!(error.to_string().contains("does not run"), "{error}");
    // Back at home it waits as ever.
    home.block_on(async {
        let mut buf = [0; 1];
        assert!(once(sockets.server.read(&mut buf)).await.is_pending());
        let both = join(
            sockets.server.read(&mut buf),
            sockets.client.write_all(b"y"),
        );
        assert_eq!(timeout(LONG, both).await.unwrap().0.unwrap(), 1);
    });
    drop(home);
    other.block_on(sockets.check("has ended"));
}

#[test]
fn promise_19_whoever_waits_when_the_runtime_ends_is_told() {
    struct Flag(std::sync::atomic::AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let runtime = Runtime::new().unwrap();
    let sockets = runtime.block_on(Sockets::new());
    let flag = std::sync::Arc::new(Flag(false.into()));
    let waker = Waker::from(flag.clone());
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 1];
    let mut read = pin!(sockets.server.read(&mut buf));
    // By whoever is not a task of it.
    assert!(runtime.enter(|| read.as_mut().poll(&mut cx)).is_pending());
    drop(runtime);
    assert!(flag.0.load(std::sync::atomic::Ordering::Relaxed));
    assert!(matches!(read.poll(&mut cx), Poll::Ready(Err(_))));
}

#[test]
fn destructors_at_a_runtimes_end_may_use_its_sockets_but_not_wait() {
    struct Goodbye(Rc<TcpStream>, Rc<Cell<Option<(usize, bool)>>>);
    impl Drop for Goodbye {
        fn drop(&mut self) {
            let mut cx = Context::from_waker(Waker::noop());
            let written = match pin!(self.0.write(b"bye")).poll(&mut cx) {
                Poll::Ready(written) => written.unwrap(),
                Poll::Pending => 0,
            };
            let mut buf = [0; 1];
            let read = pin!(self.0.read(&mut buf)).poll(&mut cx);
            self.1
                .set(Some((written, matches!(read, Poll::Ready(Err(_))))));
        }
    }
    let seen = Rc::new(Cell::new(None));
    let runtime = Runtime::new().unwrap();
    let client = runtime.block_on(async {
        let (client, server) = connection().await;
        let goodbye = Goodbye(Rc::new(server), seen.clone());
        let task = spawn(async move {
            let _goodbye = goodbye;
            std::future::pending::<()>().await;
        });
        task.ok().unwrap().detach();
        polliwog_core::yield_now().await;
        client
    });
    drop(runtime);
    assert_eq!(seen.get(), Some((3, true)));
    // It may still be on its way.
    let read = loop {
        match client.try_read(&mut [0; 8]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            read => break read,
        }
    };
    assert_eq!(read.unwrap(), 3);
}

#[test]
fn a_burst_of_connections_finds_room() {
    block_on(async {
        const BURST: usize = 600;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // Nobody accepts meanwhile. Beyond the backlog a connect would take a second and more.
        let connects = async {
            let mut clients = Vec::new();
            for _ in 0..BURST {
                clients.push(TcpStream::connect(addr).await.unwrap());
            }
            clients
        };
        let clients = timeout(LONG, connects)
            .await
            .expect("the backlog is too small");
        for _ in &clients {
            listener.accept().await.unwrap();
        }
        // And as small as one likes.
        let small = TcpListener::bind_with_backlog("127.0.0.1:0", 1)
            .await
            .unwrap();
        let client = TcpStream::connect(small.local_addr().unwrap())
            .await
            .unwrap();
        drop(small.accept().await.unwrap());
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn promise_15_floods_leave_room_for_others() {
    block_on(async {
        // How often another task has its turn while these go on without ever having to wait.
        let turns = Rc::new(Cell::new(0));
        let count = turns.clone();
        let other = spawn(async move {
            loop {
                count.set(count.get() + 1);
                polliwog_core::yield_now().await;
            }
        });
        let other = other.ok().unwrap();
        let since = |before: u32| turns.get() - before;

        // A datagram socket that is sent to again and again.
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let here = udp.local_addr().unwrap();
        let before = turns.get();
        for _ in 0..640 {
            udp.send_to(b"x", here).await.unwrap();
            udp.recv_from(&mut [0; 8]).await.unwrap();
        }
        assert!(since(before) >= 9, "{} turns", since(before));

        // Connects, which stand at once on this device.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let before = turns.get();
        for _ in 0..160 {
            let _client = TcpStream::connect(addr).await.unwrap();
            let _server = listener.accept().await.unwrap();
        }
        assert!(since(before) >= 9, "{} turns", since(before));

        // Much at a time: bytes count, too.
        let (client, server) = connection().await;
        let mut buf = vec![0; 64 << 10];
        let before = turns.get();
        for _ in 0..160 {
            client.write_all(&buf).await.unwrap();
            server.read_exact(&mut buf).await.unwrap();
        }
        assert!(since(before) >= 30, "{} turns", since(before));
        other.abort();
    });
}
