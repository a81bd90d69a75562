//! [`Found`]: a failure, as people read it and as a file that replays it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::path::PathBuf;
use std::{env, fs, thread};

use super::environment::{REPLAY_VARIABLE, SEED_VARIABLE, environment};
use super::failure::Failure;
use super::fault::Fault;
use super::late::Late;
use super::trace::{TraceEvent, What};

/// What has come of [`explore`](super::explore) or [`explore_guided`](super::explore_guided).
#[derive(Debug)]
#[non_exhaustive]
pub struct Exploration {
    /// How many runs there were, up to the first that failed: none for a range of seeds that is empty.
    pub tried: u64,
    /// The first that failed, if one did.
    pub found: Option<Found>,
    late: Late,
    /// Whether a single run was asked for by the environment.
    asked_for: bool,
}

impl Exploration {
    /// One whose runs have all gone well.
    pub(crate) fn nothing(tried: u64, late: Late) -> Self {
        Self {
            tried,
            found: None,
            late,
            asked_for: false,
        }
    }

    /// One in the place of which a single run was asked for, that has gone well.
    pub(crate) fn asked_for(late: Late) -> Self {
        Self {
            asked_for: true,
            ..Self::nothing(1, late)
        }
    }

    /// One that has found something.
    pub(crate) fn found(tried: u64, found: Found) -> Self {
        Self {
            found: Some(found),
            ..Self::nothing(tried, Late::default())
        }
    }

    /// How many faults were scheduled in all runs, if none failed; else none are counted.
    pub fn faults(&self) -> u64 {
        self.late.faults
    }

    /// How many of the [`faults`](Self::faults) have not begun, since their runs were over before: those test nothing. When faults
    /// begin says [`Nemesis::within`](super::Nemesis::within).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Nemesis};
    /// use polliwog::time::sleep;
    /// use std::time::Duration;
    ///
    /// let exploration = sim::explore(0..20, 1, |builder| {
    ///     let nemesis = Nemesis::new("frog").faults(1, 1).within(Duration::from_secs(2)).pauses();
    ///     let mut simulation = builder.nemesis(nemesis).build();
    ///     simulation.client("frog", sleep(Duration::from_secs(1)));
    ///     simulation.run()
    /// });
    /// assert_eq!(exploration.faults(), 20);
    /// assert!((1..20).contains(&exploration.missed()));
    /// ```
    pub fn missed(&self) -> u64 {
        self.late.missed
    }

    /// Ends a test: with a panic, if a seed failed, whose text is the story and the command that repeats it. The file
    /// that replays it is written into the folder for temporary files.
    ///
    /// A search that has [tried](Self::tried) no seed has found nothing, and passes. If most of its faults, which are ten or more, came
    /// [too late](Self::missed), a line on the standard error says so.
    ///
    /// # Panics
    ///
    /// If a seed failed. And if no seed did, but all faults, ten or more, came too late: a search without faults, of which nobody knows.
    /// Not if it is a single run that the environment asks for.
    #[track_caller]
    pub fn unwrap(self) {
        let Some(found) = self.found else {
            match self.late.text() {
                Some(text) if self.late.is_all() && !self.asked_for => panic!("{text}"),
                _ => return self.late.tell(),
            }
        };
        let path = env::temp_dir().join(format!("polliwog-sim-{}.txt", found.name()));
        let page = path.with_extension("html");
        let mut text = found.to_string();
        let schedule = found.schedule();
        if fs::write(&path, &schedule).is_ok() {
            let how = match (found.by_seed, found.shrunk) {
                (true, true) => "or with fewer faults",
                (true, false) => "or with these faults",
                (false, _) => "to repeat it",
            };
            let path = quoted(&path.to_string_lossy());
            let (of_runs, again) = (&environment().of_runs, found.test.again());
            text += &format!("{how}: {of_runs}{REPLAY_VARIABLE}={path} {again}\n");
        } else if !found.by_seed {
            text += &format!(
                "to repeat it, {REPLAY_VARIABLE} has to name a file with this:\n{schedule}"
            );
        }
        if let Some(anew) = found.test.anew() {
            text += &format!("built anew, with the same variables, and features: {anew}\n");
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
    test: Test,
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
            test: Test::current(),
        }
    }

    /// What tells its files from those of other tests, and of other seeds.
    fn name(&self) -> String {
        format!("{}{}", self.test.file_name(), self.seed)
    }

    /// The text of a file that replays the failure: see [`REPLAY_VARIABLE`](super::REPLAY_VARIABLE).
    pub fn schedule(&self) -> String {
        let mut text = format!("# {}\n", self.failure.to_string().replace('\n', "\n# "));
        let of_runs = environment().of_runs.trim();
        if !of_runs.is_empty() {
            text += &format!("# with {of_runs}\n");
        }
        text += &format!("{VERSION_MARK}{VERSION}\nseed {}\n", self.seed);
        for fault in &self.faults {
            text += &format!("{fault}\n");
        }
        text
    }

    /// What is told of it while fewer faults are looked for.
    pub(crate) fn in_short(&self) -> String {
        let how = match self.by_seed {
            true => format!(
                "until then it is repeated by {}{SEED_VARIABLE}={}",
                environment().of_runs,
                self.seed
            ),
            false => format!(
                "until then it is repeated by {}{REPLAY_VARIABLE} with the name of a file with this:\n{}",
                environment().of_runs,
                self.schedule()
            ),
        };
        let failure = &self.failure;
        format!(
            "{failure}\nfewer faults are looked for; {}\n",
            how.trim_end()
        )
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
            (false, 1) => writeln!(f, "with this fault:")?,
            (false, _) => writeln!(f, "with these {count} faults:")?,
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
        let what = match self.repeats {
            true => "to repeat it",
            false => "to run that seed again",
        };
        match self.by_seed {
            true => writeln!(
                f,
                "{what}: {}{SEED_VARIABLE}={} {}",
                environment().of_runs,
                self.seed,
                self.test.again()
            ),
            false => Ok(()),
        }
    }
}

/// The program that has found a failure, and the test in it.
#[derive(Debug)]
struct Test {
    /// The harness gives each test a thread of its name; not if there is one thread only.
    name: Option<String>,
    /// Cargo tells whose it is, and where that lies.
    package: Option<String>,
    folder: Option<PathBuf>,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Test {
    fn current() -> Self {
        let current = thread::current();
        let name = current.name().filter(|name| *name != "main");
        Self {
            name: name.map(String::from),
            package: env::var("CARGO_PKG_NAME").ok(),
            folder: env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
            program: env::current_exe().unwrap_or_default(),
            arguments: env::args().skip(1).collect(),
        }
    }

    /// What runs the test again: its program, which has the features that it was built with, whatever these are. Also a
    /// test that is ignored as a rule.
    fn again(&self) -> String {
        let mut words = vec![quoted(&self.program.to_string_lossy())];
        match &self.name {
            Some(name) => words.extend([
                "--include-ignored".to_string(),
                "--exact".to_string(),
                quoted(name),
            ]),
            None => words.extend(self.arguments.iter().map(|word| quoted(word))),
        }
        words.join(" ")
    }

    /// What builds the test anew and runs it. Cargo does not tell with which features: without them there might be no such test, which
    /// is no error for it, so that whoever pastes this has to say.
    fn anew(&self) -> Option<String> {
        let (name, package) = (self.name.as_ref()?, self.package.as_ref()?);
        let (name, target) = (quoted(name), self.target());
        Some(format!(
            "cargo test -p {package}{target} --features '<those of this build>' -- --include-ignored --exact {name}"
        ))
    }

    /// The argument for the tests of a file of their own, where cargo looks for them.
    fn target(&self) -> String {
        let (program, folder) = (self.program_name(), self.folder.as_ref());
        let tests = folder.map(|folder| folder.join("tests").join(&program));
        match tests {
            Some(tests)
                if tests.with_extension("rs").exists() || tests.join("main.rs").exists() =>
            {
                format!(" --test {}", quoted(&program))
            }
            _ => String::new(),
        }
    }

    /// The program's name, without cargo's hash, which is another one with each set of features.
    fn program_name(&self) -> String {
        let stem = self.program.file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy();
        let is_hash = |end: &str| end.len() == 16 && end.bytes().all(|c| c.is_ascii_hexdigit());
        match stem.rsplit_once('-') {
            Some((program, end)) if is_hash(end) => program.into(),
            _ => stem.into(),
        }
    }

    /// The beginning of its files' names: package, program, and test.
    fn file_name(&self) -> String {
        /// A file's name has an end.
        const LONGEST: usize = 150;
        let program = self.program_name();
        let package = self.package.as_deref().unwrap_or_default();
        let name = self.name.as_deref().unwrap_or_default();
        let mut words = vec![package, &program, name];
        words.retain(|word| !word.is_empty());
        words.dedup();
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '-'
            }
        };
        let text: String = words
            .join("-")
            .replace("::", "-")
            .chars()
            .map(plain)
            .collect();
        // The end tells more.
        let from = text.chars().count().saturating_sub(LONGEST);
        text.chars().skip(from).chain(['-']).collect()
    }
}

/// A word of a shell's command.
pub(crate) fn quoted(word: &str) -> String {
    // On Windows the separator of paths.
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || "/._-:+=,@%".contains(c) || (cfg!(windows) && c == '\\')
    };
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A line of a file says so by which version it was written.
const VERSION_MARK: &str = "# by polliwog ";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// If a file is another version's, what that means.
pub(crate) fn of_other_version(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let other = lines.find_map(|line| line.trim().strip_prefix(VERSION_MARK))?;
    (other != VERSION).then(|| {
        format!(
            "; the file was written by polliwog {other}, and in this one, {VERSION}, a seed may mean another run"
        )
    })
}

/// Reads a file: `seed 7`, then a fault a line; what begins with `#` is for people.
pub(crate) fn parse(text: &str) -> Result<(u64, Vec<Fault>), String> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (_, first) = lines.next().unwrap_or_default();
    let seed = first
        .strip_prefix("seed ")
        .and_then(|seed| seed.parse().ok());
    let seed = seed.ok_or_else(|| format!("the first line is not `seed` and a number: {first}"))?;
    let faults = lines.map(|(number, line): (usize, &str)| {
        let fault = line.parse();
        fault.map_err(|error: super::NoFault| format!("line {number}: {error}"))
    });
    Ok((seed, faults.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_test_and_its_program() {
        let name = "sim::found::tests::the_command_names_the_test_and_its_program";
        let mut test = Test::current();
        // With one thread for all tests nobody tells.
        test.name = Some(name.into());
        let again = test.again();
        let program = env::current_exe().unwrap();
        assert!(
            again.starts_with(&*quoted(&program.to_string_lossy())),
            "{again}"
        );
        assert!(
            again.ends_with(&format!(" --include-ignored --exact {name}")),
            "{again}"
        );
        test.package = Some("pond".into());
        // That of the library has no file in `tests`.
        let anew = |test: &Test| test.anew().unwrap();
        assert!(anew(&test).starts_with("cargo test -p pond --features '<"));
        for target in ["reactor", "sim"] {
            test.program = format!("/target/debug/deps/{target}-0123456789abcdef").into();
            let start = format!("cargo test -p pond --test {target} --features '<");
            assert!(anew(&test).starts_with(&start), "{}", anew(&test));
        }
        assert!(anew(&test).ends_with(&format!(" -- --include-ignored --exact {name}")));
        // A program that is no test is run as it was.
        let (name, arguments) = (None, vec!["a word".into(), "2".into()]);
        let program = "/a pond/frog".into();
        let test = Test {
            name,
            arguments,
            program,
            package: None,
            folder: None,
        };
        assert_eq!(test.again(), "'/a pond/frog' 'a word' 2");
        assert_eq!(test.anew(), None);
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn files_of_different_tests_have_different_names() {
        let name = |package: Option<&str>, program: &str, test: Option<&str>| {
            let test = Test {
                name: test.map(String::from),
                package: package.map(String::from),
                program: program.into(),
                folder: None,
                arguments: Vec::new(),
            };
            test.file_name()
        };
        let program = "/target/debug/deps/linear-00112233445566ff";
        assert_eq!(
            name(Some("kv"), program, Some("tests::one")),
            "kv-linear-tests-one-"
        );
        assert_eq!(name(Some("kv"), program, Some("two")), "kv-linear-two-");
        assert_eq!(name(Some("kv"), "/kv-0123456789abcdef", None), "kv-");
        assert_eq!(name(None, "/a/raft.exe", None), "raft-");
        assert_eq!(name(None, "/a/raft-2", Some("a b/c")), "raft-2-a-b-c-");
        let long = "x".repeat(1000);
        assert!(name(None, "/a", Some(&long)).len() < 200);
    }

    #[test]
    fn files_are_read_again() {
        let text = "# a text\n\nseed 7\n1s for 1ms: crash a\n  2s for 3s: slow 7  \n";
        let (seed, faults) = parse(text).unwrap();
        assert_eq!((seed, faults.len()), (7, 2));
        assert!(parse("").is_err());
        assert!(parse("seed x").is_err());
        let error = parse("# a\n\nseed 7\nsing").unwrap_err();
        assert!(
            error.starts_with("line 4: ") && error.contains("sing"),
            "{error}"
        );
    }

    #[test]
    fn files_tell_their_version() {
        let other = "# a\r\n# by polliwog 0.0.7\r\nseed 7\r\n";
        assert_eq!(parse(other).unwrap().0, 7);
        assert!(
            of_other_version(other)
                .unwrap()
                .contains("by polliwog 0.0.7")
        );
        // As it was before.
        assert_eq!(of_other_version("# a\nseed 7\n"), None);
        assert_eq!(
            of_other_version(&format!("{VERSION_MARK}{VERSION}\nseed 7\n")),
            None
        );
    }
}
