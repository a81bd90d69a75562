//! How a failure gets a shorter story: fewer, shorter and earlier faults.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::io::Write;
use std::time::Instant;

use super::builder::Builder;
use super::explore::{Quiet, attempt, tell};
use super::failure::{Failure, Reason, Report};
use super::fault::Fault;
use super::footprint::Probe;
use super::found::Found;

/// How often a failing run is run again at most, to find a shorter one.
const ATTEMPTS: usize = 200;

/// How long nobody is told that there is a failure, in real time.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// Looks for the fewest, shortest and earliest faults with which a seed still fails in the same way as it has done: of
/// its own, if it is `by_seed`, else of those that were given in that run.
///
/// If the search, which has `started` then, lasts, it tells at once what it has found: whoever ends it would have to search
/// again.
pub(crate) fn shrink<F>(
    test: &F,
    seed: u64,
    first: Failure,
    by_seed: bool,
    started: Instant,
) -> Found
where
    F: Fn(Builder) -> Result<Report, Failure> + Sync,
{
    // Who has seen one panic has seen them all.
    let quiet = Quiet::new(AtomicBool::new(true));
    let given = first.run.faults.clone();
    let found = |failure: Failure, faults: Vec<Fault>| {
        let mut found = Found::new(seed, failure, faults);
        (found.original, found.by_seed) = (given.len(), by_seed);
        found
    };
    let not_again = |first: Failure| {
        let mut found = found(first, given.clone());
        found.repeats = false;
        found
    };
    let told = Cell::new(false);
    let run = |faults: Option<Vec<Fault>>| {
        if started.elapsed() > PATIENCE && !told.replace(true) {
            let known = found(first.clone(), given.clone());
            // Not by a macro, whose output tests keep to themselves; and of no matter if it fails.
            let _ = std::io::stderr().write_all(known.in_short().as_bytes());
        }
        let mut builder = Builder::of_seed(seed);
        if let Some(faults) = faults {
            builder = builder.faults_only(faults);
        }
        attempt(test, builder, &Probe::default(), &quiet)
    };
    let again = run((!by_seed).then(|| given.clone()));
    let Err(failure) = again else {
        return not_again(first);
    };
    let mut faults = failure.run.faults.clone();
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
    let Some(failure) = tell(test, seed, &faults, (&Probe::of_story(), &quiet)) else {
        return not_again(first);
    };
    let mut found = found(failure, faults);
    found.shrunk = true;
    found
}
