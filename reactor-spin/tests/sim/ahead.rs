//! Hosts that have run ahead by blocking, when something happens to them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::pending;
use std::io::{BufWriter, Write};
use std::rc::Rc;
use std::time::Duration;

use polliwog_core::Instant;
use polliwog_core::task::yield_now;
use polliwog_core::time::{sleep, timeout};
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::signal::unix::{SignalKind, restore_default, signal};
use polliwog_spin::sim::{
    self, Control, Fault, FaultKind, History, Simulation, fs as later, std::fs,
};

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
fn slow_disk(from: Duration, host: &str, times: u32) -> Fault {
    let kind = FaultKind::DiskSlow(host.into(), times);
    Fault::new(from, secs(100_000), kind)
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

/// A process that waits by blocking before it listens to a signal is ended by one that comes meanwhile, and one that stops to listen
/// then is not.
#[test]
fn what_a_process_does_about_signals_has_its_own_instant() {
    let terminate = SignalKind::terminate();
    for (listens_first, at, survives) in [
        (false, millis(500), false),
        (false, secs(20), true),
        (true, millis(500), true),
        (true, secs(20), false),
    ] {
        let faults = vec![slow_disk(millis(60), "server", 2000)];
        let mut simulation = Simulation::builder(7).faults(faults).build();
        simulation.host("server", move || async move {
            let first = listens_first.then(|| signal(terminate).unwrap());
            sleep(millis(70)).await;
            block();
            assert!(sim::control().elapsed() > secs(1));
            let second = match first {
                Some(_) => restore_default(terminate).map(|()| None),
                None => signal(terminate).map(Some),
            };
            pending::<()>().await;
            drop(second);
        });
        simulation.client("operator", async move {
            sleep(at).await;
            sim::control().signal("server", terminate);
            sleep(millis(1)).await;
            assert_eq!(
                sim::control().is_up("server"),
                survives,
                "{listens_first} {at:?}"
            );
        });
        run(simulation);
    }
}

/// How long a connect may take counts from when it begins.
#[test]
fn a_connect_has_all_of_its_time() {
    let faults = vec![slow_disk(millis(0), "client", 1_000_000)];
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
    let faults = (0..3)
        .map(|_| slow_disk(millis(0), "busy", u32::MAX))
        .collect();
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

/// A host that is ahead by more than a second, and what the others find of it.
fn far_ahead() -> Simulation {
    Simulation::builder(7)
        .faults(vec![slow_disk(millis(60), "busy", 2000)])
        .trace(usize::MAX)
        .build()
}

/// What it asks for happens when its clock says so, after all that the others do until then.
#[test]
fn commands_and_barriers_have_the_instant_of_their_host() {
    let mut simulation = far_ahead();
    let (asked, ticked) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
    let (asks, ticks) = (asked.clone(), ticked.clone());
    let mut barrier = simulation.control().watch_at(|_: &&str| true);
    simulation.client("busy", async move {
        sleep(millis(70)).await;
        block();
        let own = sim::control().elapsed();
        assert!(own > secs(1));
        asks.set(Some(own));
        sim::reach("the pond").await;
        sim::note("ahead");
        // In this order: it is not up at the end.
        sim::control().restart("ticks");
        sim::control().crash("ticks");
        sim::control().partition("hand", "server");
        sleep(secs(1)).await;
        assert!(!sim::control().is_up("ticks"));
    });
    simulation.host("ticks", move || {
        let ticks = ticks.clone();
        async move {
            loop {
                ticks.set(Some(sim::control().elapsed()));
                sleep(millis(1)).await;
            }
        }
    });
    simulation.host("server", crate::echo);
    let found = asked.clone();
    simulation.client("hand", async move {
        let arrival = barrier.next().await;
        assert_eq!(Some(arrival.at()), found.get());
        assert_eq!(sim::control().elapsed(), arrival.at());
        sleep(millis(1)).await;
        let connecting = TcpStream::connect("server:7");
        assert!(timeout(millis(500), connecting).await.is_err());
    });
    simulation.client("early", async {
        sleep(millis(900)).await;
        TcpStream::connect("server:7").await.unwrap();
    });
    let report = run(simulation);
    let (asked, ticked) = (asked.take().unwrap(), ticked.take().unwrap());
    assert!(
        ticked + millis(1) >= asked && ticked <= asked,
        "{ticked:?} {asked:?}"
    );
    let note = report
        .trace
        .iter()
        .find(|event| event.what.to_string().contains("ahead"));
    assert_eq!(note.unwrap().at, asked);
}

/// Whoever is ended while it is ahead has not done what would have come after that.
#[test]
fn what_a_host_would_have_done_after_its_end_never_happens() {
    let ends = [
        (Control::crash as fn(&Control, &str), false),
        (Control::kill, true),
    ];
    for (end, is_told) in ends {
        let mut simulation = far_ahead();
        let history = History::new(0);
        let found = Rc::new(RefCell::new(None));
        let (finds, mine) = (found.clone(), history.clone());
        let mut barrier = simulation.control().watch_at(|_: &&str| true);
        simulation.host("busy", move || {
            let (finds, mine) = (finds.clone(), mine.clone());
            async move {
                if sim::control().elapsed() > millis(50) {
                    let log = later::read_to_string("log").await;
                    let names = ["new", "other"].map(later::try_exists);
                    let [new, other] = names;
                    *finds.borrow_mut() =
                        Some((log.unwrap(), new.await.unwrap(), other.await.unwrap()));
                    return pending().await;
                }
                let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
                let stream = TcpStream::connect("hand:7").await.unwrap();
                let mut file = later::File::create("log").await.unwrap();
                file.write_all(b"tadpole").await.unwrap();
                file.sync_all().await.unwrap();
                later::write("other", b"").await.unwrap();
                later::File::open("/")
                    .await
                    .unwrap()
                    .sync_all()
                    .await
                    .unwrap();
                stream.write_all(b"tadpole").await.unwrap();
                // A disk that is slow from now on.
                sleep(millis(70)).await;
                fs::write("log", "frog").unwrap();
                fs::rename("other", "new").unwrap();
                fs::File::open("log").unwrap().sync_all().unwrap();
                assert_eq!(fs::read_to_string("log").unwrap(), "frog");
                stream.write_all(b"frog").await.unwrap();
                socket.send_to(b"frog", "hand:7").await.unwrap();
                sim::reach("the pond").await;
                sim::note("frog");
                sim::control().crash("bystander");
                mine.read().saw(7);
                drop(stream);
                pending::<()>().await
            }
        });
        simulation.host("bystander", pending::<()>);
        simulation.client("hand", async move {
            let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            sleep(millis(200)).await;
            end(&sim::control(), "busy");
            sleep(secs(20)).await;
            let mut buf = [0; 99];
            assert_eq!(stream.read(&mut buf).await, Ok(7));
            assert!(socket.try_recv_from(&mut buf).is_err());
            assert!(sim::control().is_up("bystander"));
            assert!(barrier.try_next().is_none());
            // A system closes what its killed process leaves open.
            let rest = timeout(secs(20), stream.read(&mut buf)).await;
            assert_eq!(rest.ok(), is_told.then_some(Ok(0)));
            sim::control().restart("busy");
            sleep(secs(60)).await;
        });
        let report = run(simulation);
        assert_eq!(found.take(), Some(("tadpole".into(), false, true)));
        assert_eq!(history.check(), Ok(()));
        let mut notes = report.trace.iter().map(|event| event.what.to_string());
        assert!(!notes.any(|text| text.contains("notes: frog")));
    }
}

/// A process that is stopped while it is ahead does the rest when it goes on.
#[test]
fn what_a_host_would_have_done_in_a_pause_happens_after_it() {
    let mut simulation = far_ahead();
    let mut barrier = simulation.control().watch_at(|_: &&str| true);
    simulation.host("busy", || async {
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        sleep(millis(70)).await;
        block();
        assert!(sim::control().elapsed() < secs(30));
        socket.send_to(b"frog", "hand:7").await.unwrap();
        sim::reach("the pond").await;
        sim::control().crash("bystander");
        yield_now().await;
        assert!(sim::control().elapsed() >= secs(60));
        pending::<()>().await
    });
    simulation.host("bystander", pending::<()>);
    simulation.client("hand", async move {
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        sleep(millis(100)).await;
        sim::control().pause("busy");
        sleep(secs(60)).await;
        assert!(socket.try_recv_from(&mut [0; 9]).is_err());
        assert!(barrier.try_next().is_none());
        assert!(sim::control().is_up("bystander"));
        sim::control().resume("busy");
        sleep(secs(1)).await;
        assert!(socket.try_recv_from(&mut [0; 9]).is_ok());
        assert!(barrier.try_next().unwrap().at() > secs(60));
        assert!(!sim::control().is_up("bystander"));
    });
    run(simulation);
}

/// Whenever it strikes, disk and network show one moment of the program, which writes a number, syncs and sends it.
#[test]
fn disk_and_network_show_one_moment_of_a_program_that_blocks() {
    let mut moments = BTreeSet::new();
    for seed in 0..80 {
        let mut simulation = Simulation::new(seed);
        let found = Rc::new(Cell::new(None));
        let finds = found.clone();
        simulation.host("store", move || {
            let finds = finds.clone();
            async move {
                if let Ok(log) = later::read("log").await {
                    finds.set(Some(log.len()));
                    return pending().await;
                }
                let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
                let mut log = fs::File::create("log").unwrap();
                log.sync_all().unwrap();
                for number in 0..100 {
                    log.write_all(&[number]).unwrap();
                    log.sync_all().unwrap();
                    socket.send_to(&[number], "hand:7").await.unwrap();
                }
                pending::<()>().await
            }
        });
        let sent = Rc::new(Cell::new(0));
        let hears = sent.clone();
        simulation.client("hand", async move {
            let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
            sleep(millis(6 + sim::random() % 300)).await;
            if seed % 4 > 1 {
                sim::control().pause("store");
                sleep(millis(sim::random() % 100)).await;
            }
            if seed % 4 > 2 {
                sim::control().resume("store");
                sleep(millis(sim::random() % 100)).await;
            }
            match seed % 4 {
                1 => sim::control().kill("store"),
                _ => sim::control().crash("store"),
            }
            sleep(millis(500)).await;
            while socket.try_recv_from(&mut [0; 9]).is_ok() {
                hears.set(hears.get() + 1);
            }
            sim::control().restart("store");
            sleep(millis(100)).await;
        });
        run(simulation);
        let (sent, found) = (sent.get(), found.get().unwrap());
        // It was ended before it sent a number, or before it wrote the next one.
        assert!(
            sent == found || sent + 1 == found,
            "seed {seed}: {sent} {found}"
        );
        moments.insert(found);
    }
    assert!(moments.len() > 20, "{moments:?}");
}

/// What it has done while it was ahead comes before what it does when the others have come as far.
#[test]
fn a_program_does_all_in_its_order() {
    for seed in 0..20 {
        let mut simulation = Simulation::new(seed);
        simulation.client("busy", async {
            block();
            sim::control().crash("other");
            yield_now().await;
            sim::control().restart("other");
            sleep(secs(1)).await;
            assert!(sim::control().is_up("other"));
        });
        simulation.host("other", pending::<()>);
        run(simulation);
    }
}
