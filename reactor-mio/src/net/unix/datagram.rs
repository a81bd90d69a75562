//! [`UnixDatagram`].

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use polliwog_core::sources::{Direction, Operation, Readiness, WaiterId};
use polliwog_core::time::{now, timeout};
use rustix::net::{RecvFlags, SocketAddrUnix, connect, recv, sendto};

use super::{address, fds, fds::passes_descriptors};
use crate::net::datagrams::datagrams;
use crate::net::moving::movable;
use crate::net::no_sigpipe::WITHOUT_SIGNAL;
use crate::reactor::MioReactor;
use crate::source::Attached;

/// How long [`UnixDatagram::send_to`] rests at first, and at most, while the receiver's queue is full.
const REST: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(64));

/// A Unix socket for datagrams, of which none is lost and none overtakes another.
///
/// All operations take `&self`, and any number of tasks can wait to send and to receive: a datagram goes to
/// one of them. The file of its name stays when it is dropped: see [`net::unix`](crate::net::unix).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::UnixDatagram;
///
/// polliwog::block_on(async {
///     let (one, other) = UnixDatagram::pair()?;
///     one.send(b"hop").await?;
///     let mut buf = [0; 16];
///     let n = other.recv(&mut buf).await?;
///     assert_eq!(&buf[..n], b"hop");
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct UnixDatagram {
    io: Attached<mio::net::UnixDatagram>,
    /// Nothing will ever come.
    shut: Cell<bool>,
}

impl UnixDatagram {
    fn of(io: Attached<mio::net::UnixDatagram>) -> UnixDatagram {
        UnixDatagram {
            io,
            shut: Cell::new(false),
        }
    }

    fn unless_shut<T>(&self, received: io::Result<T>) -> io::Result<T> {
        match received {
            // Linux would say so for ever, where a call that blocks returns.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.shut.get() => Err(
                io::Error::other("would wait for ever: the socket has been shut down for reading"),
            ),
            received => received,
        }
    }

    /// Binds to a path. One that begins with a zero byte is an abstract name on Linux.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-bind-{}", std::process::id()));
    ///     let socket = UnixDatagram::bind(&path)?;
    ///     assert_eq!(socket.local_addr()?.as_pathname(), Some(path.as_path()));
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, [`io::ErrorKind::AddrInUse`] if there is a file of that name already;
    /// [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        Self::bind_addr(&address(path.as_ref())?)
    }

    /// Binds to an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        let reactor = MioReactor::current()?;
        let socket = mio::net::UnixDatagram::bind_addr(addr)?;
        Ok(Self::attach(&reactor, socket))
    }

    /// Makes a socket without a name, to which nobody can send.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UnixDatagram::unbound()?;
    ///     assert!(socket.local_addr()?.is_unnamed());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports; [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn unbound() -> io::Result<UnixDatagram> {
        let reactor = MioReactor::current()?;
        Ok(Self::attach(&reactor, mio::net::UnixDatagram::unbound()?))
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    ///     let (one, two) = UnixDatagram::pair()?;
    ///     one.send(b"hop").await?;
    ///     let mut buf = [0; 16];
    ///     assert_eq!(two.recv(&mut buf).await?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`unbound`](Self::unbound).
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let reactor = MioReactor::current()?;
        let (one, other) = mio::net::UnixDatagram::pair()?;
        Ok((Self::attach(&reactor, one), Self::attach(&reactor, other)))
    }

    /// Sets the peer that [`send`](Self::send) and [`recv`](Self::recv) talk to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-connect-{}", std::process::id()));
    ///     let server = UnixDatagram::bind(&path)?;
    ///     let client = UnixDatagram::unbound()?;
    ///     client.connect(&path)?;
    ///     client.send(b"hop").await?;
    ///     assert_eq!(server.recv(&mut [0; 16]).await?, 3);
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, if nobody has that name for example.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_addr(&address(path.as_ref())?)
    }

    /// [`connect`](Self::connect) by address.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        let addr = to_rustix(addr)?;
        self.io.with(|socket| Ok(connect(socket, &addr)?))
    }

    /// Sends a datagram to whoever is bound to a path.
    ///
    /// While the receiver's queue is full, it is also asked again after 1 ms, and then after twice as long, up
    /// to 64 ms: of a receiver that a socket is not connected to Linux does not tell when there is room.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-send-{}", std::process::id()));
    ///     let server = UnixDatagram::bind(&path)?;
    ///     UnixDatagram::unbound()?.send_to(b"hop", &path).await?;
    ///     assert_eq!(server.recv(&mut [0; 16]).await?, 3);
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, if nobody has that name for example.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped before it is done.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let addr = address(path.as_ref())?;
        self.send_to_addr(buf, &addr).await
    }

    /// [`send_to`](Self::send_to) by address.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to`](Self::send_to).
    pub async fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        let addr = &to_rustix(addr)?;
        let send = |socket: &mio::net::UnixDatagram| send_to(socket, buf, addr);
        let mut rest = REST.0;
        loop {
            let operation = Operation::write(&self.io, |io, cx, id| {
                io.poll_op(id, Direction::Write, cx, send, |n| *n)
            });
            if now().is_none() {
                return operation.await;
            }
            if let Ok(result) = timeout(rest, operation).await {
                return result;
            }
            match self.io.try_with(Direction::Write, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    rest = (rest * 2).min(REST.1);
                }
                result => return result,
            }
        }
    }

    /// Sends a datagram to whoever is bound to a path, if that does not have to wait.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixDatagram;
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-try-send-{}", std::process::id()));
    ///     let server = UnixDatagram::bind(&path)?;
    ///     UnixDatagram::unbound()?.try_send_to(b"hop", &path)?;
    ///     assert_eq!(server.try_recv(&mut [0; 16])?, 3);
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if it has to.
    pub fn try_send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let addr = to_rustix(&address(path.as_ref())?)?;
        self.io
            .try_with(Direction::Write, |socket| send_to(socket, buf, &addr))
    }

    /// Closes one or both directions. To receive is an error then, once nothing is left.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixDatagram;
    /// use std::net::Shutdown;
    ///
    /// polliwog::block_on(async {
    ///     let (one, _two) = UnixDatagram::pair()?;
    ///     one.shutdown(Shutdown::Write)?;
    ///     assert!(one.try_send(b"hop").is_err());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.with(|socket| socket.shutdown(how))?;
        if !matches!(how, Shutdown::Write) {
            self.shut.set(true);
            // Not every selector tells those who wait.
            if let Some(row) = self.io.row() {
                row.set_ready(Readiness::READ_CLOSED).wake();
            }
        }
        Ok(())
    }
}

datagrams! {
    UnixDatagram: mio::net::UnixDatagram, std::os::unix::net::UnixDatagram, SocketAddr, peek
}

passes_descriptors!(UnixDatagram: mio::net::UnixDatagram, "a datagram to the peer", "");

fn peek(socket: &mio::net::UnixDatagram, buf: &mut [u8]) -> io::Result<usize> {
    let (read, _) = socket.try_io(|| Ok(recv(socket, buf, RecvFlags::PEEK)?))?;
    Ok(read)
}

/// By address, which mio cannot.
fn send_to(
    socket: &mio::net::UnixDatagram,
    buf: &[u8],
    addr: &SocketAddrUnix,
) -> io::Result<usize> {
    socket.try_io(|| Ok(sendto(socket, buf, WITHOUT_SIGNAL, addr)?))
}

fn to_rustix(addr: &SocketAddr) -> io::Result<SocketAddrUnix> {
    if let Some(path) = addr.as_pathname() {
        return Ok(SocketAddrUnix::new(path)?);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt;
        if let Some(name) = addr.as_abstract_name() {
            return Ok(SocketAddrUnix::new_abstract_name(name)?);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "nothing can be sent to an unnamed address",
    ))
}

sockets! {
    UnixDatagram: socket => socket.io;
}

movable! {
    UnixDatagram: mio::net::UnixDatagram, bool;
    socket => socket.io, socket.shut.get();
    (io, shut) => UnixDatagram { io, shut: Cell::new(shut) }
}

std_conversions! {
    UnixDatagram: std::os::unix::net::UnixDatagram;
}
