//! What of a disk outlives a crash.

use alloc::string::String;
use core::cell::Cell;
use core::time::Duration;

use super::*;

const NEW: How = How {
    write: true,
    append: false,
    truncate: false,
    create: true,
    create_new: false,
    read: false,
    mode: None,
    by_test: false,
    flags: Flags {
        direct: false,
        safe: false,
        no_link: false,
        folder: false,
        unknown: 0,
    },
};

fn new(seed: u64, torn_renames: bool) -> Disk {
    new_at(seed, torn_renames, Rc::default())
}

fn new_at(seed: u64, torn_renames: bool, now: Rc<Cell<u64>>) -> Disk {
    let clock = Rc::new(HostClock::new(now, Duration::ZERO));
    let settings = Settings {
        torn_renames,
        ..Settings::new(seed)
    };
    Disk::new(Rng::new(seed, 0), clock, &settings)
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
        outcomes.insert((count, disk.exists(Path::new("other")).unwrap()));
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
        disk.rename(Path::new("b"), Path::new("/./a")).unwrap();
        disk.crash();
        let inode = disk.open(Path::new("./a"), How::default()).unwrap();
        let mut byte = [0];
        disk.read(inode, 0, &mut byte).unwrap();
        assert_eq!(disk.exists(Path::new("b")).unwrap(), byte == *b"1");
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
            seen.insert(["a", "b"].map(|name| disk.exists(Path::new(name)).unwrap()));
        }
        // Done or not; torn, both names may be there (as without it), or neither.
        let neither = seen.contains(&[false, false]);
        assert_eq!((neither, seen.len()), (torn, if torn { 3 } else { 2 }));
    }
}

#[test]
fn nothing_is_a_file_and_a_folder() {
    let mut kinds = BTreeSet::new();
    for seed in 0..20 {
        let mut disk = new(seed, false);
        let path = Path::new("pond");
        let inode = disk.open(path, NEW).unwrap();
        disk.sync(inode).unwrap();
        disk.remove(path).unwrap();
        disk.create_folder(path, 0o777).unwrap();
        disk.crash();
        let left = disk.list(Path::new("/")).unwrap();
        kinds.extend(left.iter().map(|(.., kind)| *kind == Kind::Folder));
        assert!(left.len() <= 1);
        disk.create_folders(Path::new("other/pond"), 0o777).unwrap();
        disk.sync(FOLDER).unwrap();
        disk.crash();
        assert!(disk.find(Path::new("other/pond"), false).unwrap().kind == Kind::Folder);
    }
    assert_eq!(kinds, [false, true].into());
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

/// A sync that has begun at the instant 1 and is over at 3, while the program has run ahead to 2 or to 5.
#[test]
fn a_sync_is_about_what_was_done_before_it_began_and_not_about_what_a_program_does_ahead() {
    let mut found = BTreeSet::new();
    for seed in 0..50 {
        let now = Rc::new(Cell::new(0));
        let mut disk = new_at(seed, false, now.clone());
        let inode = disk.open(Path::new("log"), NEW).unwrap();
        disk.write(inode, 0, b"a").unwrap();
        disk.clock.block(2);
        disk.write(inode, 1, b"b").unwrap();
        disk.clock.block(3);
        disk.write(inode, 1, b"xx").unwrap();
        disk.open(Path::new("ahead"), NEW).unwrap();
        disk.clock.ahead.set(0);
        now.set(1);
        disk.write(inode, 0, b"cd").unwrap();
        // What comes later is not there yet.
        assert_eq!(disk.contents(inode).unwrap(), b"cd");
        assert!(!disk.exists(Path::new("ahead")).unwrap());
        now.set(3);
        disk.sync_until(inode, 1).unwrap();
        assert_eq!(disk.contents(inode).unwrap(), b"cb");
        now.set(4);
        disk.crash();
        assert!(!disk.exists(Path::new("ahead")).unwrap());
        found.insert(disk.contents(inode).unwrap().to_vec());
    }
    let found: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
    assert_eq!(found, [b"cb", b"cd"]);
}

/// Nanoseconds after which what was not synced is written back.
const WRITE_BACK: u64 = 30_000_000_000;

#[test]
fn what_was_written_long_ago_is_written_back() {
    let mut lengths = BTreeSet::new();
    for seed in 0..50 {
        let now = Rc::new(Cell::new(0));
        let mut disk = new_at(seed, false, now.clone());
        let inode = disk.open(Path::new("log"), NEW).unwrap();
        disk.write(inode, 0, &[1; 2000]).unwrap();
        now.set(1);
        disk.write(inode, 2000, &[2; 2000]).unwrap();
        disk.open(Path::new("other"), NEW).unwrap();
        now.set(WRITE_BACK);
        disk.crash();
        let inode = disk.open(Path::new("log"), How::default()).unwrap();
        let len = disk.len(inode).unwrap();
        assert!(len >= 2000);
        lengths.insert((len, disk.exists(Path::new("other")).unwrap()));
    }
    assert_eq!(lengths.len(), 10);
}

#[test]
fn a_log_that_is_never_synced_is_not_kept_write_by_write() {
    const WRITES: u64 = 10_000;
    let now = Rc::new(Cell::new(0));
    let mut disk = new_at(1, false, now.clone());
    let inode = disk.open(Path::new("log"), NEW).unwrap();
    let mut most = 0;
    for number in 0..WRITES {
        // Ten in the time after which they are written back.
        now.set(now.get() + WRITE_BACK / 10);
        disk.write(inode, number * 8, &number.to_le_bytes())
            .unwrap();
        disk.open(Path::new("other"), NEW).unwrap();
        disk.rename(Path::new("other"), Path::new("name")).unwrap();
        let kept = disk.files.values().map(|file| file.journal.iter().count());
        most = most.max(kept.sum::<usize>() + disk.journal.iter().count());
    }
    assert!(most <= 3 * 21, "{most}");
    assert!(disk.files.len() <= 2 * TIDY, "{}", disk.files.len());
    now.set(now.get() + WRITE_BACK);
    disk.crash();
    let mut data = alloc::vec![0; 8 * WRITES as usize];
    let inode = disk.open(Path::new("log"), How::default()).unwrap();
    assert_eq!(disk.read(inode, 0, &mut data).unwrap(), data.len());
    let numbers = data
        .chunks(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    assert!(numbers.eq(0..WRITES));
}

/// A change of names by chance, on few names.
fn change_names(disk: &mut Disk, chance: &mut Rng) {
    let mut path = || {
        let parts = ["a", "b", "a/b", "b/a", "a/b/c", "c"];
        Path::new(parts[chance.below(parts.len() as u64) as usize])
    };
    let (from, to) = (path(), path());
    // What fails changes nothing, and is good for this test, too.
    let _ = match chance.below(8) {
        0 | 1 => disk.create_folder(from, 0o777),
        2 => disk.open(from, NEW).map(drop),
        3 => disk.symlink(to, from),
        4 => disk.link(from, to),
        5 => disk.remove(from),
        6 => disk.remove_folder(from, chance.chance(0.5)),
        _ => disk.rename(from, to),
    };
}

/// All that lies on a disk, with its length and its time.
fn all(disk: &mut Disk) -> Vec<(String, Kind, u64, Duration)> {
    disk.look();
    let mut found = Vec::new();
    let paths = disk.tree.below(Path::new("/")).map(|(path, _)| path);
    for path in paths.cloned().collect::<Vec<_>>() {
        let Found {
            kind, len, times, ..
        } = disk.find(&path, false).unwrap();
        found.push((path.to_str().unwrap().into(), kind, len, times.modified));
    }
    found
}

#[test]
fn a_crash_leaves_names_as_they_were_at_some_time_since_the_last_sync() {
    let mut ages = BTreeSet::new();
    for seed in 0..300 {
        let now = Rc::new(Cell::new(0));
        let mut disk = new_at(seed, false, now.clone());
        let mut chance = Rng::new(seed, 1);
        let mut states = Vec::new();
        for step in 0..30 {
            now.set(step);
            change_names(&mut disk, &mut chance);
            if step == 10 {
                disk.sync(FOLDER).unwrap();
                states.clear();
            }
            states.push(all(&mut disk));
        }
        disk.crash();
        let left = all(&mut disk);
        let age = states.iter().rev().position(|state| *state == left);
        ages.insert(age.unwrap_or_else(|| panic!("{seed}: {left:?}, and not one of {states:?}")));
    }
    assert!(ages.len() > 5, "{ages:?}");
}

/// What a disk is at an instant does not depend on who has looked at it when.
#[test]
fn a_disk_is_at_each_instant_what_was_done_until_then() {
    for seed in 0..200 {
        let mut chance = Rng::new(seed, 1);
        // A program goes ahead and does something at each instant; others look at the disk, and do nothing.
        let run = |ends: u64, looks: bool| {
            let mut chance = Rng::new(seed, 2);
            let now = Rc::new(Cell::new(0));
            let mut disk = new_at(seed, false, now.clone());
            let mut seen = BTreeMap::new();
            let file = disk.open(Path::new("log"), NEW).unwrap();
            for instant in 0..ends {
                disk.clock.ahead.set(instant);
                change_names(&mut disk, &mut chance);
                let (at, len) = (chance.below(20), chance.below(9) as usize);
                match chance.below(4) {
                    0 => disk.set_len(file, at).unwrap(),
                    _ => drop(
                        disk.write(file, at, &alloc::vec![instant as u8; len])
                            .unwrap(),
                    ),
                }
                if looks {
                    let earlier = chance.below(instant + 1);
                    disk.clock.ahead.set(earlier);
                    let state = (all(&mut disk), disk.contents(file).unwrap().to_vec());
                    let before = seen.insert(earlier, state.clone());
                    assert!(
                        before.is_none_or(|before| before == state),
                        "{seed} {earlier}"
                    );
                } else {
                    // The other one has drawn, too.
                    chance.below(instant + 1);
                }
            }
            disk.clock.ahead.set(ends);
            (
                all(&mut disk),
                disk.contents(file).unwrap().to_vec(),
                seen,
                disk,
            )
        };
        let ends = 10 + chance.below(20);
        let (names, data, seen, mut disk) = run(ends, true);
        let plain = run(ends, false);
        assert_eq!((&names, &data), (&plain.0, &plain.1), "{seed}");
        for (instant, state) in seen {
            disk.clock.ahead.set(instant);
            let again = (all(&mut disk), disk.contents(1).unwrap().to_vec());
            assert_eq!(again, state, "{seed} {instant}");
            if instant + 1 < ends {
                let plain = run(instant + 1, false);
                assert_eq!(again, (plain.0, plain.1), "{seed} {instant}");
            }
        }
    }
}

/// Somebody appends ahead, and somebody else meanwhile: both are there, in the order of their instants.
#[test]
fn what_is_appended_is_behind_what_was_there_at_its_instant() {
    let mut found = BTreeSet::new();
    for seed in 0..100 {
        let now = Rc::new(Cell::new(0));
        let mut disk = new_at(seed, false, now.clone());
        let inode = disk.open(Path::new("log"), NEW).unwrap();
        disk.sync(inode).unwrap();
        let how = How {
            append: true,
            ..NEW
        };
        let end = Opened::new(&mut disk, inode, how).unwrap();
        disk.clock.block(5);
        end.write(&mut disk, false, b"later", 0).unwrap();
        disk.clock.ahead.set(2);
        end.write(&mut disk, false, b"sooner", 0).unwrap();
        assert_eq!(disk.contents(inode).unwrap(), b"sooner");
        disk.clock.ahead.set(5);
        assert_eq!(disk.contents(inode).unwrap(), b"soonerlater");
        disk.clock.ahead.set(0);
        now.set(6);
        disk.crash();
        found.insert(disk.contents(inode).unwrap().to_vec());
    }
    // Of what is lost there is a hole.
    let expected: [&[u8]; 4] = [b"", b"\0\0\0\0\0\0later", b"sooner", b"soonerlater"];
    assert!(found.iter().eq(expected.iter()), "{found:?}");
}
