//! What every datagram socket has: sending and receiving.

/// The methods of a datagram socket that is a struct with the field `io: Attached<$socket>`, where
/// `$socket` is one of mio's, `$std` the standard library's and `$addr` its addresses' type; `$peek` receives
/// a datagram and leaves it there. The type says how it is made of such a source (`of`), and has a method
/// `unless_shut`, by which receiving is an error that would wait for ever.
macro_rules! datagrams {
    ($type:ident: $socket:ty, $std:ty, $addr:ty, $peek:expr) => {
        impl $type {
            /// A socket that is ours alone.
            fn attach(reactor: &MioReactor, socket: $socket) -> Self {
                Self::of(Attached::owning(reactor, socket))
            }

            /// Takes over a socket of the standard library and makes it non-blocking.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn take_over(socket: ", stringify!($std), ") -> std::io::Result<", stringify!($type), "> {")]
            #[doc = concat!("    ", stringify!($type), "::from_std(socket)")]
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When the socket cannot be made non-blocking; [`io::ErrorKind::NotConnected`] outside of
            /// a runtime.
            pub fn from_std(socket: $std) -> io::Result<Self> {
                let reactor = MioReactor::current()?;
                socket.set_nonblocking(true)?;
                let socket = <$socket>::from_std(socket);
                // Somebody else may have a duplicate.
                Ok(Self::of(Attached::with_reactor(&reactor, socket)))
            }

            /// Gives the socket to the standard library. It stays non-blocking.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn hand_over(socket: ", stringify!($type), ") -> std::io::Result<", stringify!($std), "> {")]
            ///     socket.into_std()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When it cannot be taken out of the selector.
            pub fn into_std(self) -> io::Result<$std> {
                Ok(self.io.into_inner()?.into())
            }

            /// Sends a datagram to the peer that the socket is connected to.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("async fn report(connected: &", stringify!($type), ") -> std::io::Result<()> {")]
            ///     connected.send(b"still here").await?;
            ///     Ok(())
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports, also of an earlier datagram.
            ///
            /// # Cancel safety
            ///
            /// Nothing has been sent if the future is dropped before it is done.
            pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
                Operation::write(&self.io, |io, cx, id| {
                    io.poll_op(id, Direction::Write, cx, |socket| socket.send(buf), |n| *n)
                })
                .await
            }

            /// [`send`](Self::send) as a poll function. Any number of tasks can wait.
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send).
            pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                let id = WaiterId::ANONYMOUS;
                let send = |socket: &$socket| socket.send(buf);
                self.io.poll_op(id, Direction::Write, cx, send, |n| *n)
            }

            /// Sends a datagram to the peer that the socket is connected to, if that does not have to wait.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn report_unless_busy(connected: &", stringify!($type), ") -> bool {")]
            ///     connected.try_send(b"still here").is_ok()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to wait; see [`writable`](Self::writable).
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.io
                    .try_with(Direction::Write, |socket| socket.send(buf))
            }

            /// Receives a datagram, if the socket is connected from that peer. What does not fit into `buf` is lost.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("async fn next(connected: &", stringify!($type), ") -> std::io::Result<Vec<u8>> {")]
            ///     let mut buf = [0; 1500];
            ///     let n = connected.recv(&mut buf).await?;
            ///     Ok(buf[..n].to_vec())
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports, also of an earlier datagram.
            ///
            /// # Cancel safety
            ///
            /// Nothing has been received if the future is dropped before it is done.
            pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                Operation::read(&self.io, |io, cx, id| {
                    let receive = |socket: &$socket| self.unless_shut(socket.recv(buf));
                    io.poll_op(id, Direction::Read, cx, receive, |n| *n)
                })
                .await
            }

            /// [`recv`](Self::recv) as a poll function. Any number of tasks can wait.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            pub fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let id = WaiterId::ANONYMOUS;
                let receive = |socket: &$socket| self.unless_shut(socket.recv(buf));
                self.io.poll_op(id, Direction::Read, cx, receive, |n| *n)
            }

            /// Receives a datagram if there is one. What does not fit into `buf` is lost.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn drain(connected: &", stringify!($type), ") {")]
            ///     let mut buf = [0; 1500];
            ///     while connected.try_recv(&mut buf).is_ok() {}
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to wait; see [`readable`](Self::readable).
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.try_with(Direction::Read, |socket| socket.recv(buf))
            }

            /// Receives a datagram and says where it came from. What does not fit into `buf` is lost.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("async fn log(socket: &", stringify!($type), ") -> std::io::Result<()> {")]
            ///     let mut buf = [0; 1500];
            ///     let (n, from) = socket.recv_from(&mut buf).await?;
            ///     println!("{n} bytes from {from:?}");
            ///     Ok(())
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports, also of an earlier datagram.
            ///
            /// # Cancel safety
            ///
            /// Nothing has been received if the future is dropped before it is done.
            pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $addr)> {
                Operation::read(&self.io, |io, cx, id| {
                    let receive = |socket: &$socket| self.unless_shut(socket.recv_from(buf));
                    io.poll_op(id, Direction::Read, cx, receive, |(n, _)| *n)
                })
                .await
            }

            /// [`recv_from`](Self::recv_from) as a poll function. Any number of tasks can wait.
            ///
            /// # Errors
            ///
            /// As [`recv_from`](Self::recv_from).
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<(usize, $addr)>> {
                let id = WaiterId::ANONYMOUS;
                let receive = |socket: &$socket| self.unless_shut(socket.recv_from(buf));
                self.io
                    .poll_op(id, Direction::Read, cx, receive, |(n, _)| *n)
            }

            /// Receives a datagram if there is one, and says where it came from.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn log_what_is_there(socket: &", stringify!($type), ") {")]
            ///     let mut buf = [0; 1500];
            ///     while let Ok((n, from)) = socket.try_recv_from(&mut buf) {
            ///         println!("{n} bytes from {from:?}");
            ///     }
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to wait; see [`readable`](Self::readable).
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $addr)> {
                self.io
                    .try_with(Direction::Read, |socket| socket.recv_from(buf))
            }

            /// Reads a datagram and leaves it there for whoever receives it.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("async fn first_byte(socket: &", stringify!($type), ") -> std::io::Result<u8> {")]
            ///     let mut first = [0];
            ///     socket.peek(&mut first).await?; // the datagram stays
            ///     Ok(first[0])
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports, also of an earlier datagram.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                Operation::read(&self.io, |io, cx, id| {
                    let peek = |socket: &$socket| self.unless_shut($peek(socket, buf));
                    io.poll_op(id, Direction::Read, cx, peek, |n| *n)
                })
                .await
            }

            /// Reads a datagram if there is one, and leaves it there.
            ///
            /// # Errors
            ///
            /// [`io::ErrorKind::WouldBlock`] if it has to wait; see [`readable`](Self::readable).
            pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io
                    .try_with(Direction::Read, |socket| $peek(socket, buf))
            }

            /// Waits until there may be a datagram to receive. It may be wrong.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("async fn receive(socket: &", stringify!($type), ", buf: &mut [u8]) -> std::io::Result<usize> {")]
            ///     socket.readable().await?;
            ///     socket.try_recv(buf)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When the socket cannot be registered to wait.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn readable(&self) -> io::Result<()> {
                let ready = Operation::read(&self.io, |io, cx, id| {
                    io.poll_ready(id, Direction::Read, cx)
                });
                ready.await.map(drop)
            }

            /// Waits until there may be room to send a datagram. It may be wrong.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("async fn send(connected: &", stringify!($type), ", bytes: &[u8]) -> std::io::Result<usize> {")]
            ///     connected.writable().await?;
            ///     connected.try_send(bytes)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// When the socket cannot be registered to wait.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost.
            pub async fn writable(&self) -> io::Result<()> {
                let ready = Operation::write(&self.io, |io, cx, id| {
                    io.poll_ready(id, Direction::Write, cx)
                });
                ready.await.map(drop)
            }

            /// [`readable`](Self::readable) as a poll function. Any number of tasks can wait.
            ///
            /// # Errors
            ///
            /// When the socket cannot be registered to wait.
            pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let id = WaiterId::ANONYMOUS;
                self.io.poll_ready(id, Direction::Read, cx).map_ok(drop)
            }

            /// [`writable`](Self::writable) as a poll function. Any number of tasks can wait.
            ///
            /// # Errors
            ///
            /// When the socket cannot be registered to wait.
            pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let id = WaiterId::ANONYMOUS;
                self.io.poll_ready(id, Direction::Write, cx).map_ok(drop)
            }

            /// Returns the address that the socket is bound to.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn log(socket: &", stringify!($type), ") {")]
            ///     println!("at {:?}", socket.local_addr());
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.io.with(<$socket>::local_addr)
            }

            /// Returns the address that the socket is connected to.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn log(socket: &", stringify!($type), ") {")]
            ///     println!("connected to {:?}", socket.peer_addr());
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports, if there is none for example.
            pub fn peer_addr(&self) -> io::Result<$addr> {
                self.io.with(<$socket>::peer_addr)
            }

            /// Takes the error that is pending on the socket, if any (`SO_ERROR`).
            ///
            /// # Errors
            ///
            /// What the system reports about the query itself.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.io.with(<$socket>::take_error)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.io.fmt(f)
            }
        }
    };
}
pub(super) use datagrams;
