//! Load of our own: datagrams, and handshakes of TLS.

use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::http;
use crate::meter::{Figures, percentile};

fn figures(mut latencies: Vec<f64>, elapsed: Duration) -> Figures {
    latencies.sort_by(f64::total_cmp);
    [
        ("requests", latencies.len() as f64),
        ("per_second", latencies.len() as f64 / elapsed.as_secs_f64()),
        ("p50_us", percentile(&latencies, 0.50)),
        ("p99_us", percentile(&latencies, 0.99)),
        ("p999_us", percentile(&latencies, 0.999)),
        ("worst_us", percentile(&latencies, 1.0)),
    ]
    .into()
}

/// Sockets that each send a datagram of 64 bytes when the one before has come back.
pub fn datagrams(port: u16, sockets: usize, time: Duration) -> io::Result<Figures> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut asked = Vec::new();
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for index in 0..sockets {
        let mut socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        socket.connect(server)?;
        let registry = poll.registry();
        registry.register(&mut socket, Token(index), Interest::READABLE)?;
        socket.send(&[7; 64])?;
        asked.push((socket, Instant::now()));
    }
    let start = Instant::now();
    let mut latencies = Vec::new();
    let mut buf = [0; 128];
    while start.elapsed() < time {
        // None is ever lost: there is one of each socket at a time.
        poll.poll(&mut events, Some(Duration::from_secs(5)))?;
        if events.is_empty() {
            return Err(io::Error::new(ErrorKind::TimedOut, "a datagram is lost"));
        }
        for event in &events {
            let (socket, since) = &mut asked[event.token().0];
            loop {
                match socket.recv(&mut buf) {
                    Ok(_) => {
                        latencies.push(since.elapsed().as_nanos() as f64 / 1000.0);
                        *since = Instant::now();
                        socket.send(&[7; 64])?;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(figures(latencies, start.elapsed()))
}

/// Clients that connect, shake hands, whole and by TLS 1.3, and close, one upon the other.
pub fn handshakes(port: u16, clients: usize, time: Duration) -> io::Result<Figures> {
    let mut roots = RootCertStore::empty();
    roots.add(http::certificate()).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    let config = Arc::new(config);
    let start = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let config = config.clone();
            thread::spawn(move || {
                let mut latencies = Vec::new();
                while start.elapsed() < time {
                    let asked = Instant::now();
                    shake_hands(config.clone(), port)?;
                    latencies.push(asked.elapsed().as_nanos() as f64 / 1000.0);
                }
                Ok::<_, io::Error>(latencies)
            })
        })
        .collect();
    let mut all = Vec::new();
    for thread in threads {
        let panicked = |_| io::Error::other("a client panicked");
        all.extend(thread.join().map_err(panicked)??);
    }
    Ok(figures(all, start.elapsed()))
}

fn shake_hands(config: Arc<ClientConfig>, port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    tls.send_close_notify();
    while tls.wants_write() {
        tls.write_tls(&mut stream)?;
    }
    // Until the server has closed, so that what it does for this connection is done.
    let mut rest = [0; 4096];
    while let Ok(1..) = stream.read(&mut rest) {}
    Ok(())
}
