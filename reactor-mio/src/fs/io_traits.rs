//! [`File`] as a stream of `futures_io` and of `embedded_io_async`, and with feature `tokio` of tokio.

use std::io::{self, IoSlice, IoSliceMut, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::file::File;
use polliwog_core::task::budget::poll_within;

impl futures_io::AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_file(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_into(cx, bufs)
    }
}

impl futures_io::AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_start_write(cx, buf, true)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_start_write_of(cx, bufs, true)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_within(cx, |cx| self.poll_flush_file(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_file(cx)
    }
}

impl futures_io::AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.poll_seek_file(cx, to)
    }
}

impl embedded_io::ErrorType for File {
    type Error = io::Error;
}

impl embedded_io_async::Read for File {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        File::read(self, buf).await
    }
}

impl embedded_io_async::Write for File {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match File::write(self, buf).await? {
            // Which says that nothing was asked for.
            0 if !buf.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        File::flush(self).await
    }
}

impl embedded_io_async::Seek for File {
    async fn seek(&mut self, to: embedded_io::SeekFrom) -> io::Result<u64> {
        File::seek(self, to.into()).await
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        polliwog_core::spare::Spare::of_tokio(buf, |spare| {
            let read = self.poll_fetch(cx, spare.len(), |bytes| spare.put_slice(bytes));
            read.map_ok(drop)
        })
    }
}

#[cfg(feature = "tokio")]
tokio_writes!(File);

#[cfg(feature = "tokio")]
impl tokio::io::AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.seeking = Some(to);
        Ok(())
    }

    /// Without a seek it tells the position, by a trip to the pool.
    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let to = self.seeking.unwrap_or(SeekFrom::Current(0));
        let sought = std::task::ready!(self.poll_seek_file(cx, to));
        self.seeking = None;
        Poll::Ready(sought)
    }
}
