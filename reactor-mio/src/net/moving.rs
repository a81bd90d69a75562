//! Sockets that change their runtime: [`Movable`], [`Detached`], [`MoveError`].

use std::fmt;
use std::io;

use polliwog_core::{SpawnError, SpawnErrorKind, TrySpawnError};

use crate::reactor::MioReactor;

/// A socket that can go on in another runtime of the process, on another thread: `TcpStream`, `TcpListener`,
/// `UdpSocket`, and on Unix `UnixStream`, `UnixListener` and `UnixDatagram`.
///
/// In a [cluster](crate::cluster) one call does all of it:
/// [`hand_over`](crate::cluster::ClusterHandle::hand_over). By itself a socket is [detached](Self::detach) from
/// its runtime, sent, and [attached](Detached::attach) to the other one.
///
/// # What goes along
///
/// Everything: what has arrived and not been read lies in the system's socket, and so does what has been
/// written; there is no other buffer. That an operation would have to wait, and that nobody else has the
/// descriptor, is known on the other side as it was on this one. A waker that a `poll_` function has left with the
/// socket is dropped, for its task has no socket any more.
///
/// Halves that own a stream are to be reunited before.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::{Movable, TcpListener, TcpStream};
///
/// /// Sends a socket of any kind to another thread, whose runtime has the rest of its life.
/// fn elsewhere<S: Movable + 'static>(socket: S, then: impl AsyncFnOnce(S) + Send + 'static) -> std::io::Result<()> {
///     let socket = socket.detach()?;
///     std::thread::spawn(move || {
///         polliwog::block_on(async { then(socket.attach()?).await; std::io::Result::Ok(()) })
///     });
///     Ok(())
/// }
///
/// polliwog::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     client.write_all(b"quak").await?;
///     let (server, _peer) = listener.accept().await?;
///     elsewhere(server, async |server| {
///         let mut buf = [0; 4];
///         server.read_exact(&mut buf).await.expect("what has been sent is there");
///         server.write_all(&buf).await.expect("the client reads");
///     })?;
///     let mut buf = [0; 4];
///     client.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"quak");
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub trait Movable: Sized + parts::Parts {
    /// Takes the socket out of its runtime.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::{Detached, Movable, UdpSocket};
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let detached: Detached<UdpSocket> = socket.detach()?;
    ///     fn is_send(_: &impl Send) {}
    ///     is_send(&detached);
    ///     let socket = detached.attach()?;
    ///     # drop(socket);
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// When the system does not take it out of the selector. The error has the socket, which is as it was.
    fn detach(self) -> Result<Detached<Self>, MoveError<Self>> {
        match self.into_parts() {
            Ok(parts) => Ok(Detached { parts }),
            Err((socket, error)) => Err(MoveError::new(socket, error)),
        }
    }
}

/// A socket that belongs to no runtime, and may be sent to any: see [`Movable`].
///
/// Dropping it closes the socket.
pub struct Detached<S: Movable> {
    parts: S::Raw,
}

impl<S: Movable> Detached<S> {
    /// Attaches the socket to the runtime that runs here. It registers with the selector when it has to wait for
    /// the first time, as a new one does.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] outside of a runtime. The error has the socket.
    pub fn attach(self) -> Result<S, MoveError<Detached<S>>> {
        match MioReactor::current() {
            Ok(reactor) => Ok(self.attach_to(&reactor)),
            Err(error) => Err(MoveError::new(self, error)),
        }
    }

    pub(crate) fn attach_to(self, reactor: &MioReactor) -> S {
        S::from_parts(reactor, self.parts)
    }
}

impl<S: Movable> fmt::Debug for Detached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Detached").field(&self.parts).finish()
    }
}

/// A socket has not been moved, and is given back.
///
/// `?` makes an [`io::Error`] of it, which closes the socket.
pub struct MoveError<T> {
    value: T,
    error: io::Error,
}

impl<T> MoveError<T> {
    pub(crate) fn new(value: T, error: io::Error) -> Self {
        Self { value, error }
    }

    /// Returns why it has not been moved: what the system reports; or a wrapped
    /// [`SpawnError`](polliwog_core::SpawnError), if a cluster has not taken it.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// Returns why a cluster has not taken it, if it was that.
    pub fn spawn_error(&self) -> Option<SpawnErrorKind> {
        let error = self.error.get_ref()?.downcast_ref::<SpawnError>()?;
        Some(error.kind())
    }

    /// Returns the socket, in its runtime as before.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> From<TrySpawnError<T>> for MoveError<T> {
    fn from(refused: TrySpawnError<T>) -> Self {
        let error = refused.error().into();
        Self::new(refused.into_inner(), error)
    }
}

impl<T> From<MoveError<T>> for io::Error {
    /// Drops the socket, keeps the reason.
    fn from(error: MoveError<T>) -> Self {
        error.error
    }
}

impl<T> fmt::Debug for MoveError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MoveError").field(&self.error).finish()
    }
}

impl<T> fmt::Display for MoveError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for MoveError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

pub(crate) mod parts {
    use std::fmt::Debug;
    use std::io;

    use crate::reactor::MioReactor;

    /// A socket, taken apart for another runtime. It makes [`Movable`](super::Movable) a trait of this crate's.
    pub trait Parts: Sized {
        type Raw: Send + Debug;

        /// The runtime's reactor to which the socket belongs.
        fn reactor(&self) -> &MioReactor;
        fn into_parts(self) -> Result<Self::Raw, (Self, io::Error)>;
        fn from_parts(reactor: &MioReactor, parts: Self::Raw) -> Self;
    }
}

/// Makes a socket movable: where its source lies, what goes along beside it, and how it is made of both.
macro_rules! movable {
    ($type:ty: $raw:ty, $kept:ty;
        $this:ident => $io:expr, $keep:expr;
        ($back:ident, $was:pat) => $made:expr $(;)?) => {
        impl $crate::net::moving::parts::Parts for $type {
            type Raw = ($crate::source::Parts<$raw>, $kept);

            fn reactor(&self) -> &$crate::MioReactor {
                let $this = self;
                $io.reactor()
            }

            fn into_parts(self) -> Result<Self::Raw, (Self, std::io::Error)> {
                let $this = self;
                let kept = $keep;
                match $io.detach() {
                    Ok(parts) => Ok((parts, kept)),
                    Err(($back, error)) => {
                        let $was = kept;
                        Err(($made, error))
                    }
                }
            }

            fn from_parts(reactor: &$crate::MioReactor, (parts, $was): Self::Raw) -> Self {
                let $back = $crate::source::Attached::reattach(reactor, parts);
                $made
            }
        }

        impl $crate::net::Movable for $type {}
    };
}
pub(super) use movable;
