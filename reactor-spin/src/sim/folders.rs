//! Folders of a simulated host, and what there is to know of what lies in them.

use alloc::vec;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::ffi::OsString;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::disk::{Found, Times, Wait};
use super::fs::{on, operation};

/// What there is to know of a file or a folder.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; pub use polliwog_spin::sim::fs; }
/// use polliwog::fs;
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("one", async {
///     fs::write("log", "frog").await?;
///     let metadata = fs::metadata("log").await?;
///     assert!(metadata.is_file() && metadata.len() == 4);
///     assert!(fs::metadata("/").await?.is_dir());
///     std::io::Result::Ok(())
/// });
/// simulation.run().unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata(Found, u32);

#[expect(
    clippy::len_without_is_empty,
    reason = "that of the standard library has none, either"
)]
impl Metadata {
    pub(crate) fn of((found, mode): (Found, u32)) -> Self {
        Self(found, mode)
    }

    /// What Unix calls `st_mode`: the kind of file, and its permissions.
    pub(crate) fn raw_mode(&self) -> u32 {
        let kind = match self.0 {
            Found::File(..) => 0o100_000,
            Found::Folder => 0o040_000,
            Found::Link => 0o120_000,
            Found::Socket => 0o140_000,
        };
        kind | self.1
    }

    /// The bytes of a file; zero for a folder and for the name of a Unix socket.
    pub fn len(&self) -> u64 {
        match self.0 {
            Found::File(len, _) => len,
            Found::Folder | Found::Socket | Found::Link => 0,
        }
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        matches!(self.0, Found::File(..))
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        self.0 == Found::Folder
    }

    /// Whether it is a symbolic link: see [`symlink_metadata`].
    pub fn is_symlink(&self) -> bool {
        self.0 == Found::Link
    }

    /// What of these it is.
    pub fn file_type(&self) -> FileType {
        FileType(*self)
    }

    /// When a file was changed last, by the wall clock of its host.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](std::io::ErrorKind::Unsupported) for anything else: simulated disks keep times of files only.
    pub fn modified(&self) -> Result<SystemTime> {
        self.time(|times| times.modified)
    }

    /// When a program of the host has read a file last, by the wall clock of the host; when it was made, if none has.
    ///
    /// # Errors
    ///
    /// As [`modified`](Self::modified).
    pub fn accessed(&self) -> Result<SystemTime> {
        self.time(|times| times.accessed)
    }

    /// When a file was made, by the wall clock of its host.
    ///
    /// # Errors
    ///
    /// As [`modified`](Self::modified).
    pub fn created(&self) -> Result<SystemTime> {
        self.time(|times| times.created)
    }

    fn time(&self, which: impl FnOnce(&Times) -> Duration) -> Result<SystemTime> {
        match &self.0 {
            Found::File(_, times) => Ok(UNIX_EPOCH + which(times)),
            _ => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Whether something is a file or a folder: see [`Metadata::file_type`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileType(Metadata);

impl FileType {
    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.0.is_file()
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        self.0.is_dir()
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.0.is_symlink()
    }
}

/// Asks for what there is to know of a file or a folder.
///
/// # Errors
///
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound).
pub async fn metadata(path: impl AsRef<Path>) -> Result<Metadata> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.find(path.as_ref(), true)).map(Metadata::of)
}

/// Asks for what there is to know of a file, a folder, or a symbolic link, which is not followed.
///
/// # Errors
///
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound).
pub async fn symlink_metadata(path: impl AsRef<Path>) -> Result<Metadata> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.find(path.as_ref(), false)).map(Metadata::of)
}

/// Makes a folder.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`](std::io::ErrorKind::AlreadyExists),
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) without the one that it is in.
pub async fn create_dir(path: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.create_folder(path.as_ref(), false))
}

/// Makes a folder and those that it is in, as far as they are not there.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`](std::io::ErrorKind::AlreadyExists) if it is a file.
pub async fn create_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.create_folder(path.as_ref(), true))
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
    let names = found.iter().filter_map(|found| found.file_name());
    let paths: vec::Vec<PathBuf> = names.map(|name| path.join(name)).collect();
    Ok(ReadDir(paths.into_iter()))
}

/// What lies in a folder: see [`read_dir`].
#[derive(Debug)]
pub struct ReadDir(vec::IntoIter<PathBuf>);

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// None: the list was made by [`read_dir`].
    pub async fn next_entry(&mut self) -> Result<Option<DirEntry>> {
        Ok(self.0.next().map(DirEntry))
    }

    /// [`next_entry`](Self::next_entry) as a poll function. It never waits.
    ///
    /// # Errors
    ///
    /// None; that of a real disk has some.
    pub fn poll_next_entry(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<DirEntry>>> {
        Poll::Ready(Ok(self.0.next().map(DirEntry)))
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

    /// Makes the folder. Dropped, it has made none.
    ///
    /// # Errors
    ///
    /// Those of [`create_dir`] and [`create_dir_all`].
    pub async fn create(&self, path: impl AsRef<Path>) -> Result<()> {
        match self.recursive {
            true => create_dir_all(path).await,
            false => create_dir(path).await,
        }
    }
}

/// A file or a folder that lies in a folder.
#[derive(Clone, Debug)]
pub struct DirEntry(PathBuf);

impl DirEntry {
    /// The folder's path, as it was given to [`read_dir`], and the name.
    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }

    /// The name.
    pub fn file_name(&self) -> OsString {
        self.0.file_name().unwrap_or_default().into()
    }

    /// Asks for what there is to know of it; of a symbolic link itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) if it has been removed.
    pub async fn metadata(&self) -> Result<Metadata> {
        symlink_metadata(&self.0).await
    }

    /// Asks whether it is a file or a folder.
    ///
    /// # Errors
    ///
    /// As [`metadata`](Self::metadata).
    pub async fn file_type(&self) -> Result<FileType> {
        Ok(self.metadata().await?.file_type())
    }
}
