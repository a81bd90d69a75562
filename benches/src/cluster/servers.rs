//! Servers on several workers that echo, in one process with their clients.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use polliwog_mio::cluster::{Accepting, Worker};

use super::{WORKERS, cluster, tokio_runtime};

/// A server, until it is dropped.
pub struct Server {
    pub addr: SocketAddr,
    pub answered: Answered,
    pub _end: Box<dyn Send>,
}

/// Requests that each worker has answered, where that is known; each on a cache line of its own.
#[derive(Clone, Default)]
pub struct Answered(Arc<[Count; WORKERS]>);

#[derive(Default)]
#[repr(align(128))]
struct Count(AtomicU64);

impl Answered {
    /// Another one; said by the worker's own thread alone.
    fn count(&self, worker: usize) {
        let count = &self.0[worker].0;
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub fn of_each(&self) -> [u64; WORKERS] {
        self.0
            .each_ref()
            .map(|count| count.0.load(Ordering::Relaxed))
    }
}

/// Calls a function when it is dropped.
pub struct End<F: FnMut() + Send>(pub F);

impl<F: FnMut() + Send> Drop for End<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

pub fn ours(workers: usize, accepting: Accepting) -> Server {
    let cluster = cluster(workers);
    let answered = Answered::default();
    let count = answered.clone();
    let served = cluster.serve("127.0.0.1:0", accepting, move |stream, _| {
        let count = count.clone();
        async move {
            let worker = Worker::current().map_or(0, |worker| worker.index());
            let mut buf = [0; 512];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                count.count(worker);
                if stream.write_all(&buf[..n]).await.is_err() {
                    return;
                }
            }
        }
    });
    Server {
        addr: served.expect("an address"),
        answered,
        _end: Box::new(cluster),
    }
}

pub fn tokio_server(workers: usize) -> Server {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let runtime = tokio_runtime(workers);
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("an address");
    let addr = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buf = [0; 512];
                while let Ok(n @ 1..) = stream.read(&mut buf).await {
                    if stream.write_all(&buf[..n]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Server {
        addr,
        answered: Answered::default(),
        _end: Box::new(runtime),
    }
}

/// Listening sockets of one address.
pub fn sockets(workers: usize) -> Vec<std::net::TcpListener> {
    let mut sockets: Vec<std::net::TcpListener> = Vec::new();
    for _ in 0..workers {
        let addr = sockets
            .first()
            .map_or("127.0.0.1:0".parse().expect("an address"), |first| {
                first.local_addr().expect("an address")
            });
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        socket.set_reuse_port(true).expect("an option");
        socket.set_nonblocking(true).expect("an option");
        socket.bind(&SocketAddr::into(addr)).expect("an address");
        socket.listen(4096).expect("a listener");
        sockets.push(socket.into());
    }
    sockets
}

pub fn monoio_server(workers: usize) -> Server {
    let sockets = sockets(workers);
    let addr = sockets[0].local_addr().expect("an address");
    let ends = sockets.into_iter().map(|socket| {
        let (end, ended) = monoio_end();
        thread::spawn(move || {
            let runtime = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let listener = monoio::net::TcpListener::from_std(socket).expect("a listener");
                monoio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        monoio::spawn(echo_monoio(stream));
                    }
                });
                // It looks for its end now and then, which costs next to nothing.
                while !ended.load(Ordering::Relaxed) {
                    monoio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        });
        end
    });
    let ends: Vec<_> = ends.collect();
    Server {
        addr,
        answered: Answered::default(),
        _end: Box::new(End(move || {
            ends.iter()
                .for_each(|end| end.store(true, Ordering::Relaxed))
        })),
    }
}

pub async fn echo_monoio(mut stream: monoio::net::TcpStream) {
    use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
    let mut buf = Vec::with_capacity(512);
    loop {
        let (read, bytes) = stream.read(buf).await;
        if !matches!(read, Ok(1..)) {
            return;
        }
        let (written, bytes) = stream.write_all(bytes).await;
        if written.is_err() {
            return;
        }
        buf = bytes;
        buf.clear();
    }
}

fn monoio_end() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let end = Arc::new(AtomicBool::new(false));
    (Arc::clone(&end), end)
}

/// A thread for each listening socket, and no runtime.
pub fn raw(workers: usize) -> Server {
    let sockets = sockets(workers);
    let addr = sockets[0].local_addr().expect("an address");
    let answered = Answered::default();
    let wakers: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(worker, socket)| {
            let mut poll = mio::Poll::new().expect("a selector");
            let waker = mio::Waker::new(poll.registry(), mio::Token(usize::MAX)).expect("a waker");
            let count = answered.clone();
            thread::spawn(move || serve_raw(&mut poll, socket, || count.count(worker)));
            waker
        })
        .collect();
    Server {
        addr,
        answered,
        _end: Box::new(End(move || {
            wakers
                .iter()
                .for_each(|waker| waker.wake().expect("a wake"))
        })),
    }
}

fn serve_raw(poll: &mut mio::Poll, socket: std::net::TcpListener, count: impl Fn()) {
    let mut listener = mio::net::TcpListener::from_std(socket);
    let own = mio::Token(usize::MAX - 1);
    let registry = poll.registry().try_clone().expect("a registry");
    registry
        .register(&mut listener, own, mio::Interest::READABLE)
        .expect("a place");
    let (mut streams, mut events) = (Vec::new(), mio::Events::with_capacity(256));
    let mut free = Vec::new();
    loop {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            match event.token() {
                mio::Token(usize::MAX) => return,
                token if token == own => {
                    while let Ok((mut stream, _)) = listener.accept() {
                        let place = free.pop().unwrap_or(streams.len());
                        registry
                            .register(&mut stream, mio::Token(place), mio::Interest::READABLE)
                            .expect("a place");
                        match streams.get_mut(place) {
                            Some(at) => *at = Some(stream),
                            None => streams.push(Some(stream)),
                        }
                    }
                }
                mio::Token(place) => {
                    if let Some(stream) = &mut streams[place]
                        && !echo(stream, &count)
                    {
                        streams[place] = None;
                        free.push(place);
                    }
                }
            }
        }
    }
}

/// Echoes what is there; `false` at the end.
pub fn echo(stream: &mut mio::net::TcpStream, count: impl Fn()) -> bool {
    let mut buf = [0; 512];
    loop {
        match stream.read(&mut buf) {
            Ok(0) => return false,
            Ok(n) => {
                count();
                if stream.write_all(&buf[..n]).is_err() {
                    return false;
                }
                if n < buf.len() {
                    return true;
                }
            }
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
