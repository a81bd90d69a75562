//! Everything in one run: the benchmarks of all runtimes in turns, then tables and charts.

mod chart;
mod plan;
pub mod results;
pub mod table;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{exact, steps};
use plan::{Job, Kind};
use results::Results;

/// A benchmark that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs all and writes the report into a folder.
pub fn run(options: &[&str]) -> Result<(), String> {
    let mut quick = false;
    // Where the script wants it. No part of the command, as a user types that.
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
    let rounds = rounds.unwrap_or(if quick { 2 } else { 5 });
    let start = Instant::now();
    let tools = [
        ("valgrind", exact::has("valgrind")),
        ("strace", exact::can_trace()),
        ("ptrace", steps::are_allowed()),
    ];
    for (tool, _) in tools.iter().filter(|(_, there)| !there) {
        eprintln!("{tool} does not work here: what it counts is left out");
    }
    let mut jobs = plan::jobs(quick);
    jobs.retain(|job| only.as_ref().is_none_or(|only| job.name.contains(only)));
    jobs.retain(|job| job.tool().is_none_or(|tool| tools.contains(&(tool, true))));
    let mut skipped = Vec::new();
    let mut runtimes = plan::RUNTIMES.to_vec();
    if let Err(error) = exact::io_uring() {
        runtimes.retain(|runtime| !plan::is_uring(runtime));
        skipped.push(format!(
            "monoio-uring and compio-uring: the kernel offers no io_uring: {error}"
        ));
    }
    for line in &skipped {
        println!("skipped: {line}");
    }
    let results = collect(&jobs, &runtimes, rounds, quick);
    let command = command("benches/run", options);
    let report = table::report(&results, &command, rounds, start.elapsed(), &skipped);
    print!("{}", table::plain(&report));
    if let Some(out) = out.filter(|_| !quick && only.is_none() || options.contains(&"--out")) {
        write(Path::new(&out), &results, &report).map_err(|e| format!("{out}: {e}"))?;
        println!("\nwritten");
    }
    println!("took {} s", start.elapsed().as_secs());
    Ok(())
}

/// The command as it can be repeated anywhere: without the folder that the report goes to.
pub fn command(command: &str, options: &[&str]) -> String {
    let mut command = vec![command];
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--out" => drop(rest.next()),
            option => command.push(option),
        }
    }
    command.join(" ")
}

/// Runs the jobs: round after round, in each of them every benchmark, and of each benchmark one
/// runtime after the other, so that whatever disturbs the machine disturbs all alike. What is
/// counted and not timed runs once.
fn collect(jobs: &[Job], runtimes: &[&str], rounds: u32, quick: bool) -> Results {
    let mut results = Results::default();
    for round in 0..rounds {
        for job in jobs.iter().filter(|job| round == 0 || job.is_timed()) {
            for &runtime in runtimes {
                if !job.is_offered_by(runtime) {
                    continue;
                }
                eprint!("\r{:60}\r{}/{rounds} {} {runtime}", "", round + 1, job.name);
                match measure(job, runtime, quick) {
                    Ok(figures) => results.add(&job.name, runtime, figures),
                    Err(error) => eprintln!("\r{} {runtime}: {error}", job.name),
                }
            }
        }
    }
    eprint!("\r{:60}\r", "");
    results
}

/// One benchmark of one runtime, in a process of its own.
fn measure(job: &Job, runtime: &str, quick: bool) -> io::Result<BTreeMap<String, f64>> {
    if let Kind::Instructions { benchmark, ops } = job.kind {
        let count = exact::instructions(runtime, benchmark, ops, None)?;
        return Ok([("instructions".to_string(), count)].into());
    }
    let (rounds, millis) = if quick { ("2", "200") } else { ("3", "800") };
    in_a_process(runtime, &job.name, rounds, millis)
}

/// The same for any benchmark.
pub fn in_a_process(
    runtime: &str,
    name: &str,
    rounds: &str,
    millis: &str,
) -> io::Result<BTreeMap<String, f64>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["one", runtime, name])
        .args(["--rounds", rounds, "--millis", millis])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // What it prints fits into the pipes.
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > LONGEST {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it hangs"));
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(error.trim().to_string()));
    }
    let figures = String::from_utf8_lossy(&output.stdout);
    let pairs = figures.split_whitespace().filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((key.to_string(), value.parse().ok()?))
    });
    Ok(pairs.collect())
}

/// Draws the charts of the reports in a folder anew, from their figures.
pub fn redraw(folder: &str) -> Result<(), String> {
    let folder = Path::new(folder);
    let figures = |file: &Path| file.extension().is_some_and(|extension| extension == "tsv");
    let files = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for file in files.flatten().map(|file| file.path()) {
        if !figures(&file) {
            continue;
        }
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let results =
            Results::from_tsv(&text).ok_or_else(|| format!("{}: no report", file.display()))?;
        draw(folder, &results).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    Ok(())
}

fn draw(folder: &Path, results: &Results) -> io::Result<()> {
    for (file, svg) in chart::charts(results) {
        fs::write(folder.join(file), svg)?;
    }
    Ok(())
}

fn write(folder: &Path, results: &Results, report: &table::Report) -> io::Result<()> {
    let page = table::markdown(include_str!("head.md"), report);
    write_files(folder, "results.tsv", results, "README.md", &page)
}

/// Writes figures, the charts that are drawn from them, and the page.
pub fn write_files(
    folder: &Path,
    figures_name: &str,
    results: &Results,
    page_name: &str,
    page: &str,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let figures = results.to_tsv();
    fs::write(folder.join(figures_name), &figures)?;
    // From what has been written, so that they are the same when they are drawn anew.
    if let Some(results) = Results::from_tsv(&figures) {
        draw(folder, &results)?;
    }
    fs::write(folder.join(page_name), page)
}
