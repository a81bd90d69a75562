//! The names that the tables of the guide give for tokio's and embassy's are there.
#![allow(unused_imports)]

use polliwog::cluster::{Cluster, PanicPolicy, PerWorker};
use polliwog::fs::{DirBuilder, File, OpenOptions, ReadDir};
use polliwog::io::{
    Pipe, copy_bidirectional, copy_bidirectional_with_sizes, duplex, read_buf, stderr, stdin,
    stdout,
};
use polliwog::net::{
    TcpListener, TcpSocket, TcpStream, ToSocketAddrs, UdpSocket, UnixDatagram, UnixListener,
    UnixStream, lookup_host, unix::UCred,
};
use polliwog::process::{Child, ChildStdin, Command};
use polliwog::sync::{
    self, Barrier, CancellationToken, DropGuard, LazyCell, Mutex, Notified, Notify, OnceCell,
    OwnedNotified, RwLock, Semaphore, SetOnce, Signal, TaskTracker, broadcast,
    broadcast::Broadcast, local, mpmc, mpsc, oneshot, watch, watch::Watch,
};
use polliwog::task::{
    AbortOnDrop, FixedJoinSet, JoinError, JoinSet, LocalKey, budget, consume_budget, scope,
    unconstrained, yield_now,
};
use polliwog::time::{
    self, Duration, Elapsed, Instant, Interval, MissedTickBehavior, Sleep, advance, interval,
    interval_at, now, pause, resume, sleep, sleep_millis, sleep_until, timeout, timeout_at,
};
use polliwog::{
    AbortHandle, AsyncFd, Executor, Handle, JoinHandle, Reactor, Runtime, SendWrapper, Spawner,
    TaskId, TaskPool, block_on, fs, join, pin, select, signal, spawn, spawn_blocking,
    spawn_detached, task_local, trace::set_tracer, try_join,
};

#[test]
fn methods_are_there() {
    let _ = (
        Runtime::new,
        Runtime::builder,
        Runtime::handle,
        Runtime::shutdown_timeout,
        Runtime::shutdown_background,
        Handle::dump,
        JoinHandle::<u32>::id,
        JoinSet::<u32>::join_next_with_id,
        Handle::current,
        Handle::try_current,
        Spawner::stats,
        Spawner::tasks,
        Cluster::builder,
        Cluster::join,
        polliwog::cluster::ClusterHandle::current,
        JoinError::is_panic,
        JoinError::is_cancelled,
        Interval::tick,
        Interval::reset,
        Interval::reset_at,
        Interval::into_stream,
        Sleep::reset,
        Instant::elapsed,
        Notify::notify_last,
        TcpStream::set_nodelay,
        TcpStream::into_split,
        mpsc::Sender::<u32>::blocking_send,
        mpsc::Receiver::<u32>::blocking_recv,
        mpsc::Sender::<u32>::reserve_owned,
        Mutex::<u32>::blocking_lock,
        Signal::<u32>::try_take,
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
        .stack_size(1 << 20)
        .on_start(|_| ())
        .on_stop(|_| ())
        .pin(false)
        .on_panic(PanicPolicy::Restart { limit: 1 });
    let _ = PanicPolicy::Restart { limit: 1 };
}
