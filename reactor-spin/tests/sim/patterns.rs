//! Hosts that are meant by a pattern.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use polliwog_core::time::sleep;
use polliwog_spin::net::{TcpStream, UdpSocket};
use polliwog_spin::sim::signal::unix::SignalKind;
use polliwog_spin::sim::{self, Fault, Nemesis, Reason, Simulation, What};

use crate::{Done, echo, millis, run, secs};

const NODES: &str = "/^node-[0-9]+$/";

/// Two nodes, and two hosts whose names are like theirs.
fn nodes(simulation: &mut Simulation) {
    for name in ["node-1", "node-22", "node-x", "a/node-3"] {
        simulation.host(name, echo);
    }
}

#[test]
fn a_test_means_hosts_by_regular_expressions() {
    let mut simulation = Simulation::new(1);
    nodes(&mut simulation);
    simulation.client("client", async {
        let control = sim::control();
        let up = || -> Vec<_> {
            let names = control.names().into_iter();
            names.filter(|name| control.is_up(name)).collect()
        };
        sleep(millis(1)).await;
        assert_eq!(control.tasks(NODES).len(), 2);
        control.crash(NODES);
        polliwog_core::yield_now().await;
        assert_eq!(up(), ["node-x", "a/node-3", "client"].map(Into::into));
        control.restart("/1$|22/");
        control.crash("/x/");
        // In a name a `/` is a letter as any other.
        control.crash("a/node-3");
        polliwog_core::yield_now().await;
        assert_eq!(up(), ["node-1", "node-22", "client"].map(Into::into));
        control.set_name("nodes", NODES);
        control.partition("/^c/", "/1$/");
        // The first one of the name is cut off, and the second one is tried.
        let before = control.elapsed();
        let stream = TcpStream::connect("nodes:7").await?;
        assert_eq!(stream.peer_addr()?.to_string(), "10.0.0.2:7");
        assert!(control.elapsed() - before > secs(1));
        let count = Rc::new(RefCell::new(0));
        let counts = count.clone();
        let _filter = control.drop_messages("/client/", NODES, move |_: &[u8]| {
            *counts.borrow_mut() += 1;
            true
        });
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.send_to(b"quak", "node-22:7").await?;
        socket.send_to(b"quak", "node-x:7").await?;
        assert_eq!(*count.borrow(), 1);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_name_between_slashes_is_meant_by_an_expression() {
    let mut simulation = Simulation::new(1);
    simulation.host("/a/", pending::<()>);
    simulation.host("ba", pending::<()>);
    simulation.client("c", async {
        sleep(millis(1)).await;
        let control = sim::control();
        control.crash("/^/a/$/");
        polliwog_core::yield_now().await;
        assert!(control.is_up("ba"));
        assert!(!control.is_up("/^/a/$/") && !control.is_up("/a/"));
    });
    run(simulation);
}

#[test]
fn a_nemesis_and_a_supervisor_are_for_hosts_of_an_expression() {
    let mut struck = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let nemesis = Nemesis::new(NODES).faults(3, 3).within(secs(5)).crashes();
        let mut simulation = Simulation::builder(seed).nemesis(nemesis).build();
        nodes(&mut simulation);
        simulation.client("client", sleep(secs(20)));
        let faults = run(simulation).faults.into_iter();
        struck.extend(faults.map(|fault| fault.kind.to_string()));
    }
    assert_eq!(Vec::from_iter(struck), ["crash node-1", "crash node-22"]);
    for (name, text, goes_on) in [
        ("node-1", "no pond 77", true),
        ("node-1", "no pond", false),
        ("node-x", "no pond 77", false),
    ] {
        let builder = Simulation::builder(1).restart_failed(NODES, "/pond [0-9]+$/", secs(1));
        let mut simulation = builder.build();
        simulation.host(name, move || async move { Err::<(), _>(text) });
        simulation.client("client", sleep(secs(2)));
        assert_eq!(simulation.run().is_ok(), goes_on, "{name}: {text}");
    }
}

#[test]
fn a_nemesis_is_for_the_host_of_an_address() {
    let nemesis = Nemesis::new("10.0.0.3").faults(3, 3).within(secs(5));
    let builder = Simulation::builder(1).nemesis(nemesis.crashes());
    let mut simulation = builder.build();
    nodes(&mut simulation);
    simulation.client("client", sleep(secs(20)));
    let faults = run(simulation).faults;
    let strikes = |fault: &Fault| fault.kind.to_string() == "crash node-x";
    assert!(
        faults.len() == 3 && faults.iter().all(strikes),
        "{faults:?}"
    );
}

/// A test that means all of its hosts does not end itself, by whatever pattern.
#[test]
fn processes_of_clients_are_left_alone_unless_they_are_named() {
    type Act = fn(&sim::Control, &str);
    let faults: [Act; 5] = [
        |control, hosts| control.crash(hosts),
        |control, hosts| control.kill(hosts),
        |control, hosts| control.restart(hosts),
        |control, hosts| control.pause(hosts),
        |control, hosts| control.signal(hosts, SignalKind::terminate()),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        for hosts in ["*", "n*|c*", "/^[cn]/"] {
            let mut simulation = Simulation::builder(1).trace(usize::MAX).build();
            simulation.host("node", pending::<()>);
            simulation.client("client", async move {
                sleep(secs(1)).await;
                fault(&sim::control(), hosts);
                sleep(secs(1)).await;
                panic!("still here");
            });
            let failure = simulation.run().unwrap_err();
            assert_eq!(failure.reason, Reason::Panic("still here".into()));
            let hit = failure.run.trace.iter().filter(|event| {
                let is_hit = match &event.what {
                    What::Crashed | What::Killed | What::Paused => true,
                    What::Started => event.at == secs(1),
                    _ => false,
                };
                is_hit && event.host.as_deref() == Some("node")
            });
            assert!(hit.count() > 0, "{number} {hosts}");
        }
        // Who means clients only means nobody by that.
        let mut simulation = Simulation::new(1);
        simulation.client("client", async move { fault(&sim::control(), "cl*") });
        let failure = simulation.run().unwrap_err().to_string();
        assert!(failure.contains("cl* stands for clients only"), "{failure}");
        // Their names mean them; of each that was ended the report tells.
        for hosts in ["client", "n*|client", "10.0.0.2"] {
            let mut simulation = Simulation::new(1);
            simulation.host("node", pending::<()>);
            simulation.client("client", async move {
                sleep(secs(1)).await;
                fault(&sim::control(), hosts);
                sleep(secs(1)).await;
                panic!("still here");
            });
            let (failed, stands_still) = match simulation.run() {
                Ok(report) => (report.failed, false),
                Err(failure) => {
                    let stands_still = failure.reason == Reason::Stalled(vec!["client".into()]);
                    (failure.run.failed, stands_still)
                }
            };
            let told = failed.iter().any(|(name, _)| &**name == "client");
            assert!(told || stands_still, "{number} {hosts}");
        }
    }
}

#[test]
fn a_schedule_ends_no_client_that_it_does_not_name() {
    let report = with_faults(&[
        "1s for 1s: crash *",
        "3s for 1s: kill c*|node-1",
        "5s for 1s: terminate /./",
        "7s for 1s: pause /^c/",
        "25s for 1s: crash client",
    ]);
    let report = report.unwrap();
    assert_eq!(report.failed, []);
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    let of_clients = faults.iter().filter(|fault| fault.contains("client"));
    assert!(of_clients.eq(["7s for 1s: pause client", "25s for 1s: crash client"]));
    assert_eq!(faults.len(), 4 + 1 + 4 + 1 + 1);
}

/// Runs with these lines as its schedule.
fn with_faults(lines: &[&str]) -> Result<sim::Report, sim::Failure> {
    let faults = lines.iter().map(|line| line.parse::<Fault>().unwrap());
    let builder = Simulation::builder(1).trace(usize::MAX);
    let mut simulation = builder.faults(faults.collect()).build();
    nodes(&mut simulation);
    simulation.client("client", sleep(secs(20)));
    simulation.run()
}

#[test]
fn a_schedule_means_hosts_by_patterns() {
    let report = with_faults(&[
        // As in addresses of the web: a comma is between names.
        "1s for 1s: partition /^node-[0-9]{1%2C2}$/,a/* from node-x,client",
        "2s for 1s: crash /[0-9]$/",
        "3s for 1s: pause node-1|node-x",
        "4s for 1s: loss 10",
        "5s for 1s: kill 10.0.0.3",
    ]);
    let report = report.unwrap();
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    let expected = [
        "1s for 1s: partition node-1,node-22,a/node-3 from node-x,client",
        "2s for 1s: crash node-1",
        "2s for 1s: crash node-22",
        "2s for 1s: crash a/node-3",
        "3s for 1s: pause node-1",
        "3s for 1s: pause node-x",
        "4s for 1s: loss 10",
        "5s for 1s: kill node-x",
    ];
    assert_eq!(faults, expected);
    let crashes = report.trace.iter().filter_map(|event| match event.what {
        What::Crashed => event.host.as_deref(),
        _ => None,
    });
    let mut crashed: Vec<_> = crashes.collect();
    crashed.sort_unstable();
    assert_eq!(crashed, ["a/node-3", "node-1", "node-22"]);
}

#[test]
fn a_schedule_tells_of_a_pattern_that_is_wrong_or_for_nobody() {
    for (line, text) in [
        ("1s for 1s: crash /(/", "/(/ is no regular expression"),
        ("1s for 1s: crash /frog/", "no host has the name /frog/"),
        ("1s for 1s: crash cl*", "cl* stands for clients only"),
        ("1s for 1s: crash frog*", "no host has the name frog*"),
        ("1s for 1s: oneway client to /[/", "no regular expression"),
        ("1s for 1s: crash frog", "no host has the name frog"),
    ] {
        let failure = with_faults(&[line]).unwrap_err();
        let Reason::Test(told) = &failure.reason else {
            panic!("{failure}");
        };
        assert!(told.contains(line) && told.contains(text), "{told}");
    }
}

#[test]
fn an_expression_that_is_wrong_is_refused_where_it_is_given() {
    let refuses = |what: &dyn Fn(&Simulation)| {
        let mut simulation = Simulation::new(1);
        nodes(&mut simulation);
        let refused = catch_unwind(AssertUnwindSafe(|| what(&simulation)));
        let panic = *refused.unwrap_err().downcast::<String>().unwrap();
        assert!(panic.contains("/(/ is no regular expression"), "{panic}");
    };
    refuses(&|s| s.control().crash("/(/"));
    refuses(&|s| s.control().set_name("pond", "/(/"));
    refuses(&|s| s.control().partition("node-1", "/(/"));
    refuses(&|_| drop(Nemesis::new("/(/")));
    refuses(&|_| drop(Simulation::builder(1).restart_failed("/(/", "*", secs(1))));
    refuses(&|_| drop(Simulation::builder(1).restart_failed("*", "/(/", secs(1))));
}
