//! Hosts: their programs, their ends, their clocks.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use polliwog_core::sync::oneshot;
use polliwog_core::time::{Instant, interval, sleep, timeout};
use polliwog_core::{spawn, yield_now};
use polliwog_spin::net::{TcpListener, TcpStream};
use polliwog_spin::sim::{self, Reason, Simulation};

use crate::{ask, echo, millis, run, secs, text};

#[test]
fn a_run_ends_with_its_clients() {
    let mut simulation = Simulation::new(1);
    simulation.host("echo", echo);
    for (name, wait) in [("one", 10), ("two", 3600)] {
        simulation.client(name, sleep(secs(wait) - millis(1)));
    }
    let report = run(simulation);
    assert_eq!(report.elapsed, secs(3600) - millis(1));
}

#[test]
fn each_host_knows_its_name() {
    let mut simulation = Simulation::new(1);
    assert!(!sim::is_simulated());
    for name in ["frog", "toad"] {
        simulation.client(name, async move {
            assert!(sim::is_simulated());
            assert_eq!(sim::host_name().as_deref(), Some(name));
            // A task of the host, too.
            let task = spawn(async move {
                sleep(millis(1)).await;
                sim::host_name()
            });
            assert_eq!(task.unwrap().await.unwrap().as_deref(), Some(name));
        });
    }
    run(simulation);
    assert_eq!(sim::host_name(), None);
}

#[test]
fn errors_and_panics_are_told_with_the_host() {
    let mut simulation = Simulation::new(17);
    simulation.host("server", || async {
        sleep(secs(1)).await;
        Err::<(), _>("no disk")
    });
    simulation.client("client", pending::<()>());
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.reason, Reason::Error("no disk".into()));
    assert_eq!(failure.host.as_deref(), Some("server"));
    assert_eq!((failure.seed, failure.at), (17, secs(1)));
    assert!(
        text(&failure).contains("seed 17") && text(&failure).contains("server failed: no disk")
    );

    let mut simulation = Simulation::new(1);
    simulation.client("client", async { panic!("it rains {}", "frogs") });
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.reason, Reason::Panic("it rains frogs".into()));
}

#[test]
fn a_hosts_panic_may_be_its_own_end() {
    let mut simulation = Simulation::builder(1).host_failures_end(false).build();
    simulation.host("fragile", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
        let _stream = listener.accept().await.unwrap();
        sleep(secs(1)).await;
        panic!("too much");
    });
    simulation.host("echo", echo);
    simulation.client("client", async {
        let fragile = TcpStream::connect("fragile:7").await?;
        let stream = TcpStream::connect("echo:7").await?;
        // Its system closes the connection.
        assert_eq!(fragile.read(&mut [0]).await, Ok(0));
        assert!(!sim::control().is_up("fragile"));
        assert_eq!(ask(&stream, b"still there").await?, b"still there");
        // And its port is nobody's.
        let refused = TcpStream::connect("fragile:7").await.unwrap_err();
        assert_eq!(refused, polliwog_spin::Error::ConnectionRefused);
        Ok::<(), polliwog_spin::Error>(())
    });
    let report = run(simulation);
    assert_eq!(report.failed.len(), 1);
    assert_eq!(&*report.failed[0].0, "fragile");
    assert!(report.failed[0].1.contains("too much"));
}

#[test]
fn a_stall_names_who_waits() {
    let mut simulation = Simulation::new(1);
    simulation.client("done", async {});
    simulation.client("stuck", pending::<()>());
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.reason, Reason::Stalled(vec!["stuck".into()]));
}

#[test]
fn a_time_limit_names_who_waits() {
    let mut simulation = Simulation::builder(1).time_limit(secs(60)).build();
    simulation.host("ticker", || async {
        let mut ticks = interval(secs(1));
        loop {
            ticks.tick().await;
        }
    });
    simulation.client("stuck", pending::<()>());
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.reason, Reason::TimeLimit(vec!["stuck".into()]));
    assert!(failure.at <= secs(60));
}

#[test]
fn a_livelock_is_found() {
    let mut simulation = Simulation::builder(1).turns_limit(1000).build();
    simulation.client("busy", async {
        loop {
            yield_now().await;
        }
    });
    let failure = simulation.run().unwrap_err();
    assert_eq!(
        (failure.reason, failure.host.as_deref()),
        (Reason::Livelock, Some("busy"))
    );
}

/// A program that is started anew before its first turn, and so on.
#[test]
fn a_livelock_of_starts_is_found() {
    let mut simulation = Simulation::builder(1).turns_limit(1000).build();
    for (name, other) in [("one", "other"), ("other", "one")] {
        simulation.host(name, move || {
            if sim::control().names().len() == 3 {
                sim::control().restart(other);
            }
            pending::<()>()
        });
    }
    simulation.client("client", sleep(secs(1)));
    let failure = simulation.run().unwrap_err();
    assert_eq!(failure.reason, Reason::Livelock);
}

#[test]
fn a_real_thread_is_found() {
    let mut simulation = Simulation::new(1);
    simulation.host("ticker", || async {
        let mut ticks = interval(millis(1));
        loop {
            ticks.tick().await;
            std::thread::yield_now();
        }
    });
    simulation.client("impure", async {
        let (sender, receiver) = oneshot::channel();
        let thread = std::thread::spawn(|| sender.send(()));
        receiver.await.ok();
        thread.join().unwrap().ok();
        pending::<()>().await;
    });
    let failure = simulation.run().unwrap_err();
    // Unless the thread was so fast that its value was there before anybody waited: then the end is another one.
    match failure.reason {
        Reason::ForeignThread { .. } => assert_eq!(failure.host.as_deref(), Some("impure")),
        Reason::TimeLimit(_) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_crash_drops_all_tasks_and_a_restart_begins_anew() {
    struct Told(Rc<Cell<u32>>);
    impl Drop for Told {
        fn drop(&mut self) {
            // Its own host's context is there.
            assert_eq!(sim::host_name().as_deref(), Some("server"));
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let starts = Rc::new(Cell::new(0));
    let mut simulation = Simulation::new(3);
    let (all, began) = (dropped.clone(), starts.clone());
    simulation.host("server", move || {
        began.set(began.get() + 1);
        let guards: Vec<_> = (0..10).map(|_| Told(all.clone())).collect();
        async move {
            for guard in guards {
                spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .unwrap()
                .detach();
            }
            echo().await
        }
    });
    let seen = dropped.clone();
    simulation.client("client", async move {
        let control = sim::control();
        let stream = TcpStream::connect("server:7").await?;
        assert_eq!(ask(&stream, b"a").await?, b"a");
        control.crash("server");
        sleep(millis(1)).await;
        assert_eq!(seen.get(), 10);
        assert!(!control.is_up("server"));
        // Silence: nobody refuses.
        assert!(
            timeout(secs(10), TcpStream::connect("server:7"))
                .await
                .is_err()
        );
        control.restart("server");
        sleep(millis(1)).await;
        assert!(control.is_up("server"));
        // The host is back and does not know the connection.
        stream.write_all(b"b").await?;
        let gone = stream.read(&mut [0]).await.unwrap_err();
        assert_eq!(gone, polliwog_spin::Error::ConnectionReset);
        let stream = TcpStream::connect("server:7").await?;
        assert_eq!(ask(&stream, b"c").await?, b"c");
        Ok::<(), polliwog_spin::Error>(())
    });
    run(simulation);
    assert_eq!((starts.get(), dropped.get()), (2, 20));
}

#[test]
fn a_host_may_crash_itself() {
    let mut simulation = Simulation::new(3);
    let starts = Rc::new(Cell::new(0));
    let began = starts.clone();
    simulation.host("lemming", move || {
        began.set(began.get() + 1);
        let first = began.get() == 1;
        async move {
            if first {
                sim::control().restart("lemming");
            }
            pending::<()>().await;
        }
    });
    simulation.client("client", sleep(secs(1)));
    run(simulation);
    assert_eq!(starts.get(), 2);
}

#[test]
fn a_killed_process_is_closed_by_its_system() {
    let mut simulation = Simulation::new(3);
    simulation.host("server", echo);
    simulation.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        assert_eq!(ask(&stream, b"a").await?, b"a");
        sim::control().kill("server");
        assert_eq!(stream.read(&mut [0]).await?, 0);
        let refused = TcpStream::connect("server:7").await.unwrap_err();
        assert_eq!(refused, polliwog_spin::Error::ConnectionRefused);
        Ok::<(), polliwog_spin::Error>(())
    });
    run(simulation);
}

#[test]
fn a_paused_host_answers_later() {
    let mut simulation = Simulation::new(3);
    simulation.host("server", echo);
    simulation.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        sim::control().pause("server");
        sleep(millis(1)).await;
        // Its system takes connections and bytes.
        let another = TcpStream::connect("server:7").await?;
        stream.write_all(b"a").await?;
        let mut buf = [0];
        assert!(timeout(secs(60), stream.read(&mut buf)).await.is_err());
        sim::control().resume("server");
        stream.read_exact(&mut buf).await?;
        assert_eq!(ask(&another, b"b").await?, b"b");
        Ok::<(), polliwog_spin::Error>(())
    });
    run(simulation);
}

#[test]
fn clocks_drift_and_jump() {
    let mut simulation = Simulation::new(3);
    simulation.control();
    let ends = Rc::new(RefCell::new(Vec::new()));
    for (name, ppm) in [("right", 0), ("fast", 100_000), ("slow", -100_000)] {
        let ends = ends.clone();
        simulation.client(name, async move {
            sim::control().set_drift(name, ppm);
            let (start, wall) = (Instant::now(), sim::system_time());
            sleep(secs(99)).await;
            assert_eq!(start.elapsed(), secs(99));
            assert_eq!(sim::system_time().duration_since(wall).unwrap(), secs(99));
            ends.borrow_mut().push((name, sim::control().elapsed()));
        });
    }
    run(simulation);
    let ends = ends.borrow();
    assert_eq!(ends[0], ("fast", secs(90)));
    assert_eq!(ends[1], ("right", secs(99)));
    assert_eq!(ends[2], ("slow", secs(110)));

    let mut simulation = Simulation::new(3);
    simulation.client("jumper", async {
        let (start, wall) = (Instant::now(), sim::system_time());
        assert_eq!(wall.duration_since(UNIX_EPOCH).unwrap(), secs(946_684_800));
        sim::control().clock_forward("jumper", secs(5));
        assert_eq!(sim::system_time().duration_since(wall).unwrap(), secs(5));
        sim::control().clock_back("jumper", secs(7));
        assert_eq!(wall.duration_since(sim::system_time()).unwrap(), secs(2));
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
    run(simulation);
}

#[test]
fn a_drift_that_begins_moves_the_timers_that_are_set() {
    let mut simulation = Simulation::new(3);
    simulation.client("sleeper", sleep(secs(100)));
    simulation.client("other", async {
        sleep(secs(50)).await;
        sim::control().set_drift("sleeper", 1_000_000);
        sleep(secs(26)).await;
        assert!(!sim::control().is_up("sleeper"));
    });
    assert_eq!(run(simulation).elapsed, secs(76));
}

#[test]
fn what_is_shared_wakes_other_hosts() {
    let mut simulation = Simulation::new(3);
    let (sender, receiver) = oneshot::channel();
    simulation.client("one", async move {
        sleep(secs(1)).await;
        sender.send(7).unwrap();
    });
    simulation.client("two", async move {
        assert_eq!(receiver.await, Ok(7));
        assert_eq!(Instant::now().as_duration(), secs(1));
    });
    run(simulation);
}

#[test]
fn a_simulation_is_run_bit_by_bit() {
    let mut simulation = Simulation::new(3);
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    simulation.host("ticker", move || {
        let count = counted.clone();
        async move {
            loop {
                sleep(secs(1)).await;
                count.set(count.get() + 1);
            }
        }
    });
    simulation.run_for(secs(10)).unwrap();
    assert_eq!((count.get(), simulation.elapsed()), (10, secs(10)));
    simulation.control().pause("ticker");
    simulation.run_for(secs(10)).unwrap();
    assert_eq!(count.get(), 10);
    simulation.control().resume("ticker");
    simulation.run_for(secs(10)).unwrap();
    // One that was due meanwhile, and ten since.
    assert_eq!(count.get(), 21);
    drop(simulation);
    assert_eq!(Rc::strong_count(&count), 1);
}
