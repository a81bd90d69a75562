//! Sockets that are set up before they connect or listen, and connects that race or give up.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join;
use polliwog_core::time::timeout;
use polliwog_mio::net::{TcpListener, TcpSocket, TcpStream};
use polliwog_mio::{Runtime, block_on};

/// Longer than anything here takes; only a wait without end comes to it.
const LONG: Duration = Duration::from_secs(30);

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An address at which nobody listens, and nobody else will as long as the socket is there.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any()).unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

#[test]
fn options_hold_before_and_after_connecting() {
    block_on(async {
        let listener = TcpSocket::new_v4().unwrap();
        listener.set_reuseaddr(true).unwrap();
        assert!(listener.reuseaddr().unwrap());
        listener.set_recv_buffer_size(1 << 16).unwrap();
        listener.bind(any()).unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = listener.listen(16).unwrap();
        assert_eq!(listener.local_addr().unwrap(), addr);

        let socket = TcpSocket::new_v4().unwrap();
        assert!(!socket.nodelay().unwrap() && !socket.keepalive().unwrap());
        socket.set_nodelay(true).unwrap();
        socket.set_linger(Some(Duration::from_secs(3))).unwrap();
        socket.set_send_buffer_size(1 << 16).unwrap();
        assert!(socket.send_buffer_size().unwrap() >= 1 << 16);
        assert!(socket.recv_buffer_size().unwrap() > 0);
        socket.set_keepalive_time(Duration::from_secs(40)).unwrap();
        assert!(socket.keepalive().unwrap());
        socket.bind(any()).unwrap();
        let from = socket.local_addr().unwrap();
        assert!(socket.take_error().unwrap().is_none());
        let (client, server) = join(socket.connect(addr), listener.accept()).await;
        let (client, (server, peer)) = (client.unwrap(), server.unwrap());
        assert_eq!((client.local_addr().unwrap(), peer), (from, from));
        assert!(client.nodelay().unwrap() && client.keepalive().unwrap());
        assert_eq!(client.linger().unwrap(), Some(Duration::from_secs(3)));
        #[cfg(not(windows))]
        assert_eq!(client.keepalive_time().unwrap(), Duration::from_secs(40));
        client.set_keepalive(false).unwrap();
        assert!(!client.keepalive().unwrap());
        #[cfg(any(windows, target_os = "linux"))]
        {
            client
                .set_keepalive_interval(Duration::from_secs(9))
                .unwrap();
            // Windows has the option, Wine has not.
            if cfg!(not(windows)) {
                client.set_keepalive_retries(3).unwrap();
            }
            assert!(client.keepalive().unwrap());
        }
        client.set_ttl(9).unwrap();
        assert_eq!(client.ttl().unwrap(), 9);
        client.write_all(b"x").await.unwrap();
        let mut buf = [0; 2];
        assert_eq!(server.read(&mut buf).await.unwrap(), 1);
        // Closed by a reset.
        client.set_zero_linger().unwrap();
        drop(client);
        let reset = server.read(&mut buf).await.map_err(|error| error.kind());
        // Wine makes it the end of the stream.
        assert!(reset == Err(ErrorKind::ConnectionReset) || cfg!(windows) && reset == Ok(0));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn several_listen_at_one_address_and_a_device_is_bound() {
    block_on(async {
        let listen = |addr| {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseport(true)?;
            assert!(socket.reuseport()?);
            socket.bind(addr)?;
            socket.listen(1)
        };
        let first = listen(any()).unwrap();
        let addr = first.local_addr().unwrap();
        listen(addr).unwrap();
        let alone = TcpSocket::new_v4().unwrap();
        assert_eq!(alone.bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);

        let socket = TcpSocket::new_v4().unwrap();
        assert_eq!(socket.device().unwrap(), None);
        match socket.bind_device(Some(b"lo")) {
            Ok(()) => assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..])),
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        }
    });
}

#[test]
fn a_refused_connect_is_an_error_and_so_is_one_without_a_runtime() {
    block_on(async {
        let (_bound, addr) = nobody();
        let socket = TcpSocket::new_v4().unwrap();
        let error = timeout(LONG, socket.connect(addr)).await.unwrap();
        assert_eq!(error.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let wrong = TcpSocket::new_v4().unwrap();
        assert!(wrong.connect("[::1]:1".parse().unwrap()).await.is_err());
    });
    let outside = TcpSocket::new_v4().unwrap();
    outside.bind(any()).unwrap();
    let error = outside.listen(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);

    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(any()).unwrap();
        socket.listen(1).unwrap()
    });
    drop(runtime);
    let error = block_on(async { listener.accept().await }).unwrap_err();
    assert!(error.to_string().contains("has ended"), "{error}");
}

#[test]
fn a_socket_of_somebody_else_is_set_up_as_well() {
    block_on(async {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = TcpSocket::from_std_stream(socket.unwrap().into()).unwrap();
        socket.bind(any()).unwrap();
        let listener = socket.listen(4).unwrap();
        let addr = listener.local_addr().unwrap();
        let (client, server) = join(TcpStream::connect(addr), listener.accept()).await;
        client.unwrap().write_all(b"x").await.unwrap();
        assert_eq!(server.unwrap().0.read(&mut [0; 1]).await.unwrap(), 1);
    });
}

#[test]
fn addresses_that_refuse_do_not_keep_the_next_waiting() {
    block_on(async {
        let listener = TcpListener::bind(any()).await.unwrap();
        let good = listener.local_addr().unwrap();
        let (one, other) = (nobody(), nobody());
        let addrs = [one.1, other.1, good];
        let stream = timeout(LONG, TcpStream::connect(&addrs[..])).await;
        assert_eq!(stream.unwrap().unwrap().peer_addr().unwrap(), good);
        let refused = TcpStream::connect(&addrs[..2]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let named = TcpStream::connect(("localhost", good.port())).await;
        assert_eq!(named.unwrap().peer_addr().unwrap(), good);
        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

/// Linux does not answer while the queue of a listener is full.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_is_silent_is_overtaken_and_given_up() {
    block_on(async {
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind(any()).unwrap();
        let silent = silent.listen(0).unwrap();
        let addr = silent.local_addr().unwrap();
        let mut filling = Vec::new();
        // A busy machine may be slow to answer once, too.
        let mut patience = [50, 1000].map(Duration::from_millis).into_iter();
        while let Some(time) = patience.next() {
            match TcpStream::connect_timeout(addr, time).await {
                Ok(stream) => {
                    filling.push(stream);
                    patience = [50, 1000].map(Duration::from_millis).into_iter();
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
            }
            assert!(filling.len() < 10, "the queue is never full");
        }

        let listener = TcpListener::bind(any()).await.unwrap();
        let good = listener.local_addr().unwrap();
        let addrs = [addr, addr, good];
        let race = timeout(LONG, TcpStream::connect(&addrs[..]));
        let stream = race.await.expect("waits for the silent one").unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    });
}
