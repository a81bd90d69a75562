//! Functions of paths and folders.

mod support;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use futures_util::TryStreamExt;
use polliwog_core::task::unconstrained;
use polliwog_mio::block_on;
use polliwog_mio::fs::{self, DirBuilder, DirEntry, File};
use support::Folder;

#[test]
fn folders_are_made_and_removed() {
    let folder = Folder::new("made");
    block_on(async {
        let deep = folder.join("one/two/three");
        let error = fs::create_dir(&deep).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        fs::create_dir_all(&deep).await.unwrap();
        fs::create_dir_all(&deep).await.unwrap();
        let error = fs::create_dir(&deep).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let error = fs::remove_dir(folder.join("one")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
        fs::remove_dir(&deep).await.unwrap();
        assert!(!fs::try_exists(&deep).await.unwrap());
        fs::write(folder.join("one/two/file"), "egg").await.unwrap();
        fs::remove_dir_all(folder.join("one")).await.unwrap();
        assert!(!fs::try_exists(folder.join("one")).await.unwrap());

        let mut builder = DirBuilder::new();
        assert!(builder.create(&deep).await.is_err());
        builder.recursive(true).create(&deep).await.unwrap();
        builder.create(&deep).await.unwrap();
        assert!(fs::metadata(&deep).await.unwrap().is_dir());
    });
}

#[cfg(unix)]
#[test]
fn what_is_made_has_the_permissions_that_were_asked_for() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("permissions");
    block_on(async {
        let path = folder.join("private");
        DirBuilder::new().mode(0o700).create(&path).await.unwrap();
        let mode = |data: std::fs::Metadata| data.permissions().mode() & 0o777;
        assert_eq!(mode(fs::metadata(&path).await.unwrap()), 0o700);

        let path = folder.join("file");
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&path).await.unwrap();
        assert_eq!(mode(file.metadata().await.unwrap()), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o400))
            .await
            .unwrap();
        assert_eq!(mode(file.metadata().await.unwrap()), 0o400);
        file.set_permissions(Permissions::from_mode(0o640))
            .await
            .unwrap();
        assert_eq!(mode(fs::metadata(&path).await.unwrap()), 0o640);

        fs::symlink(&path, folder.join("link")).await.unwrap();
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_NOFOLLOW);
        let error = options.open(folder.join("link")).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
    });
}

#[test]
fn files_are_copied_and_renamed_and_linked() {
    let folder = Folder::new("copied");
    let [egg, frog, other] = ["egg", "frog", "other"].map(|name| folder.join(name));
    block_on(async {
        fs::write(&egg, vec![7; 1 << 20]).await.unwrap();
        assert_eq!(fs::copy(&egg, &frog).await.unwrap(), 1 << 20);
        assert!(fs::read(&frog).await.unwrap() == vec![7; 1 << 20]);
        fs::write(&egg, "egg").await.unwrap();
        fs::hard_link(&egg, &other).await.unwrap();
        // In place of what was there.
        fs::rename(&egg, &frog).await.unwrap();
        assert!(!fs::try_exists(&egg).await.unwrap());
        assert_eq!(fs::read(&frog).await.unwrap(), b"egg");
        assert_eq!(fs::read(&other).await.unwrap(), b"egg");
        for missing in [
            fs::copy(&egg, &other).await.err(),
            fs::rename(&egg, &other).await.err(),
            fs::hard_link(&egg, folder.join("new")).await.err(),
            fs::remove_file(&egg).await.err(),
            fs::read_dir(&egg).await.err(),
            fs::symlink_metadata(&egg).await.err(),
        ] {
            assert_eq!(missing.unwrap().kind(), io::ErrorKind::NotFound);
        }
    });
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_followed_or_looked_at() {
    let folder = Folder::new("links");
    let [file, link] = ["file", "link"].map(|name| folder.join(name));
    block_on(async {
        fs::symlink("file", &link).await.unwrap();
        assert_eq!(fs::read_link(&link).await.unwrap().to_str(), Some("file"));
        assert!(!fs::try_exists(&link).await.unwrap(), "it leads nowhere");
        fs::write(&link, "through").await.unwrap();
        assert_eq!(fs::read_to_string(&file).await.unwrap(), "through");
        assert!(fs::metadata(&link).await.unwrap().is_file());
        assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
        let real = fs::canonicalize(&file).await.unwrap();
        assert_eq!(fs::canonicalize(&link).await.unwrap(), real);
        fs::remove_file(&link).await.unwrap();
        assert!(fs::try_exists(&file).await.unwrap());
    });
}

/// Not one trip to the pool for each entry.
#[test]
fn a_folder_is_read_in_batches() {
    let folder = Folder::new("entries");
    let names: BTreeSet<String> = (0..1000).map(|n| format!("file-{n}")).collect();
    for name in &names {
        std::fs::write(folder.join(name), "").unwrap();
    }
    block_on(async {
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        let (mut seen, mut waits) = (BTreeSet::new(), 0);
        loop {
            let next = poll_fn(|cx| {
                let next = entries.poll_next_entry(cx);
                waits += u32::from(next.is_pending());
                next
            });
            let Some(entry) = unconstrained(next).await.unwrap() else {
                break;
            };
            assert!(seen.insert(entry.file_name().into_string().unwrap()));
            if seen.len() % 100 == 0 {
                assert!(entry.file_type().await.unwrap().is_file());
                assert_eq!(entry.metadata().await.unwrap().len(), 0);
                assert_eq!(entry.path(), folder.join(entry.file_name()));
            }
        }
        assert!(seen == names);
        assert!(waits <= 20, "{waits} trips");
        assert!(entries.next_entry().await.unwrap().is_none(), "ended");

        let all: Vec<DirEntry> = fs::read_dir(folder.path())
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(all.len(), 1000);
    });
}

/// However often one that waits for an entry gives up.
#[test]
fn an_entry_that_was_not_waited_for_is_not_lost() {
    let folder = Folder::new("patience");
    for n in 0..500 {
        std::fs::write(folder.join(n.to_string()), "").unwrap();
    }
    block_on(async {
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        let mut seen = BTreeSet::new();
        loop {
            // One poll, then given up.
            let next = {
                let mut next = std::pin::pin!(entries.next_entry());
                poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await
            };
            match next {
                Poll::Pending => polliwog_core::yield_now().await,
                Poll::Ready(entry) => match entry.unwrap() {
                    Some(entry) => assert!(seen.insert(entry.file_name())),
                    None => break,
                },
            }
        }
        assert_eq!(seen.len(), 500);
    });
}
