//! Echo over loopback TCP: a server process per runtime, loaded from this process.

pub mod load;
mod raw;
mod servers;

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::meter::Figures;
use crate::{exact, steps};
use load::{Generator, Load, Mode, Think, Until};

/// Names: `echo-CONNECTIONS-SIZE`, `churn`, `idle`, and the exact counts.
pub const EXACT: &[&str] = &[
    "syscalls-1",
    "syscalls-50",
    "syscalls-churn",
    "syscalls-churn-apart",
    "instructions-1",
    "instructions-50",
];

/// The server's end of a connection has a buffer of this many bytes for messages of `size`, so
/// that a short read can tell that there is no more.
fn buffer_for(size: usize) -> usize {
    (2 * size).max(4096)
}

/// Runs a server in this process until its standard input ends.
pub fn serve(runtime: &str, buffer: usize) -> Result<(), String> {
    let listener = listen()?;
    servers::serve(runtime, listener, buffer);
    Err(format!("there is no echo server for {runtime}"))
}

/// The same for the server of [`fair`](crate::fair).
#[cfg(feature = "peers")]
pub fn serve_fair(runtime: &str) -> Result<(), String> {
    let listener = listen()?;
    let served = crate::fair::serve(runtime, listener);
    Err(format!("there is no such server for {runtime}: {served:?}"))
}

/// Says where the server is, and gives the socket that it listens at.
fn listen() -> Result<TcpListener, String> {
    pin(0);
    listen_anywhere()
}

/// The same, on whichever processor.
pub fn listen_anywhere() -> Result<TcpListener, String> {
    // All of 127.0.0.0/8, see the generator.
    let listener = TcpListener::bind("0.0.0.0:0").map_err(|error| error.to_string())?;
    // SAFETY: a descriptor of ours; a longer backlog than the standard library asks for.
    unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 4096) };
    announce(listener.local_addr().unwrap().port());
    Ok(listener)
}

/// Says where the server is; from here on it ends with its standard input, and what it does counts.
pub fn announce(port: u16) {
    println!("{port} {}", std::process::id());
    io::stdout().flush().unwrap();
    end_with_stdin();
    steps::begin();
}

/// Ends the process when its standard input ends. By a signal and not by a thread that reads:
/// in a process with two threads the C library spends more on every system call.
fn end_with_stdin() {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: allowed in a signal handler.
        unsafe { libc::_exit(0) }
    }
    let handler: extern "C" fn(libc::c_int) = end;
    // SAFETY: a handler of the right type; the rest are flags of our own standard input.
    unsafe {
        libc::signal(libc::SIGIO, handler as libc::sighandler_t);
        libc::fcntl(0, libc::F_SETOWN, libc::getpid());
        libc::fcntl(0, libc::F_SETFL, libc::O_ASYNC);
    }
}

/// A server in a process of its own.
pub struct Server {
    child: Child,
    pub port: u16,
    /// The server itself, below whatever it runs.
    pub process: u32,
}

impl Server {
    /// Starts a server, below another program if `wrapper` names one with its arguments.
    pub fn start(runtime: &str, buffer: usize, wrapper: &[&str]) -> io::Result<Self> {
        Self::start_with(&["serve", runtime, &buffer.to_string()], wrapper)
    }

    /// Starts a server by the arguments of this program that make it one: the second is the runtime.
    pub fn start_with(arguments: &[&str], wrapper: &[&str]) -> io::Result<Self> {
        let own = std::env::current_exe()?;
        let mut command = match wrapper {
            [] => Command::new(own),
            [program, options @ ..] => {
                let mut command = Command::new(program);
                command.args(options).arg(own);
                command
            }
        };
        command.args(arguments);
        Self::start_as(arguments[1], command)
    }

    /// Starts the server of [`fair`](crate::fair).
    pub fn start_fair(runtime: &str) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve-fair", runtime]);
        Self::start_as(runtime, command)
    }

    fn start_as(runtime: &str, mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let said = line.trim().split_once(' ');
        let said =
            said.and_then(|(port, process)| Some((port.parse().ok()?, process.parse().ok()?)));
        let (port, process) =
            said.ok_or_else(|| io::Error::other(format!("no such server for {runtime}")))?;
        Ok(Self {
            child,
            port,
            process,
        })
    }

    /// CPU time of all threads, in nanoseconds.
    pub fn cpu_nanos(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let stats = tasks.into_iter().flatten().flatten();
        stats
            .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
            .filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> f64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id()));
        let statm = statm.unwrap_or_default();
        let pages = statm.split(' ').nth(1).and_then(|n| n.parse::<f64>().ok());
        pages.map_or(f64::NAN, |pages| pages * 4096.0)
    }

    /// Ends the server in an orderly way and waits for it.
    pub fn stop(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In vain if it has been stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a benchmark by its name; `None` if there is none.
pub fn measure(runtime: &str, name: &str, seconds: f64) -> Option<io::Result<Figures>> {
    if EXACT.contains(&name) {
        return Some(exact::count(runtime, name));
    }
    if name == "idle" {
        return Some(idle(runtime));
    }
    pin(1);
    let (connections, size, mode) = match name {
        "churn" => (20, 64, Mode::Churn),
        _ => {
            let (connections, size) = name.strip_prefix("echo-")?.split_once('-')?;
            (connections.parse().ok()?, size.parse().ok()?, Mode::Steady)
        }
    };
    Some(under_load(runtime, connections, size, mode, seconds))
}

fn under_load(
    runtime: &str,
    connections: usize,
    size: usize,
    mode: Mode,
    seconds: f64,
) -> io::Result<Figures> {
    let server = Server::start(runtime, buffer_for(size), &[])?;
    let mut generator = Generator::new(Load {
        port: server.port,
        connections,
        size,
        mode,
        think: Think::No,
    })?;
    generator.run(Until::Time(Duration::from_secs_f64(seconds / 10.0)))?;
    let before = server.cpu_nanos();
    let outcome = generator.run(Until::Time(Duration::from_secs_f64(seconds)))?;
    let cpu = server.cpu_nanos() - before;
    let mut figures = Figures::new();
    let requests = outcome.requests as f64;
    figures.insert("per_second", requests / outcome.elapsed.as_secs_f64());
    figures.insert("cpu_us", cpu as f64 / requests / 1000.0);
    figures.insert("p50_us", outcome.percentile(0.50));
    figures.insert("p99_us", outcome.percentile(0.99));
    figures.insert("p999_us", outcome.percentile(0.999));
    figures.insert("worst_us", outcome.percentile(1.0));
    Ok(figures)
}

/// Resident memory with 0, 1000 and 10 000 connections that have served a request and wait.
/// Buffers are of 64 bytes.
fn idle(runtime: &str) -> io::Result<Figures> {
    const BUFFER: usize = 64;
    const POINTS: [(usize, &str); 3] = [
        (0, "resident_0"),
        (1000, "resident_1000"),
        (10_000, "resident_10000"),
    ];
    let server = Server::start(runtime, BUFFER, &[])?;
    let mut figures = Figures::new();
    let mut generators = Vec::new();
    let mut connected = 0;
    for (connections, name) in POINTS {
        if connections > connected {
            generators.push(Generator::new(Load {
                port: server.port,
                connections: connections - connected,
                size: 32,
                mode: Mode::Steady,
                think: Think::No,
            })?);
            connected = connections;
        }
        std::thread::sleep(Duration::from_millis(50));
        figures.insert(name, server.resident() / 1024.0);
    }
    let slope =
        (figures[POINTS[2].1] - figures[POINTS[1].1]) * 1024.0 / (POINTS[2].0 - POINTS[1].0) as f64;
    figures.insert("bytes_per_connection", slope - BUFFER as f64);
    Ok(figures)
}

/// Binds this thread, and those that it will start, to a processor: the server to the first, the
/// generator to the second. Does nothing where there is only one.
pub fn pin(cpu: usize) {
    let there_are = std::thread::available_parallelism().map_or(1, usize::from);
    if there_are < 2 {
        return;
    }
    // SAFETY: a zeroed set is an empty set; its size is given along.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}
