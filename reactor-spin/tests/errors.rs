//! What errors are called elsewhere.

use embedded_io::ErrorKind;
use polliwog_spin::{Error, Limit};

const ALL: [(Error, ErrorKind, &str); 15] = [
    (Error::WouldBlock, ErrorKind::Other, "operation would block"),
    (
        Error::ConnectionRefused,
        ErrorKind::ConnectionRefused,
        "connection refused",
    ),
    (
        Error::ConnectionReset,
        ErrorKind::ConnectionReset,
        "connection reset by peer",
    ),
    (Error::BrokenPipe, ErrorKind::BrokenPipe, "broken pipe"),
    (
        Error::NotConnected,
        ErrorKind::NotConnected,
        "not connected",
    ),
    (Error::AddrInUse, ErrorKind::AddrInUse, "address in use"),
    (
        Error::AddrNotAvailable,
        ErrorKind::AddrNotAvailable,
        "no free port, or an address that is not this host's",
    ),
    (
        Error::InvalidAddress,
        ErrorKind::InvalidInput,
        "not a socket address",
    ),
    (
        Error::MessageTooLong,
        ErrorKind::InvalidInput,
        "message too long",
    ),
    (
        Error::LimitReached(Limit::Listeners),
        ErrorKind::OutOfMemory,
        "all listeners of the network are in use",
    ),
    (
        Error::LimitReached(Limit::Connections),
        ErrorKind::OutOfMemory,
        "all connections of the network are in use",
    ),
    (
        Error::LimitReached(Limit::Memory),
        ErrorKind::OutOfMemory,
        "no memory for a connection's buffers",
    ),
    (
        Error::LimitReached(Limit::Sockets),
        ErrorKind::OutOfMemory,
        "all sockets of the stack are in use",
    ),
    (
        Error::WriteZero,
        ErrorKind::WriteZero,
        "write made no progress",
    ),
    (Error::UnexpectedEof, ErrorKind::Other, "stream ended early"),
];

#[test]
fn every_error_has_its_kind_and_its_words() {
    for (error, kind, words) in ALL {
        assert_eq!(embedded_io::Error::kind(&error), kind, "{error:?}");
        assert_eq!(error.to_string(), words);
    }
}

#[test]
#[cfg(feature = "std")]
fn errors_of_the_standard_library_keep_them() {
    for (error, kind, words) in ALL {
        let theirs = std::io::Error::from(error);
        assert_eq!(theirs.to_string(), words);
        if kind != ErrorKind::Other {
            // The same names in both families.
            assert_eq!(format!("{:?}", theirs.kind()), format!("{kind:?}"));
        }
        assert_eq!(
            theirs.get_ref().and_then(|inner| inner.downcast_ref()),
            Some(&error)
        );
    }
    let kind = |error| std::io::Error::from(error).kind();
    assert_eq!(kind(Error::WouldBlock), std::io::ErrorKind::WouldBlock);
    assert_eq!(
        kind(Error::UnexpectedEof),
        std::io::ErrorKind::UnexpectedEof
    );
}
