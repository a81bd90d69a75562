//! The book's sources say what is so: each include is there, each block of Rust is a piece of a file that is
//! compiled, each output is what the program prints, each link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    root.canonicalize().expect("the repository")
}

fn source() -> PathBuf {
    root().join("docs/guide/src")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A block of code.
struct Block {
    page: String,
    line: usize,
    language: String,
    /// What a comment above it says about where its output comes from.
    output_of: Option<String>,
    /// What a comment above it says about where its code comes from.
    code_of: Option<String>,
    lines: Vec<String>,
}

impl Block {
    /// The path and the anchor of what it shows, which is on the page or included when the book is built.
    fn source(&self) -> Option<(&str, Option<&str>)> {
        match &self.code_of {
            Some(place) => Some(path_and_anchor(place)),
            None => include(self.lines.first()?),
        }
    }
}

struct Page {
    name: String,
    prose: Vec<String>,
    blocks: Vec<Block>,
}

fn pages() -> Vec<Page> {
    let mut names: Vec<_> = fs::read_dir(source())
        .expect("the book's sources")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    assert!(names.len() > 16, "{names:?}");
    names
        .into_iter()
        .map(|name| parse(&text(&source().join(&name)), name))
        .collect()
}

fn parse(text: &str, name: String) -> Page {
    let mut page = Page {
        name,
        prose: Vec::new(),
        blocks: Vec::new(),
    };
    let mut block: Option<(Block, usize)> = None;
    let (mut output_of, mut code_of) = (None, None);
    for (index, line) in text.lines().enumerate() {
        let begun = line.trim_start();
        let indent = line.len() - begun.len();
        if let Some(info) = begun.strip_prefix("```") {
            match block.take() {
                Some((block, _)) => page.blocks.push(block),
                None => {
                    let new = Block {
                        page: page.name.clone(),
                        line: index + 1,
                        language: info.to_owned(),
                        output_of: output_of.take(),
                        code_of: code_of.take(),
                        lines: Vec::new(),
                    };
                    block = Some((new, indent));
                }
            }
        } else if let Some((block, indent)) = &mut block {
            block
                .lines
                .push(line.get(*indent..).unwrap_or_default().to_owned());
        } else if let Some(rest) = begun.strip_prefix("<!-- output: ") {
            output_of = rest.strip_suffix(" -->").map(str::to_owned);
            assert!(output_of.is_some(), "{}: {line}", page.name);
        } else if let Some(place) = code_comment(line) {
            code_of = Some(place.to_owned());
        } else {
            page.prose.push(line.to_owned());
        }
    }
    assert!(block.is_none(), "{}: a block without an end", page.name);
    assert!(
        output_of.is_none(),
        "{}: an output that is not shown",
        page.name
    );
    assert!(code_of.is_none(), "{}: code that is not shown", page.name);
    page
}

/// The path and the anchor of an include.
fn include(line: &str) -> Option<(&str, Option<&str>)> {
    let inner = line
        .trim()
        .strip_prefix("{{#include ")?
        .strip_suffix("}}")?;
    Some(path_and_anchor(inner))
}

fn path_and_anchor(place: &str) -> (&str, Option<&str>) {
    match place.split_once(':') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (place, None),
    }
}

/// What the comment above a block of code names.
fn code_comment(line: &str) -> Option<&str> {
    line.trim()
        .strip_prefix("<!-- code: ")?
        .strip_suffix(" -->")
}

/// The path from the root of the repository, without `..`.
fn from_root(path: &str) -> String {
    let mut parts: Vec<_> = vec!["docs", "guide", "src"];
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(parts.pop().expect("inside of the repository")),
            Component::Normal(name) => parts.push(name.to_str().expect("UTF-8")),
            _ => panic!("{path}: not a relative path"),
        }
    }
    parts.join("/")
}

/// The lines of an anchor, or all.
fn included(path: &str, anchor: Option<&str>) -> Vec<String> {
    let text = text(&root().join(from_root(path)));
    let Some(anchor) = anchor else {
        // The names of its pieces are left out by the book's own builder.
        return text.lines().map(str::to_owned).collect();
    };
    let mark = |line: &str, kind: &str| {
        let (_, rest) = line.split_once(kind).unwrap_or_default();
        rest.trim() == anchor
    };
    let mut lines = text.lines();
    assert!(
        lines.any(|line| mark(line, "ANCHOR: ")),
        "{path}: no anchor `{anchor}`"
    );
    let mut found = Vec::new();
    for line in lines {
        if mark(line, "ANCHOR_END: ") {
            assert!(!found.is_empty(), "{path}: nothing in `{anchor}`");
            return found;
        }
        found.push(line.to_owned());
    }
    panic!("{path}: no end of `{anchor}`");
}

/// Whether CI compiles a file: what cargo finds by itself in a package that a step of CI builds, and the
/// modules beside it.
fn is_compiled(path: &str) -> bool {
    let places = [
        "docs/guide/code/src/bin/",
        "docs/guide/firmware/src/",
        "examples/",
        "examples/shared/",
        "examples/blink-cortex-m/src/",
        "examples/firmware/src/bin/",
        "examples/http-server/src/",
        "examples/timeline/",
    ];
    let file = |place: &&str| {
        path.strip_prefix(*place)
            .is_some_and(|name| !name.contains('/'))
    };
    path.ends_with(".rs") && places.iter().any(file)
}

#[test]
fn every_block_of_rust_is_a_piece_of_a_program() {
    let mut used = BTreeSet::new();
    for block in pages().iter().flat_map(|page| &page.blocks) {
        let place = format!("{}:{}", block.page, block.line);
        match block.language.as_str() {
            "rust" => {
                let Some((path, anchor)) = block.source() else {
                    panic!("{place}: Rust that nobody compiles; take it from a program");
                };
                // What is included is seen in the book only.
                assert!(
                    block.code_of.is_some() || anchor.is_none(),
                    "{place}: a piece"
                );
                assert!(!included(path, anchor).is_empty());
                let path = from_root(path);
                assert!(is_compiled(&path), "{place}: who compiles {path}?");
                used.insert(path);
            }
            "toml" => match block.source() {
                Some((path, anchor)) => assert!(!included(path, anchor).is_empty()),
                None => check_dependency(&place, &block.lines),
            },
            "sh" => block
                .lines
                .iter()
                .for_each(|line| check_command(&place, line)),
            "text" => {
                if let Some((path, anchor)) = block.source() {
                    assert!(!included(path, anchor).is_empty());
                }
            }
            other => panic!("{place}: a block of `{other}`"),
        }
    }
    // A program that is shown nowhere is one that nobody mends.
    for entry in fs::read_dir(root().join("docs/guide/code/src/bin")).expect("the programs") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("UTF-8");
        let path = format!("docs/guide/code/src/bin/{name}");
        assert!(
            name == "diagrams.rs" || used.contains(&path),
            "{path} is not in the book"
        );
    }
}

/// The lines of an anchor or of a whole file as a page shows them: at the left, and without the names of pieces.
fn shown(path: &str, anchor: Option<&str>) -> Vec<String> {
    let is_name = |line: &String| line.contains(" ANCHOR: ") || line.contains(" ANCHOR_END: ");
    let mut lines = included(path, anchor);
    lines.retain(|line| !is_name(line));
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = full.map(|line| line.len() - line.trim_start().len()).min();
    let left = |line: &String| {
        line.get(indent.unwrap_or(0)..)
            .unwrap_or_default()
            .to_owned()
    };
    lines.iter().map(left).collect()
}

/// The page with the code that its comments name.
fn with_code(page: &str) -> String {
    let mut written = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        written += &format!("{line}\n");
        let Some(place) = code_comment(line) else {
            continue;
        };
        let fence = lines.next().expect("a block of code");
        let indent = &fence[..fence.len() - fence.trim_start().len()];
        assert!(fence.trim_start().starts_with("```"), "{line}: no code");
        written += &format!("{fence}\n");
        let (path, anchor) = path_and_anchor(place);
        for line in shown(path, anchor) {
            written += format!("{indent}{line}").trim_end();
            written += "\n";
        }
        lines.by_ref().find(|line| line.trim_start() == "```");
        written += &format!("{indent}```\n");
    }
    written
}

/// The pages can be read where they lie. With `POLLIWOG_GUIDE=write` the code is copied to them.
#[test]
fn code_on_the_pages_is_that_of_the_programs() {
    let write = std::env::var("POLLIWOG_GUIDE").is_ok_and(|what| what == "write");
    for page in pages() {
        let path = source().join(&page.name);
        let old = text(&path);
        let new = with_code(&old);
        if write && new != old {
            fs::write(&path, new).expect("the page");
        } else {
            assert!(
                new == old,
                "{}: run POLLIWOG_GUIDE=write cargo test --manifest-path docs/guide/code/Cargo.toml --test book",
                page.name
            );
        }
    }
}

/// A reader wants to copy something that runs, and parts have no imports.
#[test]
fn what_is_shown_in_parts_is_there_in_full() {
    let mut count = 0;
    for page in pages() {
        let includes = page.blocks.iter().filter_map(|block| {
            let (path, anchor) = block.source()?;
            Some((from_root(path), anchor.map(str::to_owned)))
        });
        let includes: BTreeSet<_> = includes.collect();
        for (path, anchor) in &includes {
            // Of large programs the guide shows only what it is about, and names them. `program` is all.
            let is_small = path.starts_with("docs/guide/")
                || path
                    .strip_prefix("examples/")
                    .is_some_and(|name| !name.contains('/'));
            if !is_small || anchor.as_deref().is_none_or(|anchor| anchor == "program") {
                continue;
            }
            let is_there = includes.contains(&(path.clone(), None)) || page.name == "crates.md";
            assert!(is_there, "{}: {path} only in parts", page.name);
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// The features and the version that a reader is told to take.
fn check_dependency(place: &str, lines: &[String]) {
    let manifest = text(&root().join("Cargo.toml"));
    let line = lines.iter().find(|line| line.starts_with("polliwog ="));
    let line = line.unwrap_or_else(|| panic!("{place}: of what?"));
    let between = |before: &str, after: &str| {
        let (_, rest) = line.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found)
    };
    let version = between("version = \"", "\"").unwrap_or_else(|| panic!("{place}: {line}"));
    assert!(
        manifest.contains(&format!("\nversion = \"{version}.")),
        "{place}: {line}"
    );
    for feature in between("features = [", "]").unwrap_or_default().split(',') {
        let feature = feature.trim().trim_matches('"');
        assert!(
            manifest.contains(&format!("\n{feature} = [")),
            "{place}: `{feature}`"
        );
    }
}

/// A command names a program that is there.
fn check_command(place: &str, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    let manifest = after("--manifest-path").unwrap_or("Cargo.toml");
    let folder = manifest.trim_end_matches("Cargo.toml");
    assert!(root().join(manifest).is_file(), "{place}: {line}");
    if let Some(name) = after("--example") {
        let places = [format!("{name}.rs"), format!("{name}/main.rs")];
        let mut places = places
            .iter()
            .map(|file| root().join(format!("{folder}examples/{file}")));
        assert!(places.any(|file| file.is_file()), "{place}: {line}");
    }
    if let Some(name) = after("--bin") {
        assert!(
            root().join(format!("{folder}src/bin/{name}.rs")).is_file(),
            "{place}: {line}"
        );
    }
    if let Some(name) = after("examples/firmware/run") {
        let file = root().join(format!("examples/firmware/src/bin/{name}.rs"));
        assert!(file.is_file(), "{place}: {line}");
    }
}

/// Whether a line is as shown, where `…` stands for anything.
fn is_like(line: &str, shown: &str) -> bool {
    let mut pieces = shown.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// As above for all lines; a line `…` stands for any number of them.
fn are_like(lines: &[&str], shown: &[String]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=lines.len()).any(|skipped| are_like(&lines[skipped..], rest))
        }
        Some((first, rest)) => match lines.split_first() {
            Some((line, others)) => is_like(line, first) && are_like(others, rest),
            None => false,
        },
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(is_like("after 203 ms, ok", "after … ms, ok"));
    assert!(!is_like("after 203 s, ok", "after … ms, ok"));
    assert!(!is_like("after", "after that"));
    let shown = ["a".to_owned(), "…".to_owned(), "d".to_owned()];
    assert!(are_like(&["a", "b", "c", "d"], &shown));
    assert!(!are_like(&["a", "b", "c"], &shown));
}

#[test]
fn programs_print_what_is_shown() {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.ancestors().nth(2).expect("a target folder");
    let mut count = 0;
    for block in pages().iter().flat_map(|page| &page.blocks) {
        let Some(command) = &block.output_of else {
            continue;
        };
        let mut words = command.split_whitespace();
        let name = words.next().expect("a program");
        let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let output = Command::new(&program)
            .args(words)
            .current_dir(root())
            .output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(
            output.status.success(),
            "{command}: {}\n{printed}",
            output.status
        );
        let lines: Vec<&str> = printed.lines().collect();
        assert!(
            are_like(&lines, &block.lines),
            "{}:{}: `{command}` prints\n{printed}",
            block.page,
            block.line
        );
        count += 1;
    }
    assert!(count > 12, "only {count} programs");
}

/// The name by which mdBook finds a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|&c| c.is_alphanumeric() || "-_ ".contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    for page in &pages {
        // Joined, since a link may go over the end of a line.
        let prose = page.prose.join("\n");
        // What is code is no link.
        let prose: String = prose.split('`').step_by(2).collect();
        for rest in prose.split("](").skip(1) {
            let link = rest.split(')').next().expect("a piece").trim();
            if link.starts_with("https://") {
                continue;
            }
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { &page.name } else { file };
            let target = pages.iter().find(|page| page.name == file);
            let target = target.unwrap_or_else(|| panic!("{}: no page `{link}`", page.name));
            let mut headings = target.prose.iter().filter(|line| line.starts_with('#'));
            let found = section.is_empty() || headings.any(|line| anchor(line) == section);
            assert!(found, "{}: no heading for `{link}`", page.name);
        }
    }
}

#[test]
fn every_page_is_in_the_summary_and_every_picture_on_a_page() {
    let pages = pages();
    let summary = pages
        .iter()
        .find(|page| page.name == "SUMMARY.md")
        .expect("a summary");
    let summary = summary.prose.join("\n");
    let mut pictures = BTreeSet::new();
    for page in &pages {
        if page.name != "SUMMARY.md" {
            let entry = format!("]({})", page.name);
            assert_eq!(summary.matches(&entry).count(), 1, "{}", page.name);
        }
        let images = page.prose.iter().filter_map(|line| {
            let rest = line.strip_prefix("<img src=\"")?;
            rest.split('"').next()
        });
        for path in images {
            assert!(source().join(path).is_file(), "{}: no {path}", page.name);
            // A blank line would end the block of HTML.
            assert!(!text(&source().join(path)).contains("\n\n"), "{path}");
            pictures.insert(path.to_owned());
        }
    }
    for entry in fs::read_dir(source().join("img")).expect("the pictures") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("UTF-8");
        assert!(
            pictures.contains(&format!("img/{name}")),
            "{name} is on no page"
        );
        let drawn_from = root()
            .join("docs/guide/diagrams")
            .join(name.replace(".svg", ".txt"));
        assert!(drawn_from.is_file(), "{name} was not drawn from a text");
    }
}

/// The lines of some pieces of a program, without those that are empty or only a comment.
fn lines_of(path: &str, anchors: &[&str]) -> usize {
    let lines = anchors
        .iter()
        .flat_map(|anchor| included(path, Some(anchor)));
    let code = |line: &String| !line.trim().is_empty() && !line.trim().starts_with("//");
    lines.filter(code).count()
}

/// The figures in the prose are those of the programs and of the last measurements.
#[test]
fn figures_in_the_prose_are_so() {
    let said = |page: &str, what: &str| {
        let prose = text(&source().join(page));
        let prose = prose.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            prose.contains(what),
            "{page}: `{what}` is gone; so is its figure?"
        );
    };
    said("executor.md", "An executor in sixty lines");
    let executor = lines_of("../code/src/bin/executor.rs", &["task", "executor"]);
    assert!((45..=65).contains(&executor), "{executor}");
    said("begin.md", "A file server grows from forty lines");
    let server = lines_of("../code/src/bin/files-1.rs", &["serve", "main"]);
    assert!((30..=42).contains(&server), "{server}");

    said(
        "measuring.md",
        "For an echo of 64 bytes polliwog needs three system calls with one connection, and fewer with many",
    );
    let results = text(&root().join("docs/benchmarks/results.tsv"));
    let calls = |benchmark: &str| -> f64 {
        let begin = format!("{benchmark}\tpolliwog\tper_request\t");
        let row = results.lines().find_map(|line| line.strip_prefix(&begin));
        let median = row.and_then(|row| row.split('\t').nth(1)).expect(benchmark);
        median.parse().expect("a number")
    };
    assert!((2.9..3.05).contains(&calls("syscalls-1")));
    assert!(calls("syscalls-50") < calls("syscalls-1"));

    said("chip.md", "A task costs twelve bytes beyond its future.");
    let footprint = text(&root().join("docs/footprint.md"));
    let row = footprint
        .lines()
        .find(|line| line.starts_with("| per task, beyond its future |"));
    let cells: Vec<&str> = row.expect("a row").split('|').map(str::trim).collect();
    // The cells before the first bar, of the name, and of the minimum by hand.
    let ours: f64 = cells[3].parse().expect("a number");
    assert!((11.0..=12.0).contains(&ours), "{ours}");
}
