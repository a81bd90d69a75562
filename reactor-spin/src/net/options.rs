//! The options that a TCP socket of a simulated host has before it is connected and afterwards.

use core::time::Duration;

/// The options of a type with a method `with_options`, which calls a function with them.
macro_rules! tcp_options {
    ($type:ident) => {
        impl<E: $crate::net::NetError> $type<E> {
            /// Returns how long closing waits for unsent data (`SO_LINGER`).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn resets(socket: &", stringify!($type), ") -> Result<bool, Error> {")]
            ///     Ok(socket.linger()?.is_some_and(|wait| wait.is_zero()))
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn linger(&self) -> Result<Option<Duration>, E> {
                self.with_options(|options| options.linger.map($crate::net::options::seconds))
            }

            /// Sets how long closing waits for unsent data (`SO_LINGER`), in whole seconds. With zero, closing resets the
            /// connection. With more, nothing else happens than without: a simulated system sends what is left in any case, and
            /// closing waits for nothing.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn do_not_linger(socket: &", stringify!($type), ") -> Result<(), Error> {")]
            ///     socket.set_linger(None)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn set_linger(&self, linger: Option<Duration>) -> Result<(), E> {
                self.with_options(|options| options.linger = linger.map($crate::net::options::whole))
            }

            /// Has closing reset the connection: the peer has an error in the place of the end, and no port waits for stragglers
            /// (`SO_LINGER` with zero).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            /// /// What a server does with a client that does not behave.
            #[doc = concat!("fn throw_out(socket: ", stringify!($type), ") -> Result<(), Error> {")]
            ///     socket.set_zero_linger()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn set_zero_linger(&self) -> Result<(), E> {
                self.set_linger(Some(Duration::ZERO))
            }

            /// Returns whether the system looks after a connection on which nothing happens (`SO_KEEPALIVE`).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn is_looked_after(socket: &", stringify!($type), ") -> Result<bool, Error> {")]
            ///     socket.keepalive()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn keepalive(&self) -> Result<bool, E> {
                self.with_options(|options| options.keepalive.on)
            }

            /// Sets whether the system looks after a connection on which nothing happens (`SO_KEEPALIVE`): once the peer no longer
            /// answers, reading is an error, [`Error::TimedOut`], and one whose host has forgotten the connection resets it. As on
            /// Linux it begins after two hours, and gives up after nine looks with 75 seconds between them, unless
            /// [`set_keepalive_time`](Self::set_keepalive_time) and its like say otherwise; and what was sent and has not arrived is
            /// sent again instead, for as long as that takes.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn look_after(socket: &", stringify!($type), ") -> Result<(), Error> {")]
            ///     socket.set_keepalive(true)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn set_keepalive(&self, keepalive: bool) -> Result<(), E> {
                self.with_options(|options| options.keepalive.on = keepalive)
            }

            /// How long nothing may happen before the first look (`TCP_KEEPIDLE`).
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn keepalive_time(&self) -> Result<Duration, E> {
                self.with_options(|options| $crate::net::options::seconds(options.keepalive.time))
            }

            /// Sets how long nothing may happen before the first look (`TCP_KEEPIDLE`), in whole seconds, and has the system
            /// look.
            ///
            /// # Errors
            ///
            /// [`Error::InvalidInput`] for less than a second and for more than 32767, as on Linux; [`Error::Unsupported`] outside
            /// of a simulation.
            pub fn set_keepalive_time(&self, time: Duration) -> Result<(), E> {
                let set = self.with_options(|options| options.keepalive.set_time(time));
                set?.map_err(E::of)
            }

            /// Sets how long after a look without an answer the next one is (`TCP_KEEPINTVL`), in whole seconds, and has the
            /// system look.
            ///
            /// # Errors
            ///
            /// [`Error::InvalidInput`] for less than a second and for more than 32767, as on Linux; [`Error::Unsupported`] outside
            /// of a simulation.
            pub fn set_keepalive_interval(&self, interval: Duration) -> Result<(), E> {
                let set = self.with_options(|options| options.keepalive.set_interval(interval));
                set?.map_err(E::of)
            }

            /// Sets after how many looks without an answer the connection is broken (`TCP_KEEPCNT`), and has the system look.
            ///
            /// # Errors
            ///
            /// [`Error::InvalidInput`] for none and for more than 127, as on Linux; [`Error::Unsupported`] outside of a
            /// simulation.
            pub fn set_keepalive_retries(&self, retries: u32) -> Result<(), E> {
                let set = self.with_options(|options| options.keepalive.set_retries(retries));
                set?.map_err(E::of)
            }

            /// Returns the size of the buffer for data to be sent (`SO_SNDBUF`), in bytes.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn room(socket: &", stringify!($type), ") -> Result<u32, Error> {")]
            ///     socket.send_buffer_size()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn send_buffer_size(&self) -> Result<u32, E> {
                self.with_options(|options| options.sends)
            }

            /// Sets the size of the buffer for data to be sent (`SO_SNDBUF`), in bytes, one at least. In a simulation so
            /// many bytes of a connection may be on their way; those that have arrived and were not read are in the reader's buffer, with
            /// which these count, too.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn save_memory(socket: &", stringify!($type), ") -> Result<(), Error> {")]
            ///     socket.set_send_buffer_size(16 * 1024)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn set_send_buffer_size(&self, size: u32) -> Result<(), E> {
                self.with_options(|options| options.sends = size.max(1))
            }

            /// Returns the size of the buffer for data that has come (`SO_RCVBUF`), in bytes.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn room(socket: &", stringify!($type), ") -> Result<u32, Error> {")]
            ///     socket.recv_buffer_size()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn recv_buffer_size(&self) -> Result<u32, E> {
                self.with_options(|options| options.receives)
            }

            /// Sets the size of the buffer for data that has come (`SO_RCVBUF`), in bytes, one at least. The peer learns of it with
            /// the connection, or by a message of its own. See [`set_send_buffer_size`](Self::set_send_buffer_size).
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn save_memory(socket: &", stringify!($type), ") -> Result<(), Error> {")]
            ///     socket.set_recv_buffer_size(16 * 1024)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn set_recv_buffer_size(&self, size: u32) -> Result<(), E> {
                self.with_options(|options| options.receives = size.max(1))
            }
        }
    };
}
pub(super) use tcp_options;

/// The time to live of a type with a method `with_options`.
macro_rules! ttl {
    ($type:ident) => {
        impl<E: $crate::net::NetError> $type<E> {
            /// Returns the time to live of packets (`IP_TTL`), in hops.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn hops(socket: &", stringify!($type), ") -> Result<u32, Error> {")]
            ///     socket.ttl()
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::Unsupported`] outside of a simulation.
            pub fn ttl(&self) -> Result<u32, E> {
                self.with_options(|options| options.ttl)
            }

            /// Sets the time to live of packets (`IP_TTL`), in hops, from 1 to 255. It makes no difference: there are no
            /// routers between simulated hosts.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($type), "};")]
            ///
            #[doc = concat!("fn stay_near(socket: &", stringify!($type), ") -> Result<(), Error> {")]
            ///     socket.set_ttl(1)
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// [`Error::InvalidInput`] for another number; [`Error::Unsupported`] outside of a simulation.
            pub fn set_ttl(&self, ttl: u32) -> Result<(), E> {
                match ttl {
                    1..=255 => self.with_options(|options| options.ttl = ttl),
                    _ => Err(E::of(Error::InvalidInput)),
                }
            }
        }
    };
}
pub(super) use ttl;

/// As many whole seconds as there are, as the system takes them.
pub(crate) fn whole(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

pub(crate) fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}
