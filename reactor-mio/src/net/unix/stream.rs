//! [`UnixStream`].

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};
use polliwog_core::task::consume_budget;
use polliwog_core::time::{now, sleep};
use rustix::net::{RecvFlags, recv};

use super::{UCred, address, credentials, fds, fds::passes_descriptors, split};
use crate::budget::{draw, poll_nothing};
use crate::net::byte_stream::{self, byte_stream, socket_stream};
use crate::net::connection::{self, connection};
use crate::net::moving::movable;
use crate::net::no_sigpipe;
use crate::reactor::MioReactor;
use crate::source::Attached;

/// How long a connect rests at first, and at most, while the listener's queue is full.
const REST: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(64));

/// A connection by a Unix socket.
///
/// All operations take `&self`, and any number of tasks can wait for each direction. For reading and
/// writing in two tasks at once, see [`split`](Self::split) (borrowed, free) and
/// [`into_split`](Self::into_split) (owned).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::UnixStream;
///
/// polliwog::block_on(async {
///     let (one, other) = UnixStream::pair()?;
///     one.write_all(b"ping").await?;
///     let mut buf = [0; 4];
///     other.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"ping");
///     # #[cfg(any(target_os = "linux", target_os = "android"))]
///     assert_eq!(one.peer_cred()?.pid(), Some(std::process::id() as i32));
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct UnixStream {
    io: Attached<mio::net::UnixStream>,
}

impl UnixStream {
    /// Connects to whoever listens at a path. One that begins with a zero byte is an abstract name on Linux.
    ///
    /// While the listener's queue is full, it is asked again after 1 ms, and then after twice as long, up to
    /// 64 ms: Linux tells of no better time.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::{UnixListener, UnixStream};
    ///
    /// polliwog::block_on(async {
    /// #     let path = std::env::temp_dir().join(format!("polliwog-doc-uconnect-{}", std::process::id()));
    ///     let _listener = UnixListener::bind(&path)?;
    ///     let stream = UnixStream::connect(&path).await?;
    /// #     drop(stream);
    /// #     std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports, [`io::ErrorKind::NotFound`] or [`io::ErrorKind::ConnectionRefused`] if nobody
    /// listens there; [`io::ErrorKind::NotConnected`] outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the attempt and closes its socket.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let addr = address(path.as_ref())?;
        Self::connect_addr(&addr).await
    }

    /// Connects to whoever listens at an address.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<UnixStream> {
        let reactor = MioReactor::current()?;
        let mut rest = REST.0;
        loop {
            draw(connection::CONNECT).await;
            match mio::net::UnixStream::connect_addr(addr) {
                Ok(socket) => return Self::ours(&reactor, socket).connected().await,
                // The queue is full. Without a clock there is nothing to be done about it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && now().is_some() => {
                    sleep(rest).await;
                    rest = (rest * 2).min(REST.1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes two streams that are connected to each other.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixStream;
    ///
    /// polliwog::block_on(async {
    ///     let (one, two) = UnixStream::pair()?;
    ///     one.write_all(b"hop").await?;
    ///     assert_eq!(two.read(&mut [0; 16]).await?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports; [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let reactor = MioReactor::current()?;
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((Self::ours(&reactor, one), Self::ours(&reactor, other)))
    }

    /// A socket that is ours alone. A short read does not tell the end of what there is: it may end at
    /// data that came with descriptors.
    pub(super) fn ours(reactor: &MioReactor, socket: mio::net::UnixStream) -> UnixStream {
        Self::attach(reactor, socket, false)
    }

    /// The end of a stream does not have to wait.
    fn unless_shut<T>(&self, received: io::Result<T>) -> io::Result<T> {
        received
    }

    /// Returns who is at the other end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixStream;
    ///
    /// polliwog::block_on(async {
    ///     let (one, _two) = UnixStream::pair()?;
    ///     println!("user {}", one.peer_cred()?.uid());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports; [`io::ErrorKind::Unsupported`] where it cannot tell.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        self.io.with(credentials::of_peer)
    }
}

byte_stream! {
    UnixStream in "net": mio::net::UnixStream, no_sigpipe::write
}

socket_stream! {
    UnixStream: mio::net::UnixStream, peek
}

connection! {
    UnixStream: mio::net::UnixStream, std::os::unix::net::UnixStream, SocketAddr, split
}

passes_descriptors! {
    UnixStream: mio::net::UnixStream, "some bytes", ", or for descriptors without any bytes"
}

fn peek(socket: &mio::net::UnixStream, buf: &mut [u8]) -> io::Result<usize> {
    let (read, _) = socket.try_io(|| Ok(recv(socket, buf, RecvFlags::PEEK)?))?;
    Ok(read)
}

sockets! {
    UnixStream: socket => socket.io;
}

movable! {
    UnixStream: mio::net::UnixStream, ();
    stream => stream.io, ();
    (io, ()) => UnixStream { io }
}

std_conversions! {
    UnixStream: std::os::unix::net::UnixStream;
}
