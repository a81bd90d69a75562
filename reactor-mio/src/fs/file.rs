//! [`File`]: the public part of reading and writing. What else can be done with one is in `operations.rs`.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::task::{Poll, ready};

use super::options::OpenOptions;
use super::position::{Buffer, Done, State, lost};
use super::shared::Shared;
use polliwog_core::exact::{read_exact, write_all};
use polliwog_core::task::budget::poll_within;
use polliwog_core::task::consume_budget;

/// How many bytes one trip to the pool reads or writes at most, unless
/// [set otherwise](File::set_max_buf_size).
pub const MAX_CHUNK: usize = 256 * 1024;

/// An open file, with a position at which it is read and written.
///
/// Reads, writes and moves of the position are made one at a time. One that was dropped goes on in the
/// background; the next one waits for it first, and nothing is lost: bytes that it read are what the next
/// read returns. What needs no position takes `&self` and may be under way several times at once.
///
/// What cannot seek (a named pipe, a terminal, a serial port) has no position that reads and writes share: there the
/// bytes stay for the next read, also when something is written meanwhile. A read that waits there keeps a thread of the
/// pool, of which there are [so many](crate::blocking::set_max_threads), until something comes, even if the file is
/// dropped; on Unix [`AsyncSource`](crate::AsyncSource) waits without one.
///
/// ```
/// use std::io::SeekFrom;
/// use polliwog_mio::fs::File;
///
/// # polliwog_mio::block_on(async {
/// # let path = std::env::temp_dir().join(format!("polliwog-doc-file-{}", std::process::id()));
/// let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
/// file.write_all(b"a tadpole").await?;
/// file.sync_all().await?;
/// file.seek(SeekFrom::Start(2)).await?;
/// let mut text = String::new();
/// file.read_to_string(&mut text).await?;
/// assert_eq!(text, "tadpole");
/// # std::fs::remove_file(&path)
/// # }).unwrap();
/// ```
///
/// # As a `futures_io` stream
///
/// `poll_write` takes the bytes and returns at once; whether they could be written is said by
/// the next operation, at last by `poll_flush` or `poll_close`. The inherent
/// [`write`](Self::write) waits until the bytes are written.
///
/// With `futures-util`'s `BufReader` a file is read by lines:
///
/// ```
/// use futures_util::{TryStreamExt, io::{AsyncBufReadExt, BufReader}};
/// use polliwog_mio::fs::{self, File};
///
/// # polliwog_mio::block_on(async {
/// # let path = std::env::temp_dir().join(format!("polliwog-doc-lines-{}", std::process::id()));
/// fs::write(&path, "egg\ntadpole\nfrog\n").await?;
/// let lines: Vec<String> = BufReader::new(File::open(&path).await?).lines().try_collect().await?;
/// assert_eq!(lines, ["egg", "tadpole", "frog"]);
/// # std::fs::remove_file(&path)
/// # }).unwrap();
/// ```
///
/// # Errors of writes that nobody waited for
///
/// A write that was made so, or that was dropped before its end, may fail when its caller is gone.
/// Then some bytes are missing in the file, and the position is not known. Every operation but reading from
/// the position fails with that error, as often as it is tried, until [`take_error`](Self::take_error)
/// acknowledges it: so a second flush does not say that all is well.
///
/// Dropping the file waits for nothing; what a write in the background meets after that is lost.
/// [`flush`](Self::flush) first.
pub struct File {
    pub(super) file: Arc<std::fs::File>,
    pub(super) shared: Arc<Shared>,
    pub(super) state: State,
    pub(super) max_chunk: usize,
    /// Where tokio's `start_seek` wants to go.
    #[cfg(feature = "tokio")]
    pub(super) seeking: Option<SeekFrom>,
}

impl File {
    /// Opens a file for reading.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-open-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     let mut text = String::new();
    ///     File::open(&path).await?.read_to_string(&mut text).await?;
    ///     assert_eq!(text, "tadpole");
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::open`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again once it is open.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing; makes it if there is none and empties it otherwise.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-create-{}", std::process::id()));
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"tadpole").await?;
    ///     file.flush().await?;
    ///     assert_eq!(fs::read(&path).await?, b"tadpole");
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::create`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again once it is open.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options.open(path).await
    }

    /// Opens a file for reading and writing that must not have existed.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    /// use std::io::ErrorKind;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-new-{}", std::process::id()));
    ///     File::create_new(&path).await?;
    ///     let error = File::create_new(&path).await.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::create_new`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again once it is open; it may have been created.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(path).await
    }

    /// Returns options for opening a file, as [`OpenOptions::new`] does.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-options-{}", std::process::id()));
    ///     let mut log = File::options().create(true).append(true).open(&path).await?;
    ///     log.write_all(b"started\n").await?;
    /// #     log.flush().await?;
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library.
    ///
    /// One in non-blocking mode (a pipe or a terminal) is not for this type: where it would have to
    /// wait, reading and writing fail with [`io::ErrorKind::Unsupported`]. See
    /// [`AsyncSource`](crate::AsyncSource).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::fs::File;
    ///
    /// fn take_over(file: std::fs::File) -> File {
    ///     File::from_std(file)
    /// }
    /// ```
    pub fn from_std(file: std::fs::File) -> File {
        File {
            file: Arc::new(file),
            shared: Shared::new(),
            state: State::Idle(Buffer::default()),
            max_chunk: MAX_CHUNK,
            #[cfg(feature = "tokio")]
            seeking: None,
        }
    }

    /// Reads from the file's position on, at most [`max_buf_size`](Self::max_buf_size) bytes; zero at the end of the
    /// file.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-read-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     let mut file = File::open(&path).await?;
    ///     let mut buf = [0; 16];
    ///     let n = file.read(&mut buf).await?;
    ///     assert_eq!(&buf[..n], b"tadpole");
    ///     assert_eq!(file.read(&mut buf).await?, 0); // the end
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, or that the blocking pool is full.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the next read returns what this one would have.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_file(cx, buf)).await
    }

    /// Writes at the file's position, at most
    /// [`max_buf_size`](Self::max_buf_size) bytes, and waits until it is done.
    /// Returns how many bytes were written, which may be fewer than there are, as when the disk
    /// becomes full.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-write-{}", std::process::id()));
    ///     let mut file = File::create(&path).await?;
    ///     assert_eq!(file.write(b"tadpole").await?, 7);
    ///     file.flush().await?; // says if it has not arrived
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, or that the blocking pool is full: then no byte of `buf` has been
    /// written, and the next write may be tried. Also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for) that nobody waited for.
    ///
    /// # Cancel safety
    ///
    /// None: some bytes, or all, may be written.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_flush_file(cx)).await?;
        if buf.is_empty() {
            consume_budget().await;
            return Ok(0);
        }
        poll_fn(|cx| self.poll_start_write(cx, buf, false)).await?;
        poll_fn(|cx| {
            Poll::Ready(match ready!(self.poll_done(cx)) {
                Some(Done::Write(result)) => {
                    if result.is_err() {
                        // That is told hereby.
                        self.shared.hear();
                    }
                    result
                }
                _ => Err(lost()),
            })
        })
        .await
    }

    /// Reads until `buf` is full.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-exact-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     let mut magic = [0; 3];
    ///     File::open(&path).await?.read_exact(&mut magic).await?;
    ///     assert_eq!(&magic, b"tad");
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    ///
    /// # Cancel safety
    ///
    /// None: what has been put into `buf` is not read again.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let ended = || io::ErrorKind::UnexpectedEof.into();
        read_exact(buf, ended, async |rest| self.read(rest).await).await
    }

    /// Reads from the position to the end of the file, all in one trip to the pool, and appends it to
    /// `buf`. Returns how many bytes these are.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-end-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     let mut bytes = Vec::new();
    ///     assert_eq!(File::open(&path).await?.read_to_end(&mut bytes).await?, 7);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); what was read before the error has been appended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: `buf` is as it was, and the next read returns what this one has read so far. It stops at the
    /// next piece of [`MAX_CHUNK`] bytes at most.
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let before = buf.len();
        let waits = Arc::new(());
        poll_fn(|cx| self.poll_read_all(cx, buf, &waits)).await?;
        Ok(buf.len() - before)
    }

    /// As [`read_to_end`](Self::read_to_end), for text.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-string-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     let mut text = String::new();
    ///     File::open(&path).await?.read_to_string(&mut text).await?;
    ///     assert_eq!(text, "tadpole");
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`io::ErrorKind::InvalidData`] if it is not UTF-8. Then `buf` is as it was,
    /// and the position at the end of what was read.
    ///
    /// # Cancel safety
    ///
    /// As [`read_to_end`](Self::read_to_end).
    pub async fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).await?;
        let text = super::text(bytes)?;
        buf.push_str(&text);
        Ok(text.len())
    }

    /// Writes all of `buf`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-all-{}", std::process::id()));
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"tadpole").await?;
    ///     file.flush().await?;
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), but some part may have been written.
    /// [`io::ErrorKind::WriteZero`] if the system takes nothing more.
    ///
    /// # Cancel safety
    ///
    /// None: some part may have been written.
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        let none = || io::ErrorKind::WriteZero.into();
        write_all(buf, none, async |rest| self.write(rest).await).await
    }

    /// Waits for an operation that is under way, and says whether all that was written has arrived
    /// at the system.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-flush-{}", std::process::id()));
    ///     let mut file = File::create(&path).await?;
    ///     file.write_all(b"tadpole").await?;
    ///     file.flush().await?;
    ///     assert_eq!(fs::metadata(&path).await?.len(), 7);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Of an [earlier write](Self#errors-of-writes-that-nobody-waited-for), again and again until
    /// it is [acknowledged](Self::take_error).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| poll_within(cx, |cx| self.poll_flush_file(cx))).await
    }

    /// Acknowledges the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for), if one has failed: the
    /// operations that it kept from being done are possible again.
    ///
    /// A write that is still under way has not failed yet: [`flush`](Self::flush) first.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.shared.hear()
    }

    /// Moves the file's position and returns the new one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    /// use std::io::SeekFrom;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-seek-{}", std::process::id()));
    ///     fs::write(&path, "tadpole").await?;
    ///     let mut file = File::open(&path).await?;
    ///     assert_eq!(file.seek(SeekFrom::End(-4)).await?, 3);
    ///     let mut pole = [0; 4];
    ///     file.read_exact(&mut pole).await?;
    ///     assert_eq!(&pole, b"pole");
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`std::io::Seek::seek`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// None: the position may have moved. To seek to the same place again goes on with the seek
    /// that was dropped.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        poll_fn(|cx| self.poll_seek_file(cx, to)).await
    }

    /// Returns how many bytes one trip to the pool reads or writes at most: [`MAX_CHUNK`], unless set
    /// otherwise.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-max-{}", std::process::id()));
    ///     let mut file = File::create(&path).await?;
    ///     file.set_max_buf_size(4096);
    ///     assert_eq!(file.max_buf_size(), 4096);
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn max_buf_size(&self) -> usize {
        self.max_chunk
    }

    /// Sets how many bytes one trip to the pool reads or writes at most; at least one. The file may keep a
    /// buffer of that size.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::fs::{self, File};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-set-max-{}", std::process::id()));
    ///     let mut file = File::create(&path).await?;
    ///     file.set_max_buf_size(1024 * 1024); // fewer trips, more memory
    /// #     fs::remove_file(&path).await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        self.max_chunk = max_buf_size.max(1);
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("file", &self.file).finish()
    }
}
