//! What streams of any kind have in common (feature `futures-io`).
//!
//! Most of it is in futures-util already (`copy`, `BufReader`, `lines`, …), which works with every stream of
//! the reactors as it is. Here is what it lacks.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind};

use futures_io::{AsyncRead, AsyncWrite};

use crate::task::budget::poll_within;

/// Bytes of a direction's buffer, if nobody asks for another number.
const SIZE: usize = 8 << 10;

/// Copies from each of two streams to the other until both have ended: what a proxy does. Returns how many
/// bytes went from `a` to `b`, and how many from `b` to `a`.
///
/// * **Half-close** is passed on: at the end of one stream what has been read is written out, then the other is
///   closed, which for sockets ends its writing direction only. The other direction goes on.
/// * **Back-pressure**: each direction has a buffer of 8 KiB and reads nothing before the other end has taken
///   all of it. So a peer that does not read stops the one that sends, not the proxy's memory;
///   [`copy_bidirectional_with_sizes`] has buffers of other sizes.
/// * A direction that has nothing to read **flushes** what it has written, so that streams with buffers of
///   their own can be copied, too.
/// * Both directions draw from the [budget](crate::task::budget) of the task.
///
/// There is no limit of time: a connection on which nothing happens stays. Whoever wants one puts it into the
/// streams, or takes a [`timeout`](crate::time::timeout) for all of it.
///
/// ```
/// use futures_io::{AsyncRead, AsyncWrite};
/// # use polliwog_core as polliwog;
/// use polliwog::io::copy_bidirectional;
/// use std::io;
///
/// trait Stream: AsyncRead + AsyncWrite + Unpin {}
/// impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}
///
/// async fn proxy(mut client: impl Stream, mut upstream: impl Stream) -> io::Result<()> {
///     let (sent, received) = copy_bidirectional(&mut client, &mut upstream).await?;
///     println!("{sent} bytes up, {received} bytes down");
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// The first error of a stream, at once, but for one kind: where a stream refuses what is written to it because
/// its peer takes no more (`BrokenPipe`, `ConnectionReset`, `ConnectionAborted`, `NotConnected`), what that
/// peer has still said is copied to its end first: the answer of a server, say, that hangs up in the middle of
/// an upload. (A socket that is dropped while its peer still sends resets the connection; so that the answer
/// is not lost by that, go on reading for a while before.) A stream that takes nothing and does not say why is
/// `WriteZero`.
///
/// Apart from that, neither stream is closed after an error; dropping them does that.
///
/// # Cancellation
///
/// Dropped before its end, it loses what has been read and not been written, at most the size of the buffer in
/// each direction. So what comes after that should be the end of both streams.
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, SIZE, SIZE).await
}

/// [`copy_bidirectional`] with buffers of so many bytes for what goes from `a` to `b` and from `b` to `a`.
///
/// Larger ones make fewer system calls of a fast transfer; smaller ones make more connections fit into memory.
///
/// # Errors
///
/// As [`copy_bidirectional`].
///
/// # Panics
///
/// If a size is zero.
///
/// # Cancellation
///
/// As [`copy_bidirectional`].
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b: usize,
    b_to_a: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let mut there = Way::new(a_to_b);
    let mut back = Way::new(b_to_a);
    poll_fn(|cx| {
        let (mut a, mut b) = (Pin::new(&mut *a), Pin::new(&mut *b));
        let ended = match there.poll(cx, a.as_mut(), b.as_mut()) {
            Poll::Ready(Err(error)) => Err(error),
            first => match (first, back.poll(cx, b, a)) {
                (_, Poll::Ready(Err(error))) => Err(error),
                (Poll::Pending, _) | (_, Poll::Pending) => return Poll::Pending,
                _ => Ok((there.copied, back.copied)),
            },
        };
        // What was refused came before.
        Poll::Ready(match there.refused.take().or(back.refused.take()) {
            Some(error) => Err(error),
            None => ended,
        })
    })
    .await
}

/// Reads what is there, or waits for something, and appends it to `buf`; zero at the end of the stream. So a loop of
/// its own may collect a message that comes in pieces, beside a timeout or in `select!`.
///
/// It fills the room that `buf` has, up to 64 KiB at a time, and makes 8 KiB of it where there is none.
///
/// ```
/// use futures_io::AsyncRead;
/// # use polliwog_core as polliwog;
/// use polliwog::io::read_buf;
/// use std::io;
///
/// /// Reads until a line is complete, and leaves what stands behind it for the next call.
/// async fn line(stream: &mut (impl AsyncRead + Unpin), buf: &mut Vec<u8>) -> io::Result<Vec<u8>> {
///     loop {
///         if let Some(end) = buf.iter().position(|byte| *byte == b'\n') {
///             return Ok(buf.drain(..=end).collect());
///         }
///         if read_buf(stream, buf).await? == 0 {
///             return Ok(std::mem::take(buf));
///         }
///     }
/// }
/// ```
///
/// # Errors
///
/// Those of the stream; `buf` is as it was.
///
/// # Cancel safety
///
/// Nothing is lost: what has been read is in `buf`, and a read that has not ended has read nothing, if that is
/// so of the stream's `poll_read`, as it is of all of this runtime's.
pub async fn read_buf<R>(reader: &mut R, buf: &mut Vec<u8>) -> io::Result<usize>
where
    R: AsyncRead + Unpin + ?Sized,
{
    let mut poll = |cx: &mut Context<'_>| {
        let before = buf.len();
        if before == buf.capacity() {
            buf.reserve(SIZE);
        }
        let room = (buf.capacity() - before).min(MOST_AT_ONCE);
        // Also when the stream panics.
        let mut filled = Filled {
            buf: &mut *buf,
            length: before,
        };
        filled.buf.resize(before + room, 0);
        let read = Pin::new(&mut *reader).poll_read(cx, &mut filled.buf[before..]);
        if let Poll::Ready(Ok(count)) = &read {
            filled.length += (*count).min(room);
        }
        read
    };
    poll_fn(|cx| poll_within(cx, &mut poll)).await
}

/// Bytes of a buffer that are initialised for one read at most.
const MOST_AT_ONCE: usize = 64 << 10;

/// A buffer that has its length again when this is dropped.
struct Filled<'a> {
    buf: &'a mut Vec<u8>,
    length: usize,
}

impl Drop for Filled<'_> {
    fn drop(&mut self) {
        self.buf.truncate(self.length);
    }
}

/// One direction.
struct Way {
    buf: Box<[u8]>,
    /// What of `buf` has been read and not been written.
    start: usize,
    end: usize,
    copied: u64,
    /// Something has been written since the last flush.
    unflushed: bool,
    state: State,
    /// What the receiving stream said when it took no more.
    refused: Option<io::Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Copying,
    /// The sending stream has ended, and everything has been written.
    Closing,
    Ended,
}

impl Way {
    fn new(size: usize) -> Self {
        assert_ne!(size, 0, "a buffer of no bytes copies nothing");
        Self {
            buf: vec![0; size].into_boxed_slice(),
            start: 0,
            end: 0,
            copied: 0,
            unflushed: false,
            state: State::Copying,
            refused: None,
        }
    }

    /// Ready with an error when everything has to end, without one when this direction has.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut (impl AsyncRead + ?Sized)>,
        to: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Poll<io::Result<()>> {
        if self.state == State::Ended {
            return Poll::Ready(Ok(()));
        }
        let result = match ready!(self.poll_copy(cx, from, to)) {
            Err(Failed::Write(error)) if takes_no_more(error.kind()) => {
                self.refused = Some(error);
                Ok(())
            }
            Err(Failed::Read(error) | Failed::Write(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        self.state = State::Ended;
        // A direction that has ended needs no memory while the other one goes on.
        self.buf = Box::default();
        Poll::Ready(result)
    }

    fn poll_copy(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut (impl AsyncRead + ?Sized)>,
        mut to: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Poll<Result<(), Failed>> {
        while self.state == State::Copying {
            if self.start == self.end {
                // Streams of ours draw from the budget themselves; others may be ready for ever.
                match poll_within(cx, |cx| from.as_mut().poll_read(cx, &mut self.buf)) {
                    Poll::Ready(Ok(0)) => {
                        self.state = State::Closing;
                        break;
                    }
                    Poll::Ready(Ok(count)) => (self.start, self.end) = (0, count),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Failed::Read(error))),
                    Poll::Pending => {
                        if self.unflushed {
                            ready!(to.as_mut().poll_flush(cx)).map_err(Failed::Write)?;
                            self.unflushed = false;
                        }
                        return Poll::Pending;
                    }
                }
            }
            let data = &self.buf[self.start..self.end];
            match ready!(to.as_mut().poll_write(cx, data)).map_err(Failed::Write)? {
                0 => return Poll::Ready(Err(Failed::Write(ErrorKind::WriteZero.into()))),
                count => {
                    self.start += count;
                    self.copied += count as u64;
                    self.unflushed = true;
                }
            }
        }
        // Closing flushes first.
        to.poll_close(cx).map_err(Failed::Write)
    }
}

enum Failed {
    Read(io::Error),
    Write(io::Error),
}

/// Whether a stream that refuses what is written to it may still have something to say, and will come to an end
/// by itself.
fn takes_no_more(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
    )
}
