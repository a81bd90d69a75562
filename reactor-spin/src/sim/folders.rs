//! Folders of a simulated host.

use alloc::vec;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::ffi::OsString;
use std::io::Result;
use std::path::{Path, PathBuf};

use super::disk::{Kind, Wait};
use super::fs::{on, operation};
use super::metadata::{FileType, Metadata, symlink_metadata};

/// Makes a folder.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`](std::io::ErrorKind::AlreadyExists),
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) without the one that it is in.
pub async fn create_dir(path: impl AsRef<Path>) -> Result<()> {
    DirBuilder::new().create(path).await
}

/// Makes a folder and those that it is in, as far as they are not there.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`](std::io::ErrorKind::AlreadyExists) if it is a file.
pub async fn create_dir_all(path: impl AsRef<Path>) -> Result<()> {
    DirBuilder::new().recursive(true).create(path).await
}

/// Removes an empty folder.
///
/// # Errors
///
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound),
/// [`ErrorKind::NotADirectory`](std::io::ErrorKind::NotADirectory),
/// [`ErrorKind::DirectoryNotEmpty`](std::io::ErrorKind::DirectoryNotEmpty).
pub async fn remove_dir(path: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.remove_folder(path.as_ref(), false))
}

/// Removes a folder and all that lies in it. A crash may bring files of it back, if nothing was synced since.
///
/// # Errors
///
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound),
/// [`ErrorKind::NotADirectory`](std::io::ErrorKind::NotADirectory).
pub async fn remove_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.remove_folder(path.as_ref(), true))
}

/// Lists a folder: what lies in it now, in the order of the names.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; pub use polliwog_spin::sim::fs; }
/// use polliwog::fs;
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("one", async {
///     fs::create_dir("pond").await?;
///     fs::write("pond/frog", "quak").await?;
///     let mut entries = fs::read_dir("pond").await?;
///     let entry = entries.next_entry().await?.unwrap();
///     assert_eq!(entry.file_name(), "frog");
///     assert!(entries.next_entry().await?.is_none());
///     std::io::Result::Ok(())
/// });
/// simulation.run().unwrap();
/// ```
///
/// # Errors
///
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound),
/// [`ErrorKind::NotADirectory`](std::io::ErrorKind::NotADirectory).
pub async fn read_dir(path: impl AsRef<Path>) -> Result<ReadDir> {
    let net = operation(Wait::Any).await?;
    let path = path.as_ref();
    let found = on(&net, |disk| disk.list(path))?;
    let entries = found.into_iter().map(|(name, inode, kind)| DirEntry {
        path: path.join(name),
        is: (inode, kind),
    });
    Ok(ReadDir(entries.collect::<vec::Vec<_>>().into_iter()))
}

/// What lies in a folder: see [`read_dir`].
#[derive(Debug)]
pub struct ReadDir(vec::IntoIter<DirEntry>);

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// None: the list was made by [`read_dir`].
    pub async fn next_entry(&mut self) -> Result<Option<DirEntry>> {
        Ok(self.0.next())
    }

    /// [`next_entry`](Self::next_entry) as a poll function. It never waits.
    ///
    /// # Errors
    ///
    /// None; that of a real disk has some.
    pub fn poll_next_entry(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<DirEntry>>> {
        Poll::Ready(Ok(self.0.next()))
    }
}

impl futures_core::Stream for ReadDir {
    type Item = Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_entry(cx).map(Result::transpose)
    }
}

/// How to make folders.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
/// use polliwog::fs::DirBuilder;
///
/// async fn nested() -> std::io::Result<()> {
///     DirBuilder::new().recursive(true).create("/data/logs").await
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// For one folder, within one that exists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether to make all folders that are missing above it, too, and to be content if it is there.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Sets the permissions of what is made, of which the process's mask takes 022 away; all, unless set. Unix only.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
    /// use polliwog::fs::DirBuilder;
    ///
    /// async fn secret() -> std::io::Result<()> {
    ///     DirBuilder::new().mode(0o700).create("keys").await
    /// }
    /// ```
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the folder. Dropped, it has made none.
    ///
    /// # Errors
    ///
    /// Those of [`create_dir`] and [`create_dir_all`].
    pub async fn create(&self, path: impl AsRef<Path>) -> Result<()> {
        let net = operation(Wait::Any).await?;
        let mode = self.mode.unwrap_or(0o777);
        on(&net, |disk| match self.recursive {
            true => disk.create_folders(path.as_ref(), mode),
            false => disk.create_folder(path.as_ref(), mode),
        })
    }
}

/// A file or a folder that lies in a folder.
#[derive(Clone, Debug)]
pub struct DirEntry {
    path: PathBuf,
    /// Its number, and what it is.
    is: (u64, Kind),
}

impl DirEntry {
    /// The folder's path, as it was given to [`read_dir`], and the name.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The name.
    pub fn file_name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().into()
    }

    /// Asks for what there is to know of it; of a symbolic link itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) if it has been removed.
    pub async fn metadata(&self) -> Result<Metadata> {
        symlink_metadata(&self.path).await
    }

    /// Whether it is a file or a folder, as the list of the folder says.
    ///
    /// # Errors
    ///
    /// None; that of a real disk has some.
    pub async fn file_type(&self) -> Result<FileType> {
        Ok(FileType(self.is.1))
    }

    /// The number of the file or folder, as in its metadata. Unix only.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        super::metadata::number(self.is.0)
    }
}
