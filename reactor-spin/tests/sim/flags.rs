//! Files that are opened with flags of `open(2)`.

use std::collections::BTreeSet;
use std::future::pending;
use std::io::{ErrorKind, Result};
use std::os::fd::AsRawFd;
use std::time::Duration;

use polliwog_core::time::Instant;
use polliwog_spin::sim::io_uring::{IoUring, opcode, types::Fd};
use polliwog_spin::sim::{Latency, Simulation, fs};

use crate::{millis, run, secs};

/// Options to read, write and make a file.
fn with(flags: i32) -> fs::OpenOptions {
    let mut how = fs::OpenOptions::new();
    how.read(true).write(true).create(true).custom_flags(flags);
    how
}

#[test]
fn what_is_direct_is_of_whole_blocks() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let mut file = with(libc::O_DIRECT).open("pages").await?;
        let number = |result: Result<usize>| result.unwrap_err().raw_os_error();
        let mut page = [7; 1024];
        assert_eq!(file.write_at(&page, 0).await?, 1024);
        for (at, len) in [(100, 512), (0, 100), (512, 400)] {
            let error = number(file.write_at(&page[..len], at).await);
            assert_eq!(error, Some(libc::EINVAL));
            let error = number(file.read_at(&mut page[..len], at).await);
            assert_eq!(error, Some(libc::EINVAL));
        }
        assert_eq!(file.read_at(&mut page[..512], 512).await?, 512);
        // The position is between blocks; and at the end there is less than a block.
        file.seek(std::io::SeekFrom::Start(1)).await?;
        assert_eq!(
            number(file.read_to_end(&mut Vec::new()).await),
            Some(libc::EINVAL)
        );
        assert_eq!(number(file.read(&mut page).await), Some(libc::EINVAL));
        file.set_len(700).await?;
        assert_eq!(file.read_at(&mut page, 0).await?, 700);
        // Whoever has it open in the plain way is free.
        let plain = with(0).open("pages").await?;
        assert_eq!(plain.write_at(&[1; 3], 5).await?, 3);
        Result::Ok(())
    });
    simulation.client("modern", async {
        let file = with(libc::O_DIRECT).open("pages").await?;
        let error = file.write_at(&[7; 512], 0).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(file.write_at(&[7; 4096], 8192).await?, 4096);
        Result::Ok(())
    });
    simulation.client("never torn", async {
        let file = with(libc::O_DIRECT).open("pages").await?;
        assert_eq!(file.write_at(&[7; 512], 512).await?, 512);
        Result::Ok(())
    });
    let control = simulation.control();
    control.set_disk_block("modern", 4096);
    control.set_disk_block("never torn", usize::MAX);
    run(simulation);
}

/// A real disk, if it looks at it at all, says the same of what begins or ends within a block.
#[test]
#[cfg_attr(miri, ignore = "Miri does not know the flag")]
fn a_real_disk_says_the_same() {
    use std::os::unix::fs::{FileExt, OpenOptionsExt};

    #[repr(align(4096))]
    struct Page([u8; 8192]);
    let mut page = Page([7; 8192]);
    let path = std::env::temp_dir().join(format!("polliwog-direct-{}", std::process::id()));
    let mut how = std::fs::OpenOptions::new();
    how.read(true).write(true).create(true);
    let file = match how.custom_flags(libc::O_DIRECT).open(&path) {
        Ok(file) => file,
        Err(error) => return println!("no O_DIRECT here: {error}"),
    };
    let mut real = Vec::new();
    let cases = [
        (0, 8192),
        (100, 4096),
        (0, 100),
        (4096, 4096),
        // At the end, and beyond.
        (8192, 1000),
        (9000, 100),
    ];
    for (at, len) in cases {
        let count = |result: Result<usize>| result.map_err(|error| error.raw_os_error());
        real.push(count(file.write_at(&page.0[..len], at)));
        real.push(count(file.read_at(&mut page.0[..len], at)));
    }
    drop(file);
    std::fs::remove_file(&path).unwrap();
    if real.iter().all(|result| result.is_ok()) {
        return println!("this file system looks at no blocks");
    }
    let mut simulation = Simulation::new(1);
    simulation.client("client", async move {
        let file = with(libc::O_DIRECT).open("pages").await?;
        let mut page = [7; 8192];
        let mut real = real.into_iter();
        for (at, len) in cases {
            let count = |result: Result<usize>| result.map_err(|error| error.raw_os_error());
            let written = count(file.write_at(&page[..len], at).await);
            assert_eq!(Some(written), real.next(), "{len} bytes at {at}");
            let read = count(file.read_at(&mut page[..len], at).await);
            assert_eq!(Some(read), real.next(), "{len} bytes at {at}");
        }
        Result::Ok(())
    });
    run(simulation);
}

#[test]
fn what_is_direct_waits_for_the_disk_and_what_is_safe_for_a_sync() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let mut page = [7; 512];
        for (flags, reads, writes) in [
            (0, 0, 0),
            (libc::O_DIRECT, 3, 3),
            (libc::O_DSYNC, 0, 7),
            (libc::O_SYNC, 0, 7),
            (libc::O_DIRECT | libc::O_SYNC, 3, 7),
        ] {
            let mut file = with(flags).open("pages").await?;
            let mut takes = Vec::new();
            let mut last = Instant::now();
            let mut lap = || {
                let now = Instant::now();
                takes.push((now - last).as_secs());
                last = now;
            };
            file.write_at(&page, 0).await?;
            lap();
            file.read_at(&mut page, 0).await?;
            lap();
            std::future::poll_fn(|cx| {
                futures_io::AsyncWrite::poll_write(std::pin::Pin::new(&mut file), cx, &page)
            })
            .await?;
            lap();
            file.read_to_end(&mut Vec::new()).await?;
            lap();
            let mut ring = IoUring::new(4)?;
            let fd = Fd(file.as_raw_fd());
            let write = opcode::Write::new(fd, page.as_ptr(), 512).build();
            let read = opcode::Read::new(fd, page.as_mut_ptr(), 512).build();
            let part = opcode::Read::new(fd, page.as_mut_ptr(), 100).build();
            let mut results = Vec::new();
            for entry in [write, read, part] {
                // SAFETY: the memory outlives the operation, which is waited for.
                unsafe { ring.submission().push(&entry) }.unwrap();
                ring.submit_and_wait(1)?;
                lap();
                results.extend(ring.completion().map(|entry| entry.result()));
            }
            let part = match flags & libc::O_DIRECT {
                0 => 100,
                _ => -libc::EINVAL,
            };
            assert_eq!(results, [512, 512, part]);
            assert_eq!(
                takes,
                [writes, reads, writes, reads, writes, reads, reads],
                "{flags:#o}"
            );
        }
        Result::Ok(())
    });
    let control = simulation.control();
    control.set_disk_latency("*", Latency::fixed(secs(3)), Latency::fixed(secs(7)));
    control.set_disk_cached("client", 1.0);
    run(simulation);
}

/// What lies in a file of three blocks after crashes: the first and the last one are written to in the plain way, that between
/// them as `flags` says.
fn after_crashes(flags: i32) -> BTreeSet<Vec<u8>> {
    let left = |seed| {
        let mut simulation = Simulation::new(seed);
        simulation.host("store", move || async move {
            let plain = with(0).open("log").await?;
            plain.write_at(&[9; 6], 0).await?;
            plain.sync_all().await?;
            plain.set_len(3).await?;
            plain.write_at(&[1], 0).await?;
            with(flags).open("log").await?.write_at(&[2], 1).await?;
            plain.write_at(&[3], 2).await?;
            pending::<Result<()>>().await
        });
        simulation.run_for(secs(1)).unwrap();
        let control = simulation.control();
        control.crash("store");
        simulation.run_for(Duration::ZERO).unwrap();
        control.read_file("store", "log").unwrap()
    };
    (0..100).map(left).collect()
}

#[test]
fn a_crash_leaves_what_was_written_with_o_dsync_and_of_the_rest_something() {
    let plain = after_crashes(0);
    assert!(plain.iter().any(|left| left[1] == 9));
    for flags in [libc::O_DSYNC, libc::O_SYNC] {
        let safe: Vec<_> = after_crashes(flags).into_iter().collect();
        let expected = [[1, 2, 3], [1, 2, 9], [9, 2, 3], [9, 2, 9]];
        assert_eq!(safe, expected, "{flags:#o}");
    }
}

#[test]
fn a_name_is_safe_once_something_was_written_with_o_dsync() {
    for seed in 0..20 {
        let mut simulation = Simulation::new(seed);
        simulation.host("store", || async {
            let file = with(libc::O_DSYNC).open("log").await?;
            file.write_at(b"frog", 0).await?;
            pending::<Result<()>>().await
        });
        simulation.run_for(millis(100)).unwrap();
        let control = simulation.control();
        control.crash("store");
        simulation.run_for(Duration::ZERO).unwrap();
        assert_eq!(control.read_file("store", "log").unwrap(), b"frog");
    }
}

#[test]
fn flags_that_are_not_simulated_are_refused() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        fs::write("log", "frog").await?;
        fs::symlink("log", "link").await?;
        let none = libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_LARGEFILE;
        with(none).open("link").await?;
        // The access mode is not taken.
        assert_eq!(
            with(libc::O_RDWR)
                .open("log")
                .await?
                .metadata()
                .await?
                .len(),
            4
        );
        for flags in [libc::O_PATH, libc::O_TMPFILE, libc::O_APPEND, libc::O_TRUNC] {
            let error = with(flags).open("log").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }
        let mut how = fs::OpenOptions::new();
        let error = |result: Result<fs::File>| result.unwrap_err().raw_os_error();
        how.read(true).custom_flags(libc::O_NOFOLLOW);
        assert_eq!(error(how.open("link").await), Some(libc::ELOOP));
        how.open("log").await?;
        how.custom_flags(libc::O_DIRECTORY);
        let kind = how.open("log").await.unwrap_err().kind();
        assert_eq!(kind, ErrorKind::NotADirectory);
        how.open("/").await?;
        Result::Ok(())
    });
    run(simulation);
}
