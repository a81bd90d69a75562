//! TCP, UDP and Unix sockets, and the named pipes of Windows.
//!
//! Every socket belongs to the reactor in whose context it was made, and to that thread. The
//! methods take `&self`, so that one task may read while another writes, and any number of tasks can wait for
//! each direction.
//!
//! Inside of another runtime, and once its own has ended, an operation of a socket that would have to wait is
//! an error: nobody would ever wake it. A socket [moves](Movable) to another runtime by one call.
//!
//! Streams implement [`futures_io`]'s and [`embedded_io_async`]'s traits, also by reference
//! (`&TcpStream`), with the features `tokio` and `hyper` those of these crates, too. They have the usual
//! operations as methods, so that none of these is needed for
//! plain use.

mod acceptor;
mod addr;
mod byte_stream;
mod connection;
mod datagrams;
mod halves;
mod happy_eyeballs;
mod io_traits;
mod listener;
pub(crate) mod moving;
mod no_sigpipe;
mod options;
mod socket;
mod split;
mod stream;
mod udp;
#[cfg(unix)]
pub mod unix;
#[cfg(windows)]
pub mod windows;

pub use addr::{ToSocketAddrs, lookup_host};
pub use listener::{Incoming, TcpListener};
pub use moving::{Detached, Movable, MoveError};
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
pub use udp::{RecvBatch, UdpSocket};
#[cfg(unix)]
pub use unix::{datagram::UnixDatagram, listener::UnixListener, stream::UnixStream};

/// The halves of a [`TcpStream`], by the names that they have beside those of a `UnixStream`.
pub mod tcp {
    pub use super::{Incoming, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
}
