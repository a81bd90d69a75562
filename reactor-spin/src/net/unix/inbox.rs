//! [`Inbox`]: the datagrams that wait at a Unix socket.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::task::{Context, Poll, ready};

use polliwog_core::sources::{Direction, Readiness, Waited, WaiterId, Waiters};
use polliwog_core::task::budget::poll_proceed;

use super::SocketAddr;
use crate::Error;
use crate::io::flow::{Step, leave};

/// How many datagrams wait at a socket, and the bytes of the largest one: what Linux has, unless told otherwise.
const QUEUE: usize = 512;
const LARGEST: usize = 212_960;

/// What has come to a socket. Whoever sends to it has it in hand only for as long as that takes.
pub(crate) struct Inbox {
    queue: RefCell<VecDeque<(SocketAddr, Vec<u8>)>>,
    /// The socket is there no more.
    gone: Cell<bool>,
    /// Nothing more is to come.
    deaf: Cell<bool>,
    waiters: Waiters,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            queue: RefCell::default(),
            gone: Cell::new(false),
            deaf: Cell::new(false),
            waiters: Waiters::new(),
        }
    }

    /// The socket is gone: whoever waits to send finds that there is nobody.
    pub(super) fn close(&self) {
        self.gone.set(true);
        self.waiters.take(Readiness::WRITABLE).wake();
    }

    /// Whoever waits to send finds that nobody will read it.
    pub(super) fn stop(&self) {
        self.deaf.set(true);
        self.waiters.take(Readiness::WRITABLE).wake();
    }

    fn push(&self, from: &SocketAddr, data: &[u8]) -> Result<usize, Error> {
        if self.gone.get() {
            return Err(Error::ConnectionRefused);
        }
        if self.deaf.get() {
            return Err(Error::BrokenPipe);
        }
        if data.len() > LARGEST {
            return Err(Error::MessageTooLong);
        }
        let mut queue = self.queue.borrow_mut();
        if queue.len() >= QUEUE {
            return Err(Error::WouldBlock);
        }
        queue.push_back((from.clone(), data.into()));
        Ok(data.len())
    }

    /// Copies the first datagram, as much of it as there is room for.
    pub(super) fn peek(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let queue = self.queue.borrow();
        let (from, bytes) = queue.front().ok_or(Error::WouldBlock)?;
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        Ok((count, from.clone()))
    }

    /// Takes the first datagram; what there is no room for is lost.
    fn pop(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let first = self.peek(buf);
        self.queue.borrow_mut().pop_front();
        first
    }

    pub(super) fn readable(&self) -> Result<(), Error> {
        self.peek(&mut []).map(drop)
    }

    /// Whether a datagram for it has an answer.
    pub(super) fn writable(&self) -> Result<(), Error> {
        let is_full = self.queue.borrow().len() >= QUEUE;
        match is_full && !self.gone.get() && !self.deaf.get() {
            true => Err(Error::WouldBlock),
            false => Ok(()),
        }
    }

    pub(super) fn try_send(&self, from: &SocketAddr, data: &[u8]) -> Result<usize, Error> {
        let sent = self.push(from, data);
        if sent.is_ok() {
            self.waiters.take_one(Direction::Read).wake();
        }
        sent
    }

    pub(super) fn try_recv(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let received = self.pop(buf);
        if received.is_ok() {
            self.waiters.take(Readiness::WRITABLE).wake();
        }
        received
    }

    /// Makes an attempt within the task's budget, and leaves the task's waker for as long as it would block.
    pub(super) fn poll<T>(
        &self,
        waiter: (WaiterId, Direction),
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Self) -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        let permit = ready!(poll_proceed(cx));
        let mut spare = None;
        loop {
            let step = match attempt(self) {
                Err(Error::WouldBlock) => leave(&self.waiters, waiter, cx, &mut spare),
                done => Step::Done(done),
            };
            if let Some(poll) = step.settle(cx, &mut spare) {
                if poll.is_ready() {
                    permit.charge(0);
                }
                return poll;
            }
        }
    }
}

impl Waited for Inbox {
    fn forget(&self, direction: Direction, id: WaiterId) {
        let mine = self.waiters.forget(direction, id);
        // If it does not wait any more, it may have been woken for a datagram.
        if mine.is_none() && direction == Direction::Read && !self.queue.borrow().is_empty() {
            self.waiters.take_one(Direction::Read).wake();
        }
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.waiters.waits(direction, id)
    }
}
