//! `sim::io_uring`: a storage engine on a ring, and what rings do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::pending;
use std::io::{ErrorKind, Result, Write};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use polliwog_core::Instant;
use polliwog_core::time::{sleep, timeout};
use polliwog_spin::sim::io_uring::{
    AsyncFd, IoUring, opcode,
    squeue::{Entry, Flags},
    types::{CancelBuilder, Fd, SubmitArgs, TimeoutFlags, Timespec},
};
use polliwog_spin::sim::std::fs::{self, File};
use polliwog_spin::sim::{self, Simulation};

use crate::{millis, run, secs};

mod ends;

/// A log on simulated rings.
mod simulated {
    use std::io;
    use std::os::fd::AsRawFd;

    use polliwog_spin::sim::io_uring::{IoUring, cqueue, opcode, squeue, types};
    use polliwog_spin::sim::std::fs;

    include!("rings/laws.rs");
    include!("rings/wal.rs");

    #[test]
    fn the_laws_of_the_kernel_hold() {
        for seed in 0..if cfg!(miri) { 1 } else { 10 } {
            super::on_host(seed, async {
                laws("laws").unwrap();
            });
        }
    }
}

/// The same one on the kernel's, where there are any.
mod real {
    use std::fs;
    use std::io;
    use std::os::fd::AsRawFd;

    use io_uring::{IoUring, cqueue, opcode, squeue, types};

    include!("rings/laws.rs");
    include!("rings/wal.rs");

    /// Runs a test with a path for a file of its own, unless the kernel has no rings.
    fn with_path(name: &str, test: impl FnOnce(&str)) {
        if let Err(error) = IoUring::new(4) {
            return println!("no rings here: {error}");
        }
        let path = std::env::temp_dir().join(format!("polliwog-{name}-{}", std::process::id()));
        test(path.to_str().unwrap());
        fs::remove_file(path).unwrap();
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no rings")]
    fn the_laws_hold() {
        with_path("laws", |path| {
            laws(path).unwrap();
        });
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no rings")]
    fn the_log_works_on_a_real_disk() {
        with_path("rings", |path| {
            let mut log = Log::open(path).unwrap();
            for number in 0..5 {
                log.append(number % 2 == 0).unwrap();
            }
            assert_eq!(Log::open(path).unwrap().records(), 5);
        });
    }
}

/// Runs a test on a host of its own.
#[track_caller]
fn on_host<F: Future<Output = ()> + 'static>(seed: u64, program: F) {
    let mut simulation = Simulation::new(seed);
    simulation.client("host", program);
    run(simulation);
}

fn push(ring: &mut IoUring, entries: &[Entry]) {
    // SAFETY: the memory that the tests lend outlives the ring, or its host, after which it is left alone.
    unsafe { ring.submission().push_multiple(entries) }.unwrap();
}

/// The numbers and the results of what has completed, in order.
fn completed(ring: &mut IoUring) -> Vec<(u64, i32)> {
    let entry = |entry: sim::io_uring::cqueue::Entry| (entry.user_data(), entry.result());
    ring.completion().map(entry).collect()
}

fn carry_out(ring: &mut IoUring, entries: &[Entry]) -> Vec<(u64, i32)> {
    push(ring, entries);
    assert_eq!(ring.submit_and_wait(entries.len()).unwrap(), entries.len());
    completed(ring)
}

fn write(file: &File, bytes: &[u8], offset: u64) -> Entry {
    let fd = Fd(file.as_raw_fd());
    opcode::Write::new(fd, bytes.as_ptr(), bytes.len() as u32)
        .offset(offset)
        .build()
}

fn read(file: &File, bytes: &mut [u8]) -> Entry {
    opcode::Read::new(Fd(file.as_raw_fd()), bytes.as_mut_ptr(), bytes.len() as u32).build()
}

fn wait(time: &Timespec) -> opcode::Timeout {
    opcode::Timeout::new(time)
}

/// Returns how many records were acknowledged and found again after crashes, and a hash of the run.
fn store(seed: u64, syncs: bool, kills: bool) -> (u64, u64, u64) {
    let mut simulation = Simulation::new(seed);
    // What the second process finds, and what the first one has acknowledged.
    let (acknowledged, found) = (Rc::new(Cell::new(0)), Rc::new(Cell::new((0, 0))));
    let finds = found.clone();
    simulation.host("store", move || {
        let (acknowledged, finds) = (acknowledged.clone(), finds.clone());
        async move {
            let mut log = simulated::Log::open("log").unwrap();
            finds.set((acknowledged.get(), log.records()));
            loop {
                log.append(syncs).unwrap();
                // The time that it has taken passes for the others, too, and they have their turn.
                sleep(millis(1)).await;
                acknowledged.set(log.records());
            }
        }
    });
    simulation.client("hand", async move {
        sleep(millis(60)).await;
        let control = sim::control();
        match kills {
            true => control.kill("store"),
            false => control.crash("store"),
        }
        control.restart("store");
        sleep(millis(60)).await;
    });
    let report = run(simulation);
    let (acknowledged, found) = found.get();
    (acknowledged, found, report.hash)
}

#[test]
fn a_log_that_syncs_loses_nothing_and_one_that_does_not_is_found_out() {
    let seeds = if cfg!(miri) { 2 } else { 30 };
    let (mut records, mut losses) = (0, 0);
    for seed in 0..seeds {
        let (acknowledged, found, _) = store(seed, true, false);
        assert!(
            found >= acknowledged,
            "seed {seed}: {found} of {acknowledged}"
        );
        records += acknowledged;
        let (acknowledged, found, _) = store(seed, false, true);
        assert!(found >= acknowledged, "seed {seed}: a kill loses nothing");
        let (acknowledged, found, _) = store(seed, false, false);
        losses += u64::from(found < acknowledged);
    }
    assert!(
        records > 5 * seeds && losses > seeds / 2,
        "{records} {losses}"
    );
}

#[test]
fn the_same_seed_does_the_same() {
    assert_eq!(store(7, true, false), store(7, true, false));
    assert_ne!(store(7, true, false).2, store(8, true, false).2);
}

#[test]
fn operations_complete_in_an_order_by_the_seed_and_linked_ones_in_their_own() {
    let orders = Rc::new(RefCell::new(BTreeSet::new()));
    for seed in 0..10 {
        let orders = orders.clone();
        on_host(seed, async move {
            let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
            let entries: Vec<Entry> = (0..5_u8)
                .map(|number| write(&file, b"frog", u64::from(number) * 4).user_data(number.into()))
                .collect();
            let order = carry_out(&mut ring, &entries);
            assert!(order.iter().all(|(_, result)| *result == 4), "{order:?}");
            orders.borrow_mut().insert(order);
            let linked = |entry: &Entry| entry.clone().flags(Flags::IO_LINK);
            let linked: Vec<Entry> = entries.iter().map(linked).collect();
            let order = carry_out(&mut ring, &linked);
            assert!(order.is_sorted(), "{order:?}");
            // What drains the ring comes after all before it and before all after it.
            let mut drains = entries;
            drains[2] = drains[2].clone().flags(Flags::IO_DRAIN);
            let order = carry_out(&mut ring, &drains);
            assert_eq!(order[2].0, 2, "{order:?}");
            assert!(
                order[..2].iter().all(|(number, _)| *number < 2),
                "{order:?}"
            );
        });
    }
    assert!(orders.borrow().len() > 5, "{orders:?}");
}

#[test]
fn a_sync_that_is_not_linked_is_no_better_than_what_was_written_before() {
    let mut lost = 0;
    for seed in 0..20 {
        let mut simulation = Simulation::new(seed);
        let found = Rc::new(Cell::new(0));
        let finds = found.clone();
        simulation.host("store", move || {
            let finds = finds.clone();
            async move {
                finds.set(fs::read("a").map_or(0, |bytes| bytes.len()));
                if finds.get() == 0 {
                    let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
                    let sync = opcode::Fsync::new(Fd(file.as_raw_fd())).build();
                    let both = carry_out(&mut ring, &[write(&file, b"frog", 0), sync]);
                    assert_eq!(both, [(0, 4), (0, 0)]);
                }
                pending::<()>().await;
            }
        });
        simulation.client("hand", async {
            sleep(millis(100)).await;
            sim::control().restart("store");
            sleep(millis(100)).await;
        });
        run(simulation);
        lost += usize::from(found.get() == 0);
    }
    assert!(lost > 2, "{lost}");
}

#[test]
fn disks_that_fail_or_are_full_say_so_in_results() {
    on_host(1, async {
        let control = sim::control();
        // A program that has blocked is ahead, and a fault strikes in its time.
        let at_its_time = || sleep(millis(1));
        let (mut ring, file) = (IoUring::new(8).unwrap(), File::create_new("a").unwrap());
        let fd = Fd(file.as_raw_fd());
        let mut room = [0; 4];
        let entries = [
            write(&file, b"frog", 0),
            read(&file, &mut room),
            opcode::Fsync::new(fd).build(),
            opcode::Fallocate::new(fd, 100).build(),
        ];
        control.set_disk_errors("host", 1.0);
        at_its_time().await;
        for (_, result) in carry_out(&mut ring, &entries) {
            assert_eq!(result, -libc::EIO);
        }
        control.set_disk_errors("host", 0.0);
        at_its_time().await;
        // Of a write that fails something may be there.
        file.set_len(0).unwrap();
        control.set_disk_capacity("host", 2);
        at_its_time().await;
        assert_eq!(carry_out(&mut ring, &entries[..1]), [(0, 2)]);
        assert_eq!(
            carry_out(&mut ring, &[write(&file, b"og", 2)]),
            [(0, -libc::ENOSPC)]
        );
        assert_eq!(carry_out(&mut ring, &entries[3..]), [(0, -libc::ENOSPC)]);
        control.set_disk_capacity("host", 1000);
        at_its_time().await;
        assert_eq!(carry_out(&mut ring, &entries[3..]), [(0, 0)]);
        assert_eq!(file.metadata().unwrap().len(), 100);
        control.set_disk_short_reads("host", 1.0);
        at_its_time().await;
        let short = carry_out(&mut ring, &entries[1..2])[0].1;
        assert!((1..4).contains(&short), "{short}");
        // What is not simulated, and a file that is longer than memory allows.
        for (entry, error) in [
            (entries[0].clone().flags(Flags::FIXED_FILE), libc::EINVAL),
            (write(&file, b"frog", u64::MAX), libc::EINVAL),
            (write(&file, b"frog", 1 << 40), libc::EFBIG),
        ] {
            assert_eq!(carry_out(&mut ring, &[entry]), [(0, -error)]);
        }
        // A folder is synced, and nothing else.
        let folder = File::open("/").unwrap();
        let sync = opcode::Fsync::new(Fd(folder.as_raw_fd())).build();
        assert_eq!(carry_out(&mut ring, &[sync]), [(0, 0)]);
        assert_eq!(
            carry_out(&mut ring, &[read(&folder, &mut room)]),
            [(0, -libc::EISDIR)]
        );
    });
}

#[test]
fn timeouts_and_limits_end_by_the_clock() {
    on_host(1, async {
        let mut ring = IoUring::new(8).unwrap();
        let (short, long) = (Timespec::new().nsec(5_000_000), Timespec::from(secs(3600)));
        let start = Instant::now();
        let passed = || Instant::now() - start;
        assert_eq!(
            carry_out(&mut ring, &[wait(&short).build()]),
            [(0, -libc::ETIME)]
        );
        assert_eq!(passed(), millis(5));
        let absolute = wait(&short).flags(TimeoutFlags::ABS).build();
        assert_eq!(carry_out(&mut ring, &[absolute]), [(0, -libc::EINVAL)]);
        let nop = opcode::Nop::new().build().user_data(1);
        let entries = [wait(&long).count(2).build(), nop.clone(), nop.clone()];
        assert_eq!(carry_out(&mut ring, &entries), [(1, 0), (1, 0), (0, 0)]);
        push(
            &mut ring,
            &[(); 3].map(|()| wait(&long).build().user_data(7)),
        );
        let all = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        push(&mut ring, &[all]);
        ring.submit().unwrap();
        let canceled = (7, -libc::ECANCELED);
        assert_eq!(completed(&mut ring), [(0, 3), canceled, canceled, canceled]);
        assert_eq!(passed(), millis(5));

        let args = SubmitArgs::new().timespec(&short);
        let error = ring.submitter().submit_with_args(1, &args).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ETIME));
        assert_eq!(passed(), millis(10));
        push(&mut ring, &[wait(&long).build()]);
        assert_eq!(ring.submitter().submit_with_args(1, &args).unwrap(), 1);
        assert_eq!(passed(), millis(15));
        push(&mut ring, &[nop]);
        assert_eq!(ring.submitter().submit_with_args(1, &args).unwrap(), 1);
        assert_eq!(passed(), millis(15));
    });
}

#[test]
fn a_cancelled_write_is_not_done_and_one_that_cannot_be_is() {
    let both = Rc::new(RefCell::new(BTreeSet::new()));
    for seed in 0..20 {
        let both = both.clone();
        on_host(seed, async move {
            let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
            let which = CancelBuilder::fd(Fd(file.as_raw_fd()));
            let cancel = opcode::AsyncCancel2::new(which).build().user_data(2);
            let mut ends = carry_out(&mut ring, &[write(&file, b"frog", 0).user_data(1), cancel]);
            ends.sort_unstable();
            let len = file.metadata().unwrap().len();
            both.borrow_mut().insert((ends, len));
        });
    }
    let cancelled = (vec![(1, -libc::ECANCELED), (2, 0)], 0);
    let done = (vec![(1, 4), (2, -libc::EALREADY)], 4);
    assert_eq!(*both.borrow(), BTreeSet::from([cancelled, done]));
}

#[test]
fn queues_have_room_for_so_much() {
    on_host(1, async {
        let invalid = |ring: Result<IoUring>| ring.unwrap_err().raw_os_error();
        for ring in [
            IoUring::new(0),
            IoUring::new(32769),
            IoUring::builder().setup_cqsize(2).build(4),
            IoUring::builder().setup_sqpoll(10).build(4),
            IoUring::builder().setup_iopoll().build(4),
        ] {
            assert_eq!(invalid(ring), Some(libc::EINVAL));
        }
        let huge = IoUring::builder().setup_clamp().build(40_000).unwrap();
        assert_eq!(huge.params().sq_entries(), 32768);
        let mut ring = IoUring::builder().setup_cqsize(4).build(3).unwrap();
        assert_eq!(
            (ring.params().sq_entries(), ring.params().cq_entries()),
            (4, 4)
        );

        let nop = |number| opcode::Nop::new().build().user_data(number);
        let (submitter, mut submission, mut completion) = ring.split();
        for number in 0..4 {
            // SAFETY: no memory is lent.
            unsafe { submission.push(&nop(number)) }.unwrap();
        }
        assert!(submission.is_full());
        // SAFETY: as above.
        assert!(unsafe { submission.push(&nop(4)) }.is_err());
        // What is not synced is not there yet.
        assert_eq!(submitter.submit().unwrap(), 0);
        submission.sync();
        assert_eq!(submitter.submit().unwrap(), 4);
        assert!(submission.is_full());
        submission.sync();
        assert!(submission.is_empty());
        assert_eq!(completion.len(), 0);
        completion.sync();
        assert!(completion.is_full());
    });
    let outside = IoUring::new(4).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::Unsupported);
}

#[test]
fn waiting_for_what_will_not_be_is_told() {
    let mut simulation = Simulation::new(1);
    simulation.client("host", async {
        IoUring::new(4).unwrap().submit_and_wait(1).unwrap();
    });
    let failure = simulation.run().unwrap_err().to_string();
    assert!(failure.contains("too little is in flight"), "{failure}");
}

#[test]
fn a_task_waits_and_the_others_run() {
    on_host(1, async {
        let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
        let ready = AsyncFd::new(-1);
        assert_eq!(ready.unwrap_err().raw_os_error(), Some(libc::EBADF));
        push(&mut ring, &[write(&file, b"frog", 0)]);
        ring.submit().unwrap();
        let mut ring = AsyncFd::new(ring).unwrap();
        let start = Instant::now();
        let turns = Rc::new(Cell::new(0));
        let counts = turns.clone();
        let others = async move {
            loop {
                sleep(millis(1) / 100).await;
                counts.set(counts.get() + 1);
            }
        };
        let others = polliwog_core::spawn(others).unwrap();
        ring.readable().await.unwrap();
        assert!(turns.get() > 1, "{turns:?}");
        assert!(Instant::now() - start < millis(1));
        assert_eq!(completed(ring.get_mut()), [(0, 4)]);
        // Nothing more comes.
        assert!(timeout(secs(1), ring.readable()).await.is_err());
        others.abort();
        ring.into_inner().unwrap().submit().unwrap();
    });
}

#[test]
fn a_buffer_that_is_used_too_early_is_found_in_the_file() {
    on_host(1, async {
        let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
        let buffer = Cell::new(*b"frog");
        let fd = Fd(file.as_raw_fd());
        let early = opcode::Write::new(fd, buffer.as_ptr().cast_const().cast(), 4).build();
        push(&mut ring, &[early]);
        ring.submit().unwrap();
        buffer.set(*b"toad");
        ring.submit_and_wait(1).unwrap();
        assert_eq!(fs::read("a").unwrap(), b"toad");
    });
}

#[test]
fn a_file_stays_open_for_what_is_in_flight_and_its_number_is_free() {
    on_host(1, async {
        let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
        let (number, entry) = (file.as_raw_fd(), write(&file, b"frog", 0));
        push(&mut ring, std::slice::from_ref(&entry));
        ring.submit().unwrap();
        drop(file);
        ring.submit_and_wait(1).unwrap();
        assert_eq!(completed(&mut ring), [(0, 4)]);
        assert_eq!(fs::read("a").unwrap(), b"frog");
        assert_eq!(
            carry_out(&mut ring, std::slice::from_ref(&entry)),
            [(0, -libc::EBADF)]
        );
        let other = File::create("b").unwrap();
        assert_eq!(other.as_raw_fd(), number);
        assert_eq!(carry_out(&mut ring, &[entry]), [(0, 4)]);
        assert_eq!(fs::read("b").unwrap(), b"frog");
    });
}

#[test]
fn rings_go_from_thread_to_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<(IoUring, Entry, sim::io_uring::cqueue::Entry)>();
    let ring = Rc::new(RefCell::new(None));
    let takes = ring.clone();
    on_host(1, async move {
        *takes.borrow_mut() = Some(IoUring::new(4).unwrap());
    });
    let ring = ring.take().unwrap();
    let elsewhere = std::thread::spawn(move || ring.submit().map_err(|error| error.kind()));
    assert_eq!(elsewhere.join().unwrap(), Err(ErrorKind::Unsupported));
}

/// A ring appends while its program, which does not look at it, has gone on by blocking, and appends, too.
#[test]
fn what_a_ring_appends_is_between_what_its_program_appends() {
    let mut places = BTreeSet::new();
    for seed in 0..20 {
        let found = Rc::new(Cell::new(0));
        let finds = found.clone();
        on_host(seed, async move {
            let mut ring = IoUring::new(8).unwrap();
            let open = || File::options().append(true).create(true).open("a").unwrap();
            let (end, mine) = (open(), open());
            push(&mut ring, &[write(&end, b"tadpole", 0)]);
            ring.submit().unwrap();
            for _ in 0..5 {
                (&mine).write_all(b"frog").unwrap();
            }
            sleep(millis(10)).await;
            assert_eq!(completed(&mut ring), [(0, 7)]);
            let text = fs::read_to_string("a").unwrap();
            finds.set(text.find("tadpole").unwrap());
            assert_eq!(text.replace("tadpole", ""), "frog".repeat(5));
        });
        places.insert(found.get());
    }
    assert!(places.len() > 2, "{places:?}");
}
