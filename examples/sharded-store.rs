//! State on all cores, in its shortest form: keys that each belong to one worker, and a table that all read and few
//! change. (`mini-redis --workers 2` is the former with commands for several keys, messages and a protocol of others.)
//!
//! ```text
//! cargo run --release --example sharded-store -- --addr 127.0.0.1:7879
//! cargo run --release --example sharded-store -- --addr 127.0.0.1:7879 --workers 2
//! ```
//!
//! A client sends lines: `SET key value`, `GET key`, `DEL key`, `COUNT`, and `LIMIT bytes`, which is how long values
//! may be from then on. A connection is on whatever worker it has come to; a key is on the worker of its hash, in a
//! map without a lock, and a command for it is a task there.
//!
//! With the reactor `mio`.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use polliwog::cluster::{Accepting, Cluster, ClusterHandle, PerWorker, Worker};
use polliwog::net::TcpStream;
use polliwog::signal;

#[path = "shared/options.rs"]
mod options;

const HELP: &str = "\
Keeps values by keys, on all cores.

Usage: sharded-store --addr HOST:PORT [OPTIONS]

  --addr HOST:PORT    where to serve, until Ctrl-C
  --workers N         how many threads [the CPUs that the process may use]
  --help              this text";

/// A client's line is this long at most.
const LONGEST: usize = 64 * 1024;

fn main() -> ExitCode {
    let (mut builder, mut addr) = (Cluster::builder(), None);
    let asked = options::parse(std::env::args_os().skip(1), |name, value| {
        match name {
            "addr" => addr = Some(options::address(value)?),
            "workers" => {
                let number = options::text(value)?.parse().ok();
                let number = number.filter(|n| (1..=1024).contains(n));
                let number = number.ok_or("a number from 1 to 1024 is needed")?;
                builder = builder.clone().workers(number);
            }
            _ => return Ok(false),
        }
        Ok(true)
    });
    let addr = match (asked, addr) {
        (Ok(options::Asked::Help), _) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        (Ok(options::Asked::Run), Some(addr)) => addr,
        (Ok(options::Asked::Run), None) => {
            eprintln!("sharded-store: --addr is needed\nTry --help.");
            return ExitCode::from(2);
        }
        (Err(error), _) => {
            eprintln!("sharded-store: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match builder.build().and_then(|cluster| serve(cluster, &addr)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sharded-store: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(cluster: Cluster, addr: &str) -> io::Result<()> {
    let store = Store::new(&cluster);
    let limits = Published::new(&cluster, Limits { value: 1024 });
    let addr = cluster.serve(addr, Accepting::default(), move |stream, _peer| {
        let (store, limits) = (store.clone(), limits.clone());
        async move {
            // An error of one connection is no other's.
            let _ = talk(stream, store, limits).await;
        }
    })?;
    println!("listening on {addr}");
    polliwog::block_on(async { signal::ctrl_c().await })?;
    cluster.shutdown();
    cluster.join();
    Ok(())
}

// ANCHOR: sharded
/// Values by keys. Each worker has the keys whose hash is its own, in a map that no other thread sees.
#[derive(Clone)]
struct Store {
    cluster: ClusterHandle,
    maps: PerWorker<RefCell<HashMap<String, String>>>,
}

impl Store {
    fn new(cluster: &ClusterHandle) -> Self {
        Self {
            cluster: cluster.clone(),
            maps: PerWorker::new(cluster, |_worker| RefCell::default()),
        }
    }

    /// Calls `f` with the map that `key` belongs to, on its worker.
    async fn with<T: Send + 'static>(
        &self,
        key: &str,
        f: impl FnOnce(&mut HashMap<String, String>) -> T + Send + 'static,
    ) -> Result<T, polliwog::JoinError> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let owner = self.cluster.worker_of(hasher.finish());
        if Worker::current().is_some_and(|worker| worker.index() == owner) {
            return Ok(self.maps.with(|map| f(&mut map.borrow_mut())));
        }
        self.on(owner, f).await
    }

    async fn on<T: Send + 'static>(
        &self,
        worker: usize,
        f: impl FnOnce(&mut HashMap<String, String>) -> T + Send + 'static,
    ) -> Result<T, polliwog::JoinError> {
        let maps = self.maps.clone();
        let there = async move { maps.with(|map| f(&mut map.borrow_mut())) };
        match self.cluster.spawn_on(worker, there) {
            Ok(task) => task.await,
            // The cluster ends, or that worker has more to do than it may have.
            Err(_) => Err(polliwog::JoinError::Aborted),
        }
    }

    /// How many keys there are on all workers, each asked at its own time.
    async fn count(&self) -> Result<usize, polliwog::JoinError> {
        let mut count = 0;
        for worker in 0..self.cluster.workers() {
            count += self.on(worker, |map| map.len()).await?;
        }
        Ok(count)
    }
}
// ANCHOR_END: sharded

struct Limits {
    /// How long a value may be, in bytes.
    value: usize,
}

// ANCHOR: published
/// A value that all read and few change. Each worker has an `Arc` of the version that it saw last; to read it is one
/// load of an atomic that nobody writes meanwhile, so that it lies in each core's cache.
struct Published<T: 'static> {
    latest: Arc<(AtomicU64, Mutex<Arc<T>>)>,
    seen: PerWorker<RefCell<(u64, Arc<T>)>>,
}

impl<T: Send + Sync + 'static> Published<T> {
    fn new(cluster: &ClusterHandle, first: T) -> Self {
        let first = Arc::new(first);
        let latest = (AtomicU64::new(0), Mutex::new(Arc::clone(&first)));
        Self {
            latest: Arc::new(latest),
            seen: PerWorker::new(cluster, move |_worker| {
                RefCell::new((0, Arc::clone(&first)))
            }),
        }
    }

    /// The value that was published last, on a worker.
    fn get(&self) -> Arc<T> {
        let (version, latest) = &*self.latest;
        self.seen.with(|seen| {
            let mut seen = seen.borrow_mut();
            let now = version.load(Ordering::Acquire);
            if seen.0 != now {
                // What is there is of this version or a later one.
                let latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
                *seen = (now, Arc::clone(&latest));
            }
            Arc::clone(&seen.1)
        })
    }

    fn publish(&self, value: T) {
        let (version, latest) = &*self.latest;
        let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Arc::new(value);
        version.fetch_add(1, Ordering::Release);
    }
}

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self {
            latest: Arc::clone(&self.latest),
            seen: self.seen.clone(),
        }
    }
}
// ANCHOR_END: published

async fn talk(stream: TcpStream, store: Store, limits: Published<Limits>) -> io::Result<()> {
    let (mut received, mut buf) = (Vec::new(), [0; 4096]);
    loop {
        while let Some(end) = received.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = received.drain(..=end).collect();
            let mut answer = answer(line.trim_ascii_end(), &store, &limits).await;
            answer.push('\n');
            stream.write_all(answer.as_bytes()).await?;
        }
        if received.len() > LONGEST {
            return stream.write_all(b"error: the line is too long\n").await;
        }
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            n => received.extend(&buf[..n]),
        }
    }
}

async fn answer(line: &[u8], store: &Store, limits: &Published<Limits>) -> String {
    let Ok(line) = std::str::from_utf8(line) else {
        return "error: not UTF-8".to_owned();
    };
    let mut words = line.splitn(3, ' ');
    let (command, key, value) = (words.next(), words.next(), words.next());
    let done = match (command, key, value) {
        (Some("SET"), Some(key), Some(value)) => {
            let limit = limits.get().value;
            if value.len() > limit {
                return format!("error: values have at most {limit} bytes");
            }
            let (owned, value) = (key.to_owned(), value.to_owned());
            let set = store.with(key, move |map| map.insert(owned, value));
            set.await
                .map(|before| if before.is_some() { "changed" } else { "new" }.to_owned())
        }
        (Some("GET"), Some(key), None) => {
            let owned = key.to_owned();
            let got = store.with(key, move |map| map.get(&owned).cloned()).await;
            got.map(|value| value.map_or("none".to_owned(), |value| format!("value {value}")))
        }
        (Some("DEL"), Some(key), None) => {
            let owned = key.to_owned();
            let removed = store.with(key, move |map| map.remove(&owned)).await;
            removed.map(|value| if value.is_some() { "deleted" } else { "none" }.to_owned())
        }
        (Some("COUNT"), None, None) => store.count().await.map(|count| count.to_string()),
        (Some("LIMIT"), Some(bytes), None) => match bytes.parse() {
            Ok(value) => {
                limits.publish(Limits { value });
                Ok("limited".to_owned())
            }
            Err(_) => return "error: LIMIT wants a number".to_owned(),
        },
        _ => return "error: SET key value, GET key, DEL key, COUNT or LIMIT bytes".to_owned(),
    };
    done.unwrap_or_else(|error| format!("error: {error}"))
}
