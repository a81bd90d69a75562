//! Searches of tests that do what no test should.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{mem, thread};

use polliwog_core::time::sleep;
use polliwog_spin::net::UdpSocket;
use polliwog_spin::sim::{
    self, Builder, Exploration, Failure, Fault, Nemesis, REPLAY_VARIABLE, Reason, Report,
    Simulation, explore, explore_guided,
};

use crate::environment::{File, child, is_child};
use crate::{millis, secs};

type Test<'a> = &'a (dyn Fn(Builder) -> Result<Report, Failure> + Sync);

fn both(seeds: std::ops::Range<u64>, threads: usize, test: Test<'_>) -> [Exploration; 2] {
    [
        explore(seeds.clone(), threads, test),
        explore_guided(seeds, threads, test),
    ]
}

fn quick(builder: Builder) -> Result<Report, Failure> {
    let mut simulation = builder.build();
    simulation.client("frog", async { sleep(millis(1)).await });
    simulation.run()
}

#[test]
fn there_are_no_more_threads_than_runs() {
    let threads = Mutex::new(BTreeSet::new());
    let test = |builder: Builder| {
        let id = format!("{:?}", thread::current().id());
        threads.lock().unwrap().insert(id);
        quick(builder)
    };
    for exploration in both(0..3, usize::MAX, &test) {
        assert_eq!(exploration.tried, 3);
        assert!(exploration.found.is_none());
    }
    // In two searches.
    let threads = threads.into_inner().unwrap();
    assert!(threads.len() <= 2 * 3, "{threads:?}");
}

#[test]
fn seeds_may_be_the_last_ones_and_ranges_turned_around() {
    for exploration in both(u64::MAX - 2..u64::MAX, 8, &quick) {
        assert!(exploration.tried == 2 && exploration.found.is_none());
    }
    let seeds = (7, 3);
    for exploration in both(seeds.0..seeds.1, 8, &quick) {
        assert!(exploration.tried == 0 && exploration.found.is_none());
    }
    let test = |builder: Builder| {
        assert!(builder.seed() < u64::MAX - 1, "no pond");
        quick(builder)
    };
    let [found, _] = both(u64::MAX - 2..u64::MAX, 1, &test).map(|it| it.found.unwrap());
    assert_eq!(found.seed, u64::MAX - 1);
}

#[test]
fn a_test_may_fail_before_there_is_a_simulation() {
    let test = |_: Builder| -> Result<Report, Failure> { panic!("no pond") };
    for exploration in both(5..9, 2, &test) {
        let found = exploration.found.unwrap();
        assert_eq!(found.failure.reason, Reason::Test("no pond".into()));
        assert!(found.seed == 5 && found.repeats);
    }
}

#[test]
fn a_simulation_may_be_leaked() {
    let test = |builder: Builder| {
        let mut simulation = builder.build();
        simulation.host("node", pending::<()>);
        simulation.client("frog", sleep(millis(1)));
        let report = simulation.run();
        mem::forget(simulation);
        report
    };
    for exploration in both(0..20, 2, &test) {
        exploration.unwrap();
    }
}

#[test]
fn searches_may_run_beside_and_within_one_another() {
    let runs = AtomicU64::new(0);
    let test = |builder: Builder| {
        let mut simulation = builder.build();
        let inner = |builder: Builder| {
            runs.fetch_add(1, Ordering::Relaxed);
            quick(builder)
        };
        let tried = Cell::new(0);
        // On a host of the one before, and beside it.
        simulation.client("frog", async move {
            sleep(millis(1)).await;
            let name = sim::host_name();
            explore(0..2, 1, quick).unwrap();
            assert_eq!(sim::host_name(), name);
            sleep(millis(1)).await;
        });
        tried.set(explore(0..3, 2, inner).tried);
        assert_eq!(tried.get(), 3);
        simulation.run()
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| both(0..4, 2, &test).map(Exploration::unwrap));
        }
    });
    assert_eq!(runs.into_inner(), 3 * 2 * 4 * 3);
}

/// What ends the program leaves no time for anything else.
#[test]
fn a_run_that_aborts_is_told() {
    if is_child() {
        /// Panics while its owner does.
        struct Twice;
        impl Drop for Twice {
            fn drop(&mut self) {
                panic!("once more");
            }
        }
        explore(0..10, 1, |builder| {
            let seed = builder.seed();
            let report = quick(builder);
            let _twice = (seed == 7).then(|| Twice);
            assert!(seed != 7, "no pond");
            report
        })
        .unwrap();
        return;
    }
    let (passed, output) = child("adversary::a_run_that_aborts_is_told", &[]);
    assert!(!passed, "{output}");
    let line = "that was in the run of seed 7 of a search";
    assert!(output.contains(line), "{output}");
}

#[test]
fn a_failure_is_told_before_a_long_search_for_fewer_faults() {
    let test = |builder: Builder| {
        let seed = builder.seed();
        let nemesis = Nemesis::new("node").faults(4, 4).crashes();
        let mut simulation = builder.nemesis(nemesis).build();
        simulation.host("node", pending::<()>);
        simulation.client("frog", async move {
            sleep(millis(1)).await;
            if seed == 7 {
                // Of real time, as a run that does a lot.
                thread::sleep(secs(1));
                panic!("no pond");
            }
        });
        simulation.run()
    };
    if is_child() {
        explore(0..10, 1, test).unwrap();
        return;
    }
    let name = "adversary::a_failure_is_told_before_a_long_search_for_fewer_faults";
    let (passed, output) = child(name, &[]);
    assert!(!passed, "{output}");
    let line = "fewer faults are looked for; until then it is repeated by POLLIWOG_SIM_SEED=7\n";
    assert_eq!(output.matches(line).count(), 1, "{output}");
    assert!(
        output.contains("frog panicked: no pond\nfewer faults"),
        "{output}"
    );
}

#[test]
fn files_of_other_versions_are_told() {
    if is_child() {
        explore(0..10, 1, |builder| {
            let mut simulation = builder.build();
            simulation.client("frog", sleep(secs(5)));
            simulation.run()
        })
        .unwrap();
        return;
    }
    let run = |name: &str, text: &str| {
        let file = File::new(name, text);
        child(
            "adversary::files_of_other_versions_are_told",
            &[(REPLAY_VARIABLE, file.path())],
        )
    };
    let other = "the file was written by polliwog 0.0.7, and in this one";
    let (passed, output) = run(
        "old",
        "# a\r\n# by polliwog 0.0.7\r\nseed 7\r\n1s for 1s: slow 2\r\n",
    );
    assert!(
        passed && output.contains(&format!("that run has not failed; {other}")),
        "{output}"
    );
    let (passed, output) = run(
        "new",
        "# by polliwog 0.0.7\nseed 7\n1s for 1s: explode frog\n",
    );
    assert!(
        !passed && output.contains("line 3: not a fault"),
        "{output}"
    );
    assert!(output.contains(other), "{output}");
    // Of the same test, whose hosts have other names now.
    let (passed, output) = run("hosts", "seed 7\n1s for 1s: crash toad\n");
    assert!(
        !passed && output.contains("no host has the name toad"),
        "{output}"
    );
    let (passed, output) = run("seed", "seed 7\n");
    assert!(
        passed && output.contains("that run has not failed\n"),
        "{output}"
    );
}

#[test]
fn a_test_that_uses_another_seed_is_told() {
    let test = |builder: Builder| {
        drop(builder);
        let mut simulation = Simulation::new(7);
        simulation.client("frog", async {});
        simulation.run()
    };
    for exploration in both(0..3, 1, &test) {
        let found = exploration.found.unwrap();
        assert!(
            found
                .failure
                .to_string()
                .contains("all its runs are the same")
        );
    }
}

/// A file may say anything.
#[test]
fn faults_may_be_extreme() {
    let last = "18446744073709551615.999999999s";
    for (times, what) in [
        (format!("{last} for {last}"), "crash node"),
        (format!("0ns for {last}"), "slow 4294967295"),
        (format!("0ns for {last}"), "loss 4294967295"),
        (format!("0ns for {last}"), "drift node 2147483647"),
        (format!("0ns for {last}"), "drift node -2147483648"),
        (format!("0ns for {last}"), "jump node 9223372036854775807"),
        (format!("0ns for {last}"), "jump node -9223372036854775808"),
        (format!("0ns for {last}"), "diskslow node 4294967295"),
        (format!("0ns for {last}"), "diskerrors node 4294967295"),
        (format!("1ns for {last}"), "pause node"),
        (format!("1ns for {last}"), "partition node from node,test"),
        (format!("1ns for {last}"), "oneway node to node"),
        ("1ns for 0ns".into(), "kill node"),
    ] {
        let fault: Fault = format!("{times}: {what}").parse().unwrap();
        let faults = vec![fault.clone(), fault];
        let mut simulation = Simulation::builder(1).faults(faults).build();
        simulation.host("node", || async {
            loop {
                sleep(millis(100)).await;
                sim::system_time();
                let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
                let _ = socket.send_to(b"quak", "test:7").await;
                let _ = sim::fs::write("a", b"quak").await;
            }
        });
        simulation.client("test", async { sleep(secs(5)).await });
        if let Err(failure) = simulation.run() {
            panic!("{what}: {failure}");
        }
    }
}
