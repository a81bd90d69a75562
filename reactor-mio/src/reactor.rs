//! [`MioReactor`]: the reactor on top of mio's selector.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest};
use polliwog_core::sources::{Page, Pages, Readiness, Sources, Token, Wakeups};
use polliwog_core::{Deadline, Instant, Reactor};

use crate::dispatch;
use crate::hooks::ParkHooks;
use crate::sys::{Clock, Timeout, Wait};
use crate::time::Paused;

mod current;

pub(crate) use current::{Entered, INSTEAD};

/// The token of the unparker: no source has it, see [`Token::to_usize`].
const UNPARK: mio::Token = mio::Token(usize::MAX);

/// How many events one wait takes over at most, unless the builder says otherwise.
pub(crate) const DEFAULT_EVENTS: usize = 1024;
/// How many sources a reactor watches at most, unless the builder says otherwise.
pub(crate) const DEFAULT_SOURCES: usize = 1 << 20;

/// A longer wait is interrupted once, since some systems refuse one until the end of time.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Time, input and output for one executor, through epoll, kqueue or IOCP.
///
/// A value of this type is a cheap handle: clones share one selector and one table of sources.
/// It belongs to one thread.
///
/// [`Runtime`](crate::Runtime) makes one, and makes it *current* while it runs, so that
/// sockets find it. To pair it with an executor of your own, keep it current by
/// [`enter`](MioReactor::enter).
///
/// # Limits
///
/// The table of sources holds a stated maximum (2²⁰ unless given): a socket that has to
/// wait beyond it fails with an error that wraps
/// [`SourcesFull`](polliwog_core::sources::SourcesFull).
///
/// # Resolution
///
/// On Linux, waits end within about 60 µs of their deadline (`epoll_pwait2`; kernels before
/// 5.11: a millisecond). Elsewhere mio waits in milliseconds, rounded up.
#[derive(Clone)]
pub struct MioReactor {
    pub(crate) inner: Rc<Inner>,
}

pub(crate) struct Inner {
    poll: RefCell<mio::Poll>,
    sources: RefCell<Sources<Pages>>,
    wait: Wait,
    /// Taken out while events are dispatched, so that a waker may come back here.
    events: Cell<Option<Events>>,
    events_capacity: usize,
    clock: Clock,
    pub(crate) paused: Paused,
    hooks: ParkHooks,
    unparker: Waker,
    #[cfg(unix)]
    signals: crate::signal::OfReactor,
    /// This is the thread's current reactor, and its runtime has not ended.
    is_home: Cell<bool>,
    /// A runtime drives this reactor, and nobody else.
    of_runtime: Cell<bool>,
    /// That runtime has ended.
    ended: Cell<bool>,
}

struct Unpark(mio::Waker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Err(_error) = self.0.wake() {
            record!(error, "cannot unpark a reactor: {_error}");
        }
    }
}

impl MioReactor {
    /// Makes a reactor with the default limits.
    ///
    /// # Errors
    ///
    /// When the operating system gives out no selector, for lack of file descriptors as a rule.
    pub fn new() -> io::Result<Self> {
        Self::with_limits(DEFAULT_SOURCES, DEFAULT_EVENTS)
    }

    /// Makes a reactor that watches at most `max_sources` sources at a time and takes at most
    /// `events_capacity` events from the system per wait.
    ///
    /// # Errors
    ///
    /// Like [`new`](Self::new).
    pub fn with_limits(max_sources: usize, events_capacity: usize) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let unparker = mio::Waker::new(poll.registry(), UNPARK)?;
        let events_capacity = events_capacity.max(1);
        Ok(Self {
            inner: Rc::new(Inner {
                poll: RefCell::new(poll),
                sources: RefCell::new(Sources::new(Pages::new(), max_sources)),
                wait: Wait::new(events_capacity),
                events: Cell::new(None),
                events_capacity,
                clock: Clock::start(),
                paused: Paused::new(),
                hooks: ParkHooks::default(),
                unparker: Arc::new(Unpark(unparker)).into(),
                #[cfg(unix)]
                signals: Default::default(),
                is_home: Cell::new(false),
                of_runtime: Cell::new(false),
                ended: Cell::new(false),
            }),
        })
    }

    /// Wakes all who still wait for a source, so that they get that error.
    pub(crate) fn wake_all(&self) {
        let mut wakeups = Vec::new();
        let sources = self.inner.sources.borrow();
        sources.for_each(|row| wakeups.push(row.wake_all()));
        drop(sources);
        dispatch::for_each_event(wakeups, Wakeups::wake);
    }

    /// Returns how many sources are being watched.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = polliwog::Runtime::new()?;
    /// assert_eq!(runtime.reactor().sources(), 0);
    /// # Ok(()) }
    /// ```
    pub fn sources(&self) -> usize {
        self.inner.sources.borrow().len()
    }

    /// Returns how many sources can be watched at a time.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = polliwog::Runtime::builder().max_sources(100).build()?;
    /// assert_eq!(runtime.reactor().max_sources(), 100);
    /// # Ok(()) }
    /// ```
    pub fn max_sources(&self) -> usize {
        self.inner.sources.borrow().capacity()
    }

    /// Puts a source into the table and into the selector.
    pub(crate) fn register(
        &self,
        source: &mut (impl Source + ?Sized),
        interest: Interest,
    ) -> io::Result<(Rc<Page>, Token)> {
        let inner = &*self.inner;
        let (page, token) = {
            let mut sources = inner.sources.borrow_mut();
            let token = sources
                .insert()
                .map_err(|full| io::Error::new(io::ErrorKind::OutOfMemory, full))?;
            (sources.page(token), token)
        };
        let number = mio::Token(token.to_usize());
        let poll = inner.poll.borrow();
        let registered = poll.registry().register(source, number, interest);
        match (registered, page) {
            (Ok(()), Some(page)) => Ok((page, token)),
            (result, _) => {
                self.forget(token);
                Err(result.err().unwrap_or_else(|| io::ErrorKind::Other.into()))
            }
        }
    }

    /// Changes what a source is watched for.
    pub(crate) fn reregister(
        &self,
        source: &mut (impl Source + ?Sized),
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let number = mio::Token(token.to_usize());
        let poll = self.inner.poll.borrow();
        poll.registry().reregister(source, number, interest)
    }

    /// Puts a source back into the selector, which has dropped it.
    pub(crate) fn register_again(
        &self,
        source: &mut (impl Source + ?Sized),
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let poll = self.inner.poll.borrow();
        // The source itself still believes that it is registered.
        let _ = poll.registry().deregister(source);
        let number = mio::Token(token.to_usize());
        poll.registry().register(source, number, interest)
    }

    /// Takes a source out of the selector. [`forget`](Self::forget) has to follow.
    pub(crate) fn deregister(&self, source: &mut (impl Source + ?Sized)) -> io::Result<()> {
        self.inner.poll.borrow().registry().deregister(source)
    }

    /// Takes a source out of the table.
    pub(crate) fn forget(&self, token: Token) {
        let wakeups = self.inner.sources.borrow_mut().remove(token);
        // Nobody can wait for a source that is gone. Dropped only now: the table is free again.
        drop(wakeups);
    }

    /// What hears of signals, as long as somebody listens.
    #[cfg(unix)]
    pub(crate) fn signals(&self) -> &crate::signal::OfReactor {
        &self.inner.signals
    }

    /// Waits until there is an event.
    #[inline(never)]
    fn wait(&self, timeout: Option<&Timeout>) -> io::Result<()> {
        let inner = &*self.inner;
        let dispatch = |number, ready| self.dispatch(number, ready);
        let rare = |number, ready| self.dispatch_rare(number, ready);
        if inner.wait.wait(&inner.poll, timeout, dispatch, rare)? {
            return Ok(());
        }
        self.wait_by_mio(timeout.map(Timeout::duration)).map(drop)
    }

    /// Dispatches what is there without waiting, and tells whether there was anything, an unpark
    /// included.
    pub(crate) fn look(&self) -> io::Result<bool> {
        let inner = &*self.inner;
        let found = Cell::new(false);
        let dispatch = |number, ready| {
            found.set(true);
            self.dispatch_rare(number, ready);
        };
        let at_once = Timeout::new(Duration::ZERO);
        if inner
            .wait
            .wait(&inner.poll, Some(&at_once), dispatch, dispatch)?
        {
            return Ok(found.get());
        }
        Ok(self.wait_by_mio(Some(Duration::ZERO))? > 0)
    }

    /// The system's time, paused or not.
    pub(crate) fn system_time(&self) -> Instant {
        self.inner.clock.elapsed()
    }

    #[inline(never)]
    fn wait_at_most(&self, timeout: Duration) -> io::Result<()> {
        self.wait(Some(&Timeout::new(timeout.min(LONGEST_WAIT))))
    }

    fn wait_until(&self, at: Instant) -> io::Result<()> {
        if self.inner.paused.get().is_some() {
            return self.wait_paused(at);
        }
        self.wait_at_most(at.saturating_duration_since(self.now()))
    }

    #[inline]
    fn park_only(&self, until: Deadline) -> io::Result<()> {
        match until {
            Deadline::Never => self.wait(None),
            Deadline::Now => self.wait_at_most(Duration::ZERO),
            Deadline::At(at) => self.wait_until(at),
        }
    }

    #[cold]
    fn park_between_hooks(&self, until: Deadline) -> io::Result<()> {
        let hooks = &self.inner.hooks;
        if hooks.before() {
            return Ok(());
        }
        let parked = self.park_only(until);
        hooks.after();
        parked
    }

    /// Has `hook` called with `true` before the thread blocks in a wait, and with `false` after it.
    pub(crate) fn set_park_hook(&self, hook: impl Fn(bool) + 'static) {
        self.inner.hooks.set(Box::new(hook));
    }

    /// The same by mio, which rounds up to milliseconds.
    #[inline(never)]
    fn wait_by_mio(&self, timeout: Option<Duration>) -> io::Result<usize> {
        let inner = &*self.inner;
        let mut events = inner
            .events
            .take()
            .unwrap_or_else(|| Events::with_capacity(inner.events_capacity));
        let waited = inner.poll.borrow_mut().poll(&mut events, timeout);
        let mut count = 0;
        match waited {
            Ok(()) => {
                dispatch::for_each_event(events.iter(), |event| {
                    count += 1;
                    self.dispatch_rare(event.token().0, dispatch::readiness(event));
                });
                record!(trace, "mio: {count} events");
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        inner.events.set(Some(events));
        Ok(count)
    }

    #[inline(never)]
    fn dispatch_rare(&self, number: usize, ready: Readiness) {
        self.dispatch(number, ready);
    }

    /// Notes an event and wakes who waits for it; the table is free while a waker runs.
    #[inline(always)]
    fn dispatch(&self, number: usize, ready: Readiness) {
        // Nobody is woken by late news of a source that is gone, nor by the unparker.
        let wakeups = self.inner.sources.borrow_mut().report_only(number, ready);
        dispatch::wake(wakeups);
    }
}

impl Reactor for MioReactor {
    type Error = io::Error;

    #[inline]
    fn now(&self) -> Instant {
        match self.inner.paused.get() {
            None => self.inner.paused.shifted(self.inner.clock.elapsed()),
            Some(now) => now,
        }
    }

    #[inline]
    fn resolution(&self) -> Duration {
        match self.inner.paused.get() {
            None => Clock::RESOLUTION,
            Some(_) => Duration::ZERO,
        }
    }

    #[inline]
    fn park(&self, until: Deadline) -> io::Result<()> {
        if self.inner.hooks.are_set() && until != Deadline::Now {
            return self.park_between_hooks(until);
        }
        self.park_only(until)
    }

    fn unparker(&self) -> Waker {
        self.inner.unparker.clone()
    }
}

impl fmt::Debug for MioReactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MioReactor")
            .field("sources", &self.sources())
            .field("max_sources", &self.max_sources())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polliwog_core::sources::Direction;
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn connected() -> (mio::net::TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        (mio::net::TcpStream::from_std(ours), theirs)
    }

    #[test]
    fn unpark_is_sticky_and_counts_once() {
        let reactor = MioReactor::new().unwrap();
        let unparker = reactor.unparker();
        unparker.wake_by_ref();
        unparker.wake_by_ref();
        reactor.park(Deadline::Never).unwrap();
        std::thread::spawn(move || unparker.wake());
        reactor.park(Deadline::Never).unwrap();
        let before = reactor.now();
        let deadline = before + Duration::from_micros(300);
        while reactor.now() < deadline {
            reactor.park(Deadline::At(deadline)).unwrap();
        }
    }

    #[test]
    fn events_of_a_source_that_is_gone_reach_nobody() {
        let reactor = MioReactor::with_limits(1, 4).unwrap();
        let (mut old, theirs) = connected();
        let (_, stale) = reactor.register(&mut old, Interest::READABLE).unwrap();
        io::Write::write_all(&mut &theirs, b"late").unwrap();
        // The table forgets the source, the selector does not: its event comes all the same.
        reactor.forget(stale);
        let (mut new, _open) = connected();
        let (page, token) = reactor.register(&mut new, Interest::READABLE).unwrap();
        assert_eq!(token.index(), stale.index());
        let row = page.row(token.index());
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        assert!(row.poll_ready(Direction::Read, &mut cx).is_pending());
        reactor.park(Deadline::Never).unwrap();
        assert!(row.poll_ready(Direction::Read, &mut cx).is_pending());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        reactor.deregister(&mut old).unwrap();
        reactor.forget(token);
    }

    #[test]
    fn both_ways_of_waiting_report_the_same() {
        let deadlines = [Deadline::Never, Deadline::At(Instant::MAX), Deadline::Now];
        let ways = deadlines.map(|deadline| [(deadline, false), (deadline, true)]);
        for (deadline, by_mio) in ways.into_iter().flatten() {
            let reactor = MioReactor::new().unwrap();
            if by_mio {
                reactor.inner.wait.refuse();
            }
            let (mut ours, theirs) = connected();
            let (page, token) = reactor.register(&mut ours, Interest::READABLE).unwrap();
            let row = page.row(token.index());
            let count = Arc::new(Count(AtomicUsize::new(0)));
            let waker = Waker::from(Arc::clone(&count));
            let mut cx = Context::from_waker(&waker);
            assert!(row.poll_ready(Direction::Read, &mut cx).is_pending());
            io::Write::write_all(&mut &theirs, b"news").unwrap();
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            let (mut seen, mut read) = (Readiness::NONE, Vec::new());
            // The data and the end of the stream may come one after the other; on Windows the
            // second comes only when a read has found nothing more.
            let mut ended = false;
            while !ended {
                reactor.park(deadline).unwrap();
                seen |= row.ready();
                match io::Read::read_to_end(&mut &ours, &mut read) {
                    Ok(_) => ended = true,
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
            assert!(seen.contains(Readiness::READABLE) && read == b"news");
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
            reactor.deregister(&mut ours).unwrap();
            reactor.forget(token);
        }
    }
}
