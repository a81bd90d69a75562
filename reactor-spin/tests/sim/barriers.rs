//! Barriers: tests that wait for a place in a program.

use std::cell::RefCell;
use std::rc::Rc;

use polliwog_core::time::{sleep, timeout};
use polliwog_spin::sim::{self, Builder, Failure, Report, Simulation};

use crate::{millis, secs};

#[derive(Clone, Debug, PartialEq)]
struct Step(u32);

#[test]
fn whoever_is_held_stays_until_let_go_and_the_others_go_on() {
    let mut simulation = Simulation::new(3);
    let mut barrier = simulation.control().hold_at(|step: &Step| step.0 == 2);
    let log = Rc::new(RefCell::new(Vec::new()));
    let seen = log.clone();
    simulation.host("node", move || {
        let log = seen.clone();
        async move {
            for step in 1..=3 {
                let Step(step) = sim::reach(Step(step)).await;
                log.borrow_mut().push(step);
            }
            std::future::pending::<()>().await;
        }
    });
    let arrival = simulation.run_to(&mut barrier);
    let arrival = arrival.unwrap().expect("the node comes to its second step");
    assert_eq!((arrival.host(), &*arrival), ("node", &Step(2)));
    assert!(arrival.is_held());
    simulation.run_for(secs(60)).unwrap();
    assert_eq!(*log.borrow(), [1]);
    drop(arrival);
    simulation.run_for(secs(1)).unwrap();
    assert_eq!(*log.borrow(), [1, 2, 3]);
}

#[test]
fn what_a_test_changes_is_what_the_program_goes_on_with() {
    let mut simulation = Simulation::new(3);
    simulation.client("node", async {
        assert_eq!(sim::reach(Step(1)).await, Step(77));
    });
    let mut barrier = simulation.control().hold_at(|_: &Step| true);
    *simulation.run_to(&mut barrier).unwrap().unwrap() = Step(77);
    simulation.run().unwrap();
}

#[test]
fn a_barrier_that_is_dropped_lets_all_go() {
    let mut simulation = Simulation::new(3);
    let barrier = simulation.control().hold_at(|_: &Step| true);
    for number in 0..3 {
        simulation.client(&format!("node-{number}"), async move {
            sim::reach(Step(number)).await;
        });
    }
    simulation.client("test", async move {
        sleep(secs(5)).await;
        drop(barrier);
    });
    let report = simulation.run().unwrap();
    assert_eq!(report.elapsed, secs(5));
}

#[test]
fn whoever_crashes_or_gives_up_at_a_barrier_is_held_no_longer() {
    let mut simulation = Simulation::new(3);
    simulation.host("impatient", || async {
        let held = timeout(millis(10), sim::reach(Step(1))).await;
        assert!(held.is_err());
    });
    simulation.host("node", || async {
        sim::reach(Step(2)).await;
        sim::note("is beyond");
    });
    let mut barrier = simulation.control().hold_at(|_: &Step| true);
    simulation.client("test", async move {
        let arrivals = [barrier.next().await, barrier.next().await];
        assert!(arrivals.iter().all(|arrival| arrival.is_held()));
        sim::control().crash("node");
        sleep(millis(20)).await;
        assert!(!arrivals.iter().any(|arrival| arrival.is_held()));
        // It comes there once more.
        sim::control().restart("node");
        let again = barrier.next().await;
        assert_eq!((again.host(), again.at() >= millis(20)), ("node", true));
    });
    simulation.run().unwrap();
}

#[test]
fn the_first_barrier_that_matches_gets_it_and_types_are_apart() {
    let mut simulation = Simulation::new(3);
    let control = simulation.control();
    let mut even = control.watch_at(|step: &Step| step.0 % 2 == 0);
    let mut any = control.watch_at(|_: &Step| true);
    let mut other = control.watch_at(|_: &u32| true);
    simulation.client("node", async {
        for step in 0..4 {
            sim::pass(Step(step));
        }
    });
    simulation.run().unwrap();
    let steps = |barrier: &mut sim::Barrier<Step>| {
        let arrivals = std::iter::from_fn(|| barrier.try_next());
        arrivals.map(|arrival| arrival.0).collect::<Vec<_>>()
    };
    assert_eq!(
        (steps(&mut even), steps(&mut any)),
        (vec![0, 2], vec![1, 3])
    );
    assert!(other.try_next().is_none());
}

#[test]
fn what_cannot_wait_is_not_held_in_silence() {
    let mut simulation = Simulation::new(3);
    let _barrier = simulation.control().hold_at(|_: &Step| true);
    simulation.client("node", async { sim::pass(Step(1)) });
    let failure = simulation.run().unwrap_err();
    assert!(failure.to_string().contains("does not wait"), "{failure}");
}

#[test]
fn without_a_simulation_places_are_nothing() {
    sim::pass(Step(1));
    let mut reached = std::pin::pin!(sim::reach(Step(2)));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let done = std::future::Future::poll(reached.as_mut(), &mut cx);
    assert_eq!(done, std::task::Poll::Ready(Step(2)));
}

/// Several hosts come to a place at random times, and are let go in another order.
fn crowd(builder: Builder) -> Result<Report, Failure> {
    let mut simulation = builder.build();
    for number in 0..5 {
        simulation.host(&format!("node-{number}"), move || async move {
            for step in 0.. {
                sleep(millis(sim::random() % 50)).await;
                sim::reach(Step(step)).await;
            }
        });
    }
    simulation.client("test", async {
        let mut barrier = sim::control().hold_at(|step: &Step| step.0 % 2 == 1);
        let mut held = Vec::new();
        for _ in 0..50 {
            held.push(barrier.next().await);
            if held.len() == 3 {
                let chosen = sim::random() as usize % held.len();
                drop(held.swap_remove(chosen));
            }
        }
    });
    simulation.run()
}

#[test]
fn runs_with_barriers_are_repeatable_and_differ_by_seed() {
    for seed in 0..20 {
        sim::check(seed, crowd).unwrap();
    }
    let hash = |seed| crowd(Simulation::builder(seed)).unwrap().hash;
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn the_order_of_a_table_belongs_to_the_seed() {
    let order = |seed| {
        let mut simulation = Simulation::new(seed);
        let orders = Rc::new(RefCell::new(Vec::new()));
        let seen = orders.clone();
        simulation.client("frog", async move {
            let mut table = std::collections::HashSet::<u32, sim::RandomState>::default();
            table.extend(0..20);
            seen.borrow_mut().extend(table);
        });
        simulation.run().unwrap();
        orders.take()
    };
    assert_eq!(order(1), order(1));
    assert!((2..10).any(|seed| order(seed) != order(1)));
}
