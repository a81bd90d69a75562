//! Files read by worker threads, with callbacks run by a `mio` event loop.
//!
//! As in the example `fs`, threads do the blocking calls and the main thread runs the callbacks.
//! But this main thread sleeps in `Poll::poll`, where no channel can wake it. So a worker that
//! has put a completion into the channel announces it by a user event, `mio::Waker`. One loop
//! then serves files and sockets alike: here also a UDP socket, to which a callback sends a
//! datagram.
//!
//! Two rules: a user event says "look into the channel", not "one completion" (several wakes may
//! arrive as one event), so the loop empties the channel each time. And an event loop must never
//! block anywhere else, so jobs that do not fit into the bounded queue wait in a backlog of the
//! main thread until a completion makes room.
//!
//! ```sh
//! cargo run --example fs-mio             # examples/test.txt eight times, and a missing file
//! cargo run --example fs-mio -- FILE...  # other files
//! ```
//!
//! It prints, in no fixed order, `NAME: 297 bytes read, 6 lines, on thread main` for every file
//! that can be read, `NAME: cannot be read: …` for any other, and `socket: a callback says
//! "NAME"` for each of both; at the end `done: 8 read, 1 failed, 9 datagrams`. A failed file is
//! not a failure of the program: it ends with exit code 0.

use std::any::Any;
use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

const COMPLETION: Token = Token(0);
const SOCKET: Token = Token(1);
const WORKERS: usize = 2;
const QUEUE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(5);

/// What a worker does; it returns what the event loop is to do next.
type Job = Box<dyn FnOnce() -> Completion + Send>;
type Completion = Box<dyn FnOnce(&mut State) + Send>;

/// The main thread's side of the workers.
struct Pool {
    jobs: SyncSender<Job>,
    backlog: VecDeque<Job>,
    completions: Receiver<Completion>,
}

impl Pool {
    fn new(waker: Waker) -> io::Result<Pool> {
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let (done, completions) = mpsc::channel();
        let (queue, waker) = (Arc::new(Mutex::new(queue)), Arc::new(waker));
        for number in 0..WORKERS {
            let (queue, done, waker) = (Arc::clone(&queue), done.clone(), Arc::clone(&waker));
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || work(&queue, &done, &waker))?;
        }
        Ok(Pool {
            jobs,
            backlog: VecDeque::new(),
            completions,
        })
    }

    /// Has `job` done by a worker, then `callback` by the event loop.
    fn submit<T: Send + 'static>(
        &mut self,
        job: impl FnOnce() -> T + Send + 'static,
        callback: impl FnOnce(&mut State, T) + Send + 'static,
    ) {
        self.backlog.push_back(Box::new(move || {
            let result = job();
            Box::new(move |state| callback(state, result))
        }));
        self.refill();
    }

    // ANCHOR: refill
    /// Moves jobs from the backlog to the queue, as many as fit, without ever waiting.
    fn refill(&mut self) {
        while let Some(job) = self.backlog.pop_front() {
            match self.jobs.try_send(job) {
                Ok(()) => {}
                Err(TrySendError::Full(job)) => return self.backlog.push_front(job),
                // Cannot happen: workers catch panics, and leave only when the pool goes.
                Err(TrySendError::Disconnected(_)) => panic!("the workers are gone"),
            }
        }
    }
    // ANCHOR_END: refill
}

// ANCHOR: work
fn work(queue: &Mutex<Receiver<Job>>, done: &Sender<Completion>, waker: &Waker) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let completion = panic::catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(panicked);
        // First the completion, then its announcement: whoever is woken must find it.
        if done.send(completion).is_err() {
            return;
        }
        if let Err(e) = waker.wake() {
            eprintln!("fs-mio: cannot wake the event loop: {e}");
        }
    }
}
// ANCHOR_END: work

/// A job's panic belongs to whoever asked for the job: it goes on on the main thread.
fn panicked(payload: Box<dyn Any + Send>) -> Completion {
    Box::new(move |_| panic::resume_unwind(payload))
}

/// What callbacks can reach.
struct State {
    socket: UdpSocket,
    address: SocketAddr,
    read: usize,
    failed: usize,
    datagrams: usize,
}

impl State {
    fn on_file(&mut self, name: &str, result: io::Result<Vec<u8>>) {
        match result {
            Ok(data) => {
                let lines = data.split_inclusive(|&byte| byte == b'\n').count();
                let thread = thread::current();
                println!(
                    "{name}: {} bytes read, {lines} lines, on thread {}",
                    data.len(),
                    thread.name().unwrap_or("without a name")
                );
                self.read += 1;
            }
            Err(e) => {
                println!("{name}: cannot be read: {e}");
                self.failed += 1;
            }
        }
        if let Err(e) = self.socket.send_to(name.as_bytes(), self.address) {
            eprintln!("fs-mio: cannot send a datagram: {e}");
        }
    }

    /// Receives until `WouldBlock`, as an edge-triggered event demands.
    fn on_readable(&mut self) -> io::Result<()> {
        let mut buffer = [0; 512];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, _)) => {
                    let text = String::from_utf8_lossy(&buffer[..length]);
                    println!("socket: a callback says {text:?}");
                    self.datagrams += 1;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
        }
    }
}

fn run(files: Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);
    let mut pool = Pool::new(Waker::new(poll.registry(), COMPLETION)?)?;
    let mut socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())
        .map_err(|e| format!("cannot bind a socket on the loopback: {e}"))?;
    poll.registry()
        .register(&mut socket, SOCKET, Interest::READABLE)?;
    let mut state = State {
        address: socket.local_addr()?,
        socket,
        read: 0,
        failed: 0,
        datagrams: 0,
    };

    let expected = files.len();
    for path in files {
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        pool.submit(
            move || std::fs::read(&path),
            move |state, result| state.on_file(&name, result),
        );
    }

    while state.read + state.failed < expected || state.datagrams < expected {
        match poll.poll(&mut events, Some(PATIENCE)) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        if events.is_empty() {
            return Err(format!("nothing happened for {PATIENCE:?}").into());
        }
        for event in &events {
            match event.token() {
                // ANCHOR: completion
                COMPLETION => {
                    while let Ok(callback) = pool.completions.try_recv() {
                        callback(&mut state);
                    }
                    pool.refill();
                }
                // ANCHOR_END: completion
                SOCKET => state.on_readable()?,
                Token(other) => return Err(format!("an event for unknown token {other}").into()),
            }
        }
    }
    println!(
        "done: {} read, {} failed, {} datagrams",
        state.read, state.failed, state.datagrams
    );
    Ok(())
}

fn main() -> ExitCode {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
        files = vec![folder.join("test.txt"); 8];
        files.push(folder.join("no-such-file.txt"));
    }
    match run(files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("fs-mio: {e}");
            ExitCode::FAILURE
        }
    }
}
