//! What of its files a system has in memory, and how long operations take for that.

use std::cell::Cell;
use std::future::pending;
use std::io::{Result, SeekFrom};
use std::rc::Rc;

use polliwog_core::time::{Instant, sleep};
use polliwog_spin::sim::{self, Control, Latency, Simulation, fs, std as blocking};

use crate::{millis, run, secs};

/// The seconds that something takes: none from memory, three of the disk, seven for a sync.
async fn takes<T>(operation: impl Future<Output = Result<T>>) -> u64 {
    let before = Instant::now();
    operation.await.unwrap();
    (Instant::now() - before).as_secs()
}

fn prepare(simulation: &Simulation, pages: usize) {
    let control = simulation.control();
    control.set_disk_latency("*", Latency::fixed(secs(3)), Latency::fixed(secs(7)));
    control.set_disk_pages("*", pages, 4096);
}

fn with(pages: usize, client: impl Future<Output = Result<()>> + 'static) {
    let mut simulation = Simulation::new(1);
    simulation.client("client", client);
    prepare(&simulation, pages);
    run(simulation);
}

#[test]
fn what_was_used_last_is_there_and_the_rest_is_not() {
    with(2, async {
        let mut file = fs::File::create_new("log").await?;
        // There is nothing that has to be read before.
        assert_eq!(takes(file.write_at(&[1; 3 * 4096], 0)).await, 0);
        let read = async |page: u64| {
            let mut bytes = [0; 100];
            takes(file.read_at(&mut bytes, page * 4096)).await
        };
        assert_eq!([read(1).await, read(2).await, read(1).await], [0; 3]);
        // The second page goes for the first one.
        assert_eq!([read(0).await, read(0).await, read(1).await], [3, 0, 0]);
        assert_eq!([read(2).await, read(0).await], [3, 3]);
        // Two of three are there, and never all.
        let mut all = [0; 3 * 4096];
        for _ in 0..2 {
            assert_eq!(takes(file.read_at(&mut all, 0)).await, 3);
            file.seek(SeekFrom::Start(0)).await?;
            assert_eq!(takes(file.read_to_end(&mut Vec::new())).await, 3);
        }
        assert_eq!(takes(file.read_at(&mut all[..8192], 4096)).await, 0);
        // There is nothing to be read at the end.
        assert_eq!(takes(file.read_at(&mut all, 3 * 4096)).await, 0);
        assert_eq!(takes(file.sync_all()).await, 7);
        Ok(())
    });
}

#[test]
fn a_write_waits_for_what_it_leaves_of_its_pages() {
    with(2, async {
        let file = fs::File::create_new("log").await?;
        file.write_at(&[1; 3 * 4096 + 1], 0).await?;
        // A part of the first page; as a whole; in part again.
        assert_eq!(takes(file.write_at(&[2], 7)).await, 3);
        assert_eq!(takes(file.write_at(&[2; 4096], 4096)).await, 0);
        assert_eq!(takes(file.write_at(&[2], 4100)).await, 0);
        let end = fs::OpenOptions::new().append(true).open("log").await?;
        file.read_at(&mut [0; 8192], 0).await?;
        assert_eq!(takes(end.write_at(b"x", 0)).await, 3);
        assert_eq!(takes(end.write_at(b"x", 0)).await, 0);
        // What is cut off is gone.
        file.set_len(2 * 4096).await?;
        file.set_len(4 * 4096).await?;
        assert_eq!(takes(file.read_at(&mut [0], 3 * 4096)).await, 3);
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_goes_past_the_memory_is_not_there() {
    use std::os::fd::AsRawFd;

    use polliwog_spin::sim::io_uring::{IoUring, opcode, types::Fd};

    with(8, async {
        let mut how = fs::OpenOptions::new();
        how.read(true).write(true).create(true);
        let plain = how.open("log").await?;
        let direct = how.custom_flags(libc::O_DIRECT).open("log").await?;
        let mut page = [7; 4096];
        assert_eq!(takes(direct.write_at(&page, 0)).await, 3);
        assert_eq!(takes(direct.read_at(&mut page, 0)).await, 3);
        assert_eq!(takes(plain.read_at(&mut page, 0)).await, 3);
        assert_eq!(takes(direct.read_at(&mut page, 0)).await, 3);
        assert_eq!(takes(plain.read_at(&mut page, 0)).await, 0);
        direct.write_at(&page, 0).await?;
        assert_eq!(takes(plain.read_at(&mut page, 0)).await, 3);
        // It is the same for rings.
        let mut ring = IoUring::new(4)?;
        let mut read = |file: &fs::File| {
            let before = Instant::now();
            let read = opcode::Read::new(Fd(file.as_raw_fd()), page.as_mut_ptr(), 4096);
            // SAFETY: the memory outlives the operation, which is waited for.
            unsafe { ring.submission().push(&read.build()) }.unwrap();
            ring.submit_and_wait(1).unwrap();
            assert_eq!(ring.completion().next().unwrap().result(), 4096);
            (Instant::now() - before).as_secs()
        };
        assert_eq!([read(&plain), read(&direct), read(&plain)], [0, 3, 0]);
        direct.write_at(&[7; 4096], 0).await?;
        assert_eq!([read(&plain), read(&plain)], [3, 0]);
        // What is synced at once is there.
        let synced = how.custom_flags(libc::O_DSYNC).open("log").await?;
        direct.write_at(&[7; 4096], 0).await?;
        assert_eq!(takes(synced.write_at(&[7; 4096], 0)).await, 7);
        assert_eq!(takes(plain.read_at(&mut [7; 10], 0)).await, 0);
        Ok(())
    });
}

#[test]
fn a_crash_leaves_none_and_a_kill_all() {
    for (end, expected) in [
        (Control::crash as fn(&Control, &str), 3),
        (Control::kill, 0),
    ] {
        let found = Rc::new(Cell::new(None));
        let finds = found.clone();
        let mut simulation = Simulation::new(1);
        simulation.host("store", move || {
            let finds = finds.clone();
            async move {
                if let Ok(file) = fs::File::open("log").await {
                    finds.set(Some(takes(file.read_at(&mut [0; 10], 0)).await));
                    return pending().await;
                }
                let file = fs::File::create("log").await?;
                file.write_at(&[1; 100], 0).await?;
                file.sync_all().await?;
                pending::<Result<()>>().await
            }
        });
        simulation.client("hand", async move {
            sleep(secs(100)).await;
            end(&sim::control(), "store");
            sleep(millis(1)).await;
            sim::control().restart("store");
            sleep(secs(100)).await;
        });
        prepare(&simulation, 10);
        run(simulation);
        assert_eq!(found.get(), Some(expected));
    }
}

#[test]
fn pages_go_by_chance_and_come_by_chance() {
    with(8, async {
        blocking::fs::write("log", [1; 4096])?;
        let file = fs::File::open("log").await?;
        let read = async || takes(file.read_at(&mut [0; 10], 0)).await;
        assert_eq!([read().await, read().await], [0, 0]);
        sim::control().set_disk_evictions("client", 1.0);
        assert_eq!([read().await, read().await], [3, 3]);
        sim::control().set_disk_cached("client", 1.0);
        assert_eq!([read().await, read().await], [0, 0]);
        sim::control().set_disk_cached("client", 0.0);
        sim::control().set_disk_evictions("client", 0.0);
        assert_eq!([read().await, read().await], [0, 0]);
        sim::control().set_disk_evictions("client", 0.5);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..64 {
            seen.insert(read().await);
        }
        assert_eq!(seen, [0, 3].into());
        sim::control().set_disk_evictions("client", 0.0);
        // Pages of another size are others, and without room there are none.
        read().await;
        sim::control().set_disk_pages("client", 8, 512);
        assert_eq!([read().await, read().await], [3, 0]);
        sim::control().set_disk_pages("client", 0, 512);
        assert_eq!([read().await, read().await], [3, 3]);
        Ok(())
    });
}
