//! `explore_guided`: what takes several steps.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs, process};

use polliwog_core::time::sleep;
use polliwog_spin::sim::{
    self, Builder, Failure, Fault, FaultKind, Found, Nemesis, REPLAY_VARIABLE, Reason, Report,
    Simulation, Strategy, explore, explore_guided,
};

use crate::{millis, secs};

/// How many faults a run of the ladder has at most.
const FAULTS: u64 = 8;
/// How deep recoveries are nested until something goes wrong.
const LEVELS: u8 = 6;
/// Enough for a guided search: of eleven, each from a seed of its own on, the slowest took 1303 runs, and the median was
/// 716. Uniform ones and those by priorities had found nothing after 4000, none of eleven (`how_many_runs_it_takes`).
const RUNS: u64 = 2000;

/// Three nodes that recover for a third of a second after each start. Who crashes meanwhile has a recovery to recover
/// from the next time, and there is a level of this that nobody has thought of: the same node has to crash that often, each time
/// soon after its start.
fn ladder(builder: Builder) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("node-*")
        .faults(0, FAULTS)
        .within(secs(30))
        .lasting(millis(10), secs(1))
        .crashes()
        .pauses();
    let mut simulation = builder.nemesis(nemesis).build();
    for number in 0..3 {
        simulation.host(&format!("node-{number}"), recover);
    }
    simulation.client("client", sleep(secs(40)));
    simulation.run()
}

async fn recover() {
    let bytes = sim::fs::read("level").await.unwrap_or_default();
    let level = bytes.first().copied().unwrap_or(0);
    assert!(level < LEVELS, "nobody has thought of this");
    sim::state("level", level.into());
    let mut file = sim::fs::File::create("level").await.unwrap();
    file.write_all(&[level + 1]).await.unwrap();
    file.sync_all().await.unwrap();
    sleep(millis(300)).await;
    sim::fs::remove_file("level").await.unwrap();
    sim::state("level", u64::MAX);
    std::future::pending().await
}

fn found(threads: usize) -> (u64, Found) {
    let exploration = explore_guided(0..RUNS, threads, ladder);
    let found = exploration.found.expect("nothing was found");
    (exploration.tried, found)
}

#[test]
fn steps_are_found_one_after_the_other() {
    for start in (0..6).map(|start| start * 100_000) {
        let guided = explore_guided(start..start + RUNS, 2, ladder);
        let found = guided.found.expect("nothing was found");
        assert!(
            found.failure.to_string().contains("nobody has thought"),
            "{found}"
        );
        let uniform = explore(start..start + RUNS, 2, ladder);
        assert!(uniform.found.is_none(), "by chance, from {start} on");
    }
}

/// The numbers of docs/simulation/tests.md.
#[test]
#[ignore = "counts, and asserts nothing: cargo test … -- --ignored --nocapture how_many_runs"]
fn how_many_runs_it_takes() {
    let by = |strategy, seeds| explore(seeds, 0, |builder| ladder(builder.strategy(strategy)));
    for way in ["uniform", "priorities", "guided"] {
        let tried: Vec<Option<u64>> = (0..11)
            .map(|start| {
                let seeds = start * 100_000..start * 100_000 + 4000;
                let exploration = match way {
                    "uniform" => by(Strategy::Uniform, seeds),
                    "priorities" => by(Strategy::of_seed(2), seeds),
                    _ => explore_guided(seeds, 0, ladder),
                };
                exploration.found.map(|_| exploration.tried)
            })
            .collect();
        println!("{way}: {tried:?}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (tried, found_by_one) = found(1);
    let (tried_by_three, found_by_three) = found(3);
    assert_eq!(tried, tried_by_three);
    assert_eq!(found_by_one.schedule(), found_by_three.schedule());
    assert_eq!(found_by_one.to_string(), found_by_three.to_string());
}

#[test]
fn what_was_found_is_short_and_its_schedule_repeats_it() {
    let (_, found) = found(2);
    let is_crash = |fault: &&Fault| matches!(fault.kind, FaultKind::Crash(_));
    let crashes = found.faults.iter().filter(is_crash).count();
    assert_eq!(crashes, usize::from(LEVELS), "{found}");
    let is_pause = |fault: &Fault| matches!(fault.kind, FaultKind::Pause(_));
    assert!(!found.faults.iter().any(is_pause), "{found}");
    // The seed alone does something else, so it is not told to run it.
    assert!(!found.to_string().contains("POLLIWOG_SIM_SEED"), "{found}");
    let strategy = Strategy::of_seed(found.seed);
    let again = Simulation::builder(found.seed).strategy(strategy);
    ladder(again.clone()).unwrap();
    let faults = found.schedule();
    let faults = faults
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    let failure = ladder(again.faults(faults)).unwrap_err();
    assert_eq!(failure.to_string(), found.failure.to_string());
    assert_eq!(failure.run.hash, found.failure.run.hash);
}

/// Alone, it finds nothing; with a file to replay it fails. See below.
#[test]
fn a_single_run() {
    explore_guided(0..1, 1, ladder).unwrap();
}

#[test]
fn a_file_replays_it() {
    let (_, found) = found(2);
    let path = env::temp_dir().join(format!("polliwog-guided-{}.txt", process::id()));
    fs::write(&path, found.schedule()).unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "guided::a_single_run"])
        .env(REPLAY_VARIABLE, &path)
        .output()
        .unwrap();
    fs::remove_file(&path).unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(!child.status.success(), "{text}");
    let command = format!("to repeat it: {REPLAY_VARIABLE}=");
    for part in [&found.failure.to_string(), &command, "guided::a_single_run"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_nemesis_is_never_exceeded() {
    let longest = Mutex::new(0);
    explore_guided(0..500, 2, |builder| {
        let result = ladder(builder);
        let faults = match &result {
            Ok(report) => &report.faults,
            Err(failure) => &failure.run.faults,
        };
        let is_its = |fault: &&Fault| !matches!(fault.kind, FaultKind::Chance(_));
        let count = faults.iter().filter(is_its).count();
        assert!(count <= FAULTS as usize, "{faults:?}");
        assert!(
            faults.iter().all(|fault| fault.at <= secs(30)),
            "{faults:?}"
        );
        assert!(faults.is_sorted_by_key(|fault| fault.at), "{faults:?}");
        let mut longest = longest.lock().unwrap();
        *longest = (faults.len() - count).max(*longest);
        result
    });
    // And yet runs are gone on from that have gone on from others.
    let longest = longest.into_inner().unwrap();
    assert!(longest > 2, "{longest}");
}

#[test]
fn looking_at_a_run_does_not_change_it() {
    let hashes = |guided: bool| {
        let hashes = Mutex::new(BTreeMap::new());
        let test = |builder: Builder| {
            let seed = builder.seed();
            let result = ladder(builder);
            let hash = result.as_ref().map_or(0, |report| report.hash);
            hashes.lock().unwrap().insert(seed, hash);
            result
        };
        // Until they have been seen, runs are those of the seeds.
        match guided {
            true => explore_guided(0..64, 2, test),
            false => explore(0..64, 2, test),
        };
        hashes.into_inner().unwrap()
    };
    let plain = hashes(false);
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, hashes(true));
}

#[test]
fn another_chance_is_another_run_from_then_on() {
    let trace = |faults: &[&str]| {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        let mut simulation = Simulation::builder(7)
            .trace(usize::MAX)
            .faults(faults)
            .build();
        simulation.client("client", async {
            for _ in 0..100 {
                sleep(millis(sim::random() % 100)).await;
            }
        });
        simulation.run().unwrap().trace
    };
    let plain = trace(&[]);
    let other = trace(&["1s for 0ns: chance 8"]);
    let another = trace(&["1s for 0ns: chance 9"]);
    let before: Vec<_> = plain.iter().filter(|event| event.at < secs(1)).collect();
    assert!(before.len() > 10);
    for trace in [&other, &another] {
        assert!(trace.iter().zip(&before).all(|(one, other)| one == *other));
    }
    assert_ne!(plain.last(), other.last());
    assert_ne!(other.last(), another.last());
}

/// A test that looks at what came of a run, with a simulation that is dropped before.
#[test]
fn faults_are_made_fewer_where_the_test_itself_fails() {
    let test = |builder: Builder| {
        let nemesis = Nemesis::new("node")
            .faults(3, 6)
            .within(secs(10))
            .crashes()
            .pauses();
        let mut simulation = builder.nemesis(nemesis).build();
        simulation.host("node", std::future::pending::<()>);
        simulation.client("client", sleep(secs(20)));
        let report = simulation.run()?;
        drop(simulation);
        let is_crash = |fault: &Fault| matches!(fault.kind, FaultKind::Crash(_));
        assert!(!report.faults.iter().any(is_crash), "there was a crash");
        Ok(report)
    };
    for found in [
        explore(0..100, 1, test).found,
        explore_guided(0..100, 1, test).found,
    ] {
        let found = found.unwrap();
        assert_eq!(
            found.failure.reason,
            Reason::Test("there was a crash".into())
        );
        assert_eq!(found.faults.len(), 1, "{found}");
        assert!(found.original >= 3, "{found}");
    }
}
