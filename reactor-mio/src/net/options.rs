//! The options that a TCP socket has before it is connected and afterwards.

/// The options of a type with a method `with_socket`, which calls a function with the socket.
macro_rules! tcp_options {
    ($type:ident) => {
        impl $type {
            /// Returns whether small segments go out at once (`TCP_NODELAY`).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn is_prompt(socket: &", stringify!($type), ") -> std::io::Result<bool> {")]
            ///     socket.nodelay()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn nodelay(&self) -> io::Result<bool> {
                self.with_socket(|socket| socket.tcp_nodelay())
            }

            /// Sets whether small segments go out at once (`TCP_NODELAY`).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn hurry(socket: &", stringify!($type), ") -> std::io::Result<()> {")]
            ///     socket.set_nodelay(true)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
                self.with_socket(|socket| socket.set_tcp_nodelay(nodelay))
            }

            /// Returns how long closing waits for unsent data (`SO_LINGER`).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn resets(socket: &", stringify!($type), ") -> std::io::Result<bool> {")]
            ///     Ok(socket.linger()?.is_some_and(|wait| wait.is_zero()))
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn linger(&self) -> io::Result<Option<Duration>> {
                self.with_socket(|socket| socket.linger())
            }

            /// Sets how long closing waits for unsent data (`SO_LINGER`), in whole seconds. With zero, closing resets
            /// the connection. With more, dropping the stream may block the thread for that long on some systems,
            /// even though the socket is non-blocking.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn do_not_linger(socket: &", stringify!($type), ") -> std::io::Result<()> {")]
            ///     socket.set_linger(None)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
                self.with_socket(|socket| socket.set_linger(linger))
            }

            /// Has closing reset the connection: what has not been sent is thrown away, and no port waits for
            /// stragglers (`SO_LINGER` with zero).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            /// /// What a server does with a client that does not behave.
            #[doc = concat!("fn throw_out(socket: ", stringify!($type), ") -> std::io::Result<()> {")]
            ///     socket.set_zero_linger()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn set_zero_linger(&self) -> io::Result<()> {
                self.with_socket(|socket| socket.set_linger(Some(Duration::ZERO)))
            }

            /// Returns whether the system looks after a connection on which nothing happens (`SO_KEEPALIVE`).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn is_looked_after(socket: &", stringify!($type), ") -> std::io::Result<bool> {")]
            ///     socket.keepalive()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn keepalive(&self) -> io::Result<bool> {
                self.with_socket(|socket| socket.keepalive())
            }

            /// Sets whether the system looks after a connection on which nothing happens (`SO_KEEPALIVE`): once the
            /// peer no longer answers, reading is an error. Without more that is after hours, see
            /// [`set_keepalive_time`](Self::set_keepalive_time).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn look_after(socket: &", stringify!($type), ") -> std::io::Result<()> {")]
            ///     socket.set_keepalive(true)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
                self.with_socket(|socket| socket.set_keepalive(keepalive))
            }

            /// How long nothing may happen before the first look (`TCP_KEEPIDLE`).
            ///
            /// # Errors
            ///
            /// What the system reports.
            #[cfg(not(any(
                windows,
                target_os = "openbsd",
                target_os = "haiku",
                target_os = "vita"
            )))]
            pub fn keepalive_time(&self) -> io::Result<Duration> {
                self.with_socket(|socket| socket.tcp_keepalive_time())
            }

            /// Sets how long nothing may happen before the first look (`TCP_KEEPIDLE`), in whole seconds, and has the
            /// system look.
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn set_keepalive_time(&self, time: Duration) -> io::Result<()> {
                self.with_socket(|socket| {
                    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))
                })
            }

            /// Sets how long after a look without an answer the next one is (`TCP_KEEPINTVL`), in whole seconds, and
            /// has the system look.
            ///
            /// # Errors
            ///
            /// What the system reports.
            #[cfg(any(
                windows,
                target_os = "linux",
                target_os = "android",
                target_os = "macos",
                target_os = "ios",
                target_os = "freebsd",
                target_os = "netbsd",
                target_os = "dragonfly",
                target_os = "illumos",
            ))]
            pub fn set_keepalive_interval(&self, interval: Duration) -> io::Result<()> {
                self.with_socket(|socket| {
                    socket.set_tcp_keepalive(&TcpKeepalive::new().with_interval(interval))
                })
            }

            /// Sets after how many looks without an answer the connection is broken (`TCP_KEEPCNT`), and has the
            /// system look.
            ///
            /// # Errors
            ///
            /// What the system reports.
            #[cfg(any(
                windows,
                target_os = "linux",
                target_os = "android",
                target_os = "macos",
                target_os = "ios",
                target_os = "freebsd",
                target_os = "netbsd",
                target_os = "dragonfly",
                target_os = "illumos",
            ))]
            pub fn set_keepalive_retries(&self, retries: u32) -> io::Result<()> {
                self.with_socket(|socket| {
                    socket.set_tcp_keepalive(&TcpKeepalive::new().with_retries(retries))
                })
            }

            /// Returns the size of the buffer for data to be sent (`SO_SNDBUF`), in bytes, as the system
            /// counts them: Linux reports twice what was asked for.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn room(socket: &", stringify!($type), ") -> std::io::Result<u32> {")]
            ///     socket.send_buffer_size()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn send_buffer_size(&self) -> io::Result<u32> {
                self.with_socket(|socket| {
                    Ok(u32::try_from(socket.send_buffer_size()?).unwrap_or(u32::MAX))
                })
            }

            /// Asks for a size of the buffer for data to be sent (`SO_SNDBUF`), in bytes. The system no longer adapts
            /// it to the connection.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn save_memory(socket: &", stringify!($type), ") -> std::io::Result<()> {")]
            ///     socket.set_send_buffer_size(16 * 1024)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
                self.with_socket(|socket| socket.set_send_buffer_size(size as usize))
            }

            /// Returns the size of the buffer for data that has come (`SO_RCVBUF`), in bytes, as the system
            /// counts them: Linux reports twice what was asked for.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn room(socket: &", stringify!($type), ") -> std::io::Result<u32> {")]
            ///     socket.recv_buffer_size()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn recv_buffer_size(&self) -> io::Result<u32> {
                self.with_socket(|socket| {
                    Ok(u32::try_from(socket.recv_buffer_size()?).unwrap_or(u32::MAX))
                })
            }

            /// Asks for a size of the buffer for data that has come (`SO_RCVBUF`), in bytes. The system no longer
            /// adapts it to the connection. To be announced to the peer as a window, it has to be set before
            /// connecting or listening.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
            #[doc = concat!("use polliwog::net::", stringify!($type), ";")]
            ///
            #[doc = concat!("fn save_memory(socket: &", stringify!($type), ") -> std::io::Result<()> {")]
            ///     socket.set_recv_buffer_size(16 * 1024)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// What the system reports.
            pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
                self.with_socket(|socket| socket.set_recv_buffer_size(size as usize))
            }

            /// Returns the network device that the socket is bound to (`SO_BINDTODEVICE`).
            ///
            /// # Errors
            ///
            /// What the system reports.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
                self.with_socket(|socket| socket.device())
            }

            /// Binds the socket to a network device by its name, or to none (`SO_BINDTODEVICE`). A privilege may be
            /// needed (`CAP_NET_RAW`).
            ///
            /// # Errors
            ///
            /// What the system reports.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
                self.with_socket(|socket| socket.bind_device(interface))
            }
        }
    };
}
pub(super) use tcp_options;
