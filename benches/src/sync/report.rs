//! All kits in turns, and a table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::{ALL, KITS};
use crate::exact;
use crate::meter::median;

const HEAD: &str = "\
# What tasks work together with

This page is written by `benches/run sync`; nothing in it is edited by hand. A cell is the median of the
rounds. In a round the crates take turns at each benchmark, each in a process of its own. All of them are
used by tasks of the same executor, ours: what differs is nothing but the primitives. Times are of CPU,
those between threads of the clock on the wall. Instructions are counted by callgrind, but for those of the
executor's looks at its clock, of which that sees many more than there are. What the same primitives take on a
chip is on [a page of its own](sync-size.md).

`sync::local` and `sync` are ours, within one executor and between threads; *tokio* is `tokio::sync` with
its `select!`, *async* is async-channel and async-lock, *futures* `futures::channel` and its mutex,
*local-sync* the crate of monoio's authors for one thread, *embassy* embassy-sync with its mutex for one
thread (`NoopRawMutex`), whose contended mutex is left out because it has room for one waker. A dash: there
is no such thing.
";

const ABOVE: &str = "
## Where tokio or embassy-sync takes fewer instructions

Drawing from the budget of the poll is some six instructions for each operation, which tokio's pay, too, and embassy's
do not. Beyond that embassy-sync's have room for one waker at each end, which whoever comes next takes from whoever
waits: no order, and nothing to pass on for one that is dropped. Its channels do not end, and have no handles to
count. A `select` of its receivers polls them in their order. One-shot channels are one allocation in all of
them; what tokio does there with two atomic words ours does under a lock.

By the source lines that callgrind gives instructions to, most of what ours take more than embassy's goes: for the
round trips by signal and mpmc, into the node of the wait list, which each wait joins and leaves; for a mutex and a
read-write lock that nobody else wants, into the budget and a look at the list; for a channel with room, into the
channel's own lines and the moves of its message and cells; for a channel for one message, into the channel's own
lines and the wait list; for `select` of two, into the drawing of the start and the order from there, and the channels'
own lines. Of what the one-shot channel between threads takes more than tokio's, half are std's looks for panics and
poison in three locks and their atomic operations, and a quarter moves of the message.

| | ours | theirs |
|---|--:|--:|
";

/// What looks at the executor's clock. Under callgrind, which takes fifty times as long, an executor does so at
/// every few polls, which it never does otherwise.
const CLOCK: &str = "*look_if_time*";

/// Options as those of all benchmarks: `--rounds`, `--only`, `--out`; and `--counts`, nothing but counts.
pub fn run(options: &[&str]) -> Result<(), String> {
    let mut rounds = 5_usize;
    let (mut only, mut counts, mut chosen) = (None, false, false);
    let mut out = std::env::var("BENCHES_OUT").ok();
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{option} wants a value"));
        match *option {
            "--rounds" => rounds = value()?.parse().map_err(|_| "a number of rounds")?,
            "--only" => only = Some(*value()?),
            "--out" => (out, chosen) = (Some(value()?.to_string()), true),
            "--counts" => counts = true,
            _ => return Err(format!("there is no option {option}")),
        }
    }
    let start = Instant::now();
    let names: Vec<_> = ALL
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| name.contains(only)))
        .collect();
    let mut figures: BTreeMap<(&str, &str, &str), Vec<f64>> = BTreeMap::new();
    for round in 0..if counts { 1 } else { rounds } {
        for (name, _) in &names {
            for kit in KITS {
                eprint!("\r{:60}\r{}/{rounds} {name} {kit}", "", round + 1);
                for (key, value) in one(kit, name, counts)? {
                    figures.entry((name, kit, key)).or_default().push(value);
                }
            }
        }
    }
    if exact::has("valgrind") {
        for (name, _) in names
            .iter()
            .filter(|(name, _)| !name.starts_with("threads"))
        {
            for kit in KITS {
                if !figures.contains_key(&(*name, kit, "allocations")) {
                    continue;
                }
                eprint!("\r{:60}\rinstructions {name} {kit}", "");
                let count = exact::instructions(kit, &format!("sync-{name}"), 20_000, Some(CLOCK))
                    .map_err(|error| format!("{kit} {name}: {error}"))?;
                figures.insert((name, kit, "instructions"), vec![count]);
            }
        }
    }
    eprint!("\r{:60}\r", "");
    let mut page = format!(
        "{HEAD}\ncommand: `{}`\n",
        format!("benches/run sync {}", options.join(" ")).trim_end()
    );
    for (title, key, digits) in [
        ("Nanoseconds for each", "ns", 1),
        ("User instructions for each", "instructions", 0),
        ("Allocations for each", "allocations", 2),
    ] {
        if key == "ns" && counts {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| |");
        for kit in KITS {
            let title = match kit {
                "local" => "`sync::local`",
                "shared" => "`sync`",
                other => other,
            };
            let _ = write!(page, " {title} |");
        }
        page.push_str("\n|---|");
        page.push_str(&"--:|".repeat(KITS.len()));
        for (name, operation) in &names {
            let _ = write!(page, "\n| {operation} |");
            for kit in KITS {
                let _ = match figures.get_mut(&(*name, kit, key)) {
                    Some(values) => {
                        values.sort_by(f64::total_cmp);
                        write!(page, " {:.digits$} |", median(values))
                    }
                    None => write!(page, " – |"),
                };
            }
        }
        page.push('\n');
    }
    page.push_str(&above(&mut figures, &names));
    print!("{page}");
    if let Some(out) = out.filter(|_| chosen || only.is_none() && !counts) {
        let file = Path::new(&out).join("sync.md");
        fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("\nwritten");
    }
    println!("took {} s", start.elapsed().as_secs());
    Ok(())
}

/// The rows in which tokio or embassy-sync takes fewer instructions than ours, and why.
fn above(
    figures: &mut BTreeMap<(&str, &str, &str), Vec<f64>>,
    names: &[&(&'static str, &'static str)],
) -> String {
    let mut page = String::from(ABOVE);
    for (ours, theirs) in [
        ("shared", "tokio"),
        ("local", "tokio"),
        ("local", "embassy"),
    ] {
        for (name, operation) in names {
            let mut count = |kit| {
                let counts = figures.get_mut(&(*name, kit, "instructions"))?;
                counts.sort_by(f64::total_cmp);
                Some(median(counts))
            };
            if let (Some(own), Some(other)) = (count(ours), count(theirs)) {
                // Less than that is the order in which the compiler has put things.
                if own > other * 1.05 {
                    let title = if ours == "local" {
                        "`sync::local`"
                    } else {
                        "`sync`"
                    };
                    let _ = writeln!(
                        page,
                        "| {operation} | {title} {own:.0} | {theirs} {other:.0} |"
                    );
                }
            }
        }
    }
    page
}

/// One benchmark of one kit, in a process of its own; nothing, if the kit does not have it.
fn one(kit: &str, name: &str, counts: bool) -> Result<Vec<(&'static str, f64)>, String> {
    let ops: &[&str] = if counts { &["--ops", "2000"] } else { &[] };
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(own)
        .args(["one", kit, &format!("sync-{name}"), "--rounds", "3"])
        .args(ops)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        if error.contains("has no benchmark") {
            return Ok(Vec::new());
        }
        return Err(format!("{kit} {name}: {error}"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |key: &'static str| {
        let value = text.split_whitespace().find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name == key).then(|| value.parse().ok())?
        });
        value.map(|value| (key, value))
    };
    Ok(["ns", "allocations"]
        .into_iter()
        .filter_map(figure)
        .collect())
}
