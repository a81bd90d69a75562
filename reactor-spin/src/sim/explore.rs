//! [`explore`]: many seeds, and the shortest story of the first that fails.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::ops::Range;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io::{IsTerminal, Write};
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use std::{env, fs, thread};

use super::builder::Builder;
use super::failure::{Failure, Reason, Report, panic_text};
use super::fault::Fault;
use super::schedule::Strategy;
use super::trace::{TraceEvent, What};

/// The environment variable that makes [`explore`] run one seed only.
pub const SEED_VARIABLE: &str = "POLLIWOG_SIM_SEED";

/// The environment variable that makes [`explore`] run a file that it has written.
pub const REPLAY_VARIABLE: &str = "POLLIWOG_SIM_REPLAY";

/// How often a failing run is run again at most, to find a shorter one.
const ATTEMPTS: usize = 200;

/// How many events of the trace a story is made of.
const STORY: usize = 1 << 20;

/// Runs a test with each of the seeds, on so many threads (zero: as many as there are processors), until one fails;
/// then with fewer, shorter and earlier faults, until none can be left out, and tells the story.
///
/// `test` makes a simulation with the builder, whose seed, faults and strategy are set, and runs it. Each third
/// seed is run by [`Strategy::Priorities`]. What the test panics with is its failure, too.
///
/// On a terminal a search that takes longer than a second tells how far it has come.
///
/// In a test of `cargo test`, [`unwrap`](Exploration::unwrap) prints the story, and the command that
/// repeats the failure of this test alone: [`SEED_VARIABLE`] or [`REPLAY_VARIABLE`] set, `explore` runs that seed or file only.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::UdpSocket;
/// use polliwog::sim::{self, Nemesis, Reason};
/// use polliwog::time::timeout;
/// use std::time::Duration;
///
/// // Whoever sends one datagram and trusts that it arrives is wrong.
/// let exploration = sim::explore(0..100, 2, |builder| {
///     let nemesis = Nemesis::new("*").faults(1, 3).within(Duration::from_millis(10)).losses();
///     let mut simulation = builder.nemesis(nemesis).build();
///     simulation.host("server", || async {
///         let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
///         let (_, from) = socket.recv_from(&mut [0; 10]).await.unwrap();
///         socket.send_to(b"pong", from).await.unwrap();
///     });
///     simulation.client("client", async {
///         let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
///         socket.send_to(b"ping", "server:7").await.unwrap();
///         timeout(Duration::from_secs(1), socket.recv(&mut [0; 10])).await.expect("no answer").unwrap();
///     });
///     simulation.run()
/// });
/// let found = exploration.found.unwrap();
/// assert!(matches!(&found.failure.reason, Reason::Panic(text) if text.contains("no answer")));
/// assert_eq!(found.faults.len(), 1);
/// assert!(found.to_string().contains("loss"));
/// ```
pub fn explore<F>(seeds: Range<u64>, parallelism: usize, test: F) -> Exploration
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    if let Some(path) = env::var_os(REPLAY_VARIABLE) {
        return replay(&PathBuf::from(path), &test);
    }
    let (start, count) = match env::var(SEED_VARIABLE) {
        Err(_) => (seeds.start, seeds.end.saturating_sub(seeds.start)),
        Ok(text) => match text.trim().parse() {
            Ok(seed) => (seed, 1),
            Err(error) => panic!("{SEED_VARIABLE}={text}: {error}"),
        },
    };
    let threads = match parallelism {
        0 => thread::available_parallelism().map_or(1, usize::from),
        some => some,
    };
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let first: Mutex<Option<u64>> = Mutex::new(None);
    let work = |progress: Option<&Progress>| {
        while !stop.load(Ordering::Relaxed) {
            let (begun, taken) = (Ordering::Relaxed, Ordering::Relaxed);
            let number = next.fetch_update(begun, taken, |next| (next < count).then_some(next + 1));
            let Ok(number) = number else { return };
            let seed = start + number;
            if let Some(progress) = progress {
                progress.tell(number);
            }
            if attempt(&test, Builder::of_seed(seed)).is_err() {
                stop.store(true, Ordering::Relaxed);
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                *first = Some(first.map_or(seed, |other| other.min(seed)));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work(None));
        }
        work(Some(&Progress::new(count)));
    });
    let first = first.into_inner().unwrap_or_else(PoisonError::into_inner);
    let tried = next.load(Ordering::Relaxed);
    let found = first.and_then(|seed| shrink(&test, seed, None));
    Exploration { tried, found }
}

impl Builder {
    /// One for a seed among many.
    fn of_seed(seed: u64) -> Self {
        Builder::new(seed).strategy(Strategy::of_seed(seed))
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

/// Tells on a terminal how far a long search has come.
struct Progress {
    started: Instant,
    told: Cell<Option<Instant>>,
    all: u64,
}

impl Progress {
    fn new(all: u64) -> Self {
        Self {
            started: Instant::now(),
            told: Cell::new(None),
            all,
        }
    }

    /// At most twice a second, and not in the first one.
    fn tell(&self, tried: u64) {
        let now = Instant::now();
        let last = self.told.get().unwrap_or(self.started);
        if now - last < Duration::from_millis(500) || now - self.started < Duration::from_secs(1) {
            return;
        }
        self.told.set(Some(now));
        let line = bar(tried, self.all, now - self.started);
        // Not by a macro, whose output tests keep to themselves; and of no matter if it fails.
        let mut terminal = std::io::stderr();
        if terminal.is_terminal() {
            let _ = write!(terminal, "\r{line}\x1b[K").and_then(|()| terminal.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told.get().is_some() && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// How far it has come, and how long it will take.
fn bar(tried: u64, all: u64, passed: Duration) -> String {
    const WIDTH: u128 = 30;
    let (tried, all) = (u128::from(tried), u128::from(all.max(1)));
    let done = (WIDTH * tried / all).min(WIDTH) as usize;
    let rate = tried * 1000 / passed.as_millis().max(1);
    let left = all.saturating_sub(tried) / rate.max(1);
    format!(
        "[{}{}] {tried} of {all} seeds, {rate}/s, {left} s left",
        "#".repeat(done),
        ".".repeat(WIDTH as usize - done)
    )
}

/// Runs a test once; a panic of its own is a failure.
fn attempt<F>(test: &F, builder: Builder) -> Result<Report, Failure>
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    let seed = builder.seed();
    let run = || catch_unwind(AssertUnwindSafe(|| test(builder)));
    match super::system::isolated(seed, run) {
        Ok(result) => result,
        Err(panic) => {
            let reason = Reason::Test(panic_text(&*panic));
            Err(Failure {
                seed,
                host: None,
                reason,
                at: Duration::ZERO,
                run: Box::default(),
            })
        }
    }
}

/// Whether two failures are of the same kind, so that one may stand for the other: the same host says the same, numbers
/// aside.
fn is_same(one: &Failure, other: &Failure) -> bool {
    let without_digits = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "");
    let first_line = |failure: &Failure| match &failure.reason {
        Reason::Error(text) | Reason::Panic(text) | Reason::Executor(text) | Reason::Test(text) => {
            without_digits(text.lines().next().unwrap_or_default())
        }
        // Others that wait are another failure.
        Reason::Stalled(waiting) | Reason::TimeLimit(waiting) => waiting.join(" "),
        _ => String::new(),
    };
    core::mem::discriminant(&one.reason) == core::mem::discriminant(&other.reason)
        && one.host == other.host
        && first_line(one) == first_line(other)
}

/// Looks for the fewest, shortest and earliest faults with which a seed still fails in the same way.
fn shrink<F>(test: &F, seed: u64, given: Option<Vec<Fault>>) -> Option<Found>
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    let run = |faults: Option<Vec<Fault>>| {
        let mut builder = Builder::of_seed(seed);
        if let Some(faults) = faults {
            builder = builder.faults_only(faults);
        }
        attempt(test, builder)
    };
    let failure = run(given).err()?;
    let mut faults = failure.run.faults.clone();
    let original = faults.len();
    let mut attempts = 0;
    // When it fails with these faults, if it does so in the same way.
    let mut fails_at = |faults: &[Fault]| {
        attempts += 1;
        if attempts > ATTEMPTS {
            return None;
        }
        let other = run(Some(faults.to_vec())).err()?;
        is_same(&failure, &other).then_some(other.at)
    };
    let mut ends = failure.at;
    // Halves first, then quarters, and at last one by one.
    let mut size = faults.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < faults.len() {
            let mut fewer = faults.clone();
            fewer.drain(at..(at + size).min(faults.len()));
            if let Some(at) = fails_at(&fewer) {
                (faults, ends) = (fewer, at);
            } else {
                at += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    // Earlier, each with those that follow it: less happens before the failure. Before they are made
    // shorter: a short one needs its exact time.
    for first in 0..faults.len() {
        let before = first
            .checked_sub(1)
            .map_or(Duration::ZERO, |it| faults[it].at);
        let mut step = faults[first].at.saturating_sub(before);
        while step >= Duration::from_millis(2) {
            step = Duration::from_millis((step.as_millis() / 2) as u64);
            let mut earlier = faults.clone();
            for fault in &mut earlier[first..] {
                fault.at = fault.at.saturating_sub(step);
            }
            if let Some(at) = fails_at(&earlier).filter(|at| *at < ends) {
                (faults, ends) = (earlier, at);
                step = faults[first].at.saturating_sub(before);
            }
        }
    }
    for at in 0..faults.len() {
        while faults[at].lasts > Duration::from_millis(1) {
            let mut shorter = faults.clone();
            shorter[at].lasts = Duration::from_millis((shorter[at].lasts.as_millis() / 2) as u64);
            if fails_at(&shorter).is_none() {
                break;
            }
            faults = shorter;
        }
    }
    // Once more, for the story.
    let builder = Builder::of_seed(seed)
        .faults_only(faults.clone())
        .capture()
        .trace(STORY);
    let failure = attempt(test, builder).err().unwrap_or(failure);
    Some(Found {
        seed,
        failure,
        faults,
        original,
        command: command(),
    })
}

fn replay<F>(path: &PathBuf, test: &F) -> Exploration
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{REPLAY_VARIABLE}={}: {error}", path.display()),
    };
    let (seed, faults) = match parse(&text) {
        Ok(schedule) => schedule,
        Err(error) => panic!("{REPLAY_VARIABLE}={}: {error}", path.display()),
    };
    let builder = Builder::of_seed(seed)
        .faults_only(faults.clone())
        .capture()
        .trace(STORY);
    let found = attempt(test, builder).err().map(|failure| Found {
        seed,
        failure,
        original: faults.len(),
        faults,
        command: command(),
    });
    Exploration { tried: 1, found }
}

/// Reads a file: `seed 7`, then a fault a line; what begins with `#` is for people.
fn parse(text: &str) -> Result<(u64, Vec<Fault>), String> {
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

/// What has come of [`explore`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Exploration {
    /// How many seeds were run.
    pub tried: u64,
    /// The first that failed, if one did.
    pub found: Option<Found>,
}

impl Exploration {
    /// Ends a test: with a panic, if a seed failed, whose text is the story and the command that repeats it. The file
    /// that replays it is written into the folder for temporary files.
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
        if fs::write(&path, found.schedule()).is_ok() {
            text += &format!(
                "or with fewer faults: {REPLAY_VARIABLE}={} {}\n",
                path.display(),
                found.command
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

/// A seed that fails, with the fewest faults that were found to do.
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
    /// The command that runs the test again, without the variables that choose the seed.
    command: String,
}

impl Found {
    /// The text of a file that replays the failure: see [`REPLAY_VARIABLE`].
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
        writeln!(
            f,
            "{} of {} faults are needed:",
            self.faults.len(),
            self.original
        )?;
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        writeln!(f, "the story (starts, ends, faults and notes):")?;
        let story: Vec<_> = self.story().collect();
        let left_out = story.len().saturating_sub(60);
        if left_out > 0 {
            writeln!(f, "  ({left_out} events before)")?;
        }
        for event in &story[left_out..] {
            writeln!(f, "  {event}")?;
        }
        writeln!(
            f,
            "to repeat it: {SEED_VARIABLE}={} {}",
            self.seed, self.command
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told() {
        let line = bar(250, 1000, Duration::from_secs(5));
        assert_eq!(
            line,
            "[#######.......................] 250 of 1000 seeds, 50/s, 15 s left"
        );
        for (tried, all) in [(0, 0), (5, 3), (u64::MAX, u64::MAX)] {
            assert!(bar(tried, all, Duration::ZERO).contains("seeds"));
        }
    }

    #[test]
    fn the_command_names_the_test() {
        let command = command();
        assert!(
            command.ends_with("-- --exact sim::explore::tests::the_command_names_the_test"),
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
