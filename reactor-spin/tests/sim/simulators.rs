//! Services beside the hosts, and what of a host dies with its process.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use polliwog_core::time::sleep;
use polliwog_spin::sim::{
    self, Control, ProcessEnd, Reason, Simulation, Simulator, explore, local, simulator,
};

use crate::{millis, secs};

/// Takes down what it is told.
#[derive(Default)]
struct Witness(RefCell<Vec<String>>);

impl Witness {
    fn note(&self, host: &str, what: &str) {
        assert_eq!(sim::host_name().as_deref(), Some(host));
        let at = sim::control().elapsed();
        self.0.borrow_mut().push(format!("{at:?} {host} {what}"));
    }
}

impl Simulator for Witness {
    fn added(&self, host: &str) {
        self.note(host, "added");
    }

    fn starts(&self, host: &str) {
        self.note(host, "starts");
    }

    fn ends(&self, host: &str, how: ProcessEnd) {
        self.note(host, &format!("{how:?}"));
    }
}

#[test]
fn they_are_told_what_becomes_of_hosts() {
    let builder = Simulation::builder(1).simulator(Witness::default);
    let mut simulation = builder.restart_failed("fails", "*", secs(3)).build();
    simulation.host("node", pending::<()>);
    let starts = Cell::new(0);
    simulation.host("fails", move || {
        starts.set(starts.get() + 1);
        // Once when it is made, and once when it runs.
        assert!(starts.get() != 1, "no pond");
        let fails = starts.get() == 2;
        async move {
            match fails {
                true => Err::<(), _>("no frog"),
                false => pending().await,
            }
        }
    });
    simulation.client("test", async {
        sleep(secs(1)).await;
        let control = sim::control();
        control.crash("node");
        sleep(secs(1)).await;
        // There is nothing that could end.
        control.crash("node");
        control.kill("node");
        control.restart("node");
        sleep(millis(500)).await;
        control.kill("node");
        sleep(millis(250)).await;
        control.host("new", || async {});
        sleep(secs(5)).await;
    });
    simulation.run().unwrap();
    let witness = simulation.control().simulator::<Witness>();
    let told = witness.0.take();
    let of = |host: &str| -> Vec<String> {
        let own = told
            .iter()
            .filter(|line| line.split(' ').nth(1) == Some(host));
        own.map(|line| line.replacen(&format!(" {host}"), "", 1))
            .collect()
    };
    let node = [
        "0ns added",
        "0ns starts",
        "1s Crashed",
        "2s starts",
        "2.5s Killed",
    ];
    assert_eq!(of("node"), node);
    let fails = [
        "0ns added",
        "0ns starts",
        "0ns Ended",
        "3s starts",
        "3s Ended",
        "6s starts",
    ];
    assert_eq!(of("fails"), fails);
    assert_eq!(of("test"), ["0ns added", "0ns starts", "7.75s Ended"]);
    assert_eq!(of("new"), ["2.75s added", "2.75s starts", "2.75s Ended"]);
}

#[test]
fn each_simulation_has_its_own() {
    /// Counts who asks.
    #[derive(Default)]
    struct Count(Cell<u64>);
    impl Simulator for Count {}
    let made = AtomicU64::new(0);
    let exploration = explore(0..50, 2, |builder| {
        let mut simulation = builder.simulator(Count::default).build();
        made.fetch_add(1, Ordering::Relaxed);
        for name in ["a", "b", "c"] {
            simulation.client(name, async {
                let count = simulator::<Count>();
                count.0.set(count.0.get() + 1);
            });
        }
        let report = simulation.run()?;
        assert_eq!(simulation.control().simulator::<Count>().0.get(), 3);
        Ok(report)
    });
    exploration.unwrap();
    assert_eq!(made.into_inner(), 50);
    // A builder makes as many as there are simulations.
    let builder = Simulation::builder(1).simulator(Count::default);
    let [one, other] = [builder.clone().build(), builder.build()];
    one.control().simulator::<Count>().0.set(7);
    assert_eq!(other.control().simulator::<Count>().0.get(), 0);
}

#[test]
fn what_there_is_not_is_told() {
    struct Nobody;
    impl Simulator for Nobody {}
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async {
        simulator::<Nobody>();
    });
    match simulation.run().unwrap_err().reason {
        Reason::Panic(text) => {
            assert!(text.contains("no simulator of the type") && text.contains("Nobody"))
        }
        other => panic!("{other:?}"),
    }
    let twice = || {
        Simulation::builder(1)
            .simulator(|| Nobody)
            .simulator(|| Nobody)
    };
    let error = catch_unwind(AssertUnwindSafe(twice)).unwrap_err();
    let text = error.downcast::<String>().unwrap();
    assert!(
        text.contains("there is a simulator of the type") && text.contains("Nobody"),
        "{text}"
    );
    assert!(catch_unwind(local::<u32>).is_err());
}

/// At a start it may give tasks to the host, and they end with its process.
#[test]
fn a_service_runs_on_hosts() {
    #[derive(Default)]
    struct Beats(RefCell<BTreeMap<String, u32>>);
    impl Simulator for Beats {
        fn starts(&self, host: &str) {
            let host = host.to_string();
            let beat = async move {
                loop {
                    sleep(secs(1)).await;
                    let beats = simulator::<Beats>();
                    *beats.0.borrow_mut().entry(host.clone()).or_insert(0) += 1;
                }
            };
            polliwog_core::spawn(beat).unwrap().detach();
        }
    }
    let mut simulation = Simulation::builder(1).simulator(Beats::default).build();
    simulation.host("node", pending::<()>);
    simulation.client("test", async {
        sleep(millis(2500)).await;
        sim::control().crash("node");
        sleep(secs(2)).await;
    });
    simulation.run().unwrap();
    let beats = simulation.control().simulator::<Beats>();
    let beats = beats.0.borrow();
    assert_eq!((beats["node"], beats["test"]), (2, 4));
}

/// What it causes is part of the run, and may be faults.
#[test]
fn it_may_use_the_control() {
    /// If the leader goes, the others do.
    #[derive(Default)]
    struct Doom;
    impl Simulator for Doom {
        fn ends(&self, host: &str, _: ProcessEnd) {
            sim::note(format!("{host} is gone"));
            if host == "leader" {
                sim::control().crash("follower");
            }
        }
    }
    for crash in [true, false] {
        let builder = Simulation::builder(1).trace(usize::MAX);
        let mut simulation = builder.simulator(Doom::default).build();
        simulation.host("leader", pending::<()>);
        simulation.host("follower", pending::<()>);
        simulation.client("test", async move {
            sleep(secs(1)).await;
            match crash {
                true => sim::control().crash("leader"),
                false => sim::control().kill("leader"),
            }
            sleep(secs(1)).await;
            assert!(!sim::control().is_up("follower"));
        });
        let report = simulation.run().unwrap();
        let told: Vec<_> = report.trace.iter().map(ToString::to_string).collect();
        for host in ["leader", "follower"] {
            let note = format!("{host} is gone");
            assert!(told.iter().any(|line| line.contains(&note)), "{told:#?}");
        }
    }
}

/// One that holds the simulation is let go with it.
#[test]
fn nothing_is_left() {
    struct Holds(RefCell<Option<Control>>, Rc<()>);
    impl Simulator for Holds {
        fn added(&self, _: &str) {
            self.0.replace(Some(sim::control()));
        }
    }
    thread_local! {
        static TOKEN: Rc<()> = Rc::new(());
    }
    let mut simulation = Simulation::builder(1)
        .simulator(|| Holds(RefCell::default(), TOKEN.with(Rc::clone)))
        .build();
    simulation.client("frog", async {
        assert_eq!(Rc::strong_count(&simulator::<Holds>().1), 2);
    });
    simulation.run().unwrap();
    drop(simulation);
    assert_eq!(TOKEN.with(Rc::strong_count), 1);
}

#[test]
fn what_a_process_keeps_dies_with_it() {
    thread_local! {
        static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }
    fn tell(text: String) {
        TOLD.with_borrow_mut(|told| told.push(text));
    }
    #[derive(Default)]
    struct Cache(Cell<u32>);
    impl Drop for Cache {
        fn drop(&mut self) {
            let host = sim::host_name().unwrap();
            tell(format!("{host} drops {}", self.0.get()));
            // It is gone: this is another one, which nobody keeps.
            if self.0.get() > 0 {
                assert_eq!(local::<Cache>().0.get(), 0);
            }
        }
    }
    /// A task's, which is gone before.
    struct Task;
    impl Drop for Task {
        fn drop(&mut self) {
            let host = sim::host_name().unwrap();
            tell(format!("{host} ends with {}", local::<Cache>().0.get()));
        }
    }
    let node = || async {
        let _task = Task;
        assert_eq!(local::<Cache>().0.get(), 0);
        loop {
            sleep(secs(1)).await;
            let cache = local::<Cache>();
            cache.0.set(cache.0.get() + 1);
        }
    };
    let mut simulation = Simulation::new(1);
    simulation.host("a", node);
    simulation.host("b", node);
    simulation.client("test", async {
        sleep(millis(2500)).await;
        sim::control().crash("a");
        sim::control().restart("a");
        sleep(secs(1)).await;
        assert_eq!(local::<Cache>().0.get(), 0);
        sim::control().kill("a");
    });
    simulation.run().unwrap();
    drop(simulation);
    let told = TOLD.take();
    let told: Vec<_> = told
        .iter()
        .filter(|line| !line.ends_with("drops 0"))
        .collect();
    let expected = [
        "a ends with 2",
        "a drops 2",
        "a ends with 1",
        "a drops 1",
        "b ends with 3",
        "b drops 3",
    ];
    assert_eq!(told, expected);
}
