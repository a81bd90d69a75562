//! Other programs: starting them, talking to them, and waiting for their end.
//!
//! A [`Command`] says which program and how; it starts a [`Child`], whose end can be awaited, and whose
//! standard streams are awaitable pipes where [`Stdio::piped`] asks for them. All names are those of
//! `std::process`.
//!
//! ```
//! # #[cfg(unix)]
//! # polliwog_mio::block_on(async {
//! use polliwog_mio::process::Command;
//!
//! let output = Command::new("echo").arg("quak").output().await?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"quak\n");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! Input and output at the same time, by lines:
//!
//! ```
//! # #[cfg(unix)]
//! # polliwog_mio::block_on(async {
//! use futures_util::{TryStreamExt, io::{AsyncBufReadExt, BufReader}};
//! use polliwog_mio::process::{Command, Stdio};
//!
//! let mut sort = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//! let mut stdin = sort.stdin.take().unwrap();
//! let stdout = sort.stdout.take().unwrap();
//! let writer = polliwog_mio::spawn(async move {
//!     // Dropped at the end of the task, which tells the child that this is all.
//!     stdin.write_all(b"tadpole\negg\nfrog\n").await
//! }).unwrap();
//! let lines: Vec<String> = BufReader::new(stdout).lines().try_collect().await?;
//! assert_eq!(lines, ["egg", "frog", "tadpole"]);
//! writer.await.unwrap()?;
//! assert!(sort.wait().await?.success());
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # How it works
//!
//! On Unix the parent's ends of the pipes are in non-blocking mode and wait in the reactor as sockets do.
//! The end of a child is news of its descriptor (`pidfd`) on Linux; on other systems, and where Linux
//! refuses such descriptors, one thread for the whole process is told by the signal `SIGCHLD`. On Windows
//! pipes are read and written on the [blocking pool](crate::blocking), and the child is asked again and
//! again whether it has ended, every 16 milliseconds at last.
//!
//! Starting a program takes the system about a millisecond, in which the calling thread does nothing else.
//!
//! # Children that nobody waits for
//!
//! A [`Child`] that is dropped goes on, unless [`Command::kill_on_drop`] says otherwise, and leaves no zombie:
//! what was dropped before its end is waited for by a thread that `SIGCHLD` wakes, also when the runtime
//! has ended. Where the program ignores that signal, and nobody has handled it yet, the system keeps nothing of a
//! child that has ended, and [`Child::wait`] fails.

mod child;
mod command;
mod exit;
mod pipes;
#[cfg(unix)]
mod reaper;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
/// As in the standard library: how a child has ended, all that it has written, and where its streams go.
pub use std::process::{ExitStatus, Output, Stdio};
