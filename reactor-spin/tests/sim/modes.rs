//! Permissions of files and folders.

use std::collections::BTreeSet;
use std::future::pending;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use polliwog_spin::sim::{Simulation, fs, std::fs as simulated};

use crate::{run, secs};

async fn allow(path: &str, mode: u32) {
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, permissions).await.unwrap();
}

#[track_caller]
fn denied<T>(result: Result<T>) {
    let kind = result.map(drop).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::PermissionDenied);
}

#[test]
fn a_file_is_opened_for_what_it_allows() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        fs::write("log", "frog").await?;
        let open = fs::OpenOptions::new().write(true).open("log").await?;
        allow("log", 0o444).await;
        assert!(fs::metadata("log").await?.permissions().readonly());
        denied(fs::File::create("log").await);
        denied(fs::OpenOptions::new().append(true).open("log").await);
        assert_eq!(fs::read("log").await?, b"frog");
        // What is open stays so, and a name is the folder's.
        open.write_at(b"F", 0).await?;
        fs::rename("log", "other").await?;
        allow("other", 0o200).await;
        denied(fs::read("other").await);
        denied(
            fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open("other")
                .await,
        );
        fs::write("other", "toad").await?;
        // Only the owner's bits count.
        allow("other", 0o077).await;
        denied(fs::read("other").await);
        denied(fs::write("other", "").await);
        fs::remove_file("other").await?;
        // Whoever makes a file has it open in any case.
        let mut how = fs::OpenOptions::new();
        let mut file = how
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open("new")
            .await?;
        file.write_all(b"frog").await?;
        fs::copy("new", "copy").await?;
        denied(fs::write("copy", "").await);
        denied(fs::copy("new", "copy").await);
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .await?;
        fs::write("new", "toad").await
    });
    simulation.run_for(secs(1)).unwrap();
    let control = simulation.control();
    // The test may do all.
    assert_eq!(control.read_file("client", "copy").unwrap(), b"frog");
    control.write_file("client", "copy", "toad").unwrap();
    assert_eq!(control.read_file("client", "copy").unwrap(), b"toad");
    run(simulation);
}

#[test]
fn a_folder_allows_names_lists_and_ways() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        fs::create_dir_all("pond/deep").await?;
        fs::write("pond/frog", "quak").await?;
        fs::symlink("pond/frog", "link").await?;
        allow("pond", 0o555).await;
        denied(fs::write("pond/toad", "").await);
        denied(fs::remove_file("pond/frog").await);
        denied(fs::rename("pond/frog", "frog").await);
        denied(fs::rename("link", "pond/link").await);
        denied(fs::rename("pond/deep", "deep").await);
        denied(fs::hard_link("pond/frog", "pond/toad").await);
        denied(fs::symlink("frog", "pond/toad").await);
        denied(fs::create_dir("pond/new").await);
        denied(fs::create_dir_all("pond/new/one").await);
        fs::create_dir_all("pond/deep").await?;
        denied(fs::remove_dir("pond/deep").await);
        denied(fs::remove_dir_all("pond").await);
        fs::write("pond/frog", "old names are free").await?;
        fs::write("pond/deep/frog", "and so is what is below").await?;
        fs::rename("pond", "lake").await?;
        fs::rename("lake", "pond").await?;
        fs::create_dir("sea").await?;
        // A folder is written to where it comes to lie in another one.
        denied(fs::rename("pond", "sea/pond").await);
        allow("pond", 0o311).await;
        denied(fs::read_dir("pond").await);
        denied(fs::File::open("pond").await);
        fs::read("link").await?;
        fs::write("pond/toad", "").await?;
        allow("pond", 0o644).await;
        fs::read_dir("pond").await?;
        denied(fs::read("pond/frog").await);
        denied(fs::read("link").await);
        denied(fs::metadata("pond/deep/none").await);
        denied(fs::write("pond/new", "").await);
        let opened = fs::File::open("pond").await?;
        let permissions = opened.metadata().await?.permissions();
        assert_eq!(permissions.mode(), 0o040_644);
        opened
            .set_permissions(fs::Permissions::from_mode(0o755))
            .await?;
        fs::remove_dir_all("pond").await
    });
    run(simulation);
}

/// What a file allows after crashes, with its name.
fn after_crashes(syncs: bool) -> BTreeSet<(bool, u32)> {
    let left = |seed| {
        let mut simulation = Simulation::new(seed);
        simulation.host("store", move || async move {
            if let Ok(is) = fs::metadata("log").await {
                let mode = is.permissions().mode() & 0o777;
                let renamed = fs::try_exists("renamed").await?;
                return fs::write("found", [u8::from(renamed), (mode >> 6) as u8]).await;
            }
            fs::write("log", "frog").await?;
            fs::write("other", "frog").await?;
            fs::File::open("log").await?.sync_all().await?;
            allow("log", 0o400).await;
            fs::rename("other", "renamed").await?;
            if syncs {
                fs::File::open("renamed").await?.sync_all().await?;
            }
            pending::<Result<()>>().await
        });
        simulation.run_for(secs(1)).unwrap();
        let control = simulation.control();
        control.crash("store");
        control.restart("store");
        simulation.run_for(secs(1)).unwrap();
        let found = control.read_file("store", "found").unwrap();
        simulation.run_for(Duration::ZERO).unwrap();
        (found[0] == 1, u32::from(found[1]))
    };
    (0..60).map(left).collect()
}

#[test]
fn permissions_outlive_a_crash_as_names_do() {
    assert_eq!(after_crashes(true), [(true, 4)].into());
    // In the order in which they were changed.
    assert_eq!(
        after_crashes(false),
        [(false, 6), (false, 4), (true, 4)].into()
    );
}

/// What a disk tells of modes. What it allows is not asked of a real one: tests may be root's.
macro_rules! walk {
    ($fs:ident, $folder:expr) => {{
        use std::os::unix::fs::OpenOptionsExt;

        let folder: &Path = $folder;
        let path = |name: &str| folder.join(name);
        let mut told = Vec::new();
        let mode = |name: &str| {
            let permissions = $fs::metadata(path(name)).unwrap().permissions();
            (permissions.mode(), permissions.readonly())
        };
        $fs::create_dir(path("folder")).unwrap();
        let mut how = $fs::OpenOptions::new();
        how.write(true).create(true).mode(0o640);
        let file = how.open(path("file")).unwrap();
        told.push(mode("file"));
        // A file that is there keeps its own.
        how.mode(0o600).open(path("file")).unwrap();
        told.push(mode("file"));
        for bits in [0o400, 0o755, 0o4711, 0o002, 0o100_600] {
            $fs::set_permissions(path("file"), $fs::Permissions::from_mode(bits)).unwrap();
            told.push(mode("file"));
            let mut permissions = file.metadata().unwrap().permissions();
            permissions.set_readonly(!permissions.readonly());
            file.set_permissions(permissions).unwrap();
            told.push(mode("file"));
        }
        $fs::set_permissions(path("file"), $fs::Permissions::from_mode(0o541)).unwrap();
        $fs::copy(path("file"), path("copy")).unwrap();
        told.push(mode("copy"));
        $fs::set_permissions(path("folder"), $fs::Permissions::from_mode(0o700)).unwrap();
        told.push(mode("folder"));
        $fs::rename(path("folder"), path("moved")).unwrap();
        told.push(mode("moved"));
        let none = $fs::set_permissions(path("none"), $fs::Permissions::from_mode(0o700));
        assert_eq!(none.unwrap_err().kind(), ErrorKind::NotFound);
        told
    }};
}

#[test]
fn a_real_disk_tells_the_same() {
    use std::fs as real;

    let folder = std::env::temp_dir().join(format!("polliwog-modes-{}", std::process::id()));
    real::create_dir_all(&folder).unwrap();
    let expected = walk!(real, &folder);
    real::remove_dir_all(&folder).unwrap();
    let mut simulation = Simulation::new(1);
    simulation.client("client", async move {
        simulated::create_dir("pond").unwrap();
        assert_eq!(walk!(simulated, Path::new("pond")), expected);
    });
    run(simulation);
}
