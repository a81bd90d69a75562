//! [`Metadata`] of what lies on a simulated disk, and [`FileTimes`].

#[cfg(doc)]
use std::io::ErrorKind;
use std::io::Result;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::disk::{Found, Kind, Wait};
use super::fs::{File, on, operation};

/// What there is to know of a file or a folder.
///
/// On Unix, [`MetadataExt`](https://doc.rust-lang.org/std/os/unix/fs/trait.MetadataExt.html) gives the rest: numbers of files, how
/// many names a file has (a folder has one), owners, who are the user 1000, and when anything of it was changed.
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
pub struct Metadata(Found);

/// What `st_blksize` is on Linux, as a rule, and the length of a folder.
const BLOCK: u64 = 4096;

#[expect(
    clippy::len_without_is_empty,
    reason = "that of the standard library has none, either"
)]
impl Metadata {
    pub(crate) fn of(found: Found) -> Self {
        Self(found)
    }

    /// What Unix calls `st_mode`: the kind of file, and its permissions.
    pub(crate) fn raw_mode(&self) -> u32 {
        let kind = match self.0.kind {
            Kind::File => 0o100_000,
            Kind::Folder => 0o040_000,
            Kind::Link => 0o120_000,
            Kind::Socket => 0o140_000,
        };
        kind | self.0.mode
    }

    /// The bytes of a file, or of what a symbolic link says; 4096 for a folder, and zero for the name of a Unix socket.
    pub fn len(&self) -> u64 {
        match self.0.kind {
            Kind::Folder => BLOCK,
            _ => self.0.len,
        }
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.file_type().is_file()
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        self.file_type().is_dir()
    }

    /// Whether it is a symbolic link: see [`symlink_metadata`].
    pub fn is_symlink(&self) -> bool {
        self.file_type().is_symlink()
    }

    /// What of these it is.
    pub fn file_type(&self) -> FileType {
        FileType(self.0.kind)
    }

    /// When it was changed last, by the wall clock of its host: of a file what it holds, of a folder a name in it.
    ///
    /// # Errors
    ///
    /// None; some systems have some.
    pub fn modified(&self) -> Result<SystemTime> {
        Ok(UNIX_EPOCH + self.0.times.modified)
    }

    /// When a program of the host has read a file last, by the wall clock of the host; when it was made, if none has.
    ///
    /// # Errors
    ///
    /// As [`modified`](Self::modified).
    pub fn accessed(&self) -> Result<SystemTime> {
        Ok(UNIX_EPOCH + self.0.times.accessed)
    }

    /// When it was made, by the wall clock of its host.
    ///
    /// # Errors
    ///
    /// As [`modified`](Self::modified).
    pub fn created(&self) -> Result<SystemTime> {
        Ok(UNIX_EPOCH + self.0.times.created)
    }
}

/// The user that programs of simulated hosts are, and the group.
#[cfg(unix)]
const USER: u32 = 1000;

#[cfg(unix)]
fn seconds(since: core::time::Duration) -> i64 {
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(unix)]
impl std::os::unix::fs::MetadataExt for Metadata {
    fn dev(&self) -> u64 {
        1
    }

    fn ino(&self) -> u64 {
        number(self.0.inode)
    }

    fn mode(&self) -> u32 {
        self.raw_mode()
    }

    fn nlink(&self) -> u64 {
        self.0.names.into()
    }

    fn uid(&self) -> u32 {
        USER
    }

    fn gid(&self) -> u32 {
        USER
    }

    fn rdev(&self) -> u64 {
        0
    }

    fn size(&self) -> u64 {
        self.len()
    }

    fn atime(&self) -> i64 {
        seconds(self.0.times.accessed)
    }

    fn atime_nsec(&self) -> i64 {
        self.0.times.accessed.subsec_nanos().into()
    }

    fn mtime(&self) -> i64 {
        seconds(self.0.times.modified)
    }

    fn mtime_nsec(&self) -> i64 {
        self.0.times.modified.subsec_nanos().into()
    }

    fn ctime(&self) -> i64 {
        seconds(self.0.times.changed)
    }

    fn ctime_nsec(&self) -> i64 {
        self.0.times.changed.subsec_nanos().into()
    }

    fn blksize(&self) -> u64 {
        BLOCK
    }

    fn blocks(&self) -> u64 {
        match self.0.kind {
            Kind::File | Kind::Folder => self.len().div_ceil(BLOCK) * (BLOCK / 512),
            Kind::Link | Kind::Socket => 0,
        }
    }
}

/// What programs know a number of the disk by: none is 0, and that of a folder is no other than the rest.
#[cfg(unix)]
pub(crate) fn number(inode: u64) -> u64 {
    (inode & (u64::MAX >> 1)) + 1
}

/// Whether something is a file or a folder: see [`Metadata::file_type`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileType(pub(crate) Kind);

impl FileType {
    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.0 == Kind::File
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        self.0 == Kind::Folder
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.0 == Kind::Link
    }
}

/// A simulated disk has names of sockets, and none of the others.
#[cfg(unix)]
impl std::os::unix::fs::FileTypeExt for FileType {
    fn is_block_device(&self) -> bool {
        false
    }

    fn is_char_device(&self) -> bool {
        false
    }

    fn is_fifo(&self) -> bool {
        false
    }

    fn is_socket(&self) -> bool {
        self.0 == Kind::Socket
    }
}

/// Asks for what there is to know of a file or a folder.
///
/// # Errors
///
/// [`ErrorKind::NotFound`].
pub async fn metadata(path: impl AsRef<Path>) -> Result<Metadata> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.find(path.as_ref(), true)).map(Metadata::of)
}

/// Asks for what there is to know of a file, a folder, or a symbolic link, which is not followed.
///
/// # Errors
///
/// [`ErrorKind::NotFound`].
pub async fn symlink_metadata(path: impl AsRef<Path>) -> Result<Metadata> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.find(path.as_ref(), false)).map(Metadata::of)
}

/// When a file was read and changed: what [`File::set_times`] sets, as [`std::fs::FileTimes`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
/// use polliwog::fs::{File, FileTimes};
/// use polliwog::sim::{self, Simulation};
/// use std::time::Duration;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("one", async {
///     let file = File::create("log").await?;
///     let yesterday = sim::system_time() - Duration::from_secs(24 * 3600);
///     file.set_times(FileTimes::new().set_modified(yesterday)).await?;
///     let known = file.metadata().await?;
///     assert!(known.modified()? == yesterday && known.accessed()? > yesterday);
///     std::io::Result::Ok(())
/// });
/// simulation.run().unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FileTimes {
    accessed: Option<SystemTime>,
    modified: Option<SystemTime>,
}

impl FileTimes {
    /// Of which none is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets when the file was read last.
    #[must_use]
    pub fn set_accessed(mut self, t: SystemTime) -> Self {
        self.accessed = Some(t);
        self
    }

    /// Sets when the file was changed last.
    #[must_use]
    pub fn set_modified(mut self, t: SystemTime) -> Self {
        self.modified = Some(t);
        self
    }
}

impl File {
    /// Sets when the file or the folder was read and changed last, as far as `times` says. Dropped, it has done nothing. A crash
    /// takes it as it takes a write.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a time before 1970; when the disk fails.
    pub async fn set_times(&self, times: FileTimes) -> Result<()> {
        let since = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH);
            since.map_err(|_| std::io::ErrorKind::InvalidInput)
        };
        let modified = times.modified.map(since).transpose()?;
        let accessed = times.accessed.map(since).transpose()?;
        let net = operation(Wait::Any).await?;
        on(&net, |disk| {
            disk.set_times(self.opened.inode, modified, accessed)
        })
    }

    /// Sets when the file was changed last.
    ///
    /// # Errors
    ///
    /// As [`set_times`](Self::set_times).
    pub async fn set_modified(&self, time: SystemTime) -> Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }
}
