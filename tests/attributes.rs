//! `#[polliwog::main]` and `#[polliwog::test]`.
#![cfg(all(feature = "spin", feature = "std"))]

use std::cell::Cell;
use std::time::Duration;

use polliwog::time::{Instant, sleep};

/// What a program's own `main` would be.
#[polliwog::main]
async fn program() -> Result<u32, std::num::ParseIntError> {
    polliwog::yield_now().await;
    let number = "7".parse::<u32>()?;
    if number == 7 {
        return Ok(number);
    }
    "x".parse()
}

#[test]
fn a_program_runs() {
    assert_eq!(program(), Ok(7));
}

/// What it returns need not be `Send`, and it may spawn on its own thread as on the workers.
#[cfg(feature = "mio")]
#[polliwog::main(workers = 2 + 1)]
async fn program_on_all_cores() -> Result<usize, Box<dyn std::error::Error>> {
    use polliwog::cluster::{self, ClusterHandle, Worker};
    let here = std::rc::Rc::new(std::thread::current().id());
    let also_here = here.clone();
    let local = polliwog::spawn(async move { *also_here == std::thread::current().id() })?;
    assert!(local.await? && Worker::current().is_none());
    let there = cluster::spawn(async {
        let nested = cluster::spawn(async { Worker::current().map(|worker| worker.index()) });
        nested.unwrap().await.unwrap()
    })?;
    let workers = ClusterHandle::current().ok_or("no cluster")?.workers();
    assert!(there.await?.is_some_and(|index| index < workers));
    "x".parse::<usize>().or(Ok(workers))
}

#[cfg(feature = "mio")]
#[test]
fn a_program_on_all_cores_runs() {
    use polliwog::{SpawnErrorKind, cluster};
    assert_eq!(program_on_all_cores().unwrap(), 3);
    let after = cluster::spawn(async {}).unwrap_err();
    assert_eq!(after.kind(), SpawnErrorKind::NoExecutor);
}

mod renamed {
    pub(crate) use ::polliwog as frog;
}

/// Attributes, visibility and generics stay what they are.
#[allow(dead_code)]
#[polliwog::main(crate = renamed::frog)]
pub(crate) async fn other_name() {}

#[polliwog::test]
async fn on_the_reactor_of_the_short_paths() {
    sleep(Duration::ZERO).await;
}

#[polliwog::test(seed = 7, start_paused = true)]
async fn in_virtual_time() -> Result<(), Box<dyn std::error::Error>> {
    let before = now();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(now() - before, Duration::from_secs(3600));
    polliwog::spawn(async {})?.await?;
    Ok(())
}

#[cfg(feature = "mio")]
#[polliwog::test(start_paused = true)]
async fn in_paused_time_on_mio() {
    let before = now();
    sleep(Duration::from_secs(3600)).await;
    assert!(now() - before >= Duration::from_secs(3600));
    polliwog::time::advance(Duration::from_secs(1)).await;
}

#[polliwog::test(start_paused = true)]
#[should_panic(expected = "after a year")]
async fn it_may_panic() {
    sleep(Duration::from_secs(365 * 86_400)).await;
    panic!("after a year");
}

std::thread_local! {
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

#[polliwog::test(seeds = 0..5)]
async fn once_for_each_seed() {
    let run = RUNS.get();
    RUNS.set(run + 1);
    polliwog::yield_now().await;
    assert!(run < 5);
}

fn now() -> Instant {
    polliwog::Spawner::current()
        .and_then(|spawner| spawner.now())
        .expect("an executor runs")
}

/// The same seed, the same choices of `select!`, a thousand times.
#[test]
fn a_seeded_select_repeats() {
    fn trace(seed: u64) -> Vec<u8> {
        polliwog::spin::test(seed, async {
            let mut trace = Vec::new();
            for _ in 0..20 {
                trace.push(polliwog::select! {
                    () = polliwog::yield_now() => 0,
                    () = std::future::ready(()) => 1,
                    () = std::future::ready(()) => 2,
                    () = sleep(Duration::from_nanos(1)) => 3,
                });
            }
            trace
        })
    }
    let first = trace(11);
    for _ in 0..1000 {
        assert_eq!(trace(11), first);
    }
    assert!((12..20).any(|seed| trace(seed) != first));
}
