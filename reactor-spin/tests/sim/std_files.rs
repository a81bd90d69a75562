//! `sim::std::fs`: what the standard library's names do on a simulated host.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::{ErrorKind, Write};
use std::rc::Rc;

use polliwog_core::Instant;
use polliwog_core::time::sleep;
use polliwog_spin::net::UdpSocket;
use polliwog_spin::sim::{self, Control, Simulation, fs as later, std::fs as simulated};

use crate::{millis, run, secs};

/// A store by both interfaces does the same things, so each seed does the same to both.
#[test]
fn crashes_and_errors_are_those_of_the_other_interface() {
    let store = |seed: u64, blocks: bool| {
        let mut simulation = Simulation::new(seed);
        let (found, errors) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(0)));
        let (finds, fails) = (found.clone(), errors.clone());
        simulation.host("store", move || {
            let (finds, fails) = (finds.clone(), fails.clone());
            async move {
                if let Ok(bytes) = later::read("log").await {
                    *finds.borrow_mut() = Some(bytes);
                    return pending::<()>().await;
                }
                let fail = |_| fails.set(fails.get() + 1);
                for number in 0..40_u8 {
                    let bytes = [number; 1500];
                    if blocks {
                        let mut file = simulated::OpenOptions::new();
                        let file = file.append(true).create(true).open("log");
                        let write = |mut file: simulated::File| {
                            file.write_all(&bytes)?;
                            if number % 8 == 0 {
                                file.sync_all()
                            } else {
                                Ok(())
                            }
                        };
                        file.and_then(write).unwrap_or_else(fail);
                    } else {
                        let mut file = later::OpenOptions::new();
                        let write = async {
                            let mut file = file.append(true).create(true).open("log").await?;
                            file.write_all(&bytes).await?;
                            if number % 8 == 0 {
                                file.sync_all().await
                            } else {
                                Ok(())
                            }
                        };
                        write.await.unwrap_or_else(fail);
                    }
                }
                pending::<()>().await
            }
        });
        simulation.client("hand", async {
            let control: Control = sim::control();
            control.set_disk_errors("store", 0.05);
            sleep(secs(1)).await;
            control.set_disk_errors("store", 0.0);
            control.restart("store");
            sleep(secs(1)).await;
        });
        run(simulation);
        (found.take(), errors.get())
    };
    let mut lost = 0;
    for seed in 0..30 {
        let (blocking, not) = (store(seed, true), store(seed, false));
        assert!(blocking == not, "seed {seed}");
        let (bytes, errors) = blocking;
        lost += usize::from(bytes.is_some_and(|bytes| bytes.len() < 40 * 1500) && errors > 0);
    }
    assert!(lost > 10, "{lost}");
}

#[test]
fn the_host_does_nothing_meanwhile() {
    let mut simulation = Simulation::new(3);
    let slowest = Rc::new(Cell::new(core::time::Duration::ZERO));
    let sees = slowest.clone();
    simulation.host("busy", || async {
        sim::control().set_drift("busy", 100_000);
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        // Another task, that wants to run each millisecond.
        let mut last = Instant::now();
        let ticks = polliwog_core::spawn(async move {
            let mut longest = core::time::Duration::ZERO;
            for _ in 0..100 {
                sleep(millis(1)).await;
                let now = Instant::now();
                assert!(now >= last, "a clock that goes back");
                longest = longest.max(now - last);
                last = now;
            }
            longest
        })
        .unwrap();
        for _ in 0..10 {
            let before = Instant::now();
            let file = simulated::File::create("log").unwrap();
            file.sync_all().unwrap();
            let took = Instant::now() - before;
            assert!(took > millis(0) && took < millis(8), "{took:?}");
            // When it leaves is in it, by the simulation's clock.
            let at = before.as_nanos() + took.as_nanos() as u64;
            socket
                .send_to(&at.to_le_bytes(), "observer:7")
                .await
                .unwrap();
            sleep(millis(3)).await;
        }
        let longest = ticks.await.unwrap();
        assert!(longest > millis(2), "{longest:?}");
        pending::<()>().await
    });
    simulation.client("observer", async move {
        let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
        for _ in 0..10 {
            let mut bytes = [0; 8];
            socket.recv_from(&mut bytes).await.unwrap();
            // A clock that goes a tenth too fast.
            let sent = u64::from_le_bytes(bytes) as u128 * 10 / 11;
            let now = u128::from(Instant::now().as_nanos());
            assert!(
                now > sent,
                "it has arrived before it was sent: {now} {sent}"
            );
            let way = core::time::Duration::from_nanos((now - sent) as u64);
            sees.set(sees.get().max(way));
        }
    });
    run(simulation);
    assert!(slowest.get() < millis(20), "{:?}", slowest.get());
}

#[test]
fn a_file_knows_when_it_was_changed() {
    let mut simulation = Simulation::new(3);
    simulation.client("frog", async {
        simulated::write("log", "frog").unwrap();
        let about = simulated::metadata("log").unwrap();
        let first = about.modified().unwrap();
        assert!(first < sim::system_time());
        sleep(secs(100)).await;
        assert_eq!(simulated::metadata("log").unwrap(), about);
        let file = simulated::File::options().write(true).open("log").unwrap();
        let before = sim::system_time();
        (&file).write_all(b"toad").unwrap();
        let second = file.metadata().unwrap().modified().unwrap();
        assert!(
            second > before && second <= sim::system_time(),
            "{second:?}"
        );
        let folder = || simulated::metadata("/").unwrap().modified().unwrap();
        assert!(folder() < before);
        simulated::write("other", "").unwrap();
        assert!(folder() > second);
    });
    run(simulation);
}

/// A program that ends by blocking ends when that is over.
#[test]
fn its_end_waits_as_well() {
    let mut simulation = Simulation::new(3);
    let took = Rc::new(Cell::new(None));
    let takes = took.clone();
    simulation.client("frog", async move {
        let before = Instant::now();
        let file = simulated::File::create("log").unwrap();
        file.sync_all().unwrap();
        takes.set(Some(Instant::now() - before));
    });
    assert_eq!(Some(run(simulation).elapsed), took.get());
}

#[test]
fn a_job_waits_alone() {
    let mut simulation = Simulation::builder(3).task_panics_end(false).build();
    simulation.client("frog", async {
        let ticks = polliwog_core::spawn(async {
            let mut last = Instant::now();
            loop {
                sleep(millis(1)).await;
                let now = Instant::now();
                assert_eq!(now - last, millis(1), "somebody has held up the host");
                last = now;
            }
        })
        .unwrap();
        let before = Instant::now();
        let job = sim::spawn_blocking(|| {
            let before = Instant::now();
            for _ in 0..10 {
                simulated::write("log", "frog").unwrap();
                simulated::File::open("log").unwrap().sync_all().unwrap();
            }
            Instant::now() - before
        });
        let took = job.await.unwrap();
        assert!(took > millis(5), "{took:?}");
        // It began a while after it was spawned, and its result is here when it has ended.
        assert!(Instant::now() - before >= took);
        // One that panics leaves nothing behind.
        let job = sim::spawn_blocking(|| {
            simulated::write("log", "frog").unwrap();
            panic!("no pond");
        });
        assert!(job.await.is_err());
        sleep(millis(3)).await;
        assert!(!ticks.is_finished());
    });
    run(simulation);
}

#[test]
fn a_crash_meanwhile_ends_it() {
    let mut simulation = Simulation::new(3);
    let starts = Rc::new(RefCell::new(Vec::new()));
    let notes = starts.clone();
    simulation.host("store", move || {
        let notes = notes.clone();
        async move {
            notes.borrow_mut().push(Instant::now());
            loop {
                simulated::write("log", "frog").unwrap();
                simulated::File::open("log").unwrap().sync_all().unwrap();
                // Lets the others have their turn.
                sleep(millis(0)).await;
            }
        }
    });
    simulation.client("hand", async {
        for _ in 0..20 {
            sleep(millis(7)).await;
            sim::control().restart("store");
        }
        sleep(millis(7)).await;
    });
    run(simulation);
    let starts = starts.borrow();
    assert_eq!(starts.len(), 21);
    for (number, start) in starts.iter().enumerate() {
        assert_eq!(
            start.as_nanos(),
            7_000_000 * number as u64,
            "held from before the crash"
        );
    }
}

#[test]
fn elsewhere_there_is_no_disk() {
    let refused = simulated::read("/etc/passwd").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

#[test]
fn runs_are_the_same() {
    for seed in 0..10 {
        sim::check(seed, |builder| {
            let mut simulation = builder.build();
            for name in ["one", "two"] {
                simulation.client(name, async {
                    for number in 0..20_u32 {
                        simulated::write(number.to_string(), "frog").unwrap();
                        sleep(millis(u64::from(number))).await;
                        sim::note(format!("{:?}", Instant::now()));
                    }
                });
            }
            simulation.run()
        })
        .unwrap();
    }
}
