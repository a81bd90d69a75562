//! All contenders in turns, and a page.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use super::rows::{self, ROWS, Row};
use super::{Taken, scaling, traffic};
use crate::meter::median;
use crate::report::results::Results;
use crate::report::{command, table, write_files};

/// What a column says, and with how many digits.
pub type Column = (&'static str, usize);

const USAGE: &str = "usage: benches/run cluster [--rounds N] [--only PART-OF-NAME] [--contender PART-OF-NAME] [--out FOLDER]";

const HEAD: &str = "\
# All cores

This page and `cluster.tsv` are written by `benches/run cluster`; nothing in them is edited by hand. A cell is the
median of the rounds; ± is half the distance from the least to the most, in percent. Where that is more than a
quarter, the least and the most stand in brackets. In a round the contenders take turns at each benchmark, in one
process, with new threads each time. A dash: nobody counts that here.

*polliwog* is a cluster with as many workers as it says, or two; *each accepts* and *one for all* are its two ways to
spread connections, of which the first is the default. *tokio* is `multi_thread` with as many workers; *monoio* has a
thread for each of two listening sockets, on its driver for epoll; *raw* is a loop over mio without a runtime, a thread
for each listening socket.

What grows with workers is measured where each *brings its own load*, as tasks beside its servers: one worker keeps one
processor busy, two keep two busy, and nobody else needs any. That is the first of the tables.

In the other ones clients are threads of their own. With two processors there is none left for them as soon as two
workers are busy: three threads share two processors, and throughput on two workers says nothing about what they could
do. What these tables tell is what a request takes of the servers. That rises by itself where threads share processors:
each wait finds fewer requests, so that there are more waits for the same work; a thread that has answered what there is
sleeps and has to be woken; and one that comes to a processor after another one finds the caches filled with what is not
its own. Three controls tell this from what a cluster adds: a second worker with all threads on *one processor*; one
worker beside a *busy neighbour*, another program, which computes all the time and shares nothing with the server; and
*raw*, on two threads. More than two workers have not been measured; [architecture](../architecture.md#all-cores) reasons
about them.

Where this was measured:
";

/// What has been measured: by row and contender, of each round.
type Measured = BTreeMap<(&'static str, &'static str), Vec<Taken>>;

/// Measures all rows, prints them, and writes the page if that has all of them.
pub fn run(options: &[&str]) -> Result<(), String> {
    let (mut rounds, mut only, mut who) = (5u32, "", "");
    let mut out = std::env::var("BENCHES_OUT").ok();
    for option in options.chunks(2) {
        match *option {
            ["--rounds", n] => rounds = n.parse().map_err(|_| USAGE)?,
            ["--only", name] => only = name,
            ["--contender", name] => who = name,
            ["--out", folder] => out = Some(folder.to_string()),
            _ => return Err(USAGE.to_string()),
        }
    }
    if rounds == 0 {
        return Err(USAGE.to_string());
    }
    let start = Instant::now();
    let is_wanted = |row: &Row, contender: &str| row.name.contains(only) && contender.contains(who);
    let mut measured = Measured::new();
    for round in 0..rounds {
        for row in ROWS {
            for (contender, measure) in row.contenders {
                if is_wanted(row, contender) {
                    eprint!(
                        "\r{:78}\r{}/{rounds} {}: {contender}",
                        "",
                        round + 1,
                        row.name
                    );
                    let taken = measured.entry((row.name, contender)).or_default();
                    taken.push(measure());
                }
            }
        }
    }
    eprint!("\r{:78}\r", "");
    let names = ["polliwog-core", "tokio", "monoio", "mio", "hyper"];
    let command = command("benches/run cluster", options);
    let mut page = format!(
        "{HEAD}\n{}\n",
        table::head(&names, &command, rounds, start.elapsed(), &[]).join("\n")
    );
    page.push_str(&scaling(&measured));
    page.push_str(&against(&measured));
    for row in ROWS {
        page.push_str(&table_of(row, &measured));
    }
    println!("{}", page.trim_start_matches(HEAD).trim());
    let is_all = only.is_empty() && who.is_empty();
    if let Some(out) = out.filter(|_| is_all || options.contains(&"--out")) {
        let results = results(&measured);
        write_files(
            Path::new(&out),
            "cluster.tsv",
            &results,
            "cluster.md",
            &page,
        )
        .map_err(|error| format!("{out}: {error}"))?;
        println!("\nwritten");
    }
    Ok(())
}

fn results(measured: &Measured) -> Results {
    let mut results = Results::default();
    for row in ROWS {
        for (contender, _) in row.contenders {
            for taken in measured.get(&(row.name, *contender)).into_iter().flatten() {
                let figures = row.columns.iter().zip(taken);
                let figures = figures.filter(|(_, figure)| !figure.is_nan());
                let figures = figures.map(|((name, _), figure)| (name.to_string(), *figure));
                results.add(row.name, contender, figures.collect());
            }
        }
    }
    results
}

/// A table of a row, if there is anything to put into it.
fn table_of(row: &Row, measured: &Measured) -> String {
    let mut text = String::new();
    for (contender, _) in row.contenders {
        let Some(rounds) = measured.get(&(row.name, *contender)) else {
            continue;
        };
        let _ = write!(text, "| {contender} |");
        for (column, (_, digits)) in row.columns.iter().enumerate() {
            let values = rounds.iter().map(|taken| taken[column]).collect();
            let _ = write!(text, " {} |", cell(values, *digits));
        }
        text.push('\n');
    }
    if text.is_empty() {
        return text;
    }
    let names: Vec<_> = row.columns.iter().map(|(name, _)| *name).collect();
    format!(
        "\n## {}\n\n{}\n\n| | {} |\n|---{}|\n{text}",
        row.title,
        row.note,
        names.join(" | "),
        "|--:".repeat(names.len())
    )
}

fn cell(values: Vec<f64>, digits: usize) -> String {
    let mut results = Results::default();
    for value in values.into_iter().filter(|value| !value.is_nan()) {
        results.add("", "", [(String::new(), value)].into());
    }
    results
        .get("", "", "")
        .map_or("–".into(), |summary| table::cell(summary, digits))
}

/// The median over the rounds of what one has taken divided by what another has, in the same round.
fn ratio(
    measured: &Measured,
    row: &'static str,
    of: [&'static str; 2],
    column: usize,
) -> Option<f64> {
    let [ours, theirs] = of.map(|contender| measured.get(&(row, contender)));
    let pairs = ours?.iter().zip(theirs?);
    let mut ratios: Vec<f64> = pairs.map(|(a, b)| a[column] / b[column]).collect();
    ratios.sort_by(f64::total_cmp);
    Some(median(&ratios))
}

const SCALING: &str = "
## What a second worker brings

Each worker with its own load, on a processor of its own, two in place of one: throughput, and CPU time for a request,
as quotients within a round, of which these are the medians. Budgeted are, of *polliwog*, 1.9 times the throughput, and
no more than 5 % above the CPU time. What the machine itself allows is that of two processes, and of threads that only
compute: no runtime can do more. Of *store, by worker* and *mini-redis* two workers do what one does not: they pass every
second request on to one another. Where workers were not busy all the time, as the tables below have it, throughput is
not what they could do: other programs have used the processors, or the workers have waited for one another.

| | throughput, two ÷ one | | CPU, two ÷ one | |
|---|--:|---|--:|---|
";

/// The median over the rounds of what one has taken.
fn median_of(measured: &Measured, row: &Row, contender: &'static str, column: &str) -> Option<f64> {
    let column = row.columns.iter().position(|(name, _)| *name == column)?;
    let rounds = measured.get(&(row.name, contender))?;
    let mut all: Vec<f64> = rounds.iter().map(|taken| taken[column]).collect();
    all.sort_by(f64::total_cmp);
    Some(median(&all))
}

/// What a second worker brings, where each has its own load.
fn scaling(measured: &Measured) -> String {
    let mut text = String::new();
    for row in ROWS.iter().filter(|row| row.columns == scaling::COLUMNS) {
        for (contender, _) in row.contenders {
            let of = |column| median_of(measured, row, contender, column);
            let (Some(throughput), Some(cpu)) = (of(scaling::THROUGHPUT), of(scaling::CPU)) else {
                continue;
            };
            // Budgets are ours alone.
            let is_ours = contender.starts_with("polliwog");
            let verdict = |holds: bool| match (is_ours, holds) {
                (false, _) => "",
                (true, true) => "within",
                (true, false) => "not within",
            };
            let busy = |column| of(column).is_some_and(|busy| busy >= scaling::LEAST_BUSY);
            let of_throughput = match scaling::BUSY.into_iter().all(busy) {
                true => verdict(throughput >= scaling::LEAST_THROUGHPUT),
                false => "not busy all the time",
            };
            let _ = writeln!(
                text,
                "| {}: {contender} | {throughput:.2} | {of_throughput} | {cpu:.2} | {} |",
                row.name.trim_start_matches(scaling::PREFIX),
                verdict(cpu <= scaling::MOST_CPU),
            );
        }
    }
    match text.is_empty() {
        true => text,
        false => format!("{SCALING}{text}"),
    }
}

const AGAINST: &str = "
## Two workers against one, with clients beside them

The server's CPU time for a request, as quotients within a round, of which these are the medians: two workers in place
of one; the same with all threads on one processor, where a second worker costs what its runtime makes of it and nothing
runs at the same time; one worker beside a busy neighbour in place of one alone; and the waits for events for a request,
two workers in place of one. Budgeted is that two workers take no more than one, by 5 %. *raw* has no runtime that
could take anything: what it takes more on two threads, and on two processors alone, is the machine's.

| | two ÷ one | on one processor | one beside a neighbour ÷ one | waits, two ÷ one |
|---|--:|--:|--:|--:|
";

/// What is compared in a row: whose it is; two workers, one, one beside a neighbour, and both on one processor.
type Compared = (
    &'static str,
    &'static str,
    [&'static str; 3],
    Option<[&'static str; 2]>,
);

#[rustfmt::skip]
const COMPARED: &[Compared] = {
    use rows::*;
    const ECHO: &str = "echo, 50 connections";
    const HTTP: &str = "http, 50 connections";
    const STORE: &str = "store, 50 connections";
    &[
        (ECHO, "polliwog", [TWO, ONE, ONE_BESIDE], Some(HERE)),
        (ECHO, "tokio", [TOKIO_TWO, TOKIO_ONE, TOKIO_BESIDE], Some(TOKIO_HERE)),
        (ECHO, "raw", [RAW_TWO, RAW_ONE, RAW_BESIDE], Some(RAW_HERE)),
        (HTTP, "polliwog", [TWO, ONE, ONE_BESIDE], Some(HERE)),
        (HTTP, "tokio", [TOKIO_TWO, TOKIO_ONE, TOKIO_BESIDE], None),
        (STORE, "polliwog, by worker", [BY_WORKER, ONE, ONE_BESIDE], Some(HERE)),
        (STORE, "polliwog, by locks", [BY_LOCKS, ONE, ONE_BESIDE], None),
        (STORE, "tokio, by locks", [TOKIO_BY_LOCKS, TOKIO_ONE, TOKIO_BESIDE], None),
    ]
};

/// What two workers take against one.
fn against(measured: &Measured) -> String {
    let shown = |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
    let place = |name| traffic::COLUMNS.iter().position(|column| column.0 == name);
    let (cpu, waits) = (place("server CPU, ns"), place("waits"));
    let mut text = String::new();
    for &(row, contender, [two, one, beside], here) in COMPARED {
        let ratio = |of, column: Option<usize>| ratio(measured, row, of, column?);
        let both = ratio([two, one], cpu);
        if both.is_none() {
            continue;
        }
        let here = here.and_then(|[one, two]| ratio([two, one], cpu));
        let _ = writeln!(
            text,
            "| {row}: {contender} | {} | {} | {} | {} |",
            shown(both),
            shown(here),
            shown(ratio([beside, one], cpu)),
            shown(ratio([two, one], waits)),
        );
    }
    match text.is_empty() {
        true => text,
        false => format!("{AGAINST}{text}"),
    }
}
