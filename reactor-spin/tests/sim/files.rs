//! Files of simulated hosts.

use std::cell::Cell;
use std::future::pending;
use std::io::{ErrorKind, SeekFrom};
use std::rc::Rc;

use polliwog_core::time::sleep;
use polliwog_spin::sim::fs::{self, File, OpenOptions};
use polliwog_spin::sim::{self, Simulation};

use crate::{millis, run, secs};

#[test]
fn files_are_files() {
    let mut simulation = Simulation::new(1);
    simulation.client("one", async {
        let missing = File::open("a").await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert!(File::create("no/a").await.is_err());
        fs::create_dir_all("data/logs").await?;
        assert!(fs::create_dir("data").await.is_err());
        let mut file = File::create_new("data/logs/a").await?;
        file.write_all(b"tadpole").await?;
        file.seek(SeekFrom::Start(3)).await?;
        let mut text = Vec::new();
        assert_eq!(file.read_to_end(&mut text).await?, 4);
        assert_eq!(text, b"pole");
        assert!(file.seek(SeekFrom::Current(-8)).await.is_err());
        file.set_len(3).await?;
        let again = File::create_new("data/logs/a").await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        let mut end = OpenOptions::new().append(true).open("/data/logs/a").await?;
        end.write_all(b"!").await?;
        assert_eq!(fs::read_to_string("data/./logs/a").await?, "tad!");
        let mut reader = File::open("data/logs/a").await?;
        let denied = reader.write(b"x").await.unwrap_err();
        assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
        fs::rename("data/logs/a", "data/b").await?;
        assert!(!fs::try_exists("data/logs/a").await? && fs::try_exists("data/b").await?);
        fs::remove_file("data/b").await?;
        assert!(fs::remove_file("data/b").await.is_err());
        std::io::Result::Ok(())
    });
    // Another host has a disk of its own, and everything takes time.
    simulation.client("two", async {
        sleep(secs(1)).await;
        assert!(!fs::try_exists("data").await.unwrap());
    });
    assert!(run(simulation).elapsed > secs(1));
}

#[test]
fn a_crash_takes_what_is_not_synced_and_a_kill_does_not() {
    let (mut kept, mut lost) = (0, 0);
    for seed in 0..20 {
        for crash in [false, true] {
            let mut simulation = Simulation::new(seed);
            let found = Rc::new(Cell::new(None));
            let finds = found.clone();
            simulation.host("store", move || {
                let found = finds.clone();
                async move {
                    if fs::try_exists("log").await.unwrap() {
                        found.set(Some(fs::read("log").await.unwrap().len()));
                    } else {
                        let mut file = File::create("log").await.unwrap();
                        file.write_all(b"safe").await.unwrap();
                        file.sync_all().await.unwrap();
                        file.write_all(b"unsafe").await.unwrap();
                    }
                    pending::<()>().await;
                }
            });
            simulation.client("hand", async move {
                sleep(millis(100)).await;
                match crash {
                    true => sim::control().crash("store"),
                    false => sim::control().kill("store"),
                }
                sim::control().restart("store");
                sleep(millis(100)).await;
            });
            run(simulation);
            match (crash, found.get()) {
                (_, Some(10)) => kept += u32::from(crash),
                (true, Some(4)) => lost += 1,
                other => panic!("seed {seed}: {other:?}"),
            }
        }
    }
    assert!(kept > 2 && lost > 2, "{kept} {lost}");
}

#[test]
fn a_disk_is_full_and_fails() {
    let mut simulation = Simulation::new(1);
    simulation.control();
    simulation.client("one", async {
        let control = sim::control();
        control.set_disk_capacity("one", 10);
        let mut file = File::create("a").await.unwrap();
        file.write_all(&[0; 10]).await.unwrap();
        let full = file.write_all(&[0]).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        // What is there can be written over.
        file.seek(SeekFrom::Start(0)).await.unwrap();
        file.write_all(&[1; 10]).await.unwrap();
        control.set_disk_errors("one", 1.0);
        assert!(file.sync_all().await.is_err());
        control.set_disk_errors("one", 0.0);
        assert_eq!(fs::read("a").await.unwrap(), [1; 10]);
    });
    run(simulation);
}

#[test]
fn outside_of_a_simulation_there_are_no_files() {
    let refused = polliwog_spin::block_on(File::open("/etc/passwd")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}
