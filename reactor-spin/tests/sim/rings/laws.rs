// What the kernel does, and the simulation as well: see `wal.rs`.

fn nop(number: u64) -> squeue::Entry {
    opcode::Nop::new().build().user_data(number)
}

/// What some operations come to: numbers and results, sorted.
pub(crate) fn laws(path: &str) -> io::Result<()> {
    use libc::{EBADF, ECANCELED, EINVAL, ENOENT, EOPNOTSUPP, ETIME};
    use squeue::Flags;

    let mut ring = IoUring::builder().setup_cqsize(8).build(8)?;
    let mut options = fs::OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(true);
    let (file, reader) = (options.open(path)?, fs::File::open(path)?);
    let (fd, reader) = (types::Fd(file.as_raw_fd()), types::Fd(reader.as_raw_fd()));
    let mut room = [0_u8; 8];
    let (short, hour) = (
        types::Timespec::new().nsec(1_000_000),
        types::Timespec::new().sec(3600),
    );
    let wrong = types::Timespec::new().sec(1 << 63);
    let many = vec![part(b"frog"); 1025];

    let write = |fd| opcode::Write::new(fd, b"frog".as_ptr(), 4);
    let read = opcode::Read::new(fd, room.as_mut_ptr(), 8).build();
    let bad = write(types::Fd(-1)).build().user_data(1);
    let time = |time| opcode::Timeout::new(time);
    let cancel = |number| opcode::AsyncCancel::new(number).build().user_data(9);
    let link = |entry: &squeue::Entry| entry.clone().flags(Flags::IO_LINK);
    let silent = |entry: squeue::Entry| entry.flags(Flags::SKIP_SUCCESS);
    let long = || time(&hour).build().user_data(7);
    let success = time(&short).flags(types::TimeoutFlags::ETIME_SUCCESS);
    let success = success.build();
    let all = |builder| opcode::AsyncCancel2::new(builder).build().user_data(9);
    let vectored = opcode::Readv::new(fd, many.as_ptr(), many.len() as u32);
    let allocate = |fd, len| opcode::Fallocate::new(fd, len).build();
    let counted = time(&hour).count(1).build().user_data(6);
    type Law = (Vec<squeue::Entry>, Vec<(u64, i32)>);
    let cancelled = |number| (number, -ECANCELED);
    let laws: Vec<Law> = vec![
        // A link does not lead from one submission to the next.
        (vec![link(&bad)], vec![(1, -EBADF)]),
        (vec![write(fd).build(), nop(1)], vec![(0, 4), (1, 0)]),
        // Less than there should be breaks a chain, as a failure does, up to its end.
        (vec![link(&read), nop(1)], vec![(0, 4), cancelled(1)]),
        (
            vec![link(&bad), link(&nop(2)), nop(3), nop(4)],
            vec![(1, -EBADF), cancelled(2), cancelled(3), (4, 0)],
        ),
        (
            vec![bad.clone().flags(Flags::IO_HARDLINK), nop(2)],
            vec![(1, -EBADF), (2, 0)],
        ),
        (vec![write(reader).build()], vec![(0, -EBADF)]),
        (vec![write(fd).offset(1 << 63).build()], vec![(0, -EINVAL)]),
        (
            vec![write(fd).rw_flags(1 << 20).build()],
            vec![(0, -EOPNOTSUPP)],
        ),
        (vec![vectored.build()], vec![(0, -EINVAL)]),
        (
            vec![opcode::Fsync::new(types::Fd(-1)).build()],
            vec![(0, -EBADF)],
        ),
        // Timeouts wait for what completes, not for one another.
        (vec![counted, time(&short).build()], vec![(0, -ETIME)]),
        (vec![nop(1)], vec![(1, 0), (6, 0)]),
        (vec![silent(nop(1)), silent(bad.clone())], vec![(1, -EBADF)]),
        // Who is silent and fails tells of it, and nothing of what breaks by that.
        (
            vec![read.flags(Flags::SKIP_SUCCESS | Flags::IO_LINK), nop(1), nop(2)],
            vec![(0, 4), (2, 0)],
        ),
        // Who leaves out completions cannot wait for all.
        (
            vec![nop(1).flags(Flags::IO_DRAIN)],
            vec![(1, -EOPNOTSUPP)],
        ),
        // What disks are told beside reads and writes breaks no chain; a file that is not there does.
        (
            vec![link(&allocate(fd, 0)), nop(1)],
            vec![(0, -EINVAL), (1, 0)],
        ),
        (
            vec![link(&allocate(reader, 4)), nop(1)],
            vec![(0, -EBADF), (1, 0)],
        ),
        (
            vec![link(&allocate(types::Fd(-1), 4)), nop(1)],
            vec![(0, -EBADF), cancelled(1)],
        ),
        (vec![cancel(7)], vec![(9, -ENOENT)]),
        (vec![long(), cancel(7)], vec![cancelled(7), (9, 0)]),
        (
            vec![
                long(),
                long(),
                all(types::CancelBuilder::user_data(7).all()),
            ],
            vec![cancelled(7), cancelled(7), (9, 2)],
        ),
        (
            vec![long(), nop(8), all(types::CancelBuilder::any())],
            vec![cancelled(7), (8, 0), (9, 1)],
        ),
        (vec![time(&wrong).build()], vec![(0, -EINVAL)]),
        (
            vec![link(&time(&short).build()), nop(1)],
            vec![(0, -ETIME), cancelled(1)],
        ),
        (
            vec![link(&success), nop(1)],
            vec![(0, -ETIME), (1, 0)],
        ),
    ];
    for (entries, expected) in laws {
        // SAFETY: all that is lent is there until this function returns, and nothing is in flight then.
        unsafe { ring.submission().push_multiple(&entries) }.unwrap();
        assert_eq!(ring.submit_and_wait(expected.len())?, entries.len());
        let result = |entry: cqueue::Entry| (entry.user_data(), entry.result());
        let mut results: Vec<_> = ring.completion().map(result).collect();
        // A wait may end early after a submission.
        while results.len() < expected.len() {
            ring.submit_and_wait(1)?;
            results.extend(ring.completion().map(result));
        }
        results.sort_unstable();
        assert_eq!(results, expected, "{entries:?}");
    }

    // Completions without room wait.
    for half in [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]] {
        // SAFETY: no memory is lent.
        unsafe { ring.submission().push_multiple(&half.map(nop)) }.unwrap();
        ring.submit()?;
    }
    let (submitter, submission, mut completion) = ring.split();
    assert!(completion.is_full() && submission.cq_overflow());
    let first: Vec<u64> = completion.by_ref().map(|entry| entry.user_data()).collect();
    completion.sync();
    assert!(completion.is_empty());
    submitter.submit()?;
    completion.sync();
    let second: Vec<u64> = completion.map(|entry| entry.user_data()).collect();
    assert_eq!([first, second].concat(), (0..12).collect::<Vec<u64>>());

    // A wait that nothing ends but its limit.
    let args = types::SubmitArgs::new().timespec(&short);
    let error = submitter.submit_with_args(1, &args).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(ETIME));

    drop(submission);

    // A time that is over as it should be, and not to be told of; at the end, since it ends waits nevertheless.
    // SAFETY: `short` is there until this function returns.
    unsafe { ring.submission().push_multiple(&[silent(success), nop(1)]) }.unwrap();
    for _ in 0..2 {
        let _ = ring.submitter().submit_with_args(2, &args);
    }
    let told: Vec<u64> = ring.completion().map(|entry| entry.user_data()).collect();
    assert_eq!(told, [1]);
    Ok(())
}
