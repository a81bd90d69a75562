//! [`ChildStdin`], [`ChildStdout`], [`ChildStderr`].

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use crate::budget::poll_nothing;
use crate::reactor::MioReactor;
use polliwog_core::exact::{read_exact, write_all};
use polliwog_core::task::budget::poll_within;
#[cfg(unix)]
use unix::{Reader, Writer};
#[cfg(windows)]
use windows::{Reader, Writer};

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

/// How many bytes [`ChildStdout::read_to_end`] asks for at a time: as many as a pipe holds on Linux.
const CHUNK: usize = 64 * 1024;

/// The pipe to a child's input.
///
/// Dropping it, or closing it as a [`futures_io::AsyncWrite`], tells the child that this is all.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::process::{Command, Stdio};
///
/// polliwog::block_on(async {
/// #     #[cfg(unix)] {
///     let mut child =
///         Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
///     let mut input = child.stdin.take().unwrap();
///     input.write_all(b"quak").await?;
///     drop(input); // `cat` sees the end
///     assert_eq!(child.wait_with_output().await?.stdout, b"quak");
/// #     }
///     Ok(())
/// })
/// # }
/// ```
pub struct ChildStdin {
    /// `None` once it is closed.
    io: Option<Writer>,
}

impl ChildStdin {
    pub(super) fn new(reactor: &MioReactor, io: std::process::ChildStdin) -> io::Result<Self> {
        Writer::new(reactor, io.into()).map(|io| Self { io: Some(io) })
    }

    /// Takes over a pipe of the standard library.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::ChildStdin;
    ///
    /// fn take_over(pipe: std::process::ChildStdin) -> std::io::Result<ChildStdin> {
    ///     ChildStdin::from_std(pipe)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] outside of a runtime, or what the system reports.
    pub fn from_std(io: std::process::ChildStdin) -> io::Result<Self> {
        Self::new(&MioReactor::current()?, io)
    }

    /// Writes, and returns how many bytes the pipe took.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::ChildStdin;
    ///
    /// async fn offer(input: &mut ChildStdin, bytes: &[u8]) -> std::io::Result<usize> {
    ///     input.write(bytes).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] if the child has closed its input or has ended, or what the system
    /// reports.
    ///
    /// # Cancel safety
    ///
    /// On Unix nothing has been written unless the future has ended. On Windows it may be written.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write_of(cx, &[IoSlice::new(buf)])).await
    }

    /// Writes all of `buf`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::ChildStdin;
    ///
    /// async fn ask(input: &mut ChildStdin) -> std::io::Result<()> {
    ///     input.write_all(b"version\n").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), but some part may have been written.
    ///
    /// # Cancel safety
    ///
    /// None: some part may have been written.
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        let none = || io::ErrorKind::WriteZero.into();
        write_all(buf, none, async |rest| self.write(rest).await).await?;
        self.flush().await
    }

    /// Waits until the pipe has everything that was written. On Unix it has.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::process::ChildStdin;
    ///
    /// async fn ask(input: &mut ChildStdin) -> std::io::Result<()> {
    ///     input.write_all(b"version\n").await?;
    ///     input.flush().await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| poll_within(cx, |cx| self.poll_flush_pipe(cx))).await
    }

    fn poll_write_of(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return poll_nothing(cx);
        }
        match &mut self.io {
            Some(io) => io.poll_write(cx, bufs),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush_pipe(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) => io.poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl futures_io::AsyncWrite for ChildStdin {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_of(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_of(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_within(cx, |cx| self.poll_flush_pipe(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.poll_flush_pipe(cx);
        if flushed.is_ready() {
            self.io = None;
        }
        flushed
    }
}

impl embedded_io::ErrorType for ChildStdin {
    type Error = io::Error;
}

impl embedded_io_async::Write for ChildStdin {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        ChildStdin::write(self, buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        ChildStdin::flush(self).await
    }
}

#[cfg(feature = "tokio")]
tokio_writes!(ChildStdin);

impl TryFrom<ChildStdin> for Stdio {
    type Error = io::Error;

    /// For another child, whose output it is to be.
    fn try_from(pipe: ChildStdin) -> io::Result<Stdio> {
        let io = pipe.io.ok_or(io::ErrorKind::BrokenPipe)?;
        io.into_owned().map(Stdio::from)
    }
}

impl fmt::Debug for ChildStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildStdin").field(&self.io).finish()
    }
}

/// The way out of the runtime, by the names that the systems give to it.
macro_rules! owned {
    ($type:ty: $this:ident => $io:expr;) => {
        impl $type {
            /// Returns the descriptor, in blocking mode again. Unix only.
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::BrokenPipe`] if it has been closed, or what the system reports.
            #[cfg(unix)]
            pub fn into_owned_fd(self) -> io::Result<std::os::fd::OwnedFd> {
                let $this = self;
                $io.into_owned()
            }

            /// Returns the handle. Windows only.
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::BrokenPipe`] if it has been closed; another one as long as a thread reads from it or
            /// writes to it.
            #[cfg(windows)]
            pub fn into_owned_handle(self) -> io::Result<std::os::windows::io::OwnedHandle> {
                let $this = self;
                $io.into_owned()
            }
        }
    };
}

macro_rules! readers {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        pub struct $name {
            io: Reader,
        }

        impl $name {
            pub(super) fn new(reactor: &MioReactor, io: std::process::$name) -> io::Result<Self> {
                Reader::new(reactor, io.into()).map(|io| Self { io })
            }

            /// Takes over a pipe of the standard library.
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::NotConnected`] outside of a runtime, or what the system reports.
            pub fn from_std(io: std::process::$name) -> io::Result<Self> {
                Self::new(&MioReactor::current()?, io)
            }

            /// Reads what is there, or waits for something; zero at the end, which is when nobody has the
            /// other end of the pipe any more.
            ///
            /// # Errors
            ///
            /// What the system reports.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                poll_fn(|cx| self.poll_read_into(cx, &mut [IoSliceMut::new(buf)])).await
            }

            /// Reads until `buf` is full.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read); [`io::ErrorKind::UnexpectedEof`] if the end comes before.
            ///
            /// # Cancel safety
            ///
            /// None: what has been put into `buf` is not read again.
            pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
                let ended = || io::ErrorKind::UnexpectedEof.into();
                read_exact(buf, ended, async |rest| self.read(rest).await).await
            }

            /// Reads until the end, and appends it to `buf`. Returns how many bytes these are.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read); what was read before the error has been appended.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost: what has been read has been appended.
            pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
                let before = buf.len();
                let mut chunk = vec![0; CHUNK];
                loop {
                    match self.read(&mut chunk).await? {
                        0 => return Ok(buf.len() - before),
                        n => buf.extend_from_slice(&chunk[..n]),
                    }
                }
            }

            fn poll_read_into(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return poll_nothing(cx);
                }
                self.io.poll_read(cx, bufs)
            }
        }

        impl futures_io::AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_read_into(cx, &mut [IoSliceMut::new(buf)])
            }

            fn poll_read_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_read_into(cx, bufs)
            }
        }

        impl embedded_io::ErrorType for $name {
            type Error = io::Error;
        }

        impl embedded_io_async::Read for $name {
            async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                $name::read(self, buf).await
            }
        }

        #[cfg(feature = "tokio")]
        impl tokio::io::AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                polliwog_core::spare::Spare::of_tokio(buf, |spare| match spare.is_empty() {
                    true => poll_nothing(cx).map_ok(drop),
                    false => self.io.poll_read_spare(cx, spare).map_ok(drop),
                })
            }
        }

        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            /// For another child, whose input it is to be: a pipeline.
            fn try_from(pipe: $name) -> io::Result<Stdio> {
                pipe.io.into_owned().map(Stdio::from)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.io).finish()
            }
        }

        owned! {
            $name: pipe => pipe.io;
        }
    )+};
}

readers! {
    /// The pipe from a child's output.
    ChildStdout;
    /// The pipe from where a child writes errors.
    ChildStderr;
}

owned! {
    ChildStdin: pipe => pipe.io.ok_or(io::ErrorKind::BrokenPipe)?;
}

files! {
    ChildStdout: pipe => pipe.io;
    ChildStderr: pipe => pipe.io;
}

/// Not `AsFd`, since a pipe that has been closed has no descriptor.
#[cfg(unix)]
impl std::os::fd::AsRawFd for ChildStdin {
    /// The descriptor, or -1 if it has been closed.
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.io.as_ref().map_or(-1, Writer::as_raw_fd)
    }
}

/// Not `AsHandle`, since a pipe that has been closed has no handle.
#[cfg(windows)]
impl std::os::windows::io::AsRawHandle for ChildStdin {
    /// The handle, or null if it has been closed.
    fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
        let closed = std::ptr::null_mut();
        self.io.as_ref().map_or(closed, Writer::as_raw_handle)
    }
}
