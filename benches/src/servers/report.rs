//! All runtimes in turns, and a page.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use super::{JOBS, Job, RUNTIMES, Work, clients};
use crate::report::results::Results;
use crate::report::table::{self, Report, Spec};
use crate::report::{command, in_a_process, write_files};
use crate::steps;

const HEAD: &str = "\
# Servers

This page, its charts and `servers.tsv` are written by `benches/run servers`; nothing in them is edited by
hand. A cell is the median of the rounds; ± is half the distance from the least to the most, in percent. Where
that is more than a quarter, the least and the most stand in brackets. In a round the runtimes take turns at
each benchmark, each in a process of its own. Instructions and memory are counted once.

All of them serve the same protocols by the same code: HTTP by hyper with the same service, TLS by rustls, Redis'
commands by the example mini-redis. What differs are the runtime and its streams: polliwog's are passed to
hyper as they are, tokio's and monoio's in hyper-util's `TokioIo`, smol's in smol-hyper's `FuturesIo`. *tokio* is its
current-thread `LocalRuntime`; *tokio-threads* is `Runtime::new()`, with a thread for each processor; smol
is async-executor's static local executor on async-io; monoio runs on its driver for epoll. A runtime of one
thread has a processor of its own and its clients have the other; tokio-threads may use both. HTTP/1.1 is asked by
wrk, HTTP/2 by h2load, Redis by redis-benchmark, which knows no 99.9 %; the rest by clients of this program. mini-redis
is made for one thread, so tokio-threads has none. monoio copies no files, runs no programs and has no timer for
hyper.

Where this was measured:
";

/// Above the rows that are behind tokio.
const BEHIND: &str = "
## Behind tokio

What is more than tokio's (current thread) in every round: its least is above their most, or, of what is
counted once, it is more by a fiftieth.

What takes most of a request of a megabyte is the kernel's copy of it, and that depends on what is in the processor's
cache, and so on when the client reads. A fraction of a system call more is a look for events: polliwog looks when it has
been busy for a while, tokio after so many polls.

";

/// Runs all and writes the page into a folder.
pub fn run(options: &[&str]) -> Result<(), String> {
    let mut quick = false;
    let mut out = std::env::var("BENCHES_OUT").ok();
    let mut only = None;
    let mut rounds = None;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{option} wants a value"));
        match *option {
            "--quick" => quick = true,
            "--out" => out = Some(value()?.to_string()),
            "--only" => only = Some(value()?.to_string()),
            "--rounds" => rounds = Some(value()?.parse::<u32>().map_err(|e| e.to_string())?),
            _ => return Err(format!("there is no option {option}")),
        }
    }
    let rounds = rounds.unwrap_or(if quick { 1 } else { 3 });
    let start = Instant::now();
    let tools = [
        ("wrk", clients::has("wrk")),
        ("h2load", clients::has("h2load")),
        ("redis-benchmark", clients::has("redis-benchmark")),
        ("perf", clients::can_count_calls()),
        ("ptrace", steps::are_allowed()),
    ];
    let mut jobs: Vec<&Job> = JOBS
        .iter()
        .filter(|job| job.quick || !quick)
        .filter(|job| only.as_ref().is_none_or(|only| job.name.contains(only)))
        .collect();
    let mut skipped = Vec::new();
    if tools.contains(&("perf", false)) {
        skipped.push("system calls: perf does not work here".to_string());
    }
    jobs.retain(|job| {
        let missing = job.tool().filter(|tool| tools.contains(&(tool, false)));
        if let Some(tool) = missing {
            skipped.push(format!("{}: {tool} does not work here", job.name));
        }
        missing.is_none()
    });
    for line in &skipped {
        println!("skipped: {line}");
    }
    let results = collect(&jobs, rounds, quick);
    let names = [
        "polliwog-core",
        "tokio",
        "async-executor",
        "async-io",
        "monoio",
        "hyper",
        "rustls",
    ];
    let command = command("benches/run servers", options);
    let report = Report {
        head: table::head(&names, &command, rounds, start.elapsed(), &skipped),
        tables: specs()
            .iter()
            .filter_map(|spec| table::table(&results, spec))
            .collect(),
    };
    let behind = behind(&results, rounds);
    print!("{}{behind}", table::plain(&report));
    if let Some(out) = out.filter(|_| !quick && only.is_none() || options.contains(&"--out")) {
        let page = table::markdown(HEAD, &report) + &behind;
        write_files(
            Path::new(&out),
            "servers.tsv",
            &results,
            "servers.md",
            &page,
        )
        .map_err(|error| format!("{out}: {error}"))?;
        println!("\nwritten");
    }
    println!("took {} s", start.elapsed().as_secs());
    Ok(())
}

fn collect(jobs: &[&Job], rounds: u32, quick: bool) -> Results {
    let millis = if quick { "300" } else { "1500" };
    let mut results = Results::default();
    for round in 0..rounds {
        for job in jobs.iter().filter(|job| round == 0 || job.is_timed()) {
            for runtime in RUNTIMES {
                if !job.is_offered_by(runtime) {
                    continue;
                }
                eprint!("\r{:60}\r{}/{rounds} {} {runtime}", "", round + 1, job.name);
                match in_a_process(runtime, job.name, "1", millis) {
                    Ok(figures) if matches!(job.work, Work::Profile) => {
                        for (part, percent) in figures {
                            let figures = [("percent".to_string(), percent)].into();
                            results.add(&format!("{}-{part}", job.name), runtime, figures);
                        }
                    }
                    Ok(figures) => results.add(job.name, runtime, figures),
                    Err(error) => eprintln!("\r{} {runtime}: {error}", job.name),
                }
            }
        }
    }
    eprint!("\r{:60}\r", "");
    results
}

fn specs() -> Vec<Spec> {
    let rows = |keep: fn(&Job) -> bool| {
        let jobs = JOBS.iter().filter(|job| keep(job));
        jobs.map(|job| (job.name.to_string(), job.label.to_string()))
            .collect()
    };
    let spec = |title, note, figure, digits, keep| Spec {
        title,
        note,
        chart: None,
        runtimes: &RUNTIMES,
        against: &["tokio", "tokio-threads"],
        figure,
        digits,
        rows: rows(keep),
    };
    vec![
        Spec {
            chart: Some("servers.svg"),
            ..spec(
                "CPU",
                "Microseconds of the server's CPU per request; for files and processes those of the program \
                 itself.",
                "cpu_us",
                2,
                Job::is_timed,
            )
        },
        spec(
            "Throughput",
            "Requests per second.",
            "per_second",
            0,
            Job::is_timed,
        ),
        Spec {
            chart: Some("servers-latency.svg"),
            ..spec(
                "Latency, median",
                "Microseconds from request to response, under full load.",
                "p50_us",
                0,
                Job::is_timed,
            )
        },
        spec(
            "Latency, 99 %",
            "The same: the 99th percentile.",
            "p99_us",
            0,
            Job::is_timed,
        ),
        spec(
            "Latency, 99.9 %",
            "The same: the 99.9th percentile.",
            "p999_us",
            0,
            Job::is_timed,
        ),
        spec(
            "System calls",
            "Per request, under full load, by perf: how many there are depends on how much is there when the server \
             looks.",
            "syscalls",
            2,
            Job::is_timed,
        ),
        Spec {
            rows: [
                ("kernel", "the kernel"),
                ("hyper", "hyper and the crates it is made of"),
                ("rest", "all else: the runtime, the allocator, the clock"),
            ]
            .map(|(part, label)| (format!("http-profile-50-{part}"), label.to_string()))
            .into(),
            ..spec(
                "Whose time it is",
                "Percent of the server's CPU by samples of perf, HTTP/1.1 of 13 bytes for 50 connections. Code that was put \
                 into that which calls it counts as the latter's. A runtime can save what stands under all else, \
                 and of the kernel's part what it asks for without need; each of them asks it to read and \
                 to write once for a request.",
                "percent",
                1,
                |_| false,
            )
        },
        spec(
            "Instructions",
            "User instructions per request by single steps; hyper's, or mini-redis', are in it.",
            "per_request",
            0,
            |job| matches!(job.work, Work::Exact(..)),
        ),
        spec(
            "Memory of an idle connection",
            "Resident bytes of an HTTP connection that has had its answer, hyper's buffers included, between 1000 \
             and 5000 of them.",
            "bytes_per_connection",
            0,
            |job| matches!(job.work, Work::Idle),
        ),
    ]
}

/// The rows in which tokio is ahead. Of times a single round says nothing.
fn behind(results: &Results, rounds: u32) -> String {
    let mut rows = String::new();
    for job in JOBS {
        for (figure, name, less_is_better) in [
            ("cpu_us", "CPU, µs", true),
            ("per_second", "per second", false),
            ("p50_us", "median, µs", true),
            ("p99_us", "99 %, µs", true),
            ("p999_us", "99.9 %, µs", true),
            ("syscalls", "system calls", true),
            ("per_request", "instructions", true),
            ("bytes_per_connection", "bytes", true),
        ] {
            let get = |runtime| results.get(job.name, runtime, figure);
            let (Some(ours), Some(theirs)) = (get("polliwog"), get("tokio")) else {
                continue;
            };
            let is_behind = match (job.is_timed(), less_is_better) {
                (false, _) => ours.median > theirs.median * 1.02,
                (true, _) if rounds < 2 => false,
                (true, true) => ours.least > theirs.most,
                (true, false) => ours.most < theirs.least,
            };
            if is_behind {
                let _ = writeln!(
                    rows,
                    "| {} | {name} | {:.2} | {:.2} |",
                    job.label, ours.median, theirs.median
                );
            }
        }
    }
    if rows.is_empty() {
        return format!("{BEHIND}Nothing.\n");
    }
    format!("{BEHIND}| | | polliwog | tokio |\n|---|---|--:|--:|\n{rows}")
}
