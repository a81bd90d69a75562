//! [`AsyncSource`] and [`AsyncFd`]: I/O sources that know their reactor.

use std::fmt;
use std::io;
use std::task::{Context, Poll};

use mio::event::Source;
use polliwog_core::sources::{Direction, Readiness, Waited, WaiterId};

use crate::reactor::MioReactor;
use hold::{Exclusive, Shared};
pub(crate) use watched::Parts;
use watched::Watched;

#[cfg(unix)]
mod async_fd;
mod hold;
mod io_traits;
#[cfg(unix)]
pub(crate) mod name;
mod watched;

#[cfg(unix)]
pub use async_fd::AsyncFd;

/// What sockets and pipes are made of: a source that nobody changes.
pub(crate) type Attached<S> = Watched<Shared<S>>;

/// Any source of mio's, made to work with tasks.
///
/// This is what the sockets of [`net`](crate::net) are made of, and the way to bring along a
/// source of your own. mio itself is `polliwog::mio::mio`. For a file descriptor of Unix that is none of mio's
/// sources there is `AsyncFd`.
///
/// Where `&S` reads or writes, as it does for mio's own sources, the whole has the traits of `futures-io` and
/// `embedded-io-async`, and with the features those of tokio and hyper.
///
/// # How it works
///
/// An operation is tried first. Only when it would block for the first time, the source is put
/// into the reactor's table and registered with the selector, edge-triggered and for the
/// direction that had to wait; the other direction joins when it has to wait. A source that
/// never waits costs no system call for it. From then on an operation is tried only once an
/// event said that it may succeed.
///
/// Any number of tasks can wait to read, and any number to write: an event wakes all of its direction, and
/// who comes too late waits on.
///
/// Every operation that goes ahead draws from the [budget](polliwog_core::task::budget) of its task.
///
/// What would have to wait is an error where nobody would ever end the wait: once the runtime that the
/// source belongs to has ended, and inside of another one of the same thread.
///
/// # Example
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// # #[cfg(unix)] {
/// use mio::unix::pipe;
/// use polliwog::AsyncSource;
/// use std::{future::poll_fn, io::{Read, Write}};
///
/// polliwog::block_on(async {
///     let (mut sender, receiver) = pipe::new()?;
///     let receiver = AsyncSource::new(receiver)?;
///     sender.write_all(b"hop")?;
///     let mut buf = [0; 8];
///     let n = poll_fn(|cx| receiver.poll_read_with(cx, |mut pipe| pipe.read(&mut buf))).await?;
///     assert_eq!(&buf[..n], b"hop");
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// # }
/// ```
pub struct AsyncSource<S: Source> {
    io: Watched<Exclusive<S>>,
}

impl<S: Source> AsyncSource<S> {
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
        Self {
            io: Watched::with_reactor(reactor, source),
        }
    }

    /// Returns the reactor that this source is attached to.
    pub fn reactor(&self) -> &MioReactor {
        self.io.reactor()
    }

    /// Calls `f` with the source.
    ///
    /// # Errors
    ///
    /// What `f` returns.
    #[inline]
    pub fn with<T>(&self, f: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        self.io.with(f)
    }

    /// Detaches the source from the reactor and returns it.
    ///
    /// # Errors
    ///
    /// When the operating system refuses to deregister it.
    pub fn into_inner(self) -> io::Result<S> {
        self.io.into_inner()
    }
}

/// The methods that wait for `$source`, of a struct with the field `io`, which is a [`Watched`].
macro_rules! waits {
    ($source:ident) => {
        /// Tries a reading operation until it does not block, waiting in between.
        ///
        /// `op` returns [`io::ErrorKind::WouldBlock`] when there is nothing to read. It may be
        /// called again after a wait; [`io::ErrorKind::Interrupted`] is retried at once. `op` must
        /// not use this source but through its argument. An operation costs one unit of the task's
        /// [budget](polliwog_core::task::budget), however much it moves.
        ///
        /// # Errors
        ///
        /// What `op` returns, and, when the source has to be registered to wait, what the selector
        /// returns or that the reactor's table is full ([`io::ErrorKind::OutOfMemory`], wrapping
        /// [`SourcesFull`](polliwog_core::sources::SourcesFull)).
        #[inline]
        pub fn poll_read_with<R>(
            &self,
            cx: &mut Context<'_>,
            op: impl FnMut(&$source) -> io::Result<R>,
        ) -> Poll<io::Result<R>> {
            let id = WaiterId::ANONYMOUS;
            self.io.poll_op(id, Direction::Read, cx, op, |_| 0)
        }

        /// Tries a writing operation until it does not block, waiting in between.
        ///
        /// As [`poll_read_with`](Self::poll_read_with) in every other way.
        ///
        /// # Errors
        ///
        /// As for [`poll_read_with`](Self::poll_read_with).
        #[inline]
        pub fn poll_write_with<R>(
            &self,
            cx: &mut Context<'_>,
            op: impl FnMut(&$source) -> io::Result<R>,
        ) -> Poll<io::Result<R>> {
            let id = WaiterId::ANONYMOUS;
            self.io.poll_op(id, Direction::Write, cx, op, |_| 0)
        }

        /// Waits until a read may succeed, without reading.
        ///
        /// # Errors
        ///
        /// When the source cannot be registered, see [`poll_read_with`](Self::poll_read_with).
        pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
            self.io.poll_ready(WaiterId::ANONYMOUS, Direction::Read, cx)
        }

        /// Waits until a write may succeed, without writing.
        ///
        /// # Errors
        ///
        /// When the source cannot be registered, see [`poll_read_with`](Self::poll_read_with).
        pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
            self.io
                .poll_ready(WaiterId::ANONYMOUS, Direction::Write, cx)
        }

        /// Tries an operation once and does not wait.
        ///
        /// # Errors
        ///
        /// What `op` returns; [`io::ErrorKind::WouldBlock`] makes the next wait in that direction
        /// wait for news.
        pub fn try_with<R>(
            &self,
            direction: Direction,
            op: impl FnOnce(&$source) -> io::Result<R>,
        ) -> io::Result<R> {
            self.io.try_with(direction, op)
        }
    };
}
#[cfg(unix)]
use waits;

impl<S: Source> AsyncSource<S> {
    waits!(S);
}

impl<S: Source> Waited for AsyncSource<S> {
    #[inline]
    fn forget(&self, direction: Direction, id: WaiterId) {
        self.io.forget(direction, id);
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.io.waits(direction, id)
    }
}

impl<S: Source + fmt::Debug> fmt::Debug for AsyncSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
