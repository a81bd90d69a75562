//! `std::fs` on a simulated host: the names and the signatures are the standard library's, the files are the host's.
//!
//! A library that takes `std::fs` by an import is built for both:
//!
//! ```ignore
//! #[cfg(feature = "sim")]
//! use polliwog::sim::std::fs;
//! #[cfg(not(feature = "sim"))]
//! use std::fs;
//! ```
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
//! use polliwog::sim::Simulation;
//! use polliwog::sim::std::fs;
//! use polliwog::time::Instant;
//! use std::io::Write;
//!
//! fn append(line: &str) -> std::io::Result<()> {
//!     let mut log = fs::OpenOptions::new().create(true).append(true).open("log")?;
//!     log.write_all(line.as_bytes())?;
//!     log.sync_all()
//! }
//!
//! let mut simulation = Simulation::new(7);
//! simulation.client("frog", async {
//!     let before = Instant::now();
//!     append("quak\n").unwrap();
//!     assert_eq!(fs::read_to_string("log").unwrap(), "quak\n");
//!     // That has taken time, as it does for real.
//!     assert!((Instant::now() - before).as_micros() > 500);
//! });
//! simulation.run().unwrap();
//! ```
//!
//! These are the operations of [`sim::fs`](crate::sim::fs), with the same disk, errors and losses, and they take the same
//! time. Since they block, the whole host does nothing meanwhile, as a program with one thread does: its clock has gone
//! on when the function returns, what it sends then leaves that much later, its other tasks run after that, and it
//! comes to its end only then. A job of [`spawn_blocking`](crate::sim::spawn_blocking) waits alone.
//!
//! A function cannot be left in its middle, so the program goes on at once, and what it does then is seen when its clock
//! says so: files, messages, what it asks of the [`Control`](crate::sim::Control), barriers, notes, and what it tells a
//! [`History`](crate::sim::History). A crash or a kill of the host before that leaves no trace of it, and a pause puts it off. Some things are
//! not as they are for real all the same: what the program reads of other hosts is as it was at the beginning, and what a job
//! finds on the disk of its host is so, too, but for what it has done itself; folders,
//! symbolic links, names of Unix sockets, and ports that it listens at are there from the beginning; and what tasks of one host
//! tell each other, and what a program tells a test by its memory, takes no part in it. The asynchronous interface has none
//! of these.
//!
//! A process that crashes or is killed leaves what it had in memory: what its destructors write, such as a buffer's, fails.
//!
//! Simulated disks have no locks of files, and no times but that of a file's last change, so what would set
//! them is not here. Symbolic links are made
//! by [`os::unix::fs::symlink`](super::os::unix::fs::symlink), as for real.
//! Outside of a simulation all fails with [`ErrorKind::Unsupported`].

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::ffi::OsString;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sim::fs::{self, at_once};
pub use crate::sim::fs::{FileType, Metadata, Permissions};

/// As [`std::fs::File`]; see [`sim::fs::File`](fs::File).
#[derive(Debug)]
pub struct File(Arc<Mutex<fs::File>>);

impl File {
    fn of(file: fs::File) -> Self {
        Self(Arc::new(Mutex::new(file)))
    }

    fn get(&self) -> MutexGuard<'_, fs::File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`std::fs::File::open`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::open`](fs::File::open).
    pub fn open<P: AsRef<Path>>(path: P) -> Result<Self> {
        at_once(fs::File::open(path)).map(Self::of)
    }

    /// As [`std::fs::File::create`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::create`](fs::File::create).
    pub fn create<P: AsRef<Path>>(path: P) -> Result<Self> {
        at_once(fs::File::create(path)).map(Self::of)
    }

    /// As [`std::fs::File::create_new`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::create_new`](fs::File::create_new).
    pub fn create_new<P: AsRef<Path>>(path: P) -> Result<Self> {
        at_once(fs::File::create_new(path)).map(Self::of)
    }

    /// As [`std::fs::File::options`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// As [`std::fs::File::sync_all`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::sync_all`](fs::File::sync_all).
    pub fn sync_all(&self) -> Result<()> {
        at_once(self.get().sync_all())
    }

    /// As [`std::fs::File::sync_data`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::sync_all`](fs::File::sync_all).
    pub fn sync_data(&self) -> Result<()> {
        at_once(self.get().sync_data())
    }

    /// As [`std::fs::File::set_len`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::set_len`](fs::File::set_len).
    pub fn set_len(&self, size: u64) -> Result<()> {
        at_once(self.get().set_len(size))
    }

    /// As [`std::fs::File::metadata`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::metadata`](fs::File::metadata).
    pub fn metadata(&self) -> Result<Metadata> {
        at_once(self.get().metadata())
    }

    /// As [`std::fs::File::set_permissions`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::set_permissions`](fs::File::set_permissions).
    pub fn set_permissions(&self, perm: Permissions) -> Result<()> {
        at_once(self.get().set_permissions(perm))
    }

    /// As [`std::fs::File::try_clone`]: both have one position.
    ///
    /// # Errors
    ///
    /// None.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self(self.0.clone()))
    }
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        at_once(self.get().read(buf))
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> Result<usize> {
        at_once(self.get().read_to_end(buf))
    }

    fn read_to_string(&mut self, buf: &mut String) -> Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        buf.push_str(&text);
        Ok(text.len())
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        at_once(self.get().write(buf))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        at_once(self.get().seek(to))
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        (&*self).read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> Result<usize> {
        (&*self).read_to_string(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> Result<()> {
        (&*self).flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        (&*self).seek(to)
    }
}

#[cfg(unix)]
impl std::os::unix::fs::FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        at_once(self.get().read_at(buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        at_once(self.get().write_at(buf, offset))
    }
}

/// See [`sim::fs::File`](fs::File).
#[cfg(unix)]
impl std::os::fd::AsRawFd for File {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.get().as_raw_fd()
    }
}

/// As [`std::fs::OpenOptions`]; see [`sim::fs::OpenOptions`](fs::OpenOptions).
#[derive(Clone, Debug, Default)]
pub struct OpenOptions(fs::OpenOptions);

impl OpenOptions {
    /// As [`std::fs::OpenOptions::new`].
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`std::fs::OpenOptions::read`].
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// As [`std::fs::OpenOptions::write`].
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// As [`std::fs::OpenOptions::append`].
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// As [`std::fs::OpenOptions::truncate`].
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// As [`std::fs::OpenOptions::create`].
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// As [`std::fs::OpenOptions::create_new`].
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// As [`std::fs::OpenOptions::open`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::OpenOptions::open`](fs::OpenOptions::open).
    pub fn open<P: AsRef<Path>>(&self, path: P) -> Result<File> {
        at_once(self.0.open(path)).map(File::of)
    }
}

#[cfg(unix)]
impl std::os::unix::fs::OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }

    fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.0.custom_flags(flags);
        self
    }
}

/// As [`std::fs::DirBuilder`].
#[derive(Debug, Default)]
pub struct DirBuilder(fs::DirBuilder);

impl DirBuilder {
    /// As [`std::fs::DirBuilder::new`].
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`std::fs::DirBuilder::recursive`].
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.0.recursive(recursive);
        self
    }

    /// As [`std::fs::DirBuilder::create`].
    ///
    /// # Errors
    ///
    /// Those of [`create_dir`] and [`create_dir_all`].
    pub fn create<P: AsRef<Path>>(&self, path: P) -> Result<()> {
        at_once(self.0.create(path))
    }
}

/// As [`std::fs::ReadDir`].
#[derive(Debug)]
pub struct ReadDir(fs::ReadDir);

impl Iterator for ReadDir {
    type Item = Result<DirEntry>;

    fn next(&mut self) -> Option<Result<DirEntry>> {
        let entry = at_once(self.0.next_entry()).transpose()?;
        Some(entry.map(DirEntry))
    }
}

/// As [`std::fs::DirEntry`].
#[derive(Debug)]
pub struct DirEntry(fs::DirEntry);

impl DirEntry {
    /// As [`std::fs::DirEntry::path`].
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// As [`std::fs::DirEntry::file_name`].
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// As [`std::fs::DirEntry::metadata`].
    ///
    /// # Errors
    ///
    /// Those of [`metadata`].
    pub fn metadata(&self) -> Result<Metadata> {
        at_once(self.0.metadata())
    }

    /// As [`std::fs::DirEntry::file_type`].
    ///
    /// # Errors
    ///
    /// Those of [`metadata`].
    pub fn file_type(&self) -> Result<FileType> {
        at_once(self.0.file_type())
    }
}

/// As [`std::fs::read`].
///
/// # Errors
///
/// Those of [`sim::fs::read`](fs::read()).
pub fn read<P: AsRef<Path>>(path: P) -> Result<Vec<u8>> {
    at_once(fs::read(path))
}

/// As [`std::fs::read_to_string`].
///
/// # Errors
///
/// Those of [`sim::fs::read_to_string`](fs::read_to_string).
pub fn read_to_string<P: AsRef<Path>>(path: P) -> Result<String> {
    at_once(fs::read_to_string(path))
}

/// As [`std::fs::metadata`].
///
/// # Errors
///
/// Those of [`sim::fs::metadata`](fs::metadata()).
pub fn metadata<P: AsRef<Path>>(path: P) -> Result<Metadata> {
    at_once(fs::metadata(path))
}

/// As [`std::fs::canonicalize`].
///
/// # Errors
///
/// Those of [`sim::fs::canonicalize`](fs::canonicalize).
pub fn canonicalize<P: AsRef<Path>>(path: P) -> Result<PathBuf> {
    at_once(fs::canonicalize(path))
}

/// As [`std::fs::create_dir`].
///
/// # Errors
///
/// Those of [`sim::fs::create_dir`](fs::create_dir).
pub fn create_dir<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::create_dir(path))
}

/// As [`std::fs::create_dir_all`].
///
/// # Errors
///
/// Those of [`sim::fs::create_dir_all`](fs::create_dir_all).
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::create_dir_all(path))
}

/// As [`std::fs::remove_dir`].
///
/// # Errors
///
/// Those of [`sim::fs::remove_dir`](fs::remove_dir).
pub fn remove_dir<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::remove_dir(path))
}

/// As [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// Those of [`sim::fs::remove_dir_all`](fs::remove_dir_all).
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::remove_dir_all(path))
}

/// As [`std::fs::remove_file`].
///
/// # Errors
///
/// Those of [`sim::fs::remove_file`](fs::remove_file).
pub fn remove_file<P: AsRef<Path>>(path: P) -> Result<()> {
    at_once(fs::remove_file(path))
}

/// As [`std::fs::symlink_metadata`].
///
/// # Errors
///
/// Those of [`sim::fs::symlink_metadata`](fs::symlink_metadata).
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> Result<Metadata> {
    at_once(fs::symlink_metadata(path))
}

/// As [`std::fs::read_link`].
///
/// # Errors
///
/// Those of [`sim::fs::read_link`](fs::read_link).
pub fn read_link<P: AsRef<Path>>(path: P) -> Result<PathBuf> {
    at_once(fs::read_link(path))
}

/// As [`std::fs::exists`].
///
/// # Errors
///
/// Those of [`sim::fs::try_exists`](fs::try_exists).
pub fn exists<P: AsRef<Path>>(path: P) -> Result<bool> {
    at_once(fs::try_exists(path))
}

/// As [`std::fs::read_dir`].
///
/// # Errors
///
/// Those of [`sim::fs::read_dir`](fs::read_dir).
pub fn read_dir<P: AsRef<Path>>(path: P) -> Result<ReadDir> {
    at_once(fs::read_dir(path)).map(ReadDir)
}

/// As [`std::fs::write`].
///
/// # Errors
///
/// Those of [`sim::fs::write`](fs::write()).
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> Result<()> {
    at_once(fs::write(path, contents))
}

/// As [`std::fs::copy`].
///
/// # Errors
///
/// Those of [`sim::fs::copy`](fs::copy).
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Result<u64> {
    at_once(fs::copy(from, to))
}

/// As [`std::fs::rename`].
///
/// # Errors
///
/// Those of [`sim::fs::rename`](fs::rename).
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Result<()> {
    at_once(fs::rename(from, to))
}

/// As [`std::fs::hard_link`].
///
/// # Errors
///
/// Those of [`sim::fs::hard_link`](fs::hard_link).
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Result<()> {
    at_once(fs::hard_link(from, to))
}

/// As [`std::fs::set_permissions`].
///
/// # Errors
///
/// Those of [`sim::fs::set_permissions`](fs::set_permissions).
pub fn set_permissions<P: AsRef<Path>>(path: P, perm: Permissions) -> Result<()> {
    at_once(fs::set_permissions(path, perm))
}
