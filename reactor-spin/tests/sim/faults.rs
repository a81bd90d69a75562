//! Faults, by hand and by a nemesis.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use polliwog_core::time::{Instant, sleep, timeout};
use polliwog_spin::Error;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{self, Fault, Latency, Link, Nemesis, Simulation, What};

use crate::{Done, ask, echo, millis, run, secs};

#[test]
fn a_partition_is_a_silence_after_which_connections_go_on() {
    let mut simulation = Simulation::new(1);
    simulation.host("echo", echo);
    simulation.client("client", async {
        let control = sim::control();
        let stream = TcpStream::connect("echo:7").await?;
        control.partition("client", "echo");
        stream.write_all(b"a").await?;
        let mut buf = [0];
        assert!(timeout(secs(30), stream.read(&mut buf)).await.is_err());
        control.repair("client", "echo");
        // Until the next attempt, which is later the longer it was silent.
        timeout(secs(60), stream.read_exact(&mut buf))
            .await
            .unwrap()?;
        assert_eq!(ask(&stream, b"b").await?, b"b");
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_partition_that_lasts_ends_connections() {
    let mut simulation = Simulation::builder(1)
        .tcp_timeout(secs(100))
        .connect_timeout(secs(20))
        .build();
    simulation.host("echo", echo);
    simulation.client("client", async {
        let stream = TcpStream::connect("echo:7").await?;
        let idle = TcpStream::connect("echo:7").await?;
        sim::control().isolate("echo");
        let start = Instant::now();
        stream.write_all(b"a").await?;
        assert_eq!(stream.read(&mut [0]).await, Err(Error::TimedOut));
        assert_eq!(start.elapsed(), secs(100));
        let start = Instant::now();
        assert_eq!(
            TcpStream::connect("echo:7").await.unwrap_err(),
            Error::TimedOut
        );
        assert_eq!(start.elapsed(), secs(20));
        // Who sends nothing finds out nothing.
        assert!(timeout(secs(1000), idle.read(&mut [0])).await.is_err());
        sim::control().repair_all();
        assert_eq!(ask(&idle, b"b").await?, b"b");
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_one_way_partition_lets_the_other_way_pass() {
    let mut simulation = Simulation::new(1);
    let heard = Rc::new(Cell::new(0));
    let hears = heard.clone();
    simulation.host("two", move || {
        let heard = hears.clone();
        async move {
            let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
            loop {
                let (_, from) = socket.recv_from(&mut [0]).await.unwrap();
                heard.set(heard.get() + 1);
                socket.send_to(b"!", from).await.unwrap();
            }
        }
    });
    simulation.client("one", async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        sim::control().partition_one_way("two", "one");
        socket.send_to(b"?", "two:7").await?;
        assert!(timeout(secs(1), socket.recv(&mut [0])).await.is_err());
        sim::control().repair("one", "two");
        socket.send_to(b"?", "two:7").await?;
        assert_eq!(socket.recv(&mut [0]).await, Ok(1));
        Done::Ok(())
    });
    run(simulation);
    assert_eq!(heard.get(), 2);
}

#[test]
fn what_is_on_its_way_is_listed_held_and_released() {
    let mut simulation = Simulation::builder(1)
        .link(Link::new(Latency::fixed(millis(10))))
        .build();
    simulation.host("sink", || async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let mut buf = [0; 3];
        let mut all = Vec::new();
        while all.len() < 9 {
            let count = socket.recv(&mut buf).await?;
            all.extend_from_slice(&buf[..count]);
        }
        assert_eq!(all, b"two-one-3");
        Done::Ok(())
    });
    simulation.client("client", async {
        let control = sim::control();
        let socket = UdpSocket::bind("0.0.0.0:8").await?;
        socket.connect("sink:7").await?;
        control.hold("client", "sink");
        for text in ["one", "two", "-", "-3"] {
            socket.send(text.as_bytes()).await?;
        }
        sleep(secs(100)).await;
        let held = control.in_flight();
        assert_eq!(held.len(), 4);
        assert!(
            held.iter()
                .all(|message| message.arrives.is_none() && message.kind == "udp")
        );
        assert_eq!(
            (&*held[0].from, &*held[0].to, held[0].bytes),
            ("client", "sink", 3)
        );
        assert_eq!(
            (held[0].from_addr.to_string(), held[0].to_addr.port()),
            ("10.0.0.2:8".into(), 7)
        );
        for at in [1, 2, 0] {
            assert!(control.release_one(held[at].message));
            assert!(!control.release_one(held[at].message));
            let flying = control.in_flight();
            let released = flying
                .iter()
                .find(|message| message.message == held[at].message)
                .unwrap();
            assert_eq!(released.arrives, Some(control.elapsed() + millis(10)));
            sleep(millis(1)).await;
        }
        control.release("client", "sink");
        sleep(secs(1)).await;
        assert!(control.in_flight().is_empty());
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_link_changes_while_it_runs() {
    let mut simulation = Simulation::builder(1)
        .link(Link::new(Latency::fixed(millis(1))))
        .build();
    for name in ["node-1", "node-2", "node-3"] {
        simulation.host(name, echo);
    }
    simulation.client("client", async {
        sim::control().set_link("client", "node-*", Link::new(Latency::fixed(millis(50))));
        sim::control().set_link_one_way("client", "node-3", Link::new(Latency::fixed(millis(5))));
        for (name, takes) in [("node-1:7", 100), ("node-2:7", 100), ("node-3:7", 55)] {
            let start = Instant::now();
            TcpStream::connect(name).await?;
            assert_eq!(start.elapsed(), millis(takes));
        }
        Done::Ok(())
    });
    run(simulation);
}

#[test]
#[should_panic = "no host has the name frgo"]
fn a_name_that_is_nobodys_is_told() {
    Simulation::new(1).control().crash("frgo");
}

/// Five nodes that answer, and a client that asks them for two minutes; returns how often it got an answer.
fn storm(seed: u64, nemesis: Nemesis) -> (u64, Vec<Fault>, Vec<What>) {
    let mut simulation = Simulation::builder(seed)
        .nemesis(nemesis)
        .trace(usize::MAX)
        .build();
    for node in 0..5 {
        simulation.host(&format!("node-{node}"), echo);
    }
    let answers = Rc::new(Cell::new(0));
    let counts = answers.clone();
    simulation.client("client", async move {
        let start = Instant::now();
        let mut node = 0;
        while start.elapsed() < secs(120) {
            node = (node + 1) % 5;
            let attempt = async {
                let stream = TcpStream::connect(format!("node-{node}:7")).await?;
                ask(&stream, b"frog").await
            };
            if let Ok(Ok(answer)) = timeout(millis(500), attempt).await {
                assert_eq!(answer, b"frog");
                counts.set(counts.get() + 1);
            }
            sleep(millis(50)).await;
        }
    });
    let report = match simulation.run() {
        Ok(report) => report,
        Err(failure) => panic!("{failure}"),
    };
    (
        answers.get(),
        report.faults,
        report.trace.into_iter().map(|event| event.what).collect(),
    )
}

#[test]
fn a_nemesis_causes_all_kinds_of_faults_and_takes_them_back() {
    let nemesis = Nemesis::new("node-*")
        .faults(30, 30)
        .within(secs(60))
        .lasting(secs(1), secs(10))
        .crashes()
        .kills()
        .pauses()
        .partitions()
        .one_way_partitions()
        .losses()
        .slowness()
        .drifts(10_000)
        .clock_jumps(secs(10));
    for seed in 0..3 {
        let (calm, none, _) = storm(seed, Nemesis::new("node-*").faults(0, 0));
        assert!(none.is_empty());
        let (answers, faults, trace) = storm(seed, nemesis.clone());
        assert_eq!(faults.len(), 30);
        assert!(answers < calm * 9 / 10, "{answers} of {calm}");
        assert!(answers > calm / 10, "{answers} of {calm}");
        for (what, least) in [(What::Crashed, 1), (What::Paused, 1), (What::Resumed, 1)] {
            assert!(
                trace.iter().filter(|other| **other == what).count() >= least,
                "{what}"
            );
        }
        // At the end all is well again.
        let last = trace
            .iter()
            .rposition(|what| matches!(what, What::Fault(_)))
            .unwrap();
        let lost = trace[last..]
            .iter()
            .filter(|what| matches!(what, What::Lost { .. }))
            .count();
        let sent = trace[last..]
            .iter()
            .filter(|what| matches!(what, What::Sent { .. }))
            .count();
        assert!(sent > 100 && lost < sent / 10, "{lost} of {sent}");
    }
}

#[test]
fn a_schedule_can_be_given() {
    let faults: Vec<Fault> = ["1s for 2s: crash server", "10s for 1s: pause server"]
        .map(|text| text.parse().unwrap())
        .into();
    let mut simulation = Simulation::builder(1).faults(faults.clone()).build();
    simulation.host("server", || async {
        let _listener = TcpListener::bind("0.0.0.0:7").await?;
        sleep(secs(1_000_000)).await;
        Done::Ok(())
    });
    simulation.client("client", async {
        let control = sim::control();
        for (at, up) in [
            (500, true),
            (1001, false),
            (2999, false),
            (3001, true),
            (11_001, true),
        ] {
            sleep(millis(at) - control.elapsed()).await;
            assert_eq!(control.is_up("server"), up, "{at}");
        }
    });
    assert!(simulation.faults().is_empty());
    let report = simulation.run().unwrap();
    assert_eq!(report.faults, faults);
}

#[test]
fn a_client_that_crashed_is_not_waited_for() {
    let mut simulation = Simulation::new(1);
    simulation.client("one", std::future::pending::<()>());
    simulation.client("two", async {
        sleep(secs(1)).await;
        sim::control().crash("one");
        sim::control().restart("one");
        sleep(secs(1)).await;
    });
    assert_eq!(run(simulation).elapsed, secs(2));
}

#[test]
fn nobody_to_run_is_no_error() {
    let report = Simulation::new(1).run().unwrap();
    assert_eq!((report.elapsed, report.turns), (Duration::ZERO, 0));
    let mut simulation = Simulation::builder(1).time_limit(secs(10)).build();
    simulation.host("ticker", || async {
        loop {
            sleep(secs(1)).await;
        }
    });
    assert!(simulation.run().is_ok());
}

#[test]
fn a_fault_changes_nothing_before_it_begins() {
    let trace = |faults: &[&str]| {
        let faults = faults.iter().map(|fault| fault.parse().unwrap());
        let mut simulation = Simulation::builder(7)
            .trace(usize::MAX)
            .faults(faults.collect())
            .build();
        simulation.host("server", echo);
        simulation.client("client", async {
            for _ in 0..50 {
                let stream = TcpStream::connect("server:7").await.unwrap();
                timeout(secs(1), ask(&stream, b"frog")).await.ok();
                sleep(millis(sim::random() % 100)).await;
            }
        });
        run(simulation).trace
    };
    let calm = trace(&[]);
    let paused = trace(&["2s for 500ms: pause server"]);
    let before: Vec<_> = calm.iter().filter(|event| event.at < secs(2)).collect();
    assert!(before.len() > 100, "{}", before.len());
    let changed = paused
        .iter()
        .zip(&before)
        .position(|(one, other)| one != *other);
    assert_eq!(changed, None, "{:?}", changed.map(|at| &paused[at]));
    assert_ne!(calm.len(), paused.len());
}
