//! Counts that do not depend on the machine's mood: user instructions by callgrind or, of a server,
//! by single steps, system calls by strace. Each is the difference of two runs, so that what happens
//! once is not counted.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::echo::Server;
use crate::echo::load::{Generator, Load, Mode, Think, Until};
use crate::meter::Figures;

/// Whether a program is there.
pub fn has(program: &str) -> bool {
    let run = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

/// A file that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("polliwog-benches-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn option(&self, option: &str) -> String {
        format!("{option}{}", self.0.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether strace is there and is allowed to trace.
pub fn can_trace() -> bool {
    let run = Command::new("strace")
        .args(["-f", "-c", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

/// Whether the kernel lets this process use io_uring.
pub fn io_uring() -> io::Result<()> {
    let mut parameters = [0_u64; 15];
    // SAFETY: room for a `struct io_uring_params`, all zero, which are 120 bytes.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, &mut parameters) };
    if ring < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that nobody else knows.
    unsafe { libc::close(ring as libc::c_int) };
    Ok(())
}

/// User instructions per operation of a benchmark that runs in one process. `without` is a function, by a
/// pattern, what happens inside of which is not counted.
pub fn instructions(runtime: &str, name: &str, ops: u64, without: Option<&str>) -> io::Result<f64> {
    let run = |rounds: u32| {
        let out = Scratch::new();
        let done = Command::new("valgrind")
            .args(["--tool=callgrind", &out.option("--callgrind-out-file=")])
            // The option for a function turns the collection off at the start.
            .args(without.map(|pattern| format!("--toggle-collect={pattern}")))
            .args(without.map(|_| "--collect-atstart=yes"))
            .arg(std::env::current_exe()?)
            .args(["one", runtime, name, "--warmup", "1"])
            .args(["--rounds", &rounds.to_string(), "--ops", &ops.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !done.success() {
            return Err(io::Error::other(format!("{name} failed under valgrind")));
        }
        callgrind_total(&fs::read_to_string(&out.0)?)
    };
    let (few, many) = (run(1)?, run(3)?);
    Ok((many - few) / (2 * ops) as f64)
}

/// The instructions in callgrind's output file.
fn callgrind_total(output: &str) -> io::Result<f64> {
    let total = output
        .lines()
        .find_map(|line| line.strip_prefix("summary: ")?.trim().parse().ok());
    total.ok_or_else(|| io::Error::other("callgrind has left no total"))
}

/// All system calls in the table that `strace -c` prints.
fn strace_total(output: &str) -> io::Result<f64> {
    let total = output.lines().find(|line| line.ends_with(" total"));
    // share, seconds, microseconds per call, calls, (errors,) "total"
    let calls = total.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    calls.ok_or_else(|| io::Error::other("strace has left no total"))
}

/// A count per request of an echo server, by its name.
pub fn count(runtime: &str, name: &str) -> io::Result<Figures> {
    let start = |wrapper: &[&str]| Server::start(runtime, 4096, wrapper);
    count_of(name, &start, &|load, _| Generator::new(load))
}

/// A count per request of a server that `start` starts below a wrapper, loaded by a generator that `ask` makes.
pub fn count_of(
    name: &str,
    start: &dyn Fn(&[&str]) -> io::Result<Server>,
    ask: &dyn Fn(Load, &Server) -> io::Result<Generator>,
) -> io::Result<Figures> {
    let (kind, what) = name.split_once('-').unwrap_or((name, ""));
    let (connections, mode, think_micros, requests) = match what {
        "churn" => (1, Mode::Churn, 0, 1000),
        "churn-apart" => (1, Mode::Churn, 3000, 200),
        "50" => (50, Mode::Burst, 500, 1000),
        _ => (1, Mode::Steady, 500, 1000),
    };
    let requests = match kind {
        "syscalls" => requests,
        // A step takes a long time.
        _ => requests / 20,
    };
    let own = std::env::current_exe()?;
    let total = |requests: u64| {
        let out = Scratch::new();
        let (own, option) = (own.to_string_lossy(), out.option("--output="));
        let wrapper: &[&str] = match kind {
            "syscalls" => &["strace", "-f", "-c", &option],
            _ => &[&own, "steps", &out.option("")],
        };
        let server = start(wrapper)?;
        let load = Load {
            port: server.port,
            connections,
            size: 64,
            mode,
            think: match (kind, think_micros) {
                ("instructions", _) => Think::UntilIdle(server.process),
                (_, 0) => Think::No,
                (_, micros) => Think::For(Duration::from_micros(micros)),
            },
        };
        let mut generator = ask(load, &server)?;
        let done = generator.run(Until::Requests(requests))?.requests;
        server.stop();
        let text = fs::read_to_string(&out.0)?;
        let total = match kind {
            "syscalls" => strace_total(&text)?,
            _ => text.parse().map_err(io::Error::other)?,
        };
        Ok::<_, io::Error>((done as f64, total))
    };
    let few = total(requests)?;
    let many = total(3 * requests)?;
    let per_request = (many.1 - few.1) / (many.0 - few.0);
    let mut figures = Figures::new();
    figures.insert("per_request", per_request.max(0.0));
    Ok(figures)
}
