//! Connections: few that stay, and many that do not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::servers::Server;
use super::{Taken, timed};

fn ask(client: &mut TcpStream) {
    let mut buf = [7; 64];
    client.write_all(&buf).expect("a server that reads");
    client.read_exact(&mut buf).expect("an answer");
}

/// Microseconds for each operation, wall and CPU; and the share of the busiest worker.
fn per_operation(server: &Server, operations: u64, f: impl FnOnce()) -> Taken {
    let taken = timed(f);
    let mut taken: Taken = taken
        .into_iter()
        .map(|ms| ms * 1e3 / operations as f64)
        .collect();
    let answered = server
        .answered
        .each_ref()
        .map(|count| count.load(Ordering::Relaxed));
    let sum: u64 = answered.iter().sum();
    if let Some(most) = answered.iter().max()
        && sum > 0
    {
        taken.push(*most as f64 / sum as f64);
    }
    taken
}

/// Eight connections that stay, each of which sends a request when it has its answer.
pub fn long(server: Server) -> Taken {
    const CONNECTIONS: usize = 8;
    const REQUESTS: u64 = 2_000;
    let mut clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(server.addr).expect("a connection"))
        .collect();
    clients.iter_mut().for_each(ask);
    per_operation(&server, CONNECTIONS as u64 * REQUESTS, || {
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(move || (0..REQUESTS).for_each(|_| ask(client)));
            }
        });
    })
}

/// Connections with one request each, by four clients.
pub fn short(server: Server) -> Taken {
    const CONNECTIONS: usize = 4_000;
    let left = AtomicUsize::new(CONNECTIONS);
    let addr = server.addr;
    per_operation(&server, CONNECTIONS as u64, || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let one = |left: usize| left.checked_sub(1);
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one)
                        .is_ok()
                    {
                        ask(&mut TcpStream::connect(addr).expect("a connection"));
                    }
                });
            }
        });
    })
}
