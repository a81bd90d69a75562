//! Faults that come after the end of their runs.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use polliwog_core::time::sleep;
use polliwog_spin::sim::{Builder, Exploration, Nemesis, Report, Simulation};
use polliwog_spin::sim::{SEED_VARIABLE, explore, explore_guided};

use crate::environment::{child, is_child};
use crate::{millis, run, secs};

/// With a pause within a second, in a run that takes so long.
fn with_pause(builder: Builder, takes: Duration) -> Report {
    let nemesis = Nemesis::new("node").faults(1, 1).within(secs(1)).pauses();
    let mut simulation = builder.nemesis(nemesis).build();
    simulation.host("node", pending::<()>);
    simulation.client("client", sleep(takes));
    run(simulation)
}

fn search(seeds: u64, takes: Duration) -> Exploration {
    explore(0..seeds, 2, |builder| Ok(with_pause(builder, takes)))
}

#[test]
fn a_search_counts_them() {
    let exploration = search(40, secs(2));
    assert_eq!((exploration.faults(), exploration.missed()), (40, 0));
    let exploration = search(40, millis(500));
    assert_eq!(exploration.faults(), 40);
    assert!((10..30).contains(&exploration.missed()), "{exploration:?}");
    exploration.unwrap();
    // The moments at which others were seen are faults for the search only.
    let guided = explore_guided(0..200, 2, |builder| Ok(with_pause(builder, millis(500))));
    assert_eq!(guided.faults(), 200);
    assert!((20..180).contains(&guided.missed()), "{guided:?}");
}

#[test]
fn a_search_without_others_fails() {
    let exploration = search(20, millis(1));
    assert_eq!((exploration.faults(), exploration.missed()), (20, 20));
    let caught = catch_unwind(AssertUnwindSafe(|| exploration.unwrap()));
    let text = *caught.unwrap_err().downcast::<String>().unwrap();
    let all = "20 of 20 faults came after the end of their runs";
    assert!(text.contains(all), "{text}");
    assert!(text.contains("than 1ms: `Nemesis::within`"), "{text}");
    // So few may come too late by chance.
    search(9, millis(1)).unwrap();
}

/// What one of the tests below prints, in a process of its own.
fn printed(test: &str, variables: &[(&str, &str)]) -> String {
    child(&format!("too_late::{test}"), variables).1
}

#[test]
fn in_a_loop() {
    if is_child() {
        for seed in 0..40 {
            with_pause(Simulation::builder(seed), millis(1));
        }
    }
}

#[test]
fn in_a_search() {
    if is_child() {
        search(40, millis(100)).unwrap();
    }
}

#[test]
fn in_time() {
    if is_child() {
        search(40, secs(1)).unwrap();
        (0..40).for_each(|seed| drop(with_pause(Simulation::builder(seed), secs(1))));
    }
}

#[test]
fn a_test_that_passes_tells_of_them() {
    // By the first ten, and no more.
    let text = printed("in_a_loop", &[]);
    assert_eq!(text.matches(" faults came ").count(), 1, "{text}");
    let line = "too_late::in_a_loop: 10 of 10 faults came after the end of their runs";
    assert!(text.contains(line) && text.contains("1 passed"), "{text}");
    let text = printed("in_a_search", &[]);
    assert_eq!(text.matches(" faults came ").count(), 1, "{text}");
    assert!(text.contains("too_late::in_a_search: 3"), "{text}");
    assert!(text.contains(" of 40 faults came"), "{text}");
    let text = printed("in_time", &[]);
    assert!(!text.contains("faults came"), "{text}");
    // Of a single run that somebody has asked for it is of no matter.
    let text = printed("in_a_search", &[(SEED_VARIABLE, "7")]);
    assert!(!text.contains("faults came"), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}
