//! Walks by chance over a real disk and over a simulated one, which both tell the same.

use std::cell::RefCell;
use std::fmt::Debug;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{
    DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt,
};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use polliwog_spin::sim::{self, Simulation, std::fs as simulated};

use crate::run;

/// What a walk decides by.
struct Dice(u64);

impl Dice {
    /// A number below `below`; splitmix64.
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }

    fn path(&mut self) -> &'static str {
        self.one(&[
            "a", "b", "c", "a/b", "a/b", "a/b/c", "b/a", "b/c", "c/a", "./a", "a/../b", "a/./b",
            "a/b/../c", "a/", "b/", "a/b/", "a/.", "b/..", "a//b", "no/a", "",
        ])
    }
}

/// What an operation has come to. Errors are compared by their kinds, since numbers are the system's.
fn told<T: Debug>(what: &str, result: io::Result<T>) -> String {
    match result {
        Ok(value) => format!("{what}: {value:?}"),
        Err(error) => format!("{what}: {:?}", error.kind()),
    }
}

/// A path as seen from the root of a disk, for which another folder may stand.
fn inside(folder: &Path, path: &Path) -> PathBuf {
    let root = folder.ancestors().nth(Path::new(DEEP).components().count());
    path.strip_prefix(root.unwrap()).unwrap_or(path).into()
}

/// When a file was changed, if the walk says when.
fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(123_456_789_012_345_678)
}

/// Takes a walk of so many steps in a folder that is empty. `denies`: permissions are enforced, as they are not for root.
macro_rules! walk {
    ($fs:ident, $symlink:path, $folder:expr, $seed:expr, $steps:expr, $denies:expr) => {{
        let folder: PathBuf = $fs::canonicalize::<&Path>($folder).unwrap();
        let mut dice = Dice($seed);
        let mut files: Vec<$fs::File> = Vec::new();
        let mut story = Vec::new();
        // Half of the walks find some folders.
        for name in ["a", "b", "a/b"].iter().take(3 * ($seed % 2) as usize) {
            $fs::create_dir(folder.join(name)).unwrap();
        }
        let about = |known: $fs::Metadata| {
            let kind = (
                known.is_file(),
                known.is_dir(),
                known.is_symlink(),
                known.file_type().is_socket(),
            );
            let of_file = (!known.is_dir()).then(|| (known.len(), known.nlink(), known.size()));
            let mode = (!known.is_symlink()).then(|| known.mode() & 0o700);
            let was_set = [
                known.modified().unwrap() == long_ago(),
                known.accessed().unwrap() == long_ago(),
            ];
            let set = (!known.is_symlink()).then_some(was_set[0]);
            (kind, of_file, mode, set, known.permissions().readonly())
        };
        for _ in 0..$steps {
            let (one, other) = (dice.path(), dice.path());
            let path = |path: &str| folder.join(path);
            let (from, to) = (path(one), path(other));
            let text: &[u8] = dice.one(&[b"".as_slice(), b"x", b"frog", b"tadpole"]);
            let number = dice.roll(20);
            let what = dice.roll(34);
            let next = match what {
                0..4 => told("write", $fs::write(&from, text)),
                4 => told("read", $fs::read(&from)),
                5..8 => told("create_dir", $fs::create_dir(&from)),
                8 => told("create_dir_all", $fs::create_dir_all(&from)),
                9 => told("remove_dir", $fs::remove_dir(&from)),
                // That would be the folder of the walk, or a link that is followed by half. What may not be removed as a whole is
                // removed in part, in the order of the file system.
                10 if $denies
                    || from.components().count() <= folder.components().count() + 1
                    || one.contains("..")
                    || one.ends_with('/') =>
                {
                    continue;
                }
                10 => told("remove_dir_all", $fs::remove_dir_all(&from)),
                11..13 => told("remove_file", $fs::remove_file(&from)),
                13..16 => told("rename", $fs::rename(&from, &to)),
                16 => told("hard_link", $fs::hard_link(&from, &to)),
                17..19 => {
                    let target = dice.one(&["a", "b", "../a", "b/c", ".", "..", "no", "c/", ""]);
                    told("symlink", $symlink(target, &from))
                }
                19 => told("read_link", $fs::read_link(&from)),
                20 => told("metadata", $fs::metadata(&from).map(about)),
                21 => told("symlink_metadata", $fs::symlink_metadata(&from).map(about)),
                22 => {
                    let list = $fs::read_dir(&from).map(|list| {
                        let mut names: Vec<_> = list
                            .map(|entry| {
                                let entry = entry.unwrap();
                                // Without the folder's permission it is not told.
                                let number =
                                    entry.metadata().map(|known| known.ino() == entry.ino());
                                (
                                    entry.file_name(),
                                    entry.file_type().unwrap().is_dir(),
                                    number.ok(),
                                )
                            })
                            .collect();
                        names.sort();
                        names
                    });
                    told("read_dir", list)
                }
                23 => told("copy", $fs::copy(&from, &to)),
                // The C library looks for permissions in its own way.
                24 if $denies => continue,
                24 => told(
                    "canonicalize",
                    $fs::canonicalize(&from).map(|path| inside(&folder, &path)),
                ),
                25 => told("exists", $fs::exists(&from)),
                26 => {
                    let mut how = $fs::OpenOptions::new();
                    how.read(number & 1 == 1)
                        .write(number & 2 == 2)
                        .append(dice.roll(4) == 0);
                    how.create(number & 4 == 4)
                        .truncate(dice.roll(4) == 0)
                        .create_new(dice.roll(6) == 0);
                    how.custom_flags(dice.one(&[0, 0, 0, libc::O_NOFOLLOW]));
                    how.mode(0o640);
                    told("open", how.open(&from).map(|file| files.push(file)))
                }
                27 => {
                    let mode = match $denies {
                        true => dice.one(&[0o644, 0o755, 0o000, 0o400, 0o200, 0o100, 0o300, 0o500]),
                        false => dice.one(&[0o777, 0o755, 0o711, 0o700]),
                    };
                    told(
                        "set_permissions",
                        $fs::set_permissions(&from, $fs::Permissions::from_mode(mode)),
                    )
                }
                28 => {
                    let mode = dice.one(&[0o777, 0o700, 0o750]);
                    told(
                        "builder",
                        $fs::DirBuilder::new()
                            .mode(mode)
                            .recursive(number > 9)
                            .create(&from),
                    )
                }
                _ if files.is_empty() => continue,
                _ => {
                    let at = dice.roll(files.len() as u64) as usize;
                    let mut file = &files[at];
                    let mut buf = vec![0; number as usize];
                    match dice.roll(13) {
                        0 => told(
                            "read",
                            file.read(&mut buf).map(|count| buf[..count].to_vec()),
                        ),
                        1 => told("write", file.write(text)),
                        2 => told("seek", file.seek(SeekFrom::Start(number))),
                        // What the places in a folder are each file system says in another way.
                        2..5 if file.metadata().unwrap().is_dir() => continue,
                        3 => told("seek", file.seek(SeekFrom::End(number as i64 - 10))),
                        4 => told("seek", file.seek(SeekFrom::Current(number as i64 - 10))),
                        5 => told("set_len", file.set_len(number)),
                        6 => told(
                            "read_at",
                            file.read_at(&mut buf, 3).map(|count| buf[..count].to_vec()),
                        ),
                        7 => told("write_at", file.write_at(text, number)),
                        8 => told("metadata", file.metadata().map(about)),
                        9 => told("sync", file.sync_all().and(file.sync_data())),
                        10 => {
                            let parts = [
                                io::IoSlice::new(text),
                                io::IoSlice::new(b"!"),
                                io::IoSlice::new(text),
                            ];
                            told("write_vectored", file.write_vectored(&parts))
                        }
                        11 => {
                            let times = $fs::FileTimes::new().set_modified(long_ago());
                            let times = if number > 9 {
                                times.set_accessed(long_ago())
                            } else {
                                times
                            };
                            told("set_times", file.set_times(times))
                        }
                        _ => {
                            drop(files.swap_remove(at));
                            String::from("close")
                        }
                    }
                }
            };
            story.push(format!("{what} {one:?} {other:?} {number} {text:?} {next}"));
        }
        story
    }};
}

/// Whether what a file's permissions do not allow is denied: not to root.
fn is_denied(folder: &Path) -> bool {
    use std::fs;

    let path = folder.join("secret");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let denied = fs::read(&path).is_err();
    fs::remove_file(&path).unwrap();
    denied
}

/// Lets all that lies in a folder be removed.
fn allow(folder: &Path) {
    use std::fs;

    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            allow(&entry.path());
        }
    }
}

/// How many walks are taken, and of how many steps.
const WALKS: u64 = 150;
const STEPS: u64 = 80;
/// The folder of a walk.
const DEEP: &str = "pond/pond/pond/pond/pond";

#[test]
fn a_simulated_disk_tells_what_a_real_one_tells() {
    use std::fs as real;

    let folder = std::env::temp_dir().join(format!("polliwog-walks-{}", std::process::id()));
    real::create_dir_all(&folder).unwrap();
    let denies = is_denied(&folder);
    let mut differences = Vec::new();
    for seed in 0..WALKS {
        // Links lead out of it, and there is nothing else.
        let here = folder.join(seed.to_string()).join(DEEP);
        real::create_dir_all(&here).unwrap();
        let expected = walk!(real, std::os::unix::fs::symlink, &here, seed, STEPS, denies);
        let found = Rc::new(RefCell::new(Vec::new()));
        let finds = found.clone();
        let mut simulation = Simulation::new(1);
        simulation.client("frog", async move {
            simulated::create_dir_all(DEEP).unwrap();
            *finds.borrow_mut() = walk!(
                simulated,
                sim::std::os::unix::fs::symlink,
                Path::new(DEEP),
                seed,
                STEPS,
                denies
            );
        });
        run(simulation);
        let found = found.take();
        let same = found
            .iter()
            .zip(&expected)
            .take_while(|(found, expected)| found == expected);
        let step = same.count();
        if step < found.len().max(expected.len()) {
            let (found, before) = (found.get(step), &expected[..step]);
            differences.push(format!(
                "walk {seed}: {before:#?}\nsimulated {found:?}\nreal      {:?}",
                expected.get(step)
            ));
        }
    }
    allow(&folder);
    real::remove_dir_all(&folder).unwrap();
    assert!(
        differences.is_empty(),
        "{} differ, such as\n{}",
        differences.len(),
        differences[0]
    );
}
