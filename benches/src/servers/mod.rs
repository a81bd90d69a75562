//! Servers of real protocols on each runtime, loaded by other people's clients: `benches/run servers`.

mod clients;
pub mod http;
mod load;
mod local;
pub mod mini_redis;
mod monoio;
mod polliwog;
mod report;
mod smol;
mod tokio;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use crate::echo::load::{Generator, Load, Mode, Think, Until};
use crate::echo::{self, Server};
use crate::exact;
use crate::meter::Figures;

pub use report::run;

/// In the order of the tables' columns.
const RUNTIMES: [&str; 5] = ["polliwog", "tokio", "tokio-threads", "smol", "monoio"];

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Http,
    /// With a limit for how long the head of a request may take.
    HttpTimer,
    Http2,
    /// Shakes hands and waits for the end.
    Tls,
    Redis,
    /// Echo of datagrams.
    Udp,
}

impl Kind {
    const ALL: [(&str, Self); 6] = [
        ("http", Self::Http),
        ("http-timer", Self::HttpTimer),
        ("http2", Self::Http2),
        ("tls", Self::Tls),
        ("redis", Self::Redis),
        ("udp", Self::Udp),
    ];

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether a runtime has what it takes.
    fn is_offered_by(self, runtime: &str) -> bool {
        match self {
            // monoio has timers, but nobody has made one for hyper of them.
            Self::HttpTimer => runtime != "monoio",
            // Its connections share what one thread uses.
            Self::Redis => runtime != "tokio-threads",
            _ => true,
        }
    }
}

/// What a server listens at.
pub enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

/// Runs a server in this process until its standard input ends.
pub fn serve(runtime: &str, kind: &str) -> Result<(), String> {
    let found = Kind::ALL.iter().find(|(name, _)| *name == kind);
    let (_, kind) = *found.ok_or_else(|| format!("there is no server named {kind}"))?;
    // A runtime of one thread has a processor of its own.
    if runtime != "tokio-threads" {
        echo::pin(0);
    }
    let socket = match kind {
        Kind::Udp => {
            let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
            let socket = bound.map_err(|error| error.to_string())?;
            socket.set_nonblocking(true).unwrap();
            echo::announce(socket.local_addr().unwrap().port());
            Socket::Udp(socket)
        }
        _ => {
            let listener = echo::listen_anywhere()?;
            listener.set_nonblocking(true).unwrap();
            Socket::Tcp(listener)
        }
    };
    match runtime {
        "polliwog" => polliwog::serve(socket, kind),
        "tokio" => tokio::serve(socket, kind),
        "tokio-threads" => tokio::serve_threads(socket, kind),
        "smol" => smol::serve(socket, kind),
        "monoio" => monoio::serve(socket, kind),
        _ => {}
    }
    Err(format!("there is no {} server for {runtime}", kind.name()))
}

/// What a benchmark does.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// wrk: connections, path.
    Wrk(Kind, usize, &'static str),
    H2load,
    /// redis-benchmark: command, how many at a time.
    Redis(&'static str, usize),
    Tls,
    Udp(usize),
    /// Connect, one request, close.
    Churn,
    /// User instructions per request, by the name of that count without the server's.
    Exact(Kind, &'static str),
    Idle,
    /// Whose code takes the time.
    Profile,
    /// Of files and processes.
    Local,
}

/// A benchmark: its name, what its row is called, what it does, and whether it is in a quick run.
pub struct Job {
    pub name: &'static str,
    pub label: &'static str,
    pub work: Work,
    pub quick: bool,
}

const fn job(name: &'static str, label: &'static str, work: Work, quick: bool) -> Job {
    Job {
        name,
        label,
        work,
        quick,
    }
}

#[rustfmt::skip]
pub const JOBS: &[Job] = &[
    job("http-1", "HTTP/1.1, 13 B, 1 connection", Work::Wrk(Kind::Http, 1, "/"), false),
    job("http-50", "HTTP/1.1, 13 B, 50 connections", Work::Wrk(Kind::Http, 50, "/"), true),
    job("http-1000", "HTTP/1.1, 13 B, 1000 connections", Work::Wrk(Kind::Http, 1000, "/"), false),
    job("http-timer-50", "the same with a limit for the head, 50 connections", Work::Wrk(Kind::HttpTimer, 50, "/"), false),
    job("http-1-1mb", "HTTP/1.1, 1 MB, 1 connection", Work::Wrk(Kind::Http, 1, "/large"), false),
    job("http-50-1mb", "HTTP/1.1, 1 MB, 50 connections", Work::Wrk(Kind::Http, 50, "/large"), true),
    job("http-1000-1mb", "HTTP/1.1, 1 MB, 1000 connections", Work::Wrk(Kind::Http, 1000, "/large"), false),
    job("http-churn", "connect, HTTP/1.1, 13 B, close", Work::Churn, true),
    job("http2", "HTTP/2, 13 B, 10 × 10 at a time", Work::H2load, true),
    job("tls", "TLS 1.3 handshake", Work::Tls, true),
    job("redis-set", "redis SET, 50 connections", Work::Redis("set", 1), true),
    job("redis-get", "redis GET, 50 connections", Work::Redis("get", 1), false),
    job("redis-set-16", "redis SET, 50 × 16 at a time", Work::Redis("set", 16), false),
    job("redis-get-16", "redis GET, 50 × 16 at a time", Work::Redis("get", 16), true),
    job("udp-1", "UDP echo, 64 B, 1 socket", Work::Udp(1), false),
    job("udp-50", "UDP echo, 64 B, 50 sockets", Work::Udp(50), true),
    job("copy-4k", "copy a file of 4 KB", Work::Local, true),
    job("copy-4k-50", "copy files of 4 KB, 50 at a time", Work::Local, false),
    job("copy-1mb", "copy a file of 1 MB", Work::Local, false),
    job("process", "run a program, wait for its end", Work::Local, true),
    job("http-idle", "idle connection", Work::Idle, false),
    job("http-profile-50", "HTTP/1.1, 13 B, 50 connections", Work::Profile, false),
    job("http-instructions-1", "HTTP/1.1, 13 B, 1 connection", Work::Exact(Kind::Http, "instructions-1"), false),
    job("redis-instructions-1", "redis SET, 1 connection", Work::Exact(Kind::Redis, "instructions-1"), false),
];

impl Job {
    fn kind(&self) -> Option<Kind> {
        match self.work {
            Work::Wrk(kind, ..) | Work::Exact(kind, _) => Some(kind),
            Work::H2load => Some(Kind::Http2),
            Work::Redis(..) => Some(Kind::Redis),
            Work::Tls => Some(Kind::Tls),
            Work::Udp(_) => Some(Kind::Udp),
            Work::Churn | Work::Idle | Work::Profile => Some(Kind::Http),
            Work::Local => None,
        }
    }

    fn is_offered_by(&self, runtime: &str) -> bool {
        match self.kind() {
            Some(kind) => kind.is_offered_by(runtime),
            // monoio copies no files and runs no programs.
            None => runtime != "monoio",
        }
    }

    /// What it needs besides a runtime.
    fn tool(&self) -> Option<&'static str> {
        match self.work {
            Work::Wrk(..) => Some("wrk"),
            Work::H2load => Some("h2load"),
            Work::Redis(..) => Some("redis-benchmark"),
            Work::Exact(..) => Some("ptrace"),
            Work::Profile => Some("perf"),
            _ => None,
        }
    }

    /// Whether its figures are times, which vary.
    fn is_timed(&self) -> bool {
        !matches!(self.work, Work::Exact(..) | Work::Idle | Work::Profile)
    }
}

/// Runs one of these benchmarks by its name; `None` if there is none, or the runtime does not offer it.
pub fn measure(runtime: &str, name: &str, seconds: f64) -> Option<io::Result<Figures>> {
    let job = JOBS.iter().find(|job| job.name == name)?;
    if !RUNTIMES.contains(&runtime) || !job.is_offered_by(runtime) {
        return None;
    }
    let Some(kind) = job.kind() else {
        return local::measure(runtime, name, seconds);
    };
    let arguments = ["serve-real", runtime, kind.name()];
    Some(match job.work {
        Work::Exact(kind, name) => exact::count_of(
            name,
            &|wrapper| Server::start_with(&arguments, wrapper),
            &|load, server| ask(kind, load, server),
        ),
        Work::Idle => idle(&arguments),
        Work::Profile => profile(&arguments, seconds),
        work => under_load(work, &arguments, seconds),
    })
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const COMMAND: &[u8] = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";

/// A generator for what a server speaks.
fn ask(kind: Kind, load: Load, server: &Server) -> io::Result<Generator> {
    let request = match kind {
        Kind::Redis => COMMAND,
        _ => REQUEST,
    };
    // All answers are as long as the first one, which comes in one piece.
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))?;
    stream.write_all(request)?;
    let answer = stream.read(&mut [0; 4096])?;
    Generator::asking(load, request.to_vec(), answer)
}

fn under_load(work: Work, arguments: &[&str], seconds: f64) -> io::Result<Figures> {
    echo::pin(1);
    let server = Server::start_with(arguments, &[])?;
    let time = Duration::from_secs_f64(seconds);
    let port = server.port;
    let mut churn = match work {
        Work::Churn => Some(ask(
            Kind::Http,
            Load {
                port,
                connections: 20,
                size: 0,
                mode: Mode::Churn,
                think: Think::No,
            },
            &server,
        )?),
        _ => None,
    };
    let mut load = |share: f64| match work {
        Work::Wrk(_, connections, path) => {
            clients::wrk(&server, connections, path, seconds * share)
        }
        Work::H2load => clients::h2load(&server, (40_000.0 * seconds * share) as u64),
        Work::Redis(command, depth) => {
            let per_second = if depth == 1 { 60_000.0 } else { 300_000.0 };
            let requests = (per_second * seconds * share) as u64;
            clients::redis(&server, command, depth, requests)
        }
        Work::Tls => load::handshakes(port, 4, time.mul_f64(share)),
        Work::Udp(sockets) => load::datagrams(port, sockets, time.mul_f64(share)),
        _ => {
            let churn = churn.as_mut().expect("the only one that is left");
            let outcome = churn.run(Until::Time(time.mul_f64(share)))?;
            let requests = outcome.requests as f64;
            Ok([
                ("requests", requests),
                ("per_second", requests / outcome.elapsed.as_secs_f64()),
                ("p50_us", outcome.percentile(0.50)),
                ("p99_us", outcome.percentile(0.99)),
                ("p999_us", outcome.percentile(0.999)),
                ("worst_us", outcome.percentile(1.0)),
            ]
            .into())
        }
    };
    // wrk counts in whole seconds, so that a quick run begins cold there.
    if seconds >= 1.0 || !matches!(work, Work::Wrk(..)) {
        load(0.1)?;
    }
    let before = server.cpu_nanos();
    let mut figures = load(1.0)?;
    let cpu = server.cpu_nanos() - before;
    let requests = figures.remove("requests").unwrap_or(f64::NAN);
    figures.insert("cpu_us", cpu as f64 / requests / 1000.0);
    if clients::can_count_calls() {
        // Apart, as counting costs a little at each.
        let counter = clients::Calls::of(server.process)?;
        let requests = load(0.3)?.remove("requests").unwrap_or(f64::NAN);
        figures.insert("syscalls", counter.finish()? / requests);
    }
    Ok(figures)
}

/// Whose code takes the time that requests of 50 connections take.
fn profile(arguments: &[&str], seconds: f64) -> io::Result<Figures> {
    echo::pin(1);
    let server = Server::start_with(arguments, &[])?;
    clients::wrk(&server, 50, "/", seconds)?;
    let profile = clients::Profile::of(server.process)?;
    clients::wrk(&server, 50, "/", seconds)?;
    profile.finish()
}

/// Resident memory of a connection that has had its answer and waits, between 1000 and 5000 of them.
fn idle(arguments: &[&str]) -> io::Result<Figures> {
    let server = Server::start_with(arguments, &[])?;
    let mut generators = Vec::new();
    let mut resident = Vec::new();
    for connections in [1000, 4000] {
        let load = Load {
            port: server.port,
            connections,
            size: 0,
            mode: Mode::Steady,
            think: Think::No,
        };
        generators.push(ask(Kind::Http, load, &server)?);
        std::thread::sleep(Duration::from_millis(50));
        resident.push(server.resident());
    }
    let slope = (resident[1] - resident[0]) / 4000.0;
    Ok([("bytes_per_connection", slope)].into())
}
