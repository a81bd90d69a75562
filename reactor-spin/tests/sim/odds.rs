//! What nobody expects: schedules that somebody has edited, hosts that fail before they begin, destructors that go on.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use polliwog_core::sync::oneshot;
use polliwog_core::time::{Instant, sleep, timeout};
use polliwog_core::{Handle, spawn, try_spawn, yield_now};
use polliwog_spin::Error;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{self, Fault, Latency, Link, Reason, Simulation, explore, fs};

use crate::{Done, ask, echo, millis, run, secs};

#[test]
fn ranges_of_seeds_have_ends() {
    let nothing = |builder: sim::Builder| builder.build().run();
    #[expect(
        clippy::reversed_empty_ranges,
        reason = "nobody should write it, some will"
    )]
    let reversed = explore(5..3, 2, nothing);
    assert_eq!(reversed.tried, 0);
    assert_eq!(explore(7..7, 0, nothing).tried, 0);
    let seen = AtomicU64::new(0);
    let exploration = explore(u64::MAX - 3..u64::MAX, 4, |builder| {
        assert!(builder.seed() >= u64::MAX - 3);
        seen.fetch_add(1, Ordering::Relaxed);
        builder.build().run()
    });
    exploration.unwrap();
    assert_eq!(seen.into_inner(), 3);
}

#[test]
fn who_fails_before_it_begins_has_failed() {
    let simulation = |ends: bool| {
        let mut simulation = Simulation::builder(1).host_failures_end(ends).build();
        simulation.host("bad", || {
            if sim::is_simulated() {
                panic!("no program");
            }
            pending::<()>()
        });
        simulation.host("echo", echo);
        simulation.client("client", async {
            let stream = TcpStream::connect("echo:7").await?;
            assert_eq!(ask(&stream, b"frog").await?, b"frog");
            assert!(!sim::control().is_up("bad"));
            // Nobody listens there, but its system goes on.
            let refused = TcpStream::connect("bad:7").await.unwrap_err();
            assert_eq!(refused, Error::ConnectionRefused);
            Done::Ok(())
        });
        simulation
    };
    let failure = simulation(true).run().unwrap_err();
    assert_eq!(failure.reason, Reason::Panic("no program".into()));
    assert_eq!(failure.host.as_deref(), Some("bad"));
    let report = run(simulation(false));
    assert_eq!(report.failed.len(), 1);
    assert!(report.failed[0].1.contains("no program"));
}

#[test]
fn a_fault_that_lasts_no_time_is_over() {
    for seed in 0..30 {
        let faults = [
            "partition echo from client",
            "loss 1000",
            "pause echo",
            "diskfull client",
        ];
        let faults = faults.map(|what| format!("10ms for 0ns: {what}").parse().unwrap());
        let mut simulation = Simulation::builder(seed).faults(faults.into()).build();
        simulation.host("echo", echo);
        simulation.client("client", async {
            sleep(millis(20)).await;
            fs::write("log", "frog").await.unwrap();
            let stream = TcpStream::connect("echo:7").await?;
            let answer = timeout(secs(1), ask(&stream, b"frog")).await.unwrap();
            assert_eq!(answer?, b"frog");
            Done::Ok(())
        });
        run(simulation);
    }
}

#[test]
fn a_fault_of_a_host_that_is_not_there_is_told() {
    for what in [
        "crash ehco",
        "partition echo from client,tod",
        "diskfull nobody",
    ] {
        let fault: Fault = format!("10ms for 1s: {what}").parse().unwrap();
        let mut simulation = Simulation::builder(1).faults(vec![fault]).build();
        simulation.host("echo", echo);
        simulation.client("client", sleep(secs(2)));
        let failure = simulation.run().unwrap_err().to_string();
        let name = what.rsplit([' ', ',']).next().unwrap();
        let told = format!("{what}`: no host has the name {name}");
        assert!(failure.contains(&told), "{failure}");
    }
    assert_eq!(run(Simulation::new(1)).turns, 0);
}

/// A client that waits for what a real thread sends. The thread does so once nothing runs on its host, while another one
/// waits for that.
fn woken_by_a_thread(client: impl AsyncFnOnce(oneshot::Receiver<()>) + 'static) -> sim::Failure {
    let mut simulation = Simulation::builder(1).time_limit(secs(1)).build();
    let (go, goes) = std::sync::mpsc::channel();
    let thread = Rc::new(Cell::new(None));
    let threads = thread.clone();
    simulation.host("joiner", move || {
        let (go, thread) = (go.clone(), threads.clone());
        async move {
            sleep(millis(5)).await;
            go.send(()).unwrap();
            let thread: std::thread::JoinHandle<()> = thread.take().unwrap();
            thread.join().unwrap();
        }
    });
    simulation.client("impure", async move {
        let (sender, receiver) = oneshot::channel();
        let reader = std::thread::Builder::new().name("reader".into());
        let reader = reader.spawn(move || {
            goes.recv().unwrap();
            sender.send(()).ok();
        });
        thread.set(Some(reader.unwrap()));
        client(receiver).await;
    });
    simulation.run().unwrap_err()
}

#[test]
fn who_was_woken_by_a_thread_is_named() {
    async fn reads_a_real_file(receiver: oneshot::Receiver<()>) {
        receiver.await.ok();
    }
    let failure = woken_by_a_thread(async |receiver| {
        spawn(reads_a_real_file(receiver)).unwrap().await.unwrap();
    });
    assert_eq!(failure.host.as_deref(), Some("impure"));
    match &failure.reason {
        Reason::ForeignThread { tasks, thread } => {
            assert_eq!(thread.as_deref(), Some("reader"));
            assert!(
                matches!(&**tasks, [task] if task.contains("reads_a_real_file")),
                "{tasks:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    // Of the host's own program the place where it was given to the simulation.
    let failure = woken_by_a_thread(async |receiver| {
        receiver.await.ok();
    });
    let failure = failure.to_string();
    assert!(failure.contains("odds.rs:"), "{failure}");
}

/// Sends on a thread of its own, which is over when this returns.
fn send_from_a_thread(sender: oneshot::Sender<()>) {
    let thread = std::thread::Builder::new().name("quick".into());
    let thread = thread.spawn(move || sender.send(()).unwrap());
    thread.unwrap().join().unwrap();
}

#[test]
fn a_thread_that_wakes_a_task_of_a_host_that_runs_is_found() {
    let mut while_it_is_polled = Simulation::new(1);
    while_it_is_polled.client("impure", async {
        let (sender, receiver) = oneshot::channel();
        let (mut receiver, mut sender) = (pin!(receiver), Some(sender));
        poll_fn(|cx| {
            let polled = receiver.as_mut().poll(cx);
            sender.take().into_iter().for_each(send_from_a_thread);
            polled
        })
        .await
        .unwrap();
    });
    let mut in_the_last_poll = Simulation::new(1);
    in_the_last_poll.client("impure", async {
        let (sender, receiver) = oneshot::channel();
        spawn(receiver).unwrap().detach();
        // In whatever order tasks are polled, it waits then.
        for _ in 0..3 {
            yield_now().await;
        }
        send_from_a_thread(sender);
    });
    let mut by_its_handle = Simulation::new(1);
    by_its_handle.client("impure", async {
        let handle = Handle::current().unwrap();
        let thread = std::thread::spawn(move || handle.spawn(async {}).map(drop));
        thread.join().unwrap().unwrap();
    });
    for mut simulation in [while_it_is_polled, in_the_last_poll, by_its_handle] {
        let failure = simulation.run().unwrap_err();
        assert_eq!(failure.host.as_deref(), Some("impure"), "{failure}");
        assert!(
            matches!(failure.reason, Reason::ForeignThread { .. }),
            "{failure}"
        );
    }
}

#[test]
fn a_stall_names_the_tasks_and_what_they_may_wait_for() {
    async fn waits_for_a_thread(receiver: oneshot::Receiver<()>) {
        receiver.await.ok();
    }
    let mut simulation = Simulation::new(1);
    simulation.host("pond", pending::<()>);
    simulation.client("impure", async {
        // Whoever keeps it would send some real time later.
        let (_sender, receiver) = oneshot::channel();
        for _ in 0..20 {
            spawn(pending::<()>()).unwrap().detach();
        }
        spawn(waits_for_a_thread(receiver)).unwrap().await.unwrap();
    });
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.reason, Reason::Stalled(vec!["impure".into()]));
    let text = failure.to_string();
    assert!(text.contains("these wait: impure;"), "{text}");
    assert!(text.contains("a real thread"), "{text}");
    assert!(
        text.contains("\n  impure: ") && text.contains("odds.rs:"),
        "{text}"
    );
    assert!(text.contains("more"), "{text}");
    let mut simulation = Simulation::new(1);
    simulation.host("pond", pending::<()>);
    simulation.client("impure", async {
        let (_sender, receiver) = oneshot::channel();
        spawn(waits_for_a_thread(receiver)).unwrap().await.unwrap();
    });
    let text = simulation.run().unwrap_err().to_string();
    assert!(text.contains("waits_for_a_thread"), "{text}");
    assert!(text.contains("\n  pond: "), "{text}");
}

#[test]
fn a_destructor_at_a_crash_reaches_nobody() {
    /// What of a future comes at once.
    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }
    struct LastWords(Rc<UdpSocket>, Rc<Cell<u32>>);
    impl Drop for LastWords {
        fn drop(&mut self) {
            let sink = (sim::control().addr("sink").unwrap(), 7).into();
            assert!(self.0.try_send_to(b"old", sink).is_err());
            assert!(now(UdpSocket::bind("0.0.0.0:9")).unwrap().is_err());
            assert!(now(TcpListener::bind("0.0.0.0:9")).unwrap().is_err());
            assert!(now(TcpStream::connect("sink:7")).unwrap().is_err());
            assert!(try_spawn(async {}).is_err());
            self.1.set(self.1.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let drops = dropped.clone();
    let mut simulation = Simulation::new(1);
    simulation.host("sink", || async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let (_, from) = socket.recv_from(&mut [0; 16]).await?;
        assert_eq!(from.port(), 8, "that was the first life's");
        pending::<Done>().await
    });
    simulation.host("server", move || {
        let drops = drops.clone();
        async move {
            let socket = Rc::new(UdpSocket::bind("0.0.0.0:9").await?);
            let _words = LastWords(socket, drops);
            pending::<Done>().await
        }
    });
    simulation.client("client", async {
        sleep(secs(1)).await;
        sim::control().crash("server");
        sleep(secs(1)).await;
        sim::control().restart("server");
        sleep(secs(1)).await;
    });
    run(simulation);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn held_messages_find_that_everybody_has_gone() {
    for seed in 0..10 {
        let mut simulation = Simulation::new(seed);
        simulation.host("echo", echo);
        simulation.client("client", async {
            let control = sim::control();
            let stream = TcpStream::connect("echo:7").await?;
            let socket = UdpSocket::bind("0.0.0.0:9").await?;
            for (from, to) in [("client", "echo"), ("echo", "client")] {
                control.hold(from, to);
                stream.write_all(b"frog").await?;
                socket.send_to(b"frog", "echo:9").await?;
                sleep(secs(1)).await;
            }
            let held: Vec<u64> = control
                .in_flight()
                .iter()
                .map(|held| held.message)
                .collect();
            assert!(!held.is_empty());
            drop((stream, socket));
            control.crash("echo");
            control.restart("echo");
            sleep(millis(10)).await;
            for (at, message) in held.iter().enumerate() {
                assert_eq!(control.release_one(*message), at < held.len());
                assert!(!control.release_one(*message));
            }
            for (from, to) in [("client", "echo"), ("echo", "client")] {
                control.release(from, to);
                // Also when nothing is held there.
                control.release(from, to);
            }
            let stream = TcpStream::connect("echo:7").await?;
            assert_eq!(ask(&stream, b"again").await?, b"again");
            Done::Ok(())
        });
        run(simulation);
    }
}

#[test]
fn commands_of_one_instant_are_done_in_their_order() {
    let starts = Rc::new(Cell::new(0));
    let counts = starts.clone();
    let mut simulation = Simulation::new(1);
    simulation.host("server", move || {
        counts.set(counts.get() + 1);
        echo()
    });
    simulation.client("client", async {
        let control = sim::control();
        let old = TcpStream::connect("server:7").await?;
        control.pause("server");
        control.crash("server");
        control.resume("server");
        control.restart("server");
        control.restart("server");
        control.kill("server");
        control.kill("server");
        control.crash("server");
        control.restart("server");
        sleep(millis(1)).await;
        assert!(control.is_up("server"));
        let stream = TcpStream::connect("server:7").await?;
        assert_eq!(ask(&stream, b"frog").await?, b"frog");
        assert_eq!(ask(&old, b"frog").await, Err(Error::ConnectionReset));
        Done::Ok(())
    });
    run(simulation);
    assert_eq!(starts.get(), 4);
}

#[test]
fn a_partition_in_the_middle_of_a_connect_delays_it() {
    for at in [0, 5, 15, 25, 35] {
        let link = Link::new(Latency::fixed(millis(10)));
        let mut simulation = Simulation::builder(at).link(link).build();
        simulation.host("echo", echo);
        simulation.client("client", async move {
            let connect = spawn(async {
                let stream = TcpStream::connect("echo:7").await?;
                ask(&stream, b"frog").await
            });
            sleep(millis(at)).await;
            sim::control().partition("client", "echo");
            sleep(secs(3)).await;
            sim::control().repair_all();
            let start = Instant::now();
            assert_eq!(connect.unwrap().await.unwrap()?, b"frog");
            assert!(start.elapsed() < secs(10));
            Done::Ok(())
        });
        run(simulation);
    }
}

#[test]
fn a_port_in_time_wait_comes_back() {
    let link = Link::new(Latency::fixed(millis(1)));
    let builder = Simulation::builder(1).link(link).ephemeral_ports(1);
    let mut simulation = builder.time_wait(secs(10)).build();
    simulation.host("echo", echo);
    simulation.client("client", async {
        for _ in 0..3 {
            let stream = TcpStream::connect("echo:7").await?;
            assert_eq!(ask(&stream, b"frog").await?, b"frog");
            // Another peer's port is another one.
            drop(stream);
            let full = TcpStream::connect("echo:7").await.unwrap_err();
            assert_eq!(full, Error::AddrNotAvailable);
            sleep(secs(11)).await;
        }
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn reads_are_short_or_wrong_if_somebody_wants_it() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let text = vec![7; 1000];
        fs::write("log", &text).await?;
        sim::control().set_disk_short_reads("client", 1.0);
        let mut file = fs::File::open("log").await?;
        let mut buf = [0; 1000];
        let count = file.read(&mut buf).await?;
        assert!(0 < count && count < 1000);
        // Who reads all of it does.
        assert_eq!(fs::read("log").await?, text);
        let mut file = fs::File::open("log").await?;
        file.read_exact(&mut buf).await?;
        assert!(buf == [7; 1000]);
        sim::control().set_disk_short_reads("client", 0.0);
        sim::control().set_disk_corruption("client", 1.0);
        let wrong = fs::read("log").await?;
        let bits = wrong.iter().map(|byte| (byte ^ 7).count_ones());
        assert_eq!(bits.sum::<u32>(), 1);
        sim::control().set_disk_corruption("client", 0.0);
        assert_eq!(fs::read("log").await?, text);
        std::io::Result::Ok(())
    });
    run(simulation);
}

#[test]
fn a_crash_in_the_middle_of_a_sync_is_before_or_after_it() {
    let mut kept = Vec::new();
    for micros in (0..6000).step_by(500) {
        let mut simulation = Simulation::new(3);
        let found = Rc::new(RefCell::new(None));
        let finds = found.clone();
        let synced = Rc::new(Cell::new(false));
        let syncs = synced.clone();
        simulation.host("store", move || {
            let (finds, syncs) = (finds.clone(), syncs.clone());
            async move {
                match fs::read("log").await {
                    Ok(bytes) => *finds.borrow_mut() = Some(bytes),
                    Err(_) => {
                        let mut file = fs::File::create("log").await?;
                        file.write_all(b"frog").await?;
                        file.sync_all().await?;
                        syncs.set(true);
                    }
                }
                pending::<std::io::Result<()>>().await
            }
        });
        simulation.run_for(Duration::from_micros(micros)).unwrap();
        let control = simulation.control();
        control.crash("store");
        control.restart("store");
        simulation.run_for(secs(1)).unwrap();
        let found = found.take();
        kept.push(found.is_some());
        if synced.get() && found.is_some() {
            assert_eq!(found.as_deref(), Some(&b"frog"[..]));
        }
    }
    assert!(kept.contains(&true) && kept.contains(&false), "{kept:?}");
}

#[test]
fn a_fault_lasts_as_long_as_the_last_of_its_kind() {
    let faults = [
        "1s for 4s: crash server",
        "2s for 1s: kill server",
        "10s for 4s: pause server",
        "11s for 1s: pause server",
        "20s for 4s: drift server 100000",
        "21s for 1s: drift server 500000",
        // This one finds that somebody has started it by hand.
        "30s for 4s: crash server",
    ];
    let faults = faults.map(|fault| fault.parse().unwrap());
    let starts = Rc::new(Cell::new(0));
    let counts = starts.clone();
    let mut simulation = Simulation::builder(1).faults(faults.into()).build();
    simulation.host("server", move || {
        counts.set(counts.get() + 1);
        async {
            let socket = UdpSocket::bind("0.0.0.0:7").await?;
            loop {
                let (_, from) = socket.recv_from(&mut [0; 8]).await?;
                let now = polliwog_core::Instant::now().as_duration().as_nanos() as u64;
                socket.send_to(&now.to_be_bytes(), from).await?;
            }
            #[expect(unreachable_code, reason = "it says what the future's type is")]
            Done::Ok(())
        }
    });
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        // What the server's clock shows, if it answers.
        let clock = async || {
            socket.send_to(b"?", "server:7").await.unwrap();
            let mut now = [0; 8];
            let answer = timeout(millis(100), socket.recv(&mut now)).await;
            answer
                .ok()
                .map(|_| Duration::from_nanos(u64::from_be_bytes(now)))
        };
        let until = async |at: u64| sleep(millis(at) - sim::control().elapsed()).await;
        for (at, answers) in [
            (500, true),
            (1500, false),
            (3500, false),
            (5500, true),
            (10_500, false),
            (12_500, false),
        ] {
            until(at).await;
            assert_eq!(clock().await.is_some(), answers, "{at}");
        }
        until(15_000).await;
        while socket.try_recv(&mut [0; 8]).is_ok() {}
        let rate = async |at: u64| {
            until(at).await;
            let before = clock().await.unwrap();
            until(at + 500).await;
            (clock().await.unwrap() - before)
                .as_millis()
                .next_multiple_of(50)
        };
        let rates = [rate(19_000).await, rate(20_200).await, rate(21_200).await];
        assert_eq!(rates, [500, 550, 750]);
        assert_eq!([rate(22_500).await, rate(24_500).await], [550, 500]);
        until(31_000).await;
        assert!(!sim::control().is_up("server"));
        sim::control().restart("server");
        until(40_000).await;
        assert!(clock().await.is_some());
        Done::Ok(())
    });
    run(simulation);
    assert_eq!(starts.get(), 3);
}

/// A host misbehaves when a fault says so, at no other time, and no other host does; each place is told.
#[test]
fn places_misbehave_while_a_fault_lasts() {
    let run = |builder: sim::Builder, faults: &[&str]| {
        let faults: Vec<Fault> = faults.iter().map(|text| text.parse().unwrap()).collect();
        let mut simulation = builder.faults(faults).trace(1 << 16).build();
        let seen = Rc::new(RefCell::new(Vec::new()));
        for name in ["one", "other"] {
            let seen = seen.clone();
            simulation.client(name, async move {
                for second in 0..100 {
                    if sim::buggify() {
                        seen.borrow_mut().push((name, second));
                    }
                    sleep(secs(1)).await;
                }
            });
        }
        let report = simulation.run().unwrap();
        let told = report.trace.iter().map(ToString::to_string);
        let told = told
            .filter(|event| event.contains("buggify odds.rs:"))
            .count();
        assert_eq!(told, seen.borrow().len());
        seen.take()
    };
    assert_eq!(run(Simulation::builder(1), &[]), []);
    // They add up.
    let faults = ["9500ms for 50s: buggify one", "20s for 10s: buggify one"];
    let seen = run(Simulation::builder(1), &faults);
    assert!((5..25).contains(&seen.len()), "{seen:?}");
    assert!(
        seen.iter()
            .all(|(name, second)| *name == "one" && (10..60).contains(second))
    );
    assert!(seen.iter().any(|(_, second)| *second > 30), "{seen:?}");
    assert!(!sim::buggify() && !sim::buggify_with_probability(1.0));
}
