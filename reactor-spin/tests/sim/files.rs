//! Files of simulated hosts.

use std::cell::Cell;
use std::future::pending;
use std::io::{ErrorKind, SeekFrom};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use polliwog_core::time::sleep;
use polliwog_spin::sim::fs::{self, File, OpenOptions};
use polliwog_spin::sim::{self, Simulation};

use crate::{millis, run, secs};

/// What a system says of a write to a file that was opened for reading.
fn is_not_open_for_it(error: std::io::Error) -> bool {
    match cfg!(unix) {
        // `EBADF`, which has no kind.
        true => error.raw_os_error() == Some(9),
        false => error.kind() == ErrorKind::PermissionDenied,
    }
}

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
        file.write_all_at(b"BULL", 5).await?;
        let mut all = [0; 6];
        file.read_exact_at(&mut all, 3).await?;
        assert_eq!(&all, b"poBULL");
        let short = file.read_exact_at(&mut all, 4).await.unwrap_err();
        assert_eq!(short.kind(), ErrorKind::UnexpectedEof);
        file.set_len(3).await?;
        let again = File::create_new("data/logs/a").await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        let mut end = OpenOptions::new().append(true).open("/data/logs/a").await?;
        end.write_all(b"!").await?;
        assert_eq!(fs::read_to_string("data/./logs/a").await?, "tad!");
        let mut reader = File::open("data/logs/a").await?;
        let denied = reader.write(b"x").await.unwrap_err();
        assert!(is_not_open_for_it(denied));
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

/// What nobody syncs the system writes back by itself, after a while.
#[test]
fn what_was_written_long_ago_outlives_a_crash() {
    let kept = |write_back: Option<Duration>, crash_at: Duration| {
        let kept = (0..20).filter(|seed| {
            let mut builder = Simulation::builder(*seed);
            if let Some(after) = write_back {
                builder = builder.write_back(after);
            }
            let mut simulation = builder.build();
            let found = Rc::new(Cell::new(false));
            let finds = found.clone();
            let mut is_first = true;
            simulation.host("store", move || {
                let (finds, is_first) = (finds.clone(), std::mem::take(&mut is_first));
                async move {
                    match is_first {
                        true => fs::write("log", b"frog").await.unwrap(),
                        false => {
                            let log = fs::read("log").await;
                            finds.set(log.is_ok_and(|log| log == b"frog"));
                        }
                    }
                    pending::<()>().await
                }
            });
            simulation.client("hand", async move {
                sleep(crash_at).await;
                sim::control().crash("store");
                sim::control().restart("store");
                sleep(secs(1)).await;
            });
            run(simulation);
            found.get()
        });
        kept.count()
    };
    assert_eq!(kept(None, secs(31)), 20);
    assert_eq!(kept(Some(millis(10)), secs(1)), 20);
    let unsafe_still = [(None, secs(29)), (Some(Duration::MAX), secs(3000))];
    for (write_back, crash_at) in unsafe_still {
        let kept = kept(write_back, crash_at);
        assert!((1..20).contains(&kept), "{write_back:?}: {kept}");
    }
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

#[test]
fn folders_are_folders() {
    let mut simulation = Simulation::new(1);
    simulation.client("one", async {
        fs::create_dir_all("pond/deep").await?;
        fs::write("pond/frog", "quak").await?;
        fs::write("pond/deep/fish", "").await?;
        let mut entries = fs::read_dir("./pond").await?;
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            assert_eq!(
                entry.path(),
                std::path::Path::new("./pond").join(entry.file_name())
            );
            names.push((entry.file_name(), entry.metadata().await?.is_dir()));
        }
        assert_eq!(names, [("deep".into(), true), ("frog".into(), false)]);
        let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
        assert_eq!(
            kind(fs::remove_dir("pond").await),
            ErrorKind::DirectoryNotEmpty
        );
        assert_eq!(
            kind(fs::remove_dir("pond/frog").await),
            ErrorKind::NotADirectory
        );
        assert_eq!(kind(fs::remove_dir("lake").await), ErrorKind::NotFound);
        assert!(fs::read_dir("lake").await.is_err() && fs::read_dir("pond/frog").await.is_err());
        assert_eq!(
            fs::metadata("lake").await.unwrap_err().kind(),
            ErrorKind::NotFound
        );
        // A folder takes along what lies in it.
        fs::create_dir("lake").await?;
        fs::rename("pond", "lake").await?;
        assert!(!fs::try_exists("pond").await? && !fs::try_exists("pond/frog").await?);
        assert_eq!(fs::metadata("lake/frog").await?.len(), 4);
        assert!(fs::metadata("lake/deep").await?.is_dir());
        assert_eq!(
            kind(fs::rename("lake", "lake/deep/lake").await),
            ErrorKind::InvalidInput
        );
        fs::create_dir("sea").await?;
        fs::write("sea/shark", "").await?;
        assert_eq!(
            kind(fs::rename("lake", "sea").await),
            ErrorKind::DirectoryNotEmpty
        );
        assert_eq!(
            kind(fs::rename("lake", "sea/shark").await),
            ErrorKind::NotADirectory
        );
        fs::remove_dir_all("lake").await?;
        assert!(!fs::try_exists("lake/deep/fish").await? && !fs::try_exists("lake").await?);
        fs::remove_file("sea/shark").await?;
        fs::remove_dir("sea").await?;
        assert!(fs::read_dir("/").await?.next_entry().await?.is_none());
        assert!(fs::remove_dir_all("/").await.is_err());
        std::io::Result::Ok(())
    });
    run(simulation);
}

#[test]
fn a_write_takes_what_there_is_room_for() {
    let mut simulation = Simulation::new(1);
    simulation.client("one", async {
        let control = sim::control();
        control.set_disk_capacity("one", 10);
        let mut file = File::create("a").await.unwrap();
        assert_eq!(file.write(&[1; 16]).await.unwrap(), 10);
        assert_eq!(
            file.write(&[1; 6]).await.unwrap_err().kind(),
            ErrorKind::StorageFull
        );
        assert_eq!(file.metadata().await.unwrap().len(), 10);
        // What has no name takes no room.
        fs::remove_file("a").await.unwrap();
        let full = File::create("b").await.unwrap().write_all(&[2; 16]).await;
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read("b").await.unwrap(), [2; 10]);
    });
    run(simulation);
}

#[test]
fn faults_of_disks_come_and_go() {
    let faults = [
        "1s for 1s: diskfull one",
        "3s for 1s: diskslow one 1000",
        "5s for 60s: diskerrors one 1000",
        "6s for 1s: diskerrors one 1",
    ];
    let faults = faults.map(|text| text.parse().unwrap()).into();
    let mut simulation = Simulation::builder(1).faults(faults).build();
    simulation.client("one", async {
        let control = sim::control();
        let at = async |seconds: f64| {
            let at = std::time::Duration::from_secs_f64(seconds);
            sleep(at.saturating_sub(control.elapsed())).await;
        };
        fs::write("a", [1; 10]).await.unwrap();
        at(1.1).await;
        assert_eq!(
            fs::write("b", [1]).await.unwrap_err().kind(),
            ErrorKind::StorageFull
        );
        at(2.1).await;
        fs::write("b", [1]).await.unwrap();
        assert!(control.elapsed() < millis(2200));
        at(3.1).await;
        fs::read("b").await.unwrap();
        assert!(
            control.elapsed() > millis(3140),
            "two operations of 20 ms each, at least"
        );
        let mut torn = File::create("torn").await.unwrap();
        at(7.0).await;
        let before = control.elapsed();
        assert!(torn.write_all(&[3; 10_000]).await.is_err());
        assert!(fs::read("a").await.is_err());
        assert!(torn.sync_all().await.is_err());
        assert!(control.elapsed() < before + millis(100));
        at(66.0).await;
        let written = fs::read("torn").await.unwrap();
        assert!(written.len() < 10_000 && written.iter().all(|byte| *byte == 3));
        assert_eq!(fs::read("a").await.unwrap(), [1; 10]);
    });
    run(simulation);
}

#[test]
fn clones_of_a_file_have_one_position() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        fs::DirBuilder::new().recursive(true).create("/a/b").await?;
        let twice = fs::DirBuilder::new().create("/a/b").await;
        assert_eq!(twice.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let mut one = File::create_new("/a/b/log").await?;
        let mut other = one.try_clone().await?;
        one.write_all(b"quak ").await?;
        other.write_all(b"quak").await?;
        assert_eq!(one.seek(SeekFrom::Start(5)).await?, 5);
        drop(one);
        let mut text = String::from("frog: ");
        assert_eq!(other.read_to_string(&mut text).await?, 4);
        assert_eq!(text, "frog: quak");
        let day = UNIX_EPOCH + secs(86_400);
        other.set_modified(day).await?;
        assert_eq!(other.metadata().await?.modified()?, day);
        let before = other.set_modified(UNIX_EPOCH - secs(1)).await;
        assert_eq!(before.unwrap_err().kind(), ErrorKind::InvalidInput);
        other.write_all(&[0xff]).await?;
        other.seek(SeekFrom::Start(0)).await?;
        let wrong = other.read_to_string(&mut text).await;
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(text, "frog: quak");
        let mut found = fs::read_dir("/a/b").await?;
        let next = std::future::poll_fn(|cx| found.poll_next_entry(cx)).await?;
        assert_eq!(next.unwrap().file_name(), "log");
        std::io::Result::Ok(())
    });
    run(simulation);
}

#[test]
fn a_file_is_a_stream_of_other_crates() {
    use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
    use std::future::poll_fn;
    use std::pin::pin;

    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let mut file = pin!(File::create_new("log").await?);
        let start = polliwog_core::time::Instant::now();
        assert_eq!(
            poll_fn(|cx| file.as_mut().poll_write(cx, b"frog")).await?,
            4
        );
        assert!(start.elapsed() > millis(0), "it takes virtual time");
        // What is given up has done nothing.
        let given_up = poll_fn(|cx| {
            let poll = file.as_mut().poll_write(cx, b"splash");
            std::task::Poll::Ready(poll.is_pending())
        });
        assert!(given_up.await);
        let to = SeekFrom::Start(1);
        assert_eq!(poll_fn(|cx| file.as_mut().poll_seek(cx, to)).await?, 1);
        let mut buf = [0; 8];
        assert_eq!(
            poll_fn(|cx| file.as_mut().poll_read(cx, &mut buf)).await?,
            3
        );
        assert_eq!(&buf[..3], b"rog");
        poll_fn(|cx| file.as_mut().poll_close(cx)).await?;
        assert_eq!(
            embedded_io_async::Read::read(&mut *file, &mut buf).await?,
            0
        );
        let mut readonly = pin!(File::open("log").await?);
        let refused = poll_fn(|cx| readonly.as_mut().poll_write(cx, b"x")).await;
        assert!(is_not_open_for_it(refused.unwrap_err()));
        std::io::Result::Ok(())
    });
    run(simulation);
}

#[test]
fn files_know_when_they_were_made_changed_and_read() {
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async {
        let times = async || {
            let known = fs::metadata("log").await.unwrap();
            let since = |time: SystemTime| time.duration_since(sim::system_time() - secs(100));
            let [created, modified, accessed] =
                [known.created(), known.modified(), known.accessed()]
                    .map(|time| since(time.unwrap()).unwrap().as_secs());
            (100 - created, 100 - modified, 100 - accessed)
        };
        let ago = async || {
            let (created, modified, accessed) = times().await;
            // Each operation takes a moment, too.
            (created / 10, modified / 10, accessed / 10)
        };
        fs::write("log", b"quak").await?;
        sleep(secs(11)).await;
        assert_eq!(ago().await, (1, 1, 1));
        fs::OpenOptions::new()
            .append(true)
            .open("log")
            .await?
            .write_all(b"!")
            .await?;
        sleep(secs(11)).await;
        assert_eq!(ago().await, (2, 1, 2));
        assert_eq!(fs::read("log").await?, b"quak!");
        sleep(secs(11)).await;
        assert_eq!(ago().await, (3, 2, 1));
        fs::rename("log", "old").await?;
        fs::rename("old", "log").await?;
        assert_eq!(ago().await, (3, 2, 1));
        std::io::Result::Ok(())
    });
    run(simulation);
}
