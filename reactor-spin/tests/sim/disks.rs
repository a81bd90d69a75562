//! How disks are, and what a test finds and leaves on them.

use std::collections::BTreeSet;
use std::future::pending;
use std::io::ErrorKind;
use std::time::Duration;

use polliwog_core::time::{Instant, sleep};
use polliwog_spin::sim::{self, Latency, Simulation, fs};

use crate::{millis, run, secs};

#[test]
fn operations_and_syncs_take_as_long_as_the_test_says() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let mut file = fs::File::create("log").await?;
        assert_eq!(Instant::now().as_nanos(), 3_000_000_000);
        file.write_all(b"frog").await?;
        assert_eq!(Instant::now().as_nanos(), 6_000_000_000);
        file.sync_all().await?;
        assert_eq!(Instant::now().as_nanos(), 13_000_000_000);
        // From memory, but for the sync.
        sim::control().set_disk_cached("client", 1.0);
        file.write_all(b"frog").await?;
        assert_eq!(Instant::now().as_nanos(), 13_000_000_100);
        file.sync_all().await?;
        assert_eq!(Instant::now().as_nanos(), 20_000_000_100);
        std::io::Result::Ok(())
    });
    let control = simulation.control();
    control.set_disk_latency("*", Latency::fixed(secs(3)), Latency::fixed(secs(7)));
    run(simulation);
}

/// The lengths that a write of 10 000 bytes has after crashes.
fn after_crashes(block: usize) -> BTreeSet<usize> {
    let torn = |seed| {
        let mut simulation = Simulation::new(seed);
        simulation.host("store", || async {
            let mut file = fs::File::create("log").await?;
            file.sync_all().await?;
            file.write_all(&[1; 10_000]).await?;
            pending::<std::io::Result<()>>().await
        });
        let control = simulation.control();
        control.set_disk_block("store", block);
        simulation.run_for(secs(1)).unwrap();
        assert_eq!(control.read_file("store", "log").unwrap().len(), 10_000);
        control.crash("store");
        simulation.run_for(Duration::ZERO).unwrap();
        control.read_file("store", "log").unwrap().len()
    };
    (0..100).map(torn).collect()
}

#[test]
fn writes_are_torn_between_blocks() {
    let by_page = after_crashes(4096);
    assert_eq!(by_page, [0, 4096, 8192, 10_000].into());
    assert_eq!(after_crashes(usize::MAX), [0, 10_000].into());
    let by_byte = after_crashes(0);
    assert!(by_byte.iter().any(|len| len % 512 != 0 && *len < 10_000));
}

#[test]
fn a_test_leaves_files_for_a_host_that_are_safe() {
    let mut simulation = Simulation::new(1);
    let control = simulation.control();
    simulation.host("store", || async {
        let text = fs::read_to_string("settings").await?;
        sim::note(&text);
        fs::write("seen", text).await?;
        pending::<std::io::Result<()>>().await
    });
    let (write, read) = (control.clone(), control.clone());
    simulation.client("client", async move {
        for text in ["one", "two"] {
            write.crash("store");
            sleep(millis(1)).await;
            // It is down.
            write.write_file("store", "/settings", text).unwrap();
            assert_eq!(
                read.read_file("store", "settings").unwrap(),
                text.as_bytes()
            );
            write.restart("store");
            sleep(secs(1)).await;
            assert_eq!(read.read_file("store", "seen").unwrap(), text.as_bytes());
        }
    });
    control.write_file("store", "settings", "none").unwrap();
    let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
    let read = |path: &str| control.read_file("store", path).map(drop);
    assert_eq!(kind(read("no")), ErrorKind::NotFound);
    assert_eq!(kind(read("/")), ErrorKind::IsADirectory);
    assert_eq!(
        kind(control.write_file("store", "no/a", "")),
        ErrorKind::NotFound
    );
    control.set_disk_capacity("store", 6);
    assert_eq!(
        kind(control.write_file("store", "big", "tadpole")),
        ErrorKind::StorageFull
    );
    control.set_disk_capacity("store", u64::MAX);
    run(simulation);
}
