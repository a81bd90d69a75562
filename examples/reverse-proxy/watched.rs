//! [`Watched`]: a stream that notes when something moved.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use polliwog::net::TcpStream;
use polliwog::time::{Instant, sleep_until};

/// When something last moved, in any of several streams.
pub(crate) struct Activity(Cell<Instant>);

impl Default for Activity {
    fn default() -> Self {
        Self(Cell::new(Instant::now()))
    }
}

impl Activity {
    /// Waits until nothing has moved for so long.
    pub(crate) async fn none_for(&self, time: Duration) {
        loop {
            let until = self.0.get() + time;
            if Instant::now() >= until {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Ok(_)) = result {
            self.0.set(Instant::now());
        }
        result
    }
}

pub(crate) struct Watched<'a> {
    stream: &'a TcpStream,
    activity: &'a Activity,
    written: u64,
    has_to_speak: bool,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(stream: &'a TcpStream, activity: &'a Activity) -> Self {
        Self {
            stream,
            activity,
            written: 0,
            has_to_speak: false,
        }
    }

    /// To close it before anything has been written is an error (`UnexpectedEof`), and leaves it open for
    /// whoever has something to say.
    pub(crate) fn with_an_answer(self) -> Self {
        Self {
            has_to_speak: true,
            ..self
        }
    }

    /// How many bytes have been written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }
}

impl AsyncRead for Watched<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.activity.note(self.stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Watched<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.activity.note(self.stream.poll_write(cx, data));
        if let Poll::Ready(Ok(count)) = written {
            self.written += count as u64;
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = self.stream;
        AsyncWrite::poll_flush(Pin::new(&mut stream), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_to_speak && self.written == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut stream = self.stream;
        AsyncWrite::poll_close(Pin::new(&mut stream), cx)
    }
}
