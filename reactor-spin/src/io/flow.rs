//! [`Flow`]: one direction of a stream, from one writer to one reader, and how to wait on it.
//!
//! Flows lie in a `RefCell`, behind a lock or in a critical section, whatever their owner
//! needs; [`Access`] hides which. No waker is cloned, dropped or woken while the flow is
//! borrowed: each of these may run foreign code, and that code may use the same stream.

use core::task::{Context, Poll, Waker, ready};

use polliwog_core::sources::{Direction, Former, Readiness, WaiterId, Waiters, Wakeups};
use polliwog_core::task::budget::poll_proceed;

use super::ring::Ring;
use crate::Error;

/// Bytes on their way from a writer to a reader, and who waits for them.
#[derive(Debug)]
pub(crate) struct Flow {
    ring: Ring,
    waiters: Waiters,
    /// The writer sends nothing more: end of stream once the ring is empty.
    finished: bool,
    /// The reader is gone: writes fail.
    abandoned: bool,
    /// The reader wants nothing more but is still there: what is written is thrown away.
    deaf: bool,
    /// The writer is gone and has left bytes of the other direction unread.
    reset: bool,
}

impl Flow {
    pub(crate) const fn new() -> Self {
        Self {
            ring: Ring::new(),
            waiters: Waiters::new(),
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
        woken: &mut Wakeups,
    ) -> Result<usize, Error> {
        self.look(buf.is_empty())?;
        let count = self.ring.pop(store, buf);
        if count > 0 {
            *woken = self.waiters.take(Readiness::WRITABLE);
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
        woken: &mut Wakeups,
    ) -> Result<usize, Error> {
        if self.finished || self.abandoned {
            return Err(Error::BrokenPipe);
        }
        if self.deaf {
            return Ok(data.len());
        }
        let count = self.ring.push(store, data);
        if count > 0 {
            *woken = self.waiters.take(Readiness::READABLE);
        } else if !data.is_empty() {
            return Err(Error::WouldBlock);
        }
        Ok(count)
    }

    /// The writer sends nothing more.
    pub(crate) fn finish(&mut self) -> Wakeups {
        self.finished = true;
        self.take_all()
    }

    /// The reader wants nothing more: it sees the end of the stream, the writer notices nothing.
    pub(crate) fn stop_reading(&mut self) -> Wakeups {
        self.deaf = true;
        self.ring.clear();
        self.take_all()
    }

    /// The reader is gone; returns whether it left bytes unread.
    pub(crate) fn abandon(&mut self) -> (bool, Wakeups) {
        let unread = !self.ring.is_empty();
        self.ring.clear();
        self.abandoned = true;
        (unread, self.take_all())
    }

    /// The writer is gone with bytes unread: the reader sees an error after the last byte.
    pub(crate) fn reset(&mut self) {
        self.reset = true;
    }

    /// Whoever waits to write, to be woken for a reason that is not the flow's own.
    pub(crate) fn wake_writer(&mut self) -> Wakeups {
        self.waiters.take(Readiness::WRITABLE)
    }

    fn take_all(&self) -> Wakeups {
        self.waiters.take(Readiness::READABLE | Readiness::WRITABLE)
    }

    /// Who waits.
    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }
}

/// The way to a flow and its bytes.
pub(crate) trait Access {
    /// Runs `f` with the flow borrowed. `f` runs no foreign code.
    fn with<R>(&self, f: impl FnOnce(&mut Flow, &mut [u8]) -> R) -> R;
}

/// Tries `attempt`, within the task's budget, and, for as long as it says [`Error::WouldBlock`], leaves the
/// task's waker in the flow, beside those of all others. `bytes` tells how many of them it has moved.
pub(crate) fn poll_with<A: Access, T>(
    access: &A,
    (id, direction): (WaiterId, Direction),
    cx: &mut Context<'_>,
    mut attempt: impl FnMut(&mut Flow, &mut [u8], &mut Wakeups) -> Result<T, Error>,
    bytes: impl FnOnce(&T) -> usize,
) -> Poll<Result<T, Error>> {
    let permit = ready!(poll_proceed(cx));
    let mut spare = None;
    loop {
        let mut woken = Wakeups::default();
        let step = access.with(|flow, store| match attempt(flow, store, &mut woken) {
            Err(Error::WouldBlock) => leave(flow.waiters(), (id, direction), cx, &mut spare),
            done => Step::Done(done),
        });
        woken.wake();
        if let Some(poll) = step.settle(cx, &mut spare) {
            if let Poll::Ready(result) = &poll {
                permit.charge(result.as_ref().map_or(0, bytes));
            }
            return poll;
        }
    }
}

/// What has come of a look at something borrowed.
pub(crate) enum Step<T> {
    Done(T),
    /// The task's waker has been left.
    Waits(Former),
    /// There is none yet to leave.
    Clone,
}

impl<T> Step<T> {
    /// Does what is to be done once nothing is borrowed. `None`: look again.
    pub(crate) fn settle(self, cx: &Context<'_>, spare: &mut Option<Waker>) -> Option<Poll<T>> {
        match self {
            Step::Done(done) => Some(Poll::Ready(done)),
            Step::Waits(former) => {
                former.let_go();
                Some(Poll::Pending)
            }
            Step::Clone => {
                *spare = Some(cx.waker().clone());
                None
            }
        }
    }
}

/// Sees to it that the task's waker is among `waiters`, which are borrowed. If that takes a clone, it is to
/// be handed in as `spare`.
pub(crate) fn leave<T>(
    waiters: &Waiters,
    (id, direction): (WaiterId, Direction),
    cx: &Context<'_>,
    spare: &mut Option<Waker>,
) -> Step<T> {
    if waiters.knows(direction, id, cx.waker()) {
        return Step::Waits(Former::default());
    }
    match spare.take() {
        Some(waker) => Step::Waits(waiters.wait(direction, id, waker)),
        None => Step::Clone,
    }
}

/// Takes out a waiter that has been given up.
pub(crate) fn forget<A: Access>(access: &A, direction: Direction, id: WaiterId) {
    let waker = access.with(|flow, _| flow.waiters().forget(direction, id));
    drop(waker);
}

/// Whether a waiter is among those that wait.
pub(crate) fn waits<A: Access>(access: &A, direction: Direction, id: WaiterId) -> bool {
    access.with(|flow, _| flow.waiters().waits(direction, id))
}

/// One attempt, without waiting.
pub(crate) fn try_with<A: Access, T>(
    access: &A,
    attempt: impl FnOnce(&mut Flow, &mut [u8], &mut Wakeups) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut woken = Wakeups::default();
    let result = access.with(|flow, store| attempt(flow, store, &mut woken));
    woken.wake();
    result
}

pub(crate) fn poll_read<A: Access>(
    access: &A,
    id: WaiterId,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<Result<usize, Error>> {
    let read =
        |flow: &mut Flow, store: &mut [u8], woken: &mut Wakeups| flow.read(store, buf, woken);
    poll_with(access, (id, Direction::Read), cx, read, |n| *n)
}

pub(crate) fn poll_peek<A: Access>(
    access: &A,
    id: WaiterId,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<Result<usize, Error>> {
    let peek = |flow: &mut Flow, store: &mut [u8], _: &mut Wakeups| flow.peek(store, buf);
    poll_with(access, (id, Direction::Read), cx, peek, |n| *n)
}

pub(crate) fn poll_write<A: Access>(
    access: &A,
    id: WaiterId,
    cx: &mut Context<'_>,
    data: &[u8],
) -> Poll<Result<usize, Error>> {
    let write =
        |flow: &mut Flow, store: &mut [u8], woken: &mut Wakeups| flow.write(store, data, woken);
    poll_with(access, (id, Direction::Write), cx, write, |n| *n)
}

pub(crate) fn poll_readable<A: Access>(
    access: &A,
    id: WaiterId,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    let look = |flow: &mut Flow, _: &mut [u8], _: &mut Wakeups| is_ready(flow.is_readable());
    poll_with(access, (id, Direction::Read), cx, look, |()| 0)
}

pub(crate) fn poll_writable<A: Access>(
    access: &A,
    id: WaiterId,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    let look =
        |flow: &mut Flow, store: &mut [u8], _: &mut Wakeups| is_ready(flow.is_writable(store));
    poll_with(access, (id, Direction::Write), cx, look, |()| 0)
}

fn is_ready(is: bool) -> Result<(), Error> {
    if is { Ok(()) } else { Err(Error::WouldBlock) }
}
