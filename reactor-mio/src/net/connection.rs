//! What every connected stream has: how it comes about, where it goes, and its ends.

use std::io;

/// What a connect costs of the task's budget, in bytes that an operation of the same cost would move: the
/// system has as much work with it.
pub(super) const CONNECT: usize = 32 << 10;

/// The same of a socket that is made and bound.
pub(super) const BIND: usize = CONNECT;

/// What has become of a connect: by the error that is pending on the socket, and by its peer.
pub(super) fn look<T>(
    error: io::Result<Option<io::Error>>,
    peer: impl FnOnce() -> io::Result<T>,
) -> io::Result<()> {
    if let Some(error) = error? {
        return Err(error);
    }
    match peer() {
        Ok(_) => Ok(()),
        // An early event: the handshake is still under way.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

/// The methods of a stream that is a struct with the field `io: Attached<$socket>`, where `$socket` is one of mio's,
/// `$std` the standard library's and `$addr` its addresses' type; `$halves` is the module with its halves.
macro_rules! connection {
    ($stream:ident: $socket:ty, $std:ty, $addr:ty, $halves:ident) => {
        impl $stream {
            /// A socket that is ours alone. `tells`: a short transfer means what [`Watched::set_tells`](crate::source::Attached) says.
            #[inline]
            pub(crate) fn attach(reactor: &MioReactor, socket: $socket, tells: bool) -> $stream {
                let io = Attached::owning(reactor, socket);
                io.set_tells(tells);
                $stream { io }
            }

            /// Waits until a connect that is under way has ended.
            async fn connected(self) -> io::Result<$stream> {
                // Here and there the connection stands as soon as it has been asked for.
                if self.io.with(<$socket>::peer_addr).is_err() {
                    self.io.register_both()?;
                    let poll = |stream: &$stream, cx: &mut Context<'_>, id| {
                        let look = |socket: &$socket| {
                            connection::look(socket.take_error(), || socket.peer_addr())
                        };
                        stream.io.poll_op(id, Direction::Write, cx, look, |()| 0)
                    };
                    Operation::write(&self, poll).await?;
                }
                Ok(self)
            }

            /// Takes over a connected socket of the standard library and makes it non-blocking.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("fn take_over(socket: ", stringify!($std), ") -> std::io::Result<", stringify!($stream), "> {")]
            #[doc = concat!("    ", stringify!($stream), "::from_std(socket)")]
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When the socket cannot be made non-blocking; [`io::ErrorKind::NotConnected`] outside of
            /// a runtime.
            pub fn from_std(stream: $std) -> io::Result<$stream> {
                let reactor = MioReactor::current()?;
                stream.set_nonblocking(true)?;
                let socket = <$socket>::from_std(stream);
                // Somebody else may have a duplicate.
                Ok($stream {
                    io: Attached::with_reactor(&reactor, socket),
                })
            }

            /// Gives the socket to the standard library. It stays non-blocking.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("fn hand_over(stream: ", stringify!($stream), ") -> std::io::Result<", stringify!($std), "> {")]
            ///     let socket = stream.into_std()?;
            ///     socket.set_nonblocking(false)?;
            ///     Ok(socket)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When it cannot be taken out of the selector.
            pub fn into_std(self) -> io::Result<$std> {
                Ok(self.io.into_inner()?.into())
            }

            /// Closes one or both directions of the connection.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            /// use std::net::Shutdown;
            ///
            #[doc = concat!("async fn last_words(stream: &", stringify!($stream), ") -> std::io::Result<()> {")]
            ///     stream.write_all(b"bye\r\n").await?;
            ///     stream.shutdown(Shutdown::Write) // the peer reads the end after them
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.io.with(|socket| socket.shutdown(how))
            }

            /// `shutdown(Write)` at the end of a writer's work, for which a connection that the peer
            /// has closed already is as good.
            pub(crate) fn finish(&self) -> io::Result<()> {
                match self.shutdown(Shutdown::Write) {
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }

            /// Returns the address of the other end.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("fn log(stream: &", stringify!($stream), ") {")]
            ///     println!("from {:?}", stream.peer_addr());
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports, if the connection is gone for example.
            pub fn peer_addr(&self) -> io::Result<$addr> {
                self.io.with(<$socket>::peer_addr)
            }

            /// Returns the address of this end.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("fn log(stream: &", stringify!($stream), ") {")]
            ///     println!("at {:?}", stream.local_addr());
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.io.with(<$socket>::local_addr)
            }

            /// Takes the error that is pending on the socket, if any (`SO_ERROR`).
            ///
            /// # Errors
            ///
            /// What the system reports about the query itself.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.io.with(<$socket>::take_error)
            }

            /// Returns two halves that borrow the stream, to read and to write at the same time in one task.
            /// Free of cost.
            ///
            /// With `futures`' `AsyncReadExt` in scope, its method of the same name goes before this one:
            /// name the type then, as in `TcpStream::split(&stream)`.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn ask(stream: &", stringify!($stream), ", question: &[u8], answer: &mut [u8]) -> std::io::Result<()> {")]
            ///     let (reader, writer) = stream.split();
            ///     // A long question and a long answer do not wait for each other.
            ///     polliwog::try_join!(writer.write_all(question), reader.read_exact(answer))?;
            ///     Ok(())
            /// }
            /// ```
            pub fn split(&self) -> ($halves::ReadHalf<'_>, $halves::WriteHalf<'_>) {
                $halves::borrow(self)
            }

            /// Returns two halves that share the stream, to read and to write in different tasks. Dropping
            /// the writing half closes that direction.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($stream), ";")]
            ///
            #[doc = concat!("async fn talk(stream: ", stringify!($stream), ") -> std::io::Result<()> {")]
            ///     let (reader, writer) = stream.into_split();
            ///     let sender = polliwog::spawn(async move { writer.write_all(b"quak").await })?;
            ///     let mut answer = [0; 4];
            ///     reader.read_exact(&mut answer).await?;
            ///     sender.await?
            /// }
            /// ```
            pub fn into_split(self) -> ($halves::OwnedReadHalf, $halves::OwnedWriteHalf) {
                $halves::share(Rc::new(self))
            }
        }

        impl Waited for $stream {
            #[inline]
            fn forget(&self, direction: Direction, id: WaiterId) {
                self.io.forget(direction, id);
            }

            fn waits(&self, direction: Direction, id: WaiterId) -> bool {
                self.io.waits(direction, id)
            }
        }

        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.io.fmt(f)
            }
        }
    };
}
pub(super) use connection;
