//! What a simulation has to stand: crashes at any moment, destructors that panic, simulations in simulations, ends half
//! way.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use polliwog_core::time::{sleep, timeout};
use polliwog_core::{spawn, yield_now};
use polliwog_spin::Error;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{self, Latency, Link, Reason, Simulation, fs, spawn_blocking};

use crate::{ask, echo, millis, run, secs};

/// Something of everything that awaits, with a guard in each task.
async fn everything(guard: Rc<()>) -> Result<(), Error> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let socket = UdpSocket::bind("0.0.0.0:8").await?;
    let (one, two) = (guard.clone(), guard.clone());
    spawn(async move {
        let mut buf = [0; 16];
        while let Ok((count, from)) = socket.recv_from(&mut buf).await {
            socket.send_to(&buf[..count], from).await.ok();
        }
        drop(one);
    })
    .unwrap()
    .detach();
    loop {
        let (stream, _) = listener.accept().await?;
        let guard = two.clone();
        spawn(async move {
            let mut buf = [0; 16];
            while let Ok(count @ 1..) = stream.read(&mut buf).await {
                fs::write("log", &buf[..count]).await.ok();
                spawn_blocking(|| 7).await.ok();
                yield_now().await;
                stream.write_all(&buf[..count]).await.ok();
            }
            drop(guard);
        })
        .unwrap()
        .detach();
    }
}

#[test]
fn a_crash_or_kill_at_any_moment_leaves_nothing_behind() {
    let mut crashed = 0;
    for moment in 0..150_u64 {
        let guard = Rc::new(());
        let mut simulation = Simulation::new(moment / 50);
        let guards = guard.clone();
        simulation.host("server", move || everything(guards.clone()));
        let guards = guard.clone();
        simulation.client("client", async move {
            let _guard = guards;
            let mut answers = 0;
            while answers < 3 {
                let round = async {
                    let socket = UdpSocket::bind("0.0.0.0:0").await?;
                    socket.send_to(b"quak", "server:8").await?;
                    socket.recv(&mut [0; 16]).await?;
                    let stream = TcpStream::connect("server:7").await?;
                    ask(&stream, b"frog").await
                };
                if let Ok(Ok(_)) = timeout(millis(100), round).await {
                    answers += 1;
                }
            }
        });
        // It takes about 30 ms in all.
        let at = Duration::from_micros(moment % 50 * 613);
        simulation.run_for(at).unwrap();
        let control = simulation.control();
        match moment % 2 {
            0 => control.crash("server"),
            _ => control.kill("server"),
        }
        crashed += u32::from(simulation.run_for(millis(5)).is_ok());
        control.restart("server");
        run(simulation);
        assert_eq!(Rc::strong_count(&guard), 1, "{moment}");
    }
    assert_eq!(crashed, 150);
}

#[test]
fn an_end_half_way_drops_everything() {
    for micros in [0, 1, 1000, 2500, 7777] {
        let guard = Rc::new(());
        let mut simulation = Simulation::new(3);
        let guards = guard.clone();
        simulation.host("server", move || everything(guards.clone()));
        let guards = guard.clone();
        simulation.client("client", async move {
            let _guard = guards;
            let stream = TcpStream::connect("server:7").await.unwrap();
            loop {
                ask(&stream, b"frog").await.unwrap();
            }
        });
        simulation.run_for(Duration::from_micros(micros)).unwrap();
        // Whoever has it may keep it.
        let control = simulation.control();
        drop(simulation);
        assert_eq!(Rc::strong_count(&guard), 1);
        assert!(!control.is_up("server"));
        assert!(control.elapsed() >= Duration::from_micros(micros));
    }
    // Also before it has begun.
    let guard = Rc::new(());
    let guards = guard.clone();
    let mut simulation = Simulation::new(3);
    simulation.host("server", move || everything(guards.clone()));
    drop(simulation);
    assert_eq!(Rc::strong_count(&guard), 1);
}

#[test]
fn a_stream_that_outlives_its_simulation_is_of_no_use_and_no_harm() {
    let kept = Rc::new(Cell::new(None));
    let keeps = kept.clone();
    let mut simulation = Simulation::new(1);
    simulation.host("echo", echo);
    simulation.client("client", async move {
        keeps.set(Some(TcpStream::connect("echo:7").await.unwrap()));
    });
    run(simulation);
    let stream = kept.take().unwrap();
    assert!(stream.try_read(&mut [0]).is_err());
    assert!(stream.try_write(b"x").is_err());
    drop(stream);
}

#[test]
fn a_destructor_that_panics_is_told_and_hangs_nothing() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a bad end");
            }
        }
    }
    let run = || {
        let mut simulation = Simulation::new(1);
        simulation.host("bad", || async {
            let _bad = Bad;
            sleep(secs(1000)).await;
        });
        simulation.host("echo", echo);
        simulation.client("client", async {
            sleep(secs(1)).await;
            sim::control().crash("bad");
            let stream = TcpStream::connect("echo:7").await.unwrap();
            assert_eq!(ask(&stream, b"frog").await.unwrap(), b"frog");
        });
        simulation.run().map(|report| report.elapsed)
    };
    // The run goes on, or whoever runs it is told; the next one is as if nothing had been.
    let first = catch_unwind(AssertUnwindSafe(run));
    let second = catch_unwind(AssertUnwindSafe(run));
    assert_eq!(first.is_ok(), second.is_ok());
    assert!(!sim::is_simulated());
}

#[test]
fn a_simulation_runs_in_a_simulation() {
    let mut outer = Simulation::new(1);
    outer.host("echo", echo);
    outer.client("outer", async {
        sleep(secs(7)).await;
        let mut inner = Simulation::new(2);
        inner.host("echo", echo);
        inner.client("inner", async {
            assert_eq!(sim::host_name().as_deref(), Some("inner"));
            let stream = TcpStream::connect("echo:7").await.unwrap();
            assert_eq!(ask(&stream, b"inner").await.unwrap(), b"inner");
            sleep(secs(1)).await;
        });
        let report = inner.run().unwrap();
        assert!(report.elapsed < secs(2));
        // Nothing of it is left.
        assert_eq!(sim::host_name().as_deref(), Some("outer"));
        assert_eq!(sim::control().elapsed(), secs(7));
        let stream = TcpStream::connect("echo:7").await.unwrap();
        assert_eq!(ask(&stream, b"outer").await.unwrap(), b"outer");
    });
    run(outer);
    // And what happens in it belongs to the outer one's seed.
    let nested = || {
        let mut outer = Simulation::builder(5).trace(usize::MAX).build();
        outer.client("outer", async {
            let mut inner = Simulation::new(sim::random());
            inner.client("inner", async { sleep(millis(5)).await });
            let hash = inner.run().unwrap().hash;
            sleep(Duration::from_nanos(hash % 1000)).await;
        });
        run(outer).hash
    };
    assert_eq!(nested(), nested());
}

#[test]
fn links_may_change_under_what_is_on_its_way() {
    for seed in 0..10 {
        let mut simulation = Simulation::new(seed);
        simulation.host("echo", echo);
        simulation.client("weather", async {
            let control = sim::control();
            for round in 0..200_u64 {
                let link = Link::new(Latency::uniform(millis(1), millis(1 + round % 40)))
                    .loss((round % 5) as f64 / 10.0)
                    .reorder(0.3)
                    .bandwidth(20_000 + round * 1000);
                control.set_link_one_way("echo", "client", link.clone());
                control.set_link_one_way("client", "echo", link);
                match round % 10 {
                    3 => control.partition("echo", "client"),
                    5 => control.repair_all(),
                    7 => control.hold("client", "echo"),
                    8 => control.release("client", "echo"),
                    _ => {}
                }
                sleep(millis(20)).await;
            }
            control.set_link("*", "*", Link::default());
            control.repair_all();
            control.release("client", "echo");
        });
        simulation.client("client", async {
            let stream = TcpStream::connect("echo:7").await?;
            let sent: Vec<u8> = (0..20_000_u32).map(|n| (n % 251) as u8).collect();
            let got = ask_much(&stream, &sent).await?;
            assert!(got == sent, "a stream stays a stream");
            Ok::<(), Error>(())
        });
        run(simulation);
    }
}

/// As [`ask`], reading and writing at the same time.
async fn ask_much(stream: &TcpStream, text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut got = vec![0; text.len()];
    let write = async {
        for part in text.chunks(700) {
            stream.write_all(part).await?;
            sleep(millis(10)).await;
        }
        Ok::<(), Error>(())
    };
    let (written, read) = polliwog_core::join!(write, stream.read_exact(&mut got));
    written.and(read)?;
    Ok(got)
}

#[test]
fn what_does_not_fit_is_an_error() {
    // Tasks.
    let mut simulation = Simulation::builder(1).max_tasks(4).build();
    simulation.client("client", async {
        let tasks: Vec<_> = std::iter::from_fn(|| spawn(sleep(secs(1))).ok()).collect();
        assert_eq!(tasks.len(), 3);
        assert!(spawn_blocking(|| 7).await.is_err());
        sleep(secs(2)).await;
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
    });
    run(simulation);
    // Ports, also those of connections that have ended.
    let mut simulation = Simulation::builder(1).ephemeral_ports(3).build();
    simulation.host("echo", echo);
    simulation.client("client", async {
        for _ in 0..3 {
            let stream = TcpStream::connect("echo:7").await.unwrap();
            ask(&stream, b"frog").await.unwrap();
        }
        let full = TcpStream::connect("echo:7").await.unwrap_err();
        assert_eq!(full, Error::AddrNotAvailable);
        sleep(secs(61)).await;
        assert!(TcpStream::connect("echo:7").await.is_ok());
    });
    run(simulation);
}

#[test]
fn blocking_jobs_take_virtual_time_and_hold_up_nobody() {
    let mut simulation = Simulation::builder(1).task_panics_end(false).build();
    simulation.client("client", async {
        let start = sim::control().elapsed();
        let jobs: Vec<_> = (0..50_u32).map(|n| spawn_blocking(move || n * n)).collect();
        assert!(jobs.iter().all(|job| !job.is_finished()));
        // They have threads of their own, so to say.
        for (n, job) in (0..).zip(jobs) {
            assert_eq!(job.await.unwrap(), n * n);
        }
        let took = sim::control().elapsed() - start;
        assert!(
            took > Duration::from_micros(100) && took <= millis(2),
            "{took:?}"
        );
        let panicked = spawn_blocking(|| panic!("quak")).await.unwrap_err();
        assert!(panicked.to_string().contains("quak"), "{panicked}");
    });
    // A crash takes what has not begun.
    let ran = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let runs = ran.clone();
    simulation.host("server", move || {
        let runs = runs.clone();
        async move {
            let job =
                spawn_blocking(move || runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            sim::control().crash("server");
            job.await.unwrap();
        }
    });
    run(simulation);
    assert_eq!(ran.load(std::sync::atomic::Ordering::Relaxed), 0);
    // The order is the seed's.
    let order = |seed| {
        let mut simulation = Simulation::new(seed);
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let orders = order.clone();
        simulation.client("client", async move {
            let jobs = (0..5).map(|n| {
                let orders = orders.clone();
                let job = spawn_blocking(move || n);
                spawn(async move {
                    let n = job.await.unwrap();
                    orders.borrow_mut().push(n);
                })
                .unwrap()
            });
            for job in jobs.collect::<Vec<_>>() {
                job.await.unwrap();
            }
        });
        run(simulation);
        order.take()
    };
    assert_eq!(order(1), order(1));
    assert!((0..5).any(|seed| order(seed) != [0, 1, 2, 3, 4]));
}

/// The last moment that the system knows is the last that a wall clock shows, and files' moments are no later.
#[test]
fn wall_clocks_stop_at_the_last_moment() {
    let moments = (0..64).rev().map(|bit| secs(1 << bit));
    let last = moments.fold(UNIX_EPOCH, |last, more| {
        last.checked_add(more).unwrap_or(last)
    });
    for before in [0, 10] {
        let epoch = last - secs(before);
        let mut simulation = Simulation::builder(1).epoch(epoch).build();
        simulation.client("late", async move {
            assert_eq!(sim::system_time(), epoch);
            sleep(secs(100)).await;
            assert_eq!(sim::system_time(), last);
            sim::control().clock_forward("late", Duration::MAX);
            assert_eq!(sim::system_time(), last);
            sim::fs::write("log", "quak").await?;
            assert_eq!(sim::fs::metadata("log").await?.modified()?, last);
            sim::control().clock_back("late", Duration::MAX);
            sim::control().clock_back("late", Duration::MAX);
            assert!(sim::system_time() < last);
            std::io::Result::Ok(())
        });
        run(simulation);
    }
}

#[test]
fn far_away_times_are_no_problem() {
    let mut simulation = Simulation::builder(1).time_limit(Duration::MAX).build();
    simulation.client("patient", async {
        assert!(timeout(Duration::MAX, sleep(secs(1))).await.is_ok());
        sim::control().set_drift("patient", -900_000);
        sleep(secs(100_000_000)).await;
        sim::control().set_drift("patient", i32::MAX);
        sim::control().clock_forward("patient", Duration::MAX);
        sim::system_time();
        sim::control().clock_back("patient", Duration::MAX);
        sim::system_time();
        sleep(secs(1)).await;
    });
    assert!(run(simulation).elapsed >= secs(900_000_000));
    // There is a last instant, at which nothing arrives any more, and nothing hangs.
    let mut simulation = Simulation::builder(1).time_limit(Duration::MAX).build();
    simulation.host("echo", echo);
    for far in 0..4 {
        simulation.run_for(Duration::MAX).unwrap();
        simulation.client(&format!("late-{far}"), async {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            socket.send_to(b"quak", "echo:7").await?;
            socket.send_to(b"quak", "127.0.0.1:7").await?;
            sim::fs::write("log", "quak").await.unwrap();
            sim::std::fs::write("log", "quak").unwrap();
            sim::control().partition("*", "echo");
            let _ = timeout(secs(5), TcpStream::connect("127.0.0.1:7")).await;
            let _ = timeout(secs(5), TcpStream::connect("echo:7")).await;
            sim::control().repair_all();
            let stream = TcpStream::connect("echo:7").await?;
            stream.write_all(b"quak").await
        });
        simulation.run_for(secs(10)).unwrap();
    }
    let failure = simulation.run().unwrap_err();
    assert!(matches!(failure.reason, Reason::TimeLimit(_)), "{failure}");
    assert_eq!(failure.at, Duration::from_nanos(u64::MAX));
    let mut simulation = Simulation::new(1);
    simulation.client("for ever", sleep(Duration::MAX));
    let failure = simulation.run().unwrap_err();
    assert!(
        matches!(failure.reason, Reason::TimeLimit(_) | Reason::Stalled(_)),
        "{failure}"
    );
}
