//! What can be done with a [`File`] beside reading and writing at its position.

use std::fs::{FileTimes, Metadata, Permissions};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use super::file::File;
use super::hop;
use super::position::{Buffer, State};
use crate::blocking::{BlockingError, Rejected, try_spawn_with};
#[cfg(any(unix, windows))]
use polliwog_core::exact::{read_exact, write_all};
use polliwog_core::task::consume_budget;

impl File {
    /// Returns what the system knows of the file.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-meta-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     assert_eq!(File::open(&path).await?.metadata().await?.len(), 7);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::metadata`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.ask(|file| file.metadata()).await
    }

    /// Truncates the file to `size` bytes or extends it by zeros. The position stays where it is.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-len-{}", std::process::id()));
    ///     File::create(&path).await?.set_len(1000).await?;
    ///     assert_eq!(fs::metadata(&path).await?.len(), 1000);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::set_len`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// None: it may be done. Its error is then that of a write that nobody waited for.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        self.change(move |file| file.set_len(size)).await
    }

    /// Waits until contents and metadata are on the disk.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-sync-{}", std::process::id()));
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"tadpole").await?;
    ///     file.sync_all().await?; // on the disk
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::sync_all`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: its error is then that of a write that nobody waited for.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.change(|file| file.sync_all()).await
    }

    /// Waits until the contents are on the disk, and of the metadata what is needed to read them.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-data-{}", std::process::id()));
    ///     let mut log = File::create(&path).await?;
    ///     log.write_all(b"one more line\n").await?;
    ///     log.sync_data().await?;
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sync_all`](Self::sync_all).
    ///
    /// # Cancel safety
    ///
    /// As [`sync_all`](Self::sync_all).
    pub async fn sync_data(&self) -> io::Result<()> {
        self.change(|file| file.sync_data()).await
    }

    /// Changes who may do what with the file.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-perm-{}", std::process::id()));
    ///     let file = File::create(&path).await?;
    ///     let mut permissions = file.metadata().await?.permissions();
    ///     permissions.set_readonly(true);
    ///     file.set_permissions(permissions).await?;
    /// #     drop(file);
    /// #     #[cfg(unix)]
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::set_permissions`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// None: it may be done. Its error is then that of a write that nobody waited for.
    pub async fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        self.change(move |file| file.set_permissions(perm)).await
    }

    /// Sets when the file was read and changed last.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::set_times`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// None: it may be done. Its error is then that of a write that nobody waited for.
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.change(move |file| file.set_times(times)).await
    }

    /// Sets when the file was changed last.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    /// use std::time::SystemTime;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-modified-{}", std::process::id()));
    ///     let file = File::create(&path).await?;
    ///     file.set_modified(SystemTime::now()).await?; // as `touch` does
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`set_times`](Self::set_times).
    ///
    /// # Cancel safety
    ///
    /// As [`set_times`](Self::set_times).
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Another handle of the same open file, with the same position. What this one has read and nobody
    /// has fetched yet stays with it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-clone-{}", std::process::id()));
    ///     let file = File::create(&path).await?;
    ///     let clone = file.try_clone().await?;
    /// #     drop(clone);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::try_clone`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn try_clone(&self) -> io::Result<File> {
        self.ask(|file| file.try_clone()).await.map(File::from_std)
    }

    /// Waits for what is under way, and gives the file back as one of the standard library, with the
    /// position where the last read or write has left it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-std-{}", std::process::id()));
    ///     let file: std::fs::File = File::create(&path).await?.into_std().await?;
    /// #     drop(file);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Of an [earlier write](Self#errors-of-writes-that-nobody-waited-for), or if the position cannot be
    /// moved; the file is closed then. To keep it, [`flush`](Self::flush) and acknowledge first.
    /// [`NotSeekable`](io::ErrorKind::NotSeekable) if a pipe, a terminal or the like has brought bytes that nobody has
    /// fetched, which would be lost: [`try_into_std`](Self::try_into_std) gives the file back in their place.
    ///
    /// # Cancel safety
    ///
    /// None: the file is closed.
    pub async fn into_std(mut self) -> io::Result<std::fs::File> {
        self.flush().await?;
        let mut unread = match self.state {
            State::Idle(buffer) => buffer,
            State::Busy(..) => Buffer::default(),
        };
        let file = self.file;
        hop(move || {
            // A read at a position that was dropped may still be there.
            let file = match Arc::try_unwrap(file) {
                Ok(file) => file,
                Err(file) => file.try_clone()?,
            };
            unread.put_back(&file)?;
            match unread.rest().len() {
                0 => Ok(file),
                left => Err(io::Error::new(
                    io::ErrorKind::NotSeekable,
                    format!("{left} bytes were read and not fetched, and the file cannot go back"),
                )),
            }
        })
        .await
    }

    /// Gives the file back as one of the standard library, if nothing is under way, nothing has failed and
    /// nothing has been read that nobody has fetched.
    ///
    /// # Errors
    ///
    /// This file otherwise.
    pub fn try_into_std(self) -> Result<std::fs::File, File> {
        let File {
            file,
            shared,
            state,
            max_chunk,
            ..
        } = self;
        let whole = match &state {
            State::Idle(buffer) => buffer.rest().is_empty(),
            State::Busy(..) => false,
        };
        let is_settled = shared.is_settled();
        let back = |file| File {
            file,
            shared,
            state,
            max_chunk,
            #[cfg(feature = "tokio")]
            seeking: None,
        };
        if !whole || !is_settled {
            return Err(back(file));
        }
        Arc::try_unwrap(file).map_err(back)
    }

    /// Asks the system something, when no change is under way.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        poll_fn(|cx| self.shared.poll_settled(cx)).await?;
        let file = Arc::clone(&self.file);
        hop(move || ask(&file)).await
    }

    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let ticket = poll_fn(|cx| self.shared.poll_change(cx, &self.file)).await?;
        match try_spawn_with((ticket, change), |(ticket, change)| ticket.make(change)) {
            Ok(job) => {
                let result = job.await.unwrap_or_else(|error| Err(error.into()));
                if result.is_err() {
                    // That is told hereby.
                    self.shared.hear();
                }
                result
            }
            Err(Rejected { job, reason }) => {
                job.0.give_up();
                Err(BlockingError::Rejected(reason).into())
            }
        }
    }

    /// Reads at an offset from the start of the file, at most [`max_buf_size`](Self::max_buf_size) bytes,
    /// without regard to the position. Several such reads may be under way at once.
    ///
    /// On Windows it moves the position.
    ///
    /// ```
    /// use polliwog_mio::fs::{self, File};
    ///
    /// # polliwog_mio::block_on(async {
    /// # let path = std::env::temp_dir().join(format!("polliwog-doc-at-{}", std::process::id()));
    /// fs::write(&path, "a tadpole").await?;
    /// let file = File::open(&path).await?;
    /// let mut buf = [0; 3];
    /// assert_eq!(file.read_at(&mut buf, 5).await?, 3);
    /// assert_eq!(&buf, b"pol");
    /// # std::fs::remove_file(&path)
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, or that the blocking pool is full; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    #[cfg(any(unix, windows))]
    pub async fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if buf.is_empty() {
            consume_budget().await;
            return Ok(0);
        }
        let want = buf.len().min(self.max_chunk);
        let read = move |file: &std::fs::File| {
            let mut bytes = vec![0; want];
            let read = super::position::retry(|| at::read(file, &mut bytes, offset))?;
            bytes.truncate(read);
            Ok(bytes)
        };
        let bytes = self.ask(read).await?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Reads at an offset from the start of the file until `buf` is full, without regard to the position, in pieces of
    /// [`max_buf_size`](Self::max_buf_size) bytes.
    ///
    /// On Windows it moves the position.
    ///
    /// ```
    /// use polliwog_mio::fs::{self, File};
    ///
    /// # polliwog_mio::block_on(async {
    /// # let path = std::env::temp_dir().join(format!("polliwog-doc-exact-{}", std::process::id()));
    /// fs::write(&path, "a tadpole").await?;
    /// let file = File::open(&path).await?;
    /// let mut buf = [0; 7];
    /// file.read_exact_at(&mut buf, 2).await?;
    /// assert_eq!(&buf, b"tadpole");
    /// assert!(file.read_exact_at(&mut buf, 3).await.is_err()); // one byte less
    /// # std::fs::remove_file(&path)
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read_at`](Self::read_at), and [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost; some of `buf` may be filled.
    #[cfg(any(unix, windows))]
    pub async fn read_exact_at(&self, buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        let ended = || io::ErrorKind::UnexpectedEof.into();
        let read = async |rest: &mut [u8]| {
            let count = self.read_at(rest, offset).await?;
            offset += count as u64;
            Ok(count)
        };
        read_exact(buf, ended, read).await
    }

    /// Writes at an offset from the start of the file, at most [`max_buf_size`](Self::max_buf_size) bytes,
    /// without regard to the position, and waits until it is done. Returns how many bytes were written.
    /// Changes of a file are made one after the other, also these.
    ///
    /// On Windows it moves the position. On Linux a file that was opened for appending is appended to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-write-at-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     let file = File::options().write(true).open(&path).await?;
    ///     assert_eq!(file.write_at(b"P", 3).await?, 1);
    ///     assert_eq!(fs::read(&path).await?, b"tadPole");
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// None: some bytes, or all, may be written. Its error is then that of a write that nobody waited for.
    #[cfg(any(unix, windows))]
    pub async fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let bytes = buf[..buf.len().min(self.max_chunk)].to_vec();
        self.change(move |file| super::position::retry(|| at::write(file, &bytes, offset)))
            .await
    }

    /// Writes all of `buf` at an offset from the start of the file, without regard to the position, in pieces of
    /// [`max_buf_size`](Self::max_buf_size) bytes, and waits until it is done.
    ///
    /// What [`write_at`](Self::write_at) says of Windows and of files for appending is so here, too.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-all-at-{}", std::process::id()));
    ///     fs::write(&path, "a tadpole").await?;
    ///     let file = File::options().write(true).open(&path).await?;
    ///     file.write_all_at(b"bull", 0).await?;
    ///     assert_eq!(fs::read(&path).await?, b"bulldpole"); // a tadpole no more
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`io::ErrorKind::WriteZero`] if the system takes nothing more.
    ///
    /// # Cancel safety
    ///
    /// None: some bytes, or all, may be written.
    #[cfg(any(unix, windows))]
    pub async fn write_all_at(&self, buf: &[u8], mut offset: u64) -> io::Result<()> {
        let none = || io::ErrorKind::WriteZero.into();
        let write = async |rest: &[u8]| {
            let count = self.write_at(rest, offset).await?;
            offset += count as u64;
            Ok(count)
        };
        write_all(buf, none, write).await
    }
}

/// Reading and writing at an offset, by the names that the systems give to it.
#[cfg(unix)]
mod at {
    use std::{fs::File, io, os::unix::fs::FileExt};

    pub(super) fn read(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buf, offset)
    }

    pub(super) fn write(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(buf, offset)
    }
}

/// Reading and writing at an offset, by the names that the systems give to it.
#[cfg(windows)]
mod at {
    use std::{fs::File, io, os::windows::fs::FileExt};

    pub(super) fn read(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        file.seek_read(buf, offset)
    }

    pub(super) fn write(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
        file.seek_write(buf, offset)
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        File::from_std(file)
    }
}

/// What a file is owned by, by the names that the systems give to it.
#[cfg(unix)]
type Owned = crate::sys::os::OwnedFd;
#[cfg(windows)]
type Owned = crate::sys::os::OwnedHandle;

#[cfg(any(unix, windows))]
impl From<Owned> for File {
    fn from(owned: Owned) -> Self {
        File::from_std(owned.into())
    }
}

#[cfg(any(unix, windows))]
files! {
    File: file => file.file;
}
