//! A stream's addresses and options.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use super::TcpStream;
use crate::Error;

impl TcpStream {
    /// Returns the other end's address.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the connection is gone.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        let endpoint = self.row(|_, socket| socket.remote_endpoint());
        endpoint.map(Into::into).ok_or(Error::NotConnected)
    }

    /// Returns this end's address.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] once the connection is gone.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        let endpoint = self.row(|_, socket| socket.local_endpoint());
        endpoint.map(Into::into).ok_or(Error::NotConnected)
    }

    /// Returns whether small segments go out at once.
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn nodelay(&self) -> Result<bool, Error> {
        Ok(self.row(|_, socket| !socket.nagle_enabled()))
    }

    /// Sets whether small segments go out at once, as they do by default.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    ///
    /// fn save_packets(stream: &TcpStream) -> Result<(), Error> {
    ///     stream.set_nodelay(false)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<(), Error> {
        self.row(|_, socket| socket.set_nagle_enabled(!nodelay));
        self.stack.kick();
        Ok(())
    }

    /// Returns how many routers a packet of this connection may pass.
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn ttl(&self) -> Result<u32, Error> {
        Ok(self.row(|_, socket| socket.hop_limit().unwrap_or(64).into()))
    }

    /// Sets how many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for zero, and for more than 255.
    pub fn set_ttl(&self, ttl: u32) -> Result<(), Error> {
        let ttl = crate::stack::ttl(ttl)?;
        self.row(|_, socket| socket.set_hop_limit(Some(ttl)));
        Ok(())
    }

    /// Returns how long the connection may be silent before the peer is asked whether it is still there.
    pub fn keep_alive(&self) -> Option<Duration> {
        self.row(|_, socket| socket.keep_alive().map(Into::into))
    }

    /// Sets how long the connection may be silent before the peer is asked whether it is still there:
    /// see [`TcpSettings::keep_alive`](crate::stack::TcpSettings::keep_alive).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::TcpStream;
    /// use core::time::Duration;
    ///
    /// fn look_after(stream: &TcpStream) {
    ///     stream.set_keep_alive(Some(Duration::from_secs(30)));
    /// }
    /// ```
    pub fn set_keep_alive(&self, interval: Option<Duration>) {
        self.row(|_, socket| socket.set_keep_alive(interval.map(Into::into)));
        self.stack.kick();
    }

    /// Returns how long the peer may leave something unanswered.
    pub fn timeout(&self) -> Option<Duration> {
        self.row(|row, socket| row.peer.timeout(socket).map(Into::into))
    }

    /// Sets how long the peer may leave something unanswered: see
    /// [`TcpSettings::timeout`](crate::stack::TcpSettings::timeout).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::TcpStream;
    /// use core::time::Duration;
    ///
    /// fn give_up_soon(stream: &TcpStream) {
    ///     stream.set_timeout(Some(Duration::from_secs(10)));
    /// }
    /// ```
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.row(|row, socket| row.peer.set_timeout(socket, timeout.map(Into::into)));
        self.stack.kick();
    }

    /// Returns how long the peer may take nothing of what is left when the stream is dropped.
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn linger(&self) -> Result<Option<Duration>, Error> {
        Ok(self.row(|row, _| match row.resets {
            true => Some(Duration::ZERO),
            false => row.linger.map(Into::into),
        }))
    }

    /// Sets how long the peer may take nothing of what is left when the stream is dropped, after which
    /// the connection is reset; `None`: as the [settings](crate::stack::TcpSettings::linger) say. With zero,
    /// dropping the stream resets the connection at once.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpStream};
    /// use core::time::Duration;
    ///
    /// fn wait_shortly(stream: &TcpStream) -> Result<(), Error> {
    ///     stream.set_linger(Some(Duration::from_secs(1)))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn set_linger(&self, linger: Option<Duration>) -> Result<(), Error> {
        self.row(|row, _| {
            row.resets = linger == Some(Duration::ZERO);
            row.linger = linger.map(Into::into);
        });
        Ok(())
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None; it has the mio stream's signature.
    pub fn take_error(&self) -> Result<Option<Error>, Error> {
        Ok(None)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("peer_addr", &self.peer_addr())
            .finish_non_exhaustive()
    }
}
