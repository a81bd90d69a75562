//! [`Error`]: what can go wrong with a stream, in memory or on a chip's network.

use core::fmt;

use embedded_io::ErrorKind;

/// Why an operation on a stream, a listener or a socket failed.
///
/// Converts into an [`embedded_io::ErrorKind`] by [that trait's `kind`](embedded_io::Error::kind) and, wherever
/// there is a standard library, into a [`std::io::Error`](https://doc.rust-lang.org/std/io/struct.Error.html)
/// by `From`, so that `?` passes it on in a function that returns an `io::Result`;
/// [`downcast`](https://doc.rust-lang.org/std/io/struct.Error.html#method.downcast) gives it back. A program that is written
/// for the system's sockets, too, has in `sim::net` (feature `sim`) sockets that fail as those do.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// # fn main() -> Result<(), polliwog::spin::Error> {
/// use polliwog::spin::{Error, net::TcpStream};
///
/// polliwog::spin::block_on(async {
///     let refused = TcpStream::connect("10.0.0.1:7").await.unwrap_err();
///     assert_eq!(refused, Error::ConnectionRefused);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The operation cannot go on now. Only the `try_…` methods say so; the others wait.
    WouldBlock,
    /// Nobody listens at the address, or the listener went away before it accepted.
    ConnectionRefused,
    /// The peer went away without having read all that it was sent.
    ConnectionReset,
    /// Nobody will read what is written: the peer is gone, or this side was shut down.
    BrokenPipe,
    /// The stream is not connected to anybody.
    NotConnected,
    /// Another listener has the address.
    AddrInUse,
    /// No port is left to give away, or the address is not one of this host.
    AddrNotAvailable,
    /// The text is neither a socket address nor a name that is known here. There is no name
    /// service in memory: `localhost` is the one name.
    InvalidAddress,
    /// A datagram has more bytes than there is memory for, or than fit into a packet.
    MessageTooLong,
    /// An argument is out of its range.
    InvalidInput,
    /// The socket may not do that: send to all without `set_broadcast`.
    #[cfg(feature = "sim")]
    PermissionDenied,
    /// The peer did not answer in time.
    TimedOut,
    /// Nobody answers for the address in the local network.
    HostUnreachable,
    /// The address is not in the local network, and there is no gateway that would lead there.
    NetworkUnreachable,
    /// The protocol stack has no address of its own yet.
    NoAddress,
    /// The name has no address, or no server knows it.
    NameNotFound,
    /// A table of the network is full: the field names it.
    LimitReached(Limit),
    /// A write made no progress.
    WriteZero,
    /// This network has no such thing: datagrams are between the hosts of a simulation only.
    Unsupported,
    /// The stream ended in the middle of [`read_exact`](crate::net::TcpStream::read_exact).
    UnexpectedEof,
}

/// A limit of a network in memory or of a protocol stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Limit {
    /// The number of listeners.
    Listeners,
    /// The number of connections, those that wait to be accepted included.
    Connections,
    /// The memory for a connection's buffers.
    Memory,
    /// The number of a protocol stack's sockets.
    Sockets,
    /// The number of a protocol stack's addresses.
    Addresses,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::WouldBlock => "operation would block",
            Error::ConnectionRefused => "connection refused",
            Error::ConnectionReset => "connection reset by peer",
            Error::BrokenPipe => "broken pipe",
            Error::NotConnected => "not connected",
            Error::AddrInUse => "address in use",
            Error::AddrNotAvailable => "no free port, or an address that is not this host's",
            Error::InvalidAddress => "not a socket address",
            Error::MessageTooLong => "message too long",
            Error::InvalidInput => "argument out of range",
            #[cfg(feature = "sim")]
            Error::PermissionDenied => "not permitted to this socket",
            Error::TimedOut => "no answer in time",
            Error::HostUnreachable => "host unreachable",
            Error::NetworkUnreachable => "network unreachable",
            Error::NoAddress => "no address of its own yet",
            Error::NameNotFound => "no address for the name",
            Error::LimitReached(limit) => return limit.fmt(f),
            Error::WriteZero => "write made no progress",
            Error::UnexpectedEof => "stream ended early",
            Error::Unsupported => "not supported by this network",
        })
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Sockets => "all sockets of the stack are in use",
            Limit::Addresses => "no room for another address",
            Limit::Listeners => "all listeners of the network are in use",
            Limit::Connections => "all connections of the network are in use",
            Limit::Memory => "no memory for a connection's buffers",
        })
    }
}

impl core::error::Error for Limit {}

impl From<Limit> for Error {
    fn from(limit: Limit) -> Self {
        Error::LimitReached(limit)
    }
}

impl embedded_io::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::ConnectionRefused => ErrorKind::ConnectionRefused,
            Error::ConnectionReset => ErrorKind::ConnectionReset,
            Error::BrokenPipe => ErrorKind::BrokenPipe,
            Error::NotConnected => ErrorKind::NotConnected,
            Error::AddrInUse => ErrorKind::AddrInUse,
            Error::AddrNotAvailable | Error::NoAddress => ErrorKind::AddrNotAvailable,
            Error::InvalidAddress | Error::MessageTooLong | Error::InvalidInput => {
                ErrorKind::InvalidInput
            }
            #[cfg(feature = "sim")]
            Error::PermissionDenied => ErrorKind::PermissionDenied,
            Error::TimedOut => ErrorKind::TimedOut,
            Error::NameNotFound => ErrorKind::NotFound,
            Error::LimitReached(_) => ErrorKind::OutOfMemory,
            Error::WriteZero => ErrorKind::WriteZero,
            Error::Unsupported => ErrorKind::Unsupported,
            // `embedded_io` has no names for these.
            Error::WouldBlock
            | Error::UnexpectedEof
            | Error::HostUnreachable
            | Error::NetworkUnreachable => ErrorKind::Other,
        }
    }
}

impl From<embedded_io::ReadExactError<Error>> for Error {
    fn from(error: embedded_io::ReadExactError<Error>) -> Self {
        match error {
            embedded_io::ReadExactError::UnexpectedEof => Error::UnexpectedEof,
            embedded_io::ReadExactError::Other(error) => error,
        }
    }
}

#[cfg(any(feature = "std", not(target_os = "none")))]
impl Error {
    /// The kind of the [`io::Error`](std::io::Error) that this converts into, wherever there is a standard
    /// library: what [`io::Error::kind`](std::io::Error::kind) is to a program that has the system's sockets.
    ///
    /// That of `embedded-io` has the same name, but is a trait's, so that it is called with the trait:
    /// `embedded_io::Error::kind(&error)`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::TcpListener;
    /// use std::io;
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:7").await.unwrap();
    ///     let nobody = listener.try_accept().unwrap_err();
    ///     assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
    ///     assert_eq!(nobody.kind(), io::Error::from(nobody).kind());
    /// });
    /// ```
    pub fn kind(&self) -> std::io::ErrorKind {
        use std::io::ErrorKind;
        match self {
            Error::WouldBlock => ErrorKind::WouldBlock,
            Error::ConnectionRefused => ErrorKind::ConnectionRefused,
            Error::ConnectionReset => ErrorKind::ConnectionReset,
            Error::BrokenPipe => ErrorKind::BrokenPipe,
            Error::NotConnected => ErrorKind::NotConnected,
            Error::AddrInUse => ErrorKind::AddrInUse,
            Error::AddrNotAvailable | Error::NoAddress => ErrorKind::AddrNotAvailable,
            Error::InvalidAddress | Error::MessageTooLong | Error::InvalidInput => {
                ErrorKind::InvalidInput
            }
            #[cfg(feature = "sim")]
            Error::PermissionDenied => ErrorKind::PermissionDenied,
            Error::TimedOut => ErrorKind::TimedOut,
            Error::HostUnreachable => ErrorKind::HostUnreachable,
            Error::NetworkUnreachable => ErrorKind::NetworkUnreachable,
            Error::NameNotFound => ErrorKind::NotFound,
            Error::LimitReached(_) => ErrorKind::OutOfMemory,
            Error::WriteZero => ErrorKind::WriteZero,
            Error::UnexpectedEof => ErrorKind::UnexpectedEof,
            Error::Unsupported => ErrorKind::Unsupported,
        }
    }
}

#[cfg(any(feature = "std", not(target_os = "none")))]
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::io;
    use std::string::ToString;

    fn all() -> std::vec::Vec<Error> {
        std::vec![
            Error::WouldBlock,
            Error::ConnectionRefused,
            Error::ConnectionReset,
            Error::BrokenPipe,
            Error::NotConnected,
            Error::AddrInUse,
            Error::AddrNotAvailable,
            Error::InvalidAddress,
            Error::MessageTooLong,
            Error::InvalidInput,
            #[cfg(feature = "sim")]
            Error::PermissionDenied,
            Error::TimedOut,
            Error::HostUnreachable,
            Error::NetworkUnreachable,
            Error::NoAddress,
            Error::NameNotFound,
            Limit::Listeners.into(),
            Limit::Connections.into(),
            Limit::Memory.into(),
            Limit::Sockets.into(),
            Limit::Addresses.into(),
            Error::WriteZero,
            Error::UnexpectedEof,
            Error::Unsupported,
        ]
    }

    #[test]
    fn an_error_is_the_same_by_every_way_out() {
        for error in all() {
            let kind = embedded_io::Error::kind(&error);
            let as_io = io::Error::from(error);
            assert_eq!(as_io.kind(), error.kind());
            assert_eq!(as_io.to_string(), error.to_string());
            assert_ne!(as_io.kind(), io::ErrorKind::Other, "{error}");
            if kind != ErrorKind::Other {
                let (kind, of_io) = (std::format!("{kind:?}"), std::format!("{:?}", as_io.kind()));
                assert_eq!(kind, of_io, "{error}");
            }
            assert_eq!(as_io.downcast::<Error>().unwrap(), error);
            let exact = embedded_io::ReadExactError::Other(error);
            assert_eq!(Error::from(exact), error);
        }
        let ended = embedded_io::ReadExactError::<Error>::UnexpectedEof;
        assert_eq!(Error::from(ended), Error::UnexpectedEof);
    }

    #[cfg(feature = "sim")]
    #[test]
    fn a_simulated_socket_fails_as_one_of_the_system_does() {
        use crate::net::generic::sealed::Failure;
        for error in all() {
            let of_system = <io::Error as Failure>::of(error);
            let within = of_system.get_ref().and_then(|inner| inner.downcast_ref());
            match of_system.raw_os_error() {
                Some(_) => assert_eq!(within, None, "{error}"),
                None => {
                    let alone = [Error::UnexpectedEof, Error::WriteZero].contains(&error);
                    assert_eq!(within, (!alone).then_some(&error), "{error}");
                }
            }
            // Kinds for which the standard library has no name yet.
            let nameless = [
                Error::MessageTooLong,
                Limit::Listeners.into(),
                Limit::Connections.into(),
            ];
            if !(cfg!(unix) && nameless.contains(&error)) {
                assert_eq!(of_system.kind(), error.kind(), "{error}");
            }
        }
        let no_file = <io::Error as Failure>::of_path(Error::NameNotFound);
        assert_eq!(no_file.kind(), io::ErrorKind::NotFound);
        #[cfg(unix)]
        {
            let refused = <io::Error as Failure>::of(Error::ConnectionRefused);
            assert_eq!(refused.raw_os_error(), Some(libc::ECONNREFUSED));
            assert_eq!(no_file.raw_os_error(), Some(libc::ENOENT));
        }
    }
}
