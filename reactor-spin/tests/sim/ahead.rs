//! Hosts that have run ahead by blocking, when something happens to them.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::{BufWriter, Write};
use std::rc::Rc;

use polliwog_core::Instant;
use polliwog_core::task::yield_now;
use polliwog_core::time::sleep;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{self, Control, Fault, FaultKind, Simulation, std::fs};

use crate::{millis, run, secs};

/// What destructors write when a process is ended by force, nobody writes for real.
#[test]
fn what_was_in_memory_is_lost_with_the_process() {
    for end in [Control::crash as fn(&Control, &str), Control::kill] {
        let mut simulation = Simulation::new(7);
        let found = Rc::new(RefCell::new(None));
        let finds = found.clone();
        simulation.host("store", move || {
            let finds = finds.clone();
            async move {
                if fs::exists("log").unwrap() {
                    *finds.borrow_mut() = Some(fs::read_to_string("log").unwrap());
                    return pending().await;
                }
                let file = fs::File::create("log").unwrap();
                (&file).write_all(b"tadpole").unwrap();
                file.sync_all().unwrap();
                let mut buffer = BufWriter::new(file);
                buffer.write_all(b"frog").unwrap();
                pending::<()>().await;
                drop(buffer);
            }
        });
        simulation.client("hand", async move {
            sleep(millis(100)).await;
            end(&sim::control(), "store");
            sleep(millis(100)).await;
            sim::control().restart("store");
            sleep(millis(100)).await;
        });
        run(simulation);
        assert_eq!(found.take().as_deref(), Some("tadpole"));
    }
}

/// Waits by blocking, for half a millisecond at least.
fn block() {
    fs::File::create("log").unwrap().sync_all().unwrap();
}

/// A disk on which everything takes so many times as long, for a long time.
fn slow_disk(host: &str, times: u32) -> Fault {
    let kind = FaultKind::DiskSlow(host.into(), times);
    Fault::new(millis(0), secs(100_000), kind)
}

#[test]
fn a_clock_that_changes_its_rate_meanwhile_does_not_go_back() {
    for millionths in [-900_000, -500, 0, 500, 900_000] {
        let mut simulation = Simulation::new(7);
        simulation.host("busy", || async {
            loop {
                block();
                let before = Instant::now();
                yield_now().await;
                assert_eq!(Instant::now(), before);
            }
        });
        simulation.client("hand", async move {
            for number in 0..100 {
                sleep(millis(1)).await;
                sim::control().set_drift("busy", [millionths, 0][number % 2]);
            }
        });
        run(simulation);
    }
}

/// How long a connect may take counts from when it begins.
#[test]
fn a_connect_has_all_of_its_time() {
    let faults = vec![slow_disk("client", 1_000_000)];
    let mut simulation = Simulation::builder(7).faults(faults).build();
    simulation.host("server", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
        let _stream = listener.accept().await.unwrap();
        pending::<()>().await
    });
    simulation.client("client", async {
        sleep(millis(1)).await;
        let before = Instant::now();
        block();
        assert!(Instant::now() - before > secs(500));
        TcpStream::connect("server:7").await.unwrap();
        block();
        let before = Instant::now();
        assert!(TcpStream::connect("10.9.9.9:7").await.is_err());
        assert!(Instant::now() - before >= secs(1));
    });
    run(simulation);
}

/// A program that blocks for ever sends nothing more.
#[test]
fn there_is_no_time_after_the_last() {
    let faults = (0..3).map(|_| slow_disk("busy", u32::MAX)).collect();
    let mut simulation = Simulation::builder(7).faults(faults).build();
    simulation.host("busy", || async {
        sleep(millis(1)).await;
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        block();
        socket.send_to(b"frog", "client:7").await.unwrap();
        let _ = TcpStream::connect("client:7").await;
    });
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        sleep(secs(10)).await;
        assert!(socket.try_recv_from(&mut [0; 10]).is_err());
        assert!(sim::control().is_up("busy"));
    });
    run(simulation);
}

/// What made a program blocked, and panicked: the next one begins when it is started.
#[test]
fn time_is_not_left_over() {
    let mut simulation = Simulation::builder(7).host_failures_end(false).build();
    let started = Rc::new(Cell::new(None));
    let starts = started.clone();
    let mut first = true;
    simulation.host("frog", move || {
        if std::mem::take(&mut first) {
            (0..100).for_each(|_| block());
            panic!("no pond");
        }
        starts.set(Some(Instant::now()));
        pending::<()>()
    });
    simulation.client("hand", async {
        sleep(millis(1)).await;
        sim::control().restart("frog");
        sleep(millis(1)).await;
    });
    run(simulation);
    assert_eq!(started.get(), Some(Instant::from_millis(1)));
}

/// What has not left a host when its power goes never does: neither what a program sends that is ahead, nor what is to be
/// sent again.
#[test]
fn a_host_without_power_sends_nothing() {
    let mut simulation = Simulation::new(7);
    simulation.host("node", || async {
        let stream = TcpStream::connect("client:7").await.unwrap();
        sleep(millis(500)).await;
        stream.write_all(b"frog").await.unwrap();
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        sleep(millis(500)).await;
        (0..2000).for_each(|_| block());
        socket.send_to(b"frog", "client:7").await.unwrap();
        pending::<()>().await
    });
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        sleep(millis(250)).await;
        sim::control().partition("node", "client");
        sleep(secs(1)).await;
        sim::control().crash("node");
        sim::control().repair("node", "client");
        sleep(secs(60)).await;
        assert!(socket.try_recv_from(&mut [0; 9]).is_err());
        assert!(stream.try_read(&mut [0; 9]).is_err());
    });
    run(simulation);
}
