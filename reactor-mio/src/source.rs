//! [`Registered`]: an I/O source that knows its reactor.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

use mio::{Interest, event::Source};
use polliwog_core::sources::{Direction, Readiness, Token};

use crate::reactor::MioReactor;
use crate::sys::{CLOSE_DEREGISTERS, TRUE_EDGES};

/// After so many operations in a row that did not have to wait, one `Pending` is returned along
/// with a wake, so that a source which is always ready leaves room for other tasks.
const STREAK: u8 = 128;

/// Any source of mio's, made to work with tasks.
///
/// This is what the sockets of [`net`](crate::net) are made of, and the way to bring along a
/// source of your own (on Unix, any file descriptor through `mio::unix::SourceFd`).
///
/// # How it works
///
/// An operation is tried first. Only when it would block for the first time, the source is put
/// into the reactor's table and registered with the selector, edge-triggered and for the
/// direction that had to wait; the other direction joins when it has to wait. A source that
/// never waits costs no system call for it. From then on an operation is tried only once an
/// event said that it may succeed.
///
/// One task at a time can wait to read and one to write. Where two wait for the same
/// direction, the one that came last is woken.
///
/// # Example
///
/// ```
/// # #[cfg(unix)] {
/// use mio::unix::pipe;
/// use polliwog_mio::Registered;
/// use std::{future::poll_fn, io::{Read, Write}};
///
/// polliwog_mio::block_on(async {
///     let (mut sender, receiver) = pipe::new()?;
///     let receiver = Registered::new(receiver)?;
///     sender.write_all(b"hop")?;
///     let mut buf = [0; 8];
///     let n = poll_fn(|cx| receiver.poll_read_with(cx, |mut pipe| pipe.read(&mut buf))).await?;
///     assert_eq!(&buf[..n], b"hop");
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// # }
/// ```
pub struct Registered<S: Source> {
    reactor: MioReactor,
    token: Cell<Option<Token>>,
    /// What the selector watches the source for. None as long as there is no token.
    interest: Cell<Option<Interest>>,
    /// What the source may be tried for: what the reactor reported, taken out of its table, and
    /// not used up since. Before the source is registered, everything.
    ready: Cell<Readiness>,
    /// Operations in a row that did not have to wait.
    streak: Cell<u8>,
    /// Dropping the source closes its descriptor.
    closes: bool,
    /// `None` only while the source is being taken out.
    source: RefCell<Option<S>>,
}

impl<S: Source> Registered<S> {
    /// Attaches a source, which has to be in non-blocking mode, to the current reactor.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn new(source: S) -> io::Result<Self> {
        Ok(Self::with_reactor(&MioReactor::current()?, source))
    }

    /// Attaches a source, which has to be in non-blocking mode, to the given reactor.
    pub fn with_reactor(reactor: &MioReactor, source: S) -> Self {
        Self::parts(reactor, source, false)
    }

    /// Like [`with_reactor`](Self::with_reactor) for a source that owns its descriptor, which
    /// saves a system call when it is dropped.
    ///
    /// Should the descriptor have a duplicate, the selector goes on reporting it; its token is
    /// stale then, and such events are ignored.
    pub(crate) fn owning(reactor: &MioReactor, source: S) -> Self {
        Self::parts(reactor, source, true)
    }

    fn parts(reactor: &MioReactor, source: S, closes: bool) -> Self {
        Self {
            reactor: reactor.clone(),
            token: Cell::new(None),
            interest: Cell::new(None),
            ready: Cell::new(Readiness::READABLE | Readiness::WRITABLE),
            streak: Cell::new(0),
            closes,
            source: RefCell::new(Some(source)),
        }
    }

    /// The reactor that this source is attached to.
    pub fn reactor(&self) -> &MioReactor {
        &self.reactor
    }

    /// Calls `f` with the source.
    ///
    /// # Errors
    ///
    /// What `f` returns.
    #[inline]
    pub fn with<T>(&self, f: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        match &*self.source.borrow() {
            Some(source) => f(source),
            None => Err(gone()),
        }
    }

    /// Detaches the source from the reactor and returns it.
    ///
    /// # Errors
    ///
    /// When the operating system refuses to deregister it.
    pub fn into_inner(self) -> io::Result<S> {
        let mut source = self.source.borrow_mut().take().ok_or_else(gone)?;
        if let Some(token) = self.token.take() {
            let result = self.reactor.deregister(&mut source);
            self.reactor.forget(token);
            result?;
        }
        Ok(source)
    }

    /// Tries a reading operation until it does not block, waiting in between.
    ///
    /// `op` returns [`io::ErrorKind::WouldBlock`] when there is nothing to read. It may be
    /// called again after a wait; [`io::ErrorKind::Interrupted`] is retried at once. `op` must
    /// not use this `Registered` itself.
    ///
    /// # Errors
    ///
    /// What `op` returns, and, when the source has to be registered to wait, what the selector
    /// returns or that the reactor's table is full ([`io::ErrorKind::OutOfMemory`], wrapping
    /// [`SourcesFull`](polliwog_core::sources::SourcesFull)).
    #[inline]
    pub fn poll_read_with<T>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_op(Direction::Read, cx, op)
    }

    /// Tries a writing operation until it does not block, waiting in between.
    ///
    /// As [`poll_read_with`](Self::poll_read_with) in every other way.
    ///
    /// # Errors
    ///
    /// As for [`poll_read_with`](Self::poll_read_with).
    #[inline]
    pub fn poll_write_with<T>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.poll_op(Direction::Write, cx, op)
    }

    /// Waits until a read may succeed, without reading.
    ///
    /// # Errors
    ///
    /// When the source cannot be registered, see [`poll_read_with`](Self::poll_read_with).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
        self.poll_ready(Direction::Read, cx)
    }

    /// Waits until a write may succeed, without writing.
    ///
    /// # Errors
    ///
    /// When the source cannot be registered, see [`poll_read_with`](Self::poll_read_with).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
        self.poll_ready(Direction::Write, cx)
    }

    /// Tries an operation once and does not wait.
    ///
    /// # Errors
    ///
    /// What `op` returns; [`io::ErrorKind::WouldBlock`] makes the next wait in that direction
    /// wait for news.
    pub fn try_with<T>(
        &self,
        direction: Direction,
        op: impl FnOnce(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.with(op).map_err(|error| {
            if would_block(&error) {
                self.clear(direction);
            } else if was_dropped(&error) {
                let watched = self.watch(None);
                return watched.err().unwrap_or(io::ErrorKind::WouldBlock.into());
            }
            error
        })
    }

    /// To be called after a stream socket read less than it was asked to: there is nothing left
    /// to read, and the selector will report the next arrival.
    #[inline]
    pub(crate) fn read_short(&self) {
        if TRUE_EDGES {
            self.ready.set(self.ready.get() & !used_up(Direction::Read));
        }
    }

    /// To be called after a stream socket wrote less than it was asked to.
    #[inline]
    pub(crate) fn write_short(&self) {
        if TRUE_EDGES {
            self.ready
                .set(self.ready.get() & !used_up(Direction::Write));
        }
    }

    /// Registers a socket whose connect is under way for both directions.
    pub(crate) fn register_both(&self) -> io::Result<()> {
        self.watch(Some(Interest::READABLE | Interest::WRITABLE))
            .map(drop)
    }

    #[inline]
    fn watched(&self, direction: Direction) -> Option<Token> {
        if watches(self.interest.get(), direction) {
            self.token.get()
        } else {
            None
        }
    }

    #[inline]
    fn poll_op<T>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if !self.is_ready(direction) {
            match self.watched(direction) {
                Some(token) => ready!(self.poll_watched(token, direction, cx)),
                None => ready!(self.poll_unwatched(direction, cx))?,
            }
        }
        let streak = self.streak.get();
        if streak == STREAK {
            return self.pause(cx);
        }
        self.streak.set(streak + 1);
        loop {
            match self.with(&mut op) {
                Err(error) if would_block(&error) || was_dropped(&error) => {
                    if was_dropped(&error) {
                        self.watch(None)?;
                    }
                    self.clear(direction);
                    if !self.is_ready(direction) {
                        ready!(self.poll_unwatched(direction, cx))?;
                    }
                    // Still ready, because the source is closed in this direction. One that
                    // says both is asked again, though not before other tasks had their turn.
                    return self.pause(cx);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
    }

    #[cold]
    fn pause<T>(&self, cx: &mut Context<'_>) -> Poll<T> {
        self.streak.set(0);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether an operation may be tried.
    #[inline]
    fn is_ready(&self, direction: Direction) -> bool {
        self.ready.get().intersects(direction.mask())
    }

    /// Notes that an operation would have blocked.
    #[inline]
    fn clear(&self, direction: Direction) {
        self.ready.set(self.ready.get() & !used_up(direction));
        if let Some(token) = self.token.get() {
            self.reactor.clear_ready(token, used_up(direction));
        }
    }

    /// Waits until the source is ready, as far as that is known.
    fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Readiness>> {
        // Until the source is watched it is not known whether it is ready.
        if self.watched(direction).is_none() || !self.is_ready(direction) {
            ready!(self.poll_unwatched(direction, cx))?;
        }
        if self.streak.get() == STREAK {
            return self.pause(cx);
        }
        self.streak.set(self.streak.get() + 1);
        Poll::Ready(Ok(self.ready.get() & direction.mask()))
    }

    /// Waits until the reactor reports something about a source that it watches.
    #[inline(always)]
    fn poll_watched(&self, token: Token, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        // Somebody who has just waited was woken, as a rule. After some operations there is
        // nothing left, as a rule.
        if self.streak.get() == 0 {
            let ready = self.reactor.take_ready(token, direction);
            if !ready.is_empty() {
                self.ready.set(self.ready.get() | ready);
                return Poll::Ready(());
            }
        }
        match self.reactor.poll_take(token, direction, cx) {
            Poll::Ready(ready) => {
                self.ready.set(self.ready.get() | ready);
                Poll::Ready(())
            }
            Poll::Pending => {
                self.streak.set(0);
                Poll::Pending
            }
        }
    }

    /// The same, of a source that it may still have to watch.
    #[inline(never)]
    fn poll_unwatched(&self, direction: Direction, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let token = match self.watched(direction) {
            Some(token) => token,
            None => self.watch(Some(match direction {
                Direction::Read => Interest::READABLE,
                Direction::Write => Interest::WRITABLE,
            }))?,
        };
        self.poll_watched(token, direction, cx).map(Ok)
    }

    /// Makes the selector watch the source for `more`, too, or again if it [dropped](was_dropped)
    /// the source.
    #[cold]
    fn watch(&self, more: Option<Interest>) -> io::Result<Token> {
        let Ok(mut source) = self.source.try_borrow_mut() else {
            return Err(io::Error::other("a source used inside its own operation"));
        };
        let source = source.as_mut().ok_or_else(gone)?;
        let interest = match (self.interest.get(), more) {
            (Some(before), Some(more)) => before | more,
            (Some(interest), None) | (None, Some(interest)) => interest,
            (None, None) => return Err(io::Error::other("a source to be watched for nothing")),
        };
        // What was hoped for so far will be reported from now on.
        for direction in [Direction::Read, Direction::Write] {
            if watches(Some(interest), direction) && !watches(self.interest.get(), direction) {
                self.ready.set(self.ready.get() & !used_up(direction));
            }
        }
        let token = match self.token.get() {
            Some(token) => {
                match self.reactor.reregister(source, token, interest) {
                    Err(error) if was_dropped(&error) => {
                        self.reactor.register_again(source, token, interest)?;
                    }
                    result => result?,
                }
                token
            }
            None => self.reactor.register(source, interest)?,
        };
        self.token.set(Some(token));
        self.interest.set(Some(interest));
        Ok(token)
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

impl<S: Source> Drop for Registered<S> {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        if !(self.closes && CLOSE_DEREGISTERS) {
            if let Some(source) = self.source.get_mut() {
                if let Err(_error) = self.reactor.deregister(source) {
                    record!(debug, "cannot deregister a source: {_error}");
                }
            }
        }
        self.reactor.forget(token);
    }
}

impl<S: Source + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("source", &self.source)
            .field("interest", &self.interest.get())
            .finish_non_exhaustive()
    }
}

#[cold]
fn gone() -> io::Error {
    io::Error::other("the source has been taken out")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use mio::net::UnixStream;
    use polliwog_core::{Deadline, Reactor};
    use std::io::{Read, Write};
    use std::task::Waker;

    fn pair() -> (MioReactor, Registered<UnixStream>, UnixStream) {
        let reactor = MioReactor::with_limits(1, 16).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ours = Registered::with_reactor(&reactor, ours);
        (reactor, ours, theirs)
    }

    #[test]
    fn a_source_that_never_waits_is_never_registered() {
        let (reactor, ours, mut theirs) = pair();
        let mut cx = Context::from_waker(Waker::noop());
        theirs.write_all(b"x").unwrap();
        let mut buf = [0; 4];
        let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
        assert!(matches!(read, Poll::Ready(Ok(1))));
        let written = ours.poll_write_with(&mut cx, |mut io| io.write(b"y"));
        assert!(matches!(written, Poll::Ready(Ok(1))));
        assert_eq!(reactor.sources(), 0);
        let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
        assert!(read.is_pending());
        assert_eq!(reactor.sources(), 1);
        assert!(!ours.interest.get().unwrap().is_writable());
        drop(ours);
        assert_eq!(reactor.sources(), 0);
    }

    #[test]
    fn the_limit_of_sources_is_an_error_of_the_one_too_many() {
        let (reactor, ours, _theirs) = pair();
        let (other, _open) = UnixStream::pair().unwrap();
        let other = Registered::with_reactor(&reactor, other);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(ours.poll_read_ready(&mut cx).is_pending());
        let Poll::Ready(Err(error)) = other.poll_read_ready(&mut cx) else {
            panic!("there is room for one source only");
        };
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert!(error.to_string().contains("all 1 sources"), "{error}");
        drop(ours);
        assert!(other.poll_read_ready(&mut cx).is_pending());
    }

    #[test]
    fn after_a_short_read_the_next_one_waits_without_a_try() {
        if !TRUE_EDGES {
            return;
        }
        let (reactor, ours, mut theirs) = pair();
        let mut cx = Context::from_waker(Waker::noop());
        let mut tries = 0;
        let mut read = |cx: &mut Context<'_>| {
            let read = ours.poll_read_with(cx, |mut io| {
                tries += 1;
                io.read(&mut [0; 4])
            });
            if read.is_ready() {
                ours.read_short();
            }
            (read.is_ready(), tries)
        };
        theirs.write_all(b"x").unwrap();
        assert_eq!(read(&mut cx), (true, 1));
        assert_eq!(read(&mut cx), (false, 1));
        theirs.write_all(b"x").unwrap();
        reactor.park(Deadline::Never).unwrap();
        assert_eq!(read(&mut cx), (true, 2));
        assert_eq!(read(&mut cx), (false, 2));
        // The end of the stream stays visible: it is found although the read before was short.
        theirs.write_all(b"x").unwrap();
        drop(theirs);
        reactor.park(Deadline::Never).unwrap();
        assert_eq!(read(&mut cx), (true, 3));
        assert_eq!(read(&mut cx), (true, 4));
    }

    #[test]
    fn what_is_hoped_for_is_no_news() {
        let (reactor, ours, mut theirs) = pair();
        let mut cx = Context::from_waker(Waker::noop());
        let mut buf = [0; 4];
        let read = ours.poll_read_with(&mut cx, |mut io| io.read(&mut buf));
        assert!(read.is_pending());
        // Watched for reading, not for writing: a write may be tried, but is not reported ready.
        assert!(ours.poll_write_ready(&mut cx).is_pending());
        reactor.park(Deadline::Never).unwrap();
        assert!(ours.poll_write_ready(&mut cx).is_ready());
        assert!(ours.poll_read_ready(&mut cx).is_pending());
        theirs.write_all(b"x").unwrap();
        reactor.park(Deadline::Never).unwrap();
        // What has been reported stays until it has been used up.
        assert!(ours.poll_read_ready(&mut cx).is_ready());
        assert!(ours.poll_read_ready(&mut cx).is_ready());
        let read = || ours.try_with(Direction::Read, |mut io| io.read(&mut [0; 1]));
        assert_eq!(read().unwrap(), 1);
        assert_eq!(read().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(ours.poll_read_ready(&mut cx).is_pending());
    }

    #[test]
    fn a_source_that_is_always_ready_pauses_now_and_then() {
        let (_reactor, ours, mut theirs) = pair();
        let mut cx = Context::from_waker(Waker::noop());
        theirs.write_all(&[0; 1000]).unwrap();
        let read = |cx: &mut Context<'_>| ours.poll_read_with(cx, |mut io| io.read(&mut [0; 1]));
        let pauses = (0..1000).filter(|_| read(&mut cx).is_pending()).count();
        assert_eq!(pauses, 1000 / (usize::from(STREAK) + 1));
    }

    #[test]
    fn a_source_that_would_block_for_ever_does_not_hang_the_thread() {
        let (reactor, ours, theirs) = pair();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(ours.poll_read_ready(&mut cx).is_pending());
        drop(theirs);
        reactor.park(Deadline::Never).unwrap();
        let block = |_: &UnixStream| Err::<(), _>(io::ErrorKind::WouldBlock.into());
        assert!(ours.poll_read_with(&mut cx, block).is_pending());
    }

    #[test]
    fn a_source_can_be_taken_out_and_used_again() {
        let (reactor, ours, mut theirs) = pair();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(ours.poll_read_ready(&mut cx).is_pending());
        let ours = Registered::with_reactor(&reactor, ours.into_inner().unwrap());
        assert_eq!(reactor.sources(), 0);
        assert!(ours.poll_read_ready(&mut cx).is_pending());
        theirs.write_all(b"x").unwrap();
        reactor.park(Deadline::Never).unwrap();
        assert!(ours.poll_read_ready(&mut cx).is_ready());
    }
}
