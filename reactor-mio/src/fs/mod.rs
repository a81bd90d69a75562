//! Files, on the blocking pool.
//!
//! Each function, and each operation of a [`File`], is one trip to the pool and back: a file
//! has no readiness to wait for. For many small operations at a time, do them all in one
//! [`spawn_blocking`].
//!
//! An operation that was dropped goes on in the background, as far as the program lives: when `main`
//! returns, what is under way is [cut off](crate::blocking#the-end). What reads to the end of a file stops before it.
//!
//! Where the pool refuses an operation, because [it has no thread](crate::blocking::RejectReason::NoThread)
//! or too many jobs, the error is never one of those that a file itself would give.

mod file;
mod folders;
mod io_traits;
mod operations;
mod options;
mod paths;
mod position;
mod read_dir;
mod shared;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use file::{File, MAX_CHUNK};
pub use folders::{DirBuilder, create_dir, create_dir_all, remove_dir, remove_dir_all};
pub use options::OpenOptions;
#[cfg(unix)]
pub use paths::symlink;
pub use paths::{
    canonicalize, copy, hard_link, metadata, read_link, remove_file, rename, set_permissions,
    symlink_metadata, try_exists,
};
#[cfg(windows)]
pub use paths::{symlink_dir, symlink_file};
pub use read_dir::{DirEntry, ReadDir, read_dir};
/// When a file was read, changed and created: what [`File::set_times`] sets.
pub use std::fs::FileTimes;
/// What is known of a file. A simulated host has types of its own by these names.
pub use std::fs::{FileType, Metadata, Permissions};

use crate::blocking::spawn_blocking;

/// Runs a file operation on the pool.
pub(crate) async fn hop<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(f).await?
}

/// Reads a whole file, unless the future is dropped before, and makes something of it there.
async fn read_whole<T: Send + 'static>(
    path: PathBuf,
    make: fn(Vec<u8>) -> io::Result<T>,
) -> io::Result<T> {
    let waits = Arc::new(());
    let wanted = Arc::downgrade(&waits);
    let whole = hop(move || {
        let mut bytes = Vec::new();
        position::read_rest(&std::fs::File::open(path)?, &mut bytes, &wanted)?;
        make(bytes)
    });
    let whole = whole.await;
    drop(waits);
    whole
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Reads a whole file.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// # polliwog_mio::block_on(async {
/// let path = std::env::temp_dir().join(format!("polliwog-doc-{}", std::process::id()));
/// polliwog::fs::write(&path, "quak").await?;
/// assert_eq!(polliwog::fs::read(&path).await?, b"quak");
/// # std::fs::remove_file(&path)
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// As [`std::fs::read`].
///
/// # Cancel safety
///
/// Dropping the future ends the read, after the next piece of [`MAX_CHUNK`] bytes at most.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read_whole(path.as_ref().to_owned(), Ok).await
}

/// Reads a whole file of text.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-text-{}", std::process::id()));
///     fs::write(&path, "tadpole").await?;
///     assert_eq!(fs::read_to_string(&path).await?, "tadpole");
/// #     fs::remove_file(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::read_to_string`].
///
/// # Cancel safety
///
/// Dropping the future ends the read, after the next piece of [`MAX_CHUNK`] bytes at most.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    read_whole(path.as_ref().to_owned(), text).await
}

/// Writes a whole file, over what it contained. The contents are copied, as they have to outlive the future.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::fs;
///
/// polliwog::block_on(async {
/// #     let path = std::env::temp_dir().join(format!("polliwog-doc-whole-{}", std::process::id()));
///     fs::write(&path, "tadpole").await?;
/// #     fs::remove_file(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`std::fs::write`].
///
/// # Cancel safety
///
/// Dropping the future leaves the write to end in the background.
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    let contents = contents.as_ref().to_vec();
    hop(|| std::fs::write(path, contents)).await
}
