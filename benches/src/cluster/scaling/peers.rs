//! Threads that share nothing but the process: monoio, loops over mio without a runtime, and no sockets at all.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::{CLIENTS, ECHO, Gauge, Threads, small};
use crate::cluster::servers::echo;

pub fn echo_monoio(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    Box::new(Threads::start(workers, gauge, |worker, gauge| {
        let runtime = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
            .enable_all()
            .build();
        let gauge = Arc::clone(gauge);
        runtime.expect("a runtime").block_on(async move {
            monoio::spawn(monoio_worker(worker, Arc::clone(&gauge)));
            // It looks for its end now and then, which costs next to nothing.
            while !gauge.has_ended() {
                monoio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }))
}

async fn monoio_worker(worker: usize, gauge: Arc<Gauge>) {
    use monoio::io::{AsyncReadRentExt, AsyncWriteRentExt};
    use monoio::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    let addr = listener.local_addr().expect("an address");
    for client in 0..CLIENTS {
        let client = worker * CLIENTS + client;
        let mut stream = TcpStream::connect(addr).await.expect("a connection");
        let (served, _) = listener.accept().await.expect("a connection");
        monoio::spawn(crate::cluster::servers::echo_monoio(served));
        let gauge = Arc::clone(&gauge);
        monoio::spawn(async move {
            stream.set_nodelay(true).expect("an option");
            let mut buf = vec![0; ECHO.answer];
            loop {
                let (written, _) = stream.write_all(ECHO.request).await;
                let (read, answer) = stream.read_exact(buf).await;
                if written.is_err() || read.is_err() {
                    return;
                }
                buf = answer;
                gauge.count(client, 1);
            }
        });
    }
}

pub fn echo_raw(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    Box::new(Threads::start(workers, gauge, |worker, gauge| {
        raw_worker(worker, gauge);
    }))
}

/// A socket of the loop's: of a client, with its number, or of its server.
struct Socket {
    stream: TcpStream,
    client: Option<usize>,
}

fn raw_worker(worker: usize, gauge: &Gauge) {
    let mut poll = Poll::new().expect("a selector");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    // A listening socket that waits, so that each connection is there when it is asked for.
    let listener = std::net::TcpListener::bind(any).expect("an address");
    let addr = listener.local_addr().expect("an address");
    let mut sockets = Vec::new();
    for client in 0..CLIENTS {
        let stream = std::net::TcpStream::connect(addr).expect("a connection");
        let (served, _) = listener.accept().expect("a connection");
        let client = worker * CLIENTS + client;
        for (stream, client) in [(served, None), (stream, Some(client))] {
            stream.set_nodelay(true).expect("an option");
            stream.set_nonblocking(true).expect("an option");
            let mut stream = TcpStream::from_std(stream);
            let place = Token(sockets.len());
            let registered = poll
                .registry()
                .register(&mut stream, place, Interest::READABLE);
            registered.expect("a place");
            if client.is_some() {
                stream.write_all(ECHO.request).expect("room");
            }
            sockets.push(Socket { stream, client });
        }
    }
    let mut events = Events::with_capacity(256);
    while !gauge.has_ended() {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            let Socket { stream, client } = &mut sockets[event.token().0];
            let Some(client) = *client else {
                assert!(echo(stream, || {}), "a client that stays");
                continue;
            };
            let mut buf = [0; 512];
            let read = stream.read(&mut buf).expect("an answer");
            assert_eq!(read, ECHO.answer);
            gauge.count(client, 1);
            stream.write_all(ECHO.request).expect("room");
        }
    }
}

/// No sockets: threads that compute what small tasks do.
pub fn compute_threads(workers: usize, gauge: Arc<Gauge>) -> Box<dyn Send> {
    Box::new(Threads::start(workers, gauge, |worker, gauge| {
        while !gauge.has_ended() {
            for client in 0..CLIENTS {
                small();
                gauge.count(worker * CLIENTS + client, 1);
            }
        }
    }))
}
