//! What becomes of operations in flight, and of their memory, when a ring ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::pending;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use polliwog_core::Instant;
use polliwog_spin::sim::io_uring::{AsyncFd, IoUring, opcode, squeue::Flags, types::Fd};
use polliwog_spin::sim::std::fs::{self, File};
use polliwog_spin::sim::{self, Simulation};

use super::{completed, push, write};
use crate::{millis, run, secs};

/// How a ring ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Crash,
    Kill,
    Return,
    Drop,
}

/// Memory of a program is gone with it, and with its ring: it is not touched any more. Miri sees it, and so does this test.
#[test]
fn memory_is_left_alone_when_a_ring_ends() {
    for end in [End::Crash, End::Kill, End::Return, End::Drop] {
        let mut simulation = Simulation::new(1);
        let memory = Rc::new(Cell::new([b'-'; 4]));
        // A ring that outlives its process, which nothing but the simulation closes.
        let kept: Rc<RefCell<Option<IoUring>>> = Rc::default();
        let (lends, keeps) = (memory.clone(), kept.clone());
        simulation.host("host", move || {
            let (lends, keeps) = (lends.clone(), keeps.clone());
            async move {
                if keeps.borrow().is_some() {
                    return pending::<()>().await;
                }
                fs::write("a", "frog").unwrap();
                let (file, mut ring) = (File::open("a").unwrap(), IoUring::new(8).unwrap());
                let fd = Fd(file.as_raw_fd());
                let mut gone = vec![0_u8; 4];
                push(
                    &mut ring,
                    &[
                        opcode::Read::new(fd, lends.as_ptr().cast(), 4).build(),
                        opcode::Read::new(fd, gone.as_mut_ptr(), 4).build(),
                        write(&File::options().append(true).open("a").unwrap(), &gone, 4),
                    ],
                );
                ring.submit().unwrap();
                if end == End::Drop {
                    drop(ring);
                    drop(gone);
                    return pending().await;
                }
                *keeps.borrow_mut() = Some(ring);
                if end != End::Return {
                    pending::<()>().await;
                }
                drop(gone);
            }
        });
        let control = simulation.control();
        // The files have taken their time, and the operations have begun then.
        simulation.run_for(millis(1) / 50).unwrap();
        match end {
            End::Crash => control.crash("host"),
            End::Kill => control.kill("host"),
            End::Return | End::Drop => {}
        }
        simulation.run_for(secs(1)).unwrap();
        assert_eq!(&memory.get(), b"----", "{end:?}");
        let Some(ring) = kept.take() else {
            assert_eq!(end, End::Drop);
            continue;
        };
        // Neither here nor on the host that has been started again.
        assert_eq!(ring.submit().unwrap_err().kind(), ErrorKind::Unsupported);
        let number = ring.as_raw_fd();
        let kept = RefCell::new(Some(ring));
        simulation.client("hand", async move {
            let ring = kept.take().unwrap();
            let error = ring.submit().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
            assert!(AsyncFd::new(ring).is_err(), "{number}");
        });
        run(simulation);
    }
}

#[test]
fn of_a_write_in_flight_a_crash_leaves_all_or_a_part_or_nothing() {
    let mut lengths = BTreeSet::new();
    for seed in 0..40 {
        let mut simulation = Simulation::new(seed);
        let found = Rc::new(Cell::new(None));
        let finds = found.clone();
        simulation.host("host", move || {
            let finds = finds.clone();
            async move {
                if let Ok(bytes) = fs::read("a") {
                    assert!(bytes.iter().all(|byte| *byte == 1));
                    finds.set(Some(bytes.len()));
                    return pending::<()>().await;
                }
                let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
                file.sync_all().unwrap();
                sim::control().crash("host");
                push(&mut ring, &[write(&file, &[1; 2048], 0)]);
                ring.submit().unwrap();
                pending().await
            }
        });
        simulation.run_for(secs(1)).unwrap();
        simulation.control().restart("host");
        simulation.run_for(secs(1)).unwrap();
        lengths.insert(found.get().unwrap());
    }
    let part = lengths.range(1..2048).count();
    assert!(lengths.contains(&0) && part > 2, "{lengths:?}");
}

/// A ring goes on while its program is ahead: what it has by then outlives a crash, and nothing else of what comes later.
#[test]
fn a_ring_syncs_what_is_there_and_not_what_its_program_does_ahead() {
    let mut synced = 0;
    for seed in 0..30 {
        let mut simulation = Simulation::new(seed);
        let writes: Rc<RefCell<Vec<Instant>>> = Rc::default();
        let notes = writes.clone();
        simulation.host("host", move || {
            let notes = notes.clone();
            async move {
                let (mut ring, file) = (IoUring::new(8).unwrap(), File::create("a").unwrap());
                file.sync_all().unwrap();
                let sync = opcode::Fsync::new(Fd(file.as_raw_fd())).build();
                push(
                    &mut ring,
                    &[write(&file, b"ring", 0).flags(Flags::IO_LINK), sync],
                );
                ring.submit().unwrap();
                for number in 0..200 {
                    file.write_at(b"x", 4 + number).unwrap();
                    notes.borrow_mut().push(Instant::now());
                }
                // It looks at the ring late, whose operations are over nevertheless when they were.
                assert_eq!(completed(&mut ring), [(0, 4), (0, 0)]);
                pending::<()>().await;
            }
        });
        // The operations are over by now, and the program is further.
        simulation.run_for(millis(12)).unwrap();
        let control = simulation.control();
        control.crash("host");
        simulation.run_for(millis(100)).unwrap();
        let found = control.read_file("host", "a").unwrap();
        let end = Instant::from_nanos(12_000_000);
        let done = writes.borrow().iter().filter(|at| **at <= end).count();
        assert!(
            done < 200 && found.len() <= 4 + done,
            "seed {seed}: {found:?}"
        );
        synced += usize::from(found.starts_with(b"ring"));
    }
    assert_eq!(synced, 30);
}
