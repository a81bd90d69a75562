//! [`File`] as a stream of `futures_io` and of `embedded_io_async`, and with the features of tokio and hyper.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, SeekFrom};

use polliwog_core::SendWrapper;

use super::disk::{Wait, failed};
use super::fs::{File, begin, on};
use super::net::Net;

/// The time that the disk takes, and whether it fails then.
type Begun = Pin<Box<dyn Future<Output = io::Result<(Net, bool)>>>>;

/// What goes on between the polls of an operation: the disk takes its time.
#[derive(Default)]
pub(crate) struct Waiting {
    begun: Option<SendWrapper<Begun>>,
    #[cfg(feature = "tokio")]
    seeks: Option<SeekFrom>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

impl File {
    /// Waits as long as an operation takes; whether it fails then. What has been given up waits for the next one.
    fn poll_begin(&mut self, cx: &mut Context<'_>, wait: Wait) -> Poll<io::Result<(Net, bool)>> {
        let begun = &mut self.waiting.begun;
        let begin = begun.get_or_insert_with(|| SendWrapper::new(Box::pin(begin(wait))));
        let done = ready!(begin.as_mut().poll(cx));
        *begun = None;
        Poll::Ready(done)
    }
}

impl File {
    /// Returns `None`: nothing is written in the background, so errors are those of the operations that meet them.
    pub fn take_error(&mut self) -> Option<io::Error> {
        None
    }

    /// Appends all that is left to `text`, and returns how many bytes it was. Dropped, it has read nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) if that is no UTF-8, and `text` is as before; as [`read`](Self::read).
    pub async fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).await?;
        let more = core::str::from_utf8(&bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        text.push_str(more);
        Ok(bytes.len())
    }
}

impl futures_io::AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let wait = self.opened.reads(self.position(), buf.len());
        let (net, fails) = ready!(self.poll_begin(cx, wait))?;
        if fails {
            return Poll::Ready(Err(failed()));
        }
        let at = self.position();
        let count = on(&net, |disk| self.opened.read(disk, at, buf))?;
        self.go_to(at + count as u64);
        Poll::Ready(Ok(count))
    }
}

impl futures_io::AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wait = self.opened.writes(self.position(), buf.len());
        let (net, fails) = ready!(self.poll_begin(cx, wait))?;
        let (at, count) = self.write_now(&net, fails, buf, self.position())?;
        self.go_to(at + count as u64);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_io::AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        let (net, fails) = ready!(self.poll_begin(cx, Wait::Any))?;
        match fails {
            true => Poll::Ready(Err(failed())),
            false => Poll::Ready(self.seek_now(&net, to)),
        }
    }
}

crate::foreign::foreign_reads!([] File);
crate::foreign::foreign_writes!([] File, false);

#[cfg(feature = "tokio")]
impl tokio::io::AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.waiting.seeks = Some(to);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let to = self.waiting.seeks.unwrap_or(SeekFrom::Current(0));
        let sought = ready!(futures_io::AsyncSeek::poll_seek(self.as_mut(), cx, to));
        self.waiting.seeks = None;
        Poll::Ready(sought)
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
        Ok(())
    }
}

impl embedded_io_async::Seek for File {
    async fn seek(&mut self, to: embedded_io::SeekFrom) -> io::Result<u64> {
        File::seek(self, to.into()).await
    }
}
