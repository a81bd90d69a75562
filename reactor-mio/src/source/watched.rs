//! [`Watched`]: a source, and its place in the reactor's table and in the selector.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use mio::{Interest, event::Source};
use polliwog_core::sources::{Direction, Entry, Page, Readiness, Token, Waited, WaiterId};
use polliwog_core::task::budget::poll_proceed;

#[cfg(unix)]
use super::hold::Shared;
use super::hold::{Hold, gone};
use crate::reactor::MioReactor;
use crate::sys::{self, CLOSE_DEREGISTERS, REARMS, SHORT_READS_TELL, TRUE_EDGES};

/// Dropping the source closes the only descriptor that there is.
const CLOSES: u8 = 1;
/// A transfer that is short has moved all that there was to move.
const TELLS: u8 = 2;
/// An event wakes one reader only.
const ONE_READER: u8 = 4;

/// What is known of a source that no reactor has.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    hoped: Readiness,
    flags: u8,
}

/// A source that no reactor has, and what is known of it.
pub(crate) type Parts<S> = (S, Known);

/// What [`AsyncSource`](super::AsyncSource) and the sockets of this crate are made of: the source lies in an `H`.
pub(crate) struct Watched<H: Hold> {
    reactor: MioReactor,
    /// The part of the reactor's table that has the source's row, once it is registered. The row says
    /// what the source may be tried for: what has been reported and not used up since, and directions
    /// not watched yet.
    page: OnceCell<Rc<Page>>,
    /// The index of that row.
    index: Cell<u32>,
    /// What the selector watches the source for. None as long as there is no row.
    interest: Cell<Option<Interest>>,
    /// What the source may be tried for before it is registered: everything.
    hoped: Cell<Readiness>,
    /// [`CLOSES`], [`TELLS`], [`ONE_READER`].
    flags: Cell<u8>,
    source: H,
}

impl<H: Hold> Watched<H> {
    /// Attaches a source, which has to be in non-blocking mode, to the given reactor.
    pub(crate) fn with_reactor(reactor: &MioReactor, source: H::Source) -> Self {
        Self::parts(reactor, source, false)
    }

    /// Like [`with_reactor`](Self::with_reactor) for a source whose descriptor nobody else has ever had in
    /// hand, so that closing it also ends its registration.
    pub(crate) fn owning(reactor: &MioReactor, source: H::Source) -> Self {
        Self::parts(reactor, source, true)
    }

    /// That is so no longer: somebody may keep a duplicate, whose events would go on, or set an option that
    /// makes transfers short.
    #[cfg(unix)]
    pub(crate) fn expose(&self) {
        self.set_flag(CLOSES | TELLS, false);
    }

    /// Sets whether a transfer that is short has moved all that there was to move. So it is with TCP as the
    /// system makes it, unless an event says something else; not where a layer above it or below keeps
    /// records of its own.
    pub(crate) fn set_tells(&self, tells: bool) {
        self.set_flag(TELLS, tells);
    }

    fn set_flag(&self, flag: u8, on: bool) {
        let others = self.flags.get() & !flag;
        self.flags.set(others | if on { flag } else { 0 });
    }

    #[inline]
    fn is(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    /// Makes an event news for one reader only: that of a listener, see [`Entry::set_one_reader`].
    pub(crate) fn set_one_reader(&self) {
        self.set_flag(ONE_READER, true);
    }

    /// Whether anybody waits in a direction.
    #[inline]
    pub(crate) fn is_waited_for(&self, direction: Direction) -> bool {
        self.row().is_some_and(|row| row.is_waited_for(direction))
    }

    /// Has the selector report the next arrival, for those who wait although nobody has come to the end of
    /// what there was. Only a selector that imitates edges has to be told: it arms a source when an
    /// operation would block. Returns whether that is so from now on.
    pub(crate) fn expect_next_read(&self) -> bool {
        if TRUE_EDGES {
            return true;
        }
        self.clear(Direction::Read);
        self.watch(None).is_ok()
    }

    /// Wakes the reader that has waited longest.
    pub(crate) fn wake_next_reader(&self) {
        if let Some(row) = self.row() {
            row.next_reader().wake();
        }
    }

    /// Has everybody try again who waits, because the source is another one now than that they have waited for.
    #[cfg(windows)]
    pub(crate) fn rouse(&self) {
        if let Some(row) = self.row() {
            row.set_ready(Readiness::READABLE | Readiness::WRITABLE)
                .wake();
        }
    }

    /// Takes out a waiter that is done or has been given up; `false` if it did not wait any more.
    pub(crate) fn forget_waiter(&self, direction: Direction, id: WaiterId) -> bool {
        let waker = self.row().and_then(|row| row.forget(direction, id));
        waker.is_some()
    }

    fn parts(reactor: &MioReactor, source: H::Source, closes: bool) -> Self {
        Self {
            reactor: reactor.clone(),
            page: OnceCell::new(),
            index: Cell::new(0),
            interest: Cell::new(None),
            hoped: Cell::new(Readiness::READABLE | Readiness::WRITABLE),
            flags: Cell::new(if closes { CLOSES } else { 0 }),
            source: H::new(source),
        }
    }

    /// Returns the reactor that this source is attached to.
    pub(crate) fn reactor(&self) -> &MioReactor {
        &self.reactor
    }

    /// Calls `f` with the source.
    ///
    /// # Errors
    ///
    /// What `f` returns.
    #[inline]
    pub(crate) fn with<T>(&self, f: impl FnOnce(&H::Source) -> io::Result<T>) -> io::Result<T> {
        self.source.with(f)
    }

    /// Detaches the source from the reactor and returns it.
    ///
    /// # Errors
    ///
    /// When the operating system refuses to deregister it.
    pub(crate) fn into_inner(mut self) -> io::Result<H::Source> {
        if let Some(token) = self.take_token() {
            let result = self.source.attach(|source| self.reactor.deregister(source));
            self.reactor.forget(token);
            match result {
                Err(error) if was_dropped(&error) => {}
                result => result?,
            }
        }
        self.source.take().ok_or_else(gone)
    }

    /// Takes the source out of the reactor, with what is known of it, for another reactor.
    ///
    /// # Errors
    ///
    /// When the operating system refuses to deregister it: it is watched as before.
    pub(crate) fn detach(mut self) -> Result<Parts<H::Source>, (Self, io::Error)> {
        let known = Known {
            hoped: self.ready() & (Readiness::READABLE | Readiness::WRITABLE),
            flags: self.flags.get(),
        };
        if let Some(page) = self.page.get() {
            let token = page.token(self.index.get());
            let deregister = |source: &mut dyn Source| self.reactor.deregister(source);
            match self.source.attach(deregister) {
                Err(error) if !was_dropped(&error) => return Err((self, error)),
                _ => self.reactor.forget(token),
            }
            self.page.take();
        }
        match self.source.take() {
            Some(source) => Ok((source, known)),
            None => Err((self, gone())),
        }
    }

    /// Attaches what was [detached](Self::detach) to this reactor. What it was not ready for will be reported
    /// when it is registered, as it has been if it was ready for it by then.
    pub(crate) fn reattach(reactor: &MioReactor, (source, known): Parts<H::Source>) -> Self {
        let watched = Self::parts(reactor, source, false);
        watched.hoped.set(known.hoped);
        watched.flags.set(known.flags);
        watched
    }

    /// Tries an operation once and does not wait.
    ///
    /// # Errors
    ///
    /// What `op` returns; [`io::ErrorKind::WouldBlock`] makes the next wait in that direction
    /// wait for news.
    pub(crate) fn try_with<T>(
        &self,
        direction: Direction,
        op: impl FnOnce(&H::Source) -> io::Result<T>,
    ) -> io::Result<T> {
        self.with(op).map_err(|error| {
            if would_block(&error) {
                self.blocked(direction);
                if self.rearms() {
                    return self.watch(None).err().unwrap_or(error);
                }
            } else if was_dropped(&error) {
                let watched = self.watch(None);
                return watched.err().unwrap_or(io::ErrorKind::WouldBlock.into());
            }
            error
        })
    }

    /// To be called after a stream socket read less than it was asked to: as a rule there is nothing left
    /// to read, and the selector will report the next arrival.
    #[inline]
    pub(crate) fn read_short(&self) {
        if SHORT_READS_TELL && self.is(TELLS) && !self.ready().contains(Readiness::PRIORITY) {
            self.clear(Direction::Read);
        }
    }

    /// To be called after a stream socket wrote less than it was asked to.
    #[inline]
    pub(crate) fn write_short(&self) {
        if TRUE_EDGES && self.is(TELLS) {
            self.clear(Direction::Write);
        }
    }

    /// Registers a socket whose connect is under way for both directions.
    pub(crate) fn register_both(&self) -> io::Result<()> {
        self.watch(Some(sys::reading(self.is(TELLS)) | Interest::WRITABLE))
    }

    /// Tries an operation, of a waiter with an identity, until it does not block. `bytes` tells how many of
    /// them it has moved.
    #[inline]
    pub(crate) fn poll_op<T>(
        &self,
        id: WaiterId,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&H::Source) -> io::Result<T>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if !self.is_ready(direction) {
            ready!(self.poll_news(id, direction, cx))?;
        }
        let permit = ready!(poll_proceed(cx));
        loop {
            match self.with(&mut op) {
                Err(error) if would_block(&error) || was_dropped(&error) => {
                    if was_dropped(&error) || self.rearms() {
                        self.watch(None)?;
                    }
                    self.blocked(direction);
                    ready!(self.poll_unwatched(id, direction, cx))?;
                    // It has become ready meanwhile: others have their turn before it is asked again.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    permit.charge(result.as_ref().map_or(0, bytes));
                    return Poll::Ready(result);
                }
            }
        }
    }

    #[inline]
    pub(crate) fn row(&self) -> Option<&Entry> {
        Some(self.page.get()?.row(self.index.get() as usize))
    }

    /// The source's name in the reactor's table, which it no longer counts on being in.
    fn take_token(&mut self) -> Option<Token> {
        Some(self.page.take()?.token(self.index.get()))
    }

    /// What operations may be tried.
    #[inline]
    fn ready(&self) -> Readiness {
        match self.row() {
            Some(row) => row.ready(),
            None => self.hoped.get(),
        }
    }

    /// Whether an operation may be tried.
    #[inline]
    pub(crate) fn is_ready(&self, direction: Direction) -> bool {
        self.ready().intersects(direction.mask())
    }

    /// Notes that an operation has moved all that there was to move.
    #[inline]
    fn clear(&self, direction: Direction) {
        match self.row() {
            Some(row) => row.clear_ready(used_up(direction)),
            None => self.hoped.set(self.hoped.get() & !used_up(direction)),
        }
    }

    /// Notes that an operation would have blocked.
    #[inline]
    pub(crate) fn blocked(&self, direction: Direction) {
        match self.row() {
            Some(row) => row.would_block(direction),
            None => self.hoped.set(self.hoped.get() & !used_up(direction)),
        }
    }

    /// Whether the selector has to be told that an operation would have blocked.
    #[inline]
    fn rearms(&self) -> bool {
        REARMS && self.interest.get().is_some()
    }

    /// Waits until the source is ready, as far as that is known.
    pub(crate) fn poll_ready(
        &self,
        id: WaiterId,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Readiness>> {
        // Until the source is watched it is not known whether it is ready.
        if !watches(self.interest.get(), direction) || !self.is_ready(direction) {
            ready!(self.poll_unwatched(id, direction, cx))?;
        }
        ready!(poll_proceed(cx)).charge(0);
        Poll::Ready(Ok(self.ready() & direction.mask()))
    }

    /// Waits until the reactor reports something about a source that is not ready.
    #[inline(always)]
    fn poll_news(
        &self,
        id: WaiterId,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self.row() {
            Some(row) if watches(self.interest.get(), direction) => {
                self.reactor.check_wait()?;
                row.join(direction, id, cx.waker().clone());
                Poll::Pending
            }
            _ => self.poll_unwatched(id, direction, cx),
        }
    }

    /// The same, of a source that it may still have to watch, or that may be ready.
    #[inline(never)]
    fn poll_unwatched(
        &self,
        id: WaiterId,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.reactor.check_wait()?;
        if !watches(self.interest.get(), direction) {
            self.watch(Some(match direction {
                Direction::Read => sys::reading(self.is(TELLS)),
                Direction::Write => Interest::WRITABLE,
            }))?;
        }
        let Some(row) = self.row() else {
            return Poll::Ready(Err(gone()));
        };
        row.poll_ready_as(id, direction, cx).map(|_| Ok(()))
    }

    /// Makes the selector watch the source for `more`, too, or again if it [dropped](was_dropped)
    /// the source.
    #[cold]
    fn watch(&self, more: Option<Interest>) -> io::Result<()> {
        let interest = match (self.interest.get(), more) {
            (Some(before), Some(more)) => before | more,
            (Some(interest), None) | (None, Some(interest)) => interest,
            (None, None) => return Err(io::Error::other("a source to be watched for nothing")),
        };
        // What was hoped for so far will be reported from now on; unless the selector refuses, for then an
        // operation may be tried as before.
        let hoped = self.ready();
        for direction in [Direction::Read, Direction::Write] {
            if watches(Some(interest), direction) && !watches(self.interest.get(), direction) {
                self.clear(direction);
            }
        }
        if let Err(error) = self
            .source
            .attach(|source| self.watch_for(source, interest))
        {
            let refused = [Direction::Read, Direction::Write]
                .into_iter()
                .filter(|direction| !watches(self.interest.get(), *direction))
                .fold(Readiness::NONE, |all, direction| all | used_up(direction));
            match self.row() {
                // Nobody waits for what is not watched.
                Some(row) => row.set_ready((hoped | refused) & refused).wake(),
                None => self.hoped.set(hoped | refused),
            }
            return Err(error);
        }
        self.interest.set(Some(interest));
        Ok(())
    }

    fn watch_for(&self, source: &mut dyn Source, interest: Interest) -> io::Result<()> {
        match self.page.get() {
            Some(page) => {
                let token = page.token(self.index.get());
                match self.reactor.reregister(source, token, interest) {
                    Err(error) if was_dropped(&error) => {
                        self.reactor.register_again(source, token, interest)?;
                    }
                    result => result?,
                }
            }
            None => {
                let (page, token) = self.reactor.register(source, interest)?;
                // Nobody waits for a source that is new.
                let row = page.row(token.index());
                let _ = row.set_ready(self.hoped.get());
                row.set_one_reader(self.is(ONE_READER));
                self.index.set(token.index() as u32);
                let _ = self.page.set(page);
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
impl<S: std::os::fd::AsFd> Watched<Shared<S>> {
    /// The source, whose descriptor somebody may duplicate from now on.
    pub(crate) fn get_ref(&self) -> &S {
        self.expose();
        self.source.get()
    }

    /// The descriptor, which somebody may duplicate from now on.
    pub(crate) fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<H: Hold> Waited for Watched<H> {
    #[inline]
    fn forget(&self, direction: Direction, id: WaiterId) {
        if let Some(row) = self.row() {
            drop(row.forget(direction, id));
        }
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.row().is_some_and(|row| row.waits(direction, id))
    }
}

/// Whether somebody who watches for `interest` hears about this direction.
#[inline]
fn watches(interest: Option<Interest>, direction: Direction) -> bool {
    match direction {
        Direction::Read => interest.is_some_and(Interest::is_readable),
        Direction::Write => interest.is_some_and(Interest::is_writable),
    }
}

/// What an operation that would have blocked has used up.
#[inline]
fn used_up(direction: Direction) -> Readiness {
    match direction {
        Direction::Read => Readiness::READABLE,
        Direction::Write => Readiness::WRITABLE,
    }
}

#[inline]
fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether this is how mio says that an operation would have blocked and that its selector,
/// which arms a source again at this point, does not know the source any more. The one for
/// `poll(2)` drops a source that had an error, which may be good for more nevertheless.
#[inline]
fn was_dropped(error: &io::Error) -> bool {
    !TRUE_EDGES && error.kind() == io::ErrorKind::NotFound && error.raw_os_error().is_none()
}

impl<H: Hold> Drop for Watched<H> {
    fn drop(&mut self) {
        let Some(token) = self.take_token() else {
            return;
        };
        if !(self.is(CLOSES) && CLOSE_DEREGISTERS) {
            let deregister = |source: &mut dyn Source| self.reactor.deregister(source);
            if let Err(_error) = self.source.attach(deregister) {
                record!(debug, "cannot deregister a source: {_error}");
            }
        }
        self.reactor.forget(token);
    }
}

impl<H: Hold + fmt::Debug> fmt::Debug for Watched<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncSource")
            .field("source", &self.source)
            .field("interest", &self.interest.get())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
mod tests;
