//! What of a disk outlives a crash.

use super::*;

const NEW: How = How {
    write: true,
    truncate: false,
    create: true,
    create_new: false,
};

fn new(seed: u64, torn_renames: bool) -> Disk {
    let clock = Rc::new(HostClock::new(Rc::default()));
    Disk::new(Rng::new(seed, 0), clock, torn_renames)
}

#[test]
fn what_is_synced_outlives_a_crash_and_the_rest_by_chance() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..100 {
        let mut disk = new(seed, false);
        let path = Path::new("log");
        let inode = disk.open(path, NEW).unwrap();
        disk.write(inode, 0, &[1; 2000]).unwrap();
        disk.sync(inode).unwrap();
        disk.write(inode, 2000, &[2; 2000]).unwrap();
        disk.open(Path::new("other"), NEW).unwrap();
        disk.crash();
        let inode = disk.open(path, How::default()).unwrap();
        let mut data = [0; 5000];
        let count = disk.read(inode, 0, &mut data).unwrap();
        assert!(data[..2000].iter().all(|byte| *byte == 1));
        assert!(data[2000..count].iter().all(|byte| *byte == 2));
        outcomes.insert((count, disk.exists(Path::new("other"))));
    }
    let lengths: BTreeSet<usize> = outcomes.iter().map(|(length, _)| *length).collect();
    assert_eq!(lengths, BTreeSet::from([2000, 2512, 3024, 3536, 4000]));
    assert_eq!(outcomes.len(), 10);
}

#[test]
fn a_rename_is_there_or_not() {
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let mut disk = new(seed, false);
        for (name, byte) in [("a", b"1"), ("b", b"2")] {
            let inode = disk.open(Path::new(name), NEW).unwrap();
            disk.write(inode, 0, byte).unwrap();
            disk.sync(inode).unwrap();
        }
        disk.rename(Path::new("b"), Path::new("/x/../a")).unwrap();
        disk.crash();
        let inode = disk.open(Path::new("./a"), How::default()).unwrap();
        let mut byte = [0];
        disk.read(inode, 0, &mut byte).unwrap();
        assert_eq!(disk.exists(Path::new("b")), byte == *b"1");
        seen.insert(byte);
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn files_that_are_replaced_again_and_again_take_no_room() {
    let mut disk = new(1, false);
    let first = disk.open(Path::new("log"), NEW).unwrap();
    disk.write(first, 0, b"first").unwrap();
    let open = disk.keep(first).unwrap();
    for _ in 0..10_000 {
        let inode = disk.open(Path::new("new"), NEW).unwrap();
        disk.write(inode, 0, &[7; 1000]).unwrap();
        disk.rename(Path::new("new"), Path::new("log")).unwrap();
        disk.sync(inode).unwrap();
    }
    assert!(disk.files.len() <= TIDY + 2, "{}", disk.files.len());
    // Who has it open reads on.
    let mut data = [0; 10];
    assert_eq!(disk.read(first, 0, &mut data).unwrap(), 5);
    drop(open);
    let inode = disk.open(Path::new("log"), How::default()).unwrap();
    assert_eq!(disk.len(inode).unwrap(), 1000);
}

#[test]
fn a_rename_is_torn_only_if_somebody_wants_it() {
    for torn in [false, true] {
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let mut disk = new(seed, torn);
            for name in ["a", "b"] {
                let inode = disk.open(Path::new(name), NEW).unwrap();
                disk.sync(inode).unwrap();
            }
            disk.rename(Path::new("b"), Path::new("a")).unwrap();
            disk.crash();
            seen.insert(["a", "b"].map(|name| disk.exists(Path::new(name))));
        }
        // Done or not; torn, both names may be there (as without it), or neither.
        let neither = seen.contains(&[false, false]);
        assert_eq!((neither, seen.len()), (torn, if torn { 3 } else { 2 }));
    }
}

#[test]
fn nothing_is_a_file_and_a_folder() {
    for seed in 0..20 {
        let mut disk = new(seed, false);
        let path = Path::new("pond");
        let inode = disk.open(path, NEW).unwrap();
        disk.sync(inode).unwrap();
        disk.remove(path).unwrap();
        disk.create_folder(path, false).unwrap();
        disk.crash();
        assert_eq!(disk.list(Path::new("/")).unwrap().len(), 1);
        disk.remove_folder(path, false).unwrap();
        assert!(!disk.exists(path));
    }
}

#[test]
fn a_file_that_would_be_too_long_for_memory_is_refused() {
    let mut disk = new(1, false);
    let inode = disk.open(Path::new("pond"), NEW).unwrap();
    for len in [super::LONGEST + 1, 1 << 50, u64::MAX] {
        let error = disk.set_len(inode, len).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        let error = disk.write(inode, len - 1, b"ab").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }
    assert_eq!(disk.len(inode).unwrap(), 0);
}
