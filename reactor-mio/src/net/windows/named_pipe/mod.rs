//! Named pipes of Windows: streams of bytes between programs, by a name.
//!
//! A server makes an instance of a pipe for each client that it serves at a time ([`ServerOptions::create`]), and a
//! client opens the name ([`ClientOptions::open`]), which takes one of the instances. As long as none is free, a client
//! gets [`ERROR_PIPE_BUSY`], and as long as there is none, [`NotFound`](io::ErrorKind::NotFound): so a server makes the
//! next instance before it serves the last one's client.
//!
//! ```no_run
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
//! use polliwog::net::windows::named_pipe::{ClientOptions, ServerOptions};
//! use std::io;
//!
//! const NAME: &str = r"\\.\pipe\pond";
//!
//! async fn serve() -> io::Result<()> {
//!     // Nobody else may have the name.
//!     let mut server = ServerOptions::new().first_pipe_instance(true).create(NAME)?;
//!     loop {
//!         server.connect().await?;
//!         let client = std::mem::replace(&mut server, ServerOptions::new().create(NAME)?);
//!         polliwog::spawn(async move {
//!             let mut buf = [0; 1024];
//!             loop {
//!                 match client.read(&mut buf).await? {
//!                     0 => return io::Result::Ok(()), // it has gone
//!                     n => client.write_all(&buf[..n]).await?,
//!                 }
//!             }
//!         })?;
//!     }
//! }
//!
//! async fn ask() -> io::Result<()> {
//!     let client = ClientOptions::new().open(NAME)?;
//!     client.write_all(b"quak").await?;
//!     client.read_exact(&mut [0; 4]).await
//! }
//! ```
//!
//! # What differs from a socket
//!
//! * Both ends have the traits of `futures-io` and `embedded-io-async`, also by reference (`&NamedPipeClient`), with
//!   the features `tokio` and `hyper` those of these crates, and the methods of a [`TcpStream`](super::super::TcpStream)
//!   that do not look at what is to be read without taking it. There are no halves: two tasks share an
//!   [`Rc`](std::rc::Rc), or two futures of one task references.
//! * A pipe is closed in both directions at once, when it is dropped. What its peer has not read by then it can still
//!   read, and then the end.
//! * A write is over when the system has the bytes to write, at most 64 KiB at a time; [`flush`](NamedPipeClient::flush)
//!   waits until the pipe has them. An error of a write is found by the next one.
//! * A pipe belongs to its first runtime for good: it is not [`Movable`](super::super::Movable).
//! * Pipes of messages, and security descriptors, are not there.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::task::{Context, Poll, ready};

use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};

mod options;
mod pipe;

use crate::budget::{draw, poll_nothing};
use crate::net::byte_stream::{self, byte_stream};
use crate::net::{connection, no_sigpipe};
use crate::reactor::MioReactor;
use crate::source::Attached;
pub use options::{ClientOptions, ServerOptions};
pub(crate) use pipe::Pipe;

/// By this [number](io::Error::raw_os_error) the system says that all instances of a pipe are taken, or that there may
/// be no more of them.
pub const ERROR_PIPE_BUSY: i32 = windows_sys::Win32::Foundation::ERROR_PIPE_BUSY as i32;

/// One instance of a pipe, for a client at a time; made by [`ServerOptions::create`].
///
/// Reading and writing is the error [`NotConnected`](io::ErrorKind::NotConnected) before [`connect`](Self::connect) and
/// after [`disconnect`](Self::disconnect); but a write during a `connect` waits for the client, too. All operations take
/// `&self`, and any number of tasks can wait for each direction.
pub struct NamedPipeServer {
    io: Attached<Pipe>,
}

/// A connection to a server's instance; made by [`ClientOptions::open`].
///
/// All operations take `&self`, and any number of tasks can wait for each direction.
pub struct NamedPipeClient {
    io: Attached<Pipe>,
}

impl NamedPipeServer {
    /// Waits until a client has opened this instance; not at all if one has already.
    ///
    /// It may be gone again by then: what it has written is there to be read. The next client comes after a
    /// [`disconnect`](Self::disconnect).
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::windows::named_pipe::NamedPipeServer;
    ///
    /// /// Serves one client after the other.
    /// async fn serve(server: NamedPipeServer) -> std::io::Result<()> {
    ///     loop {
    ///         server.connect().await?;
    ///         let mut buf = [0; 64];
    ///         let n = server.read(&mut buf).await?;
    ///         println!("{:?}", &buf[..n]);
    ///         server.disconnect()?;
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    ///
    /// # Cancel safety
    ///
    /// No client is lost: one that comes after the future is dropped is there for the next call.
    pub async fn connect(&self) -> io::Result<()> {
        draw(connection::CONNECT).await;
        if self.io.with(|pipe| Ok(pipe.connected().is_ok()))? {
            return Ok(());
        }
        // Ready, as it is without a client, means that it is tried at once; else one is under way.
        let connect = |io: &Attached<Pipe>, cx: &mut Context<'_>, id| {
            io.poll_op(id, Direction::Write, cx, Pipe::connect, |_| 0)
        };
        if Operation::write(&self.io, connect).await? {
            // That it is ready to be written to is still to be reported, once: then a write that is under way is
            // what is reported next.
            self.io.blocked(Direction::Write);
        }
        Ok(())
    }

    /// Lets the client go, and with it everything that one side has written and the other one has not read. Then the
    /// instance is free for another one, which comes by [`connect`](Self::connect).
    ///
    /// Whoever reads or writes at the time gets the error [`NotConnected`](io::ErrorKind::NotConnected); a `connect`
    /// that waits goes on. The client is told by the error `ERROR_PIPE_NOT_CONNECTED` when it reads. To leave to a
    /// client what it has not read yet, drop the instance, and make another one.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn disconnect(&self) -> io::Result<()> {
        self.io.with(Pipe::disconnect)?;
        self.io.rouse();
        Ok(())
    }
}

fn write(mut pipe: &Pipe, buf: &[u8]) -> io::Result<usize> {
    pipe.write(buf)
}

/// A pipe that is ready to be written to has no write under way.
fn poll_flushed(io: &Attached<Pipe>, cx: &mut Context<'_>, id: WaiterId) -> Poll<io::Result<()>> {
    let connected = |pipe: &Pipe| pipe.connected().map(drop);
    io.poll_op(id, Direction::Write, cx, connected, |()| 0)
}

macro_rules! ends {
    ($($end:ident)+) => {$(
        byte_stream! {
            $end in "net::windows::named_pipe": Pipe, write
        }

        impl $end {
            /// mio makes pipes readable and writable only once it knows them, so each is registered at once.
            fn attach(reactor: &MioReactor, pipe: Pipe) -> io::Result<Self> {
                let io = Attached::owning(reactor, pipe);
                io.register_both()?;
                Ok(Self { io })
            }

            /// Waits until the pipe has what has been written; the peer need not have read it.
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::NotConnected`] without a client. If the bytes could not be written, the next write
            /// says so.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn flush(&self) -> io::Result<()> {
                Operation::write(&self.io, poll_flushed).await
            }

            pub(in crate::net) fn flushed(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                poll_flushed(&self.io, cx, WaiterId::ANONYMOUS)
            }

            /// The end comes when the pipe is dropped.
            pub(in crate::net) fn finished(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.flushed(cx)
            }

            /// Whether a read would not wait. One of nothing leaves what there is: bytes, and an error, which the
            /// system repeats.
            pub(in crate::net) fn is_read_ready(&self) -> io::Result<bool> {
                match self.io.with(|mut pipe| pipe.read(&mut [])) {
                    Err(error) => Ok(error.kind() != io::ErrorKind::WouldBlock),
                    Ok(_) => Ok(true),
                }
            }

            /// Not before the pipe has been reported to be ready: that would be taken for the end of this write.
            fn try_writing(
                &self,
                write: impl FnOnce(&Pipe) -> io::Result<usize>,
            ) -> io::Result<usize> {
                self.io.with(|pipe| pipe.connected().map(drop))?;
                match self.io.is_ready(Direction::Write) {
                    true => self.io.try_with(Direction::Write, write),
                    false => Err(io::ErrorKind::WouldBlock.into()),
                }
            }

            fn note_read(&self, _read: usize, _asked: usize) {}

            /// A write is under way now, and no other one begins before its end, which is reported.
            fn note_written(&self, written: usize, _asked: usize) {
                if written != 0 {
                    self.io.blocked(Direction::Write);
                }
            }
        }

        impl Waited for $end {
            fn forget(&self, direction: Direction, id: WaiterId) {
                self.io.forget(direction, id);
            }

            fn waits(&self, direction: Direction, id: WaiterId) -> bool {
                self.io.waits(direction, id)
            }
        }

        impl fmt::Debug for $end {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.io.fmt(f)
            }
        }

        files! {
            $end: end => end.io;
        }
    )+};
}

ends! {
    NamedPipeServer
    NamedPipeClient
}
