//! Misuse is told with the place in the test.

use std::cell::RefCell;
use std::fs;
use std::future::pending;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use polliwog_core::time::sleep;
use polliwog_spin::sim::signal::unix::SignalKind;
use polliwog_spin::sim::{self, Control, Latency, Link, Nemesis, Simulation, Simulator};

use crate::environment::{child, is_child};
use crate::{millis, secs};

thread_local! {
    static PLACES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Where this panics.
#[track_caller]
fn is_here<T>(misuse: impl FnOnce() -> T) {
    let here = panic::Location::caller();
    PLACES.take();
    let panicked = catch_unwind(AssertUnwindSafe(misuse)).is_err();
    assert!(panicked, "{here}: no panic");
    let places = PLACES.take();
    let is_test = |place: &String| place.contains("callers.rs");
    assert!(places.iter().all(is_test), "{here}: {places:?}");
}

/// What is called by the names of hosts, of which there is none here.
fn of_nobody(control: &Control) {
    let (latency, link) = (Latency::fixed(secs(1)), Link::default());
    let c = control;
    for no in ["x", "x*", "/(/"] {
        is_here(|| c.crash(no));
        is_here(|| c.kill(no));
        is_here(|| c.restart(no));
        is_here(|| c.pause(no));
        is_here(|| c.resume(no));
        is_here(|| c.signal(no, SignalKind::terminate()));
        is_here(|| c.partition("node", no));
        is_here(|| c.partition_one_way(no, "node"));
        is_here(|| c.repair("node", no));
        is_here(|| c.isolate(no));
        is_here(|| c.hold("node", no));
        is_here(|| c.release("node", no));
        is_here(|| c.set_link("node", no, link.clone()));
        is_here(|| c.set_link_one_way("node", no, link.clone()));
        is_here(|| c.drop_messages("node", no, |_: &[u8]| true));
        is_here(|| c.set_drift(no, 1));
        is_here(|| c.clock_forward(no, secs(1)));
        is_here(|| c.clock_back(no, secs(1)));
        is_here(|| c.set_buggify(no, true));
        is_here(|| c.set_disk_capacity(no, 1));
        is_here(|| c.set_disk_errors(no, 0.5));
        is_here(|| c.set_disk_short_reads(no, 0.5));
        is_here(|| c.set_disk_corruption(no, 0.5));
        is_here(|| c.set_disk_latency(no, latency, latency));
        is_here(|| c.set_disk_cached(no, 0.5));
        is_here(|| c.set_disk_pages(no, 1, 1));
        is_here(|| c.set_disk_evictions(no, 0.5));
        is_here(|| c.set_disk_block(no, 1));
        is_here(|| c.set_name("other", no));
        is_here(|| c.is_up(no));
        is_here(|| c.connections(no));
        is_here(|| c.tasks(no));
        is_here(|| c.read_file(no, "a"));
        is_here(|| c.write_file(no, "a", "b"));
        is_here(|| c.spawn(no, async {}));
        is_here(|| c.set_addr(no, [10, 0, 0, 9].into()));
        is_here(|| c.add_addr(no, [10, 0, 0, 9].into()));
    }
}

struct Service;

impl Simulator for Service {}

#[test]
fn misuse_is_told_with_its_place() {
    // In a process of its own: the hook is all threads'.
    if !is_child() {
        let (passed, text) = child("callers::misuse_is_told_with_its_place", &[]);
        assert!(passed && text.contains("1 passed"), "{text}");
        return;
    }
    let former = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        former(info);
        let place = info.location().unwrap().to_string();
        PLACES.with_borrow_mut(|places| places.push(place));
    }));
    let mut simulation = Simulation::builder(1).max_tasks(1).build();
    simulation.host("node", pending::<()>);
    let control = simulation.control();
    is_here(|| simulation.host("node", pending::<()>));
    is_here(|| simulation.client("node", pending::<()>()));
    is_here(|| control.host("node", pending::<()>));
    is_here(|| control.client("node", pending::<()>()));
    is_here(|| control.set_name("node", "*"));
    is_here(|| control.signal("node", SignalKind::from_raw(99)));
    is_here(|| control.isolate("*|node"));
    is_here(|| control.set_addr("node", [127, 0, 0, 1].into()));
    is_here(|| control.add_addr("node", [10, 0, 0, 1].into()));
    is_here(|| control.remove_addr([10, 0, 0, 1].into()));
    is_here(|| control.remove_addr([10, 0, 0, 9].into()));
    is_here(|| control.spawn("node", async {}));
    is_here(|| control.simulator::<Service>());
    of_nobody(&control);
    simulation.run_for(millis(1)).unwrap();
    // It has room for one task.
    is_here(|| control.spawn("node", async {}));

    let builder = || Simulation::builder(1);
    is_here(|| builder().epoch(UNIX_EPOCH - secs(1)));
    is_here(|| builder().epoch_within(UNIX_EPOCH + secs(1)..=UNIX_EPOCH));
    is_here(|| builder().restart_failed("*", "*", Duration::ZERO));
    is_here(|| builder().restart_failed("*", "", secs(1)));
    is_here(|| builder().restart_failed("/(/", "*", secs(1)));
    is_here(|| builder().restart_failed("*", "/(/", secs(1)));
    is_here(|| builder().restart_failed("*", "*", secs(2)..=secs(1)));
    let with_service = builder().simulator(|| Service);
    is_here(|| with_service.simulator(|| Service));
    is_here(|| Nemesis::new("/(/"));
    is_here(|| Nemesis::new("*").faults(2, 1));
    is_here(|| Nemesis::new("*").lasting(secs(2), secs(1)));
    is_here(|| Latency::from(secs(2)..=secs(1)));
    let history = sim::History::new(0);
    is_here(|| history.write(7));
    is_here(|| history.read());
    is_here(|| sim::control());
    is_here(|| sim::simulator::<Service>());
    is_here(|| sim::local::<u8>());
    is_here(|| {
        drop(sim::check(1, |builder| {
            Simulation::builder(builder.seed()).build().run()
        }))
    });
    is_here(|| {
        sim::explore(0..1, 1, |builder| {
            let mut simulation = builder.build();
            simulation.client("client", async { Err::<(), _>("it fails") });
            simulation.run()
        })
        .unwrap();
    });

    // On a host, where the run tells of the panic.
    let mut simulation = builder().build();
    let held = simulation.control().hold_at(|place: &u8| *place == 1);
    let panics = simulation.control().panic_at(|place: &u8| *place == 2);
    simulation.client("client", async {
        is_here(|| sim::pass(1_u8));
        is_here(|| sim::pass(2_u8));
        is_here(|| sim::simulator::<Service>());
        sleep(millis(1)).await;
    });
    simulation.run().unwrap();
    drop((held, panics));
}

/// Functions that panic and are not tracked, and why.
const OTHERS: [(&str, &str); 4] = [
    ("reach", "as asked for by `panic_at`, in a future"),
    ("isolated", "the system has no thread: nothing of who calls"),
    ("submit_and_wait", "an interface of the crate io-uring"),
    ("submit_with_args", "an interface of the crate io-uring"),
];

#[test]
fn whoever_panics_by_misuse_is_tracked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim");
    let mut files = vec![folder];
    let mut found = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let (mut panics, mut is_tracked) = (false, false);
        for line in text.lines().map(str::trim_start) {
            panics |= line.starts_with("/// # Panics");
            is_tracked |= line == "#[track_caller]";
            if let Some((before, rest)) = line.split_once("fn ") {
                let name = rest.split(['(', '<']).next().unwrap();
                // Who takes hosts panics if there are none.
                let panics = panics || (line.contains("&self, host") && before == "pub ");
                if before.starts_with("pub ") && panics && !OTHERS.iter().any(|it| it.0 == name) {
                    assert!(is_tracked, "{}: {name}", path.display());
                    found += 1;
                }
            }
            if !line.starts_with("///") && !line.starts_with('#') {
                (panics, is_tracked) = (false, false);
            }
        }
    }
    assert!(found > 30, "{found}");
}
