//! `sim::std::fs` next to a real disk: the same program, and what it is told.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use polliwog_spin::sim::{self, Simulation, std::fs as simulated};

use crate::run;

/// A walk through all that there is, as a program writes it. What it is told must be the same of a real disk.
macro_rules! walk {
    ($fs:ident, $symlink:path, $folder:expr) => {{
        let folder: &Path = $folder;
        let path = |name: &str| folder.join(name);
        let mut told = Vec::new();
        let mut tell = |what: &str, result: std::io::Result<String>| {
            told.push((what.to_string(), result.map_err(|error| error.kind())));
        };
        let mut text = String::new();
        tell("no file", $fs::read_to_string(path("a")));
        tell(
            "create",
            $fs::write(path("a"), "tadpole").map(|()| String::new()),
        );
        tell("read", $fs::read_to_string(path("a")));
        let mut file = $fs::File::options()
            .read(true)
            .write(true)
            .open(path("a"))
            .unwrap();
        tell(
            "seek",
            file.seek(SeekFrom::End(-4)).map(|at| at.to_string()),
        );
        tell(
            "too far",
            file.seek(SeekFrom::Current(-8)).map(|at| at.to_string()),
        );
        tell("pole", file.read_to_string(&mut text).map(|_| text.clone()));
        let mut twin = file.try_clone().unwrap();
        file.rewind().unwrap();
        let mut two = [0; 2];
        tell(
            "first",
            twin.read_exact(&mut two).map(|()| format!("{two:?}")),
        );
        tell(
            "one position",
            (&file).stream_position().map(|at| at.to_string()),
        );
        tell("write", (&twin).write(b"x").map(|count| count.to_string()));
        tell("cut", file.set_len(5).map(|()| String::new()));
        tell(
            "sync",
            file.sync_all()
                .and(file.sync_data())
                .map(|()| String::new()),
        );
        tell("len", file.metadata().map(|about| about.len().to_string()));
        tell("then", $fs::read_to_string(path("a")));
        let mut ends = [(); 2].map(|()| {
            $fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path("a"))
                .unwrap()
        });
        for (number, end) in ends.iter_mut().enumerate() {
            tell("append", write!(end, "{number}!").map(|()| String::new()));
        }
        tell("both", $fs::read_to_string(path("a")));
        let again = $fs::File::create_new(path("a"));
        tell("there already", again.map(|_| String::new()));
        let denied = $fs::File::open(path("a")).unwrap().set_len(3);
        tell("read only", denied.map(|()| String::new()));
        tell(
            "folders",
            $fs::create_dir_all(path("b/c")).map(|()| String::new()),
        );
        tell("folder", $fs::create_dir(path("b")).map(|()| String::new()));
        let builder = $fs::DirBuilder::new().recursive(true).create(path("b/c"));
        tell("builder", builder.map(|()| String::new()));
        tell(
            "copy",
            $fs::copy(path("a"), path("b/copy")).map(|count| count.to_string()),
        );
        tell(
            "link",
            $fs::hard_link(path("a"), path("b/link")).map(|()| String::new()),
        );
        let onto = $fs::hard_link(path("a"), path("b/link"));
        tell("link onto", onto.map(|()| String::new()));
        $fs::write(path("a"), "two names").unwrap();
        tell("linked", $fs::read_to_string(path("b/link")));
        let itself = $fs::rename(path("a"), path("b/link"));
        tell(
            "rename onto itself",
            itself.map(|()| $fs::exists(path("a")).unwrap().to_string()),
        );
        tell("copied", $fs::read_to_string(path("b/copy")));
        tell(
            "rename",
            $fs::rename(path("a"), path("b/d")).map(|()| String::new()),
        );
        let mut names: Vec<String> = $fs::read_dir(path("b"))
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                let is = (kind.is_file(), kind.is_dir(), kind.is_symlink());
                let len = entry
                    .metadata()
                    .unwrap()
                    .is_file()
                    .then(|| entry.metadata().unwrap().len());
                assert_eq!(entry.path(), path("b").join(entry.file_name()));
                format!("{:?} {is:?} {len:?}", entry.file_name())
            })
            .collect();
        names.sort();
        tell("list", Ok(names.join(" ")));
        tell(
            "list a file",
            $fs::read_dir(path("b/d")).map(|_| String::new()),
        );
        let whole = $fs::canonicalize(path("b/../b/./d")).unwrap();
        tell(
            "whole",
            Ok((whole == $fs::canonicalize(path("b")).unwrap().join("d")).to_string()),
        );
        tell(
            "is",
            $fs::symlink_metadata(path("b")).map(|about| about.is_dir().to_string()),
        );
        let opened = $fs::File::open(path("b")).unwrap();
        tell(
            "sync of a folder",
            opened.sync_all().map(|()| String::new()),
        );
        tell(
            "folder's is",
            opened.metadata().map(|about| about.is_dir().to_string()),
        );
        tell(
            "read of a folder",
            (&opened).read(&mut two).map(|count| count.to_string()),
        );
        tell(
            "write to a folder",
            $fs::File::create(path("b")).map(|_| String::new()),
        );
        tell(
            "not empty",
            $fs::remove_dir(path("b")).map(|()| String::new()),
        );
        tell(
            "no such file",
            $fs::remove_file(path("a")).map(|()| String::new()),
        );
        tell(
            "removed",
            $fs::remove_file(path("b/d")).map(|()| String::new()),
        );
        tell("the other name", $fs::read_to_string(path("b/link")));
        for through in ["e/f", "e/f/g"] {
            $fs::write(path("e"), "frog").unwrap();
            let through = path(through);
            tell(
                "made through a file",
                $fs::create_dir_all(&through).map(|()| String::new()),
            );
            tell(
                "folder through a file",
                $fs::create_dir(&through).map(|()| String::new()),
            );
            tell(
                "file through a file",
                $fs::write(&through, "x").map(|()| String::new()),
            );
            tell("read through a file", $fs::read_to_string(&through));
            tell(
                "list through a file",
                $fs::read_dir(&through).map(|_| String::new()),
            );
            tell(
                "remove through a file",
                $fs::remove_file(&through).map(|()| String::new()),
            );
            tell(
                "rename through a file",
                $fs::rename(&through, path("g")).map(|()| String::new()),
            );
            tell(
                "rename into a file",
                $fs::rename(path("b/link"), &through).map(|()| String::new()),
            );
            tell(
                "link through a file",
                $fs::hard_link(&through, path("g")).map(|()| String::new()),
            );
            tell("still there", $fs::read_to_string(path("e")));
        }
        tell(
            "a folder is no file",
            $fs::remove_file(path("b")).map(|()| String::new()),
        );
        let new = $fs::File::create_new(path("b"));
        tell("new where a folder is", new.map(|_| String::new()));
        for bits in 0..32 {
            let has = |bit: u32| bits >> bit & 1 == 1;
            let mut how = $fs::OpenOptions::new();
            how.read(true).write(has(0)).append(has(1)).truncate(has(2));
            let opened = how.create(has(3)).create_new(has(4)).open(path("e"));
            tell("a way to open", opened.map(|_| bits.to_string()));
        }
        tell("after all that", $fs::read_to_string(path("e")));
        let mut file = $fs::File::create(path("e")).unwrap();
        file.seek(SeekFrom::Start(9)).unwrap();
        tell("nothing", file.write(b"").map(|count| count.to_string()));
        tell(
            "is not longer",
            file.metadata().map(|about| about.len().to_string()),
        );
        tell(
            "all",
            $fs::remove_dir_all(path("b")).map(|()| String::new()),
        );
        tell("gone", $fs::exists(path("b")).map(|is| is.to_string()));
        tell(
            "no text",
            $fs::write(path("e"), [0xFF]).and_then(|()| $fs::read_to_string(path("e"))),
        );
        tell(
            "bytes",
            $fs::read(path("e")).map(|bytes| format!("{bytes:?}")),
        );
        tell("symlink", $symlink("e", path("f")).map(|()| String::new()));
        tell(
            "bytes by it",
            $fs::read(path("f")).map(|bytes| format!("{bytes:?}")),
        );
        let text = |path: std::path::PathBuf| path.to_str().unwrap().to_string();
        tell("it says", $fs::read_link(path("f")).map(text));
        tell("no link", $fs::read_link(path("e")).map(text));
        tell("onto", $symlink("e", path("f")).map(|()| String::new()));
        let new = $fs::File::create_new(path("f"));
        tell("new", new.map(|_| String::new()));
        let itself = $fs::symlink_metadata(path("f"));
        tell("itself", itself.map(|about| about.is_symlink().to_string()));
        tell(
            "its file",
            $fs::metadata(path("f")).map(|about| about.is_file().to_string()),
        );
        $fs::create_dir_all(path("g/h")).unwrap();
        tell(
            "to a folder",
            $symlink("../g/h", path("g/up")).map(|()| String::new()),
        );
        tell(
            "into it",
            $fs::write(path("g/up/i"), "deep").map(|()| String::new()),
        );
        tell("up from it", $fs::read_to_string(path("g/up/../h/i")));
        let real = $fs::canonicalize(path("g/up/i")).unwrap();
        tell(
            "really",
            Ok((real == $fs::canonicalize(path("g/h/i")).unwrap()).to_string()),
        );
        tell(
            "no folder",
            $fs::remove_dir(path("g/up")).map(|()| String::new()),
        );
        let removed = $fs::remove_dir_all(path("g/up"));
        tell(
            "but a link",
            removed.map(|()| $fs::exists(path("g/h/i")).unwrap().to_string()),
        );
        $symlink("../g/h", path("g/up")).unwrap();
        tell(
            "folder there",
            $fs::create_dir(path("g/up")).map(|()| String::new()),
        );
        tell(
            "folders there",
            $fs::create_dir_all(path("g/up/j")).map(|()| String::new()),
        );
        tell(
            "moved",
            $fs::rename(path("g"), path("k")).map(|()| String::new()),
        );
        tell("leads nowhere", $fs::read_to_string(path("k/up/i")));
        tell(
            "is there",
            $fs::exists(path("k/up")).map(|is| is.to_string()),
        );
        tell(
            "rename a link",
            $fs::rename(path("k/up"), path("e")).map(|()| String::new()),
        );
        tell(
            "both gone",
            $fs::read(path("f")).map(|bytes| format!("{bytes:?}")),
        );
        tell(
            "made by it",
            $fs::write(path("l"), "l").map(|()| String::new()),
        );
        $symlink("m", path("n")).unwrap();
        tell(
            "made by it",
            $fs::write(path("n"), "made").map(|()| String::new()),
        );
        tell("it is", $fs::read_to_string(path("m")));
        tell(
            "over a link",
            $fs::rename(path("l"), path("n")).map(|()| String::new()),
        );
        tell(
            "no link now",
            $fs::symlink_metadata(path("n")).map(|is| is.is_file().to_string()),
        );
        $symlink("o", path("p")).unwrap();
        $symlink("p", path("o")).unwrap();
        tell("round", Ok($fs::read(path("o")).is_err().to_string()));
        tell(
            "remove it",
            $fs::remove_file(path("o")).map(|()| String::new()),
        );
        let mut names: Vec<String> = $fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                let same = entry.metadata().unwrap().is_symlink() == kind.is_symlink();
                format!(
                    "{:?} {} {} {same}",
                    entry.file_name(),
                    kind.is_dir(),
                    kind.is_symlink()
                )
            })
            .collect();
        names.sort();
        tell("what is left", Ok(names.join(" ")));
        told
    }};
}

#[test]
fn it_is_as_a_real_disk() {
    use std::fs as real;
    use std::os::unix::fs::FileExt;

    let folder = std::env::temp_dir().join(format!("polliwog-std-fs-{}", std::process::id()));
    real::create_dir_all(&folder).unwrap();
    let expected = walk!(real, std::os::unix::fs::symlink, &folder);
    real::remove_dir_all(&folder).unwrap();
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async move {
        simulated::create_dir("pond").unwrap();
        let found = walk!(
            simulated,
            sim::std::os::unix::fs::symlink,
            Path::new("pond")
        );
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected);
        }
        assert_eq!(found.len(), expected.len());
        // At a place, whatever the position is.
        let file = simulated::File::create_new("pond/at").unwrap();
        file.write_all_at(b"tadpole", 2).unwrap();
        let mut four = [0; 4];
        file.read_exact_at(&mut four, 5).unwrap();
        assert_eq!(&four, b"pole");
        assert_eq!((&file).stream_position().unwrap(), 0);
    });
    run(simulation);
}
