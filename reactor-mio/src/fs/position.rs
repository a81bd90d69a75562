//! How a [`File`] reads, writes and moves its position: one trip to the pool at a time, with a buffer that
//! goes along.

use std::io::{self, IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use polliwog_core::task::budget::poll_proceed;

use super::file::{File, MAX_CHUNK};
use crate::blocking::{BlockingError, BlockingHandle, Rejected, try_spawn_with};
use crate::budget::poll_nothing;

/// How much room there is at least for what is read of a file whose size says nothing: of what comes in messages, as
/// from some devices, a read loses what it has no room for.
const LEAST: usize = 8 * 1024;
/// How much of such a file one read asks for at most: room is filled with zeros for each, and a pipe may give little.
const MOST: usize = 64 * 1024;

/// A buffer that travels to the pool and back. `bytes[start..]` has been read from the file
/// and not been fetched yet.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Moves the file's position back to what was not fetched, which is to be read from there then. It stays here
    /// where there is no position to move: a pipe or a terminal is read and written in directions of their own.
    pub(super) fn put_back(&mut self, mut file: &std::fs::File) -> io::Result<()> {
        let unread = self.rest().len() as u64;
        if unread == 0 {
            return Ok(());
        }
        // Some devices say yes to each seek and move nowhere, and some systems count what a terminal has brought.
        let at = file.stream_position().unwrap_or(0);
        if at >= unread && !file.is_terminal() {
            file.seek(SeekFrom::Start(at - unread))?;
            self.clear();
        }
        Ok(())
    }
}

pub(super) enum State {
    Idle(Buffer),
    Busy(BlockingHandle<(Buffer, Done)>, Kind),
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    /// To the end of the file.
    ReadAll,
    Write,
    Seek(SeekFrom),
}

/// What came of an operation.
pub(super) enum Done {
    Read(io::Result<usize>),
    /// Whether it has come to the end of the file.
    ReadAll(io::Result<bool>),
    Write(io::Result<usize>),
    Seek(io::Result<u64>),
}

impl Kind {
    /// What came of an operation that was lost, together with its buffer.
    fn lost(self, error: io::Error) -> Done {
        match self {
            Kind::Read => Done::Read(Err(error)),
            Kind::ReadAll => Done::ReadAll(Err(error)),
            Kind::Write => Done::Write(Err(error)),
            Kind::Seek(_) => Done::Seek(Err(error)),
        }
    }
}

impl File {
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
    pub(super) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Option<Done>> {
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

    /// Waits until no operation is under way and takes the buffer, which has to be put back by
    /// [`start`](Self::start) before anything else.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Buffer>> {
        ready!(self.poll_done(cx));
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
        self.poll_read_into(cx, &mut [IoSliceMut::new(buf)])
    }

    pub(super) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let asked = bufs
            .iter()
            .fold(0, |sum: usize, buf| sum.saturating_add(buf.len()));
        self.poll_fetch(cx, asked, |bytes| {
            let mut left = bytes;
            for buf in bufs {
                let n = left.len().min(buf.len());
                buf[..n].copy_from_slice(&left[..n]);
                left = &left[n..];
            }
            bytes.len() - left.len()
        })
    }

    /// Reads up to `asked` bytes: `fetch` copies what it has room for and returns how many bytes that was.
    pub(super) fn poll_fetch(
        &mut self,
        cx: &mut Context<'_>,
        asked: usize,
        fetch: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        if asked == 0 {
            return poll_nothing(cx);
        }
        loop {
            let mut at_end = false;
            match ready!(self.poll_done(cx)) {
                Some(Done::Read(Err(error)) | Done::ReadAll(Err(error))) => {
                    return Poll::Ready(Err(error));
                }
                Some(Done::Read(Ok(0))) => return Poll::Ready(Ok(0)),
                Some(Done::ReadAll(Ok(whole))) => at_end = whole,
                _ => {}
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
            if at_end {
                return Poll::Ready(Ok(0));
            }
            let mut buffer = std::mem::take(buffer);
            buffer.clear();
            let file = Arc::clone(&self.file);
            let want = asked.min(self.max_chunk);
            self.start_or_keep(Kind::Read, buffer, move |buffer| {
                buffer.bytes.resize(want, 0);
                let result = retry(|| (&*file).read(&mut buffer.bytes));
                buffer.bytes.truncate(*result.as_ref().unwrap_or(&0));
                Done::Read(result)
            })?;
        }
    }

    /// Reads to the end, as long as the caller keeps `waits`.
    pub(super) fn poll_read_all(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
        waits: &Arc<()>,
    ) -> Poll<io::Result<()>> {
        loop {
            let end = match ready!(self.poll_done(cx)) {
                Some(Done::Read(Ok(0))) => Some(Ok(())),
                Some(Done::Read(Err(error))) => Some(Err(error)),
                // It was begun by another, who did not wait for it.
                Some(Done::ReadAll(Ok(false))) => None,
                Some(Done::ReadAll(result)) => Some(result.map(drop)),
                _ => None,
            };
            let State::Idle(buffer) = &mut self.state else {
                continue;
            };
            if let Some(end) = end {
                buf.extend_from_slice(buffer.rest());
                buffer.clear();
                return Poll::Ready(end);
            }
            let buffer = std::mem::take(buffer);
            let (file, wanted) = (Arc::clone(&self.file), Arc::downgrade(waits));
            self.start_or_keep(Kind::ReadAll, buffer, move |buffer| {
                // Behind what was read before and not fetched.
                Done::ReadAll(read_rest(&file, &mut buffer.bytes, &wanted))
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
        self.poll_start_write_of(cx, &[IoSlice::new(buf)], all)
    }

    pub(super) fn poll_start_write_of(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        all: bool,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush_file(cx))?;
        if bufs.iter().all(|buf| buf.is_empty()) {
            return poll_nothing(cx);
        }
        let unread = ready!(self.poll_idle(cx))?;
        let change = match self.shared.poll_change(cx, &self.file) {
            Poll::Ready(Ok(change)) => change,
            other => {
                self.state = State::Idle(unread);
                return other.map_ok(|_| 0);
            }
        };
        // What was read and not fetched goes along, for it is kept if the pool refuses, or if it has to be.
        let (unread, mut buffer) = match unread.rest() {
            [] => (Buffer::default(), unread),
            _ => (unread, Buffer::default()),
        };
        buffer.clear();
        for buf in bufs {
            let room = self.max_chunk - buffer.bytes.len();
            buffer.bytes.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        let taken = buffer.bytes.len();
        let input = (unread, buffer, change, all);
        let sent = try_spawn_with(input, |(mut unread, mut buffer, change, all)| {
            let result = change.make(|mut file| {
                unread.put_back(file)?;
                match all {
                    true => file
                        .write_all(&buffer.bytes)
                        .map(|()| buffer.bytes.len())
                        .map_err(never_would_block),
                    false => retry(|| file.write(&buffer.bytes)),
                }
            });
            if !unread.rest().is_empty() {
                return (unread, Done::Write(result));
            }
            buffer.clear();
            (buffer, Done::Write(result))
        });
        Poll::Ready(match sent {
            Ok(handle) => {
                self.state = State::Busy(handle, Kind::Write);
                Ok(taken)
            }
            Err(Rejected { job, reason }) => {
                job.2.give_up();
                self.state = State::Idle(job.0);
                Err(BlockingError::Rejected(reason).into())
            }
        })
    }

    pub(super) fn poll_flush_file(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_done(cx));
        self.shared.poll_settled(cx)
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

/// Reads to the end of a file, and appends that; stops before the end when nobody keeps what `wanted` is of, for some
/// files have none. Returns whether it has come to it.
pub(super) fn read_rest(
    mut file: &std::fs::File,
    bytes: &mut Vec<u8>,
    wanted: &Weak<()>,
) -> io::Result<bool> {
    let size = file.metadata().map_or(0, |known| known.len());
    let left = size.saturating_sub(file.stream_position().unwrap_or(0));
    let (least, most) = if left > 0 {
        (1, MAX_CHUNK)
    } else {
        (LEAST, MOST)
    };
    // One more, so that the read that finds the end needs no more room.
    bytes.try_reserve_exact(
        usize::try_from(left)
            .unwrap_or(usize::MAX)
            .saturating_add(1),
    )?;
    while wanted.strong_count() > 0 {
        if bytes.capacity() - bytes.len() < least {
            bytes.try_reserve(LEAST)?;
        }
        let start = bytes.len();
        let spare = bytes.capacity() - start;
        bytes.resize(start + spare.min(most), 0);
        let result = retry(|| file.read(&mut bytes[start..]));
        let read = *result.as_ref().unwrap_or(&0);
        bytes.truncate(start + read);
        if result? == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As the name says, while a signal interrupts.
pub(super) fn retry<T>(mut f: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match f() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(never_would_block),
        }
    }
}

/// What says "wait until you are woken" to who reads and writes, where nobody would wake.
pub(super) fn never_would_block(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::WouldBlock {
        return error;
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the file is in non-blocking mode: wait for it by `AsyncSource`, or turn that off",
    )
}

/// Cannot be: one operation runs at a time.
pub(super) fn lost() -> io::Error {
    io::Error::other("the outcome of an operation was lost")
}
