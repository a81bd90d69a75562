//! Tables, in Markdown and for a terminal.

use std::fmt::Write;
use std::time::Duration;

use super::plan::{RUNTIMES, SERVERS};
use super::results::{Results, Summary};
use crate::micro;

/// A report before it gets its form.
pub struct Report {
    pub head: Vec<String>,
    pub tables: Vec<Table>,
}

pub struct Table {
    title: &'static str,
    note: &'static str,
    chart: Option<&'static str>,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Which figure of which benchmarks makes a table.
pub struct Spec {
    pub title: &'static str,
    pub note: &'static str,
    pub chart: Option<&'static str>,
    pub runtimes: &'static [&'static str],
    /// Those that ours is compared with, in a column each.
    pub against: &'static [&'static str],
    pub figure: &'static str,
    pub digits: usize,
    /// Benchmarks and what their rows are called.
    pub rows: Vec<(String, String)>,
}

const ALL: &[&str] = &RUNTIMES;
const NET: &[&str] = &SERVERS;

fn micro_rows(keep: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let all = micro::ALL.iter().filter(|micro| keep(micro.name));
    all.map(|micro| (micro.name.to_string(), micro.operation.to_string()))
        .collect()
}

fn is_timer(name: &str) -> bool {
    name.starts_with("timer")
}

fn is_thread(name: &str) -> bool {
    name.starts_with("remote")
}

fn echo_rows() -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (size, text) in [(64, "64 B"), (4096, "4 KB"), (65536, "64 KB")] {
        for connections in [1, 50, 1000] {
            let plural = if connections == 1 { "" } else { "s" };
            let label = format!("{text}, {connections} connection{plural}");
            rows.push((format!("echo-{connections}-{size}"), label));
        }
    }
    rows
}

fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter()
        .map(|(name, label)| (name.to_string(), label.to_string()))
        .collect()
}

fn with_churn() -> Vec<(String, String)> {
    let mut rows = echo_rows();
    rows.push(("churn".into(), "connect, 64 B, close".into()));
    rows
}

fn specs() -> Vec<Spec> {
    let spec = |title, note, figure, digits, runtimes, rows| Spec {
        title,
        note,
        chart: None,
        runtimes,
        against: &["tokio", "raw"],
        figure,
        digits,
        rows,
    };
    let mut specs = vec![
        Spec {
            chart: Some("tasks.svg"),
            ..spec(
                "Tasks",
                "Nanoseconds of CPU per operation.",
                "ns",
                1,
                ALL,
                micro_rows(|name| !is_timer(name) && !is_thread(name)),
            )
        },
        Spec {
            chart: Some("timers.svg"),
            ..spec(
                "Timers",
                "Nanoseconds of CPU per timer.",
                "ns",
                1,
                NET,
                micro_rows(is_timer),
            )
        },
        Spec {
            chart: Some("precision.svg"),
            ..spec(
                "Precision",
                "How much too late `sleep(100 µs)` ends, in microseconds: the median.",
                "p50_us",
                1,
                NET,
                pairs(&[("sleep-100us", "median")]),
            )
        },
        spec(
            "Precision, the worst of a hundred",
            "The same: the 99th percentile.",
            "p99_us",
            1,
            NET,
            pairs(&[("sleep-100us", "99th percentile")]),
        ),
        spec(
            "Wakes from other threads",
            "Nanoseconds: of the clock for the round trip, of CPU on both sides for the rest.",
            "ns",
            0,
            NET,
            micro_rows(is_thread),
        ),
        spec(
            "Allocations",
            "Allocations per operation, once warm.",
            "allocations",
            2,
            ALL,
            micro_rows(|name| name.starts_with("spawn") || is_timer(name) || name == "block-on"),
        ),
        spec(
            "Memory of a task",
            "Heap bytes per task with a future of 72 bytes, 10 000 of them alive.",
            "heap",
            0,
            ALL,
            pairs(&[("memory", "72-byte future")]),
        ),
        spec(
            "Instructions",
            "User instructions per operation, by callgrind. They include the benchmark's own.",
            "instructions",
            0,
            ALL,
            crate::guard::INSTRUCTIONS
                .iter()
                .map(|(name, _)| {
                    let micro = micro::ALL.iter().find(|micro| micro.name == *name);
                    let label = micro.map_or(*name, |micro| micro.operation);
                    (format!("instructions-{name}"), label.to_string())
                })
                .collect(),
        ),
        Spec {
            chart: Some("echo.svg"),
            ..spec(
                "Echo: CPU",
                "Microseconds of server CPU per request.",
                "cpu_us",
                2,
                NET,
                with_churn(),
            )
        },
        spec(
            "Echo: throughput",
            "Requests per second; the generator has a core of its own.",
            "per_second",
            0,
            NET,
            with_churn(),
        ),
    ];
    for (title, figure) in [
        ("Echo: latency, median", "p50_us"),
        ("Echo: latency, 99 %", "p99_us"),
        ("Echo: latency, 99.9 %", "p999_us"),
    ] {
        let note = "Microseconds from request to response, under full load.";
        specs.push(Spec {
            // One for all three.
            chart: (figure == "p50_us").then_some("latency.svg"),
            ..spec(title, note, figure, 0, NET, with_churn())
        });
    }
    specs.push(spec(
        "Exact counts of an echo server",
        "System calls by strace, user instructions by single steps, per request of 64 B. Fifty \
         connections ask at once.",
        "per_request",
        2,
        NET,
        pairs(&[
            ("syscalls-1", "system calls, 1 connection"),
            ("syscalls-50", "system calls, 50 connections"),
            (
                "syscalls-churn",
                "system calls per short connection, one upon the other",
            ),
            ("syscalls-churn-apart", "the same, 3 ms apart"),
            ("instructions-1", "instructions, 1 connection"),
            ("instructions-50", "instructions, 50 connections"),
        ]),
    ));
    specs.push(spec(
        "Memory of an idle connection",
        "Resident bytes per connection beyond its buffer, between 1000 and 10 000 of them.",
        "bytes_per_connection",
        0,
        NET,
        pairs(&[("idle", "idle connection")]),
    ));
    for (title, figure) in [
        ("Resident memory, no connection", "resident_0"),
        ("Resident memory, 10 000 connections", "resident_10000"),
    ] {
        let note = "Kilobytes of the server's process.";
        specs.push(spec(
            title,
            note,
            figure,
            0,
            NET,
            pairs(&[("idle", "server")]),
        ));
    }
    specs
}

/// Makes tables of all that was measured.
pub fn report(
    results: &Results,
    command: &str,
    rounds: u32,
    took: Duration,
    skipped: &[String],
) -> Report {
    const NAMES: &[&str] = &[
        "polliwog-core",
        "tokio",
        "async-executor",
        "async-io",
        "async-net",
        "monoio",
        "compio",
        "embassy-executor",
        "futures",
        "mio",
    ];
    let tables = specs().into_iter().filter_map(|spec| table(results, &spec));
    Report {
        head: head(NAMES, command, rounds, took, skipped),
        tables: tables.collect(),
    }
}

/// Where, with what and by which command it was measured.
pub fn head(
    crates: &[&str],
    command: &str,
    rounds: u32,
    took: Duration,
    skipped: &[String],
) -> Vec<String> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut head = vec![
        format!("* machine: {}, {cpus} cores", cpu_model()),
        format!("* versions: {}", versions(crates).join(", ")),
        format!("* compiler: {}", env!("BENCHES_RUSTC")),
        format!(
            "* command: `{command}`: {rounds} rounds, {} s",
            took.as_secs()
        ),
    ];
    head.extend(skipped.iter().map(|line| format!("* skipped: {line}")));
    head
}

/// A table, if there is anything to put into it.
pub fn table(results: &Results, spec: &Spec) -> Option<Table> {
    let has_any = |runtime: &&&str| {
        spec.rows
            .iter()
            .any(|(name, _)| results.get(name, runtime, spec.figure).is_some())
    };
    let runtimes: Vec<&str> = spec.runtimes.iter().filter(has_any).copied().collect();
    let mut rows = Vec::new();
    for (name, label) in &spec.rows {
        let get = |runtime: &str| results.get(name, runtime, spec.figure);
        let Some(ours) = get("polliwog") else {
            continue;
        };
        let mut row = vec![label.clone()];
        for runtime in &runtimes {
            row.push(get(runtime).map_or("–".into(), |s| cell(s, spec.digits)));
        }
        for other in spec.against {
            row.push(match get(other) {
                Some(s) if s.median != 0.0 => format!("{:.2}", ours.median / s.median),
                _ => "–".into(),
            });
        }
        rows.push(row);
    }
    let mut columns = vec![String::new()];
    columns.extend(runtimes.iter().map(|name| name.to_string()));
    columns.extend(
        spec.against
            .iter()
            .map(|other| format!("polliwog ÷ {other}")),
    );
    (!rows.is_empty()).then_some(Table {
        title: spec.title,
        note: spec.note,
        chart: spec.chart,
        columns,
        rows,
    })
}

/// A figure over all rounds, with how far they were apart.
pub fn cell(summary: Summary, digits: usize) -> String {
    let value = format!("{:.digits$}", summary.median);
    match (summary.spread() * 100.0).round() {
        0.0 => value,
        _ if summary.is_lopsided() => format!(
            "{value} ({:.digits$} … {:.digits$})",
            summary.least, summary.most
        ),
        spread => format!("{value} ±{spread:.0} %"),
    }
}

/// The report as a page that begins with `head`.
pub fn markdown(head: &str, report: &Report) -> String {
    let mut page = head.to_string();
    page.push('\n');
    page.push_str(&report.head.join("\n"));
    page.push('\n');
    for table in &report.tables {
        let _ = write!(page, "\n## {}\n\n{}\n\n", table.title, table.note);
        if let Some(chart) = table.chart {
            let _ = write!(page, "![{}]({chart})\n\n", table.title);
        }
        let _ = writeln!(page, "| {} |", table.columns.join(" | "));
        let _ = writeln!(page, "|---{}|", "|--:".repeat(table.columns.len() - 1));
        for row in &table.rows {
            let _ = writeln!(page, "| {} |", row.join(" | "));
        }
    }
    page
}

/// The report for a terminal.
pub fn plain(report: &Report) -> String {
    let mut text = report.head.join("\n");
    text.push('\n');
    for table in &report.tables {
        let _ = write!(text, "\n{}: {}\n", table.title, table.note);
        let all = || std::iter::once(&table.columns).chain(&table.rows);
        let width = |column: usize| all().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..table.columns.len())
            .map(|column| width(column).unwrap_or(0))
            .collect();
        for row in all() {
            for (column, cell) in row.iter().enumerate() {
                let fill = " ".repeat(widths[column] - cell.chars().count());
                let _ = match column {
                    0 => write!(text, "  {cell}{fill}"),
                    _ => write!(text, "  {fill}{cell}"),
                };
            }
            text.push('\n');
        }
    }
    text
}

fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_string())
    });
    model.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}

/// The versions of what is compared, out of the lock file.
fn versions(names: &[&str]) -> Vec<String> {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        // The last one, where there are several.
        let at = lock.rfind(&entry)? + entry.len();
        Some(format!("{name} {}", lock[at..].split('"').next()?))
    };
    names.iter().filter_map(|name| version(name)).collect()
}
