//! Jobs that block, and what others make of the disk of their host meanwhile.

use std::cell::RefCell;
use std::future::pending;
use std::io::Write;
use std::rc::Rc;

use polliwog_core::spawn;
use polliwog_core::time::sleep;
use polliwog_spin::net::{UdpSocket, UnixListener};
use polliwog_spin::sim::{
    self, Control, Latency, Simulation, fs as later, spawn_blocking, std::fs,
};

use crate::{millis, run, secs};

/// Runs it on disks of which each operation takes a second.
fn run_slowly(simulation: Simulation) {
    let second = Latency::fixed(secs(1));
    simulation.control().set_disk_latency("*", second, second);
    run(simulation);
}

/// Waits by blocking.
fn wait(seconds: usize) {
    for _ in 0..seconds {
        fs::exists("nothing").unwrap();
    }
}

/// A job that writes two files, one of which is there, 20 s after its beginning and later.
fn writes_late() {
    wait(20);
    fs::write("old", "new").unwrap();
    fs::write("new", "new").unwrap();
    fs::rename("other", "moved").unwrap();
}

/// What the disk of the host "store" holds.
fn found(control: &Control) -> Vec<Option<Vec<u8>>> {
    let names = ["old", "new", "other", "moved"];
    names
        .map(|name| control.read_file("store", name).ok())
        .to_vec()
}

/// What there was before [`writes_late`].
fn before() -> Vec<Option<Vec<u8>>> {
    vec![Some(b"old".to_vec()), None, Some(b"other".to_vec()), None]
}

async fn make() {
    for name in ["old", "other"] {
        later::write(name, name).await.unwrap();
        sync(name).await;
    }
}

async fn sync(name: &str) {
    let file = later::File::open(name).await.unwrap();
    file.sync_all().await.unwrap();
}

#[test]
fn a_sync_makes_nothing_safe_that_a_job_is_still_to_do() {
    let ends = [Control::crash as fn(&Control, &str), Control::kill];
    for (number, end) in (0..20).flat_map(|seed| ends.map(|end| (seed, end))) {
        let mut simulation = Simulation::new(number);
        simulation.host("store", || async {
            make().await;
            let _job = spawn_blocking(writes_late);
            sleep(millis(5)).await;
            sync("old").await;
            sync("other").await;
            pending::<()>().await
        });
        simulation.client("hand", async move {
            sleep(secs(15)).await;
            let control = sim::control();
            control.write_file("store", "test", b"frog").unwrap();
            end(&control, "store");
        });
        let control = simulation.control();
        run_slowly(simulation);
        assert_eq!(found(&control), before());
    }
}

/// While a host is stopped nothing of what it would do later is done, whatever a test does to its disk, and however long it
/// takes.
#[test]
fn nothing_makes_safe_what_a_stopped_host_is_still_to_do() {
    for wait_for in [secs(1), secs(100)] {
        let mut simulation = Simulation::new(7);
        simulation.host("store", || async {
            make().await;
            writes_late();
            pending::<()>().await
        });
        simulation.client("hand", async move {
            sleep(secs(20)).await;
            let control = sim::control();
            control.pause("store");
            sleep(wait_for + secs(20)).await;
            control.write_file("store", "test", b"frog").unwrap();
            assert_eq!(found(&control), before());
            control.kill("store");
            sleep(millis(1)).await;
            assert_eq!(control.read_file("store", "test").unwrap(), b"frog");
        });
        let control = simulation.control();
        run_slowly(simulation);
        assert_eq!(found(&control), before());
    }
}

/// What is found in each second, by a task of the host and by the test.
#[test]
fn what_a_job_does_is_seen_when_its_clock_says_so() {
    let mut simulation = Simulation::new(7);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sees = seen.clone();
    simulation.host("store", move || {
        let sees = sees.clone();
        async move {
            make().await;
            let watch = async move {
                loop {
                    let there = later::try_exists("moved").await.unwrap();
                    sees.borrow_mut().push((sim::control().elapsed(), there));
                }
            };
            spawn(watch).unwrap().detach();
            spawn_blocking(writes_late).await.unwrap();
            // All is there for whoever has waited.
            assert_eq!(later::read("old").await.unwrap(), b"new");
            assert_eq!(later::read("moved").await.unwrap(), b"other");
            pending::<()>().await
        }
    });
    simulation.client("hand", async {
        let mut states = Vec::new();
        sleep(secs(8)).await;
        for _ in 0..40 {
            sleep(secs(1)).await;
            let state = found(&sim::control());
            if states.last() != Some(&state) {
                states.push(state);
            }
        }
        let old = |text: &str| Some(text.as_bytes().to_vec());
        let [other, moved] = [(old("other"), None), (None, old("other"))];
        let state = |first, new, (other, moved): &(Option<_>, Option<_>)| {
            vec![old(first), new, other.clone(), moved.clone()]
        };
        let expected = [
            before(),
            state("", None, &other),
            state("new", None, &other),
            state("new", old(""), &other),
            state("new", old("new"), &other),
            state("new", old("new"), &moved),
        ];
        assert_eq!(states, expected);
    });
    run_slowly(simulation);
    let seen = seen.take();
    let first = seen.iter().position(|(_, there)| *there).unwrap();
    // Eight seconds for what is there before, a moment until the job begins, twenty seconds of waiting, and five operations.
    let (before, after) = (seen[first - 1].0, seen[first].0);
    assert_eq!((before.as_secs(), after.as_secs()), (33, 34), "{seen:?}");
}

/// Whoever writes meanwhile is not in the way of what comes later.
#[test]
fn what_is_written_while_a_job_goes_on_comes_before_it() {
    let mut simulation = Simulation::new(7);
    simulation.host("store", || async {
        later::write("log", "frog").await.unwrap();
        let job = spawn_blocking(|| {
            wait(20);
            let mut log = fs::OpenOptions::new().append(true).open("log").unwrap();
            log.write_all(b"quak").unwrap();
            assert_eq!(fs::read_to_string("log").unwrap(), "frogquak");
        });
        sleep(millis(5)).await;
        let mut log = later::OpenOptions::new()
            .write(true)
            .open("log")
            .await
            .unwrap();
        log.write_all(b"toad").await.unwrap();
        assert_eq!(later::read("log").await.unwrap(), b"toad");
        assert_eq!(later::metadata("log").await.unwrap().len(), 4);
        job.await.unwrap();
        assert_eq!(later::read("log").await.unwrap(), b"toadquak");
    });
    simulation.client("hand", sleep(secs(60)));
    run_slowly(simulation);
}

/// A job takes as long as the disk does, however the clock of its host goes.
#[test]
fn a_job_has_written_what_it_says_on_a_clock_that_drifts() {
    for millionths in [-900_000, -500, 1, 5000, 1_000_000] {
        let mut simulation = Simulation::new(7);
        simulation.host("store", || async {
            let job = spawn_blocking(|| {
                fs::write("log", "frog").unwrap();
                fs::File::open("log").unwrap().sync_all().unwrap();
            });
            job.await.unwrap();
            let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
            socket.send_to(b"done", "hand:7").await.unwrap();
            pending::<()>().await
        });
        simulation.client("hand", async {
            let socket = UdpSocket::bind("0.0.0.0:7").await.unwrap();
            socket.recv_from(&mut [0; 9]).await.unwrap();
            sim::control().crash("store");
            sleep(millis(1)).await;
            let log = sim::control().read_file("store", "log");
            assert_eq!(log.unwrap(), b"frog");
        });
        simulation.control().set_drift("store", millionths);
        run_slowly(simulation);
    }
}

/// What lies in the root folder of the host of whoever asks.
async fn root() -> Vec<String> {
    let mut list = later::read_dir("/").await.unwrap();
    let mut names = Vec::new();
    while let Some(entry) = list.next_entry().await.unwrap() {
        names.push(entry.file_name().into_string().unwrap());
    }
    names
}

/// Folders, links and names of sockets are as files: there from the instant of whoever makes them on, and not at all if its
/// process has ended before.
#[test]
fn no_name_is_there_before_its_instant() {
    let old = ["link", "log", "pond"];
    let new = ["frog.sock", "lake", "log", "sea"];
    for is_kill in [true, false] {
        for ends_at in [30, 90] {
            let is_over = ends_at > 60;
            let found = Rc::new(RefCell::new(Vec::new()));
            let finds = found.clone();
            let mut simulation = Simulation::new(7);
            simulation.host("store", move || {
                let finds = finds.clone();
                async move {
                    if later::try_exists("log").await.unwrap() {
                        *finds.borrow_mut() = root().await;
                        return pending().await;
                    }
                    later::create_dir_all("pond/reeds").await.unwrap();
                    later::symlink("log", "link").await.unwrap();
                    later::write("log", "frog").await.unwrap();
                    sync("log").await;
                    let job = spawn_blocking(|| {
                        wait(40);
                        fs::rename("pond", "lake").unwrap();
                        fs::create_dir("sea").unwrap();
                        fs::remove_file("link").unwrap();
                        drop(UnixListener::bind("frog.sock").unwrap());
                        fs::File::open("/").unwrap().sync_all().unwrap();
                        assert!(fs::exists("lake/reeds").unwrap());
                    });
                    sleep(secs(10)).await;
                    assert_eq!(root().await, old);
                    assert!(later::try_exists("pond/reeds").await.unwrap());
                    assert_eq!(later::read("link").await.unwrap(), b"frog");
                    job.await.unwrap();
                    assert_eq!(root().await, new);
                    pending::<()>().await
                }
            });
            simulation.client("hand", async move {
                sleep(secs(ends_at)).await;
                match is_kill {
                    true => sim::control().kill("store"),
                    false => sim::control().crash("store"),
                }
                sleep(millis(1)).await;
                sim::control().restart("store");
                sleep(secs(10)).await;
            });
            run_slowly(simulation);
            let expected: &[&str] = match (is_over, is_kill) {
                (false, _) => &old,
                (true, true) => &new,
                // A crash takes the names of sockets.
                (true, false) => &new[1..],
            };
            assert_eq!(found.take(), expected, "{ends_at}");
        }
    }
}
