//! The names that the tables of the guide give for tokio's and embassy's are there.
#![allow(unused_imports)]

use polliwog::cluster::{Cluster, PanicPolicy, PerWorker};
use polliwog::io::{Pipe, copy_bidirectional, duplex, stderr, stdin, stdout};
use polliwog::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
use polliwog::process::Command;
use polliwog::sync::{
    self, Barrier, CancellationToken, LazyCell, Mutex, Notify, OnceCell, RwLock, Semaphore, Signal,
    TaskTracker, broadcast, broadcast::Broadcast, local, mpmc, mpsc, oneshot, watch, watch::Watch,
};
use polliwog::task::{
    AbortOnDrop, FixedJoinSet, JoinError, JoinSet, LocalKey, consume_budget, unconstrained,
    yield_now,
};
use polliwog::time::{
    self, Duration, Instant, Interval, MissedTickBehavior, advance, interval, interval_at, now,
    pause, resume, sleep, sleep_millis, sleep_until, timeout, timeout_at,
};
use polliwog::{
    AbortHandle, Executor, Handle, JoinHandle, Reactor, Runtime, SendWrapper, Spawner, TaskPool,
    block_on, fs, join, pin, select, signal, spawn, spawn_blocking, spawn_detached, task_local,
    try_join,
};

#[test]
fn methods_are_there() {
    let _ = (
        Runtime::new,
        Runtime::builder,
        Runtime::handle,
        Handle::current,
        Handle::try_current,
        Spawner::stats,
        Spawner::tasks,
        Cluster::builder,
        Cluster::join,
        JoinError::is_panic,
        JoinError::is_cancelled,
        Interval::tick,
        TcpStream::set_nodelay,
        TcpStream::into_split,
        mpsc::Sender::<u32>::blocking_send,
        mpsc::Receiver::<u32>::blocking_recv,
        CancellationToken::child_token,
        CancellationToken::cancelled,
    );
    let _ = Runtime::builder()
        .max_tasks(1)
        .blocking_threads(1)
        .events_capacity(8);
    let _ = Cluster::builder()
        .workers(1)
        .thread_name("one")
        .stack_size(1 << 20);
    let _ = PanicPolicy::Restart { limit: 1 };
}
