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
//! finds on the disk of its host is so, too, but for what it has done itself; ports
//! that it listens at are there from the beginning; and what tasks of one host
//! tell each other, and what a program tells a test by its memory, takes no part in it. The asynchronous interface has none
//! of these.
//!
//! A process that crashes or is killed leaves what it had in memory: what its destructors write, such as a buffer's, fails.
//!
//! Simulated disks have no locks of files and no owners, so what would set them is not here. Symbolic links are made
//! by [`os::unix::fs::symlink`](super::os::unix::fs::symlink), as for real.
//! Outside of a simulation all fails with [`ErrorKind::Unsupported`].

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::ffi::OsString;
use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::sim::fs::{self, at_once};
mod paths;

pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read, read_dir,
    read_link, read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions,
    symlink_metadata, write,
};

pub use crate::sim::fs::{FileTimes, FileType, Metadata, Permissions};

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

    /// As [`std::fs::File::set_times`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::set_times`](fs::File::set_times).
    pub fn set_times(&self, times: FileTimes) -> Result<()> {
        at_once(self.get().set_times(times))
    }

    /// As [`std::fs::File::set_modified`].
    ///
    /// # Errors
    ///
    /// Those of [`sim::fs::File::set_times`](fs::File::set_times).
    pub fn set_modified(&self, time: SystemTime) -> Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
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

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        let mut bytes = alloc::vec![0; bufs.iter().map(|buf| buf.len()).sum()];
        let count = self.read(&mut bytes)?;
        let mut left = &bytes[..count];
        for buf in bufs {
            let (these, rest) = left.split_at(buf.len().min(left.len()));
            buf[..these.len()].copy_from_slice(these);
            left = rest;
        }
        Ok(count)
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

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.write(&bufs.iter().map(|buf| &**buf).collect::<Vec<_>>().concat())
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

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        (&*self).read_vectored(bufs)
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

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        (&*self).write_vectored(bufs)
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

#[cfg(unix)]
impl std::os::unix::fs::DirBuilderExt for DirBuilder {
    fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }
}

/// As [`std::fs::ReadDir`].
#[derive(Debug)]
pub struct ReadDir(fs::ReadDir);

impl ReadDir {
    fn of(list: fs::ReadDir) -> Self {
        Self(list)
    }
}

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

#[cfg(unix)]
impl std::os::unix::fs::DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        self.0.ino()
    }
}
