//! Other people's load generators, and what they say.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::echo::Server;
use crate::meter::{Figures, percentile};

/// Whether a program can be started. Some of them know no `--version`, or fail with it.
pub fn has(program: &str) -> bool {
    let run = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok()
}

/// Runs a program and gives what it prints.
fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{command:?}: {text}{errors}")));
    }
    Ok(text)
}

fn bad(text: &str) -> io::Error {
    io::Error::other(format!("not understood: {text}"))
}

/// perf, which looks at another process.
struct Perf {
    perf: Child,
    out: Scratch,
}

impl Perf {
    fn of(process: u32, arguments: &[&str]) -> io::Result<Self> {
        let out = Scratch::new("perf");
        let perf = Command::new("perf")
            .args(arguments)
            .args(["-p", &process.to_string(), "-o"])
            .arg(&out.0)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let perf = Self { perf, out };
        // Until it has attached itself, which takes its time on a busy machine.
        let start = Instant::now();
        while !perf.is_attached() {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "perf hangs"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(perf)
    }

    fn is_attached(&self) -> bool {
        let files = fs::read_dir(format!("/proc/{}/fd", self.perf.id()));
        let mut files = files.into_iter().flatten().flatten();
        files.any(|file| {
            let target = fs::read_link(file.path());
            target.is_ok_and(|target| target.to_string_lossy().contains("perf_event"))
        })
    }

    /// The file that it has written.
    fn finish(mut self) -> io::Result<Scratch> {
        // SAFETY: a child of ours that has not been waited for.
        unsafe { libc::kill(self.perf.id() as libc::pid_t, libc::SIGINT) };
        self.perf.wait()?;
        Ok(self.out)
    }
}

/// Counts the system calls of a process without slowing it down much. (strace takes so long for each that a
/// runtime which goes by the time does other things under it.)
pub struct Calls(Perf);

const EVENT: &str = "raw_syscalls:sys_enter";

/// Whether perf is there and is allowed to count.
pub fn can_count_calls() -> bool {
    let run = Command::new("perf")
        .args(["stat", "-e", EVENT, "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

impl Calls {
    pub fn of(process: u32) -> io::Result<Self> {
        Perf::of(process, &["stat", "-x,", "-e", EVENT]).map(Self)
    }

    pub fn finish(self) -> io::Result<f64> {
        let text = fs::read_to_string(&self.0.finish()?.0)?;
        let line = text.lines().find(|line| line.contains(EVENT));
        let count = line.and_then(|line| line.split(',').next()?.parse().ok());
        count.ok_or_else(|| bad(&text))
    }
}

/// Whose code a process runs, by samples.
pub struct Profile(Perf);

impl Profile {
    pub fn of(process: u32) -> io::Result<Self> {
        Perf::of(process, &["record", "-q", "-F", "10000", "-e", "cpu-clock"]).map(Self)
    }

    /// The shares of the kernel, of hyper with the crates it is made of, and of all else, in percent.
    pub fn finish(self) -> io::Result<Figures> {
        const HYPER: [&str; 5] = ["hyper::", "httparse::", "http::", "http_body", "bytes::"];
        let out = self.0.finish()?;
        let report = [
            "report",
            "--stdio",
            "-F",
            "sample,symbol",
            "--sort",
            "symbol",
            "-i",
        ];
        let text = output(Command::new("perf").args(report).arg(&out.0))?;
        let mut shares = Figures::from([("kernel", 0.0), ("hyper", 0.0), ("rest", 0.0)]);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let Some(samples) = words.next().and_then(|word| word.parse::<f64>().ok()) else {
                continue;
            };
            let part = match words.next() {
                Some("[k]") => "kernel",
                _ if HYPER.iter().any(|name| line.contains(name)) => "hyper",
                _ => "rest",
            };
            *shares.entry(part).or_default() += samples;
        }
        let all: f64 = shares.values().sum();
        if all == 0.0 {
            return Err(bad(&text));
        }
        shares.values_mut().for_each(|share| *share *= 100.0 / all);
        Ok(shares)
    }
}

/// A file with a name of its own, which is removed in the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let name = format!("polliwog-benches-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const SCRIPT: &str = "\
done = function(summary, latency)
    local e = summary.errors
    io.write(string.format('figures: %d %d %f %f %f %f %d\\n', summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
        e.connect + e.read + e.write + e.status + e.timeout))
end
";

/// wrk asks for `path`, for whole seconds.
pub fn wrk(server: &Server, connections: usize, path: &str, seconds: f64) -> io::Result<Figures> {
    let script = Scratch::new("wrk.lua");
    fs::write(&script.0, SCRIPT)?;
    let seconds = seconds.ceil() as u64;
    let text = output(
        Command::new("wrk")
            .args(["-t1", "--timeout", "20s", "-c", &connections.to_string()])
            .args(["-d", &format!("{seconds}s"), "-s"])
            .arg(&script.0)
            .arg(format!("http://127.0.0.1:{}{path}", server.port)),
    )?;
    let line = text.lines().find_map(|line| line.strip_prefix("figures: "));
    let numbers: Vec<f64> = line
        .unwrap_or_default()
        .split(' ')
        .filter_map(|number| number.parse().ok())
        .collect();
    let [requests, micros, p50, p99, p999, worst, errors] = numbers[..] else {
        return Err(bad(&text));
    };
    if errors > 0.0 {
        return Err(io::Error::other(format!("wrk counted {errors} errors")));
    }
    Ok([
        ("requests", requests),
        ("per_second", requests / micros * 1e6),
        ("p50_us", p50),
        ("p99_us", p99),
        ("p999_us", p999),
        ("worst_us", worst),
    ]
    .into())
}

/// h2load: ten connections with ten requests at a time each.
pub fn h2load(server: &Server, requests: u64) -> io::Result<Figures> {
    let log = Scratch::new("h2load.log");
    let text = output(
        Command::new("h2load")
            .args(["-t1", "-c10", "-m10", "-n", &requests.to_string()])
            .arg(format!("--log-file={}", log.0.display()))
            .arg(format!("http://127.0.0.1:{}/", server.port)),
    )?;
    // requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
    let succeeded = format!(" {requests} succeeded");
    if !text.contains(&succeeded) {
        return Err(bad(&text));
    }
    let rate = text.lines().find_map(|line| {
        let line = line.strip_prefix("finished in ")?;
        line.split(", ")
            .nth(1)?
            .strip_suffix(" req/s")?
            .parse()
            .ok()
    });
    let rate: f64 = rate.ok_or_else(|| bad(&text))?;
    // When it began, the status, and how many microseconds it took.
    let log = fs::read_to_string(&log.0)?;
    let took = |line: &str| line.split('\t').nth(2)?.parse().ok();
    let mut latencies: Vec<f64> = log.lines().filter_map(took).collect();
    latencies.sort_by(f64::total_cmp);
    Ok([
        ("requests", requests as f64),
        ("per_second", rate),
        ("p50_us", percentile(&latencies, 0.50)),
        ("p99_us", percentile(&latencies, 0.99)),
        ("p999_us", percentile(&latencies, 0.999)),
        ("worst_us", percentile(&latencies, 1.0)),
    ]
    .into())
}

/// redis-benchmark: 50 connections, `depth` commands at a time each.
pub fn redis(server: &Server, command: &str, depth: usize, requests: u64) -> io::Result<Figures> {
    let text = output(
        Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-c", "50", "--csv", "-t", command])
            .args(["-p", &server.port.to_string(), "-P", &depth.to_string()])
            .args(["-n", &requests.to_string()]),
    )?;
    // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_…","p99_…","max_…"
    let row = text
        .lines()
        .rfind(|line| line.to_lowercase().starts_with(&format!("\"{command}\"")));
    let numbers: Vec<f64> = row
        .unwrap_or_default()
        .split(',')
        .filter_map(|cell| cell.trim_matches('"').parse().ok())
        .collect();
    let [rate, _average, _least, p50, _p95, p99, worst] = numbers[..] else {
        return Err(bad(&text));
    };
    Ok([
        ("requests", requests as f64),
        ("per_second", rate),
        ("p50_us", p50 * 1000.0),
        ("p99_us", p99 * 1000.0),
        ("worst_us", worst * 1000.0),
    ]
    .into())
}
