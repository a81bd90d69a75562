//! The program's own input and output: [`stdin`], [`stdout`], [`stderr`]; and for streams of every kind
//! [`copy_bidirectional`] and [`read_buf`].
//!
//! Whatever they are, a terminal, a pipe, a file or nothing at all, none of them ever keeps the executor
//! waiting: each has a thread of its own, for the whole process, which starts when it is needed. `println!`
//! waits in its task's place until somebody has read what it prints.
//!
//! ```
//! use polliwog_mio::io::stdout;
//!
//! # polliwog_mio::block_on(async {
//! stdout().write_all(b"quak\n").await
//! # }).unwrap();
//! ```
//!
//! Lines, by `futures-util`:
//!
//! ```no_run
//! use futures_util::{TryStreamExt, io::{AsyncBufReadExt, BufReader}};
//! use polliwog_mio::io::{stdin, stdout};
//!
//! # polliwog_mio::block_on(async {
//! let mut lines = BufReader::new(stdin()).lines();
//! while let Some(line) = lines.try_next().await? {
//!     stdout().write_all(format!("{}\n", line.to_uppercase()).as_bytes()).await?;
//! }
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! They go together with the standard library's: what `print!` has left in its buffer is written before, and
//! what [`std::io::stdin`] has in its buffer is read first. A descriptor in non-blocking mode is waited for
//! by the stream's thread; its mode, which other programs share, is left alone.
//!
//! # The end
//!
//! A read that nobody waits for any more keeps no program alive, nor does it make a runtime's
//! [shutdown](crate::Runtime::shutdown_timeout) wait. What was written through `futures_io`'s traits is sure
//! to be out only after a flush.

mod input;
mod output;

pub use input::{Stdin, stdin};
pub use output::{Stderr, Stdout, stderr, stdout};

#[doc(inline)]
pub use polliwog_core::io::{copy_bidirectional, copy_bidirectional_with_sizes, read_buf};

/// Does something with a stream until it neither is interrupted nor would have to wait; on a thread that
/// may wait.
#[cfg(unix)]
fn insist<T>(
    stream: &impl std::os::fd::AsFd,
    ready: rustix::event::PollFlags,
    mut f: impl FnMut() -> std::io::Result<T>,
) -> std::io::Result<T> {
    use rustix::event::{PollFd, poll};
    use std::io::ErrorKind::{Interrupted, WouldBlock};
    loop {
        match f() {
            Err(error) if error.kind() == Interrupted => {}
            Err(error) if error.kind() == WouldBlock => {
                match poll(&mut [PollFd::new(stream, ready)], None) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            result => return result,
        }
    }
}
