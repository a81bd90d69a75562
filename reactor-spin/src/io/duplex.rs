//! [`duplex`]: two streams that talk to each other.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec;
use core::cell::RefCell;
use core::fmt;
use core::task::{Context, Poll};

use polliwog_core::exact;
use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};

use super::flow::{self, Access, Flow};
use crate::Error;

/// Makes two connected streams: what is written to one can be read from the other. Each direction
/// holds at most `capacity` bytes (at least one).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// # polliwog_spin::Runtime::new(0).block_on(async {
/// let (near, far) = polliwog::io::duplex(64);
/// near.write_all(b"ping").await?;
/// let mut buf = [0; 64];
/// let count = far.read(&mut buf).await?;
/// assert_eq!(&buf[..count], b"ping");
///
/// drop(near);
/// assert_eq!(far.read(&mut buf).await?, 0);
/// # Ok::<_, polliwog_spin::Error>(())
/// # }).unwrap();
/// ```
pub fn duplex(capacity: usize) -> (DuplexStream, DuplexStream) {
    let [one, other] = [(); 2].map(|()| {
        Rc::new(RefCell::new(Line {
            flow: Flow::new(),
            bytes: vec![0; capacity.max(1)].into_boxed_slice(),
        }))
    });
    let near = DuplexStream {
        incoming: Half(one.clone()),
        outgoing: Half(other.clone()),
    };
    let far = DuplexStream {
        incoming: Half(other),
        outgoing: Half(one),
    };
    (near, far)
}

struct Line {
    flow: Flow,
    bytes: Box<[u8]>,
}

struct Half(Rc<RefCell<Line>>);

impl Access for Half {
    fn with<R>(&self, f: impl FnOnce(&mut Flow, &mut [u8]) -> R) -> R {
        let line = &mut *self.0.borrow_mut();
        f(&mut line.flow, &mut line.bytes)
    }
}

impl Waited for Half {
    fn forget(&self, direction: Direction, id: WaiterId) {
        flow::forget(self, direction, id);
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        flow::waits(self, direction, id)
    }
}

/// One end of a [`duplex`] pair. Dropping it closes both directions: the other end reads what is
/// left and then the end of the stream, and its writes fail.
pub struct DuplexStream {
    incoming: Half,
    outgoing: Half,
}

impl DuplexStream {
    /// Waits for bytes and moves them into `buf`; `Ok(0)` at the end of the stream, or if `buf`
    /// is empty.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::duplex;
    ///
    /// polliwog::spin::block_on(async {
    ///     let (one, two) = duplex(64);
    ///     one.write_all(b"hop").await?;
    ///     let mut buf = [0; 16];
    ///     assert_eq!(two.read(&mut buf).await?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A read that is dropped has taken no bytes.
    pub async fn read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        Operation::read(&self.incoming, |end: &Half, cx, id| {
            flow::poll_read(end, id, cx, buf)
        })
        .await
    }

    /// Waits for room and writes as much of `data` as fits; returns how much that was.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::duplex;
    ///
    /// polliwog::spin::block_on(async {
    ///     let (one, _two) = duplex(2);
    ///     assert_eq!(one.write(b"hop").await?, 2); // as much as there is room for
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] once the other end is gone, or after [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// A write that is dropped has written nothing.
    pub async fn write(&self, data: &[u8]) -> Result<usize, Error> {
        Operation::write(&self.outgoing, |end: &Half, cx, id| {
            flow::poll_write(end, id, cx, data)
        })
        .await
    }

    /// Writes all of `data`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::duplex;
    ///
    /// polliwog::spin::block_on(async {
    ///     let (one, two) = duplex(64);
    ///     one.write_all(b"hop").await?;
    ///     assert_eq!(two.try_read(&mut [0; 16])?, 3);
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

    /// Moves into `buf` what is there.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::duplex;
    ///
    /// polliwog::spin::block_on(async {
    ///     let (one, two) = duplex(64);
    ///     assert!(two.try_read(&mut [0; 16]).is_err()); // nothing yet
    ///     one.write_all(b"hop").await?;
    ///     assert_eq!(two.try_read(&mut [0; 16])?, 3);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing is.
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        flow::try_with(&self.incoming, |flow, store, woken| {
            flow.read(store, buf, woken)
        })
    }

    /// Writes as much as there is room for.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::duplex;
    ///
    /// polliwog::spin::block_on(async {
    ///     let (one, _two) = duplex(2);
    ///     assert_eq!(one.try_write(b"hop")?, 2);
    ///     assert!(one.try_write(b"p").is_err()); // no room
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none, [`Error::BrokenPipe`] as for [`write`](Self::write).
    pub fn try_write(&self, data: &[u8]) -> Result<usize, Error> {
        flow::try_with(&self.outgoing, |flow, store, woken| {
            flow.write(store, data, woken)
        })
    }

    /// [`read`](Self::read) as a poll function.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
        flow::poll_read(&self.incoming, WaiterId::ANONYMOUS, cx, buf)
    }

    /// [`write`](Self::write) as a poll function.
    pub fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        flow::poll_write(&self.outgoing, WaiterId::ANONYMOUS, cx, data)
    }

    /// Ends the outgoing direction: the other end sees the end of the stream after the last byte.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::io::duplex;
    ///
    /// polliwog::spin::block_on(async {
    ///     let (one, two) = duplex(64);
    ///     one.close();
    ///     assert_eq!(two.read(&mut [0; 16]).await?, 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn close(&self) {
        self.outgoing.with(|flow, _| flow.finish()).wake();
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        let (_, readers) = self.incoming.with(|flow, _| flow.abandon());
        let writers = self.outgoing.with(|flow, _| flow.finish());
        readers.wake();
        writers.wake();
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream").finish_non_exhaustive()
    }
}

impl embedded_io::ErrorType for DuplexStream {
    type Error = Error;
}

impl embedded_io::ErrorType for &DuplexStream {
    type Error = Error;
}

impl embedded_io_async::Read for DuplexStream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        DuplexStream::read(self, buf).await
    }
}

impl embedded_io_async::Read for &DuplexStream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        DuplexStream::read(self, buf).await
    }
}

impl embedded_io_async::Write for DuplexStream {
    async fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        DuplexStream::write(self, data).await
    }

    /// Done at once: what is written can be read.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl embedded_io_async::Write for &DuplexStream {
    async fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        DuplexStream::write(self, data).await
    }

    /// Done at once: what is written can be read.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
