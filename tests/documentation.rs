//! What the pages of this repository say about its files is so: promises and their tests, links, paths,
//! names of examples, steps of the CI.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder with one of the endings, by their way from the root; what is built is left out.
fn files(folder: &str, endings: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}")) {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = match folder {
            "" => name.clone(),
            _ => format!("{folder}/{name}"),
        };
        let is_folder = entry.file_type().unwrap().is_dir();
        if is_folder && !["target", ".git", "tmp"].contains(&name.as_str()) {
            found.extend(files(&path, endings));
        } else if !is_folder && endings.iter().any(|ending| name.ends_with(ending)) {
            found.insert(path);
        }
    }
    found
}

fn is_identifier(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|b| b == b'_' || b.is_ascii_digit() || b.is_ascii_lowercase())
}

/// The names of the functions that a source defines.
fn functions(source: &str) -> BTreeSet<&str> {
    let after = source.split("fn ").skip(1);
    after
        .map(|rest| {
            let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

/// What stands between single backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The number of a name such as `promise_07_…`.
fn number_of(name: &str) -> Option<usize> {
    name.strip_prefix("promise_")?.get(..2)?.parse().ok()
}

/// The cells of a row of a table, or nothing.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// All functions that are defined in a file, or in those of a folder.
fn defined_in(place: &str) -> BTreeSet<String> {
    let all = match root().join(place).is_dir() {
        true => files(place, &[".rs"]),
        false => BTreeSet::from([place.to_owned()]),
    };
    all.iter()
        .flat_map(|file| {
            let source = text(file);
            functions(&source)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_promise_has_its_tests_and_they_exist() {
    const PROMISES: usize = 24;
    const SOURCES: [&str; 7] = [
        "core",
        "examples",
        "macros",
        "reactor-mio",
        "reactor-spin",
        "src",
        "tests",
    ];
    let page = text("docs/promises.md");
    // Place and name of each test, by the number of its promise.
    let mut listed: BTreeMap<usize, BTreeSet<(&str, &str)>> = BTreeMap::new();
    let mut number = 0;
    for line in page.lines() {
        let Some([first, _, tests, places]) = cells(line)
            .as_deref()
            .map(<[_; 4]>::try_from)
            .and_then(Result::ok)
        else {
            continue;
        };
        if let Ok(next) = first.parse::<usize>() {
            assert_eq!(next, number + 1, "in the order of their numbers");
            number = next;
        } else if !first.is_empty() || number == 0 {
            // The head of the table.
            continue;
        }
        let names: Vec<_> = quoted(tests).filter(|word| is_identifier(word)).collect();
        assert!(!names.is_empty(), "{number}: no test is named: {line}");
        for place in quoted(places) {
            let defined = defined_in(place);
            for name in &names {
                assert!(defined.contains(*name), "{number}: no `{name}` in {place}");
                listed.entry(number).or_default().insert((place, name));
            }
        }
    }
    assert_eq!(listed.len(), PROMISES, "a promise without a place");

    // The other way round: what bears a number is on the page, under that number.
    for file in SOURCES.iter().flat_map(|folder| files(folder, &[".rs"])) {
        let source = text(&file);
        for name in functions(&source) {
            let Some(number) = number_of(name) else {
                continue;
            };
            let all = listed
                .get(&number)
                .unwrap_or_else(|| panic!("{file}: `{name}`"));
            let found = all
                .iter()
                .any(|(place, listed)| *listed == name && file.starts_with(place));
            assert!(found, "{file}: `{name}` is not on docs/promises.md");
        }
    }
}

/// The pages that people write; those that programs write are as old as their last run.
fn pages() -> BTreeSet<String> {
    let mut pages = files("", &[".md"]);
    // The last is the beginning of one of the others, with its links.
    let written = [
        "benches/",
        "docs/benchmarks/",
        "docs/coverage.md",
        "docs/footprint.md",
        "examples/firmware/cost/introduction.md",
    ];
    pages.retain(|page| !written.iter().any(|name| page.starts_with(name)));
    assert!(pages.contains("README.md") && pages.contains("docs/architecture.md"));
    pages
}

/// The lines of a page outside of blocks of code and of what programs write.
fn prose(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut outside = Vec::new();
    for line in text(page).lines() {
        if line.trim_start().starts_with("```") || line.starts_with("<!-- unsafe list:") {
            inside = !inside;
        } else if line == "<!-- end of unsafe list -->" {
            inside = false;
        } else if !inside {
            outside.push(line.to_owned());
        }
    }
    outside
}

/// The name by which a link finds a heading, as the usual programs make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|&c| c.is_alphanumeric() || "-_ ".contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        // Joined, since a link may go over the end of a line.
        let all = prose(&page).join("\n");
        // What is code is no link; but the text of a link may be.
        let all: String = all.split('`').step_by(2).collect();
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for rest in all.split("](").skip(1) {
            let link = rest.split(')').next().unwrap().trim();
            if link.contains("://") {
                continue;
            }
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                _ => format!("{folder}/{file}")
                    .trim_start_matches('/')
                    .to_owned(),
            };
            assert!(root().join(&target).exists(), "{page}: nothing at `{link}`");
            if !section.is_empty() {
                let lines = prose(&target);
                let mut headings = lines.iter().filter(|line| line.starts_with('#'));
                let found = headings.any(|line| anchor(line) == section);
                assert!(found, "{page}: no heading for `{link}`");
            }
        }
    }
}

#[test]
fn paths_and_steps_that_pages_name_are_there() {
    let steps = steps();
    for page in pages() {
        for line in prose(&page) {
            for words in quoted(&line) {
                let mut words = words.split_whitespace();
                let Some(path) = words.next() else { continue };
                let first = path.split('/').next().unwrap();
                let names_a_path = path.contains('/')
                    && root().join(first).is_dir()
                    && path
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
                if names_a_path {
                    assert!(root().join(path).exists(), "{page}: no `{path}`: {line}");
                }
                if path == ".ci/run" {
                    for step in words.filter(|word| !word.starts_with('-')) {
                        assert!(steps.contains(step), "{page}: no step `{step}`: {line}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_example_is_on_the_page_of_examples() {
    let page = text("examples/README.md");
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let command = format!("--example {name}");
            // Not as the beginning of a longer name.
            let found = page.match_indices(&command).any(|(at, _)| {
                let next = page[at + command.len()..].chars().next();
                next.is_some_and(|c| c == '`' || c == ' ')
            });
            assert!(found, "examples/README.md: how to run `{name}`");
        }
    }
}

#[test]
fn every_loom_model_is_on_the_page_of_safety() {
    let mut models = BTreeSet::new();
    let folder = files("core/src/models", &[".rs"]);
    for file in folder
        .iter()
        .map(String::as_str)
        .chain(["core/src/models.rs"])
    {
        let inner = file.strip_prefix("core/src/models/");
        let module = inner.and_then(|name| name.strip_suffix(".rs"));
        let module = module.map_or(String::new(), |name| format!("{name}::"));
        let mut is_test = false;
        for line in text(file).lines() {
            is_test |= line == "#[test]";
            if let (true, Some(rest)) = (is_test, line.strip_prefix("fn ")) {
                models.insert(format!("{module}{}", rest.split('(').next().unwrap()));
                is_test = false;
            }
        }
    }
    let page = text("docs/safety.md");
    let (_, rest) = page.split_once("### The loom models").expect("the section");
    let section = rest.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(cells);
    let names = rows.filter_map(|row| quoted(row[0]).next().map(str::to_owned));
    assert_eq!(names.collect::<BTreeSet<_>>(), models);
}

/// The names of the CI's steps.
fn steps() -> BTreeSet<String> {
    let script = text(".ci/run");
    let mut steps = BTreeSet::new();
    for list in ["\nfirst=(", "\nrest=("] {
        let (_, rest) = script.split_once(list).expect("the list of steps");
        let list = rest.split(')').next().unwrap();
        steps.extend(list.split_whitespace().map(str::to_owned));
    }
    steps
}

#[test]
fn the_workflow_runs_every_step_once() {
    let mut found = BTreeSet::new();
    for line in text(".github/workflows/ci.yml").lines() {
        let names = line.trim().strip_prefix("steps: ").unwrap_or_default();
        for name in names.split_whitespace() {
            assert!(found.insert(name.to_owned()), "`{name}` runs twice");
        }
    }
    assert_eq!(found, steps());
}

#[test]
fn the_chips_program_of_the_readme_is_the_one_that_is_built() {
    let page = text("README.md");
    let (_, rest) = page.split_once("```rust,ignore\n").expect("a block");
    let program = rest.split("```").next().unwrap();
    assert_eq!(program, text("examples/blink-cortex-m/src/main.rs"));
    assert!(
        !rest.contains("```rust,ignore"),
        "who compiles the other one?"
    );
}

/// The figures of the README are those of the last measurement.
#[test]
fn the_readmes_figures_have_been_measured() {
    const ROWS: [(&str, &str, &str); 10] = [
        ("spawn a task and await it", "spawn-1", "ns"),
        ("wake and poll, 1000 tasks", "yield-1000", "ns"),
        ("round trip between two tasks", "ping-pong", "ns"),
        ("make, poll and drop a timer", "timer", "ns"),
        ("`sleep(100 µs)` is late by", "sleep-100us", "p50_us"),
        ("echo of 64 B, 50 connections", "echo-50-64", "cpu_us"),
        ("the same, 99th percentile", "echo-50-64", "p99_us"),
        ("an idle connection", "idle", "bytes_per_connection"),
        ("HTTP/1.1 by hyper, 50 connections", "http-50", "cpu_us"),
        ("HTTP/1.1, 99th percentile", "http-50", "p99_us"),
    ];
    let page = text("README.md");
    let results = text("docs/benchmarks/results.tsv") + &text("docs/benchmarks/servers.tsv");
    for (label, benchmark, figure) in ROWS {
        let median = |runtime: &str| {
            let begin = format!("{benchmark}\t{runtime}\t{figure}\t");
            let row = results.lines().find_map(|line| line.strip_prefix(&begin));
            let row = row.unwrap_or_else(|| panic!("no figure of {begin}"));
            let median: f64 = row.split('\t').nth(1).unwrap().parse().unwrap();
            format!("{median:.1}")
        };
        let measured = ["polliwog", "tokio", "smol", "monoio"].map(median);
        let mut rows = page.lines().filter_map(cells);
        let row = rows.find(|row| row[0].starts_with(label));
        let row = row.unwrap_or_else(|| panic!("no row `{label}`"));
        assert_eq!(row[1..], measured, "{label}");
    }
    let results = text("docs/benchmarks/cluster.tsv");
    let on_two = |contender: &str| {
        let begin = format!("scaling: echo\t{contender}\tthroughput, two ÷ one\t");
        let row = results.lines().find_map(|line| line.strip_prefix(&begin));
        let median = row.and_then(|row| row.split('\t').nth(1)?.parse::<f64>().ok());
        median.map_or("–".to_string(), |median| format!("{median:.2}"))
    };
    let contenders = [
        "polliwog",
        "tokio, multi_thread",
        "smol",
        "monoio, a runtime each",
    ];
    let mut rows = page.lines().filter_map(cells);
    let row = rows.find(|row| row[0].starts_with("echoes on two cores"));
    assert_eq!(row.expect("a row")[1..], contenders.map(on_two));
}

/// Half of what is public has an example of its own: functions, types, traits and macros with a comment.
#[test]
fn half_of_what_is_public_has_an_example() {
    let (mut all, mut shown) = (0, 0);
    for folder in ["core/src", "reactor-mio/src", "reactor-spin/src"] {
        for file in files(folder, &[".rs"]) {
            if file.contains("test") || file.contains("/loom") || file.contains("/models") {
                continue;
            }
            // Of the comment and the attributes above a line.
            let (mut is_described, mut has_example, mut is_hidden) = (false, false, false);
            for line in text(&file).lines().map(str::trim) {
                if line.starts_with("///") || line.starts_with("#[") {
                    is_described |= line.starts_with("///");
                    has_example |= line.contains("```");
                    is_hidden |= line.contains("doc(hidden)");
                    continue;
                }
                let mut words = line.split_whitespace();
                let kind = words.find(|word| !["pub", "async", "const", "unsafe"].contains(word));
                let kinds = ["fn", "struct", "enum", "trait", "type", "union"];
                let is_item =
                    line.starts_with("pub ") && kind.is_some_and(|kind| kinds.contains(&kind));
                let is_macro = line.starts_with("macro_rules! ");
                if (is_item || is_macro) && is_described && !is_hidden {
                    all += 1;
                    shown += usize::from(has_example);
                }
                (is_described, has_example, is_hidden) = (false, false, false);
            }
        }
    }
    assert!(all > 1000, "{all}");
    assert!(shown * 2 >= all, "{shown} of {all}");
}

#[test]
fn a_question_leads_to_a_file_with_what_it_names() {
    let page = text("CONTRIBUTING.md");
    let (_, table) = page.split_once("| where is … | file |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows: Vec<_> = table.lines().skip(2).collect();
    assert!(rows.len() > 10);
    let mut lost = Vec::new();
    for row in rows {
        let (_, answer) = row.split_once("| `").unwrap();
        let answer = format!("`{answer}");
        let (paths, names): (Vec<_>, Vec<_>) = quoted(&answer).partition(|word| word.contains('/'));
        let sources: String = paths.into_iter().map(text).collect();
        let is_lost = |name: &&str| !sources.contains(name.rsplit("::").next().unwrap_or(name));
        lost.extend(names.into_iter().filter(is_lost).map(String::from));
    }
    assert!(lost.is_empty(), "not in the files beside it: {lost:?}");
}
