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
