//! [`Pipe`]: one direction, no allocator.

use core::cell::RefCell;
use core::fmt;
use core::task::{Context, Poll};

use polliwog_core::exact;
use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};

use super::flow::{self, Access, Flow};
use crate::Error;

/// A pipe whose `N` bytes of buffer lie in the value itself.
///
/// [`split`](Self::split) lends its two ends. To give them to spawned tasks, put the pipe where
/// it lives for ever, for example in a `static` by a cell that is initialised once; to use them
/// inside one task, the stack will do.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::io::Pipe;
/// # polliwog_spin::block_on(async {
/// let mut pipe = Pipe::<8>::new();
/// let (reader, writer) = pipe.split();
/// writer.write_all(b"tadpole").await?;
/// drop(writer);
///
/// let mut buf = [0; 4];
/// assert_eq!(reader.read(&mut buf).await?, 4);
/// assert_eq!(reader.read(&mut buf).await?, 3);
/// assert_eq!(reader.read(&mut buf).await?, 0);
/// # Ok::<_, polliwog_spin::Error>(())
/// # }).unwrap();
/// ```
pub struct Pipe<const N: usize> {
    inner: RefCell<Inner<N>>,
}

struct Inner<const N: usize> {
    flow: Flow,
    bytes: [u8; N],
}

impl<const N: usize> Pipe<N> {
    /// Makes an empty pipe.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::io::Pipe;
    ///
    /// let mut pipe = Pipe::<64>::new();
    /// let (reader, writer) = pipe.split();
    /// # drop((reader, writer));
    /// ```
    pub const fn new() -> Self {
        const { assert!(N > 0, "a pipe without a buffer can never pass a byte on") }
        Self {
            inner: RefCell::new(Inner {
                flow: Flow::new(),
                bytes: [0; N],
            }),
        }
    }

    /// Returns the pipe's two ends. What an earlier pair left behind is thrown away.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<64>::new();
    ///     let (reader, writer) = pipe.split();
    ///     writer.write_all(b"hop").await?;
    ///     assert_eq!(reader.read(&mut [0; 16]).await?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn split(&mut self) -> (PipeReader<'_, N>, PipeWriter<'_, N>) {
        self.inner.get_mut().flow = Flow::new();
        let pipe = &*self;
        (PipeReader { pipe }, PipeWriter { pipe })
    }
}

impl<const N: usize> Default for Pipe<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for Pipe<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Pipe");
        if let Ok(inner) = self.inner.try_borrow() {
            out.field("len", &inner.flow.len());
        }
        out.field("capacity", &N).finish()
    }
}

impl<const N: usize> Access for Pipe<N> {
    fn with<R>(&self, f: impl FnOnce(&mut Flow, &mut [u8]) -> R) -> R {
        let inner = &mut *self.inner.borrow_mut();
        f(&mut inner.flow, &mut inner.bytes)
    }
}

impl<const N: usize> Waited for Pipe<N> {
    fn forget(&self, direction: Direction, id: WaiterId) {
        flow::forget(self, direction, id);
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        flow::waits(self, direction, id)
    }
}

/// The end of a [`Pipe`] that bytes come out of. Dropping it makes writes fail.
#[derive(Debug)]
pub struct PipeReader<'a, const N: usize> {
    pipe: &'a Pipe<N>,
}

/// The end of a [`Pipe`] that bytes go into. Dropping it ends the stream.
#[derive(Debug)]
pub struct PipeWriter<'a, const N: usize> {
    pipe: &'a Pipe<N>,
}

impl<const N: usize> PipeReader<'_, N> {
    /// Waits for bytes and moves them into `buf`; `Ok(0)` once the writer is gone and all is
    /// read, or if `buf` is empty.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<64>::new();
    ///     let (reader, writer) = pipe.split();
    ///     drop(writer);
    ///     assert_eq!(reader.read(&mut [0; 16]).await?, 0); // the end
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A read that is dropped has taken no bytes.
    pub async fn read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        Operation::read(self.pipe, |end: &Pipe<N>, cx, id| {
            flow::poll_read(end, id, cx, buf)
        })
        .await
    }

    /// Moves into `buf` what is there.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<64>::new();
    ///     let (reader, _writer) = pipe.split();
    ///     assert!(reader.try_read(&mut [0; 16]).is_err()); // nothing yet
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing is.
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        flow::try_with(self.pipe, |flow, store, woken| flow.read(store, buf, woken))
    }

    /// [`read`](Self::read) as a poll function.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
        flow::poll_read(self.pipe, WaiterId::ANONYMOUS, cx, buf)
    }

    /// Returns how many bytes can be read without waiting.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<64>::new();
    ///     let (reader, writer) = pipe.split();
    ///     writer.write_all(b"hop").await?;
    ///     assert_eq!(reader.len(), 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.pipe.with(|flow, _| flow.len())
    }

    /// Returns whether a read that asks for bytes would wait, or find the end of the stream.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<64>::new();
    ///     let (reader, _writer) = pipe.split();
    ///     assert!(reader.is_empty());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<const N: usize> PipeWriter<'_, N> {
    /// Waits for room and writes as much of `data` as fits; returns how much that was.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<2>::new();
    ///     let (_reader, writer) = pipe.split();
    ///     assert_eq!(writer.write(b"hop").await?, 2); // as much as there is room for
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] once the reader is gone.
    ///
    /// # Cancel safety
    ///
    /// A write that is dropped has written nothing.
    pub async fn write(&self, data: &[u8]) -> Result<usize, Error> {
        Operation::write(self.pipe, |end: &Pipe<N>, cx, id| {
            flow::poll_write(end, id, cx, data)
        })
        .await
    }

    /// Writes all of `data`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<64>::new();
    ///     let (reader, writer) = pipe.split();
    ///     writer.write_all(b"hop").await?;
    ///     assert_eq!(reader.try_read(&mut [0; 16])?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); some of the data may have been written then.
    ///
    /// # Cancel safety
    ///
    /// None: if it is dropped, some of the data may have been written.
    pub async fn write_all(&self, data: &[u8]) -> Result<(), Error> {
        let none = || Error::WriteZero;
        exact::write_all(data, none, async |rest| self.write(rest).await).await
    }

    /// Writes as much as there is room for.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::Pipe;
    ///
    /// polliwog::spin::block_on(async {
    ///     let mut pipe = Pipe::<2>::new();
    ///     let (_reader, writer) = pipe.split();
    ///     assert_eq!(writer.try_write(b"hop")?, 2);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none, [`Error::BrokenPipe`] once the reader is gone.
    pub fn try_write(&self, data: &[u8]) -> Result<usize, Error> {
        flow::try_with(self.pipe, |flow, store, woken| {
            flow.write(store, data, woken)
        })
    }

    /// [`write`](Self::write) as a poll function.
    pub fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        flow::poll_write(self.pipe, WaiterId::ANONYMOUS, cx, data)
    }
}

impl<const N: usize> Drop for PipeReader<'_, N> {
    fn drop(&mut self) {
        let (_, woken) = self.pipe.with(|flow, _| flow.abandon());
        woken.wake();
    }
}

impl<const N: usize> Drop for PipeWriter<'_, N> {
    fn drop(&mut self) {
        self.pipe.with(|flow, _| flow.finish()).wake();
    }
}

impl<const N: usize> embedded_io::ErrorType for PipeReader<'_, N> {
    type Error = Error;
}

impl<const N: usize> embedded_io::ErrorType for PipeWriter<'_, N> {
    type Error = Error;
}

impl<const N: usize> embedded_io_async::Read for PipeReader<'_, N> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        PipeReader::read(self, buf).await
    }
}

impl<const N: usize> embedded_io_async::Write for PipeWriter<'_, N> {
    async fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        PipeWriter::write(self, data).await
    }

    /// Done at once: what is written can be read.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
