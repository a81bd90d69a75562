//! The guard: counts of key operations, compared with those that a file remembers.
//!
//! Only what does not depend on the machine's mood is looked at, so that a rise means that
//! somebody made something more expensive.

use std::collections::BTreeMap;
use std::fs;

use crate::meter::Plan;
use crate::{echo, exact, steps};

/// Micro benchmarks whose instructions are counted, on a clock that stands still, and the operations of a round.
pub const INSTRUCTIONS: [(&str, u64); 8] = [
    ("spawn-1", 5_000),
    ("spawn-1000", 10_000),
    ("yield-1", 20_000),
    ("yield-1000", 200_000),
    ("ping-pong", 10_000),
    ("block-on", 2_000),
    ("timer", 10_000),
    ("timers-100000", 10_000),
];

/// Micro benchmarks whose other figures are looked at.
const FIGURES: [(&str, &str); 5] = [
    // First, as long as there is no memory to be recycled.
    ("memory", "heap"),
    ("memory", "allocations"),
    ("spawn-10000", "allocations"),
    ("spawn-1KB", "allocations"),
    ("timer", "allocations"),
];

/// Counts of an echo server that has nothing else to do at each request, and how often to take them.
/// Of several the least is kept: on a busy machine a request can come later than the connection that
/// it comes by, and the server tries to read too early.
const ECHO: [(&str, u32); 3] = [
    ("instructions-1", 1),
    ("syscalls-1", 1),
    ("syscalls-churn-apart", 16),
];

/// A count may rise by this much.
const TOLERANCE: f64 = 0.03;

/// Compares with the file, or writes it anew.
pub fn run(file: &str, update: bool) -> Result<(), String> {
    let compiler = env!("BENCHES_RUSTC");
    let baseline = match fs::read_to_string(file) {
        Ok(text) => parse(&text),
        Err(_) if update => Baseline::default(),
        Err(error) => return Err(format!("{file}: {error}")),
    };
    let mut tools = Tools {
        valgrind: exact::has("valgrind"),
        ptrace: steps::are_allowed(),
        strace: exact::can_trace(),
    };
    for (works, line) in [
        (tools.valgrind, "instructions: valgrind is missing"),
        (
            tools.ptrace,
            "instructions of a server: ptrace is not allowed",
        ),
        (
            tools.strace,
            "system calls: strace is missing or must not trace",
        ),
    ] {
        if !works {
            println!("skipped: {line}");
        }
    }
    if !update && baseline.compiler != compiler {
        (tools.valgrind, tools.ptrace) = (false, false);
        let theirs = &baseline.compiler;
        println!("skipped: instructions: counted with {theirs}, this is {compiler}");
    }
    let counts = count(tools)?;
    if update {
        return fs::write(file, text(compiler, &counts)).map_err(|e| format!("{file}: {e}"));
    }

    let mut risen = Vec::new();
    println!("{:36} {:>10} {:>10}", "", "was", "is");
    for (name, count) in &counts {
        let Some(&was) = baseline.counts.get(name) else {
            risen.push(format!("{name} is not in {file}"));
            continue;
        };
        let change = (count - was) / was.max(1.0) * 100.0;
        println!("{name:36} {was:10.2} {count:10.2} {change:+6.1} %");
        // Half a hundredth is what the file rounds off.
        if *count > was * (1.0 + TOLERANCE) + 0.005 {
            risen.push(format!("{name} rose from {was:.2} to {count:.2}"));
        }
    }
    if risen.is_empty() {
        return Ok(());
    }
    let update = "if that is meant to be, run `benches/run guard --update` and say why";
    Err(format!("{}\n{update}", risen.join("\n")))
}

/// What can be used to count.
struct Tools {
    valgrind: bool,
    ptrace: bool,
    strace: bool,
}

fn count(tools: Tools) -> Result<BTreeMap<String, f64>, String> {
    let mut counts = BTreeMap::new();
    if tools.valgrind {
        for (name, ops) in INSTRUCTIONS {
            let count = exact::instructions("polliwog-still", name, ops, None);
            let count = count.map_err(|error| error.to_string())?;
            counts.insert(format!("{name} instructions"), count);
        }
    }
    let plan = Plan {
        rounds: 2,
        ..Plan::default()
    };
    for (name, figure) in FIGURES {
        let figures = crate::measure("polliwog", name, plan);
        let figures = figures.ok_or_else(|| format!("there is no benchmark {name}"))?;
        counts.insert(format!("{name} {figure}"), figures[figure]);
    }
    for (name, times) in ECHO {
        let wanted = match name.starts_with("syscalls") {
            true => tools.strace,
            false => tools.ptrace,
        };
        for _ in 0..if wanted { times } else { 0 } {
            let figures = echo::measure("polliwog", name, 0.0);
            let figures = figures.ok_or_else(|| format!("there is no benchmark {name}"))?;
            let figures = figures.map_err(|error| format!("{name}: {error}"))?;
            let least = counts.entry(format!("echo {name}")).or_insert(f64::MAX);
            *least = figures["per_request"].min(*least);
        }
    }
    Ok(counts)
}

#[derive(Default)]
struct Baseline {
    compiler: String,
    counts: BTreeMap<String, f64>,
}

fn text(compiler: &str, counts: &BTreeMap<String, f64>) -> String {
    let mut text = format!(
        "# Counts per operation that may rise by {:.0} %. Written by `benches/run guard --update`.\n\
         compiler = {compiler}\n",
        TOLERANCE * 100.0
    );
    for (name, count) in counts {
        text.push_str(&format!("{name} = {count:.2}\n"));
    }
    text
}

fn parse(text: &str) -> Baseline {
    let mut baseline = Baseline::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(" = ") {
            Some(("compiler", compiler)) => baseline.compiler = compiler.to_string(),
            Some((name, count)) => {
                if let Ok(count) = count.parse() {
                    baseline.counts.insert(name.to_string(), count);
                }
            }
            None => {}
        }
    }
    baseline
}
