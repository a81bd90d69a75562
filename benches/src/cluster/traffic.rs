//! Servers under load from a single thread that is none of them: echo, HTTP, and a store whose keys are spread over the
//! workers; on one worker and on two.
//!
//! With two processors there is none left for the clients, so that throughput on two workers cannot be twice that on
//! one. What can be compared is what a request takes of the servers: their CPU time and their instructions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polliwog_core::hyper::PolliwogTimer;
use polliwog_mio::cluster::{Accepting, Cluster, ClusterHandle, PerWorker};
use polliwog_mio::net::TcpStream;

use super::counters::{PerOperation, Used};
use super::report::Column;
use super::servers::{self, Answered, Server};
use super::{Taken, cluster, compute, connections, tokio_runtime};
use crate::echo::load::{Generator, Load, Mode, Outcome, Think, Until};
use crate::servers::http;

const CONNECTIONS: usize = 50;
const REQUESTS: u64 = 30_000;

/// The columns of [`under_load`].
pub const COLUMNS: &[Column] = &[
    ("server CPU, ns", 0),
    ("client CPU, ns", 0),
    ("thousand/s", 1),
    ("median, µs", 0),
    ("99 %, µs", 0),
    ("calls", 2),
    ("waits", 2),
    ("wakes", 3),
    ("sleeps", 3),
    ("preempted", 3),
    ("instructions", 0),
];

/// What the page says of them.
pub const NOTE: &str = "50 connections, each of which asks again when it has its answer, by one thread. For each request: CPU time of \
     the server's threads and of the client's; system calls of the server, those of them that ask for events, waiting \
     or not, and those that wake another thread (futexes, and writes to anything but a socket); waits in which a \
     server's thread slept, and times that one had to give way to another thread; and, where the processor counts them, the server's \
     instructions in user mode. Calls are counted in a run of their own, which they slow down. Latencies are those \
     of a client that keeps the server busy.";

fn under_load(serve: impl Fn() -> Server, request: &[u8], answer: usize) -> Taken {
    let run = |used: Used| -> io::Result<(Outcome, PerOperation)> {
        let server = serve();
        let load = Load {
            port: server.addr.port(),
            connections: CONNECTIONS,
            size: answer,
            mode: Mode::Steady,
            think: Think::No,
        };
        let mut generator = Generator::asking(load, request.to_vec(), answer)?;
        // Until all that is done once is done.
        generator.run(Until::Requests(REQUESTS / 10))?;
        used.during(|| {
            let outcome = generator.run(Until::Requests(REQUESTS))?;
            Ok((outcome.requests, outcome))
        })
    };
    let (outcome, times) = run(Used::timed()).expect("a server that answers");
    let (_, counts) = run(Used::counted()).expect("a server that answers");
    let rate = outcome.requests as f64 / outcome.elapsed.as_secs_f64();
    vec![
        times.servers,
        times.clients,
        rate / 1e3,
        outcome.percentile(0.5),
        outcome.percentile(0.99),
        counts.calls,
        counts.waits,
        counts.wakes,
        times.sleeps,
        times.preempted,
        counts.instructions,
    ]
}

pub fn echo(serve: impl Fn() -> Server) -> Taken {
    under_load(serve, &[b'p'; 64], 64)
}

// --- HTTP ---

pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How many bytes the service answers: head and body, with a date of constant length.
pub fn answer(serve: fn() -> Server) -> usize {
    use std::io::{Read, Write};
    let server = serve();
    let mut stream = std::net::TcpStream::connect(server.addr).expect("a connection");
    stream.write_all(GET).expect("a server that reads");
    let (mut all, mut buf) = (Vec::new(), [0; 1024]);
    while !all.ends_with(b"Hello, world!") {
        let n = stream.read(&mut buf).expect("an answer");
        assert!(n > 0, "an answer that ends");
        all.extend_from_slice(&buf[..n]);
    }
    all.len()
}

pub fn http(serve: fn() -> Server) -> Taken {
    let answer = answer(serve);
    under_load(serve, GET, answer)
}

pub fn http_ours(workers: usize) -> Server {
    served(cluster(workers), |cluster| {
        cluster.serve(
            "127.0.0.1:0",
            Accepting::default(),
            |stream, _| async move {
                let _ = stream.set_nodelay(true);
                http::one_with_timer(stream, PolliwogTimer).await;
            },
        )
    })
}

pub fn http_tokio(workers: usize) -> Server {
    tokio_served(workers, |stream| async move {
        let io = hyper_util::rt::TokioIo::new(stream);
        http::one_with_timer(io, hyper_util::rt::TokioTimer::new()).await;
    })
}

fn served(
    cluster: Cluster,
    serve: impl FnOnce(&ClusterHandle) -> io::Result<std::net::SocketAddr>,
) -> Server {
    Server {
        addr: serve(&cluster).expect("an address"),
        answered: Answered::default(),
        _end: Box::new(cluster),
    }
}

fn tokio_served<F>(
    workers: usize,
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> Server
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio_runtime(workers);
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("an address");
    let addr = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    });
    Server {
        addr,
        answered: Answered::default(),
        _end: Box::new(runtime),
    }
}

// --- A store ---

/// Keys of the store, of which each request counts one up and is told the sum.
const KEYS: u64 = 1024;

/// Keys for the requests that come, each after the other.
fn next_key(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    *state >> 33 & (KEYS - 1)
}

fn count_up(map: &mut HashMap<u64, u64>, key: u64) -> u64 {
    let count = map.entry(key).or_default();
    *count += 1;
    *count
}

pub fn store(serve: impl Fn() -> Server) -> Taken {
    under_load(serve, &[b'k'; 8], 8)
}

/// Each worker has the keys that are its own, and is asked for them.
pub fn store_by_worker(workers: usize) -> Server {
    served(cluster(workers), |cluster| {
        let shards = PerWorker::new(cluster, |_| RefCell::new(HashMap::new()));
        let handle = cluster.clone();
        cluster.serve("127.0.0.1:0", Accepting::default(), move |stream, peer| {
            ask_workers(stream, peer.port().into(), handle.clone(), shards.clone())
        })
    })
}

pub async fn ask_workers(
    stream: TcpStream,
    mut keys: u64,
    cluster: ClusterHandle,
    shards: PerWorker<RefCell<HashMap<u64, u64>>>,
) {
    let mut buf = [0; 8];
    let here = polliwog_mio::cluster::Worker::current().map(|worker| worker.index());
    while stream.read_exact(&mut buf).await.is_ok() {
        let key = next_key(&mut keys);
        let worker = cluster.worker_of(key);
        let count = if Some(worker) == here {
            shards.with(|map| count_up(&mut map.borrow_mut(), key))
        } else {
            let shards = shards.clone();
            let there =
                move || async move { shards.with(|map| count_up(&mut map.borrow_mut(), key)) };
            // Where the cluster ends, so does the connection, and its client misses the answer.
            let Ok(task) = cluster.spawn_on_with(worker, there) else {
                return;
            };
            let Ok(count) = task.await else {
                return;
            };
            count
        };
        if stream.write_all(&count.to_le_bytes()).await.is_err() {
            return;
        }
    }
}

/// Maps behind locks, as programs on work-stealing runtimes have them.
#[derive(Clone, Default)]
pub struct Locked(Arc<[Mutex<HashMap<u64, u64>>; 16]>);

impl Locked {
    fn count_up(&self, key: u64) -> u64 {
        count_up(
            &mut self.0[key as usize % 16].lock().expect("no panic"),
            key,
        )
    }
}

pub fn store_locked(workers: usize) -> Server {
    let store = Locked::default();
    served(cluster(workers), |cluster| {
        cluster.serve("127.0.0.1:0", Accepting::default(), move |stream, peer| {
            count_up_ours(stream, peer.port().into(), store.clone())
        })
    })
}

pub async fn count_up_ours(stream: TcpStream, mut keys: u64, store: Locked) {
    let mut buf = [0; 8];
    while stream.read_exact(&mut buf).await.is_ok() {
        let count = store.count_up(next_key(&mut keys));
        if stream.write_all(&count.to_le_bytes()).await.is_err() {
            return;
        }
    }
}

pub fn store_tokio(workers: usize) -> Server {
    let store = Locked::default();
    tokio_served(workers, move |stream| {
        let keys = stream.peer_addr().map_or(1, |peer| u64::from(peer.port()));
        count_up_tokio(stream, keys, store.clone())
    })
}

pub async fn count_up_tokio(mut stream: tokio::net::TcpStream, mut keys: u64, store: Locked) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buf = [0; 8];
    while stream.read_exact(&mut buf).await.is_ok() {
        let count = store.count_up(next_key(&mut keys));
        if stream.write_all(&count.to_le_bytes()).await.is_err() {
            return;
        }
    }
}

// --- Skewed connections ---

/// What a request computes.
const WORK: Duration = Duration::from_micros(20);
const OF_EACH: u64 = 100;

/// An answer says which worker it is of, or 255 if nobody knows.
pub fn works_ours(accepting: Accepting) -> Server {
    served(cluster(2), |cluster| {
        cluster.serve("127.0.0.1:0", accepting, |stream, _| async move {
            let worker = polliwog_mio::cluster::Worker::current();
            let worker = worker.map_or(u8::MAX, |worker| worker.index() as u8);
            let mut buf = [0];
            while stream.read_exact(&mut buf).await.is_ok() {
                compute(WORK);
                if stream.write_all(&[worker]).await.is_err() {
                    return;
                }
            }
        })
    })
}

pub fn works_tokio() -> Server {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    tokio_served(2, |mut stream| async move {
        let mut buf = [0];
        while stream.read_exact(&mut buf).await.is_ok() {
            compute(WORK);
            if stream.write_all(&[u8::MAX]).await.is_err() {
                return;
            }
        }
    })
}

/// Sixteen connections, of which those of one worker send ten times as many requests as the others.
pub fn skewed(serve: impl Fn() -> Server) -> Taken {
    use std::io::{Read, Write};
    let ask = |stream: &mut std::net::TcpStream| {
        let mut buf = [7];
        stream.write_all(&buf).expect("a server that reads");
        stream.read_exact(&mut buf).expect("an answer");
        buf[0]
    };
    connections::driven(serve, |server| {
        let mut clients: Vec<_> = (0..16u8)
            .map(|index| {
                let mut client = std::net::TcpStream::connect(server.addr).expect("a connection");
                client.set_nodelay(true).expect("an option");
                let worker = ask(&mut client);
                let is_busy = match worker {
                    u8::MAX => index % 2 == 0,
                    worker => worker == 0,
                };
                (client, if is_busy { 10 * OF_EACH } else { OF_EACH })
            })
            .collect();
        let clients = clients.iter_mut();
        let clients = clients.map(|(client, requests)| (client, *requests));
        connections::all_ask(clients.collect(), ask)
    })
}

pub fn echo_ours(workers: usize) -> Server {
    servers::ours(workers, Accepting::default())
}
