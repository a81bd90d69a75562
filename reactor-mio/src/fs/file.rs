//! [`File`].

use std::fmt;
use std::fs::Metadata;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::options::OpenOptions;
use polliwog_core::task::budget::poll_proceed;

use crate::blocking::{BlockingError, BlockingHandle, Rejected, try_spawn_with};

/// How many bytes one trip to the pool reads or writes at most.
pub const MAX_CHUNK: usize = 256 * 1024;

/// An open file, with a position at which it is read and written.
///
/// One operation runs at a time. An operation that was dropped goes on in the background; the
/// next one waits for it first, and nothing is lost: bytes that it read are what the next read
/// returns.
///
/// # As a `futures_io` stream
///
/// `poll_write` takes the bytes and returns at once; whether they could be written is said by
/// the next operation, at last by `poll_flush` or `poll_close`. The inherent
/// [`write`](Self::write) waits until the bytes are written.
///
/// # Errors of writes that nobody waited for
///
/// A write that was made so, or that was dropped before its end, may fail when its caller is gone.
/// Then some bytes are missing in the file, and the position is not known. Every operation that
/// writes, flushes, moves the position or asks the system about the file fails with that error, as
/// often as it is tried, until [`take_error`](Self::take_error) acknowledges it: so a second flush
/// does not say that all is well. Reading goes on.
///
/// Dropping the file waits for nothing; what a write in the background meets after that is lost.
/// [`flush`](Self::flush) first.
pub struct File {
    file: Arc<std::fs::File>,
    state: State,
    /// Of a write whose caller is gone, until it is acknowledged.
    failed: Option<io::Error>,
    /// Where tokio's `start_seek` wants to go.
    #[cfg(feature = "tokio")]
    pub(super) seeking: Option<SeekFrom>,
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
    Busy(BlockingHandle<(Buffer, Done)>, Kind),
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Seek(SeekFrom),
    Metadata,
    /// Something that changes the file or brings it to the disk.
    Change,
}

/// What came of an operation.
enum Done {
    Read(io::Result<usize>),
    Write(io::Result<usize>),
    Seek(io::Result<u64>),
    Metadata(io::Result<Metadata>),
    Change(io::Result<()>),
}

impl Kind {
    /// What came of an operation that was lost, together with its buffer.
    fn lost(self, error: io::Error) -> Done {
        match self {
            Kind::Read => Done::Read(Err(error)),
            Kind::Write => Done::Write(Err(error)),
            Kind::Seek(_) => Done::Seek(Err(error)),
            Kind::Metadata => Done::Metadata(Err(error)),
            Kind::Change => Done::Change(Err(error)),
        }
    }
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
    ///
    /// One in non-blocking mode (a pipe or a terminal) is not for this type: where it would have to
    /// wait, reading and writing fail with [`io::ErrorKind::Unsupported`]. See
    /// [`Registered`](crate::Registered).
    pub fn from_std(file: std::fs::File) -> File {
        File {
            file: Arc::new(file),
            state: State::Idle(Buffer::default()),
            failed: None,
            #[cfg(feature = "tokio")]
            seeking: None,
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
    /// Returns how many bytes were written, which may be fewer than there are, as when the disk
    /// becomes full.
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
        self.flush().await?;
        if buf.is_empty() {
            return Ok(0);
        }
        poll_fn(|cx| self.poll_start_write(cx, buf, false)).await?;
        poll_fn(|cx| {
            Poll::Ready(match ready!(self.poll_done(cx)) {
                Some(Done::Write(result)) => result,
                _ => Err(lost()),
            })
        })
        .await
    }

    /// Writes all of `buf`.
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
        let mut rest = buf;
        while !rest.is_empty() {
            match self.write(rest).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => rest = &rest[written..],
            }
        }
        Ok(())
    }

    /// Waits for an operation that is under way, and says whether all that was written has arrived
    /// at the system.
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
        poll_fn(|cx| self.poll_flush_file(cx)).await
    }

    /// Acknowledges the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for), if one has failed: the
    /// operations that it kept from being done are possible again.
    ///
    /// A write that is still under way has not failed yet: [`flush`](Self::flush) first.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Moves the file's position and returns the new one.
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

    /// What the system knows of the file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::metadata`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        let ask = |file: &std::fs::File| Done::Metadata(file.metadata());
        match self.operate(Kind::Metadata, ask).await? {
            Done::Metadata(result) => result,
            _ => Err(lost()),
        }
    }

    /// Truncates or extends the file.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::set_len`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// None: it may be done. Its error is then that of a write that nobody waited for.
    pub async fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.change(move |file| file.set_len(len)).await
    }

    /// Waits until contents and metadata are on the disk.
    ///
    /// # Errors
    ///
    /// As [`std::fs::File::sync_all`]; also the error of an
    /// [earlier write](Self#errors-of-writes-that-nobody-waited-for).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: its error is then that of a write that nobody waited for.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.change(|file| file.sync_all()).await
    }

    async fn change<O>(&mut self, change: O) -> io::Result<()>
    where
        O: FnOnce(&std::fs::File) -> io::Result<()> + Send + 'static,
    {
        let change = |file: &std::fs::File| Done::Change(change(file));
        match self.operate(Kind::Change, change).await? {
            Done::Change(result) => result,
            _ => Err(lost()),
        }
    }

    /// Does something with the file that has no need of the buffer.
    async fn operate<O>(&mut self, kind: Kind, operation: O) -> io::Result<Done>
    where
        O: FnOnce(&std::fs::File) -> Done + Send + 'static,
    {
        self.flush().await?;
        let buffer = poll_fn(|cx| self.poll_idle(cx)).await?;
        let file = Arc::clone(&self.file);
        self.start_or_keep(kind, buffer, move |_| operation(&file))?;
        poll_fn(|cx| self.poll_done(cx)).await.ok_or_else(lost)
    }

    /// Sends an operation to the pool. If the pool refuses it, nothing has happened: the buffer comes
    /// back along with the error.
    fn start<O>(
        &mut self,
        kind: Kind,
        buffer: Buffer,
        operation: O,
    ) -> Result<(), (Buffer, io::Error)>
    where
        O: FnOnce(&mut Buffer) -> Done + Send + 'static,
    {
        let sent = try_spawn_with((buffer, operation), |(mut buffer, operation)| {
            let done = operation(&mut buffer);
            (buffer, done)
        });
        match sent {
            Ok(handle) => {
                self.state = State::Busy(handle, kind);
                Ok(())
            }
            Err(Rejected { job, reason }) => Err((job.0, BlockingError::Rejected(reason).into())),
        }
    }

    /// As [`start`](Self::start), and keeps the buffer if the pool refuses.
    fn start_or_keep<O>(&mut self, kind: Kind, buffer: Buffer, operation: O) -> io::Result<()>
    where
        O: FnOnce(&mut Buffer) -> Done + Send + 'static,
    {
        self.start(kind, buffer, operation)
            .map_err(|(buffer, error)| {
                self.state = State::Idle(buffer);
                error
            })
    }

    /// Waits for the operation under way, if any.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Option<Done>> {
        let State::Busy(handle, kind) = &mut self.state else {
            return Poll::Ready(None);
        };
        // If the job was lost, so was its buffer.
        let (buffer, done) = match ready!(Pin::new(handle).poll(cx)) {
            Ok(whole) => whole,
            Err(error) => (Buffer::default(), kind.lost(error.into())),
        };
        self.state = State::Idle(buffer);
        Poll::Ready(Some(done))
    }

    /// Keeps what nobody has been told.
    fn note(&mut self, done: Option<Done>) {
        if let Some(Done::Write(Err(error)) | Done::Change(Err(error))) = done {
            self.failed.get_or_insert(error);
        }
    }

    /// Waits until no operation is under way and takes the buffer, which has to be put back by
    /// [`start`](Self::start) before anything else.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Buffer>> {
        let done = ready!(self.poll_done(cx));
        self.note(done);
        Poll::Ready(match &mut self.state {
            State::Idle(buffer) => Ok(std::mem::take(buffer)),
            State::Busy(..) => Err(io::Error::other("a file busy with two operations")),
        })
    }

    pub(super) fn poll_read_file(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_fetch(cx, buf.len(), |bytes| {
            let n = bytes.len().min(buf.len());
            buf[..n].copy_from_slice(&bytes[..n]);
            n
        })
    }

    /// Reads up to `want` bytes: `fetch` copies what it has room for and returns how many bytes that was.
    pub(super) fn poll_fetch(
        &mut self,
        cx: &mut Context<'_>,
        want: usize,
        fetch: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        if want == 0 {
            return Poll::Ready(Ok(0));
        }
        loop {
            match ready!(self.poll_done(cx)) {
                Some(Done::Read(Err(error))) => return Poll::Ready(Err(error)),
                Some(Done::Read(Ok(0))) => return Poll::Ready(Ok(0)),
                done => self.note(done),
            }
            let State::Idle(buffer) = &mut self.state else {
                continue;
            };
            let rest = buffer.rest();
            if !rest.is_empty() {
                // What is here already would never have to wait.
                let permit = ready!(poll_proceed(cx));
                let n = fetch(rest);
                buffer.start += n;
                permit.charge(n);
                return Poll::Ready(Ok(n));
            }
            let mut buffer = std::mem::take(buffer);
            buffer.clear();
            let file = Arc::clone(&self.file);
            let want = want.min(MAX_CHUNK);
            self.start_or_keep(Kind::Read, buffer, move |buffer| {
                buffer.bytes.resize(want, 0);
                let result = retry(|| (&*file).read(&mut buffer.bytes));
                buffer.bytes.truncate(*result.as_ref().unwrap_or(&0));
                Done::Read(result)
            })?;
        }
    }

    /// Starts to write, when nothing else is under way: all of what is taken of `buf`, or what the
    /// system takes at once.
    pub(super) fn poll_start_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
        all: bool,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush_file(cx))?;
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
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
        let started = self.start(Kind::Write, buffer, move |buffer| {
            let mut file = &*file;
            let back = match ahead {
                0 => Ok(0),
                ahead => file.seek(SeekFrom::Current(-ahead)),
            };
            let result = back.and_then(|_| match all {
                true => file
                    .write_all(&buffer.bytes)
                    .map(|()| taken)
                    .map_err(never_would_block),
                false => retry(|| file.write(&buffer.bytes)),
            });
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

    pub(super) fn poll_flush_file(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = ready!(self.poll_done(cx));
        self.note(done);
        Poll::Ready(match &self.failed {
            Some(error) => Err(copy(error)),
            None => Ok(()),
        })
    }

    pub(super) fn poll_seek_file(
        &mut self,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        let mine = |state: &State| matches!(state, State::Busy(_, kind) if *kind == Kind::Seek(to));
        if !mine(&self.state) {
            ready!(self.poll_flush_file(cx))?;
            let buffer = ready!(self.poll_idle(cx))?;
            let file = Arc::clone(&self.file);
            self.start_or_keep(Kind::Seek(to), buffer, move |buffer| {
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
        }
        Poll::Ready(match ready!(self.poll_done(cx)) {
            Some(Done::Seek(result)) => result,
            _ => Err(lost()),
        })
    }
}

/// As the name says, while a signal interrupts.
fn retry<T>(mut f: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match f() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(never_would_block),
        }
    }
}

/// What says "wait until you are woken" to who reads and writes, where nobody would wake.
fn never_would_block(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::WouldBlock {
        return error;
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the file is in non-blocking mode: wait for it by `Registered`, or turn that off",
    )
}

/// The same once more, for an error that has to be told again.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Cannot be: one operation runs at a time.
fn lost() -> io::Error {
    io::Error::other("the outcome of an operation was lost")
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("file", &self.file).finish()
    }
}
