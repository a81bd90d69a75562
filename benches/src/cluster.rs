//! All cores: tasks and connections on two workers, next to tokio's `multi_thread`, monoio with a thread for each
//! core, and a loop over mio without a runtime.
//!
//! Each row runs with every contender in turn, round after round, so that what else goes on on the machine
//! hits all of them. Times are medians of the rounds; the CPU time is that of the process, clients included.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use polliwog_mio::cluster::{Accepting, Cluster, Worker};

use crate::meter::{cpu_nanos, median};

const WORKERS: usize = 2;
const USAGE: &str = "usage: benches/run cluster [--rounds N] [--only PART-OF-NAME]";

/// What one run has taken, in the order of the columns of its row.
type Taken = Vec<f64>;
type Contender = (&'static str, fn() -> Taken);

struct Row {
    name: &'static str,
    columns: &'static str,
    contenders: &'static [Contender],
}

const ROWS: &[Row] = &[
    Row {
        name: "spawn",
        columns: "ns of the spawning thread's CPU; ns of CPU with the task's run and join",
        contenders: &[("polliwog", spawn_ours), ("tokio", spawn_tokio)],
    },
    Row {
        name: "fan-out",
        columns: "ms for 100 000 tasks of 10 us; ms of CPU",
        contenders: &[("polliwog", fan_out_ours), ("tokio", fan_out_tokio)],
    },
    Row {
        name: "skewed",
        columns: "ms for 10 000 tasks of 10 us and 100 of 1 ms, all by one spawner's worker; ms of CPU",
        contenders: &[("polliwog", skewed_ours), ("tokio", skewed_tokio)],
    },
    Row {
        name: "wake apart",
        columns: "us there and back, threads pinned apart",
        contenders: &[
            ("polliwog", || wake(true, [0, 1])),
            ("tokio", || wake(false, [0, 1])),
        ],
    },
    Row {
        name: "wake together",
        columns: "us there and back, threads pinned to one processor",
        contenders: &[
            ("polliwog", || wake(true, [0, 0])),
            ("tokio", || wake(false, [0, 0])),
        ],
    },
    Row {
        name: "wake free",
        columns: "us there and back, threads not pinned",
        contenders: &[
            ("polliwog", || wake(true, [])),
            ("tokio", || wake(false, [])),
        ],
    },
    Row {
        name: "few long connections",
        columns: "us for an echo of 8 connections; us of CPU; the busiest worker's share",
        contenders: &[
            ("polliwog, each accepts", || {
                long(ours(Accepting::EachWorker))
            }),
            ("polliwog, one for all", || long(ours(Accepting::OneForAll))),
            ("tokio", || long(tokio_server())),
            ("monoio", || long(monoio_server())),
            ("raw, a socket each", || long(raw())),
        ],
    },
    Row {
        name: "many short connections",
        columns: "us for a connection with one echo; us of CPU; the busiest worker's share",
        contenders: &[
            ("polliwog, each accepts", || {
                short(ours(Accepting::EachWorker))
            }),
            ("polliwog, one for all", || {
                short(ours(Accepting::OneForAll))
            }),
            ("tokio", || short(tokio_server())),
            ("monoio", || short(monoio_server())),
            ("raw, a socket each", || short(raw())),
        ],
    },
];

/// Measures all rows and prints them.
pub fn run(options: &[&str]) -> Result<(), String> {
    let (mut rounds, mut only) = (5, "");
    for option in options.chunks(2) {
        match *option {
            ["--rounds", n] => rounds = n.parse().map_err(|_| USAGE)?,
            ["--only", name] => only = name,
            _ => return Err(USAGE.to_string()),
        }
    }
    for row in ROWS.iter().filter(|row| row.name.contains(only)) {
        println!("{}: {}", row.name, row.columns);
        let mut taken = vec![Vec::new(); row.contenders.len()];
        for _ in 0..rounds {
            for ((_, measure), taken) in row.contenders.iter().zip(&mut taken) {
                taken.push(measure());
            }
        }
        for ((name, _), taken) in row.contenders.iter().zip(&taken) {
            print!("  {name:24}");
            for column in 0..taken[0].len() {
                let mut values: Vec<f64> = taken.iter().map(|taken| taken[column]).collect();
                values.sort_by(f64::total_cmp);
                print!(" {:10.2}", median(&values));
            }
            println!();
        }
    }
    Ok(())
}

fn cluster() -> Cluster {
    Cluster::builder()
        .workers(WORKERS)
        .build()
        .expect("threads")
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .expect("threads")
}

fn thread_cpu_nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Computes for about so long.
fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

// --- Tasks ---

const SPAWNS: u64 = 100_000;

/// Spawns and joins; the spawning alone is measured by itself.
fn spawns<H>(mut spawn: impl FnMut() -> H, mut join: impl FnMut(Vec<H>)) -> Taken {
    let mut spent = 0;
    let all = cpu_nanos();
    // In parts, so that queues do not overflow.
    for _ in 0..SPAWNS / 10_000 {
        let start = thread_cpu_nanos();
        let handles = (0..10_000).map(|_| spawn()).collect();
        spent += thread_cpu_nanos() - start;
        join(handles);
    }
    let all = cpu_nanos() - all;
    vec![spent as f64 / SPAWNS as f64, all as f64 / SPAWNS as f64]
}

fn spawn_ours() -> Taken {
    let cluster = cluster();
    spawns(
        || cluster.spawn(async {}).expect("room"),
        |handles| {
            handles
                .into_iter()
                .for_each(|handle| handle.wait().expect("an end"))
        },
    )
}

fn spawn_tokio() -> Taken {
    let runtime = tokio_runtime();
    spawns(
        || runtime.spawn(async {}),
        |handles| {
            runtime.block_on(async {
                for handle in handles {
                    handle.await.expect("an end");
                }
            })
        },
    )
}

/// Milliseconds of wall and of CPU time.
fn timed(f: impl FnOnce()) -> Taken {
    let (wall, cpu) = (Instant::now(), cpu_nanos());
    f();
    vec![
        wall.elapsed().as_secs_f64() * 1e3,
        (cpu_nanos() - cpu) as f64 / 1e6,
    ]
}

const SMALL: Duration = Duration::from_micros(10);
const LARGE: Duration = Duration::from_millis(1);

fn fan_out_ours() -> Taken {
    let cluster = cluster();
    timed(|| {
        for _ in 0..10 {
            let tasks = (0..10_000).map(|_| cluster.spawn(async { compute(SMALL) }).expect("room"));
            let tasks: Vec<_> = tasks.collect();
            tasks
                .into_iter()
                .for_each(|task| task.wait().expect("an end"));
        }
    })
}

fn fan_out_tokio() -> Taken {
    let runtime = tokio_runtime();
    timed(|| {
        for _ in 0..10 {
            let tasks: Vec<_> = (0..10_000)
                .map(|_| runtime.spawn(async { compute(SMALL) }))
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.expect("an end");
                }
            });
        }
    })
}

/// Tasks of which every hundredth takes a hundred times as long.
fn size(n: usize) -> Duration {
    if n % 100 == 0 { LARGE } else { SMALL }
}

fn skewed_ours() -> Taken {
    let cluster = cluster();
    let handle = cluster.handle();
    timed(|| {
        let all = async move {
            let tasks = (0..10_000).map(|n| handle.spawn(async move { compute(size(n)) }));
            let tasks: Vec<_> = tasks.collect();
            for task in tasks {
                task.expect("room").await.expect("an end");
            }
        };
        cluster
            .spawn_on(0, all)
            .expect("room")
            .wait()
            .expect("an end");
    })
}

fn skewed_tokio() -> Taken {
    let runtime = tokio_runtime();
    timed(|| {
        let all = runtime.spawn(async {
            let tasks: Vec<_> = (0..10_000)
                .map(|n| tokio::spawn(async move { compute(size(n)) }))
                .collect();
            for task in tasks {
                task.await.expect("an end");
            }
        });
        runtime.block_on(all).expect("an end");
    })
}

// --- Wakes ---

/// A flag that another thread sets, and who waits for it.
#[derive(Default)]
struct Flag(AtomicBool, Mutex<Option<Waker>>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
        if let Some(waker) = self.1.lock().expect("no panic").take() {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            *self.1.lock().expect("no panic") = Some(cx.waker().clone());
            match self.0.swap(false, Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

const TRIPS: u32 = 3_000;

/// Two runtimes, a thread each, whose tasks wake one another.
fn wake<const N: usize>(ours: bool, pins: [usize; N]) -> Taken {
    let flags = Arc::new([Flag::default(), Flag::default()]);
    let (send, time) = mpsc::channel();
    let sides = [0, 1].map(|side| {
        let (flags, send) = (Arc::clone(&flags), send.clone());
        thread::spawn(move || {
            if let Some(cpu) = pins.get(side) {
                crate::echo::pin(*cpu);
            }
            let talk = async move {
                let start = Instant::now();
                for _ in 0..TRIPS {
                    if side == 0 {
                        flags[1].set();
                        flags[0].wait().await;
                    } else {
                        flags[1].wait().await;
                        flags[0].set();
                    }
                }
                if side == 0 {
                    let _ = send.send(start.elapsed());
                }
            };
            match ours {
                true => polliwog_mio::block_on(talk),
                false => tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime")
                    .block_on(talk),
            }
        })
    });
    sides
        .into_iter()
        .for_each(|side| side.join().expect("an end"));
    let time = time.recv().expect("a time");
    vec![time.as_secs_f64() * 1e6 / f64::from(TRIPS)]
}

// --- Connections ---

/// A server, until it is dropped.
struct Server {
    addr: SocketAddr,
    /// Requests that each worker has answered, where that is known.
    answered: Arc<[AtomicU64; WORKERS]>,
    _end: Box<dyn Send>,
}

/// Calls a function when it is dropped.
struct End<F: FnMut() + Send>(F);

impl<F: FnMut() + Send> Drop for End<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn ours(accepting: Accepting) -> Server {
    let cluster = cluster();
    let answered: Arc<[AtomicU64; WORKERS]> = Arc::default();
    let count = Arc::clone(&answered);
    let served = cluster.serve("127.0.0.1:0", accepting, move |stream, _| {
        let count = Arc::clone(&count);
        async move {
            let worker = Worker::current().map_or(0, |worker| worker.index());
            let mut buf = [0; 512];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                count[worker].fetch_add(1, Ordering::Relaxed);
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

fn tokio_server() -> Server {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let runtime = tokio_runtime();
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
        answered: Arc::default(),
        _end: Box::new(runtime),
    }
}

/// Listening sockets of one address.
fn sockets() -> Vec<std::net::TcpListener> {
    let mut sockets: Vec<std::net::TcpListener> = Vec::new();
    for _ in 0..WORKERS {
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

fn monoio_server() -> Server {
    use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
    let sockets = sockets();
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
                    while let Ok((mut stream, _)) = listener.accept().await {
                        monoio::spawn(async move {
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
                        });
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
        answered: Arc::default(),
        _end: Box::new(End(move || {
            ends.iter()
                .for_each(|end| end.store(true, Ordering::Relaxed))
        })),
    }
}

fn monoio_end() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let end = Arc::new(AtomicBool::new(false));
    (Arc::clone(&end), end)
}

/// A thread for each listening socket, and no runtime.
fn raw() -> Server {
    let sockets = sockets();
    let addr = sockets[0].local_addr().expect("an address");
    let answered: Arc<[AtomicU64; WORKERS]> = Arc::default();
    let wakers: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(worker, socket)| {
            let mut poll = mio::Poll::new().expect("a selector");
            let waker = mio::Waker::new(poll.registry(), mio::Token(usize::MAX)).expect("a waker");
            let count = Arc::clone(&answered);
            thread::spawn(move || serve_raw(&mut poll, socket, &count[worker]));
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

fn serve_raw(poll: &mut mio::Poll, socket: std::net::TcpListener, count: &AtomicU64) {
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
                        && !echo(stream, count)
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
fn echo(stream: &mut mio::net::TcpStream, count: &AtomicU64) -> bool {
    let mut buf = [0; 512];
    loop {
        match stream.read(&mut buf) {
            Ok(0) => return false,
            Ok(n) => {
                count.fetch_add(1, Ordering::Relaxed);
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
fn long(server: Server) -> Taken {
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
fn short(server: Server) -> Taken {
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
