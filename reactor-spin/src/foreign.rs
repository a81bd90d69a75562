//! tokio's and hyper's traits for what has those of `futures-io`.

/// For types with `futures_io::AsyncRead`, generic over `$e` or not.
macro_rules! foreign_reads {
    ([$($e:ident)?] $type:ty) => {
        #[cfg(feature = "tokio")]
        impl $(<$e: $crate::net::NetError>)? tokio::io::AsyncRead for $type {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let read = polliwog_core::spare::Spare::of_tokio(buf, |spare| {
                    spare
                        .fill_zeroed(|buf| futures_io::AsyncRead::poll_read(self.as_mut(), cx, buf))
                });
                read.map_ok(drop)
            }
        }

        #[cfg(feature = "hyper")]
        impl $(<$e: $crate::net::NetError>)? hyper::rt::Read for $type {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: hyper::rt::ReadBufCursor<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let read = polliwog_core::spare::Spare::of_hyper(buf, |spare| {
                    spare
                        .fill_zeroed(|buf| futures_io::AsyncRead::poll_read(self.as_mut(), cx, buf))
                });
                read.map_ok(drop)
            }
        }
    };
}
pub(crate) use foreign_reads;

/// For types with `futures_io::AsyncWrite`; `$vectored` says whether several buffers go into one write.
macro_rules! foreign_writes {
    ([$($e:ident)?] $type:ty, $vectored:literal) => {
        #[cfg(feature = "tokio")]
        $crate::foreign::foreign_writes!([$($e)?] $type, $vectored: tokio::io::AsyncWrite);
        #[cfg(feature = "hyper")]
        $crate::foreign::foreign_writes!([$($e)?] $type, $vectored: hyper::rt::Write);
    };
    ([$($e:ident)?] $type:ty, $vectored:literal: $trait:path) => {
        impl $(<$e: $crate::net::NetError>)? $trait for $type {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                data: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                futures_io::AsyncWrite::poll_write(self, cx, data)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                futures_io::AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                $vectored
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
    };
}
pub(crate) use foreign_writes;
