//! TCP in memory: listeners and streams with the interface of real ones, and no network.
//!
//! A [`Network`] is a small world of addresses. [`TcpListener::bind`] and [`TcpStream::connect`]
//! use the [current](Network::current) one: the runtime's own, while a
//! [`Runtime`](crate::Runtime) runs, so that tests do not see each other's ports; otherwise one
//! of a fixed size that the whole program shares. Every IP address is local in it.
//!
//! What a program can rely on with TCP holds here too: bytes arrive complete and in order;
//! a write waits while the buffers are full; dropping a stream or shutting its writing side down
//! ends the peer's reads after the last byte; dropping it with bytes unread resets the
//! connection; a connect to an address without a listener is refused; a connect that finds the
//! backlog full waits until there is room. What differs: nothing takes time, nothing is lost,
//! and a write to a stream whose peer is gone fails the first time already.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
//! use polliwog::net::{TcpListener, TcpStream};
//!
//! polliwog::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:7").await?;
//!     let client = TcpStream::connect("127.0.0.1:7").await?;
//!     let (server, _) = listener.accept().await?;
//!
//!     client.write_all(b"frog").await?;
//!     let mut buf = [0; 16];
//!     let count = server.read(&mut buf).await?;
//!     assert_eq!(&buf[..count], b"frog");
//!     Ok::<_, polliwog::Error>(())
//! }).unwrap();
//! ```
//!
//! Listeners and streams belong to one thread (they are not `Send`), as they do with a reactor
//! for real sockets. Any number of tasks can wait to read, to write and to accept; a connection wakes the
//! one that has waited longest to accept. Without feature `alloc` it wakes all of them, and the poll functions
//! are for one task at a time: see [`Waiters`](polliwog_core::sources::Waiters).

mod addr;
#[cfg(feature = "sim")]
mod batch;
mod end;
pub mod generic;
mod listener;
mod memory;
#[cfg(feature = "sim")]
mod multicast;
mod network;
#[cfg(feature = "sim")]
pub(crate) mod options;
#[cfg(feature = "sim")]
mod socket;
mod split;
mod storage;
mod stream;
mod table;
#[cfg(feature = "sim")]
mod udp;
#[cfg(feature = "sim")]
pub mod unix;

pub use addr::ToSocketAddrs;
#[cfg(feature = "sim")]
pub(crate) use addr::hosts;
#[cfg(feature = "alloc")]
pub use addr::lookup_host;
pub use generic::NetError;
#[cfg(any(feature = "std", not(target_os = "none")))]
pub use network::CurrentNetwork;
pub use network::Network;
#[cfg(any(feature = "std", not(target_os = "none")))]
pub use std::net::Shutdown;
#[cfg(feature = "sim")]
pub(crate) use storage::NO_ADDR;
pub use storage::StaticNetwork;
/// The types that come with TCP, by the name that [`unix`] has for those of its sockets.
pub mod tcp {
    pub use super::{Incoming, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
}
#[cfg(feature = "sim")]
pub use batch::RecvBatch;

generic::names!(crate::Error, "[`Error`](crate::Error)");

/// Which directions of a stream to shut down.
#[cfg(not(any(feature = "std", not(target_os = "none"))))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Reads find the end of the stream from now on.
    Read,
    /// The peer's reads find the end of the stream after the last byte.
    Write,
    /// Both.
    Both,
}
