//! [`TcpListener`].

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::pin::Pin;
use core::task::{Context, Poll};

use super::waits::wait;
use super::{Stack, TcpStream, listen_endpoint, time};
use crate::Error;
use crate::net::ToSocketAddrs;
use polliwog_core::task::budget::poll_within;

/// Waits for clients.
///
/// As many can connect at the same moment as the backlog says, as far as the stack has sockets for
/// them; further ones are refused. The stack's free sockets are shared among its listeners, those with
/// the fewest first; one that waits with several gives one to another that has none, or to a stream
/// that wants to connect.
///
/// Any number of tasks may wait in [`accept`](Self::accept): one client wakes one of them.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{Error, stack::{Stack, TcpListener}};
///
/// async fn serve(stack: &'static Stack) -> Result<(), Error> {
///     let listener = TcpListener::bind(stack, "0.0.0.0:7", 2).await?;
///     loop {
///         let (stream, _peer) = listener.accept().await?;
///         stream.write_all(b"quak\r\n").await?;
///     }
/// }
/// ```
pub struct TcpListener {
    stack: &'static Stack,
    number: usize,
    local: SocketAddr,
}

impl TcpListener {
    /// Listens at an address; the unspecified one, as in `"0.0.0.0:7"`, means all that the stack
    /// has. Up to `backlog` of the stack's sockets wait for clients.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::{Stack, TcpListener}};
    ///
    /// async fn listen(stack: &'static Stack) -> Result<TcpListener, Error> {
    ///     TcpListener::bind(stack, "0.0.0.0:7", 2).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`], [`Error::InvalidAddress`], or [`Error::LimitReached`] if the stack
    /// has too many listeners, or not a single socket for this one.
    pub async fn bind(
        stack: &'static Stack,
        addr: impl ToSocketAddrs,
        backlog: usize,
    ) -> Result<Self, Error> {
        let mut local = addr.to_socket_addr()?;
        if local.port() == 0 {
            local.set_port(stack.any_port());
        }
        let endpoint = listen_endpoint(local)?;
        let number =
            stack.with(|inner| inner.table.listen(endpoint, backlog, &mut inner.sockets))?;
        Ok(Self {
            stack,
            number,
            local,
        })
    }

    /// Waits for a client.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpListener};
    ///
    /// async fn greet_one(listener: &TcpListener) -> Result<(), Error> {
    ///     let (stream, _peer) = listener.accept().await?;
    ///     stream.write_all(b"quak\r\n").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    ///
    /// # Cancel safety
    ///
    /// A client is not lost if the wait is given up: the next one that waits is woken for it.
    pub async fn accept(&self) -> Result<(TcpStream, SocketAddr), Error> {
        let queue = &self.stack.waits.listeners[self.number];
        Ok(wait(queue, || self.take()).await)
    }

    fn take(&self) -> Option<(TcpStream, SocketAddr)> {
        // What it leaves is a socket less that waits for clients.
        let index = self
            .stack
            .look(|inner| inner.table.accept(self.number, &inner.sockets))?;
        self.stack.kick();
        let stream = TcpStream::new(self.stack, index);
        let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let peer = stream.peer_addr().unwrap_or(nobody);
        Some((stream, peer))
    }

    /// [`accept`](Self::accept) as a poll function. Wakes the last task that polled it, beside one of
    /// those that wait in `accept`.
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    pub fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(TcpStream, SocketAddr), Error>> {
        poll_within(cx, |cx| {
            if let Some(client) = self.take() {
                return Poll::Ready(Ok(client));
            }
            self.stack
                .look(|inner| inner.table.register(self.number, cx.waker()));
            Poll::Pending
        })
    }

    /// Takes a client if there is one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::TcpListener;
    ///
    /// fn is_busy(listener: &TcpListener) -> bool {
    ///     listener.try_accept().is_ok()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none.
    pub fn try_accept(&self) -> Result<(TcpStream, SocketAddr), Error> {
        self.take().ok_or(Error::WouldBlock)
    }

    /// Returns a stream of the clients, without end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpListener};
    ///
    /// async fn greet_all(listener: &TcpListener) -> Result<(), Error> {
    ///     let mut clients = listener.incoming();
    ///     while let Some(stream) = clients.next().await {
    ///         stream?.write_all(b"quak\r\n").await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Returns the address that the listener listens at.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::TcpListener};
    ///
    /// fn port(listener: &TcpListener) -> Result<u16, Error> {
    ///     Ok(listener.local_addr()?.port())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.local)
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    pub fn take_error(&self) -> Result<Option<Error>, Error> {
        Ok(None)
    }

    /// Returns how many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    pub fn ttl(&self) -> Result<u32, Error> {
        let ttl = self.stack.look(|inner| inner.table.ttl(self.number));
        Ok(ttl.max(1).into())
    }

    /// Sets how many routers a packet may pass, of clients that connect later.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for zero, and for more than 255.
    pub fn set_ttl(&self, ttl: u32) -> Result<(), Error> {
        let ttl = super::ttl(ttl)?;
        self.stack
            .look(|inner| inner.table.set_ttl(self.number, ttl, &mut inner.sockets));
        Ok(())
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.stack
            .with(|inner| inner.table.close(self.number, &mut inner.sockets, time()));
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("local_addr", &self.local)
            .finish_non_exhaustive()
    }
}

/// The clients of a [`TcpListener`], one after the other: see [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Incoming<'_> {
    /// Returns the next client; never `None`.
    ///
    /// # Cancel safety
    ///
    /// A client is not lost if the wait is given up.
    pub async fn next(&mut self) -> Option<Result<TcpStream, Error>> {
        Some(self.listener.accept().await.map(|(stream, _)| stream))
    }
}

impl futures_core::Stream for Incoming<'_> {
    type Item = Result<TcpStream, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = self.listener.poll_accept(cx);
        accepted.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
