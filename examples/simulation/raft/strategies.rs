//! How many runs each way to search takes to find each of the mistakes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use polliwog::sim::{self, Builder, Failure, Report, Strategy};

use super::cluster;
use super::node::Bug;

/// How many searches a median is of, each from a seed of its own on.
const STARTS: usize = 11;
/// How far apart they begin: more than a search takes.
const APART: u64 = 1_000_000;
const WAYS: [&str; 3] = ["uniform", "priorities", "guided"];

/// After how many runs a search from some seed on finds the mistake, if it does so within `limit`.
fn search(way: &str, start: u64, limit: u64, bug: Bug) -> Option<u64> {
    let seeds = start..start + limit;
    // That is all: a failure is not made shorter, since nothing fails any more.
    let is_found = AtomicBool::new(false);
    let run = |builder: Builder| -> Result<Report, Failure> {
        if is_found.load(Ordering::Relaxed) {
            return Ok(Report::default());
        }
        let result = cluster::run(builder, Some(bug));
        is_found.store(result.is_err(), Ordering::Relaxed);
        result
    };
    let by = |strategy| sim::explore(seeds.clone(), 1, |builder| run(builder.strategy(strategy)));
    let exploration = match way {
        "uniform" => by(Strategy::Uniform),
        "priorities" => by(Strategy::of_seed(2)),
        _ => sim::explore_guided(seeds.clone(), 1, run),
    };
    is_found.into_inner().then_some(exploration.tried)
}

/// Searches from all starts, on all processors.
fn searches(way: &str, limit: u64, bug: Bug) -> Vec<Option<u64>> {
    let next = AtomicUsize::new(0);
    let runs = Mutex::new(vec![None; STARTS]);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let number @ 0..STARTS = next.fetch_add(1, Ordering::Relaxed) {
                    let found = search(way, number as u64 * APART, limit, bug);
                    runs.lock().unwrap()[number] = found;
                }
            });
        }
    });
    runs.into_inner().unwrap()
}

/// Prints a table: for each mistake, or for the one with this name, and for each way to search the median, the best and the
/// worst number of runs.
pub(crate) fn compare(limit: Option<String>, name: Option<String>) {
    let limit = limit.map_or(2000, |limit| limit.parse().expect("a number of runs"));
    println!("| mistake | search | median | best | worst | found within {limit} runs |");
    println!("|---|---|--:|--:|--:|--:|");
    for bug in Bug::ALL {
        if name
            .as_ref()
            .is_some_and(|name| *name != format!("{bug:?}"))
        {
            continue;
        }
        for way in WAYS {
            let mut runs = searches(way, limit, bug);
            // What was not found is the worst.
            runs.sort_unstable_by_key(|found| found.unwrap_or(u64::MAX));
            let found = runs.iter().flatten().count();
            let [median, best, worst] = [STARTS / 2, 0, STARTS - 1]
                .map(|at| runs[at].map_or("–".to_string(), |runs| runs.to_string()));
            println!("| {bug:?} | {way} | {median} | {best} | {worst} | {found} of {STARTS} |");
        }
    }
}
