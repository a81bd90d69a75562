//! Connections: few that stay, and many that do not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::counters::Used;
use super::report::Column;
use super::servers::Server;
use super::{Taken, timed};
use crate::meter::percentile;

/// The columns of [`driven`].
pub const COLUMNS: &[Column] = &[
    ("wall, µs", 1),
    ("CPU, µs", 1),
    ("median, µs", 0),
    ("99 %, µs", 0),
    ("busiest worker's share", 2),
    ("calls", 2),
    ("waits", 2),
    ("wakes", 3),
    ("switches", 2),
];

fn ask(client: &mut TcpStream) {
    let mut buf = [7; 64];
    client.write_all(&buf).expect("a server that reads");
    client.read_exact(&mut buf).expect("an answer");
}

/// How long operations took, on any thread.
#[derive(Default)]
pub struct Latencies(Mutex<Vec<f64>>);

impl Latencies {
    /// Those of this thread, until that is dropped: nobody waits for anybody meanwhile.
    pub fn here(&self) -> Here<'_> {
        Here(self, Vec::new())
    }
}

/// How long operations took on one thread.
pub struct Here<'a>(&'a Latencies, Vec<f64>);

impl Here<'_> {
    pub fn time<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = f();
        self.1.push(start.elapsed().as_nanos() as f64 / 1e3);
        done
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.0.lock().expect("no panic").append(&mut self.1);
    }
}

/// How many operations; and microseconds for each: wall and CPU, clients included, and from its beginning to its end.
fn per_operation(operations: u64, f: impl FnOnce(&Latencies)) -> (u64, Taken) {
    let latencies = Latencies::default();
    let taken = timed(|| f(&latencies));
    let mut latencies = latencies.0.into_inner().expect("no panic");
    latencies.sort_by(f64::total_cmp);
    let each = taken.into_iter().map(|ms| ms * 1e3 / operations as f64);
    let each = each.chain([0.5, 0.99].map(|share| percentile(&latencies, share)));
    (operations, each.collect())
}

/// Drives a server, and another one while its calls are counted; with the share of the busiest worker, where that is
/// known.
pub fn driven(serve: impl Fn() -> Server, drive: impl Fn(&Server) -> (u64, Taken)) -> Taken {
    let server = serve();
    let (_, mut taken) = drive(&server);
    let answered = server.answered.of_each();
    drop(server);
    let sum: u64 = answered.iter().sum();
    let most = answered.iter().max().filter(|_| sum > 0);
    taken.push(most.map_or(f64::NAN, |most| *most as f64 / sum as f64));
    let used = Used::counted();
    let server = serve();
    let counted = used.during(|| Ok(drive(&server)));
    let (_, counted) = counted.expect("nothing that fails");
    let switches = counted.sleeps + counted.preempted;
    taken.extend([counted.calls, counted.waits, counted.wakes, switches]);
    taken
}

/// Eight connections that stay, each of which sends a request when it has its answer.
pub fn long(serve: impl Fn() -> Server) -> Taken {
    const CONNECTIONS: usize = 8;
    const REQUESTS: u64 = 2_000;
    driven(serve, |server| {
        let mut clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| TcpStream::connect(server.addr).expect("a connection"))
            .collect();
        clients.iter_mut().for_each(ask);
        let clients = clients.iter_mut().map(|client| (client, REQUESTS));
        all_ask(clients.collect(), ask)
    })
}

/// Each client, on a thread of its own, asks so many times.
pub fn all_ask<R: Send>(
    clients: Vec<(&mut TcpStream, u64)>,
    ask: impl Fn(&mut TcpStream) -> R + Sync,
) -> (u64, Taken) {
    let sum = clients.iter().map(|(_, requests)| requests).sum();
    let ask = &ask;
    per_operation(sum, |latencies| {
        thread::scope(|scope| {
            for (client, requests) in clients {
                scope.spawn(move || {
                    let mut latencies = latencies.here();
                    for _ in 0..requests {
                        latencies.time(|| ask(client));
                    }
                });
            }
        });
    })
}

/// Connections with one request each, by four clients.
pub fn short(serve: impl Fn() -> Server) -> Taken {
    const CONNECTIONS: usize = 4_000;
    driven(serve, |server| {
        let left = AtomicUsize::new(CONNECTIONS);
        let addr = server.addr;
        let one = |left: usize| left.checked_sub(1);
        let is_left = || {
            let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one);
            taken.is_ok()
        };
        let connect = || ask(&mut TcpStream::connect(addr).expect("a connection"));
        per_operation(CONNECTIONS as u64, |latencies| {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let mut latencies = latencies.here();
                        while is_left() {
                            latencies.time(connect);
                        }
                    });
                }
            });
        })
    })
}
