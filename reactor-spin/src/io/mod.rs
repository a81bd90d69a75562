//! Byte streams in memory.
//!
//! * [`Pipe`]: one direction, its bytes in place, without an allocator.
//! * `duplex` (feature `alloc`): two streams that talk to each other.
//!
//! All of them implement [`embedded_io_async::Read`] and [`embedded_io_async::Write`], which
//! this module re-exports, and, with feature `std`, the traits of `futures-io`, for which there is
//! `copy_bidirectional`. They block when the buffer is full or empty, the reader sees the end of the stream
//! after the last byte, and a write to a reader that is gone fails with
//! [`Error::BrokenPipe`](crate::Error::BrokenPipe).
//!
//! Any number of tasks can wait to read and to write; all that wait in a direction are woken. Without feature
//! `alloc` the poll functions are for one task at a time: see [`Waiters`](polliwog_core::sources::Waiters).

#[cfg(feature = "alloc")]
mod duplex;
pub(crate) mod flow;
#[cfg(feature = "std")]
mod futures;
mod pipe;
mod ring;
#[cfg(feature = "std")]
pub(crate) mod vectored;

#[cfg(feature = "alloc")]
pub use duplex::{DuplexStream, duplex};
pub use embedded_io_async::{BufRead, Read, ReadExactError, Seek, Write};
pub use pipe::{Pipe, PipeReader, PipeWriter};
#[cfg(feature = "std")]
#[doc(inline)]
pub use polliwog_core::io::{copy_bidirectional, copy_bidirectional_with_sizes, read_buf};
