//! [`AsyncFd`]: any file descriptor.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, Readiness, Waited, WaiterId};

use super::watched::Watched;
use super::{Attached, waits};
use crate::reactor::MioReactor;

/// Anything on Unix that has a file descriptor which can be waited for: a device, a pipe, a `timerfd`, an
/// `inotify`, a socket of another crate.
///
/// Where `&T` reads or writes, as it does for [`std::fs::File`] and the sockets of the standard library, the whole
/// has the traits of `futures-io` and `embedded-io-async`, and with the features those of tokio and hyper. For
/// everything else there are [`read_with`](Self::read_with) and [`write_with`](Self::write_with).
///
/// How it waits is said at [`AsyncSource`](crate::AsyncSource). A regular file cannot be waited for, and Linux
/// refuses it: see [`fs`](crate::fs). What `T` says its descriptor is must not change. Unix only.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// # #[cfg(unix)] {
/// use polliwog::AsyncFd;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// polliwog::block_on(async {
///     let (ours, mut theirs) = UnixStream::pair()?;
///     let ours = AsyncFd::new(ours)?;
///     theirs.write_all(b"hop")?;
///     let mut buf = [0; 8];
///     let n = ours.read_with(|mut socket| socket.read(&mut buf)).await?;
///     assert_eq!(&buf[..n], b"hop");
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// # }
/// ```
pub struct AsyncFd<T: AsFd> {
    pub(super) io: Attached<T>,
}

impl<T: AsFd> AsyncFd<T> {
    /// Attaches `inner` to the current reactor and makes its descriptor non-blocking. Nothing is registered
    /// before something has to wait.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] outside of a runtime, or what the system says to the change.
    pub fn new(inner: T) -> io::Result<Self> {
        let reactor = MioReactor::current()?;
        rustix::io::ioctl_fionbio(&inner, true)?;
        Ok(Self {
            io: Watched::with_reactor(&reactor, inner),
        })
    }

    /// Returns what this was made of. It stays in non-blocking mode.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// # #[cfg(unix)] {
    /// use polliwog::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    ///     let socket = AsyncFd::new(UnixDatagram::unbound()?)?;
    ///     assert!(socket.get_ref().local_addr()?.is_unnamed());
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap();
    /// # }
    /// ```
    pub fn get_ref(&self) -> &T {
        self.io.get_ref()
    }

    /// Takes it out again. The descriptor stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// When it cannot be taken out of the selector.
    pub fn into_inner(self) -> io::Result<T> {
        self.io.into_inner()
    }

    /// Tries an operation that reads until it does not block, waiting in between.
    ///
    /// `op` returns [`io::ErrorKind::WouldBlock`] when there is nothing yet, and may be called again;
    /// [`io::ErrorKind::Interrupted`] is retried at once.
    ///
    /// # Errors
    ///
    /// What `op` returns, or what the system says when the descriptor is to be waited for.
    ///
    /// # Cancel safety
    ///
    /// Whatever `op` has done before it would have blocked stays done.
    pub async fn read_with<U>(&self, mut op: impl FnMut(&T) -> io::Result<U>) -> io::Result<U> {
        Operation::read(&self.io, |io, cx, id| {
            io.poll_op(id, Direction::Read, cx, &mut op, |_| 0)
        })
        .await
    }

    /// Tries an operation that writes until it does not block, waiting in between.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// # #[cfg(unix)] {
    /// use polliwog::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    ///     let (ours, theirs) = UnixDatagram::pair()?;
    ///     let ours = AsyncFd::new(ours)?;
    ///     assert_eq!(ours.write_with(|socket| socket.send(b"hop")).await?, 3);
    /// #     drop(theirs);
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read_with`](Self::read_with).
    ///
    /// # Cancel safety
    ///
    /// As [`read_with`](Self::read_with).
    pub async fn write_with<U>(&self, mut op: impl FnMut(&T) -> io::Result<U>) -> io::Result<U> {
        Operation::write(&self.io, |io, cx, id| {
            io.poll_op(id, Direction::Write, cx, &mut op, |_| 0)
        })
        .await
    }

    /// Waits until a read may succeed. It may be wrong: [`try_with`](Self::try_with) tells.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be waited for.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn readable(&self) -> io::Result<()> {
        let ready = Operation::read(&self.io, |io, cx, id| {
            io.poll_ready(id, Direction::Read, cx)
        });
        ready.await.map(drop)
    }

    /// Waits until a write may succeed. It may be wrong: [`try_with`](Self::try_with) tells.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be waited for.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn writable(&self) -> io::Result<()> {
        let ready = Operation::write(&self.io, |io, cx, id| {
            io.poll_ready(id, Direction::Write, cx)
        });
        ready.await.map(drop)
    }

    waits!(T);
}

impl<T: AsFd> Waited for AsyncFd<T> {
    fn forget(&self, direction: Direction, id: WaiterId) {
        self.io.forget(direction, id);
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.io.waits(direction, id)
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFd").field(&self.io).finish()
    }
}
