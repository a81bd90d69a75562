//! What a run or a search must not pass over in silence: failures that do not repeat, panics of tasks, clients that are
//! gone, settings that test nothing.

use std::env;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use polliwog_core::time::sleep;
use polliwog_core::{Handle, JoinHandle, Spawner, spawn};
use polliwog_spin::net::TcpStream;
use polliwog_spin::sim::{
    self, Builder, Exploration, Failure, Fault, FaultKind, History, Nemesis, Reason, Report,
    SEED_VARIABLE, Simulation, explore, explore_guided,
};

use crate::{millis, run, secs, text};

type Test<'a> = &'a (dyn Fn(Builder) -> Result<Report, Failure> + Sync);

fn both(test: Test<'_>) -> [Exploration; 2] {
    [explore(0..100, 2, test), explore_guided(0..100, 2, test)]
}

#[test]
fn a_failure_that_does_not_repeat_is_found() {
    for guided in [false, true] {
        let runs = AtomicU64::new(0);
        // Not by the seed: one run, somewhere in the search.
        let test = |builder: Builder| {
            let by_chance = runs.fetch_add(1, Ordering::Relaxed) == 70;
            let nemesis = Nemesis::new("node").faults(2, 2).crashes();
            let mut simulation = builder.nemesis(nemesis).build();
            simulation.host("node", pending::<()>);
            simulation.client("client", async move {
                sleep(secs(1)).await;
                assert!(!by_chance, "by chance");
            });
            simulation.run()
        };
        let exploration = match guided {
            true => explore_guided(0..100, 1, test),
            false => explore(0..100, 1, test),
        };
        assert_eq!(exploration.tried, 71);
        let found = exploration.found.as_ref().expect("a run has failed");
        assert!(!found.repeats);
        assert_eq!(found.failure.reason, Reason::Panic("by chance".into()));
        assert!(!found.faults.is_empty() && found.faults == found.failure.run.faults);
        let told = found.to_string();
        for part in ["did not happen again", "sim::check", "replace_system!"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let ends = catch_unwind(AssertUnwindSafe(|| exploration.unwrap()));
        assert!(ends.is_err());
    }
}

#[test]
fn a_failure_that_repeats_says_what_is_left() {
    let test = |builder: Builder| {
        let nemesis = Nemesis::new("node").faults(2, 4).crashes().pauses();
        let mut simulation = builder.nemesis(nemesis).build();
        simulation.host("node", pending::<()>);
        simulation.client("client", async {
            sleep(secs(40)).await;
            panic!("always");
        });
        simulation.run()
    };
    let found = explore(0..1, 1, test).found.unwrap();
    assert!(found.repeats && found.faults.is_empty());
    let told = found.to_string();
    assert!(
        told.contains(&format!("none of {} faults is needed", found.original)),
        "{told}"
    );
}

async fn broken(text: &str) {
    panic!("{text}");
}

/// What becomes of the handle of a task.
type Keep = fn(JoinHandle<()>) -> Option<JoinHandle<()>>;

#[test]
fn a_panic_of_any_task_is_its_hosts_end() {
    async fn invariant() {
        sleep(secs(1)).await;
        broken("broken").await;
    }
    let detached: Keep = |task| {
        task.detach();
        None
    };
    let dropped: Keep = |_| None;
    for keep in [detached, dropped, Some] {
        let simulation = |builder: Builder| {
            let mut simulation = builder.trace(usize::MAX).build();
            simulation.host("server", move || async move {
                let _task = keep(spawn(invariant()).unwrap());
                pending::<()>().await;
            });
            simulation.client("client", sleep(secs(5)));
            simulation
        };
        let failure = simulation(Simulation::builder(1)).run().unwrap_err();
        assert_eq!(failure.host.as_deref(), Some("server"));
        assert_eq!(failure.at, secs(1));
        let told = text(&failure);
        assert!(
            told.contains("server panicked: broken\n") && told.contains("invariant"),
            "{told}"
        );
        let last = failure.run.trace.last().unwrap().to_string();
        assert!(last.contains("has failed: panic: broken"), "{last}");

        // It may be the end of the host alone.
        let report = run(simulation(Simulation::builder(1).host_failures_end(false)));
        assert_eq!(&*report.failed[0].0, "server");

        // Or of the task alone.
        let report = run(simulation(Simulation::builder(1).task_panics_end(false)));
        assert!(report.failed.is_empty());
        let mut notes = report.trace.iter().map(|event| event.what.to_string());
        assert!(notes.any(|what| what.starts_with("notes: a task has panicked: broken")));
    }
}

#[test]
fn the_first_panic_is_told_and_one_that_is_caught_is_none() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let spawner = Spawner::current().unwrap();
        let task = spawner.spawn_named("counter", broken("the cause"));
        task.unwrap().await.unwrap();
    });
    let failure = simulation.run().unwrap_err();
    let told = text(&failure);
    assert!(
        told.contains("client panicked: the cause\n  in the task counter"),
        "{told}"
    );
    assert!(told.contains("task_panics_end(false)"), "{told}");

    let mut simulation = Simulation::new(1);
    simulation.host("other", || async {
        let handle = Handle::current().unwrap();
        // Made and run by its executor, as if it came from another thread.
        handle.spawn(broken("from elsewhere")).unwrap().detach();
        pending::<()>().await;
    });
    simulation.client("client", pending::<()>());
    let failure = simulation.run().unwrap_err();
    assert!(
        text(&failure).contains("other panicked: from elsewhere"),
        "{failure}"
    );

    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let task = spawn(async { catch_unwind(|| panic!("caught")).is_err() });
        assert!(task.unwrap().await.unwrap());
    });
    run(simulation);

    // A program's own panic is as it was.
    let mut simulation = Simulation::new(1);
    simulation.client("client", broken("its own"));
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.reason, Reason::Panic("its own".into()));
}

#[test]
fn what_tests_look_at_after_the_run_has_a_story() {
    async fn connected() {
        TcpStream::connect("node:7").await.ok();
        sim::note("it reads");
    }
    fn test(builder: Builder) -> Result<Report, Failure> {
        let nemesis = Nemesis::new("node").faults(1, 3).within(secs(3)).kills();
        let mut simulation = builder.nemesis(nemesis).build();
        simulation.host("node", crate::echo);
        let history = History::new(0);
        let mine = history.clone();
        simulation.client("client", async move {
            connected().await;
            let read = mine.read();
            sleep(secs(4)).await;
            read.saw(7);
        });
        let report = simulation.run()?;
        history.check().unwrap();
        Ok(report)
    }
    fn unfinished(builder: Builder) -> Result<Report, Failure> {
        let mut simulation = builder.build();
        simulation.host("node", crate::echo);
        simulation.client("client", connected());
        simulation.run_for(secs(4))?;
        panic!("too early");
    }
    for exploration in both(&test).into_iter().chain(both(&unfinished)) {
        let found = exploration.found.unwrap();
        let failure = &found.failure;
        assert!(matches!(failure.reason, Reason::Test(_)), "{failure}");
        assert!(failure.at >= secs(4), "{failure}");
        assert!(found.to_string().contains("notes: it reads"), "{found}");
        assert!(found.page().contains(">client</text>"));
        assert!(failure.run.capture.len() > 24, "no packets");
    }
}

#[test]
fn a_nemesis_leaves_clients_running() {
    for seed in 0..50 {
        let nemesis = Nemesis::new("*")
            .faults(6, 6)
            .within(secs(20))
            .crashes()
            .kills()
            .pauses();
        let mut simulation = Simulation::builder(seed).nemesis(nemesis).build();
        simulation.host("node", pending::<()>);
        simulation.client("one", sleep(secs(1)));
        simulation.client("two", sleep(secs(60)));
        let report = run(simulation);
        assert!(report.elapsed >= secs(60), "seed {seed}");
        for fault in &report.faults {
            if let FaultKind::Crash(host) | FaultKind::Kill(host) = &fault.kind {
                assert_eq!(host, "node");
            }
        }
    }
}

#[test]
fn a_client_that_is_crashed_by_hand_is_told() {
    let mut simulation = Simulation::new(1);
    simulation.client("done", async {});
    simulation.client("crashed", pending::<()>());
    simulation.client("killed", pending::<()>());
    simulation.client("other", async {
        sleep(secs(1)).await;
        sim::control().crash("done");
        sim::control().crash("crashed");
        sim::control().kill("killed");
    });
    let report = run(simulation);
    let failed = report.failed.iter().map(|(name, why)| (&**name, &**why));
    assert_eq!(
        failed.collect::<Vec<_>>(),
        [
            ("crashed", "crashes before it was done"),
            ("killed", "is killed before it was done")
        ]
    );
}

/// A run with a nemesis, a node and a client, or a client alone.
fn attacked(nemesis: &Nemesis, nodes: u32) -> Result<Report, Failure> {
    let mut simulation = Simulation::builder(1).nemesis(nemesis.clone()).build();
    for node in 0..nodes {
        simulation.host(&format!("node-{node}"), pending::<()>);
    }
    simulation.client("client", sleep(secs(60)));
    simulation.run()
}

#[test]
fn a_nemesis_that_can_do_nothing_is_told() {
    for (nemesis, nodes, part) in [
        (Nemesis::new("nod-*").crashes(), 2, "`nod-*`"),
        (Nemesis::new("*").faults(1, 3), 2, "no kind"),
        (Nemesis::new("*").faults(0, 6), 2, "no kind"),
        (Nemesis::new("*"), 2, "no kind"),
        (Nemesis::new("*").crashes(), 0, "clients only"),
        (Nemesis::new("client").kills().pauses(), 2, "clients only"),
        (Nemesis::new("node-*").partitions(), 1, "single host"),
        (Nemesis::new("node-0").broken_links(), 2, "single host"),
    ] {
        let failure = attacked(&nemesis, nodes).unwrap_err();
        assert!(matches!(failure.reason, Reason::Test(_)), "{failure}");
        assert!(text(&failure).contains(part), "{part}: {failure}");
        // A search that looks for other faults tells the same.
        let search = |builder: Builder| {
            let mut simulation = builder.nemesis(nemesis.clone()).build();
            for node in 0..nodes {
                simulation.host(&format!("node-{node}"), pending::<()>);
            }
            simulation.client("client", sleep(secs(60)));
            simulation.run()
        };
        for exploration in both(&search) {
            let found = exploration.found.unwrap();
            assert!(found.repeats && found.to_string().contains(part), "{found}");
        }
    }
    // None was asked for.
    assert!(attacked(&Nemesis::new("nod-*").faults(0, 0).crashes(), 1).is_ok());
    assert!(attacked(&Nemesis::new("*").faults(0, 0), 1).is_ok());
    // The star may be anywhere.
    let report = attacked(&Nemesis::new("*-1").faults(3, 3).crashes(), 2).unwrap();
    let is_its = |kind: &FaultKind| *kind == FaultKind::Crash("node-1".into());
    assert!(report.faults.len() == 3 && report.faults.iter().all(|fault| is_its(&fault.kind)));
    let mut simulation = Simulation::new(1);
    simulation.client("node-1", async {
        assert!(sim::control().is_up("n*-1"));
    });
    run(simulation);
}

#[test]
#[should_panic = "from 5 to 3 faults"]
fn fewer_at_most_than_at_least_are_refused() {
    let _ = Nemesis::new("*").faults(5, 3);
}

#[test]
#[should_panic = "nothing lasts from 2s to 1s"]
fn shorter_at_most_than_at_least_is_refused() {
    let _ = Nemesis::new("*").lasting(secs(2), secs(1));
}

#[test]
fn a_search_whose_builder_is_not_used_is_told() {
    let not_made: fn(Builder) -> _ = |_| Simulation::new(1).run();
    let not_run: fn(Builder) -> _ = |builder| {
        let _unused = builder.build();
        Simulation::new(1).run()
    };
    for test in [not_made, not_run] {
        for exploration in both(&test) {
            let found = exploration.found.unwrap();
            assert!(found.to_string().contains("the builder"), "{found}");
            assert_eq!((found.seed, found.repeats), (0, true));
        }
        assert!(catch_unwind(|| sim::check(0, test)).is_err());
    }
}

#[test]
fn errors_are_read_as_they_are_shown() {
    let history = History::new(0);
    let mine = history.clone();
    let mut simulation = Simulation::new(1);
    simulation.client("writer", async move {
        let write = mine.write(1);
        sleep(millis(1)).await;
        write.done();
        mine.read().saw(1);
        sleep(millis(1)).await;
        mine.read().saw(0);
    });
    run(simulation);
    let error = history.check().unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    let lines: Vec<&str> = error.history.lines().collect();
    assert_eq!((error.longest, lines.len()), (2, 3), "{error}");
    assert!(lines.iter().all(|line| line.contains("writer")), "{error}");
    // The stale read.
    let marked = |line: &&&str| line.ends_with("<--");
    assert_eq!(lines.iter().filter(marked).count(), 1, "{error}");
    assert!(lines[2].ends_with("<--"), "{error}");

    let nanos = AtomicU64::new(0);
    let difference = sim::check(1, |builder| {
        let mut simulation = builder.build();
        let micros = nanos.fetch_add(1, Ordering::Relaxed);
        simulation.client("impure", sleep(millis(1 + micros)));
        simulation.run()
    });
    let difference = difference.unwrap_err();
    assert_eq!(format!("{difference:?}"), difference.to_string());
}

/// Set where the test below is run by another one.
const CHILD: &str = "POLLIWOG_TESTS_CHILD";

/// What the test below prints, in a process of its own.
fn printed(seed: Option<&str>) -> String {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "noticed::it_fails_in_most_runs", "--nocapture"]);
    child.env(CHILD, "1");
    if let Some(seed) = seed {
        child.env(SEED_VARIABLE, seed);
    }
    let output = child.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn it_fails_in_most_runs() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    explore(0..100, 1, |builder| {
        let seed = builder.seed();
        let nemesis = Nemesis::new("node").faults(4, 4).within(secs(1)).crashes();
        let mut simulation = builder.nemesis(nemesis).build();
        simulation.host("node", pending::<()>);
        simulation.client("client", async move {
            sleep(secs(1)).await;
            assert!(seed < 3, "a lot of noise");
        });
        simulation.run()
    })
    .unwrap();
}

#[test]
fn a_search_prints_the_first_panic_only() {
    let text = printed(None);
    // The run's, and that of the test, whose text is the story.
    assert_eq!(text.matches(" panicked at ").count(), 2, "{text}");
    assert_eq!(
        text.matches("none of 4 faults is needed").count(),
        1,
        "{text}"
    );
    // Whoever asks for a run learns what has come of it.
    let text = printed(Some("2"));
    assert!(
        text.contains("POLLIWOG_SIM_SEED=2: that run has not failed"),
        "{text}"
    );
    // Other seeds.
    let text = printed(Some("5..9"));
    assert!(text.contains("seed 5,"), "{text}");
    let text = printed(Some("0..3"));
    assert!(text.contains("1 passed"), "{text}");
    let text = printed(Some("0..frog"));
    assert!(text.contains("POLLIWOG_SIM_SEED=0..frog: "), "{text}");
    let text = printed(Some("7"));
    assert!(
        text.contains("a lot of noise") && !text.contains("has not failed"),
        "{text}"
    );
}

#[test]
fn faults_that_come_too_late_are_told() {
    let fault = |at| Fault::new(at, millis(1), FaultKind::Crash("node".into()));
    let faults = vec![fault(secs(1)), fault(secs(30)), fault(secs(90))];
    let mut simulation = Simulation::builder(1).faults(faults.clone()).build();
    simulation.host("node", pending::<()>);
    simulation.client("client", sleep(secs(60)));
    let report = run(simulation);
    assert_eq!(
        (report.faults, report.missed),
        (faults.clone(), faults[2..].to_vec())
    );
    let mut simulation = Simulation::builder(1).faults(faults.clone()).build();
    simulation.host("node", pending::<()>);
    simulation.client("client", async {
        sleep(secs(2)).await;
        panic!("early");
    });
    assert_eq!(simulation.run().unwrap_err().run.missed, faults[1..]);
}

/// What a test does with a history that two clients have told something.
type Use = fn(&History<u32>);

/// Runs a test that uses a history in this way; whose clients have the only clones, or whose run fails.
fn uses(then: Use, dropped: bool, fails: bool) -> Result<(), String> {
    let test = move || {
        let history = History::new(0);
        let mine = history.clone();
        let mut simulation = Simulation::new(1);
        simulation.client("client", async move {
            mine.write(7).done();
            sleep(secs(1)).await;
            assert!(!fails, "it fails");
        });
        let history = (!dropped).then_some(history);
        let ran = simulation.run();
        if ran.is_ok() {
            history.as_ref().map(then);
        }
        ran.map(drop).map_err(text)
    };
    let caught = catch_unwind(AssertUnwindSafe(test));
    caught.unwrap_or_else(|panic| Err(panic.downcast_ref::<String>().unwrap().clone()))
}

#[test]
fn a_history_that_nobody_has_checked_is_told() {
    let check: Use = |history| history.check().unwrap();
    let forget: Use = |_| ();
    assert_eq!(uses(check, false, false), Ok(()));
    for dropped in [false, true] {
        let error = uses(forget, dropped, false).unwrap_err();
        assert!(error.contains("1 operation"), "{error}");
        assert!(error.contains("never checked"), "{error}");
        // A run that fails has a better reason.
        let error = uses(forget, dropped, true).unwrap_err();
        assert!(
            error.contains("it fails") && !error.contains("checked"),
            "{error}"
        );
    }
    // Nothing was told to it.
    drop(History::new(0));
}

/// The last of several runs with it fails, before it has told anything or after that.
#[test]
fn a_history_hides_no_failure_of_any_run_with_it() {
    for tells in [true, false] {
        let test = || {
            let history = History::new(0);
            for fails in [false, true] {
                let mine = history.clone();
                let mut simulation = Simulation::new(1);
                simulation.client("client", async move {
                    if tells || !fails {
                        mine.write(7).done();
                    }
                    assert!(!fails, "the real reason");
                });
                simulation.run().map_err(text)?;
            }
            Ok::<(), String>(())
        };
        let went = catch_unwind(AssertUnwindSafe(test));
        let error = went.expect("it is silent").unwrap_err();
        assert!(error.contains("the real reason"), "{error}");
    }
}

/// The runs go well.
#[test]
#[should_panic(expected = "never checked: 2 operations")]
fn a_history_of_two_runs_is_told_as_one() {
    let history = History::new(0);
    for _ in 0..2 {
        let mine = history.clone();
        let mut simulation = Simulation::new(1);
        simulation.client("client", async move { mine.write(7).done() });
        simulation.run().unwrap();
    }
    drop(history);
}

/// A program that does not end has the only clone.
#[test]
#[should_panic(expected = "never checked")]
fn a_history_that_ends_with_the_simulation_is_told() {
    let mut simulation = Simulation::new(1);
    simulation.host("node", || async {
        let history = History::new(0);
        history.write(7).done();
        pending::<()>().await;
        drop(history);
    });
    simulation.client("client", sleep(secs(1)));
    simulation.run().unwrap();
}
