//! [`explore`] and [`explore_guided`]: many runs, and the shortest story of the first that fails.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use std::{fs, thread};

use super::builder::Builder;
use super::check::differ;
use super::environment::{REPLAY_VARIABLE, SEED_VARIABLE, environment};
use super::failure::{Failure, Reason, Report, panic_text};
use super::fault::Fault;
use super::footprint::{NOT_RUN, Probe};
use super::found::{Exploration, Found, of_other_version, parse};
use super::guide::{Candidate, Guide};
use super::late::{Late, say};
use super::panics::quietly;
use super::progress::Progress;
use super::schedule::Strategy;
use super::shrink::shrink;

/// How many events of the trace a story is made of.
const STORY: usize = 1 << 20;

/// So many runs know of one another only when all of them are over: a number of its own, so that a search is the
/// same with any number of threads.
const BATCH: u64 = 64;

/// Runs a test with each of the seeds, on so many threads (zero: as many as there are processors), until one fails;
/// then with fewer, shorter and earlier faults, until none can be left out, and tells the story.
///
/// `test` makes a simulation with the builder, whose seed, faults and strategy are set, and runs it. Each third
/// seed is run by [`Strategy::Priorities`]. What the test panics with is its failure, too; and so it is if the test runs
/// no simulation that was made by the builder.
///
/// A failure that does not happen again with the same seed and faults is found all the same, and told as such
/// ([`Found::repeats`]): something asks the system for time or chance.
///
/// Panics of the first run that fails are printed as usual, each with the seed of its run, those of the runs after it are not. For that the first
/// search of a process puts a [hook](std::panic::set_hook) before the one that is there.
///
/// On a terminal a search that takes longer than a second tells how far it has come. One that lasts tells a failure at once, before
/// it looks for fewer faults. There are never more threads than runs.
///
/// Faults that come after the end of their runs test nothing: [`Exploration::missed`] counts them, `unwrap` tells on the standard
/// error if they are most, and if they are all it fails.
///
/// In a test of `cargo test`, [`unwrap`](Exploration::unwrap) prints the story, and the command that
/// repeats the failure of this test alone: [`SEED_VARIABLE`] or [`REPLAY_VARIABLE`] set, `explore` runs that seed or file only.
/// Further variables set how many seeds there are ([`COUNT_VARIABLE`](super::COUNT_VARIABLE)), on how many threads
/// ([`THREADS_VARIABLE`](super::THREADS_VARIABLE)), and whether each runs twice ([`CHECK_VARIABLE`](super::CHECK_VARIABLE)).
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
///
/// # Panics
///
/// If a variable of the environment whose name begins with `POLLIWOG_SIM_` has no value that it can have.
#[track_caller]
pub fn explore<F>(seeds: Range<u64>, parallelism: usize, test: F) -> Exploration
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    if let Some(exploration) = asked_for(&test) {
        return exploration;
    }
    let started = Instant::now();
    let seeds = environment().seeds(seeds);
    let (start, count) = (seeds.start, seeds.end.saturating_sub(seeds.start));
    let quiet = Quiet::default();
    let late = Mutex::new(Late::default());
    let fails = |number| {
        let (builder, probe) = (Builder::of_seed(start + number), Probe::default());
        let failed = checked(&test, builder, &probe, &quiet);
        let mut late = late.lock().unwrap_or_else(PoisonError::into_inner);
        *late = late.and(probe.late());
        failed
    };
    let progress = Progress::new(count);
    let failed = each(threads(parallelism), 0..count, &progress, &quiet, fails);
    match failed {
        None => Exploration::nothing(
            count,
            late.into_inner().unwrap_or_else(PoisonError::into_inner),
        ),
        Some((number, failure)) => {
            let found = shrink(&test, start + number, failure, true, started);
            Exploration::found(number + 1, found)
        }
    }
}

/// Runs a test as many times as there are seeds, as [`explore`] does, but lets what the runs show decide about the next
/// ones: most of them go back to a moment of a former run at which something rare was seen, and on from there with other
/// faults and another chance.
///
/// It looks for what takes several steps, each of which is only possible after the one before. A seed alone makes all of
/// them by chance, or not; here a run that has come a step further is where others begin. What one step can be reached
/// from at any time [`explore`] finds as soon.
///
/// What is rare is known from the order of events on hosts, from faults and what they strike, and from what programs say
/// by [`state`](super::state), which helps the most. The faults are those of the test's [`Nemesis`](super::Nemesis), not more and
/// not later than it says. What comes of it does not depend on the number of threads.
///
/// A failure is not that of a seed, but of a schedule, with [`FaultKind::Chance`](super::FaultKind::Chance) among its faults, which
/// [`Found::schedule`](super::Found::schedule) writes and [`REPLAY_VARIABLE`] reads.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Nemesis};
/// use polliwog::time::sleep;
/// use std::cell::Cell;
/// use std::time::Duration;
///
/// // A node that is killed again and again in the first tenth of a second after its start.
/// let exploration = sim::explore_guided(0..1000, 2, |builder| {
///     let nemesis = Nemesis::new("node")
///         .faults(0, 5)
///         .within(Duration::from_secs(10))
///         .lasting(Duration::from_millis(1), Duration::from_millis(50))
///         .kills();
///     let mut simulation = builder.nemesis(nemesis).build();
///     let early = Cell::new(0);
///     simulation.host("node", move || {
///         early.set(early.get() + 1);
///         let times = early.get();
///         assert!(times < 4, "it gives up");
///         sim::state("early deaths", times);
///         let early = early.clone();
///         async move {
///             sleep(Duration::from_millis(100)).await;
///             early.set(0);
///             std::future::pending::<()>().await
///         }
///     });
///     simulation.client("client", sleep(Duration::from_secs(15)));
///     simulation.run()
/// });
/// let found = exploration.found.unwrap();
/// assert!(found.failure.to_string().contains("it gives up"));
/// ```
///
/// # Panics
///
/// If a variable of the environment whose name begins with `POLLIWOG_SIM_` has no value that it can have.
#[track_caller]
pub fn explore_guided<F>(seeds: Range<u64>, parallelism: usize, test: F) -> Exploration
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    if let Some(exploration) = asked_for(&test) {
        return exploration;
    }
    let started = Instant::now();
    let seeds = environment().seeds(seeds);
    let (start, count) = (seeds.start, seeds.end.saturating_sub(seeds.start));
    let progress = Progress::new(count);
    let mut guide = Guide::new(start);
    let quiet = Quiet::default();
    let mut late = Late::default();
    let mut next = 0;
    while next < count {
        let numbers = next..count.min(next + BATCH);
        let candidates = guide.candidates(numbers.clone().map(|number| start + number));
        let probes: Vec<Probe> = candidates.iter().map(|_| Probe::of_features()).collect();
        let fails = |number: u64| {
            let at = (number - next) as usize;
            let Candidate { seed, branch } = &candidates[at];
            let builder = Builder::of_seed(*seed).branch(branch.clone());
            checked(&test, builder, &probes[at], &quiet)
        };
        let threads = threads(parallelism);
        let failed = each(threads, numbers.clone(), &progress, &quiet, fails);
        if let Some((number, failure)) = failed {
            let Candidate { seed, branch } = &candidates[(number - next) as usize];
            let found = shrink(&test, *seed, failure, branch.is_none(), started);
            return Exploration::found(number + 1, found);
        }
        for (candidate, probe) in candidates.iter().zip(&probes) {
            late = late.and(probe.late());
            guide.learn(candidate.seed, probe.take());
        }
        next = numbers.end;
    }
    Exploration::nothing(count, late)
}

/// What the environment asks for in the place of a search: a seed, or a file.
#[track_caller]
fn asked_for<F>(test: &F) -> Option<Exploration>
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    if let Some(path) = &environment().replay {
        return Some(replay(path, test));
    }
    let seed = environment().seed()?;
    let started = Instant::now();
    let (quiet, probe) = (Quiet::default(), Probe::default());
    let failed = checked(test, Builder::of_seed(seed), &probe, &quiet);
    Some(match failed {
        None => {
            tell_that_nothing_failed(SEED_VARIABLE, &seed.to_string(), "");
            Exploration::asked_for(probe.late())
        }
        Some(failure) => Exploration::found(1, shrink(test, seed, failure, true, started)),
    })
}

/// Whoever asks for a run wants to know that it has been, which a test that passes does not tell.
fn tell_that_nothing_failed(variable: &str, value: &str, why: &str) {
    say(&format!("{variable}={value}: that run has not failed{why}"));
}

#[track_caller]
fn threads(parallelism: usize) -> usize {
    match environment().threads.unwrap_or(parallelism) {
        0 => thread::available_parallelism().map_or(1, usize::from),
        some => some,
    }
}

/// Whether panics of runs are printed no longer: since one has failed.
pub(crate) type Quiet = Arc<AtomicBool>;

/// Calls `fails` with numbers on so many threads, until one fails: with all those before it. Returns the first that
/// does, and how. From the first failure on it is quiet.
fn each(
    threads: usize,
    numbers: Range<u64>,
    progress: &Progress,
    quiet: &Quiet,
    fails: impl Fn(u64) -> Option<Failure> + Sync,
) -> Option<(u64, Failure)> {
    let next = AtomicU64::new(numbers.start);
    let failed: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
    let work = |progress: Option<&Progress>| {
        while !quiet.load(Ordering::Relaxed) {
            let (begun, taken) = (Ordering::Relaxed, Ordering::Relaxed);
            let number = next.fetch_update(begun, taken, |next| {
                (next < numbers.end).then_some(next + 1)
            });
            let Ok(number) = number else { return };
            if let Some(progress) = progress {
                progress.tell(number);
            }
            if let Some(failure) = fails(number) {
                quiet.store(true, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                    *failed = Some((number, failure));
                }
            }
        }
    };
    // A thread without a run is of no use.
    let runs = usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX);
    let this = thread::current();
    thread::scope(|scope| {
        for _ in 1..threads.min(runs) {
            // Named as the test: panics tell it.
            let mut thread = thread::Builder::new();
            if let Some(name) = this.name() {
                thread = thread.name(name.into());
            }
            // With those that there are, if the system has no more.
            if thread.spawn_scoped(scope, || work(None)).is_err() {
                break;
            }
        }
        work(Some(progress));
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Builder {
    /// One for a seed among many.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Builder::new(seed).strategy(Strategy::of_seed(seed))
    }
}

/// Runs a test once; a panic of its own is a failure.
pub(crate) fn attempt<F>(
    test: &F,
    builder: Builder,
    probe: &Probe,
    quiet: &Quiet,
) -> Result<Report, Failure>
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    let seed = builder.seed();
    let builder = builder.probe(probe.clone());
    let run = || {
        quietly(quiet, seed, || {
            catch_unwind(AssertUnwindSafe(|| test(builder)))
        })
    };
    let text = match super::system::isolated(seed, run) {
        Ok(Ok(_)) if !probe.with(|probed| probed.ran) => NOT_RUN.into(),
        Ok(result) => return result,
        Err(panic) => panic_text(&*panic),
    };
    let run = probe.with(|probed| Report {
        faults: probed.faults.clone(),
        ..probed.report.take().unwrap_or_default()
    });
    Err(Failure {
        seed,
        host: None,
        reason: Reason::Test(text),
        at: run.elapsed,
        run: Box::new(run),
    })
}

/// Runs a test once or, if the environment asks for that, twice: then it fails if the runs differ, too.
fn checked<F>(test: &F, builder: Builder, probe: &Probe, quiet: &Quiet) -> Option<Failure>
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    let first = match attempt(test, builder.clone(), probe, quiet) {
        Ok(report) if environment().check => report,
        result => return result.err(),
    };
    let second = match attempt(test, builder.clone(), &Probe::default(), quiet) {
        Ok(report) => report,
        Err(failure) => return Some(failure),
    };
    if first.hash == second.hash {
        return None;
    }
    // Only now are events kept. Such a test may as well fail this time.
    let seed = builder.seed();
    let difference = quietly(quiet, seed, || {
        catch_unwind(AssertUnwindSafe(|| differ(builder, test)))
    });
    let how = match difference {
        Ok(Some(difference)) => format!(": {difference}"),
        _ => String::new(),
    };
    Some(Failure {
        seed,
        host: None,
        reason: Reason::Test(format!("two runs of that seed are not the same{how}")),
        at: second.elapsed,
        run: Box::new(second),
    })
}

/// A run with these faults, whose story is told.
pub(crate) fn tell<F>(
    test: &F,
    seed: u64,
    faults: &[Fault],
    (probe, quiet): (&Probe, &Quiet),
) -> Option<Failure>
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    let builder = Builder::of_seed(seed).faults_only(faults.to_vec());
    let builder = builder.capture().trace(STORY);
    attempt(test, builder, probe, quiet).err()
}

#[track_caller]
fn replay<F>(path: &Path, test: &F) -> Exploration
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{REPLAY_VARIABLE}={}: {error}", path.display()),
    };
    let other = of_other_version(&text).unwrap_or_default();
    let (seed, faults) = match parse(&text) {
        Ok(schedule) => schedule,
        Err(error) => panic!("{REPLAY_VARIABLE}={}: {error}{other}", path.display()),
    };
    let probe = Probe::of_story();
    match tell(test, seed, &faults, (&probe, &Quiet::default())) {
        None => {
            tell_that_nothing_failed(REPLAY_VARIABLE, &path.display().to_string(), &other);
            Exploration::asked_for(probe.late())
        }
        Some(failure) => Exploration::found(1, Found::new(seed, failure, faults)),
    }
}
