//! polliwog's reactor for desktops and servers: epoll, kqueue and IOCP through [mio].
//!
//! [`MioReactor`] drives a [`polliwog_core`] executor. [`Runtime`] puts the two together;
//! [`block_on`] uses one that each thread has by default:
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
//! use polliwog::net::{TcpListener, TcpStream};
//!
//! polliwog::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     let echo = polliwog::spawn(async move {
//!         let (stream, _peer) = listener.accept().await?;
//!         let mut buf = [0; 64];
//!         let n = stream.read(&mut buf).await?;
//!         stream.write_all(&buf[..n]).await
//!     })?;
//!
//!     let client = TcpStream::connect(addr).await?;
//!     client.write_all(b"quak").await?;
//!     let mut buf = [0; 4];
//!     client.read_exact(&mut buf).await?;
//!     assert_eq!(&buf, b"quak");
//!     echo.await.map_err(std::io::Error::other)?
//! })
//! # .unwrap();
//! ```
//!
//! | what | where |
//! |---|---|
//! | sockets | [`net`] |
//! | files | [`fs`] |
//! | work that blocks | [`spawn_blocking`], [`blocking`] |
//! | all cores | [`Cluster`], [`cluster`] |
//! | waking a task from a thread | [`UserEvent`] |
//! | standard input and output | [`io`] |
//! | other programs | [`process`] |
//! | Ctrl-C, signals | [`signal`] |
#![cfg_attr(unix, doc = "| sources of your own | [`AsyncSource`], [`AsyncFd`] |")]
#![cfg_attr(not(unix), doc = "| sources of your own | [`AsyncSource`] |")]
//! | virtual time in tests | [`time`] |
//!
//! [mio]: https://docs.rs/mio
// On Windows one file has some, with the reason: `sys/windows.rs`.
#![cfg_attr(windows, deny(unsafe_code))]
#![cfg_attr(not(windows), forbid(unsafe_code))]

#[macro_use]
mod macros;

pub mod blocking;
mod budget;
pub mod cluster;
mod dispatch;
mod event;
pub mod fs;
mod hooks;
#[cfg(feature = "hyper-util")]
pub mod hyper;
pub mod io;
pub mod net;
#[cfg(any(unix, windows))]
pub mod process;
mod reactor;
mod runtime;
pub mod signal;
mod source;
mod sys;
pub mod time;

/// What the sockets are made of, for sources of your own: [`AsyncSource`] takes any of its.
pub use ::mio;
pub use blocking::{BlockingError, BlockingHandle, spawn_blocking};
pub use cluster::Cluster;
pub use event::{Trigger, UserEvent};
pub use polliwog_core::{spawn, try_spawn};
pub use reactor::MioReactor;
#[doc(hidden)]
pub use runtime::block_on_paused;
pub use runtime::{Builder, DEFAULT_MAX_TASKS, Runtime, block_on};
#[cfg(unix)]
pub use source::AsyncFd;
pub use source::AsyncSource;
