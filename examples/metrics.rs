//! Counters of a runtime for Prometheus: a server beside the real work, which tells how many tasks there are, how
//! often they have been polled, and what was refused.
//!
//! ```text
//! cargo run --example metrics -- --addr 127.0.0.1:9464
//! curl http://127.0.0.1:9464/metrics
//! ```
//!
//! The first line that it prints is `listening on 127.0.0.1:9464`. The work is a task by the name of `worker`. With
//! feature `trace` each task also tells how long it was polled, and Ctrl-C ends the program.
//!
//! It needs the reactor `mio`.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use polliwog::net::{TcpListener, TcpStream};
use polliwog::time::{sleep, timeout};
use polliwog::{Spawner, block_on, select, signal};

#[path = "shared/options.rs"]
mod options;

const HELP: &str = "\
Serves the counters of its own runtime at /metrics.

Usage: metrics [OPTIONS]

  --addr HOST:PORT    where to listen [127.0.0.1:9464]; with port 0 any free port
  --help              this text
";

/// How long a client may take for its request, and for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// In the text format of Prometheus.
fn metrics(spawner: &Spawner) -> String {
    let stats = spawner.stats();
    let mut page = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
        let _ = writeln!(
            page,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        );
    };
    metric(
        "polliwog_tasks",
        "gauge",
        "Tasks that are alive.",
        stats.live as u64,
    );
    metric(
        "polliwog_tasks_limit",
        "gauge",
        "Tasks that can be alive at the same time.",
        stats.capacity as u64,
    );
    metric(
        "polliwog_polls_total",
        "counter",
        "Polls of all tasks.",
        stats.polls,
    );
    metric(
        "polliwog_spawns_refused_total",
        "counter",
        "Spawns that were refused for lack of room.",
        stats.refused as u64,
    );
    metric(
        "polliwog_heap_bytes",
        "gauge",
        "Bytes that tasks hold, in use or kept for the next.",
        stats.heap_bytes as u64,
    );
    // A series for each name, of which there are few; not for each client.
    page.push_str("# HELP polliwog_task_polls_total Polls of the tasks with a name.\n");
    page.push_str("# TYPE polliwog_task_polls_total counter\n");
    for task in spawner.tasks() {
        if let (Some(name), Some(polls)) = (task.name, task.polls) {
            let _ = writeln!(page, "polliwog_task_polls_total{{task=\"{name}\"}} {polls}");
        }
    }
    #[cfg(feature = "trace")]
    {
        page.push_str(
            "# HELP polliwog_task_seconds_total Time in polls of the tasks with a name.\n",
        );
        page.push_str("# TYPE polliwog_task_seconds_total counter\n");
        for task in spawner.handle().dump().tasks() {
            if let Some(name) = task.name {
                let seconds = task.in_polls.as_secs_f64();
                let _ = writeln!(
                    page,
                    "polliwog_task_seconds_total{{task=\"{name}\"}} {seconds}"
                );
            }
        }
    }
    page
}

/// Answers one request and closes.
async fn answer(stream: TcpStream) -> io::Result<()> {
    let (mut head, mut chunk) = (Vec::new(), [0; 512]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            count => head.extend_from_slice(&chunk[..count]),
        }
        if head.len() > 8192 {
            return Err(io::Error::other("the head of the request is too long"));
        }
    }
    let (status, body) = match (head.starts_with(b"GET /metrics "), Spawner::current()) {
        (true, Some(spawner)) => ("200 OK", metrics(&spawner)),
        _ => ("404 Not Found", "There is /metrics.\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _peer) = listener.accept().await?;
        // One after the other: who asks too slowly is given up.
        if let Err(error) = timeout(PATIENCE, answer(stream)).await {
            eprintln!("metrics: a request was given up: {error}");
        }
    }
}

/// What would be the program's purpose.
async fn work() {
    loop {
        sleep(Duration::from_millis(10)).await;
    }
}

async fn run(addr: String) -> io::Result<()> {
    let ctrl_c = signal::ctrl_c();
    let spawner = Spawner::current().ok_or(io::ErrorKind::NotFound)?;
    spawner.spawn_named("worker", work())?.detach();
    let listener = TcpListener::bind(&*addr).await?;
    let _ = writeln!(io::stdout(), "listening on {}", listener.local_addr()?);
    let exporter = spawner.spawn_named("exporter", serve(listener))?;
    select! {
        pressed = ctrl_c => pressed,
        ended = exporter => ended?,
    }
}

fn main() -> ExitCode {
    let mut addr = "127.0.0.1:9464".to_owned();
    let asked = options::parse(std::env::args_os().skip(1), |name, value: OsString| {
        match name {
            "addr" => addr = options::address(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    });
    match asked {
        Ok(options::Asked::Run) => {}
        Ok(options::Asked::Help) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("metrics: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    }
    match block_on(run(addr)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("metrics: {error}");
            ExitCode::FAILURE
        }
    }
}
