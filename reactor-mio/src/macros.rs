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

/// `AsFd` and `AsRawFd` of types that come by `$io` from `$this` of type `&$type` to an
/// `Attached` socket, or to what has such a method.
macro_rules! descriptors {
    ($($type:ty: $this:ident => $io:expr;)+) => {$(
        #[cfg(unix)]
        impl std::os::fd::AsFd for $type {
            /// A socket whose descriptor was asked for costs more system calls from then on: whoever has it can make
            /// duplicates of it, and set options that change what a short read means.
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                #[allow(unused_imports, reason = "only halves have it by this trait")]
                use std::os::fd::AsFd as _;
                let $this = self;
                $io.as_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $type {
            /// As [`as_fd`](std::os::fd::AsFd::as_fd).
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(self))
            }
        }
    )+};
}

/// `AsRawSocket` of such types on Windows. `AsSocket` is not to be had: the selector there changes a source while it
/// is in use, so that nobody can borrow it for longer than a call.
macro_rules! raw_sockets {
    ($($type:ty: $this:ident => $io:expr;)+) => {$(
        #[cfg(windows)]
        impl std::os::windows::io::AsRawSocket for $type {
            /// The socket, or `INVALID_SOCKET` if it has been taken away.
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                let $this = self;
                let socket = |socket: &_| Ok(std::os::windows::io::AsRawSocket::as_raw_socket(socket));
                $io.with(socket).unwrap_or(!0)
            }
        }
    )+};
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
