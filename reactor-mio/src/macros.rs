//! Log records, which are nothing at all without the feature `log`, and traits that many types have.

#[cfg(feature = "log")]
macro_rules! record {
    ($level:ident, $($arg:tt)+) => {
        ::log::$level!($($arg)+)
    };
}

#[cfg(not(feature = "log"))]
macro_rules! record {
    ($level:ident, $($arg:tt)+) => {
        // Type-checked and counted as use of the arguments, then thrown away.
        if false {
            let _ = ::core::format_args!($($arg)+);
        }
    };
}

/// The two traits by which a type lends what the system knows it by: the borrowed one from what `$io` comes to from
/// `$this` of type `&$type`, and the number that is in that.
macro_rules! lends {
    ($doc:literal, $path:literal: $as:ident $borrow:ident $borrowed:ident, $as_raw:ident $number:ident $raw:ident;
        $($type:ty: $this:ident => $io:expr;)+) => {$(
        impl $crate::sys::os::$as for $type {
            #[doc = $doc]
            fn $borrow(&self) -> $crate::sys::os::$borrowed<'_> {
                #[allow(unused_imports, reason = "some have it by this trait only")]
                use $crate::sys::os::$as as _;
                let $this = self;
                $io.$borrow()
            }
        }

        impl $crate::sys::os::$as_raw for $type {
            #[doc = concat!("As [`", stringify!($borrow), "`](", $path, "::", stringify!($borrow), ").")]
            fn $number(&self) -> $crate::sys::os::$raw {
                let borrowed = $crate::sys::os::$as::$borrow(self);
                $crate::sys::os::$as_raw::$number(&borrowed)
            }
        }
    )+};
}

/// `AsFd` and `AsRawFd`, on Windows `AsSocket` and `AsRawSocket`, of what comes by `$io` to a socket.
macro_rules! sockets {
    ($($what:tt)+) => {
        #[cfg(unix)]
        lends! {
            "A socket whose descriptor was asked for costs more system calls from then on: whoever has it can make
            duplicates of it, and set options that change what a short read means.",
            "std::os::fd::AsFd": AsFd as_fd BorrowedFd, AsRawFd as_raw_fd RawFd; $($what)+
        }
        #[cfg(windows)]
        lends! {
            "The socket, which stays the reactor's.",
            "std::os::windows::io::AsSocket": AsSocket as_socket BorrowedSocket, AsRawSocket as_raw_socket RawSocket; $($what)+
        }
    };
}

/// `AsFd` and `AsRawFd`, on Windows `AsHandle` and `AsRawHandle`, of what comes by `$io` to a file, a pipe or the like.
#[cfg(any(unix, windows))]
macro_rules! files {
    ($($what:tt)+) => {
        #[cfg(unix)]
        lends! {
            "The descriptor, which stays this one's.",
            "std::os::fd::AsFd": AsFd as_fd BorrowedFd, AsRawFd as_raw_fd RawFd; $($what)+
        }
        #[cfg(windows)]
        lends! {
            "The handle, which stays this one's.",
            "std::os::windows::io::AsHandle": AsHandle as_handle BorrowedHandle, AsRawHandle as_raw_handle RawHandle; $($what)+
        }
    };
}

/// Conversions between a socket and the standard library's, `from_std` and `into_std` by other names.
macro_rules! std_conversions {
    ($($type:ty: $std:ty;)+) => {$(
        impl TryFrom<$std> for $type {
            type Error = std::io::Error;

            /// As `from_std`.
            fn try_from(socket: $std) -> std::io::Result<Self> {
                Self::from_std(socket)
            }
        }

        impl TryFrom<$type> for $std {
            type Error = std::io::Error;

            /// As `into_std`.
            fn try_from(socket: $type) -> std::io::Result<Self> {
                socket.into_std()
            }
        }

        #[cfg(unix)]
        impl TryFrom<$type> for std::os::fd::OwnedFd {
            type Error = std::io::Error;

            /// Takes the socket out of its reactor. It stays non-blocking.
            fn try_from(socket: $type) -> std::io::Result<Self> {
                socket.into_std().map(Self::from)
            }
        }

        #[cfg(windows)]
        impl TryFrom<$type> for std::os::windows::io::OwnedSocket {
            type Error = std::io::Error;

            /// Takes the socket out of its reactor. It stays non-blocking.
            fn try_from(socket: $type) -> std::io::Result<Self> {
                socket.into_std().map(Self::from)
            }
        }
    )+};
}

/// tokio's `AsyncWrite` of types that have that of `futures-io`, vectored writes included.
#[cfg(feature = "tokio")]
macro_rules! tokio_writes {
    ($($type:ty),+ $(,)?) => {$(
        /// As that of `futures-io`; `poll_shutdown` is `poll_close`.
        impl tokio::io::AsyncWrite for $type {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                futures_io::AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                futures_io::AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                futures_io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                futures_io::AsyncWrite::poll_close(self, cx)
            }
        }
    )+};
}
