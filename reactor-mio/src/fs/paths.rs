//! Functions of paths: what a file is, where it is, and where it goes.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::hop;

/// Returns what the system knows of a file; follows symbolic links.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
///     assert!(fs::metadata(std::env::temp_dir()).await?.is_dir());
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::metadata`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::metadata(path)).await
}

/// Returns what the system knows of a file, or of a symbolic link itself.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
///     let temporary = fs::canonicalize(std::env::temp_dir()).await?;
///     assert!(!fs::symlink_metadata(temporary).await?.is_symlink());
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::symlink_metadata`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::symlink_metadata(path)).await
}

/// Returns whether there is a file, folder or anything else at a path; follows symbolic links.
///
/// An answer may be out of date by the time it is there: to create a file only if there is none, see
/// [`File::create_new`](super::File::create_new).
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
///     assert!(fs::try_exists(std::env::temp_dir()).await?);
///     assert!(!fs::try_exists("/nowhere/at/all").await?);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::exists`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::exists(path)).await
}

/// Returns the absolute path without symbolic links and `..`.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
///     assert!(fs::canonicalize(".").await?.is_absolute());
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::canonicalize`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::canonicalize(path)).await
}

/// Returns where a symbolic link leads to.
///
/// # Errors
///
/// As [`std::fs::read_link`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::read_link(path)).await
}

/// Changes who may do what with a file; follows symbolic links.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-perms-{}", std::process::id()));
///     fs::write(&path, "tadpole").await?;
///     let mut permissions = fs::metadata(&path).await?.permissions();
///     permissions.set_readonly(true);
///     fs::set_permissions(&path, permissions).await?;
/// #     #[cfg(unix)]
/// #     fs::remove_file(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::set_permissions`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
pub async fn set_permissions(path: impl AsRef<Path>, perm: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::set_permissions(path, perm)).await
}

/// Removes a file. Whoever has it open keeps it, on Unix.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-rm-{}", std::process::id()));
///     fs::write(&path, "tadpole").await?;
///     fs::remove_file(&path).await?;
///     assert!(!fs::try_exists(&path).await?);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::remove_file`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    hop(|| std::fs::remove_file(path)).await
}

/// Copies the contents and the permissions of a file over another one, all in one trip to the pool. Returns
/// how many bytes these are. Where the system can, nothing is copied but the names of the blocks.
///
/// ```
/// use polliwog_mio::fs;
///
/// # polliwog_mio::block_on(async {
/// # let folder = std::env::temp_dir().join(format!("polliwog-doc-copy-{}", std::process::id()));
/// fs::create_dir_all(&folder).await?;
/// fs::write(folder.join("egg"), "quak").await?;
/// assert_eq!(fs::copy(folder.join("egg"), folder.join("frog")).await?, 4);
/// assert!(fs::try_exists(folder.join("frog")).await?);
/// fs::remove_dir_all(&folder).await
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// As [`std::fs::copy`].
///
/// # Cancel safety
///
/// Dropping the future leaves the copy to end in the background.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let from = from.as_ref().to_owned();
    let to = to.as_ref().to_owned();
    hop(|| std::fs::copy(from, to)).await
}

/// Gives a file or folder another name, in place of what has that name. Only within one file system.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-rename-{}", std::process::id()));
/// #     let frog = path.with_extension("frog");
///     fs::write(&path, "tadpole").await?;
///     fs::rename(&path, &frog).await?;
///     assert_eq!(fs::read(&frog).await?, b"tadpole");
/// #     fs::remove_file(&frog).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::rename`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let from = from.as_ref().to_owned();
    let to = to.as_ref().to_owned();
    hop(|| std::fs::rename(from, to)).await
}

/// Gives a file a second name.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-link-{}", std::process::id()));
/// #     let second = path.with_extension("second");
///     fs::write(&path, "tadpole").await?;
///     fs::hard_link(&path, &second).await?;
///     assert_eq!(fs::read(&second).await?, b"tadpole");
/// #     fs::remove_file(&path).await?;
/// #     fs::remove_file(&second).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::hard_link`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let original = original.as_ref().to_owned();
    let link = link.as_ref().to_owned();
    hop(|| std::fs::hard_link(original, link)).await
}

/// Makes a symbolic link. Unix only; Windows wants to know what it leads to: `symlink_file`, `symlink_dir`.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-symlink-{}", std::process::id()));
///     fs::symlink("/somewhere/else", &path).await?;
///     assert_eq!(fs::read_link(&path).await?.to_str(), Some("/somewhere/else"));
/// #     fs::remove_file(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::os::unix::fs::symlink`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
#[cfg(unix)]
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let original = original.as_ref().to_owned();
    let link = link.as_ref().to_owned();
    hop(|| std::os::unix::fs::symlink(original, link)).await
}

/// Makes a symbolic link to a folder. Windows only.
///
/// # Errors
///
/// As [`std::os::windows::fs::symlink_dir`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
#[cfg(windows)]
pub async fn symlink_dir(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let original = original.as_ref().to_owned();
    let link = link.as_ref().to_owned();
    hop(|| std::os::windows::fs::symlink_dir(original, link)).await
}

/// Makes a symbolic link to a file. Windows only.
///
/// # Errors
///
/// As [`std::os::windows::fs::symlink_file`].
///
/// # Cancel safety
///
/// Dropping the future leaves it to end in the background.
#[cfg(windows)]
pub async fn symlink_file(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let original = original.as_ref().to_owned();
    let link = link.as_ref().to_owned();
    hop(|| std::os::windows::fs::symlink_file(original, link)).await
}
