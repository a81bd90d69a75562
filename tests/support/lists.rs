//! What is public in which crate, by the lists in docs/api: what mio has a simulated host has, too.

use std::collections::{BTreeMap, BTreeSet};

use super::text;

/// The name at the beginning of a text, without generics.
fn name(text: &str) -> String {
    let (mut depth, mut name) = (0, String::new());
    for letter in text.chars() {
        match letter {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ if depth > 0 => {}
            ':' | '_' => name.push(letter),
            _ if letter.is_alphanumeric() => name.push(letter),
            _ => break,
        }
    }
    name.trim_end_matches(':').to_owned()
}

/// What is public in a crate by its list: items, methods, and traits of other crates that its types have, as
/// `Trait for type`. A name that stands for a type has what the type has.
fn surface(list: &str, of: &str) -> BTreeSet<String> {
    const TRAITS: [&str; 6] = [
        "tokio",
        "hyper",
        "futures_io",
        "futures_core",
        "embedded_io",
        "embedded_io_async",
    ];
    let prefix = format!("{of}::");
    let mut found = BTreeSet::new();
    let mut own = true;
    for line in list.lines() {
        let line = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("impl") {
            let parts = rest.split_once(" for ");
            own = parts.is_none();
            if let Some((foreign, mine)) = parts {
                let foreign = name(foreign.rsplit(' ').next().unwrap_or_default());
                let root = foreign.split("::").next().unwrap_or_default();
                let of_a_crate = TRAITS.contains(&root);
                // By reference, too.
                let mine = mine.trim_start_matches("&'s ").trim_start_matches('&');
                if let (true, Some(mine)) = (of_a_crate, mine.strip_prefix(&prefix)) {
                    let last = foreign.rsplit("::").next().unwrap_or_default();
                    found.insert(format!("{root}::{last} for {}", name(mine)));
                }
            }
        }
        let Some(item) = line.strip_prefix("pub ") else {
            continue;
        };
        let Some((kind, rest)) = item.split_once(&prefix) else {
            continue;
        };
        let kind = kind.trim_end().rsplit(' ').next().unwrap_or_default();
        let rest = name(rest);
        let is_method = kind == "fn"
            && rest
                .rsplit("::")
                .nth(1)
                .is_some_and(|of| of.starts_with(char::is_uppercase));
        let named = ["fn", "struct", "enum", "trait", "mod", "const"].contains(&kind);
        if named && (own || !is_method) {
            found.insert(rest);
        }
    }
    for line in list.lines() {
        let alias = line
            .strip_prefix("pub type ")
            .and_then(|rest| rest.split_once(" = "));
        let Some((alias, of)) = alias else { continue };
        let own = alias.strip_prefix(&prefix).zip(of.strip_prefix(&prefix));
        let Some((alias, of)) = own.map(|(alias, of)| (name(alias), name(of))) else {
            continue;
        };
        let known = found.iter();
        let renamed: Vec<_> = known
            .filter_map(|known| {
                let (before, item) = match known.split_once(" for ") {
                    Some((foreign, item)) => (format!("{foreign} for "), item),
                    None => (String::new(), known.as_str()),
                };
                let rest = item.strip_prefix(of.as_str())?;
                let is_its = rest.is_empty() || rest.starts_with("::");
                is_its.then(|| format!("{before}{alias}{rest}"))
            })
            .collect();
        found.extend(renamed);
    }
    found
}

/// Whether `name` is what `pattern` says, in which a star stands for anything.
fn is_meant(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| is_meant(after, rest)))
        }),
    }
}

/// The patterns for what mio has and a simulated host has not, by the table that says why.
fn exceptions(page: &str) -> Vec<&str> {
    let (_, table) = page
        .split_once("## What mio has and a simulated host has not")
        .unwrap();
    let (table, _) = table.split_once("\n#").unwrap();
    let mut patterns = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, names, why, _] = cells[..] else {
            panic!("{line}");
        };
        assert!(why.len() > 10, "{line} says no reason");
        patterns.extend(names.split('`').skip(1).step_by(2));
    }
    patterns
}

/// What functions and methods take and give, by their names, both as the short paths have them: what is generic over its
/// errors fails with the system's, and who gives a future is `async`.
fn signatures(list: &str, of: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut own = true;
    for line in list.lines() {
        own = if line.starts_with("impl") {
            !line.contains(" for ")
        } else {
            own
        };
        let function = line
            .split_once("fn ")
            .filter(|_| own && line.starts_with("pub "));
        let function = function.and_then(|(how, function)| {
            let function = function.strip_prefix(of)?.strip_prefix("::")?;
            Some((how.contains("async"), function))
        });
        let Some((is_async, function)) = function else {
            continue;
        };
        let name = name(function);
        let (_, signature) = function.split_once('(').expect("what it takes");
        let mut signature = signature
            .replace(
                "<E as polliwog_spin::net::generic::NetError>::UnixAddr",
                "std::os::unix::net::addr::SocketAddr",
            )
            .replace("Option<E>", "Option<std::io::error::Error>")
            .replace("core::result::Result<", "Result<")
            .replace("std::io::error::Result<", "Result<");
        for (from, to) in [
            (", E>", ">"),
            (", std::io::error::Error>", ">"),
            ("<E>", ""),
            ("polliwog_spin::net::generic::", "net::"),
            ("polliwog_spin::sim::", ""),
            ("polliwog_spin::", ""),
            ("polliwog_mio::", ""),
            // Types that only the system can make have some of their own in their place.
            ("std::fs::", "fs::"),
        ] {
            signature = signature.replace(from, to);
        }
        let future = "impl core::future::future::Future<Output = ";
        let gives = signature.split_once(future).and_then(|(takes, output)| {
            let output = output.strip_suffix('>')?;
            Some(format!("{takes}{output}"))
        });
        let is_async = is_async || gives.is_some();
        let signature = gives.unwrap_or(signature);
        let name = name.replace("net::generic::", "net::");
        let name = name.strip_prefix("sim::").unwrap_or(&name);
        let itself = name.rsplit_once("::").map_or("", |(itself, _)| itself);
        let signature = signature.replace("Self", itself);
        let how = if is_async { "async " } else { "" };
        found.insert(name.to_owned(), format!("{how}({signature}"));
    }
    found
}

#[test]
fn a_simulated_host_has_what_mio_has_or_the_page_says_why_not() {
    let mio = surface(&text("docs/api/polliwog-mio.txt"), "polliwog_mio");
    let mut spin = surface(&text("docs/api/polliwog-spin.txt"), "polliwog_spin");
    // What is in `sim` has mio's names in the facade without `mio`, and is in the place of the network in memory.
    let simulated: Vec<_> = spin.iter().filter(|name| name.contains("sim::")).collect();
    let simulated: Vec<_> = simulated
        .into_iter()
        .map(|name| name.replacen("sim::", "", 1))
        .collect();
    spin.retain(|name| {
        let of = name.split_once(" for ").map_or(&**name, |(_, of)| of);
        let of = of.split("::").take(2).collect::<Vec<_>>().join("::");
        !of.starts_with("net::") || simulated.contains(&of)
    });
    spin.extend(simulated);
    assert!(
        mio.len() > 500 && spin.len() > 500,
        "the lists have another form"
    );

    let page = text("docs/simulation/source.md");
    let patterns = exceptions(&page);
    let lacks: Vec<_> = mio.difference(&spin).collect();
    let is_told = |name: &str| patterns.iter().any(|pattern| is_meant(pattern, name));
    let untold: Vec<_> = lacks.iter().filter(|name| !is_told(name)).collect();
    assert!(
        untold.is_empty(),
        "a simulated host has not, and docs/simulation/source.md does not say why: {untold:#?}"
    );
    let stale: Vec<_> = patterns
        .iter()
        .filter(|pattern| !lacks.iter().any(|name| is_meant(pattern, name)))
        .collect();
    assert!(
        stale.is_empty(),
        "docs/simulation/source.md tells why there is not what there is: {stale:#?}"
    );
}

#[test]
fn what_both_have_takes_and_gives_the_same() {
    let mio = signatures(&text("docs/api/polliwog-mio.txt"), "polliwog_mio");
    let spin = signatures(&text("docs/api/polliwog-spin.txt"), "polliwog_spin");
    let page = text("docs/simulation/source.md");
    let patterns = exceptions(&page);
    let both = mio
        .iter()
        .filter_map(|(name, mio)| Some((name, mio, spin.get(name)?)));
    let both: Vec<_> = both
        .filter(|(name, ..)| !patterns.iter().any(|pattern| is_meant(pattern, name)))
        .collect();
    assert!(both.len() > 300, "the lists have another form");
    let differ: Vec<_> = both.iter().filter(|(_, mio, spin)| mio != spin).collect();
    assert!(
        differ.is_empty(),
        "what a program for mio gives to or takes from a simulated host is something else: {differ:#?}"
    );
}
