//! [`Channel`]: one direction of a stream, from one writer to one reader, and how to wait on it.
//!
//! Channels lie in a `RefCell`, behind a lock or in a critical section, whatever their owner
//! needs; [`Access`] hides which. No waker is cloned, dropped or woken while the channel is
//! borrowed: each of these may run foreign code, and that code may use the same stream.

use core::task::{Context, Poll, Waker};

use polliwog_core::sources::Direction;
use polliwog_core::task::wake_quietly;

use super::ring::Ring;
use crate::Error;

/// Bytes on their way from a writer to a reader, and who waits for them.
#[derive(Debug)]
pub(crate) struct Channel {
    ring: Ring,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The writer sends nothing more: end of stream once the ring is empty.
    finished: bool,
    /// The reader is gone: writes fail.
    abandoned: bool,
    /// The reader wants nothing more but is still there: what is written is thrown away.
    deaf: bool,
    /// The writer is gone and has left bytes of the other direction unread.
    reset: bool,
}

/// Wakers that were taken out of a channel, to be woken once it is no longer borrowed.
#[derive(Debug, Default)]
#[must_use = "tasks wait for these wakers"]
pub(crate) struct Woken(pub(crate) Option<Waker>, pub(crate) Option<Waker>);

impl Woken {
    pub(crate) fn wake(self) {
        [self.0, self.1]
            .into_iter()
            .flatten()
            .for_each(wake_quietly);
    }
}

impl Channel {
    pub(crate) const fn new() -> Self {
        Self {
            ring: Ring::new(),
            reader: None,
            writer: None,
            finished: false,
            abandoned: false,
            deaf: false,
            reset: false,
        }
    }

    /// Bytes that were written and not read.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether a read would not wait.
    pub(crate) fn is_readable(&self) -> bool {
        !self.ring.is_empty() || self.finished || self.reset || self.deaf
    }

    /// Whether a write would not wait.
    pub(crate) fn is_writable(&self, store: &[u8]) -> bool {
        self.ring.len() < store.len() || self.finished || self.abandoned || self.reset || self.deaf
    }

    /// Reads what is there, `Ok(0)` at the end of the stream.
    pub(crate) fn read(
        &mut self,
        store: &[u8],
        buf: &mut [u8],
        woken: &mut Woken,
    ) -> Result<usize, Error> {
        self.look(buf.is_empty())?;
        let count = self.ring.pop(store, buf);
        if count > 0 {
            woken.0 = self.writer.take();
        }
        Ok(count)
    }

    /// Like [`read`](Self::read), but leaves the bytes where they are.
    pub(crate) fn peek(&self, store: &[u8], buf: &mut [u8]) -> Result<usize, Error> {
        self.look(buf.is_empty())?;
        Ok(self.ring.peek(store, buf))
    }

    /// Whether a read has an answer, be it zero bytes.
    fn look(&self, nothing_wanted: bool) -> Result<(), Error> {
        if !self.ring.is_empty() || nothing_wanted {
            Ok(())
        } else if self.reset {
            Err(Error::ConnectionReset)
        } else if self.finished || self.deaf {
            Ok(())
        } else {
            Err(Error::WouldBlock)
        }
    }

    /// Writes as much as there is room for.
    pub(crate) fn write(
        &mut self,
        store: &mut [u8],
        data: &[u8],
        woken: &mut Woken,
    ) -> Result<usize, Error> {
        if self.finished || self.abandoned {
            return Err(Error::BrokenPipe);
        }
        if self.deaf {
            return Ok(data.len());
        }
        let count = self.ring.push(store, data);
        if count > 0 {
            woken.0 = self.reader.take();
        } else if !data.is_empty() {
            return Err(Error::WouldBlock);
        }
        Ok(count)
    }

    /// The writer sends nothing more.
    pub(crate) fn finish(&mut self) -> Woken {
        self.finished = true;
        Woken(self.reader.take(), self.writer.take())
    }

    /// The reader wants nothing more: it sees the end of the stream, the writer notices nothing.
    pub(crate) fn stop_reading(&mut self) -> Woken {
        self.deaf = true;
        self.ring.clear();
        Woken(self.reader.take(), self.writer.take())
    }

    /// The reader is gone; returns whether it left bytes unread.
    pub(crate) fn abandon(&mut self) -> (bool, Woken) {
        let unread = !self.ring.is_empty();
        self.ring.clear();
        self.abandoned = true;
        (unread, Woken(self.reader.take(), self.writer.take()))
    }

    /// The writer is gone with bytes unread: the reader sees an error after the last byte.
    pub(crate) fn reset(&mut self) {
        self.reset = true;
    }

    /// Whoever waits to write, to be woken for a reason that is not the channel's own.
    pub(crate) fn wake_writer(&mut self) -> Woken {
        Woken(None, self.writer.take())
    }

    pub(crate) fn place(&mut self, direction: Direction) -> &mut Option<Waker> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }
}

/// The way to a channel and its bytes.
pub(crate) trait Access {
    /// Runs `f` with the channel borrowed. `f` runs no foreign code.
    fn with<R>(&self, f: impl FnOnce(&mut Channel, &mut [u8]) -> R) -> R;
}

/// Tries `attempt` and, for as long as it says [`Error::WouldBlock`], leaves the task's waker in
/// the channel. A waker that waited there for the same direction is replaced.
pub(crate) fn poll_with<A: Access, T>(
    access: &A,
    direction: Direction,
    cx: &mut Context<'_>,
    mut attempt: impl FnMut(&mut Channel, &mut [u8], &mut Woken) -> Result<T, Error>,
) -> Poll<Result<T, Error>> {
    let mut spare = None;
    loop {
        let mut woken = Woken::default();
        let step = access.with(|channel, store| match attempt(channel, store, &mut woken) {
            Err(Error::WouldBlock) => leave(channel.place(direction), cx, &mut spare),
            done => Some(Poll::Ready(done)),
        });
        woken.wake();
        match step {
            Some(step) => return step,
            None => spare = Some(cx.waker().clone()),
        }
    }
}

/// Sees to it that the task's waker waits in `place`, which is borrowed: `None` if that takes a
/// clone, to be handed in as `spare`. Afterwards `spare` holds the waker that was there before.
pub(crate) fn leave<T>(
    place: &mut Option<Waker>,
    cx: &Context<'_>,
    spare: &mut Option<Waker>,
) -> Option<Poll<T>> {
    if !place
        .as_ref()
        .is_some_and(|waker| waker.will_wake(cx.waker()))
    {
        let waker = spare.take()?;
        *spare = place.replace(waker);
    }
    Some(Poll::Pending)
}

/// One attempt, without waiting.
pub(crate) fn try_with<A: Access, T>(
    access: &A,
    attempt: impl FnOnce(&mut Channel, &mut [u8], &mut Woken) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut woken = Woken::default();
    let result = access.with(|channel, store| attempt(channel, store, &mut woken));
    woken.wake();
    result
}

pub(crate) fn poll_read<A: Access>(
    access: &A,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<Result<usize, Error>> {
    poll_with(access, Direction::Read, cx, |channel, store, woken| {
        channel.read(store, buf, woken)
    })
}

pub(crate) fn poll_peek<A: Access>(
    access: &A,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<Result<usize, Error>> {
    poll_with(access, Direction::Read, cx, |channel, store, _| {
        channel.peek(store, buf)
    })
}

pub(crate) fn poll_write<A: Access>(
    access: &A,
    cx: &mut Context<'_>,
    data: &[u8],
) -> Poll<Result<usize, Error>> {
    poll_with(access, Direction::Write, cx, |channel, store, woken| {
        channel.write(store, data, woken)
    })
}

pub(crate) fn poll_readable<A: Access>(
    access: &A,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    poll_with(access, Direction::Read, cx, |channel, _, _| {
        ready(channel.is_readable())
    })
}

pub(crate) fn poll_writable<A: Access>(
    access: &A,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    poll_with(access, Direction::Write, cx, |channel, store, _| {
        ready(channel.is_writable(store))
    })
}

fn ready(is: bool) -> Result<(), Error> {
    if is { Ok(()) } else { Err(Error::WouldBlock) }
}
