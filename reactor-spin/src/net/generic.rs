//! The sockets, whatever their operations fail with.
//!
//! The names in [`net`](super) stand for these types with [`Error`], those in `sim::net` (feature `sim`) for the same
//! with [`std::io::Error`](https://doc.rust-lang.org/std/io/struct.Error.html), with which the system's sockets fail. A
//! function for both is generic:
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
//! use polliwog::spin::net::{NetError, generic::TcpStream};
//!
//! async fn greet<E: NetError>(stream: &TcpStream<E>) -> Result<(), E> {
//!     stream.write_all(b"quak\r\n").await
//! }
//! ```

use crate::Error;

pub use super::listener::{Incoming, TcpListener};
#[cfg(feature = "sim")]
pub use super::socket::TcpSocket;
pub use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use super::stream::TcpStream;
#[cfg(feature = "sim")]
pub use super::udp::UdpSocket;
#[cfg(feature = "sim")]
pub use super::unix::{datagram::UnixDatagram, listener::UnixListener, stream::UnixStream};

#[doc(hidden)]
pub mod patterns {
    pub use super::ReuniteError;
}

/// What goes with the Unix sockets.
#[cfg(feature = "sim")]
pub mod unix {
    pub use crate::net::unix::listener::Incoming;
    pub use crate::net::unix::split::{
        OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf,
    };

    #[doc(hidden)]
    pub mod patterns {
        pub use super::ReuniteError;
    }
}

/// What operations of sockets fail with: [`Error`], and with feature `sim`
/// [`std::io::Error`](https://doc.rust-lang.org/std/io/struct.Error.html). The trait is sealed.
pub trait NetError: sealed::Failure {
    /// The address of a Unix socket: [`unix::SocketAddr`](crate::net::unix::SocketAddr), and with `std::io::Error` on Unix
    /// that of the standard library.
    #[cfg(feature = "sim")]
    type UnixAddr: sealed::Addr;
}

impl NetError for Error {
    #[cfg(feature = "sim")]
    type UnixAddr = super::unix::SocketAddr;
}

impl sealed::Failure for Error {
    fn of(error: Error) -> Self {
        error
    }

    #[cfg(feature = "std")]
    fn into_io(self) -> std::io::Error {
        self.into()
    }
}

pub(crate) mod sealed {
    use crate::Error;

    /// How sockets make errors of theirs, which are [`Error`] within.
    pub trait Failure: embedded_io::Error + Sized + 'static {
        fn of(error: Error) -> Self;

        /// What operations by path fail with.
        #[cfg(feature = "sim")]
        fn of_path(error: Error) -> Self {
            Self::of(error)
        }

        #[cfg(feature = "std")]
        fn into_io(self) -> std::io::Error;
    }

    /// How Unix sockets make addresses of theirs.
    #[cfg(feature = "sim")]
    pub trait Addr: Clone + core::fmt::Debug {
        fn of(addr: &crate::net::unix::SocketAddr) -> Result<Self, Error>;

        fn to_own(&self) -> Result<crate::net::unix::SocketAddr, Error>;
    }
}

/// The names of what goes with a kind of streams in the module `$of`, whose operations fail with `$error`, a link to which
/// is in `$shown`. `$stream` is one, too.
macro_rules! halves_names {
    ($($of:ident)::+, $error:ty, $shown:literal, $stream:literal) => {
        #[doc = concat!(" The connections of a listener, one after the other, which fail with ", $shown, ".")]
        pub type Incoming<'a> = $crate::net::$($of)::+::Incoming<'a, $error>;

        #[doc = concat!(" The half of a borrowed ", $stream, " that reads; it fails with ", $shown, ".")]
        pub type ReadHalf<'a> = $crate::net::$($of)::+::ReadHalf<'a, $error>;

        #[doc = concat!(" The half of a borrowed ", $stream, " that writes; it fails with ", $shown, ".")]
        pub type WriteHalf<'a> = $crate::net::$($of)::+::WriteHalf<'a, $error>;

        #[doc = concat!(" The half of a ", $stream, " that reads; it fails with ", $shown, ".")]
        pub type OwnedReadHalf = $crate::net::$($of)::+::OwnedReadHalf<$error>;

        #[doc = concat!(" The half of a ", $stream, " that writes; it fails with ", $shown, ".")]
        pub type OwnedWriteHalf = $crate::net::$($of)::+::OwnedWriteHalf<$error>;

        #[doc = concat!(" The halves are not of the same ", $stream, "; here they are.")]
        pub type ReuniteError = $crate::net::$($of)::+::ReuniteError<$error>;

        // An alias is no pattern for what is in it, so that there has to be the type's own name for that.
        #[doc(hidden)]
        pub use $crate::net::$($of)::+::patterns::*;
    };
}
pub(crate) use halves_names;

/// The names of the types whose operations fail with `$error`, which is a link in `$shown`.
macro_rules! names {
    ($error:ty, $shown:literal) => {
        $crate::net::generic::halves_names!(generic, $error, $shown, "[`TcpStream`]");

        #[doc = concat!(" A listener: [`generic::TcpListener`](crate::net::generic::TcpListener), which fails with ", $shown, ".")]
        pub type TcpListener = $crate::net::generic::TcpListener<$error>;

        #[doc = concat!(" A connection: [`generic::TcpStream`](crate::net::generic::TcpStream), which fails with ", $shown, ".")]
        pub type TcpStream = $crate::net::generic::TcpStream<$error>;

        #[doc = concat!(" A TCP socket before it listens or is connected: [`generic::TcpSocket`](crate::net::generic::TcpSocket), which fails with ", $shown, ".")]
        #[cfg(feature = "sim")]
        pub type TcpSocket = $crate::net::generic::TcpSocket<$error>;

        #[doc = concat!(" A socket for datagrams: [`generic::UdpSocket`](crate::net::generic::UdpSocket), which fails with ", $shown, ".")]
        #[cfg(feature = "sim")]
        pub type UdpSocket = $crate::net::generic::UdpSocket<$error>;

        #[doc = concat!(" A Unix socket that listens: [`generic::UnixListener`](crate::net::generic::UnixListener), which fails with ", $shown, ".")]
        #[cfg(feature = "sim")]
        pub type UnixListener = $crate::net::generic::UnixListener<$error>;

        #[doc = concat!(" A connection by a Unix socket: [`generic::UnixStream`](crate::net::generic::UnixStream), which fails with ", $shown, ".")]
        #[cfg(feature = "sim")]
        pub type UnixStream = $crate::net::generic::UnixStream<$error>;

        #[doc = concat!(" A Unix socket for datagrams: [`generic::UnixDatagram`](crate::net::generic::UnixDatagram), which fails with ", $shown, ".")]
        #[cfg(feature = "sim")]
        pub type UnixDatagram = $crate::net::generic::UnixDatagram<$error>;
    };
}
pub(crate) use names;
