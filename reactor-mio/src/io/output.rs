//! [`stdout`] and [`stderr`].

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::blocking::{BlockingHandle, Rejected, Stream, try_spawn_for};
use crate::budget::poll_nothing;
use crate::fs::MAX_CHUNK;
use polliwog_core::task::budget::poll_within;

/// What a handle of either stream is made of.
struct Output {
    stream: Stream,
    state: State,
    /// Of a write that nobody waited for.
    failed: Option<io::Error>,
}

enum State {
    Idle(Vec<u8>),
    Busy(BlockingHandle<(Vec<u8>, io::Result<()>)>),
}

impl Output {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            state: State::Idle(Vec::new()),
            failed: None,
        }
    }

    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let taken = poll_fn(|cx| self.poll_start(cx, &[IoSlice::new(buf)])).await?;
        poll_fn(|cx| self.poll_flush(cx)).await?;
        Ok(taken)
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        for part in buf.chunks(MAX_CHUNK) {
            self.write(part).await?;
        }
        Ok(())
    }

    /// Waits until everything is written.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let State::Busy(handle) = &mut self.state {
            let (buf, result) = match ready!(Pin::new(handle).poll(cx)) {
                Ok(whole) => whole,
                Err(error) => (Vec::new(), Err(error.into())),
            };
            self.state = State::Idle(buf);
            self.failed = result.err();
        }
        Poll::Ready(self.failed.take().map_or(Ok(()), Err))
    }

    /// Hands bytes to the thread.
    fn poll_start(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let State::Idle(kept) = &mut self.state else {
            return Poll::Ready(Err(io::Error::other("a stream busy with two writes")));
        };
        let mut bytes = std::mem::take(kept);
        bytes.clear();
        for buf in bufs {
            let room = MAX_CHUNK - bytes.len();
            bytes.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        let taken = bytes.len();
        if taken == 0 {
            return poll_nothing(cx);
        }
        let stream = self.stream;
        let write = |(stream, bytes): (Stream, Vec<u8>)| {
            let result = write(stream, &bytes);
            (bytes, result)
        };
        Poll::Ready(match try_spawn_for(stream, (stream, bytes), write) {
            Ok(handle) => {
                self.state = State::Busy(handle);
                Ok(taken)
            }
            Err(Rejected { job, reason }) => {
                self.state = State::Idle(job.1);
                Err(reason.into())
            }
        })
    }
}

/// Writes everything, on a thread that may wait, after what the standard library has in its buffer.
fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        // Their locks keep what others print from the middle of it.
        Stream::Errors => write_to(&std::io::stderr(), std::io::stderr().lock(), bytes),
        _ => write_to(&std::io::stdout(), std::io::stdout().lock(), bytes),
    }
}

#[cfg(unix)]
fn write_to(
    stream: &impl std::os::fd::AsFd,
    mut lock: impl Write,
    mut bytes: &[u8],
) -> io::Result<()> {
    use rustix::io::{Errno, write};
    let ready = rustix::event::PollFlags::OUT;
    super::insist(stream, ready, || lock.flush())?;
    // Not through the standard library's buffer, which would not tell how much of it is out if it has to
    // wait in between.
    while !bytes.is_empty() {
        match super::insist(stream, ready, || Ok(write(stream, bytes)?)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            // Closed: to the standard library, too, it is as if everything were written.
            Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn write_to<S>(_: &S, mut lock: impl Write, bytes: &[u8]) -> io::Result<()> {
    lock.write_all(bytes)?;
    lock.flush()
}

macro_rules! outputs {
    ($($(#[$doc:meta])+ $make:ident -> $name:ident, $stream:expr;)+) => {$(
        $(#[$doc])+
        pub fn $make() -> $name {
            $name { std: std::io::$make(), io: Output::new($stream) }
        }

        #[doc = concat!("Made by [`", stringify!($make), "`].")]
        ///
        /// Bytes that are written by different handles, or by `print!`, come one after the other, those of
        /// one write together (up to [`MAX_CHUNK`] of them).
        ///
        /// As a [`futures_io::AsyncWrite`] it takes the bytes and returns at once; whether they could be
        /// written is said by the next operation, at last by `poll_flush`.
        pub struct $name {
            std: std::io::$name,
            io: Output,
        }

        impl $name {
            /// Writes, and waits until the system has it. Returns how many bytes these are, at most
            /// [`MAX_CHUNK`].
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            /// # fn main() -> std::io::Result<()> {
            /// polliwog::block_on(async {
            ///     let mut out = polliwog::io::stdout();
            ///     let n = out.write(b"quak\n").await?;
            ///     assert!(n <= 5);
            ///     Ok(())
            /// })
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports ([`io::ErrorKind::BrokenPipe`] if nobody reads any more), then some
            /// bytes may have been written; or that it gives no thread. Also what an earlier write met that
            /// nobody waited for.
            ///
            /// # Cancel safety
            ///
            /// None: it is written even so.
            pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.io.write(buf).await
            }

            /// Writes all of `buf`.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            /// # fn main() -> std::io::Result<()> {
            /// polliwog::block_on(async {
            ///     polliwog::io::stdout().write_all(b"quak\n").await?;
            ///     Ok(())
            /// })
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// None: some part may have been written.
            pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
                self.io.write_all(buf).await
            }

            /// Waits until the system has everything that was written.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            /// # fn main() -> std::io::Result<()> {
            /// polliwog::block_on(async {
            ///     let mut out = polliwog::io::stdout();
            ///     out.write_all(b"quak\n").await?;
            ///     out.flush().await?;
            ///     Ok(())
            /// })
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// What an earlier write met that nobody waited for.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn flush(&mut self) -> io::Result<()> {
                poll_fn(|cx| poll_within(cx, |cx| self.io.poll_flush(cx))).await
            }

            /// Returns whether the stream is a terminal.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            /// # fn main() -> std::io::Result<()> {
            /// polliwog::block_on(async {
            ///     let colours = polliwog::io::stdout().is_terminal();
            /// #     let _ = colours;
            ///     Ok(())
            /// })
            /// # }
            /// ```
            pub fn is_terminal(&self) -> bool {
                std::io::IsTerminal::is_terminal(&self.std)
            }
        }

        impl futures_io::AsyncWrite for $name {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_start(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_start(cx, bufs)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                poll_within(cx, |cx| self.io.poll_flush(cx))
            }

            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_flush(cx)
            }
        }

        impl embedded_io::ErrorType for $name {
            type Error = io::Error;
        }

        impl embedded_io_async::Write for $name {
            async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                $name::write(self, buf).await
            }

            async fn flush(&mut self) -> io::Result<()> {
                $name::flush(self).await
            }
        }

        #[cfg(feature = "tokio")]
        tokio_writes!($name);

        #[cfg(any(unix, windows))]
        files! {
            $name: stream => stream.std;
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

outputs! {
    /// The program's output.
    ///
    /// ```
    /// use polliwog_mio::io::stdout;
    ///
    /// # polliwog_mio::block_on(async {
    /// stdout().write_all(b"quak\n").await
    /// # }).unwrap();
    /// ```
    stdout -> Stdout, Stream::Output;
    /// Where the program writes errors.
    ///
    /// ```
    /// use polliwog_mio::io::stderr;
    ///
    /// # polliwog_mio::block_on(async {
    /// stderr().write_all(b"out of flies\n").await
    /// # }).unwrap();
    /// ```
    stderr -> Stderr, Stream::Errors;
}
