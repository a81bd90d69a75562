//! The servers behind the proxy, which take turns.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::time::Duration;

use log::warn;
use polliwog::net::TcpStream;
use polliwog::time::{Instant, timeout};

/// One that could not be reached is asked last for so long.
const LEFT_OUT: Duration = Duration::from_secs(5);

pub(crate) struct Upstreams {
    all: Vec<Upstream>,
    next: Cell<usize>,
}

struct Upstream {
    addr: String,
    failed: Cell<Option<Instant>>,
}

impl Upstreams {
    /// Those at these addresses; at least one.
    pub(crate) fn new(addrs: Vec<String>) -> Self {
        let new = |addr| Upstream {
            addr,
            failed: Cell::new(None),
        };
        Self {
            all: addrs.into_iter().map(new).collect(),
            next: Cell::new(0),
        }
    }

    /// A connection to the next one that can be reached. The error is that of the last one tried.
    pub(crate) async fn connect(&self, patience: Duration) -> io::Result<TcpStream> {
        let first = self.next.get();
        self.next.set((first + 1) % self.all.len());
        let (after, before) = self.all.split_at(first);
        let now = Instant::now();
        let is_left_out = |upstream: &&Upstream| {
            let failed = upstream.failed.get();
            failed.is_some_and(|failed| now.duration_since(failed) < LEFT_OUT)
        };
        let turns = before.iter().chain(after);
        let (last, mut order): (Vec<_>, Vec<_>) = turns.partition(is_left_out);
        order.extend(last);

        let mut result = Err(ErrorKind::NotConnected.into());
        for upstream in order {
            result = match timeout(patience, TcpStream::connect(&*upstream.addr)).await {
                Ok(result) => result,
                Err(_) => Err(ErrorKind::TimedOut.into()),
            };
            match &result {
                Ok(_) => {
                    upstream.failed.set(None);
                    break;
                }
                Err(error) => {
                    warn!("upstream {}: {error}", upstream.addr);
                    upstream.failed.set(Some(Instant::now()));
                }
            }
        }
        result
    }
}
