//! Programs that try to make a cluster lose, repeat or hang on something.
// CI runs Windows' programs by Wine, where a process in which a destructor panics hangs as a whole.
#![cfg(not(windows))]

mod ends;
mod tasks;

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use polliwog_core::{JoinError, RemoteHandle, SpawnErrorKind, yield_now};
use polliwog_mio::block_on;
use polliwog_mio::cluster::{
    BlockOnError, Cluster, ClusterHandle, Outcome, PanicPolicy, PerWorker, Worker,
};

/// How many turns of something that a sanitizer makes slow.
const TURNS: usize = 20;

fn cluster(workers: usize) -> Cluster {
    Cluster::builder().workers(workers).build().unwrap()
}

fn here() -> Option<usize> {
    Worker::current().map(|worker| worker.index())
}

/// Runs `f` on a thread and gives its result, if it comes to one.
fn in_time<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(f()));
    let result = receive.recv_timeout(Duration::from_secs(120));
    result.expect("it should have come to an end")
}

/// Until something holds.
fn until(mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(120), "it never holds");
        thread::yield_now();
    }
}

/// Blocks a worker in a poll until the sender is dropped; returns when it is blocked.
fn block(cluster: &ClusterHandle, worker: usize) -> (mpsc::Sender<()>, RemoteHandle<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let task = cluster.spawn_on(worker, async move {
        begin.send(()).unwrap();
        let _ = released.recv();
    });
    begun.recv().unwrap();
    (release, task.unwrap())
}

/// Counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
