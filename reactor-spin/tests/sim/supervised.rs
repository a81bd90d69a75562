//! Hosts that fail and start again, and what a test learns of hosts while they run.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use polliwog_core::spawn;
use polliwog_core::time::sleep;
use polliwog_spin::net::{TcpListener, TcpStream};
use polliwog_spin::sim::{self, Reason, Simulation};

use crate::{Done, ask, echo, millis, run, secs};

/// When a host was started.
type Starts = Rc<RefCell<Vec<Duration>>>;

/// A host that fails after a second by `fail`, each time that it is started.
fn failing(simulation: &mut Simulation, name: &str, fail: fn() -> Result<(), String>) -> Starts {
    let starts = Starts::default();
    let told = starts.clone();
    simulation.host(name, move || {
        told.borrow_mut().push(sim::control().elapsed());
        async move {
            sleep(secs(1)).await;
            fail()
        }
    });
    starts
}

#[test]
fn hosts_that_fail_start_again_after_a_while() {
    let builder = Simulation::builder(1).restart_failed("node-*", "*", secs(2));
    let mut simulation = builder.build();
    let error = failing(&mut simulation, "node-1", || Err("no disk".into()));
    let panic = failing(&mut simulation, "node-2", || panic!("no pond"));
    let done = failing(&mut simulation, "node-3", || Ok(()));
    simulation.client("client", sleep(secs(8)));
    let report = run(simulation);
    for starts in [error, panic] {
        assert_eq!(*starts.borrow(), [secs(0), secs(3), secs(6)]);
    }
    assert_eq!(*done.borrow(), [secs(0)], "it has come to a good end");
    let failed = |name: &str| {
        let failed = report.failed.iter().filter(|failed| &*failed.0 == name);
        failed.map(|failed| failed.1.clone()).collect::<Vec<_>>()
    };
    assert_eq!(failed("node-1"), ["no disk"; 3]);
    assert_eq!(failed("node-2").len(), 3);
    assert!(failed("node-2")[0].contains("no pond"));
}

#[test]
fn what_is_not_expected_ends_the_run_still() {
    let run = |name, fail: fn() -> Result<(), String>| {
        let builder = Simulation::builder(1).restart_failed("node-*", "*disk*", secs(1));
        let mut simulation = builder.build();
        failing(&mut simulation, name, fail);
        simulation.client("client", sleep(secs(10)));
        simulation.run().map_err(|failure| failure.reason)
    };
    assert!(run("node-1", || Err("no disk".into())).is_ok());
    let other = run("node-1", || Err("no pond".into()));
    assert_eq!(other.unwrap_err(), Reason::Error("no pond".into()));
    let other = run("server", || Err("no disk".into()));
    assert_eq!(other.unwrap_err(), Reason::Error("no disk".into()));
    // A client is the test.
    let builder = Simulation::builder(1).restart_failed("*", "*", secs(1));
    let mut simulation = builder.build();
    simulation.client("client", async { Err::<(), _>("no") });
    assert!(simulation.run().is_err());
}

#[test]
fn nobody_starts_a_host_without_power_nor_one_that_runs() {
    let builder = Simulation::builder(1).restart_failed("*", "*", secs(10));
    let mut simulation = builder.build();
    let down = failing(&mut simulation, "down", || Err("no".into()));
    let up = failing(&mut simulation, "up", || match sim::control().elapsed() {
        // What was started by hand goes on.
        elapsed if elapsed > secs(3) => Ok(()),
        _ => Err("no".into()),
    });
    simulation.client("client", async {
        sleep(secs(5)).await;
        sim::control().crash("down");
        sim::control().restart("up");
        sleep(secs(30)).await;
    });
    run(simulation);
    assert_eq!(*down.borrow(), [secs(0)]);
    assert_eq!(up.borrow()[..2], [secs(0), secs(5)]);
}

/// When a host was started that fails at once for the first time, and again a second after the start if it `fails` then, while
/// somebody else does something to it; and whether it is up in the end.
fn meanwhile(
    faults: &[&str],
    fails: impl Fn(usize) -> bool + 'static,
    hand: impl AsyncFnOnce(&sim::Control) + 'static,
) -> (Vec<u64>, bool) {
    let faults = faults.iter().map(|fault| fault.parse().unwrap());
    let builder = Simulation::builder(1).restart_failed("node", "*", secs(10));
    let mut simulation = builder.faults(faults.collect()).build();
    let starts = Starts::default();
    let (told, fails) = (starts.clone(), Rc::new(fails));
    simulation.host("node", move || {
        told.borrow_mut().push(sim::control().elapsed());
        let (number, fails) = (told.borrow().len(), fails.clone());
        async move {
            match number {
                1 => Err::<(), _>("no pond"),
                _ if fails(number) => {
                    sleep(secs(1)).await;
                    Err("no pond")
                }
                _ => pending().await,
            }
        }
    });
    let up = Rc::new(RefCell::new(false));
    let is_up = up.clone();
    simulation.client("client", async move {
        let control = sim::control();
        hand(&control).await;
        sleep(secs(40).saturating_sub(control.elapsed())).await;
        *is_up.borrow_mut() = control.is_up("node");
    });
    run(simulation);
    let starts = starts.borrow().iter().map(Duration::as_secs).collect();
    let up = *up.borrow();
    (starts, up)
}

#[test]
fn a_supervisor_starts_only_the_process_that_it_has_seen_fail() {
    let never = |_| false;
    assert_eq!(meanwhile(&[], never, async |_| ()), ([0, 10].into(), true));
    // Killed by hand, after a start by hand or without one.
    for starts in [true, false] {
        let kills = async move |control: &sim::Control| {
            sleep(secs(1)).await;
            if starts {
                control.restart("node");
                sleep(secs(1)).await;
            }
            control.kill("node");
        };
        let expected: &[u64] = if starts { &[0, 1] } else { &[0] };
        assert_eq!(meanwhile(&[], never, kills), (expected.into(), false));
    }
    // Failed again: the second failure counts.
    let restarts = async |control: &sim::Control| {
        sleep(secs(5)).await;
        control.restart("node");
    };
    let fails_twice = |number| number == 2;
    let expected = ([0, 5, 16].into(), true);
    assert_eq!(meanwhile(&[], fails_twice, restarts), expected);
    // A fault lasts as long as it says.
    let faults = ["8s for 12s: kill node"];
    let expected = ([0, 20].into(), true);
    assert_eq!(meanwhile(&faults, never, async |_| ()), expected);
    let faults = ["1s for 1s: kill node", "8s for 12s: kill node"];
    let expected = ([0, 2, 20].into(), true);
    assert_eq!(meanwhile(&faults, never, async |_| ()), expected);
}

#[test]
fn a_supervisor_leaves_what_has_come_to_a_good_end() {
    let builder = Simulation::builder(1).restart_failed("node", "*", secs(10));
    let mut simulation = builder.build();
    let starts = Starts::default();
    let told = starts.clone();
    simulation.host("node", move || {
        told.borrow_mut().push(sim::control().elapsed());
        let is_first = told.borrow().len() == 1;
        async move { if is_first { Err("no pond") } else { Ok(()) } }
    });
    simulation.client("client", async {
        sleep(secs(1)).await;
        sim::control().restart("node");
        sleep(secs(30)).await;
    });
    run(simulation);
    assert_eq!(*starts.borrow(), [secs(0), secs(1)]);
}

/// By a program, what makes it, and its task.
#[test]
fn a_panic_is_known_by_what_it_says_itself() {
    for whose in ["program", "maker", "task"] {
        for (pattern, expected) in [
            ("no pond", true),
            ("*no pond", true),
            ("no*", true),
            ("panic: no pond", false),
            ("*task*", false),
        ] {
            let builder = Simulation::builder(1).restart_failed("node", pattern, secs(1));
            let mut simulation = builder.build();
            let mut starts = 0;
            simulation.host("node", move || {
                starts += 1;
                assert!(starts > 1 || whose != "maker", "no pond");
                async move {
                    assert!(starts > 1 || whose != "program", "no pond");
                    if starts == 1 {
                        spawn(async { panic!("no pond") }).unwrap().detach();
                    }
                    pending::<()>().await;
                }
            });
            simulation.client("client", sleep(secs(5)));
            let went = simulation.run();
            assert_eq!(went.is_ok(), expected, "{whose} by {pattern}");
            if let Ok(report) = went {
                let text = &report.failed[0].1;
                assert!(text.starts_with("panic: no pond"), "{text}");
            }
        }
    }
}

#[test]
#[should_panic = "takes time"]
fn a_restart_takes_time() {
    let _ = Simulation::builder(1).restart_failed("*", "*", Duration::ZERO);
}

#[test]
#[should_panic = "no duration is in 2s..=1s"]
fn a_restart_takes_a_time_that_there_is() {
    let _ = Simulation::builder(1).restart_failed("*", "*", secs(2)..=secs(1));
}

#[test]
#[should_panic = "no failure has the text"]
fn a_restart_is_for_a_text_that_there_can_be() {
    let _ = Simulation::builder(1).restart_failed("*", "", secs(1));
}

/// Runs a node that fails, or not, and a host that is added later.
fn with_restart(hosts: &str, text: &str, fails: bool) -> Result<sim::Report, sim::Failure> {
    let builder = Simulation::builder(1).restart_failed(hosts, text, secs(1));
    let mut simulation = builder.build();
    simulation.host("node", move || async move {
        match fails {
            true => Err("no storage space"),
            false => Ok(()),
        }
    });
    simulation.client("client", async {
        sleep(secs(2)).await;
        sim::control().host("later", pending::<()>);
    });
    simulation.run()
}

#[test]
fn a_restart_of_nobody_is_told() {
    for hosts in ["node", "n*", "later", "x|*", "10.0.0.1"] {
        assert!(with_restart(hosts, "*", false).is_ok(), "{hosts}");
    }
    for hosts in ["nod-*", "nod", "/x/", ""] {
        let text =
            format!("is for `{hosts}`, which is the name of no host; there are node, client");
        for fails in [false, true] {
            let told = with_restart(hosts, "*", fails).unwrap_err().to_string();
            assert!(told.contains(&text), "{told}");
            assert_eq!(
                told.contains("node failed: no storage space"),
                fails,
                "{told}"
            );
        }
    }
    // By its address, too.
    let report = with_restart("10.0.0.1", "no*", true).unwrap();
    assert_eq!(report.failed.len(), 2);
    let told = with_restart("n*", "storage", true).unwrap_err().to_string();
    let text = "is for failures of `n*` whose whole text is `storage`";
    assert!(told.contains(text), "{told}");
}

/// After how long a host was started again, each time that it failed.
fn restarts(seed: u64, after: impl Into<sim::Latency>) -> Vec<Duration> {
    let builder = Simulation::builder(seed).restart_failed("node", "*", after);
    let mut simulation = builder.build();
    let starts = failing(&mut simulation, "node", || Err("no pond".into()));
    simulation.client("client", sleep(secs(200)));
    run(simulation);
    let starts = starts.borrow();
    let pairs = starts.windows(2);
    pairs.map(|pair| pair[1] - pair[0] - secs(1)).collect()
}

#[test]
fn restarts_take_a_time_within_a_range_by_the_seed() {
    let range = || secs(1)..=secs(10);
    let first = restarts(1, range());
    assert!(first.len() > 10, "{first:?}");
    assert!(first.iter().all(|after| range().contains(after)));
    let shortest = first.iter().min().unwrap();
    assert!(*first.iter().max().unwrap() > *shortest + secs(4));
    assert_eq!(restarts(1, range()), first);
    assert_ne!(restarts(2, range()), first);
    // A range of one is that one.
    assert_eq!(restarts(1, secs(2)..=secs(2)), restarts(2, secs(2)));
}

#[test]
fn connections_are_counted_while_they_are_open() {
    let mut simulation = Simulation::new(1);
    simulation.host("server", || async {
        let _listener = TcpListener::bind("0.0.0.0:80").await?;
        pending::<Done>().await
    });
    simulation.host("echo", echo);
    simulation.client("client", async {
        let control = sim::control();
        let counts = || ["server", "client", "*"].map(|hosts| control.connections(hosts));
        assert_eq!(counts(), [0, 0, 0]);
        // Nobody accepts it.
        let first = TcpStream::connect("server:80").await?;
        assert_eq!(counts(), [1, 1, 2]);
        assert!(TcpStream::connect("server:81").await.is_err());
        let second = TcpStream::connect("echo:7").await?;
        assert_eq!(counts(), [1, 2, 4]);
        let before = control.messages();
        ask(&second, b"frog").await?;
        assert!(control.messages() >= before + 2);
        drop(second);
        sleep(secs(1)).await;
        assert_eq!(counts(), [1, 1, 2]);
        control.crash("server");
        sleep(secs(1)).await;
        // It knows of nothing any more, and the client does not know that.
        assert_eq!(counts(), [0, 1, 1]);
        drop(first);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_host_takes_tasks_of_a_test() {
    let mut simulation = Simulation::new(1);
    simulation.host("pond", pending::<()>);
    simulation.client("client", async {
        let control = sim::control();
        sleep(millis(1)).await;
        assert_eq!(control.tasks("pond").len(), 1);
        let name = control.spawn("pond", async {
            sleep(secs(1)).await;
            // What it spawns is the host's, too.
            spawn(async { sim::host_name() }).unwrap().await.unwrap()
        });
        assert_eq!(control.tasks("pond|client").len(), 3);
        assert_eq!(name.await.unwrap().as_deref(), Some("pond"));
        let lost = control.spawn("pond", pending::<()>());
        control.crash("pond");
        assert!(lost.await.unwrap_err().is_cancelled());
        assert_eq!(control.tasks("pond").len(), 0);
    });
    run(simulation);
}

#[test]
#[should_panic = "pond does not run"]
fn a_host_that_is_down_takes_none() {
    let mut simulation = Simulation::new(1);
    simulation.host("pond", pending::<()>);
    // It is not started yet.
    drop(simulation.control().spawn("pond", async {}));
}

#[test]
fn hosts_and_clients_come_in_while_others_run() {
    let told = Starts::default();
    let tells = told.clone();
    let mut simulation = Simulation::new(1);
    simulation.client("first", async move {
        sleep(secs(1)).await;
        let control = sim::control();
        control.host("echo", echo);
        // It has not started yet.
        control.pause("echo");
        control.client("second", async move {
            sleep(secs(5)).await;
            sim::control().resume("echo");
            let stream = TcpStream::connect("echo:7").await?;
            ask(&stream, b"frog").await?;
            tells.borrow_mut().push(sim::control().elapsed());
            Done::Ok(())
        });
        assert_eq!(sim::control().names().len(), 3);
        let name = sim::control().addr("second");
        assert_eq!(name.unwrap().to_string(), "10.0.0.3");
    });
    // The first client is done long before.
    let report = run(simulation);
    assert!(report.elapsed >= secs(6));
    assert_eq!(told.borrow().len(), 1);
}

#[test]
fn a_host_that_came_in_late_fails_as_the_others_do() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        sleep(secs(1)).await;
        sim::control().host("late", || async { Err::<(), _>("no pond") });
        sleep(secs(1)).await;
    });
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.host.as_deref(), Some("late"));
    assert_eq!(failure.at, secs(1));
}
