//! Files of a simulated host, with the interface of real ones.
//!
//! Operations take virtual time. What was written is there for everybody from then on, but outlives a
//! [crash](super::Control::crash) for certain only if [`File::sync_all`] has come back since: else each write is kept,
//! lost or torn by chance, and of renames, removals and new names as many as the seed says, in their order. A
//! [kill](super::Control::kill) loses nothing.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
//! use polliwog::fs::{self, File};
//! use polliwog::sim::{self, Simulation};
//! use polliwog::time::sleep_millis;
//!
//! let mut simulation = Simulation::new(7);
//! simulation.host("store", || async {
//!     if let Ok(text) = fs::read_to_string("log").await {
//!         sim::note(text);
//!     }
//!     let mut file = File::create("log").await.unwrap();
//!     file.write_all(b"frog").await.unwrap();
//!     file.sync_all().await.unwrap();
//!     std::future::pending::<()>().await;
//! });
//! simulation.client("hand", async {
//!     sleep_millis(100).await;
//!     sim::control().restart("store");
//!     sleep_millis(100).await;
//! });
//! simulation.run().unwrap();
//! ```
//!
//! All operations fail with [`ErrorKind::Unsupported`] outside of a simulation, and by chance if
//! [`Control::set_disk_errors`](super::Control::set_disk_errors) says so. A disk is memory: what would make a file longer than
//! 1 GiB, be it by a hole, fails with [`ErrorKind::FileTooLarge`]. What a program does not sync the system writes back by itself
//! after [some time](super::Builder::write_back); until then it is kept write by write, so that a crash can lose any of it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::{Error, ErrorKind, Result, SeekFrom};
use std::path::{Path, PathBuf};

use polliwog_core::exact::{read_exact, write_all};
use polliwog_core::time::sleep;

use super::disk::{Disk, FOLDER, Opened, Wait, failed};
use super::file_io::Waiting;
use super::net::Net;
use crate::net::Network;

pub use super::open::OpenOptions;
pub use super::permissions::{Permissions, set_permissions};

pub use super::folders::{
    DirBuilder, DirEntry, ReadDir, create_dir, create_dir_all, read_dir, remove_dir, remove_dir_all,
};
pub use super::metadata::{FileTimes, FileType, Metadata, metadata, symlink_metadata};

/// Lets an operation take its time; returns the host that it is on, and whether it fails.
pub(crate) async fn begin(wait: Wait) -> Result<(Net, bool)> {
    let net = Network::current()
        .sim()
        .cloned()
        .ok_or(ErrorKind::Unsupported)?;
    let (takes, fails) = net.world.with(|state| {
        let host = &mut state.hosts[net.host as usize];
        match host.is_alive() {
            true => Ok(host.disk.operation(wait)),
            false => Err(Error::other("the process is gone")),
        }
    })?;
    match BLOCKS.get() {
        true => net
            .world
            .with(|state| state.hosts[net.host as usize].clock.block(takes)),
        false => sleep(Duration::from_nanos(takes)).await,
    }
    Ok((net, fails))
}

std::thread_local! {
    /// Set while an operation is carried out at once.
    static BLOCKS: Cell<bool> = const { Cell::new(false) };
}

/// Carries an operation of this module out at once, and the program goes on as if it had waited for its end: see
/// [`HostClock::block`](super::clock::HostClock::block).
pub(crate) fn at_once<T>(operation: impl Future<Output = Result<T>>) -> Result<T> {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            BLOCKS.set(self.0);
        }
    }
    let _restore = Restore(BLOCKS.replace(true));
    match pin!(operation).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("an operation waits for its time only"),
    }
}

/// As [`begin`], for what does nothing when it fails.
pub(crate) async fn operation(wait: Wait) -> Result<Net> {
    match begin(wait).await? {
        (_, true) => Err(failed()),
        (net, false) => Ok(net),
    }
}

pub(crate) fn on<T>(net: &Net, f: impl FnOnce(&mut Disk) -> Result<T>) -> Result<T> {
    net.world
        .with(|state| f(&mut state.hosts[net.host as usize].disk))
}

/// A file of the host that opened it.
///
/// Dropped operations have done nothing, unless they say otherwise.
#[derive(Debug)]
pub struct File {
    pub(crate) opened: Arc<Opened>,
    /// Clones have it in common.
    position: Arc<AtomicU64>,
    pub(crate) waiting: Waiting,
}

impl File {
    pub(crate) fn of(opened: Opened) -> Self {
        Self {
            opened: Arc::new(opened),
            position: Arc::default(),
            waiting: Waiting::default(),
        }
    }

    /// Opens a file for reading; or a folder, to [sync](Self::sync_all) it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`].
    pub async fn open(path: impl AsRef<Path>) -> Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing, empty; makes it if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] without its folder; [`ErrorKind::IsADirectory`].
    pub async fn create(path: impl AsRef<Path>) -> Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .await
    }

    /// Makes a file, for reading and writing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`]; as [`create`](Self::create).
    pub async fn create_new(path: impl AsRef<Path>) -> Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .await
    }

    /// Returns options, to open a file in another way.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Reads from the position on, as much as there is room for; nothing at the end.
    ///
    /// # Errors
    ///
    /// Unix's `EBADF` for a file that was not opened for reading; when the disk fails.
    pub async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let at = self.position();
        let count = self.read_at(buf, at).await?;
        self.go_to(at + count as u64);
        Ok(count)
    }

    /// Reads from `offset` on, which is counted from the beginning, and leaves the position as it is.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.opened.may_read()?;
        let net = operation(self.opened.reads(offset, buf.len())).await?;
        on(&net, |disk| self.opened.read(disk, offset, buf))
    }

    /// Reads from `offset` on, which is counted from the beginning, until `buf` is full, and leaves the position as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnexpectedEof`].
    pub async fn read_exact_at(&self, buf: &mut [u8], mut offset: u64) -> Result<()> {
        let read = async |rest: &mut [u8]| {
            let count = self.read_at(rest, offset).await?;
            offset += count as u64;
            Ok(count)
        };
        read_exact(buf, || ErrorKind::UnexpectedEof.into(), read).await
    }

    /// Reads until `buf` is full. Dropped, it has read some of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnexpectedEof`].
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> Result<()> {
        let ended = || ErrorKind::UnexpectedEof.into();
        read_exact(buf, ended, async |rest| self.read(rest).await).await
    }

    /// Reads all that is left.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> Result<usize> {
        self.opened.may_read()?;
        let all = self.opened.reads(self.position(), usize::MAX);
        let net = operation(all).await?;
        let from = self.position();
        let count = on(&net, |disk| self.opened.read_to_end(disk, from, buf))?;
        self.go_to(from + count as u64);
        Ok(count)
    }

    /// Writes at the position, as much as there is room for on the disk.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StorageFull`] if there is no room at all; Unix's `EBADF` for a file that was opened for reading. When the disk fails, the first part of it may have been written.
    pub async fn write(&mut self, buf: &[u8]) -> Result<usize> {
        let (at, count) = self.put(buf, self.position()).await?;
        self.go_to(at + count as u64);
        Ok(count)
    }

    /// Writes at `offset`, which is counted from the beginning, and leaves the position as it is. A file that was opened to
    /// [append](OpenOptions::append) to is written to at its end all the same, as on Linux.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        Ok(self.put(buf, offset).await?.1)
    }

    /// Writes all of `buf` at `offset`, as [`write_at`](Self::write_at) does. Dropped, it may have written some of it.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn write_all_at(&self, buf: &[u8], mut offset: u64) -> Result<()> {
        let write = async |rest: &[u8]| {
            let count = self.write_at(rest, offset).await?;
            offset += count as u64;
            Ok(count)
        };
        write_all(buf, || ErrorKind::WriteZero.into(), write).await
    }

    /// Returns where it has written, and how much.
    async fn put(&self, buf: &[u8], offset: u64) -> Result<(u64, usize)> {
        self.opened.may_write()?;
        let (net, fails) = begin(self.opened.writes(offset, buf.len())).await?;
        self.write_now(&net, fails, buf, offset)
    }

    pub(crate) fn write_now(
        &self,
        net: &Net,
        fails: bool,
        buf: &[u8],
        offset: u64,
    ) -> Result<(u64, usize)> {
        self.opened.may_write()?;
        on(net, |disk| self.opened.write(disk, fails, buf, offset))
    }

    /// Writes all of `buf`. Dropped, it has written some of it.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); some of it may have been written.
    pub async fn write_all(&mut self, buf: &[u8]) -> Result<()> {
        let none = || ErrorKind::WriteZero.into();
        write_all(buf, none, async |rest| self.write(rest).await).await
    }

    /// What there is to know of the file.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn metadata(&self) -> Result<Metadata> {
        let net = operation(Wait::Any).await?;
        on(&net, |disk| disk.what(self.opened.inode)).map(Metadata::of)
    }

    /// Does nothing: what is written is with the system. It is not safe; see [`sync_all`](Self::sync_all).
    ///
    /// # Errors
    ///
    /// None.
    pub async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Sets the position; returns it, from the beginning.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] before the beginning.
    pub async fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let net = operation(Wait::Any).await?;
        self.seek_now(&net, to)
    }

    pub(crate) fn seek_now(&self, net: &Net, to: SeekFrom) -> Result<u64> {
        // Where the end of a folder is each file system says in another way.
        let len = match self.opened.inode {
            FOLDER.. => 0,
            inode => on(net, |disk| disk.len(inode))?,
        };
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position().checked_add_signed(by),
        };
        let position = position.ok_or(ErrorKind::InvalidInput)?;
        self.go_to(position);
        Ok(position)
    }

    /// Cuts the file off, or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a file that was opened for reading; [`ErrorKind::StorageFull`]; when the disk fails.
    pub async fn set_len(&self, size: u64) -> Result<()> {
        if !self.opened.writable {
            return Err(ErrorKind::InvalidInput.into());
        }
        let net = operation(Wait::Any).await?;
        on(&net, |disk| disk.set_len(self.opened.inode, size))
    }

    /// Waits until what was written is safe: once this has come back, a crash takes nothing of it, nor of the file's
    /// name. Of a folder it is the names in it.
    ///
    /// # Errors
    ///
    /// When the disk fails; then nothing is known to be safe.
    pub async fn sync_all(&self) -> Result<()> {
        let net = operation(Wait::Sync).await?;
        on(&net, |disk| disk.sync(self.opened.inode))
    }

    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(crate) fn go_to(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// Another handle of the same file, with the same position: what one reads or writes the other does not read or write
    /// again.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
    /// use polliwog::fs::File;
    ///
    /// async fn twice(file: &File) -> std::io::Result<()> {
    ///     let mut other = file.try_clone().await?;
    ///     other.write_all(b"quak").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn try_clone(&self) -> Result<File> {
        operation(Wait::Any).await?;
        Ok(File {
            opened: self.opened.clone(),
            position: self.position.clone(),
            waiting: Waiting::default(),
        })
    }

    /// As [`sync_all`](Self::sync_all).
    ///
    /// # Errors
    ///
    /// As [`sync_all`](Self::sync_all).
    pub async fn sync_data(&self) -> Result<()> {
        self.sync_all().await
    }
}

/// A number that stands for the file in [`io_uring`](super::io_uring), and nowhere else; -1 outside of a simulation.
#[cfg(unix)]
impl std::os::fd::AsRawFd for File {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        Network::current_sim().map_or(-1, |Net { world, host }| {
            world.with(|state| state.hosts[host as usize].disk.number(&self.opened))
        })
    }
}

/// Reads a whole file.
///
/// # Errors
///
/// As [`File::open`].
pub async fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).await?.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Reads a whole file that is text.
///
/// # Errors
///
/// As [`File::open`]; [`ErrorKind::InvalidData`] if it is no text.
pub async fn read_to_string(path: impl AsRef<Path>) -> Result<String> {
    String::from_utf8(read(path).await?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

/// Writes a whole file, which is made or emptied first. It is not synced.
///
/// # Errors
///
/// As [`File::create`] and [`File::write`].
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
    File::create(path).await?.write_all(contents.as_ref()).await
}

/// Gives a file or a folder another name; a file, or an empty folder, with that name is gone.
///
/// # Errors
///
/// [`ErrorKind::NotFound`]; [`ErrorKind::DirectoryNotEmpty`], [`ErrorKind::IsADirectory`],
/// [`ErrorKind::NotADirectory`] if the other name is that of something else; [`ErrorKind::InvalidInput`] for a folder
/// that would lie in itself.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.rename(from.as_ref(), to.as_ref()))
}

/// Removes a file's name.
///
/// # Errors
///
/// [`ErrorKind::NotFound`]; [`ErrorKind::IsADirectory`].
pub async fn remove_file(path: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.remove(path.as_ref()))
}

/// Gives a file one more name.
///
/// # Errors
///
/// [`ErrorKind::NotFound`]; [`ErrorKind::AlreadyExists`]; [`ErrorKind::PermissionDenied`] for a folder.
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.link(original.as_ref(), link.as_ref()))
}

/// Makes a symbolic link at `link` that leads to `original`, which need not be there.
///
/// # Errors
///
/// [`ErrorKind::NotFound`] without the folder; [`ErrorKind::AlreadyExists`].
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<()> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.symlink(original.as_ref(), link.as_ref()))
}

/// What a symbolic link says, as it was given to [`symlink`].
///
/// # Errors
///
/// [`ErrorKind::NotFound`]; [`ErrorKind::InvalidInput`] if it is none.
pub async fn read_link(path: impl AsRef<Path>) -> Result<PathBuf> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.read_link(path.as_ref()))
}

/// Copies a whole file, with its permissions; returns how many bytes it has.
///
/// # Errors
///
/// As [`read`] and [`write()`]; [`ErrorKind::InvalidInput`] for what is no file.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<u64> {
    let mut from = File::open(from).await?;
    let known = from.metadata().await?;
    if !known.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "this is no file"));
    }
    let mut to = File::create(to).await?;
    to.set_permissions(known.permissions()).await?;
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await?;
    to.write_all(&bytes).await?;
    Ok(bytes.len() as u64)
}

/// The path from the root of a file or a folder, without `.` and `..`.
///
/// # Errors
///
/// [`ErrorKind::NotFound`].
pub async fn canonicalize(path: impl AsRef<Path>) -> Result<PathBuf> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.canonical(path.as_ref()))
}

/// Returns whether there is a file or a folder with that name.
///
/// # Errors
///
/// When the disk fails.
pub async fn try_exists(path: impl AsRef<Path>) -> Result<bool> {
    let net = operation(Wait::Any).await?;
    on(&net, |disk| disk.exists(path.as_ref()))
}
