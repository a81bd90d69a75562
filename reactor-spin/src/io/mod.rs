//! Byte streams in memory.
//!
//! * [`Pipe`]: one direction, its bytes in place, without an allocator.
//! * `duplex` (feature `alloc`): two streams that talk to each other.
//!
//! All of them implement [`embedded_io_async::Read`] and [`embedded_io_async::Write`], which
//! this module re-exports, and, with feature `std`, the traits of `futures-io`. They block when the buffer is full or empty, the reader sees the end
//! of the stream after the last byte, and a write to a reader that is gone fails with
//! [`Error::BrokenPipe`](crate::Error::BrokenPipe).
//!
//! A stream has room for one waiting reader and one waiting writer. If two tasks read the same
//! stream at the same time, the one that came last is woken.

pub(crate) mod channel;
#[cfg(feature = "alloc")]
mod duplex;
#[cfg(feature = "std")]
mod futures;
mod pipe;
mod ring;

#[cfg(feature = "alloc")]
pub use duplex::{DuplexStream, duplex};
pub use embedded_io_async::{BufRead, Read, ReadExactError, Seek, Write};
pub use pipe::{Pipe, PipeReader, PipeWriter};
