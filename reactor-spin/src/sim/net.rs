//! Sockets of a simulated host with the names, the signatures and the errors of the system's.
//!
//! They are those of [`spin::net`](crate::net), but for their errors: a program that was written for mio's sockets is
//! simulated as it is, whatever it does with a [`std::io::Error`]. In the facade `polliwog::net` is this module if
//! feature `sim` is on, and `mio` is not.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim::{self, net}; }
//! use polliwog::net::TcpStream;
//! use polliwog::sim::Simulation;
//! use std::io;
//!
//! #[derive(Debug)]
//! enum Failure {
//!     Io(io::Error),
//!     Garbage,
//! }
//!
//! impl From<io::Error> for Failure {
//!     fn from(error: io::Error) -> Self {
//!         Self::Io(error)
//!     }
//! }
//!
//! async fn ask(server: &str) -> Result<u8, Failure> {
//!     let stream = TcpStream::connect(server).await?;
//!     let mut answer = [0; 1];
//!     stream.read_exact(&mut answer).await?;
//!     if answer[0].is_ascii_digit() { Ok(answer[0]) } else { Err(Failure::Garbage) }
//! }
//!
//! let mut simulation = Simulation::new(7);
//! simulation.client("frog", async {
//!     let Err(Failure::Io(nobody)) = ask("frog:7").await else {
//!         panic!("somebody answers");
//!     };
//!     assert_eq!(nobody.kind(), io::ErrorKind::ConnectionRefused);
//! });
//! simulation.run().unwrap();
//! ```
//!
//! # Errors
//!
//! An error has the kind that the system's has. On Unix it has its number, too
//! ([`raw_os_error`](std::io::Error::raw_os_error)), and with that its text, if there is a number for it: a connection is
//! refused by `ECONNREFUSED`. What else there is, as that a name is unknown, and all errors on Windows, have the
//! [`spin::Error`](crate::Error) within ([`downcast`](std::io::Error::downcast)) and its text; where a stream ends too
//! early or takes nothing more, the error is the kind alone, as that of the system's streams.

use alloc::vec::Vec;
use core::net::SocketAddr;
use std::io;

pub use crate::net::{RecvBatch, Shutdown, ToSocketAddrs};

pub(crate) use super::host_net::{Net, SimSocket};
use crate::Error;
use crate::net::generic::sealed::Failure;
use crate::net::generic::{self, NetError};

generic::names!(std::io::Error, "[`std::io::Error`]");

/// The types that come with TCP, by the name that [`unix`] has for those of its sockets.
pub mod tcp {
    pub use super::{Incoming, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
}

/// What goes with the Unix sockets: addresses, and the halves of a [`UnixStream`].
///
/// An address is the standard library's, where it has one. How names come and go is said for
/// [the same sockets](crate::net::unix).
pub mod unix {
    #[cfg(not(unix))]
    pub use crate::net::unix::SocketAddr;
    #[cfg(unix)]
    pub use std::os::unix::net::SocketAddr;

    crate::net::generic::halves_names!(
        generic::unix,
        std::io::Error,
        "[`std::io::Error`]",
        "[`UnixStream`](super::UnixStream)"
    );
}

/// Looks up a name: all addresses that it stands for.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim::{self, net}; }
/// use polliwog::net::lookup_host;
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("frog", async {
///     assert_eq!(lookup_host("frog:80").await?, ["10.0.0.1:80".parse().unwrap()]);
///     Ok::<(), std::io::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for text that is neither an address nor a name and a port;
/// [`NotFound`](io::ErrorKind::NotFound) for a name that no host has.
///
/// # Cancel safety
///
/// It never waits.
pub async fn lookup_host(addr: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    addr.to_socket_addrs().map_err(Failure::of)
}

impl NetError for io::Error {
    type UnixAddr = unix::SocketAddr;
}

impl Failure for io::Error {
    fn of(error: Error) -> Self {
        match error {
            Error::UnexpectedEof | Error::WriteZero => error.kind().into(),
            _ => number(error).map_or_else(|| error.into(), Self::from_raw_os_error),
        }
    }

    #[cfg(unix)]
    fn of_path(error: Error) -> Self {
        match error {
            Error::NameNotFound => Self::from_raw_os_error(libc::ENOENT),
            _ => Self::of(error),
        }
    }

    fn into_io(self) -> io::Error {
        self
    }
}

/// The system's number for an error.
#[cfg(unix)]
fn number(error: Error) -> Option<i32> {
    use crate::Limit;
    Some(match error {
        Error::WouldBlock => libc::EAGAIN,
        Error::ConnectionRefused => libc::ECONNREFUSED,
        Error::ConnectionReset => libc::ECONNRESET,
        Error::BrokenPipe => libc::EPIPE,
        Error::NotConnected => libc::ENOTCONN,
        Error::AddrInUse => libc::EADDRINUSE,
        Error::AddrNotAvailable => libc::EADDRNOTAVAIL,
        Error::MessageTooLong => libc::EMSGSIZE,
        Error::InvalidInput => libc::EINVAL,
        Error::PermissionDenied => libc::EACCES,
        Error::TimedOut => libc::ETIMEDOUT,
        Error::HostUnreachable => libc::EHOSTUNREACH,
        Error::NetworkUnreachable => libc::ENETUNREACH,
        // What a process that has too many sockets is told.
        Error::LimitReached(Limit::Listeners | Limit::Connections) => libc::EMFILE,
        _ => return None,
    })
}

#[cfg(not(unix))]
fn number(_: Error) -> Option<i32> {
    None
}
