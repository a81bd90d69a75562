//! [`Found`]: a failure, as people read it and as a file that replays it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use std::{env, fs, thread};

use super::explore::{REPLAY_VARIABLE, SEED_VARIABLE};
use super::failure::Failure;
use super::fault::Fault;
use super::trace::{TraceEvent, What};

/// What has come of [`explore`](super::explore) or [`explore_guided`](super::explore_guided).
#[derive(Debug)]
#[non_exhaustive]
pub struct Exploration {
    /// How many runs there were, up to the first that failed: none for a range of seeds that is empty.
    pub tried: u64,
    /// The first that failed, if one did.
    pub found: Option<Found>,
}

impl Exploration {
    /// Ends a test: with a panic, if a seed failed, whose text is the story and the command that repeats it. The file
    /// that replays it is written into the folder for temporary files.
    ///
    /// A search that has [tried](Self::tried) no seed has found nothing, and passes.
    ///
    /// # Panics
    ///
    /// If a seed failed.
    #[track_caller]
    pub fn unwrap(self) {
        let Some(found) = self.found else { return };
        let path = env::temp_dir().join(format!("polliwog-sim-{}.txt", found.seed));
        let page = path.with_extension("html");
        let mut text = found.to_string();
        let schedule = found.schedule();
        if fs::write(&path, &schedule).is_ok() {
            let how = match (found.by_seed, found.shrunk) {
                (true, true) => "or with fewer faults",
                (true, false) => "or with these faults",
                (false, _) => "to repeat it",
            };
            let (path, command) = (path.display(), &found.command);
            text += &format!("{how}: {REPLAY_VARIABLE}={path} {command}\n");
        } else if !found.by_seed {
            text += &format!(
                "to repeat it, {REPLAY_VARIABLE} has to name a file with this:\n{schedule}"
            );
        }
        if fs::write(&page, found.page()).is_ok() {
            text += &format!("a picture: {}\n", page.display());
        }
        let packets = path.with_extension("pcap");
        let capture = &found.failure.run.capture;
        if !capture.is_empty() && fs::write(&packets, capture).is_ok() {
            text += &format!("packets, for Wireshark: {}\n", packets.display());
        }
        panic!("{text}");
    }
}

/// A run that fails: a seed, with the fewest faults that were found to do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// How it fails with these faults; its trace is that of the story.
    pub failure: Failure,
    /// The faults that are left.
    pub faults: Vec<Fault>,
    /// How many there were.
    pub original: usize,
    /// Whether it happened again with the same seed and the same faults. If not, the failure is that of the only run that
    /// had it, with that run's faults and without a trace: something asks the system for time or chance, which
    /// [`check`](super::check) finds, and [`replace_system!`](super::replace_system) answers.
    pub repeats: bool,
    /// Whether fewer faults were tried.
    pub(crate) shrunk: bool,
    /// Whether the seed alone fails, too: the faults are some of its own.
    pub(crate) by_seed: bool,
    /// The command that runs the test again, without the variables that choose the seed.
    command: String,
}

impl Found {
    /// One whose faults are what is known of it.
    pub(crate) fn new(seed: u64, failure: Failure, faults: Vec<Fault>) -> Self {
        Self {
            seed,
            failure,
            original: faults.len(),
            faults,
            repeats: true,
            shrunk: false,
            by_seed: false,
            command: command(),
        }
    }

    /// The text of a file that replays the failure: see [`REPLAY_VARIABLE`](super::REPLAY_VARIABLE).
    pub fn schedule(&self) -> String {
        let mut text = format!(
            "# {}\nseed {}\n",
            self.failure.to_string().replace('\n', "\n# "),
            self.seed
        );
        for fault in &self.faults {
            text += &format!("{fault}\n");
        }
        text
    }

    /// A page of HTML that shows the run: hosts as lanes, messages as arrows, faults.
    pub fn page(&self) -> String {
        super::page::page(&self.failure.to_string(), &self.failure.run.trace)
    }

    /// What people want to read: not each turn and message.
    fn story(&self) -> impl Iterator<Item = &TraceEvent> {
        self.failure.run.trace.iter().filter(|event| {
            !matches!(
                event.what,
                What::Ran { .. } | What::Sent { .. } | What::Arrived { .. } | What::Lost { .. }
            )
        })
    }
}

impl fmt::Display for Found {
    /// The failure, its faults, what happened, and the command that repeats it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.failure)?;
        if !self.repeats {
            writeln!(
                f,
                "it did not happen again with the same seed and the same faults: the test is not repeatable, as something \
                 asks the system for time or chance, or goes through a hash table's entries in their order; `sim::check` \
                 finds out where, and `sim::replace_system!()` lets the system's chance be the seed's"
            )?;
        }
        let (count, original) = (self.faults.len(), self.original);
        match (self.shrunk, count) {
            (_, 0) if original == 0 => writeln!(f, "without any fault")?,
            (true, 0) => writeln!(f, "none of {original} faults is needed")?,
            (true, _) => writeln!(
                f,
                "with {count} of {original} faults; with fewer of them it was not found:"
            )?,
            (false, _) => writeln!(f, "with {count} faults:")?,
        }
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        let story: Vec<_> = self.story().collect();
        if !story.is_empty() {
            writeln!(f, "the story (starts, ends, faults and notes):")?;
        }
        let left_out = story.len().saturating_sub(60);
        if left_out > 0 {
            writeln!(f, "  ({left_out} events before)")?;
        }
        for event in &story[left_out..] {
            writeln!(f, "  {event}")?;
        }
        match self.by_seed {
            true => writeln!(
                f,
                "to repeat it: {SEED_VARIABLE}={} {}",
                self.seed, self.command
            ),
            false => Ok(()),
        }
    }
}

/// What runs the test again. The harness gives each test a thread of its name, and cargo tells whose package it is.
fn command() -> String {
    let current = thread::current();
    let test = current.name().filter(|name| *name != "main");
    let Some(test) = test.filter(|name| !name.contains(char::is_whitespace)) else {
        return "cargo test".to_string();
    };
    match env::var("CARGO_PKG_NAME") {
        Ok(package) => format!("cargo test -p {package} -- --exact {test}"),
        Err(_) => format!("cargo test -- --exact {test}"),
    }
}

/// Reads a file: `seed 7`, then a fault a line; what begins with `#` is for people.
pub(crate) fn parse(text: &str) -> Result<(u64, Vec<Fault>), String> {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default();
    let seed = first
        .strip_prefix("seed ")
        .and_then(|seed| seed.parse().ok());
    let seed = seed.ok_or_else(|| format!("the first line is not `seed` and a number: {first}"))?;
    let faults = lines.map(|line| {
        line.parse()
            .map_err(|error: super::NoFault| error.to_string())
    });
    Ok((seed, faults.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_test() {
        let command = command();
        assert!(
            command.ends_with("-- --exact sim::found::tests::the_command_names_the_test"),
            "{command}"
        );
        assert!(command.starts_with("cargo test"), "{command}");
    }

    #[test]
    fn files_are_read_again() {
        let text = "# a text\n\nseed 7\n1s for 1ms: crash a\n  2s for 3s: slow 7  \n";
        let (seed, faults) = parse(text).unwrap();
        assert_eq!((seed, faults.len()), (7, 2));
        assert!(parse("").is_err());
        assert!(parse("seed x").is_err());
        assert!(parse("seed 7\nsing").unwrap_err().contains("sing"));
    }
}
