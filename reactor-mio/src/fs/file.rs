//! [`File`].

use std::fmt;
use std::fs::Metadata;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::hop;
use crate::blocking::{BlockingError, BlockingHandle, Rejected, try_spawn_with};

/// How many bytes one trip to the pool reads or writes at most.
pub const MAX_CHUNK: usize = 256 * 1024;

/// How to open a file, as [`std::fs::OpenOptions`].
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

impl OpenOptions {
    /// With nothing allowed yet.
    #[allow(clippy::new_without_default)] // As in the standard library.
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file again once it is open; it may have been created.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        let options = self.0.clone();
        hop(move || options.open(path)).await.map(File::from_std)
    }
}

macro_rules! options {
    ($($(#[$doc:meta])+ $name:ident;)+) => {
        impl OpenOptions {
            $(
                $(#[$doc])+
                pub fn $name(&mut self, $name: bool) -> &mut Self {
                    self.0.$name($name);
                    self
                }
            )+
        }
    };
}

options! {
    /// Whether the file can be read.
    read;
    /// Whether the file can be written.
    write;
    /// Whether each write goes to the end of the file.
    append;
    /// Whether the contents are thrown away.
    truncate;
    /// Whether the file is created if there is none.
    create;
    /// Whether the file is created, and an error if there is one.
    create_new;
}

/// An open file, with a position at which it is read and written.
///
/// One operation runs at a time. An operation that was dropped goes on in the background; the
/// next one waits for it first, and nothing is lost: bytes that it read are what the next read
/// returns, an error that it met is what the next operation that writes or flushes returns.
///
/// # As a `futures_io` stream
///
/// `poll_write` takes the bytes and returns at once; whether they could be written is said by
/// the next operation, at last by `poll_flush` or `poll_close`. The inherent
/// [`write`](Self::write) waits until the bytes are written.
pub struct File {
    file: Arc<std::fs::File>,
    state: State,
    /// Of a write whose caller is gone.
    error: Option<io::Error>,
}

/// A buffer that travels to the pool and back. `bytes[start..]` has been read from the file
/// and not been fetched yet.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }
}

enum State {
    Idle(Buffer),
    Busy(BlockingHandle<(Buffer, Done)>),
}

/// What came of an operation.
enum Done {
    Read(io::Result<usize>),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
}

impl File {
    /// Opens a file for reading.
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

    /// Takes over a file of the standard library.
    pub fn from_std(file: std::fs::File) -> File {
        File {
            file: Arc::new(file),
            state: State::Idle(Buffer::default()),
            error: None,
        }
    }

    /// Reads from the file's position on, at most [`MAX_CHUNK`] bytes; zero at the end of the
    /// file.
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

    /// Writes at the file's position, at most [`MAX_CHUNK`] bytes, and waits until it is done.
    ///
    /// # Errors
    ///
    /// What the system reports, or that the blocking pool is full; also the error of an earlier
    /// write that was dropped or made through `futures_io`.
    ///
    /// # Cancel safety
    ///
    /// None: the bytes may be written.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = poll_fn(|cx| self.poll_write_file(cx, buf)).await?;
        self.flush().await?;
        Ok(written)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// None: some part may have been written.
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        let mut rest = buf;
        while !rest.is_empty() {
            let written = self.write(rest).await?;
            rest = &rest[written..];
        }
        Ok(())
    }

    /// Waits for an operation that is under way, and returns its error if it failed.
    ///
    /// # Errors
    ///
    /// Of an earlier write.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush_file(cx)).await
    }

    /// Moves the file's position and returns the new one.
    ///
    /// # Errors
    ///
    /// As [`std::io::Seek::seek`]; also the error of an earlier write.
    ///
    /// # Cancel safety
    ///
    /// None: the position may have moved.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.flush().await?;
        let buffer = poll_fn(|cx| self.poll_idle(cx)).await?;
        let file = Arc::clone(&self.file);
        self.start_or_keep(buffer, move |buffer| {
            // Bytes that were read and not fetched do not count.
            let unread = buffer.rest().len() as i64;
            let to = match to {
                SeekFrom::Current(offset) => offset.checked_sub(unread).map(SeekFrom::Current),
                to => Some(to),
            };
            let to = to.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput));
            let result = to.and_then(|to| (&*file).seek(to));
            if result.is_ok() {
                buffer.clear();
            }
            Done::Seek(result)
        })?;
        poll_fn(|cx| {
            Poll::Ready(match ready!(self.poll_done(cx))? {
                Some(Done::Seek(result)) => result,
                _ => Err(io::Error::other("the seek was lost")),
            })
        })
        .await
    }

    /// What the system knows of the file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::metadata`]; also the error of an earlier write.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        self.flush().await?;
        let file = Arc::clone(&self.file);
        hop(move || file.metadata()).await
    }

    /// Truncates or extends the file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::set_len`]; also the error of an earlier write.
    ///
    /// # Cancel safety
    ///
    /// None: it may be done.
    pub async fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.flush().await?;
        let file = Arc::clone(&self.file);
        hop(move || file.set_len(len)).await
    }

    /// Waits until contents and metadata are on the disk.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::sync_all`]; also the error of an earlier write.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.flush().await?;
        let file = Arc::clone(&self.file);
        hop(move || file.sync_all()).await
    }

    /// Sends an operation to the pool. If the pool refuses it, nothing has happened: the buffer comes
    /// back along with the error.
    fn start<O>(&mut self, buffer: Buffer, operation: O) -> Result<(), (Buffer, io::Error)>
    where
        O: FnOnce(&mut Buffer) -> Done + Send + 'static,
    {
        let sent = try_spawn_with((buffer, operation), |(mut buffer, operation)| {
            let done = operation(&mut buffer);
            (buffer, done)
        });
        match sent {
            Ok(handle) => {
                self.state = State::Busy(handle);
                Ok(())
            }
            Err(Rejected { job, reason }) => Err((job.0, BlockingError::Rejected(reason).into())),
        }
    }

    /// As [`start`](Self::start), and keeps the buffer if the pool refuses.
    fn start_or_keep<O>(&mut self, buffer: Buffer, operation: O) -> io::Result<()>
    where
        O: FnOnce(&mut Buffer) -> Done + Send + 'static,
    {
        self.start(buffer, operation).map_err(|(buffer, error)| {
            self.state = State::Idle(buffer);
            error
        })
    }

    /// Waits for the operation under way, if any.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Done>>> {
        let State::Busy(handle) = &mut self.state else {
            return Poll::Ready(Ok(None));
        };
        let result = ready!(Pin::new(handle).poll(cx));
        // If the job was lost, so was its buffer.
        let (buffer, done, error) = match result {
            Ok((buffer, done)) => (buffer, Some(done), None),
            Err(error) => (Buffer::default(), None, Some(error)),
        };
        self.state = State::Idle(buffer);
        Poll::Ready(match error {
            Some(error) => Err(error.into()),
            None => Ok(done),
        })
    }

    /// Waits until no operation is under way and takes the buffer, which has to be put back by
    /// [`start`](Self::start) before anything else. Keeps the error of a write.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Buffer>> {
        if let Some(Done::Write(Err(error))) = ready!(self.poll_done(cx))? {
            self.error.get_or_insert(error);
        }
        Poll::Ready(match &mut self.state {
            State::Idle(buffer) => Ok(std::mem::take(buffer)),
            State::Busy(_) => Err(io::Error::other("a file busy with two operations")),
        })
    }

    fn poll_read_file(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            match ready!(self.poll_done(cx))? {
                Some(Done::Read(Err(error))) => return Poll::Ready(Err(error)),
                Some(Done::Read(Ok(0))) => return Poll::Ready(Ok(0)),
                Some(Done::Write(Err(error))) => {
                    self.error.get_or_insert(error);
                }
                Some(Done::Read(Ok(_)) | Done::Write(Ok(())) | Done::Seek(_)) | None => {}
            }
            let State::Idle(buffer) = &mut self.state else {
                continue;
            };
            let rest = buffer.rest();
            if !rest.is_empty() {
                let n = rest.len().min(buf.len());
                buf[..n].copy_from_slice(&rest[..n]);
                buffer.start += n;
                return Poll::Ready(Ok(n));
            }
            let mut buffer = std::mem::take(buffer);
            buffer.clear();
            let file = Arc::clone(&self.file);
            let want = buf.len().min(MAX_CHUNK);
            self.start_or_keep(buffer, move |buffer| {
                buffer.bytes.resize(want, 0);
                let result = retry(|| (&*file).read(&mut buffer.bytes));
                buffer.bytes.truncate(*result.as_ref().unwrap_or(&0));
                Done::Read(result)
            })?;
        }
    }

    fn poll_write_file(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush_file(cx))?;
        let mut unread = ready!(self.poll_idle(cx))?;
        // The file is that many bytes ahead of what was fetched.
        let ahead = unread.rest().len() as i64;
        // Kept until the pool has accepted the write.
        let mut buffer = match ahead {
            0 => std::mem::take(&mut unread),
            _ => Buffer::default(),
        };
        buffer.clear();
        let taken = buf.len().min(MAX_CHUNK);
        buffer.bytes.extend_from_slice(&buf[..taken]);
        let file = Arc::clone(&self.file);
        let started = self.start(buffer, move |buffer| {
            let mut file = &*file;
            let back = match ahead {
                0 => Ok(0),
                ahead => file.seek(SeekFrom::Current(-ahead)),
            };
            let result = back.and_then(|_| file.write_all(&buffer.bytes));
            buffer.clear();
            Done::Write(result)
        });
        Poll::Ready(match started {
            Ok(()) => Ok(taken),
            Err((_, error)) => {
                self.state = State::Idle(unread);
                Err(error)
            }
        })
    }

    fn poll_flush_file(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Done::Write(Err(error))) = ready!(self.poll_done(cx))? {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(match self.error.take() {
            Some(error) => Err(error),
            None => Ok(()),
        })
    }
}

/// As the name says, while a signal interrupts.
fn retry<T>(mut f: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match f() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl futures_io::AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_file(cx, buf)
    }
}

impl futures_io::AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_file(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_file(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_file(cx)
    }
}

impl embedded_io::ErrorType for File {
    type Error = io::Error;
}

impl embedded_io_async::Read for File {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        File::read(self, buf).await
    }
}

impl embedded_io_async::Write for File {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        File::write(self, buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        File::flush(self).await
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("file", &self.file).finish()
    }
}
